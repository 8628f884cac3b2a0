-- Events: what happened to jobs, for programs that must miss nothing.
--
-- An event is written in the transaction that causes it, and gets its number later. Numbers that were
-- drawn in that transaction would become visible in another order than they were drawn: a reader that has
-- seen number 6 would never see number 5, whose transaction committed later. So the transaction writes to
-- unnumbered_events, and the daemons' housekeepers move what is committed to events, one housekeeper at a
-- time. Whoever reads `WHERE id > last` sees every event once, and the events of a job in their order.
--
-- Other ways cost more. A lock that every writer takes would make all claims and producers wait for each
-- other, and a view that hides what is younger than the oldest transaction of the server would hide
-- everything while somebody's transaction stays open.

-- Writes what an UPDATE means for those who follow the job. A job that ends is not released besides.
CREATE OR REPLACE FUNCTION codemint.note_events() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO codemint.unnumbered_events (job_id, kind, created_by, detail)
  SELECT NEW.id, k.kind, NEW.created_by,
         jsonb_build_object('count', NEW.count, 'issued', NEW.issued, 'surplus', NEW.surplus)
         || CASE WHEN k.has_error AND NEW.error_code IS NOT NULL
                 THEN jsonb_build_object('error_code', NEW.error_code) ELSE '{}' END
  FROM (VALUES
    (1, 'surplus', NEW.surplus > OLD.surplus, false),
    (2, 'held', NEW.held AND NOT OLD.held, true),
    (3, 'released', OLD.held AND NOT NEW.held AND NEW.finished_at IS NULL, false),
    (4, NEW.state, NEW.state <> OLD.state AND NEW.state <> 'ending', NEW.finished_at IS NOT NULL),
    (5, 'sync_done', NEW.sync_done_at IS NOT NULL AND OLD.sync_done_at IS NULL, false)
  ) AS k (place, kind, happens, has_error)
  WHERE k.happens
  ORDER BY k.place;
  RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER note_events AFTER UPDATE ON codemint.jobs
  FOR EACH ROW
  WHEN (NEW.state <> OLD.state OR NEW.held <> OLD.held OR NEW.surplus > OLD.surplus
        OR NEW.sync_done_at IS NOT NULL AND OLD.sync_done_at IS NULL)
  EXECUTE FUNCTION codemint.note_events();
COMMENT ON TRIGGER note_events ON codemint.jobs IS
  'Writes the events of a job; see codemint.events.';

-- Numbers the events that are committed, in the order in which they were written, up to p_limit. Returns
-- how many. The events of a job are written under the lock of its row, so an earlier one is never
-- committed later. The lock is given back after the commit, so the next housekeeper draws higher numbers
-- than all that can be seen by then. The commit waits for the disk: after a crash no number that somebody
-- has read may be given again.
CREATE OR REPLACE FUNCTION codemint.number_events(p_limit integer) RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_number integer;
BEGIN
  IF NOT EXISTS (SELECT FROM codemint.unnumbered_events)
     -- If the database has become another one, numbers are skipped first.
     OR (SELECT i.timeline IS NOT NULL FROM codemint.cluster_identity i) AND NOT codemint.is_at_home()
     OR NOT codemint.try_turn('events') THEN
    RETURN 0;
  END IF;
  PERFORM codemint.set_durability(true);
  WITH taken AS (
    DELETE FROM codemint.unnumbered_events u
    WHERE u.place = ANY (ARRAY(
      SELECT o.place FROM codemint.unnumbered_events o ORDER BY o.place LIMIT p_limit))
    RETURNING u.*
  )
  INSERT INTO codemint.events (job_id, kind, at, created_by, detail)
  SELECT t.job_id, t.kind, t.at, t.created_by, t.detail FROM taken t ORDER BY t.place;
  GET DIAGNOSTICS v_number = ROW_COUNT;
  IF v_number > 0 THEN
    PERFORM codemint.wake('codemint_events', '');
  END IF;
  RETURN v_number;
END
$$;
COMMENT ON FUNCTION codemint.number_events(integer) IS
  'For the daemon: numbers events, so that readers see them.';

-- When the oldest event happened that has no number yet; null if there is none.
CREATE OR REPLACE FUNCTION codemint.unnumbered_since() RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT u.at FROM codemint.unnumbered_events u ORDER BY u.place LIMIT 1
$$;

-- Leaves a million numbers out. After a failover or a restore the ledger may lack events that somebody has
-- read, and their numbers would be given again: a reader that asks for what comes after its last number
-- would miss the events that get them.
CREATE OR REPLACE FUNCTION codemint.skip_event_numbers() RETURNS void
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT setval('codemint.events_id_seq', nextval('codemint.events_id_seq') + 1000000)
$$;
COMMENT ON FUNCTION codemint.skip_event_numbers() IS
  'For the daemon: leaves numbers out that events which were lost may have had.';

-- Deletes old events, at most p_limit, and returns how many. Nothing is deleted that is younger than a
-- day, as with calls (forget_calls), or that a webhook has still to get. Dead letters go first, and an event only when
-- it has none: one that somebody sends again just now (resend_webhook) is locked, so it stays, and its event with it.
CREATE OR REPLACE FUNCTION codemint.forget_events(p_age interval, p_limit integer) RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_before timestamptz := clock_timestamp() - greatest(p_age, interval '1 day');
  v_needed bigint;
  v_events bigint[];
  v_number integer;
BEGIN
  IF (SELECT e.at < v_before FROM codemint.events e ORDER BY e.id LIMIT 1) IS NOT TRUE THEN
    RETURN 0;
  END IF;
  v_needed := codemint.first_needed_event();
  v_events := ARRAY(
    SELECT o.id FROM (SELECT f.id, f.at FROM codemint.events f ORDER BY f.id LIMIT p_limit) o
    WHERE o.at < v_before AND (v_needed IS NULL OR o.id < v_needed));
  DELETE FROM codemint.webhook_deliveries d
  WHERE (d.event_id, d.webhook) IN (
    SELECT o.event_id, o.webhook FROM codemint.webhook_deliveries o
    WHERE o.event_id = ANY (v_events) AND o.died_at IS NOT NULL
    FOR UPDATE SKIP LOCKED);
  DELETE FROM codemint.events e
  WHERE e.id = ANY (v_events)
    AND NOT EXISTS (SELECT FROM codemint.webhook_deliveries d WHERE d.event_id = e.id);
  GET DIAGNOSTICS v_number = ROW_COUNT;
  RETURN v_number;
END
$$;
COMMENT ON FUNCTION codemint.forget_events(interval, integer) IS
  'For the daemon: deletes old events.';
