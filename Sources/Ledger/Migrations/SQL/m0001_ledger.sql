-- The ledger: what was asked for (jobs), every request that was made for it (calls), every code
-- that came of it (codes), and the daemon's own notes beside them.
--
-- A CHECK constraint's name is the sentence that people see when it refuses a row.

CREATE SEQUENCE codemint.turns AS bigint;

CREATE TABLE codemint.jobs (
  id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  reward_id     uuid        NOT NULL,
  count         integer     NOT NULL,
  prefix        text,
  priority      smallint    NOT NULL DEFAULT 5,
  run_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  dedupe_key    text,
  metadata      jsonb,

  state         text        NOT NULL DEFAULT 'queued',
  paused        boolean     NOT NULL DEFAULT false,
  held          boolean     NOT NULL DEFAULT false,
  issued        integer     NOT NULL DEFAULT 0,
  outstanding   integer     NOT NULL DEFAULT 0,
  surplus       integer     NOT NULL DEFAULT 0,
  error_code    text,
  error_message text,
  next_call_at  timestamptz,
  created_by    text        NOT NULL DEFAULT current_user,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at    timestamptz,
  finished_at   timestamptz,
  updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  ends_as       text,
  stalls        integer     NOT NULL DEFAULT 0,
  turn          bigint,
  sync_done_at  timestamptz,

  CONSTRAINT "count must be from 1 to 1000000"
    CHECK (count BETWEEN 1 AND 1000000),
  CONSTRAINT "prefix must have 1 to 32 characters"
    CHECK (char_length(prefix) BETWEEN 1 AND 32),
  CONSTRAINT "prefix must not contain control characters"
    CHECK (prefix !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]'),
  CONSTRAINT "priority must be from 0 (first) to 9 (last)"
    CHECK (priority BETWEEN 0 AND 9),
  CONSTRAINT "run_at must be a finite time"
    CHECK (isfinite(run_at)),
  CONSTRAINT "dedupe_key must have 1 to 255 characters"
    CHECK (char_length(dedupe_key) BETWEEN 1 AND 255),
  CONSTRAINT "dedupe_key must be unique: this job was inserted before"
    UNIQUE (dedupe_key),
  CONSTRAINT "metadata must be a JSON object"
    CHECK (jsonb_typeof(metadata) = 'object'),
  CONSTRAINT "state is one of the states of a job"
    CHECK (state IN ('queued', 'running', 'ending', 'completed', 'failed', 'cancelled')),
  CONSTRAINT "a job never holds more codes than it asked for"
    CHECK (issued >= 0 AND outstanding >= 0 AND surplus >= 0
           -- A count below 0 is another sentence's to refuse; the first name of those in the way
           -- is shown.
           AND issued + outstanding <= greatest(count, 0)),
  CONSTRAINT "a completed job holds exactly what it asked for"
    CHECK (state <> 'completed' OR issued = count),
  CONSTRAINT "only a finished job has finished_at, and nothing outstanding"
    CHECK (CASE WHEN state IN ('completed', 'failed', 'cancelled')
                THEN finished_at IS NOT NULL AND outstanding = 0
                ELSE finished_at IS NULL END),
  CONSTRAINT "only an ending job knows how it will end"
    CHECK ((state = 'ending') = (ends_as IS NOT NULL) AND ends_as IN ('failed', 'cancelled')),
  CONSTRAINT "only a job that can take a call stands in the line"
    CHECK (turn IS NULL
           OR (state IN ('queued', 'running') AND NOT paused AND NOT held
               AND issued + outstanding < count))
);

-- The line of each reward: who is next. A job joins it when it is due and leaves it when it needs no
-- call. m0011_line.sql says in what order.
CREATE INDEX jobs_line ON codemint.jobs (reward_id, priority, turn, next_call_at, id)
  WHERE turn IS NOT NULL;
-- The waiting room: jobs whose time has yet to come (run_at, a pause).
CREATE INDEX jobs_waiting ON codemint.jobs (next_call_at)
  WHERE turn IS NULL AND next_call_at IS NOT NULL;
CREATE INDEX jobs_open_by_reward ON codemint.jobs (reward_id)
  WHERE state IN ('queued', 'running', 'ending');
