CREATE OR REPLACE VIEW codemint.doubts AS
SELECT c.id AS call_id, c.job_id, c.reward_id, c.prefix, c.size, c.outstanding AS lacks, c.send_at,
       c.lease_expires_at, c.effective_until,
       c.http_status, c.error_code, c.error_message, r.closed_at AS reward_closed_at,
       clock_timestamp() - coalesce(c.held_at, c.updated_at) AS since, c.held_at, c.hold_reason,
       w.codes_found, w.seen, w.look_for, w.adopt_means, w.absent_means,
       CASE WHEN c.held_at IS NOT NULL
            THEN format('SELECT codemint.resolve_call(%L, %L, ''why''); -- %s', c.id, w.decision, w.remark)
            ELSE 'none: codemint is finding out' END AS what_to_do
FROM codemint.calls c
JOIN codemint.rewards r ON r.reward_id = c.reward_id
CROSS JOIN LATERAL codemint.explain_doubt(c.id) w
WHERE c.state = 'in_doubt';

COMMENT ON VIEW codemint.doubts IS 'Calls that may or may not have made codes.';
COMMENT ON COLUMN codemint.doubts.call_id IS
  'The call''s id, for codemint.resolve_call.';
COMMENT ON COLUMN codemint.doubts.lacks IS
  'How many codes the call may have made that the ledger does not know.';
COMMENT ON COLUMN codemint.doubts.reward_closed_at IS
  'Since when the reward takes no new call because of a doubt; null if it takes calls.';
COMMENT ON COLUMN codemint.doubts.since IS 'How long the call has been in doubt, or held.';
COMMENT ON COLUMN codemint.doubts.codes_found IS
  'How many codes resolve_call(..., ''adopt'', ...) would take for the call now.';
COMMENT ON COLUMN codemint.doubts.seen IS
  'What was asked for, how the call ended, and what the list has shown.';
COMMENT ON COLUMN codemint.doubts.look_for IS
  'What to look for at the vendor before deciding; null if the call is not held.';
COMMENT ON COLUMN codemint.doubts.adopt_means IS
  'What ''adopt'' would do, and what it costs if it is wrong; null if the call is not held.';
COMMENT ON COLUMN codemint.doubts.absent_means IS
  'What ''absent'' would do, and what it costs if it is wrong; null if the call is not held.';
COMMENT ON COLUMN codemint.doubts.what_to_do IS
  'The statement that decides the call, if it waits for a person.';
