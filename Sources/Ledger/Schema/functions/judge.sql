-- The judgement: what needs a person, and how is it all. psql, the commands and the page ask this, so that all
-- three say the same. Nothing here scans a table that grows: the page asks every second.

-- A time as a sentence has it: the hour, and the date if it is not today.
CREATE OR REPLACE FUNCTION codemint.time_words(p_time timestamptz) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT to_char(p_time, CASE WHEN p_time::date = current_date THEN 'HH24:MI' ELSE 'YYYY-MM-DD HH24:MI' END)
$$;

-- How many of something there are, in words.
CREATE OR REPLACE FUNCTION codemint.count_words(p_count bigint, p_one text, p_many text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN p_count = 1 THEN '1 ' || p_one
              WHEN p_count > 1000 THEN 'over 1000 ' || p_many
              ELSE p_count || ' ' || p_many END
$$;

-- What stops all jobs, as the verdict begins, but for its capitals.
CREATE OR REPLACE FUNCTION codemint.stop_words(p_kind text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE p_kind
    WHEN 'database' THEN 'the database takes no writes'
    WHEN 'standby' THEN 'commits wait for a standby'
    WHEN 'daemon' THEN 'no daemon running'
    WHEN 'hidden' THEN 'rows are hidden from the daemons'
    WHEN 'silenced' THEN 'rows are kept out of the ledger'
    WHEN 'suspended' THEN 'suspended: this database may be a copy'
    WHEN 'blocked' THEN 'the API refuses the key'
    ELSE 'nothing is claimed although jobs are due' END
$$;

-- What helps when the API refuses the key.
CREATE OR REPLACE FUNCTION codemint.key_remedy() RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT 'give the daemons a key that is valid (/etc/codemint/api-key if systemd starts them), and restart them; the API is asked again within 30 seconds'
$$;

-- That no daemon lives, or that those which work cannot show it.
CREATE OR REPLACE FUNCTION codemint.daemon_needs() RETURNS SETOF codemint.need
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN d.worked_at IS NULL THEN 20 ELSE 61 END,
         CASE WHEN d.worked_at IS NULL THEN 'daemon' ELSE 'silent' END, 'the daemons',
         NULL::bigint, NULL::uuid, NULL::uuid,
         CASE WHEN d.worked_at IS NULL THEN codemint.daemon_gone_since() ELSE d.seen_at END,
         CASE WHEN d.worked_at IS NOT NULL THEN concat_ws(': ', 'daemons work, but cannot show that they live',
                coalesce(h.words, 'their rows in codemint.workers are not written; their logs say why'))
              WHEN d.live THEN 'all daemons are stopping'
              ELSE concat_ws('; ', 'no daemon has given a sign of life lately', h.words) END,
         coalesce(h.what_helps,
                  CASE WHEN d.worked_at IS NULL THEN 'start one; if one runs, see its log and codemint doctor'
                       ELSE 'see the daemons'' logs, and codemint doctor' END),
         CASE WHEN d.worked_at IS NULL THEN 'systemctl start codemint' ELSE 'codemint doctor' END
  FROM (SELECT max(w.seen_at) AS seen_at, bool_or(w.expires_at >= clock_timestamp()) AS live,
               codemint.worked_at() AS worked_at
        FROM codemint.workers w
        HAVING bool_or(w.expires_at >= clock_timestamp() AND NOT w.draining) IS NOT TRUE) d
  CROSS JOIN LATERAL codemint.worker_holders() h
$$;

-- That the database takes no writes, or that no commit ends.
CREATE OR REPLACE FUNCTION codemint.database_needs() RETURNS SETOF codemint.need
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT 10, 'database', 'the database', NULL::bigint, NULL::uuid, NULL::uuid, NULL::timestamptz,
         'the database takes no writes: it is a standby',
         'let the daemons connect to the primary: database.url names every server and ends with '
           'target_session_attrs=read-write',
         'codemint doctor'
  WHERE pg_is_in_recovery()
  UNION ALL
  SELECT 10, 'database', 'the database', NULL, NULL, NULL, NULL,
         'the database takes no writes: it was made read-only',
         format('BEGIN READ WRITE; ALTER DATABASE %I RESET default_transaction_read_only; COMMIT;', current_database()),
         'codemint doctor'
  WHERE NOT pg_is_in_recovery() AND current_setting('transaction_read_only')::boolean
  UNION ALL
  SELECT 15, 'standby', 'the database', NULL, NULL, NULL, NULL,
         'every commit waits for a synchronous standby, and none is connected',
         'bring a standby back, or empty synchronous_standby_names and run SELECT pg_reload_conf();', 'codemint doctor'
  WHERE codemint.lacks_standby()
$$;

-- What stops all jobs and needs a person, and daemons that cannot claim.
CREATE OR REPLACE FUNCTION codemint.fleet_needs() RETURNS SETOF codemint.need
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT * FROM codemint.database_needs()
  UNION ALL
  SELECT * FROM codemint.daemon_needs()
  UNION ALL
  SELECT 25, 'hidden', 'the table ' || h.name, NULL, NULL, NULL, NULL,
         'row security hides rows of codemint.' || h.name || ' from the daemons',
         codemint.sight_remedy(h.name), CASE h.name WHEN 'jobs' THEN 'codemint migrate' ELSE 'codemint doctor' END
  FROM unnest(codemint.hidden_tables()) AS h (name)
  UNION ALL
  SELECT 26, 'silenced', 'the table ' || s.relation, NULL, NULL, NULL, NULL,
         s.what || ' keeps rows out in silence', s.what_helps, 'codemint doctor'
  FROM codemint.silencers() s WHERE s.kind <> 'trigger'
  UNION ALL
  SELECT 30, 'suspended', 'the ledger', NULL, NULL, NULL, i.suspended_at, i.suspended_reason,
         'SELECT codemint.accept_cluster(''why''); -- only if no daemon works on another copy of this database',
         'codemint accept-cluster --note ''why''  # only if no daemon works on another copy of this database'
  FROM codemint.cluster_identity i WHERE i.suspended_at IS NOT NULL
  UNION ALL
  SELECT 35, 'api', 'the API', NULL, NULL, NULL, NULL, q.question,
         format('SELECT codemint.accept_api(%L, ''why''); -- if codes may be bought there',
                (SELECT min(w.api) FROM codemint.workers w WHERE w.expires_at >= clock_timestamp())),
         'codemint accept-api --note ''why''  # if codes may be bought there'
  FROM (SELECT codemint.asked_purchase() AS question) q WHERE q.question IS NOT NULL
  UNION ALL
  SELECT 40, 'blocked', 'the API key', NULL, NULL, NULL, a.blocked_at,
         'the API refuses the key: ' || concat_ws(': ', a.blocked_code, a.blocked_message),
         codemint.key_remedy(),
         'systemctl restart codemint  # once the key is valid'
  FROM codemint.account a WHERE a.blocked_at IS NOT NULL
  UNION ALL
  SELECT 50, 'stalled', 'the daemons', NULL, NULL, NULL, t.since,
         'nothing is claimed although jobs are due; the daemons'' logs say more',
         'see the daemons'' logs, and codemint doctor', 'codemint doctor'
  FROM (SELECT codemint.stalled_since() AS since) t WHERE t.since IS NOT NULL
  UNION ALL
  (SELECT 60, 'claims', 'the daemon on ' || w.host, NULL, NULL, NULL, w.claim_failed_at,
          'its claims fail: ' || w.claim_error,
          coalesce((SELECT min(h.what_helps) FROM codemint.shared_holders('0') h), 'see its log, and codemint doctor'),
          'codemint doctor'
   FROM codemint.workers w
   WHERE w.claim_error IS NOT NULL AND w.expires_at >= clock_timestamp()
   ORDER BY w.claim_failed_at LIMIT 20)
  UNION ALL
  SELECT 62, 'locked', l.what, NULL, NULL, NULL, l.since, 'it is locked by ' || l.holder, l.what_helps, 'codemint doctor'
  FROM codemint.locked_tables('5 seconds') l
  UNION ALL
  (SELECT 63, 'damaged', coalesce('the table ' || d.relation, 'the schema'), NULL, NULL, NULL, NULL, d.what, d.what_helps,
          'codemint doctor'
   FROM codemint.find_damage() d LIMIT 20)
  UNION ALL
  SELECT 65, 'events', 'the events', NULL, NULL, NULL, u.since,
         'events get no numbers, so nobody who follows them is told anything; the daemons'' logs say why',
         'see the daemons'' logs, and codemint doctor', 'codemint doctor'
  FROM (SELECT codemint.unnumbered_since() AS since) u
  -- Without a daemon nobody numbers them, and that is said already.
  WHERE u.since < clock_timestamp() - interval '1 minute'
    AND EXISTS (SELECT FROM codemint.workers w WHERE w.expires_at >= clock_timestamp())
  UNION ALL
  SELECT 66, 'notifications', 'the server''s notifications', NULL, NULL, NULL, h.since, h.words, h.what_helps,
         'codemint doctor'
  FROM codemint.unread_holders() h
  UNION ALL
  SELECT 67, 'old_rows', 'the row of the account', NULL, NULL, NULL, h.since, h.words, h.what_helps, 'codemint doctor'
  FROM codemint.old_row_holders() h
$$;

-- Jobs and calls that need a person.
CREATE OR REPLACE FUNCTION codemint.job_needs() RETURNS SETOF codemint.need
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_jobs bigint[] := codemint.suspected_jobs(ARRAY['unclaimable', 'unknown'], true, 50)
    || ARRAY(SELECT j.id FROM codemint.jobs j WHERE j.unclaimable_since IS NOT NULL AND j.finished_at IS NULL
             ORDER BY j.id LIMIT 50)
    || ARRAY(SELECT j.id FROM codemint.jobs j WHERE j.held ORDER BY j.id LIMIT 50)
    || ARRAY(SELECT j.id FROM codemint.jobs j WHERE j.awaits_approval AND j.state = 'queued' ORDER BY j.id LIMIT 50)
    || ARRAY(SELECT DISTINCT s.job_id FROM codemint.refused_settlements s ORDER BY s.job_id LIMIT 50);
BEGIN
  RETURN QUERY
  SELECT 70, 'decision', 'job ' || c.job_id, c.job_id, c.reward_id, c.id, c.held_at,
         'codemint cannot tell whether call ' || c.id || ' made its codes: ' || x.seen,
         format('SELECT codemint.resolve_call(%L, %L, ''why''); -- %s', c.id, x.decision, x.remark),
         format('codemint resolve %s %s --note ''why''  # %s', c.id, x.decision, x.remark)
  FROM (SELECT h.id, h.job_id, h.reward_id, h.held_at FROM codemint.calls h
        WHERE h.state = 'in_doubt' AND h.held_at IS NOT NULL ORDER BY h.held_at, h.id LIMIT 50) c
  CROSS JOIN LATERAL codemint.explain_doubt(c.id) x;
  IF cardinality(v_jobs) = 0 THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT 80, w.reason, 'job ' || w.job_id, w.job_id, w.reward_id, NULL::uuid, w.since, w.why, w.what_to_do,
         coalesce(w.command, format('codemint why %s', w.job_id))
  FROM codemint.waits w
  WHERE w.job_id = ANY (v_jobs) AND w.reason IN ('held', 'approval', 'locked', 'unsettled', 'unclaimable', 'unknown');
END
$$;

-- Rewards with which codemint goes no further by itself.
CREATE OR REPLACE FUNCTION codemint.reward_needs() RETURNS SETOF codemint.need
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT 90, s.kind, 'reward ' || s.reward_id, NULL::bigint, s.reward_id, NULL::uuid, s.since, s.why,
         CASE s.kind WHEN 'sync' THEN
                format('SELECT codemint.track_sync(%L); -- when that has been mended', s.reward_id)
              WHEN 'unsettled' THEN codemint.refuser_remedy(s.raised_by)
              ELSE format('codemint audit %s, once its codes can be listed again', s.reward_id) END,
         CASE s.kind WHEN 'sync' THEN format('codemint follow-sync %s  # when that has been mended', s.reward_id)
              WHEN 'unsettled' THEN 'codemint status  # once what refuses it is gone'
              ELSE format('codemint audit %s  # once its codes can be listed again', s.reward_id) END
  FROM (
    (SELECT 'sync' AS kind, r.reward_id, r.given_up_at AS since,
            concat_ws(': ', r.system || ' refuses codes of the reward and is not asked again',
                      r.error_message) AS why, NULL AS raised_by
     FROM codemint.resyncs r WHERE r.given_up_at IS NOT NULL ORDER BY r.given_up_at, r.reward_id, r.system LIMIT 20)
    UNION ALL
    (SELECT 'sync', t.reward_id, t.given_up_at,
            concat_ws(': ', codemint.untaken_words(ARRAY(SELECT j.id FROM codemint.jobs j
                                                         WHERE j.reward_id = t.reward_id AND j.has_codes LIMIT 500))
                            || ' all codes of the reward', t.error_message), NULL
     FROM (SELECT * FROM codemint.tracked_rewards g WHERE g.given_up_at IS NOT NULL
           ORDER BY g.given_up_at, g.reward_id LIMIT 100) t
     WHERE NOT EXISTS (SELECT FROM codemint.resyncs r
                       WHERE r.reward_id = t.reward_id AND r.given_up_at IS NOT NULL)
     ORDER BY t.given_up_at, t.reward_id LIMIT 20)
    UNION ALL
    (SELECT 'watch', w.reward_id, w.failing_since,
            concat_ws(': ', 'the reward could not be listed for too long', w.error_message), NULL
     FROM codemint.reward_watches w WHERE w.ended = 'unlistable' ORDER BY w.reward_id LIMIT 20)
    UNION ALL
    (SELECT 'unsettled', r.reward_id, r.since, codemint.describe_refused(r), r.raised_by
     FROM codemint.refused_work w
     CROSS JOIN LATERAL codemint.refused_lately(w.reward_id, ARRAY[w.work], clock_timestamp()) r
     -- What cannot be claimed is told of the jobs.
     WHERE w.work <> 'claim'
     ORDER BY r.since, r.reward_id, r.work LIMIT 20)) s
$$;

-- Webhooks with dead letters, and those that have taken nothing for an hour.
CREATE OR REPLACE FUNCTION codemint.webhook_needs() RETURNS SETOF codemint.need
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT 95, 'webhook', 'webhook ' || w.name, NULL::bigint, NULL::uuid, NULL::uuid,
         coalesce(d.since, w.failing_since),
         CASE WHEN d.dead > 0
              THEN format('%s not delivered to %s: %s',
                          codemint.count_words(d.dead, 'event was', 'events were'), w.host, d.error)
              ELSE format('%s has taken nothing since %s: %s; codemint tries again by itself',
                          w.host, codemint.time_words(w.failing_since), w.last_error) END,
         CASE WHEN d.dead > 0 THEN format('SELECT codemint.resend_webhook(%L); -- when the receiver answers', w.name)
              ELSE 'mend the receiver, or take it out of the settings' END,
         CASE WHEN d.dead > 0 THEN format('codemint webhook resend %s  # when it answers', w.name)
              ELSE format('codemint webhook test %s', w.name) END
  FROM codemint.webhooks w
  CROSS JOIN LATERAL (
    SELECT count(*) AS dead, min(o.died_at) AS since, (array_agg(o.error ORDER BY o.died_at DESC))[1] AS error
    FROM (SELECT k.died_at, k.error FROM codemint.webhook_deliveries k
          WHERE k.webhook = w.name AND k.died_at IS NOT NULL ORDER BY k.died_at LIMIT 1001) o) d
  WHERE d.dead > 0 OR w.failing_since < clock_timestamp() - interval '1 hour'
$$;

-- All that needs a person, the most urgent first.
CREATE OR REPLACE FUNCTION codemint.find_needs() RETURNS SETOF codemint.need
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT n.* FROM (SELECT * FROM codemint.fleet_needs()
                   UNION ALL SELECT * FROM codemint.job_needs()
                   UNION ALL SELECT * FROM codemint.reward_needs()
                   UNION ALL SELECT * FROM codemint.webhook_needs()) n
  ORDER BY n.rank, n.since NULLS LAST, n.job_id, n.reward_id, n.call_id
$$;

-- How many jobs there are of each kind. No more than 1001 are counted: that is over a thousand.
CREATE OR REPLACE FUNCTION codemint.count_jobs(
  OUT held bigint, OUT running bigint, OUT paused bigint, OUT open bigint
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  -- The order has each read off an index, where a LIMIT alone would have the table read.
  SELECT (SELECT count(*) FROM (SELECT FROM codemint.jobs j WHERE j.held ORDER BY j.id LIMIT 1001) h),
         (SELECT count(*) FROM (SELECT FROM codemint.jobs j WHERE j.state IN ('running', 'ending') AND NOT j.paused
                                ORDER BY j.id LIMIT 1001) r),
         (SELECT count(*) FROM (SELECT FROM codemint.jobs j
                                WHERE j.paused AND j.state IN ('queued', 'running', 'ending')
                                ORDER BY j.id LIMIT 1001) p),
         (SELECT count(*) FROM (SELECT FROM codemint.jobs j WHERE j.state IN ('queued', 'running', 'ending')
                                ORDER BY j.reward_id LIMIT 1001) o)
$$;

-- What keeps jobs waiting and passes by itself; null if nothing does.
CREATE OR REPLACE FUNCTION codemint.passing_trouble(
  p_account codemint.account, OUT words text, OUT since timestamptz
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE
           WHEN p_account.breaker = 'open'
           THEN 'API unreachable since ' || codemint.time_words(p_account.failed_at)
             || coalesce((SELECT format(' (%s)', string_agg(DISTINCT w.api, ' and ')) FROM codemint.workers w
                          WHERE w.expires_at >= clock_timestamp() HAVING count(w.api) > 0), '')
             || ', asked again ' || coalesce('at ' || to_char(p_account.probe_at, 'HH24:MI:SS'), 'soon')
             || '; nothing to do if that is the right address'
           WHEN p_account.upgrading_until > clock_timestamp()
           THEN 'codemint migrate waits for calls in flight; nothing to do'
           WHEN p_account.paused_until > clock_timestamp()
           THEN CASE p_account.pause_reason WHEN 'throttled' THEN 'the API has asked for a pause'
                  ELSE 'nothing is sent after a failure of the API' END
             || ', until ' || to_char(p_account.paused_until, 'HH24:MI:SS') || '; nothing to do'
           WHEN p_account.failures > 0
           THEN 'the API failed' || coalesce(' at ' || codemint.time_words(p_account.failed_at), '')
             || ': one call at a time until one is clean; nothing to do'
           WHEN codemint.codes_left(p_account, clock_timestamp()) <= 0
           THEN 'the codes of today were asked for; it goes on at midnight UTC, or when an operator raises the limit'
           ELSE codemint.trouble_of_some() END,
         CASE WHEN p_account.breaker = 'open' OR p_account.failures > 0 THEN p_account.failed_at
              WHEN p_account.paused_until > clock_timestamp()
              THEN p_account.paused_until - p_account.paused_for END
$$;

-- What keeps jobs of some rewards waiting, or a webhook, and may pass by itself; null if nothing does. A refusal or
-- two, or a listing that failed once, is not worth a word.
CREATE OR REPLACE FUNCTION codemint.trouble_of_some() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT string_agg(t.words || '; codemint tries again by itself', '; ' ORDER BY t.place)
  FROM (
    SELECT 1 AS place, 'the API refuses ' || codemint.count_words(count(*), 'reward', 'rewards') AS words
    FROM (SELECT FROM codemint.rewards r
          -- A volatile function is no condition for an index.
          WHERE r.paused_until > (SELECT clock_timestamp()) AND r.closed_at IS NULL AND r.failures >= 3
          ORDER BY r.paused_until LIMIT 1001) f
    HAVING count(*) > 0
    UNION ALL
    SELECT 2, 'calls in doubt wait for the list of ' || codemint.count_words(count(*), 'reward', 'rewards')
              || ', which fails or differs each time'
    FROM (SELECT FROM codemint.rewards r
          WHERE r.closed_at IS NOT NULL AND r.undecided_since < clock_timestamp() - interval '30 seconds'
          LIMIT 1001) d
    HAVING count(*) > 0
    UNION ALL
    SELECT 3, codemint.count_words(count(*), 'webhook takes', 'webhooks take') || ' nothing'
    FROM codemint.webhooks w WHERE w.rest_until IS NOT NULL
    HAVING count(*) > 0) t
$$;

-- How many jobs failed within a day. No more than 1001 are counted: that is over a thousand.
CREATE OR REPLACE FUNCTION codemint.count_failed() RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT count(*)
  FROM (SELECT FROM codemint.jobs j
        -- A volatile function is no condition for an index.
        WHERE j.state = 'failed' AND j.finished_at > (SELECT clock_timestamp() - interval '1 day')
        ORDER BY j.finished_at LIMIT 1001) f
$$;

-- The verdict, by what needs a person and by what passes by itself.
CREATE OR REPLACE FUNCTION codemint.judge(
  OUT level text, OUT words text, OUT since timestamptz, OUT needs bigint
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_needs   codemint.need[] := ARRAY(SELECT n FROM codemint.find_needs() n);
  v_first   codemint.need := v_needs[1];
  v_jobs    bigint := (SELECT count(DISTINCT n.job_id) FROM unnest(v_needs) n);
  v_others  bigint := (SELECT count(*) FROM unnest(v_needs) n WHERE n.job_id IS NULL AND n.rank > 50);
  -- Of each kind find_needs has so many at most.
  v_is_cut  boolean := EXISTS (
    SELECT FROM unnest(v_needs) n GROUP BY n.rank, n.kind
    HAVING count(*) >= CASE WHEN n.rank IN (70, 80) THEN 50 ELSE 20 END);
  v_whom    text := CASE WHEN v_is_cut THEN 'at least ' ELSE '' END || concat_ws(' and ',
    CASE WHEN v_jobs > 0 THEN codemint.count_words(v_jobs, 'job', 'jobs') END,
    CASE WHEN v_others > 0 AND v_jobs > 0 THEN codemint.count_words(v_others, 'other thing', 'other things')
         WHEN v_others > 0 THEN codemint.count_words(v_others, 'thing', 'things') END)
    || CASE WHEN v_jobs + v_others = 1 THEN ' needs you' ELSE ' need you' END;
  v_passing text;
  v_counts  record;
  v_waiting bigint;
  v_failed  bigint;
BEGIN
  needs := cardinality(v_needs);
  IF v_first.rank <= 50 THEN
    level := 'stopped';
    since := v_first.since;
    words := CASE v_first.kind
        WHEN 'api' THEN coalesce(
          (SELECT upper(codemint.count_words(c.open, 'job waits', 'jobs wait'))
           FROM codemint.count_jobs() c WHERE c.open > 0), 'EVERYTHING WAITS') || ' UNTIL SOMEBODY ACCEPTS THE API'
        ELSE upper(codemint.stop_words(v_first.kind)) END
      || coalesce(' since ' || codemint.time_words(since), '')
      || CASE WHEN v_jobs + v_others > 0 THEN '; ' || v_whom ELSE '' END;
    RETURN;
  END IF;
  SELECT p.words, p.since INTO v_passing, since
  FROM codemint.account a CROSS JOIN LATERAL codemint.passing_trouble(a) p;
  IF needs > 0 THEN
    level := 'needs you';
    since := (SELECT min(n.since) FROM unnest(v_needs) n);
    words := concat_ws('; ', v_whom, v_passing);
  ELSIF v_passing IS NOT NULL THEN
    level := 'waiting';
    words := v_passing;
  ELSE
    SELECT * INTO v_counts FROM codemint.count_jobs();
    v_waiting := CASE WHEN v_counts.open > 1000 THEN v_counts.open
                      ELSE v_counts.open - v_counts.running - v_counts.paused END;
    v_failed := codemint.count_failed();
    level := 'well';
    words := 'all well: ' || CASE
      WHEN v_counts.open = 0 THEN 'no open jobs'
      ELSE concat_ws(', ',
        CASE WHEN v_counts.running > 0 THEN codemint.count_words(v_counts.running, 'job runs', 'jobs run') END,
        CASE WHEN v_waiting > 0 THEN codemint.count_words(v_waiting, 'job waits', 'jobs wait') END,
        CASE WHEN v_counts.paused > 0
             THEN codemint.count_words(v_counts.paused, 'job is paused', 'jobs are paused') END) END
      || CASE WHEN v_failed > 0 THEN '; ' || codemint.count_words(v_failed, 'job has', 'jobs have')
                || ' failed within a day' ELSE '' END;
  END IF;
END
$$;