-- What is looked at again and again while nothing may be scanned for it.
CREATE INDEX jobs_running ON codemint.jobs (id) WHERE state IN ('running', 'ending');
CREATE INDEX jobs_held ON codemint.jobs (id) WHERE held;
CREATE INDEX jobs_finished ON codemint.jobs (finished_at, id) WHERE finished_at IS NOT NULL;

CREATE TABLE codemint.calls (
  id               uuid        PRIMARY KEY,
  job_id           bigint      NOT NULL REFERENCES codemint.jobs (id),
  reward_id        uuid        NOT NULL,
  prefix           text,
  size             integer     NOT NULL,
  state            text        NOT NULL,
  worker           uuid        NOT NULL,
  lease_expires_at timestamptz,
  send_at          timestamptz,
  http_status      integer,
  error_code       text,
  error_message    text,
  received         integer,
  duration_ms      integer,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  settled_at       timestamptz,
  updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  held_at          timestamptz,
  hold_reason      text,
  resolution       text,
  resolved_by      text,
  resolved_at      timestamptz,
  resolution_note  text,
  is_short         boolean     NOT NULL DEFAULT false,

  CONSTRAINT "only a call in doubt is held"
    CHECK (held_at IS NULL OR state = 'in_doubt'),
  CONSTRAINT "a call asks for 1 to 500 codes"
    CHECK (size BETWEEN 1 AND 500),
  CONSTRAINT "state is one of the states of a call"
    CHECK (state IN
      ('sending', 'issued', 'rejected', 'unsent', 'in_doubt', 'adopted', 'absent')),
  CONSTRAINT "a call that is being sent has a lease"
    CHECK (state <> 'sending' OR lease_expires_at IS NOT NULL)
);

CREATE INDEX calls_by_job ON codemint.calls (job_id, created_at);
-- The latest requests, among millions.
CREATE INDEX calls_by_time ON codemint.calls (created_at);
CREATE INDEX calls_leases ON codemint.calls (lease_expires_at) WHERE state = 'sending';
CREATE INDEX calls_in_doubt ON codemint.calls (reward_id) WHERE state = 'in_doubt';
CREATE INDEX calls_short ON codemint.calls (reward_id) WHERE is_short;

-- Codes have no foreign keys: five hundred rows a call would each look up their job and call
-- again. What is inserted here is committed only with both rows locked.
CREATE TABLE codemint.codes (
  id           uuid        PRIMARY KEY,
  job_id       bigint,
  call_id      uuid,
  reward_id    uuid        NOT NULL,
  code         text        NOT NULL,
  status       text        NOT NULL,
  sync_status  text        NOT NULL,
  external_ids jsonb       NOT NULL,
  surplus      boolean     NOT NULL DEFAULT false,
  created_at   timestamptz,
  expires_at   timestamptz,
  updated_at   timestamptz,
  -- Of the statement, not of the moment: a COPY then inserts its rows in batches.
  stored_at    timestamptz NOT NULL DEFAULT statement_timestamp(),
  synced_at    timestamptz,

  -- The most frequent first: it is looked at for every code.
  CONSTRAINT "sync_status is none, pending, synced or error"
    CHECK (sync_status IN ('synced', 'pending', 'none', 'error')),
  CONSTRAINT "a code that counts belongs to a job and a call"
    CHECK (surplus OR (job_id IS NOT NULL AND call_id IS NOT NULL))
);

CREATE INDEX codes_by_job ON codemint.codes (job_id, sync_status);
-- Codes that nobody has room for: few, and asked for by themselves.
CREATE INDEX codes_surplus ON codemint.codes (reward_id, job_id) WHERE surplus;

CREATE TABLE codemint.rewards (
  reward_id             uuid        PRIMARY KEY,
  closed_at             timestamptz,
  in_flight             integer     NOT NULL DEFAULT 0,
  failures              integer     NOT NULL DEFAULT 0,
  failing_since         timestamptz,
  paused_until          timestamptz,
  error_code            text,
  error_message         text,
  reconciler            uuid,
  reconciler_until      timestamptz,
  reconcile_at          timestamptz,
  listing_failing_since timestamptz,
  newest_known          uuid[],
  prefix_literal        boolean,
  watch_call            uuid,
  watch_step            integer     NOT NULL DEFAULT 0,
  watch_at              timestamptz,
  watched_since         timestamptz,
  line_priority         smallint,
  newcomer_due          timestamptz,
  newcomer_job          bigint,
  round_turn            bigint,
  watch_failures        integer     NOT NULL DEFAULT 0,
  watch_failing_since   timestamptz,
  watch_error           text,
  watch_ended           text,
  created_at            timestamptz NOT NULL DEFAULT clock_timestamp(),

  CONSTRAINT "calls in flight are counted down once each" CHECK (in_flight >= 0),
  CONSTRAINT "a watch ends listed or unlistable"
    CHECK (watch_ended IS NULL
           OR watch_ended IN ('listed', 'unlistable') AND watch_at IS NULL),
  CONSTRAINT "calls wait only for a listing that is to come"
    CHECK (watch_step >= 0 OR watch_at IS NOT NULL)
);

