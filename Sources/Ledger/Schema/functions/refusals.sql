-- What the database refuses to record: a trigger or a constraint of somebody's own, or a lock, keeps a decision, a
-- watch or a sync pass from being written. It is tried again ever less often, up to once a minute, and waits and
-- needs_you name who refuses. (Of settlements note_refusal tells the same, in settle.sql.)
--
-- The words of a refusal may quote a code. Only the daemon knows whether they can, so it leaves them out.

-- The trigger of somebody's own that an error came from, or else the function. The function is looked up by name:
-- to_regprocedure refuses those of a schema that the daemon may not use, and triggers may be in any schema.
CREATE OR REPLACE FUNCTION codemint.name_refuser(p_function text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT left(coalesce(
    (SELECT string_agg(format('trigger %I on %s', t.tgname, t.tgrelid::regclass), ', ')
     FROM pg_trigger t
     JOIN pg_proc p ON p.oid = t.tgfoid
     JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE p_function IN (format('%I()', p.proname), format('%I.%I()', n.nspname, p.proname)) AND NOT t.tgisinternal
       AND t.tgrelid IN (SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'codemint'::regnamespace)),
    p_function), 1000)
$$;

-- The function in which an error was raised, by the server's CONTEXT, if it is none of codemint's; else null.
CREATE OR REPLACE FUNCTION codemint.foreign_function(p_context text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT f.name FROM substring(p_context FROM 'PL/pgSQL function ([^\n]+?\)) line') AS f (name)
  WHERE NOT starts_with(f.name, 'codemint.')
$$;

-- An error, and the trigger or the function of somebody's own that raised it.
CREATE OR REPLACE FUNCTION codemint.describe_refusal(p_message text, p_context text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT left(p_message, 1000)
    || coalesce(' (' || codemint.name_refuser(codemint.foreign_function(p_context)) || ')', '')
$$;

-- Triggers and rules of somebody's own that can keep rows out of codemint's tables and say nothing: BEFORE triggers
-- that return NULL, rules with INSTEAD, and restrictive policies, which hide rows. Nobody can see what such a trigger
-- returns, but the others are there to keep rows out.
CREATE OR REPLACE FUNCTION codemint.silencers(
  OUT relation text, OUT what text, OUT kind text, OUT what_helps text
) RETURNS SETOF record
LANGUAGE sql STABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT c.relname::text, format('the rule %I on codemint.%I', r.rulename, c.relname), 'rule',
         format('DROP RULE %I ON codemint.%I;', r.rulename, c.relname)
  FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid
  WHERE c.relnamespace = 'codemint'::regnamespace AND c.relkind = 'r' AND c.relhasrules
    AND r.is_instead AND r.ev_enabled IN ('O', 'A')
  UNION ALL
  SELECT c.relname::text, format('the trigger %I on codemint.%I', t.tgname, c.relname), 'trigger',
         format('ALTER TABLE codemint.%I DISABLE TRIGGER %I;', c.relname, t.tgname)
  FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid JOIN pg_proc p ON p.oid = t.tgfoid
  WHERE c.relnamespace = 'codemint'::regnamespace AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
    -- For each row (1), and before (2).
    AND t.tgtype & 3 = 3 AND p.pronamespace <> c.relnamespace
  UNION ALL
  SELECT c.relname::text, format('the policy %I on codemint.%I', o.polname, c.relname), 'policy',
         format('DROP POLICY %I ON codemint.%I;', o.polname, c.relname)
  FROM pg_class c JOIN pg_policy o ON o.polrelid = c.oid
  WHERE c.relnamespace = 'codemint'::regnamespace AND c.relrowsecurity AND NOT o.polpermissive
    AND (o.polroles @> ARRAY[0::oid] OR EXISTS (
      SELECT FROM pg_roles r WHERE r.oid = ANY (o.polroles) AND r.rolname = 'codemint_worker'))
  ORDER BY 1, 2
$$;

-- Records that work on a reward was refused, for waits to tell, and takes the reward back from the worker that
-- had it, if that can be written: else its lease runs out by itself.
CREATE OR REPLACE FUNCTION codemint.note_refused_work(
  p_reward uuid, p_work text, p_worker uuid, p_sqlstate text, p_message text, p_function text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s'
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  DELETE FROM codemint.refused_work r
  WHERE (r.reward_id, r.work) IN (
    SELECT o.reward_id, o.work FROM codemint.refused_work o WHERE o.failed_at < v_now - interval '1 day'
    FOR UPDATE SKIP LOCKED);
  INSERT INTO codemint.refused_work AS r
    (reward_id, work, since, failed_at, retry_at, sqlstate, message, raised_by)
  VALUES (p_reward, p_work, v_now, v_now, v_now + interval '2 seconds', p_sqlstate, left(p_message, 1000),
          codemint.name_refuser(p_function))
  ON CONFLICT (reward_id, work) DO UPDATE
  SET failed_at = v_now, failures = r.failures + 1, sqlstate = excluded.sqlstate, message = excluded.message,
      retry_at = v_now + least(interval '1 minute', interval '2 seconds' * 2 ^ least(r.failures, 5)),
      raised_by = excluded.raised_by;
  BEGIN
    IF p_work = 'sync' THEN
      UPDATE codemint.tracked_rewards t SET worker = NULL, worker_until = NULL
      WHERE t.reward_id = p_reward AND t.worker = p_worker;
    ELSIF p_work <> 'claim' THEN
      UPDATE codemint.rewards r SET reconciler = NULL, reconciler_until = NULL, listing = NULL
      WHERE r.reward_id = p_reward AND r.reconciler = p_worker;
    END IF;
  EXCEPTION
    WHEN OTHERS THEN
      NULL;
  END;
END
$$;

-- The same for an error that a function of codemint's own has caught, with the server's CONTEXT. Errors that
-- say nothing of the row are raised again.
CREATE OR REPLACE FUNCTION codemint.note_caught(
  p_reward uuid, p_work text, p_worker uuid, p_sqlstate text, p_message text, p_context text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF codemint.concerns_all(p_sqlstate, p_context) THEN
    RAISE EXCEPTION USING ERRCODE = p_sqlstate, MESSAGE = p_message;
  END IF;
  PERFORM codemint.note_refused_work(p_reward, p_work, p_worker, p_sqlstate, p_message,
                                     codemint.foreign_function(p_context));
END
$$;

-- Work on the reward was recorded: nothing is left of its refusals.
CREATE OR REPLACE FUNCTION codemint.forget_refused_work(p_reward uuid, p_works text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  DELETE FROM codemint.refused_work r WHERE r.reward_id = p_reward AND r.work = ANY (p_works);
END
$$;

-- Whether work on a reward was refused a moment ago, so that it is not tried yet. No pause is longer than a
-- minute: one that is was made before the clock was set back (protocol, rule 20).
CREATE OR REPLACE FUNCTION codemint.is_refused(p_reward uuid, p_work text, p_now timestamptz) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM codemint.refused_work r
    WHERE r.reward_id = p_reward AND r.work = p_work
      AND r.retry_at > p_now AND r.retry_at <= p_now + interval '1 minute')
$$;

-- The rewards of which work was refused a moment ago.
CREATE OR REPLACE FUNCTION codemint.refused_rewards(p_work text, p_now timestamptz) RETURNS uuid[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN ARRAY(SELECT r.reward_id FROM codemint.refused_work r
               WHERE r.work = p_work AND r.retry_at > p_now AND r.retry_at <= p_now + interval '1 minute');
END
$$;

-- What is refused of a reward now. It is tried again within a minute and the time that a listing takes.
CREATE OR REPLACE FUNCTION codemint.refused_lately(p_reward uuid, p_works text[], p_now timestamptz)
RETURNS SETOF codemint.refused_work
LANGUAGE sql STABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT r.* FROM codemint.refused_work r
  WHERE r.reward_id = p_reward AND r.work = ANY (p_works) AND r.failed_at > p_now - interval '5 minutes'
$$;

-- What helps against a trigger of somebody's own that refuses, as name_refuser names it, or against what else may.
CREATE OR REPLACE FUNCTION codemint.refuser_remedy(p_refuser text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(
    (SELECT format('ALTER TABLE %s DISABLE TRIGGER %s; -- or ', m[2], m[1])
     FROM regexp_match(p_refuser, '^trigger ([^,]+) on (codemint\.[^,]+)$') m WHERE m IS NOT NULL), '')
    || 'mend or drop what refuses it; then it proceeds by itself'
$$;

-- What is refused, in words.
CREATE OR REPLACE FUNCTION codemint.describe_refused(p_work codemint.refused_work) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE p_work.work
           WHEN 'claim' THEN 'calls of the reward cannot be claimed: '
           WHEN 'doubt' THEN 'what became of calls in doubt cannot be recorded: '
           WHEN 'watch' THEN 'what the list of the reward shows cannot be recorded: '
           ELSE 'what other systems did with codes of the reward cannot be recorded: ' END
         || p_work.message || coalesce(' (' || p_work.raised_by || ')', '')
$$;
