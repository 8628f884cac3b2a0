-- The rest of the manual that psql's \d+ and \df+ show: what has no comment yet where it is made. A
-- test fails when anything in the schema has none. Functions are named without their arguments,
-- since each name is there once.

-- Tables and their columns.
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
  'The message that goes with error_code, at most 2000 characters.';
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
  'What a customer types in: worth money, so that only codemint_reader may see it.';
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
COMMENT ON COLUMN codemint.job_actions.id IS 'In the order in which things were done.';
COMMENT ON COLUMN codemint.job_actions.job_id IS 'The job that it was done to.';
COMMENT ON COLUMN codemint.job_actions.done_at IS 'When it was done.';
COMMENT ON COLUMN codemint.follows.reward_id IS 'The reward.';
COMMENT ON COLUMN codemint.follows.scan_anchor IS
  'The last code that was read there, to notice a list that has shifted.';
COMMENT ON COLUMN codemint.follows.scan_newest IS
  'The newest change that this reading has shown; it becomes the mark when it is complete.';
COMMENT ON COLUMN codemint.follows.follower_until IS
  'Until when the worker in follower has it without a word.';
COMMENT ON COLUMN codemint.resyncs.reward_id IS 'The reward.';
COMMENT ON COLUMN codemint.resyncs.system IS 'shopify or stripe.';
COMMENT ON COLUMN codemint.resyncs.asked_at IS 'When the API was last asked.';
COMMENT ON TABLE codemint.purges IS
  'Jobs that an operator removed with codemint.purge_job: what they were, who, when and why.';
COMMENT ON COLUMN codemint.purges.job_id IS 'The number that the job had.';
COMMENT ON COLUMN codemint.purges.reward_id IS 'Its reward.';
COMMENT ON COLUMN codemint.purges.count IS 'How many codes it had asked for.';
COMMENT ON COLUMN codemint.purges.state IS 'How it had ended: completed, failed or cancelled.';
COMMENT ON COLUMN codemint.purges.codes IS
  'How many codes of it, surplus included, are known by their bare ids only.';
COMMENT ON COLUMN codemint.purges.dedupe_key IS 'Its key, which stays taken for ever.';
COMMENT ON COLUMN codemint.purges.note IS 'Why, in the person''s words.';
COMMENT ON COLUMN codemint.purges.done_by IS 'The login that removed it.';
COMMENT ON COLUMN codemint.purges.done_at IS 'When it was removed.';
COMMENT ON SEQUENCE codemint.turns IS 'Places in the round: see codemint.jobs.turn.';
COMMENT ON SEQUENCE codemint.jobs_id_seq IS 'Numbers of jobs.';
COMMENT ON SEQUENCE codemint.job_actions_id_seq IS 'Numbers of what operators did to jobs.';

-- Views.
COMMENT ON COLUMN codemint.job_status.percent IS 'How much of count is issued.';
COMMENT ON COLUMN codemint.job_status.codes_per_second IS
  'Codes a second from the first call until now, or until the end.';
COMMENT ON COLUMN codemint.job_status.in_doubt IS
  'Calls of it of which nobody knows whether they made codes; see codemint.doubts.';
COMMENT ON COLUMN codemint.job_status.sync_none IS 'Codes that no other system is to have.';
COMMENT ON COLUMN codemint.job_status.sync_pending IS 'Codes that some system has yet to take.';
COMMENT ON COLUMN codemint.job_status.sync_synced IS 'Codes that all their systems have.';
COMMENT ON COLUMN codemint.job_status.sync_error IS
  'Codes that some system has refused; see codemint.sync_problems.';
COMMENT ON COLUMN codemint.call_log.id IS 'The call.';
COMMENT ON COLUMN codemint.doubts.call_id IS 'The call; what codemint.resolve_call is given.';
COMMENT ON COLUMN codemint.doubts.reward_closed_at IS
  'Since when its reward takes no new call because of a doubt; null if it does.';
COMMENT ON COLUMN codemint.doubts.since IS 'How long it has been in doubt, or held.';
COMMENT ON COLUMN codemint.doubts.codes_found IS
  'How many codes adopt would take for it now.';