-- The heads of the lines, in the order in which they are served. With a watch_step below 0 calls
-- wait for a listing.
CREATE INDEX rewards_newcomers ON codemint.rewards (line_priority, newcomer_due, newcomer_job)
  WHERE newcomer_job IS NOT NULL AND closed_at IS NULL AND watch_step >= 0;
CREATE INDEX rewards_round ON codemint.rewards (line_priority, round_turn)
  WHERE round_turn IS NOT NULL AND closed_at IS NULL AND watch_step >= 0;
CREATE INDEX rewards_paused ON codemint.rewards (paused_until) WHERE closed_at IS NULL;
CREATE INDEX rewards_closed ON codemint.rewards (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX rewards_watched ON codemint.rewards (watch_at) WHERE watch_at IS NOT NULL;

CREATE TABLE codemint.accounts (
  name                     text             PRIMARY KEY,
  requests_per_second      double precision,
  burst                    integer,
  max_in_flight            integer,
  max_in_flight_per_reward integer,
  set_requests_per_second  double precision,
  set_burst                integer,
  set_max_in_flight        integer,
  set_max_in_flight_per_reward integer,
  set_by                   text,
  set_at                   timestamptz,
  in_flight                integer          NOT NULL DEFAULT 0,
  next_slot_at             timestamptz      NOT NULL DEFAULT '-infinity',
  sync_slot_at             timestamptz      NOT NULL DEFAULT '-infinity',
  pace                     double precision,
  pace_at                  timestamptz,
  pace_reason              text,
  newcomer_last            boolean          NOT NULL DEFAULT false,
  failures                 integer          NOT NULL DEFAULT 0,
  failed_at                timestamptz,
  proven_at                timestamptz,
  breaker                  text,
  paused_until             timestamptz,
  pause_reason             text,
  blocked_at               timestamptz,
  blocked_code             text,
  blocked_message          text,
  probe_at                 timestamptz,
  offset_low_us            bigint,
  offset_high_us           bigint,
  offset_measured_at       timestamptz,
  offset_distrusted_until  timestamptz,
  system_identifier        bigint,
  database_oid             oid,
  table_oid                oid,
  timeline                 text,
  suspended_at             timestamptz,
  suspended_reason         text,
  accepted_by              text,
  accepted_at              timestamptz,
  accepted_note            text,

  CONSTRAINT "calls in flight are counted down once each" CHECK (in_flight >= 0),
  CONSTRAINT "breaker is open, or trial after a probe" CHECK (breaker IN ('open', 'trial'))
);

INSERT INTO codemint.accounts (name) VALUES ('default');

CREATE TABLE codemint.workers (
  id                       uuid             PRIMARY KEY,
  host                     text             NOT NULL,
  process                  integer          NOT NULL,
  version                  text             NOT NULL,
  draining                 boolean          NOT NULL,
  requests_per_second      double precision NOT NULL,
  burst                    integer          NOT NULL,
  max_in_flight            integer          NOT NULL,
  max_in_flight_per_reward integer          NOT NULL,
  started_at               timestamptz      NOT NULL DEFAULT clock_timestamp(),
  seen_at                  timestamptz      NOT NULL DEFAULT clock_timestamp(),
  expires_at               timestamptz      NOT NULL
);

-- Codes that exist upstream, perhaps because of us, and whose owner is not proven.
CREATE TABLE codemint.strays (
  id           uuid        PRIMARY KEY,
  call_id      uuid,
  reward_id    uuid        NOT NULL,
  code         text        NOT NULL,
  status       text        NOT NULL,
  sync_status  text        NOT NULL,
  external_ids jsonb       NOT NULL,
  created_at   timestamptz,
  expires_at   timestamptz,
  updated_at   timestamptz,
  found_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX strays_by_reward ON codemint.strays (reward_id);

-- Answers that could not be stored as rows, byte for byte, for a person to look at.
CREATE TABLE codemint.answers (
  call_id   uuid        PRIMARY KEY,
  body      bytea       NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Codes upstream that no text or jsonb column can hold: their fields byte for byte. They count for
-- nobody, and what can be stored is never kept waiting for them.
CREATE TABLE codemint.raw_codes (
  id           uuid        PRIMARY KEY,
  reward_id    uuid        NOT NULL,
  call_id      uuid,
  code         bytea       NOT NULL,
  status       bytea       NOT NULL,
  external_ids bytea       NOT NULL,
  found_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX raw_codes_by_reward ON codemint.raw_codes (reward_id);

-- Rewards whose line has got new jobs that nobody has looked at yet. An INSERT leaves one, so that
-- it need not wait for any lock, and nobody for the end of a producer's transaction.
CREATE TABLE codemint.arrivals (
  reward_id uuid        NOT NULL,
  priority  smallint    NOT NULL,
  due_at    timestamptz NOT NULL,
  job_id    bigint      NOT NULL
);

CREATE INDEX arrivals_line ON codemint.arrivals (priority, due_at, job_id);
CREATE INDEX arrivals_by_reward ON codemint.arrivals (reward_id);

-- What is served first is also what dies first: without vacuuming, every look at the head of a line
-- steps over the rows that were served before. A share of the table, as is the default, would let
-- that grow with the backlog.
ALTER TABLE codemint.jobs SET (
  fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
ALTER TABLE codemint.rewards SET (
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE codemint.arrivals SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE codemint.accounts SET (fillfactor = 10);

-- A new job takes its place: in the line if it is due, else in the waiting room. What codemint alone
-- writes is as it has to be, whatever the producer wrote; but a row that comes from somebody who may
-- update it as well is a restored one, and stays as it is.
CREATE FUNCTION codemint.place_new_job() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  IF (NEW.state, NEW.paused, NEW.held, NEW.issued, NEW.outstanding, NEW.surplus, NEW.stalls)
       IS DISTINCT FROM ('queued', false, false, 0, 0, 0, 0)
     OR NEW.created_by IS DISTINCT FROM current_user
     OR num_nonnulls(NEW.error_code, NEW.error_message, NEW.next_call_at, NEW.started_at,
                     NEW.finished_at, NEW.ends_as, NEW.turn) > 0
  THEN
    IF has_table_privilege('codemint.jobs', 'UPDATE') THEN
      RETURN NEW;
    END IF;
    NEW.state := 'queued';
    NEW.paused := false;
    NEW.held := false;
    NEW.issued := 0;
    NEW.outstanding := 0;
    NEW.surplus := 0;
    NEW.stalls := 0;
    NEW.created_by := current_user;
    NEW.error_code := NULL;
    NEW.error_message := NULL;
    NEW.started_at := NULL;
    NEW.finished_at := NULL;
    NEW.ends_as := NULL;
  END IF;
  NEW.created_at := v_now;
  NEW.updated_at := v_now;
  NEW.next_call_at := greatest(NEW.run_at, v_now);
  NEW.turn := CASE WHEN NEW.run_at <= v_now THEN 0 END;
  RETURN NEW;
END
$$;

CREATE TRIGGER place_new_job BEFORE INSERT ON codemint.jobs
  FOR EACH ROW EXECUTE FUNCTION codemint.place_new_job();

-- One arrival for each reward and one wake for each INSERT statement, however many rows it has.
CREATE FUNCTION codemint.wake_workers() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO codemint.arrivals (reward_id, priority, due_at, job_id)
  SELECT DISTINCT ON (i.reward_id) i.reward_id, i.priority, i.next_call_at, i.id
  FROM inserted i
  WHERE i.turn IS NOT NULL
  ORDER BY i.reward_id, i.priority, i.next_call_at, i.id;
  PERFORM pg_notify('codemint_jobs', '');
  RETURN NULL;
END
$$;

CREATE TRIGGER wake_workers AFTER INSERT ON codemint.jobs
  REFERENCING NEW TABLE AS inserted
  FOR EACH STATEMENT EXECUTE FUNCTION codemint.wake_workers();
