-- The manual that psql's \d+ and \df+ show, for what has no comment where it is made. A test fails when
-- anything in the schema has none. Functions are named without their arguments, since each name is there
-- once.

COMMENT ON SCHEMA codemint IS
  'codemint provisions reward codes in bulk: insert into jobs, read codes, watch job_status.';

-- Tables and their columns.
COMMENT ON TABLE codemint.jobs IS
  'What producers ask for: one row is one job. Producers write reward_id, count, prefix, priority, '
  'run_at, dedupe_key and metadata, and nothing else.';
COMMENT ON COLUMN codemint.jobs.reward_id IS 'The reward of the API to generate codes for.';
COMMENT ON COLUMN codemint.jobs.count IS 'How many codes, 1 to 1000000. Never more are counted.';
COMMENT ON COLUMN codemint.jobs.prefix IS 'What the codes shall begin with, 1 to 32 characters.';
COMMENT ON COLUMN codemint.jobs.priority IS '0 goes first, 9 last; 5 if not given.';
COMMENT ON COLUMN codemint.jobs.run_at IS 'Nothing is sent for the job before this time.';
COMMENT ON COLUMN codemint.jobs.dedupe_key IS
  'Unique for ever and among all producers: a second job with the same key is refused.';
COMMENT ON COLUMN codemint.jobs.metadata IS 'A JSON object of the producer''s own; kept as it is.';
COMMENT ON COLUMN codemint.jobs.state IS
  'queued, running, ending (waits for outstanding calls), completed, failed or cancelled.';
COMMENT ON COLUMN codemint.jobs.paused IS 'An operator paused it: no new call.';
COMMENT ON COLUMN codemint.jobs.held IS
  'codemint cannot go on by itself and waits for an operator; see codemint.waits.';
COMMENT ON COLUMN codemint.jobs.issued IS 'Codes in codemint.codes that count for the job.';
COMMENT ON COLUMN codemint.jobs.outstanding IS
  'Codes asked for by calls that are sending or in doubt.';
COMMENT ON COLUMN codemint.jobs.surplus IS
  'Codes that exist upstream because of the job and that it had no room for.';
COMMENT ON COLUMN codemint.jobs.error_code IS
  'Why it failed, was cancelled or is held: the API''s own code, or codemint''s.';
COMMENT ON COLUMN codemint.jobs.error_message IS
  'The message that goes with error_code; (code) stands where it may have quoted a code.';
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
COMMENT ON COLUMN codemint.calls.hold_reason IS
  'Why listing could not decide it: number_unexplained, prefixes_indistinct, codes_made_late, '
  'listing_has_nulls or listing_failed.';
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
COMMENT ON COLUMN codemint.accounts.system_identifier IS
  'The database cluster that the ledger lives in.';
COMMENT ON COLUMN codemint.accounts.timeline IS
  'Its timeline: another one means a failover, and recent rewards are listed first, or a base backup '
  'that was restored.';
COMMENT ON COLUMN codemint.accounts.suspended_at IS
  'Since when nothing is sent, because this is a copy, or was restored.';
COMMENT ON TABLE codemint.migrations IS
  'The steps of the schema that were applied, each with the checksum of its text; written by '
  'codemint migrate.';
COMMENT ON COLUMN codemint.migrations.number IS 'Its place in the order, from 1.';
COMMENT ON COLUMN codemint.migrations.name IS 'What it brought, in one word.';
COMMENT ON COLUMN codemint.migrations.checksum IS
  'MD5 of its text; a binary with another text says so and stops.';
