-- Why jobs wait, and who keeps them waiting.

-- Who stands at the end of the queues in which these sessions wait for locks: they themselves if they wait
-- for none. A session of codemint that has a row and waits for another is not who has to be asked to let go.
-- The age of another login's transaction is known only to members of pg_read_all_stats; a transaction of
-- unknown age counts, else those count that have run for longer than p_least. A session that is seen to be
-- idle has ended its transaction meanwhile. p_prepared are transactions that belong to no session any more
-- (PREPARE TRANSACTION). what_helps is the statement that ends them.
CREATE OR REPLACE FUNCTION codemint.root_holders(
  p_pids integer[], p_prepared xid[], p_least interval,
  OUT holder text, OUT since timestamptz, OUT what_helps text
) RETURNS SETOF record
LANGUAGE sql VOLATILE
ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  WITH RECURSIVE chain (pid, waiter) AS (
    SELECT u.pid, 0 FROM unnest(p_pids) AS u (pid)
    UNION
    -- A prepared transaction is 0 here.
    SELECT b.pid, c.pid
    FROM chain c CROSS JOIN LATERAL unnest(pg_blocking_pids(c.pid)) AS b (pid)
    WHERE c.pid <> 0
  ), prepared (xid) AS (
    SELECT u.xid FROM unnest(p_prepared) AS u (xid)
    UNION
    SELECT x.transactionid
    FROM chain c
    JOIN pg_locks w ON w.pid = c.waiter AND NOT w.granted
    JOIN pg_locks g ON g.pid IS NULL AND g.granted AND g.locktype = w.locktype
      AND (g.database, g.relation, g.page, g.tuple, g.transactionid, g.classid, g.objid, g.objsubid)
          IS NOT DISTINCT FROM
          (w.database, w.relation, w.page, w.tuple, w.transactionid, w.classid, w.objid, w.objsubid)
    JOIN pg_locks x ON x.pid IS NULL AND x.locktype = 'transactionid'
      AND x.virtualtransaction = g.virtualtransaction
    WHERE c.pid = 0
  )
  SELECT concat_ws(', ', coalesce(a.usename, a.backend_type), 'pid ' || s.pid,
                   nullif(a.application_name, ''), 'since ' || date_trunc('second', a.xact_start)),
         a.xact_start, format('SELECT pg_terminate_backend(%s); -- as its own login, or as a member of pg_signal_backend', s.pid)
  FROM (SELECT DISTINCT c.pid FROM chain c
        WHERE c.pid <> 0 AND NOT EXISTS (SELECT FROM chain d WHERE d.waiter = c.pid)) s
  JOIN pg_stat_activity a ON a.pid = s.pid
  WHERE s.pid <> pg_backend_pid()
    AND coalesce(a.xact_start < statement_timestamp() - p_least, a.state IS DISTINCT FROM 'idle')
  UNION ALL
  SELECT format('the prepared transaction %L, %s, since %s', p.gid, p.owner,
                date_trunc('second', p.prepared)),
         p.prepared, format('ROLLBACK PREPARED %L; -- or COMMIT PREPARED', p.gid)
  FROM pg_prepared_xacts p
  WHERE p.transaction IN (SELECT r.xid FROM prepared r)
    AND p.prepared < statement_timestamp() - p_least
$$;
COMMENT ON FUNCTION codemint.root_holders(integer[], xid[], interval) IS
  'Who keeps these sessions waiting for locks, since when, and the statement that ends it.';

-- Whether a transaction, or a part of one after a savepoint, has not ended.
CREATE OR REPLACE FUNCTION codemint.is_running(p_xid xid) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now  pg_snapshot := pg_current_snapshot();
  v_next bigint := pg_snapshot_xmax(v_now)::text::bigint;
BEGIN
  IF age(p_xid) > age(pg_snapshot_xmin(v_now)::xid) THEN
    RETURN false;
  END IF;
  BEGIN
    -- The number with its epoch is the one that is nearest to the next number.
    RETURN pg_xact_status((v_next - 2147483648
             + ((p_xid::text::bigint - v_next + 2147483648) & 4294967295))::text::xid8)
           = 'in progress';
  EXCEPTION
    WHEN OTHERS THEN
      -- It is the number of a group, which no transaction has had yet.
      RETURN false;
  END;
END
$$;

-- Sessions that lock or write rows of a table. What a released savepoint has locked is known to nobody but
-- the server, but its session is one of these.
CREATE OR REPLACE FUNCTION codemint.writers_of(p_table text) RETURNS integer[]
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT array_agg(DISTINCT l.pid)
  FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
  WHERE l.locktype = 'relation' AND l.granted AND l.mode IN ('RowShareLock', 'RowExclusiveLock')
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    AND c.relnamespace = 'codemint'::regnamespace AND c.relname = p_table
    AND l.pid <> pg_backend_pid()
$$;

-- The transactions because of which a row is locked, by the row's xmax, if they have run for longer than
-- p_least.
--
-- Several transactions can share a lock. Then xmax is the number of the group, which only an attempt
-- tells from that of a transaction.
--
-- If p_job or p_reward names the row, there are holders only if their lock is one that keeps codemint
-- out: a row that refers to the job (FOR KEY SHARE) keeps nobody out.
CREATE OR REPLACE FUNCTION codemint.lock_holders(
  p_xmax xid, p_least interval, p_job bigint, p_reward uuid,
  OUT holder text, OUT since timestamptz, OUT what_helps text
) RETURNS SETOF record
LANGUAGE plpgsql
ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_members  xid[] := ARRAY[p_xmax];
  v_pids     integer[];
  v_prepared xid[];
