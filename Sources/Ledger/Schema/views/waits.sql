CREATE OR REPLACE VIEW codemint.waits AS
-- What is the same for all jobs. LIMIT tells the planner that this is one row; statistics of tables
-- with one row come late, and without them the view would be compiled for hundreds of thousands.
WITH ledger AS MATERIALIZED (
  SELECT o.account, o.identity, codemint.last_claimed_at() AS claimed_at, codemint.last_failure() AS failure,
         h.what, h.holder, h.since,
         h.what_helps, i.holder AS acceptor, i.what_helps AS accepting, codemint.asked_purchase() AS question,
         (SELECT min(w.api) FROM codemint.workers w WHERE w.expires_at >= clock_timestamp()) AS asked_api,
         -- Until when the rows can be as they are read. The clock goes on while a long query runs, and
         -- in a transaction with an old snapshot: all daemons would look dead.
         CASE WHEN current_setting('transaction_isolation') = 'read committed'
              THEN statement_timestamp() ELSE transaction_timestamp() END AS asked_at
  FROM (SELECT a AS account, i AS identity, i.xmax AS lock
        FROM codemint.account a CROSS JOIN codemint.cluster_identity i LIMIT 1) o
  CROSS JOIN LATERAL (
    SELECT string_agg(DISTINCT b.what, ' and ') AS what, string_agg(DISTINCT b.holder, '; ') AS holder,
           min(b.since) AS since, min(b.what_helps) AS what_helps
    FROM codemint.shared_holders('2 seconds') b
  ) h
  -- An operator has called accept_cluster, and has not committed.
  LEFT JOIN LATERAL codemint.lock_holders(o.lock, '0', NULL, NULL) i ON (o.identity).suspended_at IS NOT NULL
  LIMIT 1
)
SELECT (s.job).id AS job_id, (s.job).reward_id, (s.job).state, w.reason,
       CASE w.reason
         WHEN 'decision' THEN 'codemint cannot tell what ' || d.number || ' of its calls did: '
           || d.hold_reason || coalesce('; the last listing failed: ' || r.listing_error, '')
         WHEN 'held' THEN concat_ws(': ', (s.job).error_code, (s.job).error_message)
         WHEN 'paused' THEN coalesce('paused by ' || p.done_by || ': ' || p.note,
                                     'paused by ' || p.done_by, 'paused')
         WHEN 'time' THEN CASE WHEN (s.job).run_at > clock_timestamp() THEN 'its run_at has not come'
           ELSE 'its last ' || (s.job).answers_without_progress || ' answer(s) held no new code' END
         WHEN 'approval' THEN codemint.describe_approval(s.job, true)
         WHEN 'api' THEN l.question
         WHEN 'day' THEN codemint.describe_day(s.job, l.account, l.asked_at)
         WHEN 'suspended' THEN (l.identity).suspended_reason
           || coalesce('; it was accepted in a transaction that is open: ' || l.acceptor, '')
         WHEN 'daemon' THEN 'no daemon has given a sign of life lately, or all of them are stopping'
         WHEN 'blocked' THEN 'the API refuses the key: ' || concat_ws(': ', (l.account).blocked_code,
                                                                      (l.account).blocked_message)
         WHEN 'failing' THEN concat_ws(': ', 'the API has failed ' || (l.account).failures || ' times in a row',
                                       l.failure)
         WHEN 'doubt' THEN
           CASE WHEN d.doubts > 0 THEN 'one of its calls is in doubt'
                ELSE 'a call of another job of its reward is in doubt' END
           || CASE WHEN r.undecided_since IS NOT NULL
                   THEN ', and listings of its reward fail or disagree since '
                        || codemint.time_words(r.undecided_since)
                   WHEN r.in_flight > 0 THEN '; ' || r.in_flight || ' call(s) have to end first'
                   ELSE '' END
           || coalesce('; the last listing failed: ' || r.listing_error, '')
         WHEN 'upgrade'
         THEN 'codemint migrate waits for calls in flight, and then replaces the functions'
         WHEN 'answers' THEN 'calls for its last ' || (s.job).outstanding || ' codes are out'
         WHEN 'listing' THEN
           CASE WHEN h.next_listing_at IS NULL
                THEN 'its reward is to be listed first, and nobody has planned that: a heartbeat does'
                ELSE CASE h.reason WHEN 'restore' THEN 'the database was restored'
                                   ELSE 'the database failed over' END
                  || coalesce(', and its reward cannot be listed: ' || h.error_message,
                              ', so its reward is listed first') END
         WHEN 'refused' THEN 'its reward was refused or failed ' || r.failures || ' time(s): '
           || concat_ws(': ', r.error_code, r.error_message)
         WHEN 'pause' THEN CASE (l.account).pause_reason
           WHEN 'throttled' THEN 'the API has asked for a pause'
           ELSE concat_ws(': ', 'nothing is sent after a failure of the API', (l.account).pause_reason) END
         WHEN 'reward' THEN 'its reward has ' || r.in_flight || ' call(s) out, as many as it may'
           || coalesce('; ' || e.words, '')
         WHEN 'slots' THEN (l.account).in_flight || ' call(s) are out, as many as there may be'
           || CASE WHEN (l.account).failures > 0 THEN ' after a failure' ELSE '' END || coalesce('; ' || e.words, '')
         WHEN 'sync' THEN CASE
           WHEN f.given_up_at IS NOT NULL THEN codemint.untaken_words(ARRAY[(s.job).id]) || ' its codes'
           WHEN v.words IS NOT NULL THEN v.words
           WHEN f.failures > 0 THEN 'its codes cannot be listed: ' || f.error_message
           ELSE 'other systems have yet to take its codes' END
         WHEN 'locked' THEN k.what || CASE WHEN k.what LIKE '% and %' THEN ' are' ELSE ' is' END
           || ' locked by ' || k.holder
         WHEN 'unclaimable' THEN CASE WHEN (s.job).unclaimable_since IS NULL THEN v.words
                                      ELSE 'it cannot be claimed: ' || (s.job).error_message END
         WHEN 'unsettled' THEN CASE
           WHEN u.number > 0 THEN 'the outcome of ' || u.number || ' of its calls cannot be recorded: ' || u.message
             || coalesce(' (' || u.raised_by || ')', '')
             || CASE WHEN u.has_evidence THEN '; the answer is kept' ELSE '' END
           ELSE coalesce(v.words, e.words) END
         WHEN 'pace' THEN 'the next slot of the pace has not come: ' || codemint.describe_pace(l.account, l.asked_at)
         WHEN 'turn' THEN CASE WHEN (s.job).outstanding > 0 THEN 'it runs'
                               ELSE 'it is due, and other jobs go first' END
         ELSE 'codemint cannot tell; ' || codemint.describe_claims(l.claimed_at)
       END AS why,
       nullif(greatest(
         CASE w.reason
           WHEN 'time' THEN (s.job).next_call_at
           WHEN 'day' THEN codemint.day_end(l.asked_at)
           WHEN 'blocked' THEN (l.account).probe_at
           WHEN 'failing' THEN (l.account).probe_at
           WHEN 'doubt' THEN r.reconcile_at
           WHEN 'listing' THEN greatest(h.next_listing_at, r.reconcile_at)
           WHEN 'refused' THEN r.paused_until
           WHEN 'pause' THEN (l.account).paused_until
           WHEN 'upgrade' THEN (l.account).upgrading_until
           WHEN 'unclaimable' THEN CASE WHEN (s.job).unclaimable_since IS NULL THEN v.retry_at
                                        ELSE (s.job).next_call_at END
           WHEN 'pace' THEN (l.account).next_slot_at
           WHEN 'sync' THEN coalesce(v.retry_at, f.next_pass_at)
           WHEN 'unsettled' THEN v.retry_at
         END, l.asked_at), l.asked_at) AS until,
       CASE w.reason
         WHEN 'decision' THEN
           (SELECT format('SELECT codemint.resolve_call(%L, %L, ''why''); -- %s', d.call_id, x.decision, x.remark)
            FROM codemint.explain_doubt(d.call_id) x)
         WHEN 'held' THEN
           format('SELECT codemint.retry_job(%s, ''why''); -- when that has been mended', (s.job).id)
         WHEN 'paused' THEN format('SELECT codemint.resume_job(%s)', (s.job).id)
         WHEN 'approval' THEN
           format('SELECT codemint.approve_job(%s, ''why''); -- or codemint.cancel_job', (s.job).id)
         WHEN 'api' THEN format('SELECT codemint.accept_api(%L, ''why''); -- if codes may be bought there', l.asked_api)
         WHEN 'day' THEN
           'none: it proceeds tomorrow; SELECT codemint.set_codes_per_day(NUMBER); or set_quota raises the limit'
         WHEN 'suspended' THEN
           coalesce('COMMIT in that session, or ' || l.accepting,
             'SELECT codemint.accept_cluster(''why''); -- only if no daemon works on another copy of this database')
         WHEN 'daemon' THEN 'start one; if one runs, see its log and codemint doctor'
         WHEN 'blocked' THEN codemint.key_remedy()
         WHEN 'failing' THEN 'none: it proceeds by itself; codemint doctor checks the address and the key'
         WHEN 'sync' THEN CASE
           WHEN f.given_up_at IS NOT NULL
           THEN format('SELECT codemint.track_sync(%L); -- when that has been mended', (s.job).reward_id)
           WHEN v.words IS NOT NULL THEN codemint.refuser_remedy(v.raised_by)
           ELSE 'none: codemint lists the reward again' END
         WHEN 'turn' THEN format('none, or SELECT codemint.set_priority(%s, 0)', (s.job).id)
         WHEN 'locked' THEN k.what_helps
         WHEN 'unclaimable' THEN CASE
           WHEN (s.job).unclaimable_since IS NULL THEN codemint.refuser_remedy(v.raised_by)
           ELSE 'mend the row, or what refuses it; then it proceeds by itself' END
         WHEN 'unsettled' THEN codemint.refuser_remedy(coalesce(u.raised_by, v.raised_by))
         WHEN 'unknown' THEN 'see the daemons'' logs, and codemint doctor'
         ELSE CASE WHEN e.calls > 0 THEN 'mend or drop what refuses them; until then it proceeds in the other slots'
                   ELSE 'none: it proceeds by itself' END
       END AS what_to_do,
       CASE w.reason
         WHEN 'decision' THEN
           (SELECT format('codemint resolve %s %s --note ''why''  # %s', d.call_id, x.decision, x.remark)
            FROM codemint.explain_doubt(d.call_id) x)
         WHEN 'held' THEN format('codemint retry %s --note ''why''  # when the cause has been mended', (s.job).id)
         WHEN 'paused' THEN format('codemint resume %s', (s.job).id)
         WHEN 'approval' THEN format('codemint approve %s --note ''why''  # or cancel', (s.job).id)
         WHEN 'api' THEN 'codemint accept-api --note ''why''  # if codes may be bought there'
         WHEN 'suspended' THEN CASE WHEN l.acceptor IS NULL
           THEN 'codemint accept-cluster --note ''why''  # only if no daemon works on another copy of this database' END
         WHEN 'sync' THEN CASE WHEN f.given_up_at IS NOT NULL
           THEN format('codemint follow-sync %s  # when that has been mended', (s.job).reward_id) END
       END AS command,
       CASE w.reason
         WHEN 'decision' THEN d.held_at
         -- The row of a job that is held is written again by the calls that are still out.
         WHEN 'held' THEN coalesce((SELECT e.at FROM codemint.events e
                                    WHERE e.job_id = (s.job).id AND e.kind = 'held' ORDER BY e.id DESC LIMIT 1),
                                   (s.job).updated_at)
         WHEN 'approval' THEN (s.job).created_at
         WHEN 'paused' THEN coalesce(p.done_at, (s.job).updated_at)
         WHEN 'suspended' THEN (l.identity).suspended_at
         WHEN 'locked' THEN k.since
         WHEN 'unclaimable' THEN coalesce((s.job).unclaimable_since, v.since)
         WHEN 'unsettled' THEN coalesce(u.since, v.since, e.since)
         WHEN 'daemon' THEN codemint.daemon_gone_since()
         WHEN 'blocked' THEN (l.account).blocked_at
         WHEN 'failing' THEN (l.account).failed_at
         WHEN 'doubt' THEN r.closed_at
         WHEN 'listing' THEN coalesce(h.failing_since, h.next_listing_at)
         WHEN 'refused' THEN r.paused_until - r.paused_for
         WHEN 'pause' THEN (l.account).paused_until - (l.account).paused_for
         WHEN 'upgrade' THEN (l.account).upgrading_until - interval '10 seconds'
         WHEN 'sync' THEN (s.job).finished_at
         WHEN 'unknown' THEN greatest((s.job).next_call_at, (s.job).updated_at)
         ELSE (s.job).updated_at
       END AS since
