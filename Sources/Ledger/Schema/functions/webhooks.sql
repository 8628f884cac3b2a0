-- Webhooks: events that daemons send to other systems (docs/webhooks.md).
--
-- Each daemon names the webhooks of its settings (announce_webhooks). An event becomes a delivery for each
-- webhook that wants its kind (spread_events), a daemon claims a delivery for a while (claim_deliveries),
-- sends it, and says how that ended (settle_delivery). A daemon that is killed in between loses nothing: its
-- claims run out, and somebody sends the events again, under the same id.
--
-- Of the events of a job only the earliest may be due for a webhook; the others have no time at which they
-- may be sent. Whoever takes an event of a job away, or adds one, holds the lock of the webhook's row. So
-- the next one always gets its time (release_deliveries).
--
-- Producers take turns: each daemon goes round those that have something to send. So what one producer has to send
-- keeps another one's waiting for a turn, however much it is.

-- Names the webhooks of a daemon: an array of objects with name, host and kinds. Events before the first time
-- are not sent. With p_forgets, a webhook that nobody has named for a day is removed, with all that it
-- was to get: a receiver that is gone from the settings must not keep events for ever.
CREATE OR REPLACE FUNCTION codemint.announce_webhooks(p_webhooks jsonb, p_forgets boolean) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
  INSERT INTO codemint.webhooks (name, host, kinds, position)
  SELECT w.name, w.host, w.kinds, coalesce((SELECT max(e.id) FROM codemint.events e), 0)
  FROM jsonb_to_recordset(p_webhooks) AS w (name text, host text, kinds text[])
  ORDER BY w.name
  ON CONFLICT (name) DO UPDATE
    SET host = EXCLUDED.host, kinds = EXCLUDED.kinds, named_at = clock_timestamp();
  DELETE FROM codemint.webhooks w
  WHERE p_forgets AND w.named_at < clock_timestamp() - interval '1 day';
$$;

-- Lets the earliest open event of each of these jobs be sent.
CREATE OR REPLACE FUNCTION codemint.release_deliveries(p_webhook text, p_jobs bigint[]) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE codemint.webhook_deliveries d
  SET next_try_at = clock_timestamp()
  FROM (SELECT DISTINCT u.job_id FROM unnest(p_jobs) AS u (job_id)) j
  CROSS JOIN LATERAL (
    SELECT o.event_id FROM codemint.webhook_deliveries o
    WHERE o.webhook = p_webhook AND o.job_id = j.job_id AND o.died_at IS NULL
    ORDER BY o.event_id LIMIT 1) f
  WHERE d.event_id = f.event_id AND d.webhook = p_webhook AND d.next_try_at IS NULL;
$$;