BEGIN
  IF p_xmax::text = '0' THEN
    RETURN;
  END IF;
  BEGIN
    v_members := v_members || ARRAY(SELECT m.xid FROM pg_get_multixact_members(p_xmax) m);
  EXCEPTION
    WHEN OTHERS THEN
      NULL;
  END;
  SELECT array_agg(l.pid) FILTER (WHERE l.pid IS NOT NULL),
         array_agg(l.transactionid) FILTER (WHERE l.pid IS NULL)
    INTO v_pids, v_prepared
  FROM pg_locks l
  WHERE l.locktype = 'transactionid' AND l.granted AND l.transactionid = ANY (v_members)
    AND l.pid IS DISTINCT FROM pg_backend_pid();
  IF num_nonnulls(v_pids, v_prepared) = 0 AND num_nonnulls(p_job, p_reward) > 0
     AND codemint.is_running(p_xmax) THEN
    v_pids := codemint.writers_of(CASE WHEN p_job IS NULL THEN 'rewards' ELSE 'jobs' END);
  END IF;
  IF num_nonnulls(v_pids, v_prepared) > 0 AND codemint.is_row_locked(p_job, p_reward) THEN
    RETURN QUERY SELECT * FROM codemint.root_holders(v_pids, v_prepared, p_least);
  END IF;
END
$$;
COMMENT ON FUNCTION codemint.lock_holders(xid, interval, bigint, uuid) IS
  'Who has locked a row, by the xmax of the row, since when, and the statement that ends it.';

-- Whether policies let a role read and update every row of a table. A condition that is always true is told by what
-- the catalogue has, and not by pg_get_expr: that may wait for the table.
CREATE OR REPLACE FUNCTION codemint.is_shown_all(p_role oid, p_table oid) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT bool_and(EXISTS (
    SELECT FROM pg_policy o
    WHERE o.polrelid = p_table AND o.polpermissive AND o.polcmd IN ('*', k.command)
      AND o.polqual::text LIKE '{CONST :consttype 16 %:constvalue 1 [%1%]}'
      AND EXISTS (SELECT FROM unnest(o.polroles) AS m (role)
                  WHERE m.role = 0 OR pg_has_role(p_role, m.role, 'USAGE'))))
  FROM unnest('{r,w}'::"char"[]) AS k (command)
$$;

-- Tables of which the daemons do not see every row, because somebody has switched row security on. Where it hides
-- the account nothing is claimed, and where it hides calls what is derived from them would be mended to nothing. The
-- jobs have policies of codemint's own; if the daemons' is gone, a login of theirs that row security concerns sees no
-- job.
CREATE OR REPLACE FUNCTION codemint.hidden_tables() RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT ARRAY(
    SELECT c.relname::text
    FROM pg_class c
    LEFT JOIN pg_roles d ON d.rolname = 'codemint_worker'
    WHERE c.relnamespace = 'codemint'::regnamespace AND c.relrowsecurity
      AND CASE WHEN c.relname <> 'jobs' THEN true
               WHEN d.oid IS NULL OR codemint.is_shown_all(d.oid, c.oid) THEN false
               ELSE EXISTS (SELECT FROM pg_roles l
                            WHERE l.rolcanlogin AND NOT l.rolsuper AND NOT l.rolbypassrls
                              AND (l.oid <> c.relowner OR c.relforcerowsecurity)
                              AND pg_has_role(l.oid, d.oid, 'USAGE') AND NOT codemint.is_shown_all(l.oid, c.oid)) END
    ORDER BY 1)
$$;

