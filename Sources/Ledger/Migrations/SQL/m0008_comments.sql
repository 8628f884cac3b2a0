-- The manual that psql's \d+ shows.
COMMENT ON SCHEMA codemint IS
  'codemint provisions reward codes in bulk: insert into jobs, read codes, watch job_status.';
COMMENT ON TABLE codemint.jobs IS
  'What producers ask for: one row is one job. Producers write reward_id, count, prefix, priority, '
  'run_at, dedupe_key and metadata, and nothing else.';
COMMENT ON COLUMN codemint.jobs.reward_id IS 'The reward of the API to generate codes for.';
COMMENT ON COLUMN codemint.jobs.count IS 'How many codes, 1 to 1000000. Never more are counted.';
COMMENT ON COLUMN codemint.jobs.prefix IS 'What the codes shall begin with, 1 to 32 characters.';
COMMENT ON COLUMN codemint.jobs.priority IS '0 goes first, 9 last; 5 if not given.';
COMMENT ON COLUMN codemint.jobs.run_at IS 'Nothing is sent for the job before this time.';
COMMENT ON COLUMN codemint.jobs.dedupe_key IS
  'Unique for ever: a second job with the same key is refused.';
COMMENT ON COLUMN codemint.jobs.metadata IS 'A JSON object of the producer''s own; kept as it is.';
COMMENT ON COLUMN codemint.jobs.state IS
  'queued, running, ending (waits for outstanding calls), completed, failed or cancelled.';
COMMENT ON COLUMN codemint.jobs.paused IS 'An operator paused it: no new call.';
COMMENT ON COLUMN codemint.jobs.held IS 'codemint cannot decide and waits for an operator.';
COMMENT ON COLUMN codemint.jobs.issued IS 'Codes in codemint.codes that count for the job.';
COMMENT ON COLUMN codemint.jobs.outstanding IS
  'Codes asked for by calls that are sending or in doubt.';
COMMENT ON COLUMN codemint.jobs.surplus IS
  'Codes that exist upstream because of the job and that it had no room for.';
COMMENT ON COLUMN codemint.jobs.error_code IS 'Why it failed or is held, in the API''s own words.';
COMMENT ON COLUMN codemint.jobs.error_message IS 'The message that goes with error_code.';
COMMENT ON COLUMN codemint.jobs.next_call_at IS
  'When the next call may be claimed, or could be first; null when the job needs none.';
COMMENT ON COLUMN codemint.jobs.created_by IS 'The role that inserted it.';
COMMENT ON COLUMN codemint.jobs.started_at IS 'When its first call was claimed.';
COMMENT ON COLUMN codemint.jobs.finished_at IS 'When it became completed, failed or cancelled.';
COMMENT ON COLUMN codemint.jobs.ends_as IS 'While ending: what it will be, failed or cancelled.';
COMMENT ON COLUMN codemint.jobs.stalls IS 'Answers in a row that held no new code.';
COMMENT ON COLUMN codemint.jobs.turn IS
  'Its place in the round; 0 for a newcomer, whose place is next_call_at; null if it is in no line.';
COMMENT ON TABLE codemint.calls IS
  'Every request to generate codes, committed as sending before it was sent.';
COMMENT ON COLUMN codemint.calls.state IS
  'sending; issued, rejected, unsent (proven); in_doubt; adopted, absent (decided by listing).';
COMMENT ON COLUMN codemint.calls.worker IS 'The start of the worker that claimed it.';
COMMENT ON COLUMN codemint.calls.lease_expires_at IS
  'Until then its worker may act on it; later it becomes in_doubt.';
COMMENT ON COLUMN codemint.calls.received IS 'Items in the answer, nulls and doubles included.';
COMMENT ON TABLE codemint.codes IS 'Every code that exists upstream because of codemint.';
COMMENT ON COLUMN codemint.codes.id IS 'The API''s own id of the code.';
COMMENT ON COLUMN codemint.codes.status IS
  'The API''s status: available, reserved, redeemed, expired, revoked, or what it says.';
