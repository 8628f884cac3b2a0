CREATE OR REPLACE VIEW codemint.needs_you AS
SELECT n.kind, n.subject, n.since, n.why, n.what_to_do, n.command, n.job_id, n.reward_id, n.call_id
FROM codemint.find_needs() n;

COMMENT ON VIEW codemint.needs_you IS
  'What needs a person now, the most urgent first, and what helps. A job that an operator paused is not among '
  'it: that was a decision.';
COMMENT ON COLUMN codemint.needs_you.kind IS
  'What stops all jobs: database (takes no writes), daemon (none is alive), hidden or silenced (row security, a '
  'policy or a rule keeps rows from the daemons), standby (commits wait for one), suspended, blocked (the key), '
  'stalled. One daemon: claims. All daemons: silent (they work, and cannot show that they live), events (they get '
  'no numbers), notifications (nobody reads them), old_rows (they make claims slow), locked (a table), damaged (a table, '
  'a trigger or a sequence is not as codemint made it). A job: '
  'decision (a held call), '
  'held, locked, unclaimable, unknown. A reward: sync (given up), watch (it cannot be listed). A webhook: webhook '
  '(it takes nothing, or has dead letters).';
COMMENT ON COLUMN codemint.needs_you.subject IS 'Who needs it: job 39, reward ..., webhook shop, the daemons.';
COMMENT ON COLUMN codemint.needs_you.since IS 'Since when, as far as that is known.';
COMMENT ON COLUMN codemint.needs_you.why IS 'What has happened, in words.';
COMMENT ON COLUMN codemint.needs_you.what_to_do IS 'The statement that helps, or what else to do.';
COMMENT ON COLUMN codemint.needs_you.command IS 'The command that helps, for a shell.';
COMMENT ON COLUMN codemint.needs_you.job_id IS 'The job; null if it is about no single job.';
COMMENT ON COLUMN codemint.needs_you.reward_id IS 'The reward; null if it is about no single reward.';
COMMENT ON COLUMN codemint.needs_you.call_id IS 'The call that needs a decision; null if none does.';

CREATE OR REPLACE VIEW codemint.verdict AS
SELECT v.level, v.words, v.since, v.needs FROM codemint.judge() v;

COMMENT ON VIEW codemint.verdict IS 'How it all is, in one line.';
COMMENT ON COLUMN codemint.verdict.level IS
  'stopped (nothing is made until somebody acts), needs you (something does), waiting (it passes by itself) or '
  'well.';
COMMENT ON COLUMN codemint.verdict.words IS 'The verdict as a sentence.';
COMMENT ON COLUMN codemint.verdict.since IS 'Since when it is so, as far as that is known.';
COMMENT ON COLUMN codemint.verdict.needs IS 'How many rows codemint.needs_you has.';