FROM (
  SELECT o AS job, o.xmax AS lock FROM codemint.jobs o
  WHERE o.state IN ('queued', 'running', 'ending')
  UNION ALL
  -- Finished jobs are many, so these are found by the tracked rewards, which are few.
  SELECT o, '0'::xid FROM codemint.tracked_rewards t
  JOIN codemint.jobs o ON o.reward_id = t.reward_id AND o.issued + o.surplus > 0
  WHERE (t.next_pass_at IS NOT NULL OR t.given_up_at IS NOT NULL)
    AND o.finished_at IS NOT NULL AND o.sync_done_at IS NULL
) s
CROSS JOIN ledger l
LEFT JOIN codemint.rewards r ON r.reward_id = (s.job).reward_id
LEFT JOIN codemint.reward_watches h ON h.reward_id = (s.job).reward_id
LEFT JOIN codemint.tracked_rewards f ON f.reward_id = (s.job).reward_id
-- A lock that is held for a moment is not worth a word.
LEFT JOIN LATERAL (
  SELECT string_agg(DISTINCT b.what, ' and ') AS what, string_agg(DISTINCT b.holder, '; ') AS holder,
         min(b.since) AS since, min(b.what_helps) AS what_helps
  FROM (SELECT 'the row of the job' AS what, j.*
        FROM codemint.lock_holders(s.lock, '2 seconds', (s.job).id, NULL) j
        UNION ALL
        SELECT 'the row of the reward', j.*
        FROM codemint.lock_holders(r.xmax, '2 seconds', NULL, r.reward_id) j
        WHERE r.reward_id IS NOT NULL
        UNION ALL
        SELECT l.what, l.holder, l.since, l.what_helps WHERE l.holder IS NOT NULL) b
  HAVING count(*) > 0
) k ON s.lock <> '0'::xid OR r.xmax <> '0'::xid OR l.holder IS NOT NULL
-- OFFSET keeps the subquery apart. Without, the function would run again wherever its result is used, ten
-- times for a job.
CROSS JOIN LATERAL (
  SELECT codemint.reason_to_wait(s.job, r, l.account, (l.identity).suspended_at IS NOT NULL,
                                 l.question IS NOT NULL, k.holder IS NOT NULL,
                                 l.claimed_at, l.asked_at) AS reason OFFSET 0) w