COMMENT ON COLUMN codemint.codes.sync_status IS
  'none, pending, synced or error: the worst of the systems in external_ids.';
COMMENT ON COLUMN codemint.codes.external_ids IS 'The API''s externalIds, as received.';
COMMENT ON COLUMN codemint.codes.surplus IS 'True if no job has room for it.';
COMMENT ON COLUMN codemint.codes.created_at IS 'The API''s createdAt.';
COMMENT ON COLUMN codemint.codes.expires_at IS 'The API''s expiresAt.';
COMMENT ON COLUMN codemint.codes.updated_at IS 'The API''s updatedAt.';
COMMENT ON COLUMN codemint.codes.stored_at IS 'When codemint recorded it.';
COMMENT ON COLUMN codemint.codes.synced_at IS 'When codemint first saw it synced.';
COMMENT ON TABLE codemint.rewards IS 'What the daemon knows of each reward.';
COMMENT ON COLUMN codemint.rewards.closed_at IS
  'Since when no new call is claimed, because a call of it is in doubt.';
COMMENT ON COLUMN codemint.rewards.in_flight IS 'Calls of it that are sending.';
COMMENT ON COLUMN codemint.rewards.failures IS
  'Refusals (403) and failures (5xx) of its calls in a row.';
COMMENT ON COLUMN codemint.rewards.failing_since IS 'When the first failure (5xx) of the row was.';
COMMENT ON COLUMN codemint.accounts.proven_at IS
  'When a call was last answered as it should be.';
COMMENT ON COLUMN codemint.rewards.paused_until IS 'No call before this time.';
COMMENT ON COLUMN codemint.rewards.reconciler IS
  'The worker that is finding out what doubtful calls did, until reconciler_until.';
COMMENT ON COLUMN codemint.rewards.reconcile_at IS 'Not looked at again before this time.';
COMMENT ON COLUMN codemint.rewards.listing_failing_since IS
  'Since when its codes cannot be listed.';
COMMENT ON COLUMN codemint.rewards.newest_known IS
  'Codes of its newest clean answer: a listing without them is stale.';
COMMENT ON COLUMN codemint.rewards.prefix_literal IS
  'Whether clean answers have shown that codes begin with the prefix asked for.';
COMMENT ON COLUMN codemint.rewards.watched_since IS
  'Since when it is suspected of codes that the ledger does not know.';
COMMENT ON COLUMN codemint.rewards.watch_at IS 'When it is listed again because of that.';
COMMENT ON COLUMN codemint.calls.held_at IS
  'Since when it waits for a person, because listing could not decide it.';
COMMENT ON COLUMN codemint.calls.hold_reason IS 'Why listing could not decide it.';
COMMENT ON COLUMN codemint.calls.resolution IS 'What a person decided: adopt or absent.';
COMMENT ON COLUMN codemint.calls.resolution_note IS 'Why, in the person''s words.';
COMMENT ON COLUMN codemint.accounts.offset_low_us IS
  'The API''s clock is at least so many microseconds ahead of this one, as answers have shown.';
COMMENT ON TABLE codemint.accounts IS 'The API account: limits, pace, and why it may be waiting.';
COMMENT ON COLUMN codemint.accounts.next_slot_at IS 'The rate limiter''s one number of state.';
COMMENT ON COLUMN codemint.accounts.in_flight IS 'Calls that are sending.';
COMMENT ON COLUMN codemint.accounts.blocked_at IS
  'Since when the API refuses the key; probed with GET /v1/team.';
COMMENT ON TABLE codemint.workers IS 'Daemons that live, or died without a word.';
COMMENT ON TABLE codemint.strays IS 'Codes found upstream whose owner is not proven.';
COMMENT ON TABLE codemint.answers IS
  'Answers that could not be read or not be stored as rows: their bytes, for a person to look at.';
