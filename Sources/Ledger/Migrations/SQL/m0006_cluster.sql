-- The ledger knows which database it lives in, and notices when that is another; at the end, how a
-- commit is made sure of there.
--
-- A copy or a restore that was taken for the original would send what the original has sent
-- already, so nothing is sent until an operator says that this is the one. After a failover the
-- new primary may lack the last commits of the old one, so what was asked of the API lately is
-- listed before anything more is asked.

-- The cluster's identity; within it that of the database, which is another one in a copy, and that of
-- this table, which is another one after a dump was restored; and the timeline, which every promotion
-- and recovery counts up.
CREATE FUNCTION codemint.current_cluster(
  OUT system_identifier bigint, OUT database_oid oid, OUT table_oid oid, OUT timeline text
)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT c.system_identifier, d.oid, 'codemint.accounts'::regclass::oid,
         left(pg_walfile_name(pg_current_wal_lsn()), 8)
  FROM pg_control_system() c, pg_database d
  WHERE d.datname = current_database()
$$;

-- Looks whether the ledger is still where it was. Any worker does it, whenever it tends, before it says
-- that it lives itself.
--
-- A promotion and a base backup that was brought back look the same: another timeline. They differ in
-- how old the ledger is. What was written an hour ago at the latest is no standby that was promoted in
-- time, so a person has to say what it is.
CREATE FUNCTION codemint.check_cluster() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_account codemint.accounts;
  v_cluster record;
  v_alive   timestamptz;
  v_reason  text;
BEGIN
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default';
  SELECT * INTO v_cluster FROM codemint.current_cluster();
  IF v_account.suspended_at IS NOT NULL
     OR (v_account.system_identifier, v_account.database_oid, v_account.table_oid, v_account.timeline)
        = (v_cluster.system_identifier, v_cluster.database_oid, v_cluster.table_oid,
           v_cluster.timeline) THEN
    RETURN;
  ELSIF (v_account.system_identifier, v_account.database_oid, v_account.table_oid)
        <> (v_cluster.system_identifier, v_cluster.database_oid, v_cluster.table_oid) THEN
    v_reason := 'this database is a copy or was restored';
  ELSIF v_account.timeline <> v_cluster.timeline THEN
    v_alive := greatest((SELECT max(w.seen_at) FROM codemint.workers w),
                        (SELECT max(c.created_at) FROM codemint.calls c));
    IF v_alive < clock_timestamp() - interval '1 hour' THEN
      v_reason := format('the timeline is another one and the ledger''s last sign of life is from %s: '
                         'a backup was restored, or a standby promoted late', v_alive);
    END IF;
  END IF;
  IF v_reason IS NOT NULL THEN
    UPDATE codemint.accounts a
    SET suspended_at = clock_timestamp(), suspended_reason = v_reason
    WHERE a.name = 'default' AND a.suspended_at IS NULL;
  ELSE
    PERFORM codemint.suspect_rewards(clock_timestamp() - interval '1 day');
    PERFORM codemint.note_cluster();
  END IF;
END
$$;

-- From now on this is where the ledger lives.
CREATE FUNCTION codemint.note_cluster() RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE codemint.accounts a
  SET system_identifier = c.system_identifier, database_oid = c.database_oid,
      table_oid = c.table_oid, timeline = c.timeline
  FROM codemint.current_cluster() c
  WHERE a.name = 'default'
$$;

-- Every reward of which something was asked since then is listed before anything more is asked: since
-- for ever, every reward, since calls are forgotten in time (codemint.prune_calls). Codes that the
-- ledger does not know go to the latest call, if that one lacks them.
CREATE FUNCTION codemint.suspect_rewards(p_since timestamptz) RETURNS void
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
    PERFORM codemint.watch_reward(v_suspect.reward_id, v_suspect.id, -2);
    UPDATE codemint.rewards r SET watched_since = least(r.watched_since, p_since)
    WHERE r.reward_id = v_suspect.reward_id;
  END LOOP;
END
$$;

-- An operator says that this database is the one to work on, knowing that no other one does: after
-- a restore, or a move to another cluster. Who, when and why are kept.
CREATE FUNCTION codemint.accept_cluster(p_note text) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF coalesce(btrim(p_note), '') = '' THEN
    RAISE EXCEPTION 'a note says why: it is kept with the account'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM codemint.suspect_rewards('-infinity');
  PERFORM codemint.note_cluster();
  UPDATE codemint.accounts a
  SET suspended_at = NULL, suspended_reason = NULL, accepted_by = session_user,
      accepted_at = clock_timestamp(), accepted_note = p_note
  WHERE a.name = 'default';
  PERFORM pg_notify('codemint_jobs', '');
  RETURN 'this cluster is accepted; every reward is listed before anything more is asked of it';
END
$$;

-- What this transaction does must be on disk, and with a standby that is waited for there too, before
-- anybody is told, whatever the database's own setting: a claim that a crash took back would be sent
-- again. Settings that ask for more stay.
--
-- Unless p_waits: then the commit does not wait, so that no lock is held until it is on disk, and
-- make_sure has to follow before anything of it is believed.
CREATE FUNCTION codemint.commit_for_sure(p_waits boolean) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF NOT p_waits THEN
    PERFORM set_config('synchronous_commit', 'off', true);
  ELSIF current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
END
$$;

-- Commits something that means nothing. When that is on disk, everything that was committed before
-- is as well, by whomever: the log is one sequence. Says whether the call that was claimed is still
-- being sent: behind a pooler this may be another server, or the same after a crash.
CREATE FUNCTION codemint.make_sure(p_call uuid) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM codemint.commit_for_sure(true);
  PERFORM pg_logical_emit_message(true, 'codemint', '');
  RETURN EXISTS (SELECT FROM codemint.calls c WHERE c.id = p_call AND c.state = 'sending');
END
$$;

COMMENT ON FUNCTION codemint.accept_cluster(text) IS
  'Says that this database is the one to work on and no other one is in use. Say why.';
COMMENT ON FUNCTION codemint.current_cluster IS
  'The identity of this database cluster, of the database and of the ledger''s table, and the timeline.';
COMMENT ON FUNCTION codemint.note_cluster IS 'From now on this is where the ledger lives.';
COMMENT ON COLUMN codemint.accounts.database_oid IS
  'The database that the ledger lives in: another one means a copy.';
COMMENT ON COLUMN codemint.accounts.table_oid IS
  'This table in that database: another one means that a dump was restored.';
COMMENT ON COLUMN codemint.accounts.suspended_reason IS 'What was noticed then.';
COMMENT ON FUNCTION codemint.check_cluster IS
  'Looks whether this is still the same database and timeline, and acts if not.';
COMMENT ON FUNCTION codemint.suspect_rewards IS
  'Has every reward of which something was asked since then listed first.';