COMMENT ON COLUMN codemint.migrations.applied_at IS 'When it was applied.';
COMMENT ON COLUMN codemint.migrations.applied_by IS 'The role that applied it.';
COMMENT ON COLUMN codemint.jobs.id IS 'The job''s number, given by the database.';
COMMENT ON COLUMN codemint.jobs.created_at IS 'When it was inserted.';
COMMENT ON COLUMN codemint.jobs.updated_at IS 'When codemint last wrote to the row.';
COMMENT ON COLUMN codemint.calls.id IS 'Made by the worker before it claims, so that asking twice is harmless.';
COMMENT ON COLUMN codemint.calls.job_id IS 'The job that it asks for.';
COMMENT ON COLUMN codemint.calls.reward_id IS 'The reward that it asks of.';
COMMENT ON COLUMN codemint.calls.prefix IS 'The prefix that it asks with; null for none.';
COMMENT ON COLUMN codemint.calls.size IS 'How many codes it asks for, 1 to 500.';
COMMENT ON COLUMN codemint.calls.http_status IS 'The status of the API''s answer; null without one.';
COMMENT ON COLUMN codemint.calls.error_code IS
  'Why it made no codes, or why nobody knows: the API''s own code, or codemint''s.';
COMMENT ON COLUMN codemint.calls.error_message IS
  'The message that goes with error_code, at most 2000 characters; (code) stands where it may have '
  'quoted a code.';
COMMENT ON COLUMN codemint.calls.duration_ms IS
  'From the request to the end of its answer, in milliseconds.';
COMMENT ON COLUMN codemint.calls.created_at IS 'When it was claimed.';
COMMENT ON COLUMN codemint.calls.settled_at IS
  'When its outcome was recorded; null while it is sending or in doubt.';
COMMENT ON COLUMN codemint.calls.updated_at IS 'When codemint last wrote to the row.';
COMMENT ON COLUMN codemint.calls.resolved_by IS 'The login of the person who decided.';
COMMENT ON COLUMN codemint.calls.resolved_at IS 'When that person decided.';
COMMENT ON COLUMN codemint.codes.job_id IS
  'The job that it counts for, or was made for; null if that is not known, or the job was purged.';
COMMENT ON COLUMN codemint.codes.call_id IS
  'The call that made it, which codemint may have forgotten since (retention.calls_days).';
COMMENT ON COLUMN codemint.codes.reward_id IS 'The reward that it belongs to.';
COMMENT ON COLUMN codemint.codes.code IS
  'What a customer types in: worth money, so that only codemint_reader and the daemon may see it.';
COMMENT ON COLUMN codemint.codes.purged_at IS
  'When its job was purged; the id alone is left, so that no listing takes it for a new code.';
COMMENT ON COLUMN codemint.rewards.reward_id IS 'The API''s id of the reward.';
COMMENT ON COLUMN codemint.rewards.error_code IS 'Why its last call was refused, if it was.';
COMMENT ON COLUMN codemint.rewards.error_message IS 'The message that goes with error_code.';
COMMENT ON COLUMN codemint.rewards.reconciler_until IS
  'Until when the worker in reconciler has it without a word.';
COMMENT ON COLUMN codemint.rewards.watch_failing_since IS
  'Since when its list cannot be had for the watch.';
COMMENT ON COLUMN codemint.rewards.watch_error IS 'Why its list could not be had last.';
COMMENT ON COLUMN codemint.rewards.created_at IS 'When codemint met it first.';
COMMENT ON COLUMN codemint.accounts.name IS 'default: there is one account.';
COMMENT ON COLUMN codemint.accounts.blocked_code IS 'The API''s code for refusing the key.';
COMMENT ON COLUMN codemint.accounts.blocked_message IS 'The message that goes with blocked_code.';
COMMENT ON COLUMN codemint.accounts.offset_high_us IS
  'The API''s clock is at most so many microseconds ahead of this one, as answers have shown.';
COMMENT ON COLUMN codemint.accounts.offset_measured_at IS 'When the offset was last measured.';
COMMENT ON COLUMN codemint.accounts.offset_distrusted_until IS
  'Until then the API''s createdAt is not believed, because answers contradict each other.';
COMMENT ON COLUMN codemint.accounts.accepted_by IS 'Who accepted this database cluster.';
COMMENT ON COLUMN codemint.accounts.accepted_at IS 'When it was accepted.';
COMMENT ON COLUMN codemint.accounts.accepted_note IS 'Why, in the person''s words.';
COMMENT ON COLUMN codemint.accounts.calls_pruned_until IS
  'Old calls of jobs that ended up to this moment have been forgotten.';
