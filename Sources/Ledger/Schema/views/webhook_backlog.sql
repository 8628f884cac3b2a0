-- Counts end at 10001, so that a long backlog costs no more than that. The order has each read off an index, where a
-- LIMIT alone may have the table read. Daemons name 20 webhooks at most; as many again may be about to be removed.
CREATE OR REPLACE VIEW codemint.webhook_backlog AS
SELECT w.name AS webhook,
       CASE WHEN w.rest_until IS NOT NULL THEN 'failing'
            WHEN d.dead > 0 THEN 'dead letters'
            WHEN b.waiting > 0 THEN 'sending'
            ELSE 'well' END AS state,
       w.host, w.kinds, b.waiting, d.dead, o.at AS oldest_event_at,
       w.failing_since, w.failures, w.rest_until, w.last_success_at, w.last_failure_at, w.last_error, w.named_at
FROM (SELECT * FROM codemint.webhooks k ORDER BY k.name LIMIT 40) w
CROSS JOIN LATERAL (
  SELECT (SELECT count(*) FROM (SELECT FROM codemint.webhook_deliveries d
                                WHERE d.webhook = w.name AND d.died_at IS NULL
                                ORDER BY d.job_id, d.event_id LIMIT 10001) t)
         + (SELECT count(*) FROM (SELECT e.kind FROM codemint.events e
                                  WHERE e.id > w.position ORDER BY e.id LIMIT 10001) t
            WHERE w.kinds IS NULL OR t.kind = ANY (w.kinds)) AS waiting
  OFFSET 0) b
CROSS JOIN LATERAL (
  SELECT count(*) AS dead FROM (SELECT FROM codemint.webhook_deliveries d
                                WHERE d.webhook = w.name AND d.died_at IS NOT NULL
                                ORDER BY d.died_at LIMIT 10001) t) d
LEFT JOIN LATERAL (
  SELECT e.at FROM codemint.events e
  WHERE e.id = (SELECT min(t.event_id)
                FROM codemint.delivery_heads(w.name) h
                CROSS JOIN LATERAL (
                  SELECT d.event_id FROM codemint.webhook_deliveries d
                  WHERE d.webhook = w.name AND d.created_by = h.created_by AND d.next_try_at IS NOT NULL
                  ORDER BY d.next_try_at LIMIT 100) t)
  -- LIMIT keeps the planner from reading all events for one.
  LIMIT 1) o ON true;

COMMENT ON VIEW codemint.webhook_backlog IS 'How each webhook is, and how many events it has still to get.';
COMMENT ON COLUMN codemint.webhook_backlog.webhook IS 'The name in the settings.';
COMMENT ON COLUMN codemint.webhook_backlog.state IS
  'failing (it has failed three times in a row, or asked for a pause, and gets one event at a time), dead letters '
  '(see codemint.webhook_problems), sending or well.';
COMMENT ON COLUMN codemint.webhook_backlog.waiting IS
  'Events that it has still to get, without dead letters; over 10000 is not counted.';
COMMENT ON COLUMN codemint.webhook_backlog.dead IS 'Dead letters; over 10000 is not counted.';
COMMENT ON COLUMN codemint.webhook_backlog.oldest_event_at IS
  'When the oldest event happened that may be sent; null if none waits.';

CREATE OR REPLACE VIEW codemint.webhook_problems AS
SELECT d.webhook, d.event_id, d.job_id, e.kind, e.at, d.attempts, d.error, d.died_at, d.next_try_at,
       CASE WHEN d.died_at IS NULL THEN 'nothing; codemint sends it again by itself'
            ELSE format('SELECT codemint.resend_webhook(%L, %s); -- when the receiver answers', d.webhook, d.event_id)
       END AS what_to_do
FROM codemint.webhook_deliveries d
JOIN codemint.events e ON e.id = d.event_id
WHERE d.died_at IS NOT NULL OR d.error IS NOT NULL;

COMMENT ON VIEW codemint.webhook_problems IS
  'Events that a webhook did not take: dead letters, and those that are tried again.';
COMMENT ON COLUMN codemint.webhook_problems.kind IS 'What happened; see codemint.events.';
COMMENT ON COLUMN codemint.webhook_problems.at IS 'When it happened.';
COMMENT ON COLUMN codemint.webhook_problems.died_at IS
  'When it became a dead letter, which is not sent by itself any more; null if it is tried again.';
COMMENT ON COLUMN codemint.webhook_problems.next_try_at IS 'When it is sent again.';
COMMENT ON COLUMN codemint.webhook_problems.what_to_do IS 'The statement that sends it again.';
