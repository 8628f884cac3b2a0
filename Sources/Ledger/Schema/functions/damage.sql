-- Damage: what somebody did to the tables themselves. A column, a constraint or an index may be gone, a trigger of
-- codemint's own may be disabled, and a sequence may give numbers that are taken, or none. Whatever of that stops
-- something says so only where it is met, so it is looked for.

-- The names of a table's columns, in this order; an expression has none.
CREATE OR REPLACE FUNCTION codemint.column_names(p_table oid, p_columns smallint[]) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT string_agg(coalesce(a.attname, ''), ',' ORDER BY c.place)
  FROM unnest(p_columns) WITH ORDINALITY AS c (number, place)
  LEFT JOIN pg_attribute a ON a.attrelid = p_table AND a.attnum = c.number
$$;

-- What the tables consist of: tables and types; columns, and what each has to have; constraints; indexes. Each with the
-- statement that makes it again, if p_statements says so and a statement can, and with the part that it is gone with.
-- Constraints and indexes have a mark of what the catalogue says of them, which another of the same name has not, and
-- the statement that removes it. The mark has the major version of the server, since each writes conditions in its own
-- way, and no numbers of objects, which a restored database has others of. Without statements nothing is read but the
-- catalogue, whatever is locked.
CREATE OR REPLACE FUNCTION codemint.table_parts(
  p_statements boolean,
  OUT part text, OUT relation text, OUT within text, OUT statement text, OUT removal text, OUT mark text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c_numbers constant text := ':(location|varnosyn|varattnosyn) -?[0-9]+|:[a-z]+ [0-9]{5,}';
  v_server  text := current_setting('server_version_num')::integer / 10000 || ':';
BEGIN
  RETURN QUERY
  WITH tables AS (
    SELECT c.oid, c.relname::text AS name FROM pg_class c
    WHERE c.relnamespace = 'codemint'::regnamespace AND c.relkind = 'r'
  )
  SELECT 'table ' || t.name, t.name, NULL, NULL, NULL, NULL FROM tables t
  UNION ALL
  SELECT 'type ' || y.typname, NULL, NULL, NULL, NULL, NULL
  FROM pg_type y LEFT JOIN pg_class c ON c.oid = y.typrelid
  WHERE y.typnamespace = 'codemint'::regnamespace AND (y.typtype = 'e' OR c.relkind = 'c')
  UNION ALL
  SELECT k.part, t.name, k.within,
         CASE WHEN p_statements THEN format('ALTER TABLE codemint.%I ALTER COLUMN %I ', t.name, a.attname) || k.change END,
         NULL, NULL
  FROM tables t
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  CROSS JOIN LATERAL (
    SELECT t.name || '.' || a.attname AS name, 'column ' || t.name || '.' || a.attname || ' '
             || format_type(a.atttypid, a.atttypmod) AS part) n
  CROSS JOIN LATERAL (VALUES
    (n.part, 'table ' || t.name, true, NULL),
    ('NOT NULL of ' || n.name, n.part, a.attnotnull, 'SET NOT NULL'),
    ('default of ' || n.name, n.part, d.oid IS NOT NULL,
     CASE WHEN p_statements THEN 'SET DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) END),
    ('identity of ' || n.name, n.part, a.attidentity <> '', 'ADD GENERATED ALWAYS AS IDENTITY')
  ) AS k (part, within, is_there, change)
  WHERE k.is_there
  UNION ALL
  SELECT format('constraint %I of %s', o.conname, t.name), t.name, 'table ' || t.name,
         CASE WHEN p_statements THEN format('ALTER TABLE codemint.%I ADD CONSTRAINT %I %s', t.name, o.conname,
                                            pg_get_constraintdef(o.oid)) END,
         format('ALTER TABLE codemint.%I DROP CONSTRAINT %I', t.name, o.conname),
         v_server || md5(concat_ws(
           '|', o.contype, o.condeferrable, o.condeferred, o.convalidated, codemint.column_names(o.conrelid, o.conkey),
           (SELECT f.relname FROM pg_class f WHERE f.oid = o.confrelid), codemint.column_names(o.confrelid, o.confkey),
           o.confupdtype, o.confdeltype, o.confmatchtype, regexp_replace(o.conbin::text, c_numbers, '', 'g')))
  FROM tables t JOIN pg_constraint o ON o.conrelid = t.oid
  -- Since PostgreSQL 18 a NOT NULL is a constraint too.
  WHERE o.contype IN ('c', 'f', 'p', 'u')
  UNION ALL
  SELECT 'index ' || c.relname, t.name, 'table ' || t.name, CASE WHEN p_statements THEN pg_get_indexdef(i.indexrelid) END,
         format('DROP INDEX codemint.%I', c.relname),
         v_server || md5(concat_ws(
           '|', c.relam, i.indisunique, codemint.column_names(i.indrelid, i.indkey::smallint[]), i.indnkeyatts, i.indclass,
           i.indoption, regexp_replace(concat_ws('|', i.indexprs::text, i.indpred::text), c_numbers, '', 'g')))
  FROM tables t
  JOIN pg_index i ON i.indrelid = t.oid AND i.indisvalid
  JOIN pg_class c ON c.oid = i.indexrelid
  WHERE NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.conrelid = t.oid);
END
$$;

-- What the tables consisted of when codemint migrate made them, and consist of no more; or what is another than that.
-- Of a table or a column that is gone nothing else is said.
CREATE OR REPLACE FUNCTION codemint.lost_parts(
  OUT part text, OUT relation text, OUT statement text, OUT is_changed boolean
) RETURNS SETOF record
LANGUAGE plpgsql STABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY
  WITH present AS MATERIALIZED (SELECT t.part, t.mark FROM codemint.table_parts(false) t)
  SELECT k.key, k.value ->> 'relation',
         CASE WHEN n.part IS NULL THEN k.value ->> 'statement'
              ELSE concat_ws('; ', k.value ->> 'removal', k.value ->> 'statement') END,
         n.part IS NOT NULL
  FROM (SELECT m.parts FROM codemint.migrations m ORDER BY m.number DESC LIMIT 1) l
  CROSS JOIN LATERAL jsonb_each(l.parts) k
  LEFT JOIN present n ON n.part = k.key
  WHERE CASE WHEN n.part IS NOT NULL
             THEN n.mark <> k.value ->> 'mark' AND split_part(n.mark, ':', 1) = split_part(k.value ->> 'mark', ':', 1)
             ELSE k.value ->> 'within' IS NULL OR EXISTS (SELECT FROM present p WHERE p.part = k.value ->> 'within') END;
END
$$;

-- Triggers of codemint's own that somebody has disabled, those of its foreign keys included, by table.
CREATE OR REPLACE FUNCTION codemint.disabled_triggers(
  OUT relation text, OUT triggers text, OUT statement text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY
  SELECT c.relname::text, string_agg(quote_ident(t.tgname), ', ' ORDER BY t.tgname),
         format('ALTER TABLE codemint.%I %s', c.relname,
                string_agg(format('ENABLE TRIGGER %I', t.tgname), ', ' ORDER BY t.tgname))
  FROM pg_class c
  JOIN pg_trigger t ON t.tgrelid = c.oid
  JOIN pg_proc f ON f.oid = t.tgfoid
  LEFT JOIN pg_constraint o ON o.oid = t.tgconstraint
  WHERE c.relnamespace = 'codemint'::regnamespace AND t.tgenabled NOT IN ('O', 'A')
    AND c.relnamespace IN (f.pronamespace, o.connamespace)
  GROUP BY c.relname;
END
$$;

-- Sequences that will give numbers which are taken, as after a restore that forgot them, and those that have no number
-- left. next is what the sequence gives next, and free the first number that is not taken. A number beyond 2^62 was
-- written by hand, and nothing follows from it; a job that was purged has had its number. What is locked or gone is
-- passed over.
CREATE OR REPLACE FUNCTION codemint.broken_sequences(
  OUT relation text, OUT sequence text, OUT is_spent boolean, OUT next bigint, OUT free bigint
) RETURNS SETOF record
LANGUAGE plpgsql STABLE
ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
  v_column record;
BEGIN
  FOR v_column IN
    SELECT c.relname::text AS owner, a.attname AS name, d.objid::regclass::text AS sequence, s.seqmax, s.seqincrement
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attidentity <> ''
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype = 'i'
    JOIN pg_sequence s ON s.seqrelid = d.objid
    WHERE c.relnamespace = 'codemint'::regnamespace
    ORDER BY c.relname
  LOOP
    BEGIN
      EXECUTE format(
        'SELECT s.is_called AND s.last_value > %1$s, s.last_value + (s.is_called AND s.last_value <= %1$s)::integer, '
        '       coalesce((SELECT max(%2$I) FROM codemint.%3$I WHERE %2$I < 4611686018427387904), 0) + 1 FROM %4$s s',
        v_column.seqmax - v_column.seqincrement, v_column.name, v_column.owner, v_column.sequence)
        INTO is_spent, next, free;
      IF v_column.owner = 'jobs' THEN
        free := greatest(free, (SELECT max(p.job_id) + 1 FROM codemint.purges p WHERE p.job_id < 4611686018427387904));
      END IF;
    EXCEPTION
      WHEN lock_not_available OR undefined_table OR undefined_column THEN
        CONTINUE;
    END;
    relation := v_column.owner;
    sequence := v_column.sequence;
    IF is_spent OR next < free THEN
      RETURN NEXT;
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION codemint.broken_sequences() IS
  'Sequences that give numbers which are taken, or none.';

-- Sets sequences forward that would give numbers which are taken: producers could insert no job. A sequence that has no
-- number left stays as it is: whether numbers may be given again is for a person to say.
CREATE OR REPLACE FUNCTION codemint.heal_sequences() RETURNS text[]
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_mended text[] := '{}';
  v_wrong  record;
BEGIN
  FOR v_wrong IN
    SELECT * FROM codemint.broken_sequences() b WHERE NOT b.is_spent
  LOOP
    PERFORM setval(v_wrong.sequence, v_wrong.free, false);
    v_mended := v_mended || format('%s would have given the number %s, and those below %s are taken', v_wrong.sequence,
                                   v_wrong.next, v_wrong.free);
  END LOOP;
  RETURN v_mended;
END
$$;
COMMENT ON FUNCTION codemint.heal_sequences() IS
  'For the daemon: sets sequences forward that would give numbers which are taken.';

-- All damage, in words, with the statement that mends it.
CREATE OR REPLACE FUNCTION codemint.find_damage(
  OUT relation text, OUT what text, OUT what_helps text
) RETURNS SETOF record
LANGUAGE sql STABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT l.relation, l.part || CASE WHEN l.is_changed THEN ' is not as codemint made it' ELSE ' is gone' END,
         coalesce(l.statement || ';', 'give it its name back, or restore it from a backup')
  FROM codemint.lost_parts() l
  UNION ALL
  SELECT t.relation, 'triggers of ' || t.relation || ' are disabled: ' || t.triggers, t.statement || ';'
  FROM codemint.disabled_triggers() t
  UNION ALL
  SELECT s.relation, CASE WHEN s.is_spent THEN format('the sequence %s has no number left', s.sequence)
                          ELSE format('the sequence %s gives numbers that are taken', s.sequence) END,
         CASE WHEN s.is_spent AND q.seqmax < 9223372036854775807
              THEN format('ALTER SEQUENCE %s NO MAXVALUE;', s.sequence)
              ELSE format('SELECT setval(%L, %s, false);', s.sequence, s.free) END
  FROM codemint.broken_sequences() s JOIN pg_sequence q ON q.seqrelid = s.sequence::regclass
  ORDER BY 1, 2
$$;
