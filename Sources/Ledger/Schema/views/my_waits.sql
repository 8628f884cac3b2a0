-- Why a producer's own jobs wait. The function reads with its owner's rights and knows who asks.
CREATE OR REPLACE VIEW codemint.my_waits AS
SELECT w.job_id, w.state, w.reason, w.why, w.until, w.since, w.needs_operator FROM codemint.own_waits() w;

COMMENT ON VIEW codemint.my_waits IS
  'Why the jobs wait that the current role inserted; the reasons are those of codemint.waits, in words that say '
  'nothing of other jobs.';
COMMENT ON COLUMN codemint.my_waits.job_id IS 'The job.';
COMMENT ON COLUMN codemint.my_waits.state IS 'The job''s state.';
COMMENT ON COLUMN codemint.my_waits.reason IS 'One word; see codemint.waits.';
COMMENT ON COLUMN codemint.my_waits.why IS 'The reason in words.';
COMMENT ON COLUMN codemint.my_waits.until IS
  'When the job proceeds, or is tried again; null if that is not known, or is now.';
COMMENT ON COLUMN codemint.my_waits.since IS 'Since when, as far as that is known.';
COMMENT ON COLUMN codemint.my_waits.needs_operator IS
  'Whether it goes on only when an operator has done something: tell them.';
