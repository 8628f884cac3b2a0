-- Settings that no caller chooses. A function that runs with its owner's rights reads codes, and who
-- calls it chooses the settings of the session: some of these show the plans, parse trees and values
-- of every statement inside (debug_print_plan, auto_explain with client_min_messages = log). So each
-- such function, those that come later too, pins what a login may set and what could show anything.
-- Codes go from table to table by set besides, so that no plan has one as a constant.
--
-- Settings that only a superuser may set (log_statement, auto_explain.log_nested_statements) cannot be
-- pinned by an owner who is none. What they show goes to the server's log, and not to the caller.
DO $$
DECLARE
  v_function regprocedure;
  v_setting  text;
BEGIN
  FOR v_function IN
    SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'codemint'::regnamespace AND p.prosecdef
  LOOP
    FOREACH v_setting IN ARRAY ARRAY[
      'client_min_messages = notice', 'debug_print_parse = off', 'debug_print_rewritten = off',
      'debug_print_plan = off'] LOOP
      EXECUTE format('ALTER FUNCTION %s SET %s', v_function, v_setting);
    END LOOP;
  END LOOP;
END
$$;
