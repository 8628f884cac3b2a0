CREATE OR REPLACE VIEW codemint.call_log AS
SELECT c.created_at, c.id, c.job_id, c.reward_id, c.state, c.size, c.received, c.http_status,
       c.duration_ms, c.error_code, c.error_message, c.worker, c.send_at, c.lease_expires_at,
       c.settled_at
FROM codemint.calls c
ORDER BY c.created_at DESC, c.id;

COMMENT ON VIEW codemint.call_log IS 'Every request, newest first.';
COMMENT ON COLUMN codemint.call_log.id IS 'The call''s id.';