COMMENT ON COLUMN codemint.doubts.what_to_do IS 'The statement that decides it, if it waits for you.';
COMMENT ON COLUMN codemint.account_status.reason IS 'Why nothing is sent, or little; null if all is well.';
COMMENT ON COLUMN codemint.account_status.message IS 'The same in words, with what to do.';
COMMENT ON COLUMN codemint.account_status.workers IS 'Daemons that live.';
COMMENT ON COLUMN codemint.watches.call_id IS 'The latest call because of which it is watched.';
COMMENT ON COLUMN codemint.watches.next_listing_at IS 'When it is listed next.';
COMMENT ON COLUMN codemint.watches.listings_done IS 'Listings of this watch so far, of four.';
COMMENT ON COLUMN codemint.watches.failures IS 'How often in a row it could not be listed.';
COMMENT ON COLUMN codemint.watches.failing_since IS 'Since when.';
COMMENT ON COLUMN codemint.watches.error IS 'Why.';
COMMENT ON COLUMN codemint.watches.what_to_do IS 'What is left for you to do, if anything.';
COMMENT ON COLUMN codemint.sync_problems.reward_id IS 'The reward.';
COMMENT ON COLUMN codemint.sync_problems.system IS 'The system, as the API names it: shopify, stripe.';
COMMENT ON COLUMN codemint.sync_problems.sync_status IS 'The API''s own word for these codes.';
COMMENT ON COLUMN codemint.sync_problems.codes IS 'How many codes.';
COMMENT ON COLUMN codemint.sync_problems.sample IS 'The ids of up to five of them.';
COMMENT ON COLUMN codemint.sync_problems.state IS
  'followed, asked again, cannot be asked again, given up, or unknown word.';
COMMENT ON COLUMN codemint.sync_problems.next_look_at IS 'When the reward is looked at next.';
COMMENT ON COLUMN codemint.sync_problems.given_up_at IS
  'Since when nothing more happens by itself; codemint.follow_sync takes it up again.';
COMMENT ON COLUMN codemint.sync_problems.request_error IS
  'Why the last request itself, to list or to copy once more, failed.';

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
COMMENT ON COLUMN codemint.candidate.is_contested IS
  'Whether both a newcomer and the round wanted this call.';
COMMENT ON COLUMN codemint.candidate.newcomer_last IS 'Whether the last call was a newcomer''s.';
COMMENT ON COLUMN codemint.candidate.is_crowded IS
  'Whether so many arrivals cannot be served that others may be behind them.';

-- Triggers.
COMMENT ON TRIGGER place_new_job ON codemint.jobs IS
  'Gives a new job its place, and what codemint alone writes its first values.';
COMMENT ON TRIGGER wake_workers ON codemint.jobs IS
  'One arrival for each reward and one NOTIFY codemint_jobs for each INSERT statement.';
COMMENT ON TRIGGER refuse_purged_key ON codemint.jobs IS
  'Keeps the dedupe_key of a purged job taken.';
COMMENT ON TRIGGER note_sync_done ON codemint.jobs IS
  'Tells when a job ends of which no code waits for another system.';

-- Functions for operators.
COMMENT ON FUNCTION codemint.purge_job IS
  'Removes a job that has ended, its requests, and its codes but for their bare ids. There is no way '
  'back. Refused while anything of it is unfinished, in doubt, held or watched.';
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
  'Returns when all that was committed before is on disk, and with a standby that is waited for.';
COMMENT ON FUNCTION codemint.next_slot IS 'The account''s next slot, should somebody take it now.';
COMMENT ON FUNCTION codemint.wait_for_slot IS
  'Until the next slot may be taken; null if it may now.';
COMMENT ON FUNCTION codemint.move_slot IS 'A new slot for a call that has missed its own.';
COMMENT ON FUNCTION codemint.insert_call IS 'Inserts a call of this job in the next slot.';
COMMENT ON FUNCTION codemint.lock_reward IS 'Locks a reward''s row, which it makes if it is not there.';
COMMENT ON FUNCTION codemint.lock_job IS 'A job''s row, locked after its reward''s.';
COMMENT ON FUNCTION codemint.microseconds IS
  'From the one moment to the other, never more than a day.';
COMMENT ON FUNCTION codemint.next_due IS 'Until the next job leaves the waiting room; null for none.';
COMMENT ON FUNCTION codemint.next_reopening IS
  'Until the first pause of an open reward ends; null for none.';