LEFT JOIN LATERAL (
  SELECT count(*) FILTER (WHERE c.held_at IS NULL) AS doubts,
         count(*) FILTER (WHERE c.held_at IS NOT NULL) AS number,
         min(c.held_at) AS held_at,
         min(c.hold_reason) FILTER (WHERE c.held_at IS NOT NULL) AS hold_reason,
         (array_agg(c.id ORDER BY c.held_at NULLS LAST, c.id))[1] AS call_id
  FROM codemint.calls c
  WHERE c.job_id = (s.job).id AND c.reward_id = (s.job).reward_id AND c.state = 'in_doubt'
) d ON w.reason IN ('decision', 'doubt')
LEFT JOIN LATERAL (
  SELECT count(*) AS number, min(n.since) AS since, bool_or(n.has_evidence) AS has_evidence,
         (array_agg(n.message ORDER BY n.failed_at DESC))[1] AS message,
         (array_agg(n.raised_by ORDER BY n.failed_at DESC))[1] AS raised_by
  FROM codemint.unsettled((s.job).id, l.asked_at) n
) u ON w.reason = 'unsettled'
LEFT JOIN LATERAL (
  SELECT codemint.describe_refused(n) AS words, n.raised_by, n.since, n.retry_at
  FROM codemint.refused_lately((s.job).reward_id, CASE w.reason WHEN 'sync' THEN '{sync}'::text[]
                                                  WHEN 'unclaimable' THEN '{claim}'
                                                  ELSE '{doubt,watch}' END, l.asked_at) n
  ORDER BY n.failed_at DESC LIMIT 1
) v ON w.reason IN ('unsettled', 'sync', 'unclaimable')
LEFT JOIN LATERAL codemint.kept_slots(
  CASE WHEN r.in_flight >= (l.account).max_in_flight_per_reward THEN r.reward_id END, l.asked_at
) e ON w.reason IN ('unsettled', 'reward', 'slots')
LEFT JOIN LATERAL (
  SELECT x.done_by, x.note, x.done_at FROM codemint.job_actions x
  WHERE x.job_id = (s.job).id AND x.action = 'pause' ORDER BY x.id DESC LIMIT 1
) p ON w.reason = 'paused';

