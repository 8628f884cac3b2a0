-- The ledger knows which database it lives in, and notices when it finds itself in another one.
--
-- A copy or a restore would send again what the original has sent already. So nothing is sent until
-- an operator accepts the database. After a failover the new primary may lack the last commits of
-- the old one. In both cases rewards are listed before more codes are asked for: the ledger lacks
-- what was done after its last sign of life.

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

-- The ledger's last sign of life; null if it never showed one.
CREATE OR REPLACE FUNCTION codemint.last_sign_of_life() RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT greatest((SELECT max(w.seen_at) FROM codemint.workers w),
                  (SELECT max(c.created_at) FROM codemint.calls c))
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
  END IF;
  IF v_identity.system_identifier IS NULL THEN
    -- The first heartbeat that the ledger ever saw.
    PERFORM codemint.note_cluster();
    RETURN;
  END IF;
  v_alive := codemint.last_sign_of_life();
  IF (v_identity.system_identifier, v_identity.database_oid, v_identity.table_oid)
     <> (v_cluster.system_identifier, v_cluster.database_oid, v_cluster.table_oid) THEN
    v_reason := 'this database is a copy or was restored';
  ELSIF v_alive < clock_timestamp() - interval '1 hour' THEN
    v_reason := format('the timeline is another one and the ledger''s last sign of life is from %s: '
                       'a backup was restored, or a standby promoted late', v_alive);
  END IF;
  UPDATE codemint.cluster_identity i
  SET last_alive_at = v_alive, suspended_reason = v_reason,
      suspended_at = CASE WHEN v_reason IS NOT NULL THEN clock_timestamp() END
  WHERE i.suspended_at IS NULL;
  IF v_reason IS NULL THEN
    PERFORM codemint.suspect_rewards('failover', v_alive, codemint.longest_effect());
    PERFORM codemint.skip_event_numbers();
    PERFORM codemint.note_cluster();
  END IF;
END
$$;

-- How long a call that a failover lost can still take effect: the longest lease, timeout and gap
-- that a living worker has announced.
CREATE OR REPLACE FUNCTION codemint.longest_effect() RETURNS interval
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(max(w.lease + w.api_timeout + w.listing_gap), '0')
  FROM codemint.workers w
  WHERE w.expires_at >= clock_timestamp()
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

-- How far the clock of the server on which the ledger was before a failover or a restore may have been
-- ahead of this one's, or behind it.
CREATE OR REPLACE FUNCTION codemint.other_clock() RETURNS interval
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT interval '2 minutes'
$$;

-- Has rewards listed before another call of theirs is made: for p_reason 'restore' every known
-- reward, for 'failover' those with a call of the last day or a job that is due. Codes matter that
-- were made since p_alive, and no listing comes before p_wait. Rewards for which a job waits are
-- listed first. What answers have shown of the API's clock was measured by the clock of another server:
-- it is less certain by other_clock, until an answer shows more.
CREATE OR REPLACE FUNCTION codemint.suspect_rewards(
  p_reason text, p_alive timestamptz, p_wait interval
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  -- A ledger that never lived has made nothing before its first job came.
  v_since   timestamptz := coalesce(p_alive, (SELECT min(j.created_at) FROM codemint.jobs j)) - codemint.other_clock();
  v_suspect record;
BEGIN
  FOR v_suspect IN
    SELECT s.reward_id, bool_or(s.is_awaited) AS is_awaited
    FROM (SELECT r.reward_id, false AS is_awaited FROM codemint.rewards r WHERE p_reason = 'restore'
          UNION ALL
          SELECT c.reward_id, false FROM codemint.calls c
          WHERE c.created_at >= v_now - interval '1 day'
          UNION ALL
          SELECT j.reward_id, true FROM codemint.jobs j
          WHERE j.state IN ('queued', 'running', 'ending')
            AND (p_reason = 'restore' OR j.queue_position IS NOT NULL
                 OR j.next_call_at <= v_now)) s
    GROUP BY s.reward_id
    ORDER BY s.reward_id
  LOOP
    PERFORM codemint.lock_reward(v_suspect.reward_id);
    -- The sign of life is by the other server's clock.
    PERFORM codemint.watch_reward(v_suspect.reward_id, NULL, p_reason, coalesce(v_since, '-infinity'));
    UPDATE codemint.reward_watches w
    SET next_listing_at = v_now + p_wait + CASE WHEN v_suspect.is_awaited THEN interval '0'
                                                ELSE interval '1 second' END
    WHERE w.reward_id = v_suspect.reward_id;
  END LOOP;
  UPDATE codemint.api_clock c
  SET ahead_at_least_us = c.ahead_at_least_us - extract(epoch FROM codemint.other_clock()) * 1000000,
      ahead_at_most_us = c.ahead_at_most_us + extract(epoch FROM codemint.other_clock()) * 1000000;
END
$$;

-- Who keeps accept_cluster waiting: who has accepted before, or has one of the rewards for long.
CREATE OR REPLACE FUNCTION codemint.cluster_holder() RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT string_agg(DISTINCT h.holder, '; ')
  FROM (SELECT i.xmax AS lock, NULL::uuid AS reward_id, interval '0' AS least
        FROM codemint.cluster_identity i
        UNION ALL
        SELECT r.xmax, r.reward_id, '2 seconds' FROM codemint.rewards r) o
  CROSS JOIN LATERAL codemint.lock_holders(o.lock, o.least, NULL, o.reward_id) h
$$;

CREATE OR REPLACE FUNCTION codemint.accept_cluster(p_note text) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_alive timestamptz;
BEGIN
  IF coalesce(p_note, '') !~ '\S' THEN
    RAISE EXCEPTION 'a note says why: it is kept in codemint.cluster_identity'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- A worker that has been here since the restore has left its own sign of life.
  SELECT CASE WHEN i.suspended_at IS NULL THEN codemint.last_sign_of_life() ELSE i.last_alive_at END
    INTO v_alive
  FROM codemint.cluster_identity i;
  -- This row comes first: waits names who has it, and a second operator is told who was first.
  PERFORM FROM codemint.cluster_identity i FOR NO KEY UPDATE SKIP LOCKED;
  IF NOT FOUND OR codemint.cluster_holder() IS NOT NULL THEN
    PERFORM codemint.refuse_locked('what accept_cluster writes', codemint.cluster_holder());
  END IF;
  PERFORM codemint.suspect_rewards('restore', v_alive, interval '0');
  PERFORM codemint.skip_event_numbers();
  PERFORM codemint.note_cluster();
  UPDATE codemint.cluster_identity i
  SET suspended_at = NULL, suspended_reason = NULL, last_alive_at = v_alive,
      accepted_by = session_user, accepted_at = clock_timestamp(), accepted_note = p_note;
  PERFORM codemint.wake('codemint_jobs', '');
  RETURN 'this cluster is accepted; every reward is listed before anything more is asked of it';
END
$$;
COMMENT ON FUNCTION codemint.accept_cluster(text) IS
  'Confirms that this database is the one to work on, and that no other copy of it is in use: after '
  'a restore, or a move to another server. The note is required; who, when and why are kept.';
