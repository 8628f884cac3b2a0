-- The ledger knows which database cluster it lives in, and notices when that is another.
--
-- A copy or a restore that was taken for the original would send what the original has sent
-- already, so nothing is sent until an operator says that this is the one. After a failover the
-- new primary may lack the last commits of the old one, so what was asked of the API lately is
-- listed before anything more is asked.

-- The cluster's identity, and its timeline, which every promotion and recovery counts up.
CREATE FUNCTION codemint.current_cluster(OUT system_identifier bigint, OUT timeline text)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT c.system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8)
  FROM pg_control_system() c
$$;

-- Looks whether the cluster is still the same. Any worker does it, whenever it tends.
CREATE FUNCTION codemint.check_cluster() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_account codemint.accounts;
  v_cluster record;
BEGIN
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default';
  SELECT * INTO v_cluster FROM codemint.current_cluster();
  IF v_account.system_identifier = v_cluster.system_identifier
     AND v_account.timeline = v_cluster.timeline THEN
    RETURN;
  ELSIF v_account.system_identifier <> v_cluster.system_identifier THEN
    UPDATE codemint.accounts a SET suspended_at = clock_timestamp()
    WHERE a.name = 'default' AND a.suspended_at IS NULL;
  ELSE
    PERFORM codemint.suspect_rewards(clock_timestamp() - interval '1 day');
    UPDATE codemint.accounts a
    SET system_identifier = v_cluster.system_identifier, timeline = v_cluster.timeline
    WHERE a.name = 'default';
  END IF;
END
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

-- An operator says that this cluster is the one to work on, knowing that no other one does: after
-- a restore, or a move to another cluster. Who, when and why are kept.
CREATE FUNCTION codemint.accept_cluster(p_note text) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_cluster record;
BEGIN
  IF coalesce(btrim(p_note), '') = '' THEN
    RAISE EXCEPTION 'a note says why: it is kept with the account'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO v_cluster FROM codemint.current_cluster();
  PERFORM codemint.suspect_rewards('-infinity');
  UPDATE codemint.accounts a
  SET system_identifier = v_cluster.system_identifier, timeline = v_cluster.timeline,
      suspended_at = NULL, accepted_by = session_user, accepted_at = clock_timestamp(),
      accepted_note = p_note
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
SET search_path = pg_catalog, pg_temp
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
  'Says that this cluster is the one to work on and no other one is in use. Say why.';
COMMENT ON FUNCTION codemint.current_cluster IS 'This database cluster''s identity and timeline.';
COMMENT ON FUNCTION codemint.check_cluster IS
  'Looks whether this is still the same cluster and timeline, and acts if not.';
COMMENT ON FUNCTION codemint.suspect_rewards IS
  'Has every reward of which something was asked since then listed first.';
