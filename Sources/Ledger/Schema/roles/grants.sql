-- Who may do what. This script may run as often as you like: the result is the same, whatever
-- rights these roles had before.
--
-- Nothing is granted to PUBLIC. Operators may execute the functions that are SECURITY DEFINER. The
-- daemon may execute all others, which run with the daemon's own rights. A function that both need
-- is granted at the end. Nobody may execute the function of a trigger.

REVOKE ALL ON SCHEMA codemint
  FROM PUBLIC, codemint_producer, codemint_operator, codemint_reader, codemint_worker;
REVOKE ALL ON ALL TABLES IN SCHEMA codemint
  FROM PUBLIC, codemint_producer, codemint_operator, codemint_reader, codemint_worker;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA codemint
  FROM PUBLIC, codemint_producer, codemint_operator, codemint_reader, codemint_worker;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA codemint
  FROM PUBLIC, codemint_producer, codemint_operator, codemint_reader, codemint_worker;
GRANT USAGE ON SCHEMA codemint
  TO codemint_producer, codemint_operator, codemint_reader, codemint_worker;

-- Producers: the columns of jobs that are theirs to write, and views of their own rows. Of the table
-- they read only the number, which RETURNING needs: whatever else they could compare, they could measure
-- in the rows of others (my_jobs).
GRANT INSERT (reward_id, count, prefix, priority, run_at, dedupe_key, metadata), SELECT (id)
  ON codemint.jobs TO codemint_producer;
GRANT SELECT ON codemint.my_jobs, codemint.my_codes, codemint.my_events, codemint.my_waits, codemint.account_status
  TO codemint_producer;
-- These know who calls them, and show a producer nothing of the jobs of others.
GRANT EXECUTE
  ON FUNCTION codemint.cancel_job(bigint, text), codemint.pause_job(bigint, text), codemint.resume_job(bigint, text),
     codemint.own_waits(), codemint.own_message(codemint.jobs), codemint.check_job(uuid, integer, text, integer, text, timestamptz, jsonb)
  TO codemint_producer;
-- Views call these functions. A function in a view runs with the rights of the role that reads the
-- view.
GRANT EXECUTE
  ON FUNCTION codemint.current_pace(codemint.account, timestamptz),
     codemint.describe_failures(codemint.account), codemint.stalled_since(), codemint.worked_at(),
     codemint.daemon_gone_since(),
     codemint.is_daemon_at_work(timestamptz), codemint.key_remedy(),
     codemint.codes_left(codemint.account, timestamptz), codemint.day_of(timestamptz),
     codemint.fleet_question(), codemint.approve_above(), codemint.is_stand_in(text),
     codemint.time_until_done(smallint, text, boolean, bigint, bigint, integer, timestamptz)
  TO codemint_producer, codemint_operator, codemint_reader, codemint_worker;
GRANT EXECUTE
  ON FUNCTION codemint.error_class(text), codemint.may_send(codemint.account, timestamptz),
     codemint.reason_to_wait(codemint.jobs, codemint.rewards, codemint.account, boolean, boolean,
                             boolean, timestamptz, timestamptz),
     codemint.is_parked(codemint.jobs, timestamptz), codemint.day_end(timestamptz),
     codemint.describe_day(codemint.jobs, codemint.account, timestamptz),
     codemint.describe_approval(codemint.jobs, boolean), codemint.guard_at(text, timestamptz),
     codemint.day_quota(text),
     codemint.setter_words(text, timestamptz, text),
     codemint.next_slot(codemint.account, timestamptz), codemint.last_claimed_at(), codemint.last_failure(),
     codemint.as_planned(timestamptz, interval, timestamptz),
     codemint.describe_claims(timestamptz), codemint.unsettled(bigint, timestamptz),
     codemint.kept_slots(uuid, timestamptz),
     codemint.name_holders(), codemint.hidden_tables(), codemint.is_shown_all(oid, oid),
     codemint.sight_remedy(text), codemint.silencers(), codemint.unnumbered_since(),
     codemint.lacks_standby(), codemint.describe_pace(codemint.account, timestamptz),
     codemint.refused_lately(uuid, text[], timestamptz), codemint.describe_refused(codemint.refused_work),
     codemint.column_names(oid, smallint[]), codemint.table_parts(boolean), codemint.lost_parts(),
     codemint.disabled_triggers(), codemint.find_damage(),
     codemint.refuser_remedy(text)
  TO codemint_operator;

-- Readers: codes, and the jobs that they belong to.
GRANT SELECT ON codemint.jobs, codemint.codes, codemint.unattributed_codes,
                codemint.raw_codes, codemint.answers, codemint.job_status, codemint.api_facts,
                codemint.account_status, codemint.events
  TO codemint_reader;