COMMENT ON COLUMN codemint.accounts.calls_pruned_job IS
  'The last of the jobs that ended at calls_pruned_until and whose calls have been forgotten.';
COMMENT ON COLUMN codemint.workers.id IS 'This start of the daemon.';
COMMENT ON COLUMN codemint.workers.host IS 'The name of its host.';
COMMENT ON COLUMN codemint.workers.process IS 'Its process id on that host.';
COMMENT ON COLUMN codemint.workers.version IS 'Its version of codemint.';
COMMENT ON COLUMN codemint.workers.draining IS 'Whether it is stopping.';
COMMENT ON COLUMN codemint.workers.requests_per_second IS 'The limit in its settings.';
COMMENT ON COLUMN codemint.workers.burst IS 'The limit in its settings.';
COMMENT ON COLUMN codemint.workers.max_in_flight IS 'The limit in its settings.';
COMMENT ON COLUMN codemint.workers.max_in_flight_per_reward IS 'The limit in its settings.';
COMMENT ON COLUMN codemint.workers.started_at IS 'When it announced itself first.';
COMMENT ON COLUMN codemint.workers.seen_at IS 'When it last did.';
COMMENT ON COLUMN codemint.workers.expires_at IS 'It counts as dead after this time without a word.';
COMMENT ON COLUMN codemint.strays.call_id IS
  'The call whose answer showed it, or the held call that it was set aside for.';
COMMENT ON COLUMN codemint.strays.found_at IS
  'When it was found; the same as held_at of the calls that it was set aside for.';
COMMENT ON COLUMN codemint.answers.call_id IS 'The call whose answer it is.';
COMMENT ON COLUMN codemint.answers.body IS
  'The answer as it came, cut off after 1 MiB; may hold codes, so only codemint_reader may see it.';
COMMENT ON COLUMN codemint.answers.stored_at IS 'When it was kept.';
COMMENT ON COLUMN codemint.raw_codes.id IS 'The API''s own id of the code.';
COMMENT ON COLUMN codemint.raw_codes.reward_id IS 'The reward that it belongs to.';
COMMENT ON COLUMN codemint.raw_codes.code IS 'The code''s text in UTF-8; only for codemint_reader.';
COMMENT ON COLUMN codemint.raw_codes.status IS 'The API''s status in UTF-8.';
COMMENT ON COLUMN codemint.raw_codes.external_ids IS 'The API''s externalIds in UTF-8, as received.';
COMMENT ON COLUMN codemint.raw_codes.found_at IS 'When a listing showed it.';
COMMENT ON COLUMN codemint.arrivals.reward_id IS 'The reward that the new jobs are of.';
COMMENT ON COLUMN codemint.arrivals.priority IS 'The priority of the first of the new jobs.';
COMMENT ON SEQUENCE codemint.turns IS 'Places in the round: see codemint.jobs.turn.';
COMMENT ON SEQUENCE codemint.jobs_id_seq IS 'Numbers of jobs.';

-- What a view or a table takes over from another under the same name means the same there.
DO $$
DECLARE
  v_column record;
BEGIN
  FOR v_column IN
    SELECT DISTINCT ON (t.oid, a.attnum) format('codemint.%I.%I', t.relname, a.attname) AS name,
           col_description(s.oid, b.attnum) AS words
    FROM unnest(ARRAY['job_status', 'call_log', 'doubts', 'doubts', 'account_status', 'watches',
                      'strays', 'shown_code'],
                ARRAY['jobs', 'calls', 'calls', 'rewards', 'accounts', 'rewards', 'codes', 'codes'])
      WITH ORDINALITY AS p (target, source, place)
    JOIN pg_class t ON t.relnamespace = 'codemint'::regnamespace AND t.relname = p.target
    JOIN pg_class s ON s.relnamespace = 'codemint'::regnamespace AND s.relname = p.source
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
    JOIN pg_attribute b ON b.attrelid = s.oid AND b.attname = a.attname
    WHERE col_description(t.oid, a.attnum) IS NULL AND col_description(s.oid, b.attnum) IS NOT NULL
    ORDER BY t.oid, a.attnum, p.place
  LOOP
    EXECUTE format('COMMENT ON COLUMN %s IS %L', v_column.name, v_column.words);
  END LOOP;
