-- When what a transaction did is on disk, and which code the database has.

-- What this transaction does must be on disk, and with a standby that is waited for there too, before
-- anybody is told, whatever the database's own setting: a claim that a crash took back would be sent
-- again. Settings that ask for more stay.
--
-- Without p_waits the commit does not wait, so that no lock is held until it is on disk; then
-- await_durable has to follow before anything of it is believed.
CREATE OR REPLACE FUNCTION codemint.set_durability(p_waits boolean) RETURNS void
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

-- Commits something that means nothing. When that is on disk, everything that was committed before is
-- as well, by whomever: the log is one sequence. Says whether the call that was claimed is still being
-- sent: behind a pooler this may be another server, or the same after a crash.
CREATE OR REPLACE FUNCTION codemint.await_durable(p_call uuid) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM codemint.set_durability(true);
  PERFORM pg_logical_emit_message(true, 'codemint', '');
  RETURN EXISTS (SELECT FROM codemint.calls c WHERE c.id = p_call AND c.state = 'sending');
END
$$;

-- Refuses to give work to a worker that was built with other functions than those in this database.
-- The functions that give work call it first. What a worker has already taken, it may finish.
CREATE OR REPLACE FUNCTION codemint.require_code(p_code text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF p_code IS DISTINCT FROM codemint.code_checksum() THEN
    RAISE EXCEPTION 'the database has the functions of another version of codemint'
      USING ERRCODE = 'CM001';
  END IF;
END
$$;