-- The daemon. It never deletes a job, a call or a code, so an id that was seen once is known for ever.
-- (forget_calls, forget_refusal and forget_set_aside delete what nobody needs.) Nor does it say what an
-- operator decided, or what happened to a job: events are written by a trigger.
GRANT SELECT ON ALL TABLES IN SCHEMA codemint TO codemint_worker;
GRANT INSERT
  ON codemint.codes, codemint.rewards, codemint.reward_watches, codemint.workers,
     codemint.unattributed_codes, codemint.answers, codemint.raw_codes,
     codemint.pending_placements, codemint.tracked_rewards, codemint.resyncs,
     codemint.listed_codes, codemint.observed_facts, codemint.refused_settlements,
     codemint.refused_work, codemint.producer_days, codemint.line_pace, codemint.line_classes, codemint.line_marks,
     codemint.webhooks, codemint.webhook_deliveries
  TO codemint_worker;
GRANT INSERT (url, note) ON codemint.api_acceptances TO codemint_worker;
GRANT INSERT (api) ON codemint.stand_ins TO codemint_worker;
GRANT INSERT
  (id, job_id, reward_id, prefix, size, state, outstanding, worker, lease, api_timeout, listing_gap,
   lease_expires_at, effective_until, send_at, received, settled_at)
  ON codemint.calls TO codemint_worker;
GRANT DELETE
  ON codemint.pending_placements, codemint.resyncs, codemint.workers, codemint.listed_codes,
     codemint.observed_facts, codemint.refused_work, codemint.line_pace, codemint.line_classes,
     codemint.line_marks, codemint.webhooks, codemint.webhook_deliveries
  TO codemint_worker;

-- The daemon never changes what a producer asked for, or which code an id names. Nor does it change
-- what an operator set, accepted or decided, and who that was. It may write the text of a code: an
-- answer replaces what only a listing had shown (protocol, rule 6).
DO $$
DECLARE
  v_table record;
BEGIN
  FOR v_table IN
    SELECT c.oid::regclass AS name,
           string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'codemint'::regnamespace
      AND CASE c.relname
            WHEN 'jobs' THEN a.attname NOT IN (
              'id', 'reward_id', 'count', 'prefix', 'priority', 'run_at', 'dedupe_key', 'metadata',
              'paused', 'created_by', 'created_at', 'awaits_approval')
            WHEN 'calls' THEN a.attname NOT IN (
              'id', 'job_id', 'reward_id', 'prefix', 'size', 'worker', 'api_timeout', 'listing_gap',
              'created_at', 'resolution', 'resolved_by', 'resolved_at', 'resolution_note')
            WHEN 'codes' THEN a.attname NOT IN (
              'id', 'reward_id', 'stored_at', 'purged_at')
            WHEN 'account' THEN a.attname <> 'only_row'
            WHEN 'api_clock' THEN a.attname <> 'only_row'
            -- For locks; nothing is ever written.
            WHEN 'turns' THEN true
            WHEN 'cluster_identity' THEN a.attname <> 'only_row' AND a.attname !~ '^accepted_'
            WHEN 'healing' THEN a.attname <> 'only_row'
            WHEN 'producer_days' THEN a.attname <> 'producer'
            -- For locks that skip what somebody else has locked; nothing is ever written.
            WHEN 'pending_placements' THEN a.attname = 'position'
            WHEN 'refused_settlements' THEN a.attname NOT IN ('call_id', 'job_id', 'reward_id', 'since')
            WHEN 'refused_work' THEN a.attname NOT IN ('reward_id', 'work', 'since')
            WHEN 'retention_progress' THEN a.attname <> 'only_row'
            WHEN 'observed_facts' THEN a.attname NOT IN ('fact', 'subject')
            WHEN 'unattributed_codes' THEN a.attname IN ('call_id', 'found_at')
            WHEN 'job_actions' THEN a.attname = 'told_at'
            WHEN 'rewards' THEN a.attname <> 'reward_id'
            WHEN 'webhooks' THEN a.attname NOT IN ('name', 'created_at')
            WHEN 'webhook_deliveries' THEN a.attname NOT IN ('event_id', 'webhook', 'job_id', 'created_by')
            WHEN 'workers' THEN a.attname <> 'id'
            WHEN 'reward_watches' THEN a.attname <> 'reward_id'
            WHEN 'tracked_rewards' THEN a.attname <> 'reward_id'
            WHEN 'resyncs' THEN a.attname NOT IN ('reward_id', 'system')
            ELSE false END
    GROUP BY c.oid
  LOOP
    EXECUTE format('GRANT UPDATE (%s) ON %s TO codemint_worker', v_table.columns, v_table.name);
  END LOOP;
END
$$;

