-- Takes a turn to the end of the transaction, and returns whether nobody else has it. Nobody waits.
CREATE OR REPLACE FUNCTION codemint.try_turn(p_turn codemint.turn) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM FROM codemint.turns t WHERE t.turn = p_turn FOR NO KEY UPDATE SKIP LOCKED;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION codemint.try_turn(codemint.turn) IS
  'For the daemon: takes a turn to the end of the transaction; false if somebody else has it.';