COMMENT ON VIEW codemint.waits IS
  'Every job that has not ended, or whose codes other systems have not taken yet: why it waits, and '
  'what to do. If several reasons apply, the most urgent is shown.';
COMMENT ON COLUMN codemint.waits.job_id IS 'The job.';
COMMENT ON COLUMN codemint.waits.reward_id IS 'The reward of the job.';
COMMENT ON COLUMN codemint.waits.state IS 'The job''s state.';
COMMENT ON COLUMN codemint.waits.reason IS
  'A person has to act: decision (a held call), held, approval, api (no word yet that codes may be bought '
  'there), paused, suspended, locked (a transaction keeps a row or a table), daemon (none is alive), unsettled '
  '(the database refuses an outcome, of the job or of all calls whose slots it waits for), blocked (the key), '
  'unclaimable (the row is refused), unknown. The job '
  'proceeds by itself: time (not yet due), day (the codes of the day were asked for), failing (the breaker), '
  'doubt, answers (calls are out), '
  'upgrade, listing, refused (the reward backs off), pause (all workers wait), reward or slots (enough '
  'calls are out), pace (no slot yet), sync, turn (it runs, or others go first).';
COMMENT ON COLUMN codemint.waits.why IS 'The reason in words.';
COMMENT ON COLUMN codemint.waits.until IS
  'When the job proceeds, or is tried again; null if that is not known, or is now.';
COMMENT ON COLUMN codemint.waits.what_to_do IS
  'The statement that helps, or what else to do; none if the job proceeds by itself.';
COMMENT ON COLUMN codemint.waits.command IS
  'The command that does what the statement of codemint does, for a shell; null if there is none.';
COMMENT ON COLUMN codemint.waits.since IS 'Since when, as far as that is known.';