COMMENT ON TABLE codemint.raw_codes IS
  'Codes found upstream that no text column can hold (U+0000), as bytes. They count for no job.';
COMMENT ON COLUMN codemint.raw_codes.call_id IS 'The call that made it, as far as listing tells.';
COMMENT ON COLUMN codemint.calls.is_short IS
  'Its answer was not what was asked for, and its reward has not been listed since.';
COMMENT ON COLUMN codemint.rewards.watch_call IS 'The latest call because of which it is watched.';
COMMENT ON COLUMN codemint.rewards.watch_step IS
  'Listings of the watch done so far; below 0, calls wait for one that comes first: -1 because of an '
  'answer that was not what was asked for, -2 because of a failover.';
COMMENT ON COLUMN codemint.rewards.watch_failures IS
  'How often in a row it could not be listed when the watch was due.';
COMMENT ON COLUMN codemint.rewards.watch_ended IS
  'How its last watch ended: listed, or unlistable if its list could not be had for too long.';
COMMENT ON VIEW codemint.job_status IS 'Every job with progress, pace, doubts, sync and last error.';
COMMENT ON COLUMN codemint.job_status.time_left IS 'At the pace so far.';
COMMENT ON VIEW codemint.call_log IS 'Every request, newest first.';
COMMENT ON VIEW codemint.doubts IS 'Calls of which nobody knows whether they made codes.';
COMMENT ON FUNCTION codemint.count_strays(codemint.calls) IS
  'How many codes adopt would take for a held call.';
COMMENT ON VIEW codemint.account_status IS 'Whether calls may be sent now, how fast, and if not, why.';
COMMENT ON COLUMN codemint.accounts.system_identifier IS
  'The database cluster that the ledger lives in.';
COMMENT ON COLUMN codemint.accounts.timeline IS
  'Its timeline: another one means a failover, and recent rewards are listed first.';
COMMENT ON COLUMN codemint.accounts.suspended_at IS
  'Since when nothing is sent, because this is another cluster: a copy, or a restore.';
COMMENT ON FUNCTION codemint.accept_cluster(text) IS
  'Says that this cluster is the one to work on and no other one is in use. Say why.';

COMMENT ON COLUMN codemint.claimed.outcome IS 'call, or nothing.';
COMMENT ON COLUMN codemint.claimed.job_id IS 'The call''s job.';
COMMENT ON COLUMN codemint.claimed.reward_id IS 'The call''s reward.';
COMMENT ON COLUMN codemint.claimed.prefix IS 'What its codes are to begin with.';
COMMENT ON COLUMN codemint.claimed.size IS 'How many codes it asks for.';
COMMENT ON COLUMN codemint.claimed.slot_us IS 'Microseconds from answered_at to its slot.';
COMMENT ON COLUMN codemint.claimed.answered_at IS 'The database''s clock when it answered.';
COMMENT ON COLUMN codemint.claimed.spacing_us IS 'Microseconds from one slot to the next.';
COMMENT ON COLUMN codemint.claimed.wait_us IS
  'Microseconds until time alone may bring a slot or end a pause; null if it will not.';
COMMENT ON COLUMN codemint.claimed.due_us IS
  'Microseconds until the next job leaves the waiting room; null if it is empty.';
COMMENT ON COLUMN codemint.claimed.job_failures IS 'Its job''s answers in a row without a new code.';
COMMENT ON COLUMN codemint.claimed.reward_failures IS 'Its reward''s failures in a row.';
COMMENT ON COLUMN codemint.claimed.account_failures IS 'The account''s failures in a row.';
COMMENT ON COLUMN codemint.slot.spacing IS 'From one slot to the next.';
COMMENT ON COLUMN codemint.slot.leeway IS 'How late who has it may leave.';
COMMENT ON COLUMN codemint.slot.slot IS 'When it is.';
COMMENT ON COLUMN codemint.slot.following IS 'accounts.next_slot_at, once it is taken.';
