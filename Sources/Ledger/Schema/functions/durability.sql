-- Which commits wait for the disk, and which functions the database has.

-- With p_waits, the commit of this transaction waits for the disk, and for a synchronous standby,
-- whatever the database's own setting is. Otherwise a crash could take back a claim, and its job
-- would ask for the codes again. A setting that waits for more stays as it is.
--
-- Without p_waits the commit does not wait, so that no lock is held until the commit is on disk.
-- The worker must call await_durable before it believes anything that the transaction said.
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

-- Commits an empty log record and waits for it. The log is one sequence, so everything that anybody
-- committed before is then on disk too. Returns whether the claimed call is still sending: behind a
-- pooler this may be another server, or the same server after a crash.
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

-- Whether commits wait for a synchronous standby, and no standby at all is connected.
CREATE OR REPLACE FUNCTION codemint.lacks_standby() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT current_setting('synchronous_standby_names') <> '' AND NOT EXISTS (SELECT FROM pg_stat_get_wal_senders())
$$;

-- Refuses a worker that was built with other functions than this database has. Every function that
-- gives work to a worker calls this one. A worker may still finish the work that it has.
-- The checksum is read from a table, so that a function that began before codemint migrate committed
-- sees the new one as well.
CREATE OR REPLACE FUNCTION codemint.require_code(p_code text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM codemint.installed_code i WHERE i.checksum = p_code) THEN
    RAISE EXCEPTION '%', CASE
        WHEN EXISTS (SELECT FROM codemint.installed_code)
        THEN 'the database has the functions of another version of codemint'
        ELSE 'codemint.installed_code is empty, so nobody knows which functions the database has: run '
          'codemint migrate' END
      USING ERRCODE = 'CM001';
  END IF;
END
$$;