END
$$;

-- Types.
COMMENT ON COLUMN codemint.candidate.job_id IS 'The job; null if nobody can be served.';
COMMENT ON COLUMN codemint.candidate.reward_id IS 'Its reward.';
COMMENT ON COLUMN codemint.candidate.turn IS 'Its turn then; 0 for a newcomer.';
COMMENT ON COLUMN codemint.candidate.is_crowded IS
  'Whether so many arrivals cannot be served that others may be behind them.';
COMMENT ON COLUMN codemint.claimed.outcome IS 'call, or nothing.';
COMMENT ON COLUMN codemint.claimed.job_id IS 'The call''s job.';
COMMENT ON COLUMN codemint.claimed.reward_id IS 'The call''s reward.';
COMMENT ON COLUMN codemint.claimed.prefix IS 'What its codes are to begin with.';
COMMENT ON COLUMN codemint.claimed.size IS 'How many codes it asks for.';
COMMENT ON COLUMN codemint.claimed.slot_us IS 'Microseconds from answered_at to its slot.';
COMMENT ON COLUMN codemint.claimed.answered_at IS 'The database''s clock when it answered.';
COMMENT ON COLUMN codemint.claimed.spacing_us IS 'Microseconds from one slot to the next.';
COMMENT ON COLUMN codemint.claimed.leeway_us IS 'How late after the claim it may leave.';
COMMENT ON COLUMN codemint.claimed.wait_us IS
  'Microseconds until time alone may bring a slot or end a pause; null if it will not.';
COMMENT ON COLUMN codemint.claimed.due_us IS
  'Microseconds until the next job leaves the waiting room; null if it is empty.';
COMMENT ON COLUMN codemint.claimed.job_failures IS 'Its job''s answers in a row without a new code.';
COMMENT ON COLUMN codemint.claimed.reward_failures IS 'Its reward''s failures in a row.';
COMMENT ON COLUMN codemint.claimed.account_failures IS 'The account''s failures in a row.';
COMMENT ON COLUMN codemint.claimed.starts_job IS 'Whether its job is running because of this call.';
COMMENT ON COLUMN codemint.slot.spacing IS 'From one slot to the next.';
COMMENT ON COLUMN codemint.slot.leeway IS 'How late who has it may leave.';
COMMENT ON COLUMN codemint.slot.slot IS 'When it is.';
COMMENT ON COLUMN codemint.slot.following IS 'accounts.next_slot_at, once it is taken.';

-- Triggers.
COMMENT ON TRIGGER place_new_job ON codemint.jobs IS
  'Gives a new job its place, and what codemint alone writes its first values.';
COMMENT ON TRIGGER wake_workers ON codemint.jobs IS
  'One arrival for each reward and one NOTIFY codemint_jobs for each INSERT statement.';

-- Functions for operators.
COMMENT ON FUNCTION codemint.reserve_slot IS
  'A slot of the rate limit for a request that makes no codes, for codemint itself and codemint audit.';
COMMENT ON FUNCTION codemint.current_pace IS
  'Requests a second that are sent now; what codemint.account_status shows.';

-- Functions that only the daemon runs. Those that return something about time return microseconds.
COMMENT ON FUNCTION codemint.claim_call IS
  'Takes the next call of the job whose turn it is, committed before a byte of it is sent.';
COMMENT ON FUNCTION codemint.may_send IS 'Whether the account may send a generate call at all.';
COMMENT ON FUNCTION codemint.may_take IS
  'Whether a call may be taken of this job, its reward and the account, all of them locked.';
COMMENT ON FUNCTION codemint.take_call IS
  'Looks for the job whose turn it is, and takes a call of it.';
COMMENT ON FUNCTION codemint.show_claim IS
  'What a worker needs to know of a call that it may send.';
COMMENT ON TYPE codemint.claimed IS 'What asking for a call gave.';
COMMENT ON TYPE codemint.slot IS
  'A slot that can be had, and what the limiter knows once it is taken.';
