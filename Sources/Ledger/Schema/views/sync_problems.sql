CREATE OR REPLACE VIEW codemint.sync_problems AS
SELECT q.*, CASE q.state
         WHEN 'given up' THEN
           format('SELECT codemint.track_sync(%L); -- when %s can take the codes', q.reward_id, q.system)
         WHEN 'cannot be asked again' THEN 'mend it at ' || q.system || ': the API copies only to shopify and stripe'
         WHEN 'unknown word' THEN 'ask the API''s vendor what ' || quote_literal(q.sync_status) || ' means'
         WHEN 'asked again' THEN 'none: codemint asks the API to copy them again, and lists the reward'
         ELSE 'none: codemint lists the reward again' END AS what_to_do
FROM (
SELECT p.reward_id, p.system, p.sync_status, p.codes, p.sample, p.error,
       coalesce(r.attempts, 0) AS resyncs,
       CASE WHEN p.sync_status NOT IN ('pending', 'error') THEN 'unknown word'
            WHEN p.sync_status = 'error' AND r.given_up_at IS NOT NULL THEN 'given up'
            WHEN p.sync_status = 'error' AND r.next_at IS NOT NULL THEN 'asked again'
            WHEN p.sync_status = 'error' AND p.system NOT IN ('shopify', 'stripe')
              THEN 'cannot be asked again'
            WHEN t.given_up_at IS NOT NULL THEN 'given up'
            ELSE 'tracked' END AS state,
       t.next_pass_at AS next_pass_at, coalesce(r.given_up_at, t.given_up_at) AS given_up_at,
       coalesce(r.error_message, t.error_message) AS request_error
FROM (
  -- Codes are found by the reward of their job, so that a query for one reward reads only its jobs.
  -- Only names and words that the API's documents have are shown: others could quote a code.
  SELECT j.reward_id, s.system, s.sync_status,
         count(*) AS codes, (array_agg(c.id ORDER BY c.id))[1:5] AS sample,
         mode() WITHIN GROUP (ORDER BY codemint.error_class(e.value ->> 'error')) AS error
  FROM codemint.jobs j
  JOIN codemint.codes c ON c.job_id = j.id AND c.sync_status IN ('pending', 'error')
  CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(c.external_ids) = 'object'
                                     THEN c.external_ids ELSE '{}' END) AS e
  CROSS JOIN LATERAL (
    SELECT CASE WHEN e.key IN ('shopify', 'stripe') THEN e.key ELSE 'other' END AS system,
           CASE WHEN e.value ->> 'syncStatus' IN ('none', 'pending', 'synced', 'error')
                THEN e.value ->> 'syncStatus' ELSE 'other' END AS sync_status) AS s
  WHERE j.has_codes AND jsonb_typeof(e.value) = 'object' AND e.value ? 'syncStatus'
  GROUP BY j.reward_id, s.system, s.sync_status) AS p
LEFT JOIN codemint.tracked_rewards t ON t.reward_id = p.reward_id
LEFT JOIN codemint.resyncs r ON r.reward_id = p.reward_id AND r.system = p.system
WHERE p.sync_status IN ('error', 'none', 'other')
   OR (p.sync_status = 'pending' AND (t.given_up_at IS NOT NULL OR t.failures > 0))) q;

COMMENT ON VIEW codemint.sync_problems IS
  'Codes in error, with an unknown status, or given up, by reward and system, and what codemint does '
  'about them.';
COMMENT ON COLUMN codemint.sync_problems.reward_id IS 'The reward.';
COMMENT ON COLUMN codemint.sync_problems.system IS
  'The system: shopify, stripe, or other if the API''s documents do not have it.';
COMMENT ON COLUMN codemint.sync_problems.sync_status IS
  'The status of these codes: none, pending, error, or other if the API''s documents do not have the word. '
  'codemint_reader sees the word in codes.external_ids.';
COMMENT ON COLUMN codemint.sync_problems.codes IS 'How many codes there are.';
COMMENT ON COLUMN codemint.sync_problems.sample IS 'The ids of up to five of these codes.';
COMMENT ON COLUMN codemint.sync_problems.error IS
  'What most of these codes'' errors say: taken, unknown, invalid, refused, throttled, unavailable, other or '
  'none. Their texts quote codes, so only codemint_reader sees them, in codes.external_ids.';
COMMENT ON COLUMN codemint.sync_problems.resyncs IS
  'How often the API was asked to copy the reward once more.';
COMMENT ON COLUMN codemint.sync_problems.state IS
  'tracked, asked again, cannot be asked again, given up, or unknown word.';
COMMENT ON COLUMN codemint.sync_problems.next_pass_at IS 'When the reward is listed next.';
COMMENT ON COLUMN codemint.sync_problems.given_up_at IS
  'Since when nothing more happens by itself; codemint.track_sync starts again.';
COMMENT ON COLUMN codemint.sync_problems.request_error IS
  'Why the last request failed, if the request itself failed: to list, or to copy once more.';
COMMENT ON COLUMN codemint.sync_problems.what_to_do IS
  'The statement that helps, or what else to do; none if codemint goes on by itself.';