-- Operators: everything except the codes themselves. These are in the columns `code`, in bodies
-- that are kept byte for byte, and in `external_ids`, where the errors of other systems quote them. The
-- `status` of a code is a text that the API chooses, and nobody knows what it writes there one day.
DO $$
DECLARE
  v_table   record;
  v_routine record;
BEGIN
  FOR v_table IN
    SELECT c.oid::regclass AS name, c.relkind = 'v' AS is_view,
           string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
             FILTER (WHERE a.attname NOT IN ('code', 'status', 'external_ids')
                             AND a.atttypid <> 'bytea'::regtype) AS columns
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'codemint'::regnamespace AND c.relkind IN ('r', 'p', 'v')
    GROUP BY c.oid
  LOOP
    EXECUTE format('GRANT SELECT (%s) ON %s TO codemint_operator', v_table.columns, v_table.name);
  END LOOP;
  FOR v_routine IN
    SELECT p.oid::regprocedure AS name,
           CASE WHEN p.prosecdef AND p.proname NOT IN
                  ('forget_calls', 'forget_events', 'forget_refusal', 'forget_set_aside', 'heal_sequences',
                   'number_events', 'restore_rows', 'skip_event_numbers')
                THEN 'codemint_operator' ELSE 'codemint_worker' END AS role
    FROM pg_proc p
    WHERE p.pronamespace = 'codemint'::regnamespace AND p.prorettype <> 'trigger'::regtype
  LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', v_routine.name, v_routine.role);
  END LOOP;
END
$$;
GRANT EXECUTE
  ON FUNCTION codemint.time_words(timestamptz), codemint.count_words(bigint, text, text),
     codemint.stop_words(text), codemint.database_needs(), codemint.daemon_needs(), codemint.fleet_needs(), codemint.job_needs(),
     codemint.reward_needs(), codemint.webhook_needs(), codemint.find_needs(), codemint.count_jobs(),
     codemint.passing_trouble(codemint.account), codemint.trouble_of_some(), codemint.count_failed(),
     codemint.judge(), codemint.delivery_heads(text)
  TO codemint_operator;
GRANT EXECUTE ON FUNCTION codemint.explain_doubt(uuid),
                          codemint.lock_holders(xid, interval, bigint, uuid),
                          codemint.root_holders(integer[], xid[], interval),
                          codemint.table_holders(interval, boolean), codemint.shared_holders(interval),
                          codemint.locked_tables(interval, boolean),
                          codemint.suspected_jobs(text[], boolean, integer), codemint.asked_purchase(),
                          codemint.unread_holders(), codemint.old_row_holders(), codemint.worker_holders(),
                          codemint.broken_sequences(), codemint.untaken_words(bigint[])
  TO codemint_worker;

-- A producer sees its own rows of jobs; other roles that may read the table see all rows. A policy is made only if
-- it is not there as it should be, because that locks the table against all others.
DO $$
DECLARE
  v_policy record;
BEGIN
  FOR v_policy IN
    SELECT w.*
    FROM (VALUES
      ('a producer inserts in its own name', 'INSERT', 'codemint_producer', NULL, '(created_by = CURRENT_USER)'),
      ('a producer sees its own jobs', 'SELECT', 'codemint_producer', '(created_by = CURRENT_USER)', NULL),
      ('operators and readers see every job', 'SELECT', 'codemint_operator, codemint_reader', 'true', NULL),
      ('the daemon works on every job', 'ALL', 'codemint_worker', 'true', 'true'))
      AS w (name, command, roles, shown, written)
    WHERE NOT EXISTS (
      SELECT FROM pg_policies p
      WHERE p.schemaname = 'codemint' AND p.tablename = 'jobs' AND p.policyname = w.name
        AND p.permissive = 'PERMISSIVE' AND p.cmd = w.command AND array_to_string(p.roles, ', ') = w.roles
        AND (p.qual, p.with_check) IS NOT DISTINCT FROM (w.shown, w.written))
  LOOP
    IF EXISTS (SELECT FROM pg_policy o WHERE o.polrelid = 'codemint.jobs'::regclass AND o.polname = v_policy.name) THEN
      EXECUTE format('DROP POLICY %I ON codemint.jobs', v_policy.name);
    END IF;
    EXECUTE format('CREATE POLICY %I ON codemint.jobs FOR %s TO %s', v_policy.name, v_policy.command, v_policy.roles)
      || coalesce(' USING (' || v_policy.shown || ')', '') || coalesce(' WITH CHECK (' || v_policy.written || ')', '');
  END LOOP;
  IF NOT (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = 'codemint.jobs'::regclass) THEN
    ALTER TABLE codemint.jobs ENABLE ROW LEVEL SECURITY;
  END IF;
END
$$;