COMMENT ON FUNCTION codemint.commit_for_sure IS
  'Says how the transaction commits: on disk before anybody is told, or not waiting for it.';
COMMENT ON FUNCTION codemint.make_sure IS
  'Returns when all that was committed before is on disk, and with a standby that is waited for, and '
  'says whether a call is still being sent.';
COMMENT ON FUNCTION codemint.next_slot IS 'The account''s next slot, should somebody take it now.';
COMMENT ON FUNCTION codemint.wait_for_slot IS
  'Until the next slot may be taken; null if it may now.';
COMMENT ON FUNCTION codemint.move_slot IS 'A new slot for a call that has missed its own.';
COMMENT ON FUNCTION codemint.insert_call IS 'Inserts a call of this job in the next slot.';
COMMENT ON FUNCTION codemint.lock_reward IS 'Locks a reward''s row, which it makes if it is not there.';
COMMENT ON FUNCTION codemint.microseconds IS
  'From the one moment to the other, never more than a day.';
COMMENT ON FUNCTION codemint.next_due IS 'Until the next job leaves the waiting room; null for none.';
COMMENT ON FUNCTION codemint.next_reopening IS
  'Until the first pause of an open reward ends; null for none.';
COMMENT ON FUNCTION codemint.place_new_job IS 'The trigger of the same name.';
COMMENT ON FUNCTION codemint.wake_workers IS 'The trigger of the same name.';
COMMENT ON FUNCTION codemint.place_job IS
  'Where a job stands: in the line, in the waiting room, or in neither.';
COMMENT ON FUNCTION codemint.conclude_job IS
  'The state of a job after its counters changed or it was refused; tells who listens for its end.';
COMMENT ON FUNCTION codemint.save_job IS 'Writes back what of a job the daemon''s functions change.';
COMMENT ON FUNCTION codemint.release_job IS
  'Lets a job go on whose held call has got its outcome, unless something else holds it.';
COMMENT ON FUNCTION codemint.settle_call IS
  'Records the ending of one call, once, however often it is asked for; evidence beats lease.';
COMMENT ON FUNCTION codemint.end_call IS
  'What the ending of a call means for its job, and the state that the call has from now on.';
COMMENT ON FUNCTION codemint.restore_call IS
  'Takes in a call that this database does not know: lost in a failover, or forgotten since.';
COMMENT ON FUNCTION codemint.store_codes IS
  'Inserts codes; new ones count for the job as far as there is room, the rest is surplus.';
COMMENT ON FUNCTION codemint.store_new_codes IS
  'Inserts codes that all count and that nobody has recorded before; else none, and says so.';
COMMENT ON FUNCTION codemint.store_strays IS 'Keeps codes whose owner is not proven.';
COMMENT ON FUNCTION codemint.store_raw_codes IS
  'Keeps codes that no text or jsonb column can hold, as bytes.';
COMMENT ON FUNCTION codemint.set_aside IS
  'Keeps what of an answer is no row of codes: its bytes, and codes of another reward.';
COMMENT ON FUNCTION codemint.close_or_reopen IS
  'A reward closes with a call that falls in doubt, and reopens with the last one decided.';
COMMENT ON FUNCTION codemint.apply_reward_effect IS 'What an answer means for its reward.';
COMMENT ON FUNCTION codemint.apply_account_effect IS 'What an answer means for the whole account.';
COMMENT ON FUNCTION codemint.account_proven IS 'The account after an answer as it should be.';
COMMENT ON FUNCTION codemint.account_throttled IS
  'The account after a 429: everybody pauses, and the pace is halved.';
COMMENT ON FUNCTION codemint.account_failed IS
  'The account after a failure of the API; after some in a row the breaker opens.';
COMMENT ON FUNCTION codemint.is_news IS
  'Whether an ending says something new, its call having left after the last failure was known.';
COMMENT ON FUNCTION codemint.save_account IS 'Writes back what of the account an answer changes.';
COMMENT ON FUNCTION codemint.tend IS 'Everything that falls due with time, in one round trip.';
COMMENT ON FUNCTION codemint.expire_leases IS
  'Calls whose lease ran out become doubtful, and their rewards close.';