-- Makes events deliveries, as far as they are of kinds that this webhook gets. Looks at p_limit events at
-- most, and returns at how many. Webhooks share a daemon's connections, so none is kept waiting while somebody has
-- locked the row of one: who has it may be doing the same.
CREATE OR REPLACE FUNCTION codemint.spread_events(p_webhook text, p_limit integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_webhook codemint.webhooks;
  v_last    bigint;
  v_number  integer;
BEGIN
  IF NOT EXISTS (SELECT FROM codemint.events e
                 WHERE e.id > (SELECT w.position FROM codemint.webhooks w WHERE w.name = p_webhook)) THEN
    RETURN 0;
  END IF;
  SELECT * INTO v_webhook FROM codemint.webhooks w WHERE w.name = p_webhook FOR NO KEY UPDATE SKIP LOCKED;
  SELECT max(n.id), count(*) INTO v_last, v_number
  FROM (SELECT e.id FROM codemint.events e WHERE e.id > v_webhook.position ORDER BY e.id LIMIT p_limit) n;
  IF v_number = 0 THEN
    RETURN 0;
  END IF;
  INSERT INTO codemint.webhook_deliveries (event_id, webhook, job_id, created_by, next_try_at)
  SELECT e.id, p_webhook, e.job_id, e.created_by,
         CASE WHEN row_number() OVER (PARTITION BY e.job_id ORDER BY e.id) = 1
               AND NOT EXISTS (SELECT FROM codemint.webhook_deliveries d
                               WHERE d.webhook = p_webhook AND d.job_id = e.job_id AND d.died_at IS NULL)
              THEN clock_timestamp() END
  FROM codemint.events e
  WHERE e.id > v_webhook.position AND e.id <= v_last
    AND (v_webhook.kinds IS NULL OR e.kind = ANY (v_webhook.kinds));
  UPDATE codemint.webhooks w SET position = v_last WHERE w.name = p_webhook;
  RETURN v_number;
END
$$;

-- The body of a message (Standard Webhooks): what happened, never a code, and nothing that the API wrote.
CREATE OR REPLACE FUNCTION codemint.webhook_body(p_event codemint.events) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT format('{"type":"job.%s","timestamp":"%s","data":%s}', p_event.kind,
    to_char(p_event.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    p_event.detail || jsonb_build_object(
      'event', p_event.id, 'job', p_event.job_id, 'created_by', p_event.created_by,
      'reward_id', j.reward_id, 'dedupe_key', j.dedupe_key))
  FROM (SELECT p_event.job_id AS id) e LEFT JOIN codemint.jobs j ON j.id = e.id
$$;

-- The producers of deliveries that have a time, each with the earliest. The plan is pinned to the index that has them
-- in this order, and reads a few entries for each producer, however many deliveries it has.
CREATE OR REPLACE FUNCTION codemint.delivery_heads(
  p_webhook text, OUT created_by text, OUT next_try_at timestamptz
) RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 20
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
BEGIN
  RETURN QUERY
  WITH RECURSIVE heads AS (
    (SELECT d.created_by, d.next_try_at FROM codemint.webhook_deliveries d
     WHERE d.webhook = p_webhook AND d.next_try_at IS NOT NULL
     ORDER BY d.created_by, d.next_try_at LIMIT 1)
    UNION ALL
    SELECT n.created_by, n.next_try_at
    FROM heads h CROSS JOIN LATERAL (
      SELECT d.created_by, d.next_try_at FROM codemint.webhook_deliveries d
      WHERE d.webhook = p_webhook AND d.created_by > h.created_by AND d.next_try_at IS NOT NULL
      ORDER BY d.created_by, d.next_try_at LIMIT 1) n
  )
  SELECT h.created_by, h.next_try_at FROM heads h;
END
$$;

-- Ends deliveries whose events somebody has deleted: there is nothing to send. If somebody has the webhook's row, the
-- next claim that meets them does it.
CREATE OR REPLACE FUNCTION codemint.end_deliveries(p_webhook text, p_events bigint[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_jobs bigint[];
BEGIN
  PERFORM FROM codemint.webhooks w WHERE w.name = p_webhook FOR NO KEY UPDATE SKIP LOCKED;
  IF FOUND THEN
    WITH ended AS (
      DELETE FROM codemint.webhook_deliveries d
      WHERE d.webhook = p_webhook AND d.event_id = ANY (p_events)
      RETURNING d.job_id
    )
    SELECT array_agg(e.job_id) INTO v_jobs FROM ended e;
    PERFORM codemint.release_deliveries(p_webhook, v_jobs);
  END IF;
END
$$;

-- Takes deliveries that may be sent, at most p_limit, and returns them in the order in which producers take turns:
-- from the one behind p_after on. They are this daemon's for p_lease. A webhook that has failed three times in a row
-- gets one event at a time, and rests in between.
--
-- Webhooks share connections, so this waits for no lock. The id stays the same however often an event is sent. It has
-- the time of the event too: after the restore of a backup a number may be given again, to another event.
CREATE OR REPLACE FUNCTION codemint.claim_deliveries(
  p_webhook text, p_limit integer, p_lease interval, p_after text,
  OUT event_id bigint, OUT attempt integer, OUT failures integer, OUT message_id text, OUT body text,
  OUT created_by text
) RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_webhook codemint.webhooks;
  v_now     timestamptz := clock_timestamp();
  v_limit   integer := p_limit;
  v_events  bigint[];
  v_lost    bigint[];
BEGIN
  SELECT * INTO v_webhook FROM codemint.webhooks w WHERE w.name = p_webhook;
  IF v_webhook.rest_until IS NOT NULL THEN
    SELECT * INTO v_webhook FROM codemint.webhooks w WHERE w.name = p_webhook FOR NO KEY UPDATE NOWAIT;
    IF v_webhook.rest_until > v_now THEN
      RETURN;
    END IF;
    v_limit := 1;
  END IF;
  v_events := ARRAY(
    SELECT o.event_id
    FROM (SELECT h.created_by, h.created_by <= p_after AS is_later FROM codemint.delivery_heads(p_webhook) h
          WHERE h.next_try_at <= v_now
          ORDER BY is_later, h.created_by LIMIT v_limit) p
    CROSS JOIN LATERAL (
      SELECT l.event_id, row_number() OVER () AS turn
      FROM (SELECT d.event_id FROM codemint.webhook_deliveries d
            WHERE d.webhook = p_webhook AND d.created_by = p.created_by AND d.next_try_at <= v_now
            ORDER BY d.next_try_at, d.event_id
            LIMIT v_limit
            FOR NO KEY UPDATE SKIP LOCKED) l) o
    ORDER BY o.turn, p.is_later, p.created_by
    LIMIT v_limit);
  v_lost := ARRAY(
    SELECT l.id FROM unnest(v_events) AS l (id) WHERE NOT EXISTS (SELECT FROM codemint.events e WHERE e.id = l.id));
  IF cardinality(v_lost) > 0 THEN
    PERFORM codemint.end_deliveries(p_webhook, v_lost);
  END IF;
  RETURN QUERY
  WITH taken AS (
    UPDATE codemint.webhook_deliveries d
    SET attempts = d.attempts + 1, first_tried_at = coalesce(d.first_tried_at, v_now),
        next_try_at = v_now + p_lease
    WHERE d.webhook = p_webhook AND d.event_id = ANY (v_events)
    RETURNING d.event_id, d.attempts
  )
  SELECT t.event_id, t.attempts, v_webhook.failures,
         format('evt_%s_%s', e.id, (extract(epoch FROM e.at) * 1000000)::bigint),
         codemint.webhook_body(e), e.created_by
  FROM taken t JOIN codemint.events e ON e.id = t.event_id
  ORDER BY array_position(v_events, t.event_id);
  IF FOUND AND v_webhook.rest_until IS NOT NULL THEN
    UPDATE codemint.webhooks w SET rest_until = v_now + p_lease WHERE w.name = p_webhook;
  END IF;
END
$$;

-- How long until there may be something to send; null if nothing waits.
CREATE OR REPLACE FUNCTION codemint.until_delivery(p_webhook text) RETURNS interval
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT greatest(min(h.next_try_at), w.rest_until, clock_timestamp()) - clock_timestamp()
  FROM codemint.webhooks w CROSS JOIN codemint.delivery_heads(p_webhook) h
  WHERE w.name = p_webhook
  GROUP BY w.name
$$;

-- Records how a delivery ended: delivered, failed or gone (the receiver wants no more). A failure counts only if
-- nobody has sent the event again since; a success counts always. If the webhook's row is locked for longer than a
-- second, nothing is recorded, and the event is sent again: other webhooks need the connection. Returns what became of the event:
-- delivered, waiting, dead, or over (somebody else has settled it, or will).
--   p_pause     after a failure, the time until this event is sent again
--   p_rest      the time for which the webhook rests, if it has failed three times in a row
--   p_asked     the pause that the receiver asked for, for all events; null if it asked for none
--   p_patience  how long an event is tried before it is a dead letter
CREATE OR REPLACE FUNCTION codemint.settle_delivery(
  p_webhook text, p_event bigint, p_attempt integer, p_ending text, p_error text,
  p_pause interval, p_rest interval, p_asked interval, p_patience interval
) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s'
AS $$
DECLARE
  v_webhook  codemint.webhooks;
  v_delivery codemint.webhook_deliveries;
  v_now      timestamptz := clock_timestamp();
BEGIN
  SELECT * INTO v_webhook FROM codemint.webhooks w WHERE w.name = p_webhook FOR NO KEY UPDATE;
  IF p_ending = 'delivered' THEN
    UPDATE codemint.webhooks w
    SET failures = 0, failing_since = NULL, rest_until = NULL, last_success_at = v_now
    WHERE w.name = p_webhook
      AND (w.failures > 0 OR w.rest_until IS NOT NULL
           OR (w.last_success_at > v_now - interval '1 second') IS NOT TRUE);
    DELETE FROM codemint.webhook_deliveries d
    WHERE d.webhook = p_webhook AND d.event_id = p_event
    RETURNING * INTO v_delivery;
    IF v_delivery.event_id IS NULL THEN
      RETURN 'over';
    END IF;
    PERFORM codemint.release_deliveries(p_webhook, ARRAY[v_delivery.job_id]);
    RETURN 'delivered';
  END IF;
  UPDATE codemint.webhook_deliveries d
  SET error = left(p_error, 500),
      next_try_at = CASE WHEN t.dies IS NOT TRUE AND NOT t.waits THEN v_now + p_pause END,
      died_at = CASE WHEN t.dies THEN v_now END
  FROM (SELECT o.event_id, p_ending = 'gone' OR o.first_tried_at <= v_now - p_patience AS dies,
               EXISTS (SELECT FROM codemint.webhook_deliveries f
                       WHERE f.webhook = p_webhook AND f.job_id = o.job_id AND f.died_at IS NULL
                         AND f.event_id < o.event_id) AS waits
        FROM codemint.webhook_deliveries o
        WHERE o.webhook = p_webhook AND o.event_id = p_event
          AND o.attempts = p_attempt AND o.died_at IS NULL) t
  WHERE d.webhook = p_webhook AND d.event_id = t.event_id
  RETURNING d.* INTO v_delivery;
  IF v_delivery.event_id IS NULL THEN
    RETURN 'over';
  END IF;
  UPDATE codemint.webhooks w
  SET failures = w.failures + 1, failing_since = coalesce(w.failing_since, v_now), last_failure_at = v_now,
      last_error = left(p_error, 500),
      rest_until = CASE WHEN w.failures >= 2 OR p_asked IS NOT NULL
                        THEN v_now + greatest(p_rest, p_asked) END
  WHERE w.name = p_webhook;
  IF v_delivery.died_at IS NULL THEN
    RETURN 'waiting';
  END IF;
  PERFORM codemint.release_deliveries(p_webhook, ARRAY[v_delivery.job_id]);
  RETURN 'dead';
END
$$;

-- If a webhook has taken nothing for p_patience, makes events dead letters that are as old, at most p_limit, and
-- returns how many. Most of them were never sent: a webhook that rests gets one at a time.
CREATE OR REPLACE FUNCTION codemint.bury_deliveries(p_webhook text, p_patience interval, p_limit integer)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_webhook codemint.webhooks;
  v_before  timestamptz := clock_timestamp() - p_patience;
  v_jobs    bigint[];
BEGIN
  SELECT * INTO v_webhook FROM codemint.webhooks w
  WHERE w.name = p_webhook AND w.failing_since <= v_before
  FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  WITH old AS (
    UPDATE codemint.webhook_deliveries d
    SET died_at = clock_timestamp(), next_try_at = NULL, error = coalesce(d.error, v_webhook.last_error)
    WHERE d.webhook = p_webhook AND d.event_id = ANY (ARRAY(
      SELECT o.event_id FROM codemint.webhook_deliveries o JOIN codemint.events e ON e.id = o.event_id
      WHERE o.webhook = p_webhook AND o.died_at IS NULL AND e.at <= v_before
      ORDER BY o.event_id LIMIT p_limit))
    RETURNING d.job_id
  )
  SELECT array_agg(o.job_id) INTO v_jobs FROM old o;
  PERFORM codemint.release_deliveries(p_webhook, v_jobs);
  RETURN coalesce(cardinality(v_jobs), 0);
END
$$;

-- The lowest number of an event that a webhook still needs; null if none needs any.
CREATE OR REPLACE FUNCTION codemint.first_needed_event() RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT least(
    (SELECT min(w.position) + 1 FROM codemint.webhooks w),
    (SELECT d.event_id FROM codemint.webhook_deliveries d WHERE d.died_at IS NULL ORDER BY d.event_id LIMIT 1))
$$;

-- Events that are sent again are tried as if they were new, and later events of their jobs wait for them. The
-- webhook does not rest any longer: whoever calls this has mended the receiver. A dead letter goes whose event
-- somebody has deleted.
CREATE OR REPLACE FUNCTION codemint.resend_webhook(p_webhook text, p_event bigint DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_jobs bigint[];
BEGIN
  PERFORM FROM codemint.webhooks w WHERE w.name = p_webhook FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no webhook %, see codemint.webhook_backlog', p_webhook
      USING ERRCODE = 'no_data_found';
  END IF;
  DELETE FROM codemint.webhook_deliveries d
  WHERE d.webhook = p_webhook AND d.died_at IS NOT NULL AND (p_event IS NULL OR d.event_id = p_event)
    AND NOT EXISTS (SELECT FROM codemint.events e WHERE e.id = d.event_id);
  WITH again AS (
    UPDATE codemint.webhook_deliveries d
    SET died_at = NULL, attempts = 0, first_tried_at = NULL, error = NULL
    WHERE d.webhook = p_webhook AND d.died_at IS NOT NULL AND (p_event IS NULL OR d.event_id = p_event)
    RETURNING d.job_id
  )
  SELECT array_agg(a.job_id) INTO v_jobs FROM again a;
  IF v_jobs IS NULL THEN
    RETURN CASE
      WHEN p_event IS NULL THEN format('%s has no dead letters; nothing was done', p_webhook)
      ELSE format('event %s is no dead letter of %s; nothing was done', p_event, p_webhook) END;
  END IF;
  UPDATE codemint.webhook_deliveries d SET next_try_at = NULL
  WHERE d.webhook = p_webhook AND d.job_id = ANY (v_jobs) AND d.died_at IS NULL AND d.next_try_at IS NOT NULL;
  PERFORM codemint.release_deliveries(p_webhook, v_jobs);
  UPDATE codemint.webhooks w SET failures = 0, failing_since = NULL, rest_until = NULL
  WHERE w.name = p_webhook;
  PERFORM codemint.wake('codemint_events', '');
  RETURN format('%s sent to %s again', codemint.count_words(cardinality(v_jobs), 'event is', 'events are'), p_webhook);
END
$$;
COMMENT ON FUNCTION codemint.resend_webhook(text, bigint) IS
  'Sends dead letters of a webhook again: all, or the event with this number. See codemint.webhook_problems.';
