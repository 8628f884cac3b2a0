CREATE OR REPLACE VIEW codemint.watches AS
SELECT w.reward_id,
       CASE WHEN w.next_listing_at IS NULL THEN w.ended
            WHEN w.failures > 0 THEN 'failing'
            WHEN r.awaits_listing THEN 'listing'
            ELSE 'waiting' END AS state,
       w.reason, w.since AS watched_since, w.call_id, w.next_listing_at, w.listings_left,
       w.failures, w.failing_since, w.error_message AS error,
       CASE WHEN w.ended = 'unlistable'
            THEN format('codemint audit %s, once its codes can be listed again', w.reward_id)
            ELSE 'none: codemint lists it' END AS what_to_do
FROM codemint.reward_watches w
JOIN codemint.rewards r ON r.reward_id = w.reward_id
WHERE w.next_listing_at IS NOT NULL OR w.ended = 'unlistable';

COMMENT ON VIEW codemint.watches IS
  'Rewards that are listed again because more of their codes may turn up, and watches given up.';
COMMENT ON COLUMN codemint.watches.state IS
  'waiting (for the next listing), listing (calls await it), failing (listing fails) or unlistable '
  '(listing failed for too long, and the watch was given up).';
COMMENT ON COLUMN codemint.watches.watched_since IS
  'Since when codes that the ledger does not know may have been made.';
COMMENT ON COLUMN codemint.watches.error IS 'Why the last listing failed; null if it did not.';
COMMENT ON COLUMN codemint.watches.what_to_do IS 'What a person has to do; none if nothing.';