-- What shows the daemons all rows of a hidden table again. Row security of jobs keeps producers from the jobs of
-- others, so it stays on.
CREATE OR REPLACE FUNCTION codemint.sight_remedy(p_table text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE p_table WHEN 'jobs' THEN 'run codemint migrate: it puts the policies of the jobs back'
                      ELSE format('ALTER TABLE codemint.%I DISABLE ROW LEVEL SECURITY;', p_table) END
$$;

-- Refuses to work on what is not seen as it is, or cannot be written. A session that has planned a statement under a
-- rule keeps the plan when the rule is gone, and it does nothing: workers open other sessions after this error.
CREATE OR REPLACE FUNCTION codemint.require_sight() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  -- A daemon may have a login that the policies of the jobs do not concern.
  v_hidden text[] := ARRAY(SELECT u.name FROM unnest(codemint.hidden_tables()) AS u (name)
                           WHERE u.name <> 'jobs' OR row_security_active('codemint.jobs'));
  v_rules  text := (SELECT string_agg(s.what, ', ') FROM codemint.silencers() s
                    WHERE s.kind = 'rule' OR s.kind = 'policy' AND row_security_active('codemint.' || s.relation));
BEGIN
  IF cardinality(v_hidden) > 0 THEN
    RAISE EXCEPTION 'row security is on for codemint.%, so rows are hidden', array_to_string(v_hidden, ', codemint.')
      USING ERRCODE = 'insufficient_privilege';
  ELSIF v_rules IS NOT NULL THEN
    RAISE EXCEPTION '% keeps rows out in silence', v_rules USING ERRCODE = '27CM1';
  END IF;
END
$$;

-- Who has locked a table that INSERTs of producers, claims and settlements write to, or waits for a lock that lets
-- nobody pass: LOCK TABLE, CREATE INDEX, an ALTER TABLE behind a long report; with p_all any table. Nothing is read
-- but the list of locks, so this answers where the views wait as well.
CREATE OR REPLACE FUNCTION codemint.locked_tables(
  p_least interval, p_all boolean DEFAULT false,
  OUT what text, OUT holder text, OUT since timestamptz, OUT what_helps text
) RETURNS SETOF record
LANGUAGE sql VOLATILE
ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT 'the table ' || t.relname, h.holder, h.since, h.what_helps
  FROM (SELECT c.relname, array_agg(l.pid) FILTER (WHERE l.pid IS NOT NULL) AS pids,
               array_agg(x.transactionid) FILTER (WHERE l.pid IS NULL) AS prepared
        FROM pg_locks l
        JOIN pg_class c ON c.oid = l.relation
        LEFT JOIN pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
          AND x.virtualtransaction = l.virtualtransaction
        WHERE l.locktype = 'relation' AND c.relnamespace = 'codemint'::regnamespace
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND (l.mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock')
                 AND (p_all OR c.relname IN (
                   'jobs', 'calls', 'codes', 'rewards', 'account', 'turns', 'pending_placements', 'unnumbered_events',
                   'quotas', 'producer_days', 'answers', 'raw_codes', 'observed_facts'))
               -- These are only read.
               OR l.mode = 'AccessExclusiveLock' AND c.relname IN ('cluster_identity', 'installed_code', 'guards'))
        GROUP BY c.relname) t
  CROSS JOIN LATERAL codemint.root_holders(t.pids, t.prepared, p_least) h
$$;
COMMENT ON FUNCTION codemint.locked_tables(interval, boolean) IS
  'Who has locked tables that INSERTs of producers, claims and settlements need, or with p_all any, since when, and '
  'the statement that ends it.';

-- Who keeps claims and settlements from a table: whoever has locked it, or hides or keeps out its rows, or every
-- commit.
CREATE OR REPLACE FUNCTION codemint.table_holders(
  p_least interval, p_all boolean DEFAULT false,
  OUT what text, OUT holder text, OUT since timestamptz, OUT what_helps text
) RETURNS SETOF record
LANGUAGE sql VOLATILE
ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT l.what, l.holder, l.since, l.what_helps FROM codemint.locked_tables(p_least, p_all) l
  UNION ALL
  SELECT 'the table ' || u.name, 'row security, which hides its rows', NULL,
         codemint.sight_remedy(u.name)
  FROM unnest(codemint.hidden_tables()) AS u (name)
  UNION ALL
  SELECT 'the table ' || s.relation, s.what || ', which keeps rows out in silence', NULL, s.what_helps
  FROM codemint.silencers() s WHERE s.kind <> 'trigger'
  UNION ALL
  SELECT 'every commit', 'synchronous_standby_names, because no standby is connected', NULL,
         'bring a standby back, or empty synchronous_standby_names and run SELECT pg_reload_conf();'
  WHERE codemint.lacks_standby()
$$;
COMMENT ON FUNCTION codemint.table_holders(interval, boolean) IS
  'Who keeps claims and settlements from their tables, or with p_all anybody from any, since when, and the '
  'statement that ends it.';

-- Who has locked what every claim needs: the row of the account, the row at which claims take turns, or a
-- whole table.
CREATE OR REPLACE FUNCTION codemint.shared_holders(
  p_least interval, OUT what text, OUT holder text, OUT since timestamptz, OUT what_helps text
) RETURNS SETOF record
LANGUAGE sql VOLATILE
ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT 'the row of the account', h.*
  FROM codemint.account a CROSS JOIN LATERAL codemint.lock_holders(a.xmax, p_least, NULL, NULL) h
  UNION ALL
  SELECT 'the row at which claims take turns', h.*
  FROM codemint.turns t CROSS JOIN LATERAL codemint.lock_holders(t.xmax, p_least, NULL, NULL) h
  WHERE t.turn = 'claims'
  UNION ALL
  SELECT h.what, h.holder, h.since, h.what_helps FROM codemint.table_holders(p_least) h
$$;
COMMENT ON FUNCTION codemint.shared_holders(interval) IS
  'Who has locked what every claim needs, since when, and the statement that ends it.';

-- Who keeps the server from removing old versions of rows, once that makes claims slow: every claim writes the row
-- of the account, and reads through all versions that somebody may still want to see. With 100,000 of them each read
-- takes 10 ms and more, so that no claim of a fleet keeps its pace.
CREATE OR REPLACE FUNCTION codemint.old_row_holders(
  OUT words text, OUT since timestamptz, OUT what_helps text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_dead bigint := pg_stat_get_dead_tuples('codemint.account'::regclass);
BEGIN
  IF v_dead < 10000 THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT format('claims get slower, because %s old versions of the row of the account cannot be removed', v_dead)
           || coalesce('; what keeps them longest is ' || min(h.holder), ''),
         min(h.since), coalesce(min(h.ending), 'see whether autovacuum is on; VACUUM codemint.account;')
  FROM (
    SELECT o.* FROM (
      SELECT concat_ws(', ', coalesce(a.usename, a.backend_type), 'pid ' || a.pid, nullif(a.application_name, ''),
                       'database ' || a.datname, 'since ' || date_trunc('second', a.xact_start)) AS holder,
             a.xact_start AS since, format('SELECT pg_terminate_backend(%s);', a.pid) AS ending,
             age(a.backend_xmin) AS age
      FROM pg_stat_activity a WHERE a.backend_xmin IS NOT NULL AND a.pid <> pg_backend_pid()
      UNION ALL
      SELECT format('the prepared transaction %L, %s, since %s', p.gid, p.owner, date_trunc('second', p.prepared)),
             p.prepared, format('ROLLBACK PREPARED %L; -- or COMMIT PREPARED', p.gid), age(p.transaction)
      FROM pg_prepared_xacts p
      UNION ALL
      SELECT format('the replication slot %I', s.slot_name), NULL,
             format('SELECT pg_drop_replication_slot(%L); -- if nobody needs it', s.slot_name), age(s.xmin)
      FROM pg_replication_slots s WHERE s.xmin IS NOT NULL) o
    ORDER BY o.age DESC LIMIT 1) h;
END
$$;
COMMENT ON FUNCTION codemint.old_row_holders() IS
  'Who keeps old versions of rows from being removed, if that makes claims slow; else nothing.';

-- The same in one sentence, for who has waited in vain; null if nobody has. It waits for nobody, whatever is locked.
CREATE OR REPLACE FUNCTION codemint.name_holders() RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
  v_words text := (
    SELECT string_agg(DISTINCT format('%s is locked by %s; to end it: %s', h.what, h.holder, h.what_helps), '; and ')
    FROM codemint.table_holders('0', true) h);
BEGIN
  RETURN coalesce(v_words, (
    SELECT string_agg(DISTINCT format('%s is locked by %s; to end it: %s', h.what, h.holder, h.what_helps), '; and ')
    FROM codemint.shared_holders('0') h));
EXCEPTION
  WHEN lock_not_available THEN
    RETURN NULL;
END
$$;

-- Whether a job or a reward is locked against codemint; true if neither is named. The lock that is
-- taken to find out is given back at once. The whole table may be locked, and nobody waits for that here.
CREATE OR REPLACE FUNCTION codemint.is_row_locked(p_job bigint, p_reward uuid) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
  c_give_back constant text := 'CM002';
  v_is_locked boolean := true;
BEGIN
  IF p_job IS NOT NULL THEN
    PERFORM FROM codemint.jobs j WHERE j.id = p_job FOR NO KEY UPDATE SKIP LOCKED;
    v_is_locked := NOT FOUND;
  ELSIF p_reward IS NOT NULL THEN
    PERFORM FROM codemint.rewards r WHERE r.reward_id = p_reward FOR NO KEY UPDATE SKIP LOCKED;
    v_is_locked := NOT FOUND;
  END IF;
  RAISE EXCEPTION USING ERRCODE = c_give_back;
EXCEPTION
  WHEN SQLSTATE 'CM002' THEN
    RETURN v_is_locked;
  WHEN read_only_sql_transaction OR lock_not_available THEN
    RETURN true;
END
$$;

-- Who has locked a job or its reward; null if nobody has.
CREATE OR REPLACE FUNCTION codemint.job_holder(p_job bigint, p_least interval DEFAULT '0')
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT string_agg(DISTINCT h.holder, '; ')
  FROM codemint.jobs j
  LEFT JOIN codemint.rewards r ON r.reward_id = j.reward_id
  CROSS JOIN LATERAL (
    SELECT b.holder FROM codemint.lock_holders(j.xmax, p_least, j.id, NULL) b
    UNION
    SELECT b.holder FROM codemint.lock_holders(r.xmax, p_least, NULL, r.reward_id) b WHERE r.reward_id IS NOT NULL) h
  WHERE j.id = p_job
$$;

-- The calls of a job whose outcome a daemon tries to record and the database refuses.
CREATE OR REPLACE FUNCTION codemint.unsettled(p_job bigint, p_now timestamptz)
RETURNS SETOF codemint.refused_settlements
LANGUAGE sql STABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT s.* FROM codemint.refused_settlements s
  WHERE s.job_id = p_job
    -- Daemons try at least every 15 seconds, and each try has half a minute.
    AND s.failed_at > p_now - interval '2 minutes'
    AND EXISTS (SELECT FROM codemint.calls c
                WHERE c.id = s.call_id AND c.state IN ('sending', 'in_doubt'))
$$;

-- The calls that are out, of a reward or of all, whose outcome the database refuses: each keeps its slot until that is
-- mended, so jobs behind it wait for the same.
CREATE OR REPLACE FUNCTION codemint.kept_slots(
  p_reward uuid, p_now timestamptz, OUT calls bigint, OUT since timestamptz, OUT words text
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  SELECT count(*), min(s.since),
         format('%s call(s) keep their slots, because their outcome cannot be recorded: ', count(*))
           || (array_agg(s.message || coalesce(' (' || s.raised_by || ')', '') ORDER BY s.failed_at DESC))[1]
    INTO calls, since, words
  FROM codemint.refused_settlements s
  JOIN codemint.calls c ON c.id = s.call_id AND c.state = 'sending'
  WHERE s.failed_at > p_now - interval '2 minutes' AND (p_reward IS NULL OR s.reward_id = p_reward);
END
$$;

-- Why a job waits; the view waits shows it. Reasons of the job that need a person come first. Then
-- come the reasons that stop every job, then those of the reward, then those that pass by
-- themselves. The conditions are those of codemint.may_take.
--
-- Each reason is proven from what the ledger holds. Whose turn it is not is no proof that others go
-- first: somebody must have had a turn lately (p_claimed_at, the last claim of all). What cannot be
-- proven is 'unknown'.
CREATE OR REPLACE FUNCTION codemint.reason_to_wait(
  p_job codemint.jobs, p_reward codemint.rewards, p_account codemint.account,
  p_suspended boolean, p_asks boolean, p_locked boolean, p_claimed_at timestamptz, p_now timestamptz
) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  -- A free worker claims a job that is due long before this has passed.
  c_moment       constant interval := interval '10 seconds';
  v_open         boolean := p_job.state IN ('queued', 'running');
  v_is_queued    boolean := p_job.queue_position IS NOT NULL;
  -- A call that is held for lack of evidence holds only its own room. It is shown when nothing else
  -- of the job is left to do.
  v_has_held_call boolean := false;
  v_is_unsettled  boolean := false;
BEGIN
  -- Calls are looked at only where it matters: the view waits asks this for every job.
  IF p_job.held OR p_job.issued + p_job.outstanding >= p_job.count THEN
    v_has_held_call := EXISTS (
      SELECT FROM codemint.calls c WHERE c.job_id = p_job.id AND c.held_at IS NOT NULL);
  END IF;
  IF p_job.outstanding > 0 THEN
    v_is_unsettled := EXISTS (SELECT FROM codemint.unsettled(p_job.id, p_now));
  END IF;
  -- A call whose lease has run out may not even get as far as being in doubt.
  IF p_reward.closed_at IS NOT NULL OR p_reward.awaits_listing OR p_job.outstanding > 0 THEN
    v_is_unsettled := v_is_unsettled OR EXISTS (
      SELECT FROM codemint.refused_lately(
        p_reward.reward_id, CASE WHEN p_reward.closed_at IS NULL AND NOT p_reward.awaits_listing
                                 THEN '{doubt}' ELSE '{doubt,watch}'::text[] END, p_now));
  END IF;
  RETURN CASE
    WHEN p_job.finished_at IS NOT NULL THEN 'sync'
    WHEN v_has_held_call THEN 'decision'
    WHEN v_open AND p_job.held THEN 'held'
    WHEN v_open AND p_job.awaits_approval THEN 'approval'
    WHEN v_open AND p_job.paused THEN 'paused'
    WHEN v_open AND codemint.is_parked(p_job, p_now) THEN 'day'
    WHEN v_open AND NOT v_is_queued AND p_job.next_call_at > p_now THEN
      CASE WHEN p_job.unclaimable_since IS NULL THEN 'time' ELSE 'unclaimable' END
    WHEN p_suspended THEN 'suspended'
    WHEN p_locked THEN 'locked'
    WHEN NOT codemint.is_daemon_at_work(p_now) THEN 'daemon'
    WHEN v_is_unsettled THEN 'unsettled'
    WHEN p_asks THEN 'api'
    WHEN p_account.blocked_at IS NOT NULL THEN 'blocked'
    WHEN p_account.breaker = 'open' THEN 'failing'
    WHEN p_reward.closed_at IS NOT NULL THEN
      CASE WHEN EXISTS (SELECT FROM codemint.calls c
                        WHERE c.reward_id = p_reward.reward_id AND c.state = 'in_doubt')
           THEN 'doubt' ELSE 'unknown' END
    WHEN NOT v_open OR p_job.issued + p_job.outstanding >= p_job.count THEN
      CASE WHEN p_job.outstanding > 0 THEN 'answers' ELSE 'unknown' END
    WHEN p_account.upgrading_until > p_now THEN 'upgrade'
    WHEN codemint.codes_left(p_account, p_now) <= 0 THEN 'day'
    WHEN p_reward.awaits_listing THEN 'listing'
    WHEN p_reward.paused_until > p_now THEN 'refused'
    WHEN p_account.paused_until > p_now THEN 'pause'
    WHEN p_reward.in_flight >= p_account.max_in_flight_per_reward THEN
      CASE WHEN (codemint.kept_slots(p_reward.reward_id, p_now)).calls >= greatest(p_reward.in_flight, 1)
           THEN 'unsettled' ELSE 'reward' END
    WHEN NOT codemint.may_send(p_account, p_now) THEN
      CASE WHEN (codemint.kept_slots(NULL, p_now)).calls >= greatest(p_account.in_flight, 1)
           THEN 'unsettled' ELSE 'slots' END
    WHEN p_job.unclaimable_since IS NOT NULL
         OR EXISTS (SELECT FROM codemint.refused_work w
                    WHERE w.reward_id = p_job.reward_id AND w.work = 'claim'
                      AND w.failed_at > p_now - interval '5 minutes') THEN 'unclaimable'
    WHEN p_claimed_at > p_now - c_moment
         OR greatest(p_job.next_call_at, p_job.updated_at) > p_now - c_moment THEN 'turn'
    WHEN (codemint.next_slot(p_account, p_now)).slot > p_now THEN 'pace'
    ELSE 'unknown' END;
END
$$;

-- When the last call of all was claimed; null if no call is known. A call from before the clock was set
-- back says nothing about the present.
CREATE OR REPLACE FUNCTION codemint.last_claimed_at() RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT c.created_at FROM codemint.calls c
  WHERE c.created_at <= clock_timestamp() ORDER BY c.created_at DESC LIMIT 1
$$;

-- When a daemon last did something that its row in workers does not show: it claimed or settled a call, or renewed a
-- lease, later than any row allows and than any daemon has stopped. Null if that is longer ago than a daemon is taken
-- for alive without a sign. A daemon that cannot write its row works all the same.
CREATE OR REPLACE FUNCTION codemint.worked_at() RETURNS timestamptz
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT d.done_at
  FROM (SELECT greatest(
          codemint.last_claimed_at(),
          (SELECT max(c.settled_at)
           FROM (SELECT k.settled_at, k.resolution FROM codemint.calls k ORDER BY k.created_at DESC LIMIT 10) c
           WHERE c.resolution IS NULL),
          (SELECT max(c.lease_expires_at - c.lease) FROM codemint.calls c
           WHERE c.state = 'sending' AND c.lease_expires_at > clock_timestamp())) AS done_at) d,
       (SELECT max(w.expires_at) AS shown, coalesce(max(w.expires_at - w.seen_at), interval '15 seconds') AS lifetime
        FROM codemint.workers w) w
  WHERE d.done_at BETWEEN clock_timestamp() - w.lifetime AND clock_timestamp()
    AND d.done_at > greatest(w.shown, (SELECT h.retired_at FROM codemint.healing h), '-infinity')
$$;

COMMENT ON FUNCTION codemint.worked_at() IS
  'When a daemon whose row in workers does not show that it lives last worked, if that was lately; else null.';

-- Since when no daemon lives, if none does: the last one has stopped in order, or has not been heard of since.
CREATE OR REPLACE FUNCTION codemint.daemon_gone_since() RETURNS timestamptz
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT greatest(codemint.last_sign_of_life(), (SELECT h.retired_at FROM codemint.healing h))
$$;
COMMENT ON FUNCTION codemint.daemon_gone_since() IS
  'When the last daemon stopped or was heard of last; null if none ever was.';

-- Whether a daemon lives that is not stopping, or has worked lately although its row does not show that it lives.
CREATE OR REPLACE FUNCTION codemint.is_daemon_at_work(p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN EXISTS (SELECT FROM codemint.workers w WHERE w.expires_at >= p_now AND NOT w.draining)
         OR codemint.worked_at() IS NOT NULL;
END
$$;
COMMENT ON FUNCTION codemint.is_daemon_at_work(timestamptz) IS
  'Whether a daemon is at work, by what it says of itself or by what it does.';

-- Who has locked a reward after a failover: the first sign of life there marks each reward that has to be listed.
CREATE OR REPLACE FUNCTION codemint.failover_holders(OUT what text, OUT holder text, OUT what_helps text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT pg_is_in_recovery() AND NOT codemint.is_suspended()
     AND (SELECT i.timeline IS NOT NULL FROM codemint.cluster_identity i) AND NOT codemint.is_at_home() THEN
    RETURN QUERY
    SELECT 'the row of reward ' || r.reward_id, h.holder, h.what_helps
    FROM codemint.rewards r CROSS JOIN LATERAL codemint.lock_holders(r.xmax, '0', NULL, r.reward_id) h
    WHERE r.xmax <> '0'::xid;
  END IF;
END
$$;

-- Who keeps daemons from writing their rows in workers, and the statement that ends it; nulls if nobody is known.
CREATE OR REPLACE FUNCTION codemint.worker_holders(OUT words text, OUT what_helps text)
LANGUAGE sql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT string_agg(DISTINCT h.what || ' is locked by ' || h.holder, '; '), min(h.what_helps)
  FROM (SELECT 'the row of a daemon' AS what, r.holder, r.what_helps
        FROM codemint.workers w CROSS JOIN LATERAL codemint.lock_holders(w.xmax, '0', NULL, NULL) r
        UNION ALL
        SELECT t.what, t.holder, t.what_helps FROM codemint.locked_tables('0', true) t
        WHERE t.what = 'the table workers'
        UNION ALL
        SELECT f.what, f.holder, f.what_helps FROM codemint.failover_holders() f) h
$$;
COMMENT ON FUNCTION codemint.worker_holders() IS
  'Who keeps daemons from showing that they live, and the statement that ends it; nulls if nobody is known.';

-- How the last request failed: the last call of all, or a probe that came after it; null if it did not. What kept
-- calls from an answer need not be what keeps the probes from one.
CREATE OR REPLACE FUNCTION codemint.last_failure() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN a.probe_failed_at <= l.created_at THEN l.error_message
              ELSE coalesce(a.probe_error, l.error_message) END
  FROM codemint.account a
  LEFT JOIN LATERAL (SELECT c.created_at, c.error_message FROM codemint.calls c
                     WHERE c.created_at <= clock_timestamp() ORDER BY c.created_at DESC LIMIT 1) l ON true
  LIMIT 1
$$;

-- What is known of claims if it is not known why none is made.
CREATE OR REPLACE FUNCTION codemint.describe_claims(p_claimed_at timestamptz) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT concat_ws('; ',
    coalesce('the last call was claimed at ' || date_trunc('second', p_claimed_at),
             'no call was ever claimed'),
    (SELECT format('claims of the daemon on %s fail since %s: %s', w.host,
                   date_trunc('second', w.claim_failed_at), w.claim_error)
     FROM codemint.workers w WHERE w.claim_error IS NOT NULL
     ORDER BY w.seen_at DESC LIMIT 1))
$$;

-- The stall detector. Jobs stand still for reasons that waits knows, and for reasons that nobody
-- thought of: a trigger, a table that is locked, a fault of codemint's own. So heartbeats also look
-- from the other side: a job could be claimed, nothing that codemint knows forbids it, and for a
-- minute nobody claims anything.

-- Whether a claim would find a call to make now, if nothing is claimed anyway.
CREATE OR REPLACE FUNCTION codemint.is_claim_missing(p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_account   codemint.account;
  v_candidate codemint.candidate;
  v_refused   uuid[] := codemint.refused_rewards('claim', p_now);
  v_passed    uuid[] := '{}';
BEGIN
  SELECT * INTO v_account FROM codemint.account a;
  IF codemint.last_claimed_at() > p_now - interval '10 seconds' OR codemint.is_suspended()
     OR v_account.requests_per_second IS NULL OR NOT codemint.may_send(v_account, p_now)
     OR codemint.fleet_question() IS NOT NULL
     OR (codemint.next_slot(v_account, p_now)).slot > p_now THEN
    RETURN false;
  END IF;
  -- Claims pass over what somebody has locked, or refuses. Ten locked rewards at the head are no proof of more.
  WHILE cardinality(v_passed) < 10 LOOP
    v_candidate := codemint.next_candidate(v_account, p_now, v_passed || v_refused);
    IF v_candidate.reward_id IS NULL THEN
      RETURN false;
    END IF;
    IF NOT (v_candidate.job_id IS NOT NULL AND codemint.is_row_locked(v_candidate.job_id, NULL))
       AND NOT (EXISTS (SELECT FROM codemint.rewards r WHERE r.reward_id = v_candidate.reward_id)
                AND codemint.is_row_locked(NULL, v_candidate.reward_id)) THEN
      RETURN true;
    END IF;
    v_passed := v_passed || v_candidate.reward_id;
  END LOOP;
  RETURN false;
END
$$;

-- Remembers since when claims are missing. A heartbeat calls this; what is locked is left for the next.
CREATE OR REPLACE FUNCTION codemint.watch_claims(p_now timestamptz) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_since timestamptz;
BEGIN
  IF codemint.is_claim_missing(p_now) THEN
    SELECT least(h.claimable_since, p_now) INTO v_since FROM codemint.healing h;
    v_since := coalesce(v_since, p_now);
  END IF;
  UPDATE codemint.healing h SET claimable_since = v_since
  WHERE h.only_row IN (
    SELECT s.only_row FROM codemint.healing s
    WHERE s.claimable_since IS DISTINCT FROM v_since FOR NO KEY UPDATE SKIP LOCKED);
END
$$;

-- Since when the fleet stands still although there is work, if that is a minute ago or more.
CREATE OR REPLACE FUNCTION codemint.stalled_since() RETURNS timestamptz
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT h.claimable_since FROM codemint.healing h
  WHERE h.claimable_since < clock_timestamp() - interval '1 minute'
    AND (codemint.last_claimed_at() > h.claimable_since) IS NOT TRUE
$$;
COMMENT ON FUNCTION codemint.stalled_since() IS
  'Since when nothing is claimed although jobs could be, if that is a minute ago or more; else null.';

-- Since when every answer that has codes is refused, if that is five seconds ago or more; else null. One job that is
-- refused stops that job alone, so answers of two jobs are refused and none was taken since: the last that was is among
-- the latest calls. Or all calls that there may be are out, and refused.
CREATE OR REPLACE FUNCTION codemint.unsettled_since() RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT min(r.since)
  FROM (SELECT min(s.since) AS since
        FROM codemint.refused_settlements s
        WHERE s.failed_at > clock_timestamp() - interval '2 minutes'
          AND s.since > coalesce((SELECT max(c.settled_at)
                                  FROM (SELECT k.state, k.settled_at FROM codemint.calls k
                                        ORDER BY k.created_at DESC LIMIT 1000) c
                                  WHERE c.state = 'issued'), '-infinity')
        HAVING count(DISTINCT s.job_id) > 1
        UNION ALL
        SELECT k.since
        FROM codemint.account a CROSS JOIN LATERAL codemint.kept_slots(NULL, clock_timestamp()) k
        WHERE k.calls >= greatest(a.in_flight, 1) AND NOT codemint.may_send(a, clock_timestamp())) r
  WHERE r.since < clock_timestamp() - interval '5 seconds'
$$;

-- Why nothing is done, or could be if there were work, in words for everybody; null if that is not so. The page
-- and health checks ask this. It reads a few rows, however large the ledger is.
CREATE OR REPLACE FUNCTION codemint.standstill() RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE
    WHEN pg_is_in_recovery() THEN 'the database is a standby and takes no writes'
    WHEN current_setting('transaction_read_only')::boolean
    THEN 'the database takes no writes: it was made read-only'
    -- Before a table is read that may be locked.
    ELSE coalesce(
      (SELECT min(h.what || ' is locked by ' || h.holder) FROM codemint.table_holders('5 seconds') h),
      (SELECT codemint.stop_words('suspended') || ' since ' || date_trunc('second', i.suspended_at)
         || '; codemint status says why'
       FROM codemint.cluster_identity i WHERE i.suspended_at IS NOT NULL),
      (SELECT codemint.stop_words('blocked') || ' since ' || date_trunc('second', a.blocked_at)
       FROM codemint.account a WHERE a.blocked_at IS NOT NULL),
      'nothing is claimed since ' || date_trunc('second', codemint.stalled_since())
        || ' although jobs are due; the daemons'' logs say more',
      'what the calls that are out have brought cannot be recorded since ' || date_trunc('second', codemint.unsettled_since())
        || '; codemint status says why',
      codemint.fleet_question()) END
$$;

-- Jobs that may stand still, up to so many, those that came first. The view waits is too much for every second, so
-- it is asked only for these. They are found by indexes however many jobs there are: jobs that run and have no call
-- out, jobs without a place, jobs of rewards that are closed for no doubt, and while nobody claims anything jobs
-- whose time has come and that no heartbeat places, and the heads of the queues. Whatever stops all jobs stops
-- these. Of them those are returned that wait for one of the reasons, and if asked for those of which somebody may
-- have locked a row. While a transaction that has locked rows is old, ten thousand open jobs are looked at for that.
-- Column rights do not reach xmax, so it runs with its owner's rights.
CREATE OR REPLACE FUNCTION codemint.suspected_jobs(p_reasons text[], p_locked boolean, p_most integer)
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_claimed_at timestamptz := codemint.last_claimed_at();
  v_overdue    timestamptz := clock_timestamp() - interval '10 seconds';
  v_is_idle    boolean := (v_claimed_at > clock_timestamp() - interval '10 seconds') IS NOT TRUE;
  v_asks       boolean := codemint.fleet_question() IS NOT NULL;
  v_is_kept    boolean := p_locked AND EXISTS (
    SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.relation IN ('codemint.jobs'::regclass, 'codemint.rewards'::regclass)
      AND l.mode IN ('RowShareLock', 'RowExclusiveLock') AND a.xact_start < clock_timestamp() - interval '10 seconds');
  v_suspects   bigint[];
BEGIN
  v_suspects := ARRAY(
    (SELECT j.id FROM codemint.jobs j
     WHERE j.state IN ('running', 'ending') AND j.outstanding = 0
       AND (v_is_idle OR j.issued >= j.count OR j.state = 'ending')
     LIMIT 100)
    UNION
    (SELECT j.id FROM codemint.jobs j
     WHERE j.state IN ('queued', 'running') AND NOT j.paused AND NOT j.held
       AND NOT j.awaits_approval AND j.issued + j.outstanding < j.count
       AND NOT j.is_new AND j.queue_position IS NULL AND j.next_call_at IS NULL
     LIMIT 100)
    UNION
    (SELECT j.id FROM codemint.jobs j
     WHERE v_is_idle AND NOT j.is_new AND j.queue_position IS NULL
       AND j.next_call_at < v_overdue
     ORDER BY j.next_call_at
     LIMIT 100)
    UNION
    (SELECT j.id
     FROM (SELECT w.reward_id FROM codemint.rewards w WHERE w.closed_at IS NOT NULL ORDER BY w.closed_at LIMIT 1000) r
     JOIN codemint.jobs j ON j.reward_id = r.reward_id AND j.state IN ('queued', 'running', 'ending')
     WHERE NOT EXISTS (SELECT FROM codemint.calls c WHERE c.reward_id = r.reward_id AND c.state = 'in_doubt')
     LIMIT 100)
    UNION
    (SELECT r.new_job FROM codemint.rewards r
     WHERE v_is_idle AND r.new_job IS NOT NULL AND r.closed_at IS NULL AND NOT r.awaits_listing
     ORDER BY r.queue_priority, r.new_position, r.new_job
     LIMIT 100)
    UNION
    (SELECT p.job_id FROM codemint.pending_placements p
     WHERE v_is_idle AND p.job_id IS NOT NULL
     ORDER BY p.priority, p.position, p.job_id
     LIMIT 100)
    UNION
    (SELECT o.id
     FROM (SELECT j.id, j.reward_id, j.xmax AS lock FROM codemint.jobs j
           WHERE v_is_kept AND j.state IN ('queued', 'running') LIMIT 10000) o
     LEFT JOIN codemint.rewards r ON r.reward_id = o.reward_id
     WHERE o.lock <> '0'::xid OR r.xmax <> '0'::xid
     LIMIT 100));
  RETURN ARRAY(
    SELECT j.id
    FROM codemint.jobs j
    CROSS JOIN codemint.account a
    -- OFFSET keeps the planner from reading all rewards for the few that are looked for.
    LEFT JOIN LATERAL (SELECT w AS reward, w.xmax AS lock FROM codemint.rewards w
                       WHERE w.reward_id = j.reward_id OFFSET 0) r ON true
    WHERE j.id = ANY (v_suspects)
      AND (codemint.reason_to_wait(j, r.reward, a, codemint.is_suspended(), v_asks, false, v_claimed_at,
                                   clock_timestamp()) = ANY (p_reasons)
           OR p_locked AND (j.xmax <> '0'::xid OR r.lock <> '0'::xid))
    ORDER BY j.id
    LIMIT p_most);
END
$$;

COMMENT ON FUNCTION codemint.suspected_jobs(text[], boolean, integer) IS
  'Jobs that may stand still for one of these reasons, or because somebody has locked a row; the view needs_you has '
  'those that do.';

-- Jobs of which codemint cannot tell why they wait; up to twenty, those that came first.
CREATE OR REPLACE FUNCTION codemint.unexplained_jobs()
RETURNS TABLE (job_id bigint, reward_id uuid, since timestamptz)
LANGUAGE plpgsql STABLE
ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_suspects bigint[] := codemint.suspected_jobs(ARRAY['unknown'], false, 20);
BEGIN
  IF cardinality(v_suspects) > 0 THEN
    RETURN QUERY
    SELECT w.job_id, w.reward_id, w.since FROM codemint.waits w
    WHERE w.job_id = ANY (v_suspects) AND w.reason = 'unknown'
    ORDER BY w.job_id;
  END IF;
END
$$;