COMMENT ON FUNCTION codemint.line_up IS 'Jobs whose time has come join the line.';
COMMENT ON FUNCTION codemint.announce_worker IS 'A worker says that it lives, with its limits.';
COMMENT ON FUNCTION codemint.retire_worker IS 'Takes a worker that stopped off the list.';
COMMENT ON FUNCTION codemint.apply_limits IS
  'Puts the limits in force that set_limits says, else the smallest that living workers bring.';
COMMENT ON FUNCTION codemint.account_block IS
  'Why the account may not send, if so, and whether to probe now.';
COMMENT ON FUNCTION codemint.record_probe IS 'Records what GET /v1/team showed.';
COMMENT ON FUNCTION codemint.heed_feedback IS 'What an answer says of the pace.';
COMMENT ON FUNCTION codemint.next_tending IS 'Until something falls due.';
COMMENT ON FUNCTION codemint.may_list IS 'Whether the API may be asked to list.';
COMMENT ON FUNCTION codemint.is_reconciling_due IS
  'Whether a reward is due to be reconciled, or a watched one to be listed again.';
COMMENT ON FUNCTION codemint.zip_codes IS 'Codes that came as one array a column.';
COMMENT ON FUNCTION codemint.credit_call IS 'Stores codes that were found for a call.';
COMMENT ON FUNCTION codemint.has_seen_all IS
  'Whether a call held for this reason has had all that it can have made set aside.';
COMMENT ON FUNCTION codemint.take_doubt IS
  'Takes a closed reward whose doubt can be worked on: one row for each doubtful call.';
COMMENT ON FUNCTION codemint.keep_reward IS 'Extends a worker''s hold on a reward that it lists.';
COMMENT ON FUNCTION codemint.leave_reward IS 'Gives a reward back undecided.';
COMMENT ON FUNCTION codemint.decide_doubt IS
  'Decides doubtful calls as a whole: adopts, declares absent, or holds them for a person.';
COMMENT ON FUNCTION codemint.adopt_call IS 'Records the codes of a doubtful call that were found.';
COMMENT ON FUNCTION codemint.declare_absent IS
  'A doubtful call is judged not to have happened: its room is free, its reward watched.';
COMMENT ON FUNCTION codemint.hold_calls IS
  'Doubtful calls that cannot be decided wait for a person, and their jobs with them.';
COMMENT ON FUNCTION codemint.keep_for_held IS 'Sets codes aside for a held call.';
COMMENT ON FUNCTION codemint.refresh_line IS 'Finds the heads of a reward''s line again.';
COMMENT ON FUNCTION codemint.next_candidate IS 'The job whose call is next, found without a lock.';
COMMENT ON FUNCTION codemint.meet_arrivals IS
  'Arrivals that cannot be served find their place in their rewards'' lines.';
COMMENT ON FUNCTION codemint.watch_reward IS 'Has a reward listed again, for a day.';
COMMENT ON FUNCTION codemint.take_watch IS 'Takes a reward whose watch is due.';
COMMENT ON FUNCTION codemint.put_off_watch IS
  'Puts a round of a watch off because the list could not be had, or gives the watch up.';
COMMENT ON FUNCTION codemint.conclude_watch IS 'Concludes one round of a watch with what it found.';
COMMENT ON FUNCTION codemint.take_kept_back IS
  'Gives codes that were found to the calls whose answers kept them back.';
COMMENT ON FUNCTION codemint.keep_rest IS
  'Keeps what a watch found and no answer had kept back, for a held call or as surplus.';
COMMENT ON FUNCTION codemint.end_round IS 'One listing of a watch is done.';
COMMENT ON FUNCTION codemint.fails_alone IS 'Whether a failure is its reward''s own (rule 17).';
COMMENT ON FUNCTION codemint.is_free IS
  'Whether a worker may take a reward, to reconcile it or to list it.';
COMMENT ON FUNCTION codemint.record_ending IS 'Records on a call''s row how its request ended.';
COMMENT ON FUNCTION codemint.apply_effects IS
  'What the ending of a call means for its reward and for everybody.';
