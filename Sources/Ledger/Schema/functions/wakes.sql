-- Wake-ups: a notification lets daemons, and people who listen, look at once. It is a hint, and everybody polls
-- besides. So nothing that the ledger does may fail for the sake of one.
--
-- The server keeps notifications until every session that listens has read them. A session reads none while its
-- transaction is open, or while its client takes nothing. All databases of a server share one queue of them. Once the
-- queue is full, the server refuses every transaction that notifies, at its COMMIT: an INSERT of jobs, or a
-- settlement. So codemint sends nothing long before that.

-- How full the queue may be, from 0 to 1, for codemint to send anything.
CREATE OR REPLACE FUNCTION codemint.wakes_up_to() RETURNS double precision
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT 0.5::double precision
$$;

-- Sends a notification, as long as the queue has room.
CREATE OR REPLACE FUNCTION codemint.wake(p_channel text, p_payload text DEFAULT '') RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF pg_notification_queue_usage() < codemint.wakes_up_to() THEN
    PERFORM pg_notify(p_channel, p_payload);
  END IF;
END
$$;

-- How full the queue is, of what codemint fills at most: from 1 on it sends nothing.
CREATE OR REPLACE FUNCTION codemint.unread_share() RETURNS double precision
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT pg_notification_queue_usage() / codemint.wakes_up_to()
$$;

-- Who may keep the queue from being emptied, once it is half as full as codemint lets it become. The server tells
-- nobody who listens. It is a session whose transaction has been open for long, in whichever database, and of those
-- the three are named that began first. Their age is known only to members of pg_read_all_stats.
CREATE OR REPLACE FUNCTION codemint.unread_holders(
  OUT words text, OUT since timestamptz, OUT what_helps text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF codemint.unread_share() < 0.5 THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT format('the server''s queue of notifications is %s %% full, because a session that listens does not read%s',
                round(100 * pg_notification_queue_usage()),
                coalesce('; the oldest transactions are of ' || string_agg(s.holder, '; ' ORDER BY s.place), ''))
           || CASE WHEN codemint.unread_share() >= 1
                   THEN '. Codemint sends none meanwhile, and daemons find work by polling' ELSE '' END,
         min(s.since),
         coalesce(format('SELECT pg_terminate_backend(%s); -- if it listens', min(s.pid) FILTER (WHERE s.place = 1)),
                  'end the session that listens in an open transaction')
  FROM (SELECT row_number() OVER (ORDER BY a.xact_start NULLS LAST, a.backend_start, a.pid) AS place, a.pid,
               a.xact_start AS since,
               concat_ws(', ', a.usename, 'pid ' || a.pid, nullif(a.application_name, ''), 'database ' || a.datname,
                         'since ' || date_trunc('second', a.xact_start)) AS holder
        FROM pg_stat_activity a
        WHERE a.backend_type IS DISTINCT FROM 'walsender' AND a.pid <> pg_backend_pid()
          -- Every transaction has one of these, also if only a superuser may see when it began.
          AND EXISTS (SELECT FROM pg_locks l
                      WHERE l.pid = a.pid AND l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock')
        ORDER BY 1 LIMIT 3) s;
END
$$;
COMMENT ON FUNCTION codemint.unread_holders() IS
  'Who may keep the server''s queue of notifications from being emptied, if it is filling up; else nothing.';