COMMENT ON FUNCTION codemint.place_new_job IS 'The trigger of the same name.';
COMMENT ON FUNCTION codemint.wake_workers IS 'The trigger of the same name.';
COMMENT ON FUNCTION codemint.refuse_purged_key IS 'The trigger of the same name.';
COMMENT ON FUNCTION codemint.note_sync_done IS 'The trigger of the same name.';
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
COMMENT ON FUNCTION codemint.store_among_known IS
  'Inserts codes of which some are known, or more than there is room for.';
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
COMMENT ON FUNCTION codemint.earliest IS 'The earliest of these moments; null if one is not known.';
COMMENT ON FUNCTION codemint.learn_offset IS 'What a clean answer teaches of the API''s clock.';
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
COMMENT ON FUNCTION codemint.clock_drift IS
  'How far two clocks can have drifted apart in that time, in microseconds.';
COMMENT ON FUNCTION codemint.clock_offset IS
  'How far the API''s clock is ahead of this one, in microseconds; no row if it is not believed.';
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
COMMENT ON FUNCTION codemint.current_cluster IS 'This database cluster''s identity and timeline.';
COMMENT ON FUNCTION codemint.check_cluster IS
  'Looks whether this is still the same cluster and timeline, and acts if not.';
COMMENT ON FUNCTION codemint.suspect_rewards IS
  'Has every reward of which something was asked since then listed first.';
COMMENT ON FUNCTION codemint.describe_job IS 'One sentence on where a job stands.';
COMMENT ON FUNCTION codemint.steer_job IS 'Saves a steered job and keeps what was done.';
COMMENT ON FUNCTION codemint.may_be_of IS 'Whether a code can be what a job asked for.';
COMMENT ON FUNCTION codemint.refresh_line IS 'Finds the heads of a reward''s line again.';
COMMENT ON FUNCTION codemint.next_candidate IS 'The job whose call is next, found without a lock.';
COMMENT ON FUNCTION codemint.is_still_next IS
  'Whether what a candidate was chosen for still holds under the locks.';
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
COMMENT ON FUNCTION codemint.check_resolution IS 'Refuses what an operator cannot mean.';
COMMENT ON FUNCTION codemint.strays_for IS 'The codes that were set aside for a held call.';
COMMENT ON FUNCTION codemint.follow_codes IS
  'Codes were stored: if some are not settled, their reward is followed from now on.';
COMMENT ON FUNCTION codemint.take_follow IS 'Takes the reward whose look is due for the longest time.';
COMMENT ON FUNCTION codemint.follow_slot IS
  'A slot for a page of a followed reward; generate calls go first.';
COMMENT ON FUNCTION codemint.record_changes IS
  'Records how a page showed codes, and touches only rows that differ.';
COMMENT ON FUNCTION codemint.watch_for_late_codes IS
  'Has a reward watched on which codes came to light that a call judged absent may have made.';
COMMENT ON FUNCTION codemint.finish_look IS 'Ends a look and gives the reward back.';
COMMENT ON FUNCTION codemint.judge_follow IS
  'After a complete look: looked at again and when, settled, or given up.';
COMMENT ON FUNCTION codemint.judge_resyncs IS
  'What is to be done about the codes of a reward that are in error.';
COMMENT ON FUNCTION codemint.note_resync IS
  'Notes why the API was not asked to copy a reward once more, or refused it.';
COMMENT ON FUNCTION codemint.is_settled IS 'Whether no code of a job waits for another system.';
COMMENT ON FUNCTION codemint.conclude_sync IS
  'Tells of every finished job of a reward whose last code has been settled, once.';
COMMENT ON FUNCTION codemint.may_forget IS 'Whether nobody needs a call any more.';
COMMENT ON FUNCTION codemint.prune_calls IS
  'Deletes a batch of old calls of jobs that have ended (retention.calls_days).';
COMMENT ON FUNCTION codemint.check_purge IS
  'Refuses to purge a job of which something is still to be found out.';
COMMENT ON FUNCTION codemint.fails_alone IS 'Whether a failure is its reward''s own (rule 17).';
COMMENT ON FUNCTION codemint.is_free IS
  'Whether a worker may take a reward, to reconcile it or to list it.';
COMMENT ON FUNCTION codemint.look_for_codes IS
  'Has the reward of a held call listed that is to be adopted and of which nothing was found.';
COMMENT ON FUNCTION codemint.record_ending IS 'Records on a call''s row how its request ended.';
COMMENT ON FUNCTION codemint.refuse IS 'Refuses what cannot be done to a job as it stands.';
COMMENT ON FUNCTION codemint.apply_effects IS
  'What the ending of a call means for its reward and for everybody.';
