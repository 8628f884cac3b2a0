-- The ledger knows which database it lives in, and notices when it finds itself in another one.
--
-- A copy or a restore would send again what the original has sent already. So nothing is sent until
-- an operator accepts the database. After a failover the new primary may lack the last commits of
-- the old one. So the rewards of the last day are listed before more codes are asked for.

-- Where the ledger is now. A copy on another server has another system identifier, and a copied
-- database has another oid. After a dump was restored, the table has another oid. Every promotion
-- and every recovery counts the timeline up.
CREATE OR REPLACE FUNCTION codemint.current_cluster(
  OUT system_identifier bigint, OUT database_oid oid, OUT table_oid oid, OUT timeline text
)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT c.system_identifier, d.oid, 'codemint.cluster_identity'::regclass::oid,
         left(pg_walfile_name(pg_current_wal_lsn()), 8)
  FROM pg_control_system() c, pg_database d
  WHERE d.datname = current_database()
$$;

-- Whether nothing may be sent because this database is a copy or was restored.
CREATE OR REPLACE FUNCTION codemint.is_suspended() RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (SELECT i.suspended_at IS NOT NULL FROM codemint.cluster_identity i);
END
$$;

-- Whether the ledger is on the timeline that it knows, and is not suspended. Every claim asks this,
-- so the function compares nothing else.
CREATE OR REPLACE FUNCTION codemint.is_at_home() RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN (SELECT i.suspended_at IS NULL
                 AND i.timeline IS NOT DISTINCT FROM left(pg_walfile_name(pg_current_wal_lsn()), 8)
          FROM codemint.cluster_identity i);
END
$$;

-- Checks that the ledger is still where it was. Every heartbeat calls this function, before it
-- writes that its worker is alive.
--
-- A promoted standby and a restored base backup look the same: both have another timeline. They
-- differ in the age of the ledger's last sign of life. If that is more than an hour old, this is
-- not a standby that was promoted in time, and a person has to say what it is.
CREATE OR REPLACE FUNCTION codemint.check_cluster() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_identity codemint.cluster_identity;
  v_cluster  record;
  v_alive    timestamptz;
  v_reason   text;
BEGIN
  SELECT * INTO v_identity FROM codemint.cluster_identity i;
  SELECT * INTO v_cluster FROM codemint.current_cluster();
  IF v_identity.suspended_at IS NOT NULL
     OR (v_identity.system_identifier, v_identity.database_oid, v_identity.table_oid,
         v_identity.timeline)
        = (v_cluster.system_identifier, v_cluster.database_oid, v_cluster.table_oid,
           v_cluster.timeline) THEN
    RETURN;
  ELSIF (v_identity.system_identifier, v_identity.database_oid, v_identity.table_oid)
        <> (v_cluster.system_identifier, v_cluster.database_oid, v_cluster.table_oid) THEN
    v_reason := 'this database is a copy or was restored';
  ELSIF v_identity.timeline <> v_cluster.timeline THEN
    v_alive := greatest((SELECT max(w.seen_at) FROM codemint.workers w),
                        (SELECT max(c.created_at) FROM codemint.calls c));
    IF v_alive < clock_timestamp() - interval '1 hour' THEN
      v_reason := format('the timeline is another one and the ledger''s last sign of life is from %s: '
                         'a backup was restored, or a standby promoted late', v_alive);
    END IF;
  END IF;
  IF v_reason IS NOT NULL THEN
    UPDATE codemint.cluster_identity i
    SET suspended_at = clock_timestamp(), suspended_reason = v_reason
    WHERE i.suspended_at IS NULL;
  ELSE
    PERFORM codemint.suspect_rewards(clock_timestamp() - interval '1 day');
    PERFORM codemint.note_cluster();
  END IF;
END
$$;

-- Records that the ledger lives here from now on.
CREATE OR REPLACE FUNCTION codemint.note_cluster() RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE codemint.cluster_identity i
  SET system_identifier = c.system_identifier, database_oid = c.database_oid,
      table_oid = c.table_oid, timeline = c.timeline
  FROM codemint.current_cluster() c
$$;

-- Has each reward with a call since p_since listed before another call of the reward is made. If
-- p_since is -infinity, this applies to every reward, because old calls are deleted
-- (codemint.prune_calls). Codes that the ledger does not know go to the reward's latest call, if
-- that call lacks codes.
CREATE OR REPLACE FUNCTION codemint.suspect_rewards(p_since timestamptz) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_suspect record;
BEGIN
  FOR v_suspect IN
    SELECT r.reward_id, l.id
    FROM codemint.rewards r
    LEFT JOIN (SELECT DISTINCT ON (c.reward_id) c.reward_id, c.id
               FROM codemint.calls c
               WHERE c.created_at >= p_since
               ORDER BY c.reward_id, c.created_at DESC) l ON l.reward_id = r.reward_id
    WHERE l.id IS NOT NULL OR p_since = '-infinity'
    ORDER BY r.reward_id
  LOOP
    PERFORM codemint.lock_reward(v_suspect.reward_id);
    PERFORM codemint.watch_reward(v_suspect.reward_id, v_suspect.id, 'failover');
    UPDATE codemint.reward_watches w SET since = least(w.since, p_since)
    WHERE w.reward_id = v_suspect.reward_id;
  END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION codemint.accept_cluster(p_note text) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF coalesce(p_note, '') !~ '\S' THEN
    RAISE EXCEPTION 'a note says why: it is kept in codemint.cluster_identity'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM codemint.suspect_rewards('-infinity');
  PERFORM codemint.note_cluster();
  UPDATE codemint.cluster_identity i
  SET suspended_at = NULL, suspended_reason = NULL, accepted_by = session_user,
      accepted_at = clock_timestamp(), accepted_note = p_note;
  PERFORM pg_notify('codemint_jobs', '');
  RETURN 'this cluster is accepted; every reward is listed before anything more is asked of it';
END
$$;
COMMENT ON FUNCTION codemint.accept_cluster(text) IS
  'Confirms that this database is the one to work on, and that no other copy of it is in use: after '
  'a restore, or a move to another server. The note is required; who, when and why are kept.';
