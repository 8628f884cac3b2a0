-- If a column of a view has no comment, and a table behind the view has a column of the same name,
-- the view's column gets the comment of the table's column.
DO $$
DECLARE
  v_column record;
BEGIN
  FOR v_column IN
    SELECT DISTINCT ON (t.oid, a.attnum) format('codemint.%I.%I', t.relname, a.attname) AS name,
           col_description(s.oid, b.attnum) AS words
    FROM unnest(ARRAY['job_status', 'my_jobs', 'my_jobs', 'my_codes', 'my_events', 'call_log', 'doubts', 'doubts',
                      'account_status', 'watches', 'api_facts', 'webhook_backlog', 'webhook_problems'],
                ARRAY['jobs', 'jobs', 'job_status', 'codes', 'events', 'calls', 'calls', 'rewards',
                      'account', 'reward_watches', 'observed_facts', 'webhooks', 'webhook_deliveries'])
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
