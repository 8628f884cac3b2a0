-- The ledger: what was asked for (jobs), every request that was made for a job (calls), every code
-- that a request made (codes), and what the daemon keeps beside them.
--
-- The name of a CHECK constraint is the sentence that people see when the constraint refuses a row.

COMMENT ON SCHEMA codemint IS
  'codemint provisions reward codes in bulk: insert into jobs, read codes, watch job_status.';

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
  awaits_approval boolean   NOT NULL DEFAULT false,
  issued        integer     NOT NULL DEFAULT 0,
  outstanding   integer     NOT NULL DEFAULT 0,
  surplus       integer     NOT NULL DEFAULT 0,
  error_code    text,
  error_message text,
  next_call_at  timestamptz,
  unclaimable_since timestamptz,
  created_by    text        NOT NULL DEFAULT current_user,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at    timestamptz,
  finished_at   timestamptz,
  updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  ends_as       text,
  is_new        boolean     NOT NULL DEFAULT false,
  queue_position bigint,
  answers_without_progress integer NOT NULL DEFAULT 0,
  sync_done_at  timestamptz,
  api           text,
  has_codes     boolean     NOT NULL GENERATED ALWAYS AS (issued + surplus > 0) STORED,

  CONSTRAINT "count must be from 1 to 1000000"
    CHECK (count BETWEEN 1 AND 1000000),
  CONSTRAINT "prefix must have 1 to 32 characters"
    CHECK (char_length(prefix) BETWEEN 1 AND 32),
  CONSTRAINT "prefix must not contain control characters"
    CHECK (prefix !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]'),
  CONSTRAINT "priority must be from 0 (first) to 9 (last)"
    CHECK (priority BETWEEN 0 AND 9),
  -- Every program can hold such a time. Postgres itself goes on to the year 294276, and to infinity.
  CONSTRAINT "run_at must be a time in the years 1970 to 9999"
    CHECK (run_at >= '1970-01-01 00:00+00' AND run_at < '10000-01-01 00:00+00'),
  CONSTRAINT "dedupe_key must have 1 to 255 characters"
    CHECK (char_length(dedupe_key) BETWEEN 1 AND 255),
  CONSTRAINT "dedupe_key must be unique: this job was inserted before"
    UNIQUE (created_by, dedupe_key),
  CONSTRAINT "metadata must be a JSON object"
    CHECK (jsonb_typeof(metadata) = 'object'),
  -- What is much larger is not made a text, which could have more than the gigabyte that a text may have. A text of
  -- 16384 bytes has at most four times as many as jsonb.
  CONSTRAINT "metadata must have at most 16384 bytes as text"
    CHECK (CASE WHEN pg_column_size(metadata) > 131072 THEN false ELSE octet_length(metadata::text) <= 16384 END),
  CONSTRAINT "state is one of the states of a job"
    CHECK (state IN ('queued', 'running', 'ending', 'completed', 'failed', 'cancelled')),
  CONSTRAINT "a job never holds more codes than it asked for"
    CHECK (issued >= 0 AND outstanding >= 0 AND surplus >= 0
           -- A count below 0 breaks several constraints, and Postgres shows the first name.
           -- greatest keeps this one out, so that people read the sentence about count.
           AND issued + outstanding <= greatest(count, 0)),
  CONSTRAINT "a completed job holds exactly what it asked for"
    CHECK (state <> 'completed' OR issued = count),
  CONSTRAINT "only a finished job has finished_at, and nothing outstanding"
    CHECK (CASE WHEN state IN ('completed', 'failed', 'cancelled')
                THEN finished_at IS NOT NULL AND outstanding = 0
                ELSE finished_at IS NULL END),
  CONSTRAINT "only an ending job knows how it will end"
    CHECK ((state = 'ending') = (ends_as IS NOT NULL) AND ends_as IN ('failed', 'cancelled')),
  CONSTRAINT "only a job that can take a call is in the queue"
    CHECK (NOT is_new AND queue_position IS NULL
           OR (state IN ('queued', 'running') AND NOT paused AND NOT held AND NOT awaits_approval
               AND issued + outstanding < count)),
  CONSTRAINT "a new job has a place in the queue"
    CHECK (NOT is_new OR queue_position IS NOT NULL)
);

-- No index has a counter in it, not in its condition either: an answer changes the counters and, while
-- its job goes on, nothing else. So Postgres writes no index entry for it (a heap-only tuple).

-- The queue of each reward; functions/queue.sql says in what order it is served.
CREATE INDEX jobs_new ON codemint.jobs (reward_id, priority, queue_position, id) WHERE is_new;
CREATE INDEX jobs_queue ON codemint.jobs (reward_id, priority, queue_position, id)
  WHERE queue_position IS NOT NULL AND NOT is_new;
-- The last place of each producer (next_turn).
CREATE INDEX jobs_turns ON codemint.jobs (created_by, priority, is_new, queue_position)
  WHERE queue_position IS NOT NULL;
-- Jobs whose time has yet to come (run_at, a pause).
CREATE INDEX jobs_waiting ON codemint.jobs (next_call_at)
  WHERE NOT is_new AND queue_position IS NULL AND next_call_at IS NOT NULL;
-- Jobs that wait although their run_at has come, because answers brought nothing.
CREATE INDEX jobs_without_progress ON codemint.jobs (next_call_at)
  WHERE next_call_at > run_at AND NOT is_new AND queue_position IS NULL;
-- Open jobs without a place: those whose last codes have been asked for. One that could take a call is
-- misplaced, and there is none, unless somebody wrote to the table.
CREATE INDEX jobs_misplaced ON codemint.jobs (id)
  WHERE state IN ('queued', 'running') AND NOT paused AND NOT held AND NOT awaits_approval
    AND NOT is_new AND queue_position IS NULL AND next_call_at IS NULL;
CREATE INDEX jobs_unclaimable ON codemint.jobs (id) WHERE unclaimable_since IS NOT NULL AND finished_at IS NULL;
CREATE INDEX jobs_open_by_reward ON codemint.jobs (reward_id)
  WHERE state IN ('queued', 'running', 'ending');
-- The open jobs of a producer are counted if the producer has a quota.
CREATE INDEX jobs_open_by_producer ON codemint.jobs (created_by)
  WHERE state IN ('queued', 'running', 'ending');
-- Jobs that are read again and again. Without these indexes each reading would scan the table.
CREATE INDEX jobs_running ON codemint.jobs (id) WHERE state IN ('running', 'ending');
CREATE INDEX jobs_held ON codemint.jobs (id) WHERE held;
CREATE INDEX jobs_unapproved ON codemint.jobs (id) WHERE awaits_approval AND state = 'queued';
CREATE INDEX jobs_paused ON codemint.jobs (id) WHERE paused AND state IN ('queued', 'running', 'ending');
CREATE INDEX jobs_finished ON codemint.jobs (finished_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_failed ON codemint.jobs (finished_at) WHERE state = 'failed';
-- The codes of a reward are found by the reward's jobs (codes_by_job), so that storing a code needs
-- no index entry more. A job enters this index with its first code: an index of all jobs would make
-- an INSERT 5 % slower.
CREATE INDEX jobs_with_codes ON codemint.jobs (reward_id) WHERE has_codes;

COMMENT ON SEQUENCE codemint.jobs_id_seq IS 'Numbers of jobs.';
COMMENT ON TABLE codemint.jobs IS
  'What producers ask for: one row is one job. Producers write reward_id, count, prefix, '
  'priority, run_at, dedupe_key and metadata, and nothing else.';
COMMENT ON COLUMN codemint.jobs.id IS 'The job''s number, given by the database.';
COMMENT ON COLUMN codemint.jobs.reward_id IS 'The reward of the API to generate codes for.';
COMMENT ON COLUMN codemint.jobs.count IS
  'How many codes to make, 1 to 1000000. The job never holds more.';
COMMENT ON COLUMN codemint.jobs.prefix IS 'How the codes are to begin, 1 to 32 characters.';
COMMENT ON COLUMN codemint.jobs.priority IS '0 goes first, 9 goes last; 5 if not given.';
COMMENT ON COLUMN codemint.jobs.run_at IS 'Nothing is sent for the job before this time.';
COMMENT ON COLUMN codemint.jobs.dedupe_key IS
  'Unique for ever among the jobs of one producer (created_by): a second job with the same key is refused.';
COMMENT ON COLUMN codemint.jobs.metadata IS
  'A JSON object of the producer''s own, at most 16384 bytes as text; codemint does not read it.';
COMMENT ON COLUMN codemint.jobs.state IS
  'queued, running, ending (waits for outstanding calls), completed, failed or cancelled.';
COMMENT ON COLUMN codemint.jobs.paused IS
  'Whether somebody paused the job, its producer or an operator: it gets no new call.';
COMMENT ON COLUMN codemint.jobs.held IS
  'Whether the job waits for an operator''s decision; see codemint.waits.';
COMMENT ON COLUMN codemint.jobs.awaits_approval IS
  'Whether the job asks for so many codes that an operator has to approve it first (approve_job).';
COMMENT ON COLUMN codemint.jobs.issued IS 'Codes in codemint.codes that count for the job.';
COMMENT ON COLUMN codemint.jobs.outstanding IS
  'Codes that calls which are sending or in doubt may still bring.';
COMMENT ON COLUMN codemint.jobs.surplus IS
  'Codes that exist upstream because of the job, but that the job has no room for.';
COMMENT ON COLUMN codemint.jobs.error_code IS
  'Why the job failed, was cancelled or is held: the API''s own code, or codemint''s.';
COMMENT ON COLUMN codemint.jobs.error_message IS
  'The message that goes with error_code. (hidden) stands in place of what could be a code.';
COMMENT ON COLUMN codemint.jobs.next_call_at IS
  'When the next call may be claimed; null if the job needs no call.';
COMMENT ON COLUMN codemint.jobs.unclaimable_since IS
  'Since when the database refuses to make a call of the job; null if it does not.';
COMMENT ON COLUMN codemint.jobs.created_by IS 'The role that inserted the job.';
COMMENT ON COLUMN codemint.jobs.created_at IS 'When the job was inserted.';
COMMENT ON COLUMN codemint.jobs.started_at IS 'When the first call of the job was claimed.';
COMMENT ON COLUMN codemint.jobs.finished_at IS
  'When the job became completed, failed or cancelled.';
COMMENT ON COLUMN codemint.jobs.updated_at IS 'When codemint last wrote to the row.';
COMMENT ON COLUMN codemint.jobs.ends_as IS
  'The state that an ending job will have, failed or cancelled; else null.';
COMMENT ON COLUMN codemint.jobs.is_new IS
  'Whether the job is in the queue and has had no call since it became due.';
COMMENT ON COLUMN codemint.jobs.queue_position IS
  'The place in the queue, among the new jobs or among the others; null if the job is not in the queue. '
  'The places of one producer follow each other, 10,000 divided by its share apart, and those of another begin '
  'where the queue is served.';
COMMENT ON COLUMN codemint.jobs.answers_without_progress IS
  'How many answers in a row had no new code.';
COMMENT ON COLUMN codemint.jobs.sync_done_at IS
  'When the job had ended and none of its codes waited for another system any more.';

COMMENT ON COLUMN codemint.jobs.has_codes IS 'Whether a code is stored that is the job''s, surplus or not.';
COMMENT ON COLUMN codemint.jobs.api IS
  'The base URL of the API that the first call of the job was claimed for. All codes of the job are of it.';

CREATE TABLE codemint.calls (
  id               uuid        PRIMARY KEY,
  job_id           bigint      NOT NULL REFERENCES codemint.jobs (id),
  reward_id        uuid        NOT NULL,
  prefix           text,
  size             integer     NOT NULL,
  state            text        NOT NULL,
  outstanding      integer     NOT NULL,
  worker           uuid        NOT NULL,
  lease            interval    NOT NULL,
  api_timeout      interval    NOT NULL,
  listing_gap      interval    NOT NULL,
  lease_expires_at timestamptz,
  effective_until  timestamptz NOT NULL,
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
  judged_at        timestamptz,
  hold_reason      text,
  held_with        uuid,
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
  CONSTRAINT "a note has at most 2000 characters"
    CHECK (char_length(resolution_note) <= 2000),
  CONSTRAINT "a call that is being sent has a lease"
    CHECK (state <> 'sending' OR lease_expires_at IS NOT NULL),
  CONSTRAINT "a call holds room until its outcome is known"
    CHECK ((outstanding > 0) = (state IN ('sending', 'in_doubt'))
           AND outstanding BETWEEN 0 AND size)
);

CREATE INDEX calls_by_job ON codemint.calls (job_id, created_at);
-- The latest requests, among millions.
CREATE INDEX calls_by_time ON codemint.calls (created_at);
CREATE INDEX calls_leases ON codemint.calls (lease_expires_at) WHERE state = 'sending';
CREATE INDEX calls_in_doubt ON codemint.calls (reward_id) WHERE state = 'in_doubt';
CREATE INDEX calls_short ON codemint.calls (reward_id) WHERE is_short;
CREATE INDEX calls_held_with ON codemint.calls (held_with) WHERE held_with IS NOT NULL;
CREATE INDEX calls_absent ON codemint.calls (reward_id, created_at) WHERE state = 'absent';

COMMENT ON TABLE codemint.calls IS
  'Every request to generate codes, committed as sending before it was sent.';
COMMENT ON COLUMN codemint.calls.id IS
  'The worker makes the id before it claims, so that a repeated claim finds the same call.';
COMMENT ON COLUMN codemint.calls.job_id IS 'The job that the codes are for.';
COMMENT ON COLUMN codemint.calls.reward_id IS 'The reward that the codes belong to.';
COMMENT ON COLUMN codemint.calls.prefix IS 'How the codes are to begin; null for no prefix.';
COMMENT ON COLUMN codemint.calls.size IS 'How many codes the call asks for, 1 to 500.';
COMMENT ON COLUMN codemint.calls.state IS
  'sending; issued, rejected, unsent (proven); in_doubt; adopted, absent (decided by listing).';
COMMENT ON COLUMN codemint.calls.outstanding IS
  'The room in the job that the call still holds: all of it while it is sending, in doubt what it '
  'lacks, and 0 once it is decided.';
COMMENT ON COLUMN codemint.calls.worker IS
  'The worker that claimed the call. Each start of a daemon is a worker of its own.';
COMMENT ON COLUMN codemint.calls.lease IS 'How long each lease of the call''s worker is.';
COMMENT ON COLUMN codemint.calls.api_timeout IS
  'How long the worker waits for an answer of the API. Who judges the call uses the lengths of the '
  'call''s own worker, because the settings of daemons may differ.';
COMMENT ON COLUMN codemint.calls.listing_gap IS
  'How far the API''s list may be out of date, by the settings of the call''s worker.';
COMMENT ON COLUMN codemint.calls.lease_expires_at IS
  'Until then the worker may act on the call; after that the call is in_doubt.';
COMMENT ON COLUMN codemint.calls.effective_until IS
  'The last moment at which a code of the call may appear in the list: the end of the lease, '
  'api_timeout and listing_gap. After a short answer: the time of the answer, and listing_gap.';
COMMENT ON COLUMN codemint.calls.send_at IS
  'The slot that the rate limit gave to the call; the latest slot if the call missed one. The request '
  'may leave a moment before it.';
COMMENT ON COLUMN codemint.calls.http_status IS
  'The status of the API''s answer; null without an answer.';
COMMENT ON COLUMN codemint.calls.error_code IS
  'Why the call made no codes, or why its outcome is unknown: the API''s own code, or codemint''s.';
COMMENT ON COLUMN codemint.calls.error_message IS
  'The message that goes with error_code, at most 2000 characters. (hidden) stands in place of what '
  'could be a code.';
COMMENT ON COLUMN codemint.calls.received IS
  'How many items the answer had, with doubles, nulls and those that cannot be read; null if the answer itself could '
  'not be read.';
COMMENT ON COLUMN codemint.calls.duration_ms IS
  'Milliseconds from the request to the end of the answer.';
COMMENT ON COLUMN codemint.calls.created_at IS 'When the call was claimed.';
COMMENT ON COLUMN codemint.calls.settled_at IS
  'When the outcome was recorded; null while the call is sending or in doubt.';
COMMENT ON COLUMN codemint.calls.updated_at IS 'When codemint last wrote to the row.';
COMMENT ON COLUMN codemint.calls.held_at IS
  'Since when the call waits for a person, because listing could not decide what it did; the same if it is judged '
  'anew and held again.';
COMMENT ON COLUMN codemint.calls.judged_at IS 'When the call was last judged, and held.';
COMMENT ON COLUMN codemint.calls.hold_reason IS
  'Why listing could not decide the call; docs/sql.md explains each reason.';
COMMENT ON COLUMN codemint.calls.held_with IS
  'The first of the calls that were held together; codes that may be theirs are set aside for it.';
COMMENT ON COLUMN codemint.calls.resolution IS 'What a person decided: adopt or absent.';
COMMENT ON COLUMN codemint.calls.resolved_by IS 'The login of the person who decided.';
COMMENT ON COLUMN codemint.calls.resolved_at IS 'When that person decided.';
COMMENT ON COLUMN codemint.calls.resolution_note IS 'The reason, in the person''s words.';
COMMENT ON COLUMN codemint.calls.is_short IS
  'In doubt: whether an answer has come and lacked codes, so that any number of these may exist; a '
  'call in doubt that is not short is supposed to have made all of its codes or none. Decided: whether fewer codes '
  'than the call asked for are known, and its reward is still watched for the others.';

-- Codes have no foreign keys: each of the 500 rows of a call would look up the same job and the
-- same call again. A transaction that inserts codes has both rows locked when it commits.
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
  from_answer  boolean     NOT NULL DEFAULT true,
  created_at   timestamptz,
  expires_at   timestamptz,
  updated_at   timestamptz,
  -- The time of the statement and not of the row, so that a COPY can insert its rows in batches.
  stored_at    timestamptz NOT NULL DEFAULT statement_timestamp(),
  synced_at    timestamptz,
  purged_at    timestamptz,

  -- The most frequent value comes first, because it is compared for every code.
  CONSTRAINT "sync_status is none, pending, synced or error"
    CHECK (sync_status IN ('synced', 'pending', 'none', 'error')),
  CONSTRAINT "a code that counts belongs to a job and a call"
    CHECK (surplus OR purged_at IS NOT NULL OR (job_id IS NOT NULL AND call_id IS NOT NULL)),
  CONSTRAINT "a purged code keeps nothing but its id"
    CHECK (purged_at IS NULL OR (job_id IS NULL AND call_id IS NULL AND code = ''
                                 AND external_ids = '{}' AND NOT surplus))
);

CREATE INDEX codes_by_job ON codemint.codes (job_id, sync_status);
-- Codes that no job has room for. They are few, and some queries ask for nothing else.
CREATE INDEX codes_surplus ON codemint.codes (reward_id, job_id) WHERE surplus;

COMMENT ON TABLE codemint.codes IS 'Every code that exists upstream because of codemint.';
COMMENT ON COLUMN codemint.codes.id IS 'The API''s own id of the code.';
COMMENT ON COLUMN codemint.codes.job_id IS
  'The job that the code counts for, or was made for; null if the job is not known or was purged.';
COMMENT ON COLUMN codemint.codes.call_id IS
  'The call that made the code. The row of the call may have been deleted since '
  '(retention.calls_days).';
COMMENT ON COLUMN codemint.codes.reward_id IS 'The reward that the code belongs to.';
COMMENT ON COLUMN codemint.codes.code IS
  'What a customer types in. A code is worth money: only codemint_reader, the producer of its job and the daemon may '
  'see it.';
COMMENT ON COLUMN codemint.codes.status IS
  'The API''s status: available, reserved, redeemed, expired, revoked, or a new word of the API.';
COMMENT ON COLUMN codemint.codes.sync_status IS
  'none, pending, synced or error: the worst status of the systems in external_ids.';
COMMENT ON COLUMN codemint.codes.external_ids IS 'The API''s externalIds, as received.';
COMMENT ON COLUMN codemint.codes.surplus IS 'Whether no job has room for the code.';
COMMENT ON COLUMN codemint.codes.from_answer IS
  'Whether an answer has shown the code. If not, only a listing has, and the code is no evidence of '
  'what listings look like. An answer that comes later replaces what the listing showed.';
COMMENT ON COLUMN codemint.codes.created_at IS 'The API''s createdAt.';
COMMENT ON COLUMN codemint.codes.expires_at IS 'The API''s expiresAt.';
COMMENT ON COLUMN codemint.codes.updated_at IS 'The API''s updatedAt.';
COMMENT ON COLUMN codemint.codes.stored_at IS 'When codemint recorded the code.';
COMMENT ON COLUMN codemint.codes.synced_at IS 'When codemint first saw the code synced.';
COMMENT ON COLUMN codemint.codes.purged_at IS
  'When the job was purged. Only the id is left, so that no listing takes the code for a new one.';

CREATE TABLE codemint.rewards (
  reward_id             uuid        PRIMARY KEY,
  closed_at             timestamptz,
  awaits_listing        boolean     NOT NULL DEFAULT false,
  in_flight             integer     NOT NULL DEFAULT 0,
  queue_priority        smallint,
  new_position          bigint,
  new_job               bigint,
  queue_head            bigint,
  queue_job             bigint,
  failures              integer     NOT NULL DEFAULT 0,
  failing_since         timestamptz,
  paused_until          timestamptz,
  paused_for            interval,
  passed_over_until     timestamptz,
  error_code            text,
  error_message         text,
  reconciler            uuid,
  reconciler_until      timestamptz,
  reconciler_for        interval,
  reconcile_at          timestamptz,
  reconcile_for         interval,
  listing               uuid,
  undecided_since       timestamptz,
  undecided_for         interval    NOT NULL DEFAULT '0',
  listing_error         text,
  newest_job            bigint,
  newest_call           uuid,
  created_at            timestamptz NOT NULL DEFAULT clock_timestamp(),

  CONSTRAINT "calls in flight are counted down once each" CHECK (in_flight >= 0)
);

-- The heads of the queues, in the order in which they are served.
CREATE INDEX rewards_new ON codemint.rewards (queue_priority, new_position, new_job)
  WHERE new_job IS NOT NULL AND closed_at IS NULL AND NOT awaits_listing;
CREATE INDEX rewards_queue ON codemint.rewards (queue_priority, queue_head, queue_job)
  WHERE queue_head IS NOT NULL AND closed_at IS NULL AND NOT awaits_listing;
CREATE INDEX rewards_paused ON codemint.rewards (paused_until) WHERE closed_at IS NULL;
CREATE INDEX rewards_passed_over ON codemint.rewards (passed_over_until)
  WHERE passed_over_until IS NOT NULL;
CREATE INDEX rewards_listed ON codemint.rewards (listing) WHERE listing IS NOT NULL;
CREATE INDEX rewards_closed ON codemint.rewards (closed_at) WHERE closed_at IS NOT NULL;

COMMENT ON TABLE codemint.rewards IS 'What the daemon knows of each reward.';
COMMENT ON COLUMN codemint.rewards.reward_id IS 'The API''s id of the reward.';
COMMENT ON COLUMN codemint.rewards.closed_at IS
  'Since when no new call is claimed, because one of the reward''s calls is in doubt.';
COMMENT ON COLUMN codemint.rewards.awaits_listing IS
  'Whether no call is claimed before the reward has been listed: after a failover or a restore.';
COMMENT ON COLUMN codemint.rewards.in_flight IS 'How many calls of the reward are sending.';
COMMENT ON COLUMN codemint.rewards.queue_priority IS 'The best priority in the reward''s queue.';
COMMENT ON COLUMN codemint.rewards.new_position IS
  'The place of the first new job of that priority.';
COMMENT ON COLUMN codemint.rewards.new_job IS 'The first new job of that priority.';
COMMENT ON COLUMN codemint.rewards.queue_head IS
  'The first place of that priority among the jobs that are not new.';
COMMENT ON COLUMN codemint.rewards.queue_job IS 'The job that has that place.';
COMMENT ON COLUMN codemint.rewards.failures IS
  'How many calls of the reward in a row were refused (403) or failed (5xx).';
COMMENT ON COLUMN codemint.rewards.failing_since IS
  'When the first of the failures (5xx) in a row was.';
COMMENT ON COLUMN codemint.rewards.paused_until IS 'No call is claimed before this time.';
COMMENT ON COLUMN codemint.rewards.paused_for IS 'How long that pause was when it began.';
COMMENT ON COLUMN codemint.rewards.passed_over_until IS
  'Claims pass the reward over until then, because its jobs were locked; see codemint.waits.';
COMMENT ON COLUMN codemint.rewards.error_code IS
  'Why the last call was refused; null if it was not.';
COMMENT ON COLUMN codemint.rewards.error_message IS 'The message that goes with error_code.';
COMMENT ON COLUMN codemint.rewards.reconciler IS
  'The worker that has taken the reward to list it; null if no worker has.';
COMMENT ON COLUMN codemint.rewards.reconciler_until IS
  'When the lease of that worker on the reward runs out.';
COMMENT ON COLUMN codemint.rewards.reconciler_for IS 'How long that lease is.';
COMMENT ON COLUMN codemint.rewards.reconcile_at IS
  'No worker takes the reward to list it before this time.';
COMMENT ON COLUMN codemint.rewards.reconcile_for IS 'How long that pause was when it began.';
COMMENT ON COLUMN codemint.rewards.listing IS
  'What that worker stages the codes under that the list shows and the ledger does not know.';
COMMENT ON COLUMN codemint.rewards.undecided_since IS
  'When listing the closed reward first failed, or first disagreed with the listing before; null '
  'if neither has happened in this doubt.';
COMMENT ON COLUMN codemint.rewards.undecided_for IS
  'How long that has lasted, without the time in which nobody could ask the API. After 15 minutes '
  'the calls are held.';
COMMENT ON COLUMN codemint.rewards.listing_error IS
  'Why the last listing of the reward failed; null if it did not, or if there was none.';
COMMENT ON COLUMN codemint.rewards.newest_job IS
  'The job of newest_call.';
COMMENT ON COLUMN codemint.rewards.newest_call IS
  'The call with the newest clean answer. A listing that lacks one of the codes of that answer is '
  'out of date.';
COMMENT ON COLUMN codemint.rewards.created_at IS 'When codemint first met the reward.';

CREATE TABLE codemint.reward_watches (
  reward_id       uuid        PRIMARY KEY REFERENCES codemint.rewards (reward_id),
  reason          text        NOT NULL,
  call_id         uuid,
  since           timestamptz,
  listings_left   integer     NOT NULL DEFAULT 4,
  next_listing_at timestamptz,
  failures        integer     NOT NULL DEFAULT 0,
  failing_since   timestamptz,
  error_message   text,
  ended           text,

  CONSTRAINT "reason is one of the reasons of a watch"
    CHECK (reason IN ('absent_call', 'partial_call', 'held_call', 'repeated_answer', 'late_doubt',
                      'late_codes', 'failover', 'restore')),
  CONSTRAINT "a watch has a next listing until it ends, listed or unlistable"
    CHECK ((next_listing_at IS NULL) = (ended IS NOT NULL) AND ended IN ('listed', 'unlistable'))
);

CREATE INDEX reward_watches_due ON codemint.reward_watches (next_listing_at)
  WHERE next_listing_at IS NOT NULL;
CREATE INDEX reward_watches_unlistable ON codemint.reward_watches (reward_id)
  WHERE ended = 'unlistable';

COMMENT ON TABLE codemint.reward_watches IS
  'Rewards that are or were listed again, because codes that the ledger does not know may turn up.';
COMMENT ON COLUMN codemint.reward_watches.reward_id IS 'The reward.';
COMMENT ON COLUMN codemint.reward_watches.reason IS
  'Why: absent_call, partial_call or held_call (how a doubt was decided), repeated_answer (a call '
  'that was decided got an answer without a new code), late_doubt (an absent call ended in doubt), '
  'late_codes (a sync pass showed unknown codes), failover '
  'or restore (of the database).';
COMMENT ON COLUMN codemint.reward_watches.call_id IS
  'The latest call because of which the reward is watched.';
COMMENT ON COLUMN codemint.reward_watches.since IS
  'Since when codes that the ledger does not know may have been made.';
COMMENT ON COLUMN codemint.reward_watches.listings_left IS
  'How many listings are left: 4 at first, 1 for late_codes. A listing that calls await is not '
  'counted.';
COMMENT ON COLUMN codemint.reward_watches.next_listing_at IS
  'When the reward is listed next; null if the watch has ended.';
COMMENT ON COLUMN codemint.reward_watches.failures IS
  'How many listings in a row have failed.';
COMMENT ON COLUMN codemint.reward_watches.failing_since IS
  'Since when the reward cannot be listed.';
COMMENT ON COLUMN codemint.reward_watches.error_message IS
  'Why the last listing failed.';
COMMENT ON COLUMN codemint.reward_watches.ended IS
  'How the watch ended: listed, or unlistable if listing failed for too long.';

-- The one row of limits and pace. Every claim and every settlement writes the row. So it has what
-- they write and what they have to read together with that. Beside these it has only what changes
-- seldom: why the account is blocked.
CREATE TABLE codemint.account (
  only_row                 boolean          PRIMARY KEY DEFAULT true,
  requests_per_second      double precision,
  burst                    integer,
  max_in_flight            integer,
  max_in_flight_per_reward integer,
  in_flight                integer          NOT NULL DEFAULT 0,
  next_slot_at             timestamptz      NOT NULL DEFAULT '-infinity',
  next_slot_for            interval         NOT NULL DEFAULT '0',
  sync_slot_at             timestamptz      NOT NULL DEFAULT '-infinity',
  pace                     double precision,
  pace_at                  timestamptz,
  pace_reason              text,
  new_job_last             boolean          NOT NULL DEFAULT false,
  turns                    bigint[]         NOT NULL DEFAULT array_fill(0::bigint, ARRAY[20]),
  failures                 integer          NOT NULL DEFAULT 0,
  failed_at                timestamptz,
  proven_at                timestamptz,
  proven_reward            uuid,
  breaker                  text,
  paused_until             timestamptz,
  paused_for               interval,
  pause_reason             text,
  blocked_at               timestamptz,
  blocked_code             text,
  blocked_message          text,
  probe_at                 timestamptz,
  probe_failed_at          timestamptz,
  probe_error              text,
  upgrading_until          timestamptz,
  api                      text,
  api_accepted_at          timestamptz,
  codes_per_day            integer,
  day                      date,
  day_codes                bigint           NOT NULL DEFAULT 0,

  CONSTRAINT "there is one account" CHECK (only_row),
  CONSTRAINT "calls in flight are counted down once each" CHECK (in_flight >= 0),
  CONSTRAINT "breaker is open, or trial after a probe" CHECK (breaker IN ('open', 'trial'))
);

INSERT INTO codemint.account DEFAULT VALUES;

COMMENT ON TABLE codemint.account IS
  'The API account: limits in force, pace, and why it may be waiting. One row.';
COMMENT ON COLUMN codemint.account.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN codemint.account.requests_per_second IS
  'The limit in force: what set_limits says, else the smallest of the living daemons'' settings.';
COMMENT ON COLUMN codemint.account.burst IS
  'The limit in force: how many requests may go at once after a quiet time.';
COMMENT ON COLUMN codemint.account.max_in_flight IS
  'The limit in force: how many calls may be sending.';
COMMENT ON COLUMN codemint.account.max_in_flight_per_reward IS
  'The limit in force: how many calls of one reward may be sending.';
COMMENT ON COLUMN codemint.account.in_flight IS 'How many calls are sending.';
COMMENT ON COLUMN codemint.account.next_slot_at IS
  'The state of the rate limiter: when the next slot comes if there is no burst.';
COMMENT ON COLUMN codemint.account.next_slot_for IS
  'How far ahead that was when it was written. If next_slot_at is further ahead, the clock was set '
  'back; the same holds of the other columns that end in _for.';
COMMENT ON COLUMN codemint.account.sync_slot_at IS 'The last slot that a page of a sync pass took.';
COMMENT ON COLUMN codemint.account.pace IS
  'Requests per second that the pace was last lowered to. The pace rises again from pace_at on.';
COMMENT ON COLUMN codemint.account.pace_at IS 'When the pace was last lowered.';
COMMENT ON COLUMN codemint.account.pace_reason IS
  'Why: throttled (a 429), announced (the API said how much is left) or recovering (after an '
  'outage).';
COMMENT ON COLUMN codemint.account.new_job_last IS
  'Whether the last call was for a new job. The next call is then for a job that is not new.';
COMMENT ON COLUMN codemint.account.turns IS
  'How far the queue has been served: the highest queue_position that a call was made for, of new jobs of '
  'the priorities 0 to 9, then of the others.';
COMMENT ON COLUMN codemint.account.failures IS
  'Failures of the API in a row. While there are any, one call goes out at a time.';
COMMENT ON COLUMN codemint.account.failed_at IS
  'When the last failure or 429 was counted. A call that left before then is not counted again.';
COMMENT ON COLUMN codemint.account.proven_at IS 'When a call last got a clean answer.';
COMMENT ON COLUMN codemint.account.proven_reward IS
  'The reward of that call. If a listing of another reward has no witness, the list of this one '
  'shows what listings look like.';
COMMENT ON COLUMN codemint.account.breaker IS
  'open: no call goes out until GET /v1/team is answered. trial: GET /v1/team was answered, and '
  'one call goes out at a time. null: closed.';
COMMENT ON COLUMN codemint.account.paused_until IS 'No worker sends a call before this time.';
COMMENT ON COLUMN codemint.account.paused_for IS 'How long the pause was when it began.';
COMMENT ON COLUMN codemint.account.pause_reason IS
  'Why: throttled (the API asked for it), failing or unreachable.';
COMMENT ON COLUMN codemint.account.blocked_at IS
  'Since when the API refuses the key. GET /v1/team is asked until the API accepts the key.';
COMMENT ON COLUMN codemint.account.blocked_code IS 'The API''s code for refusing the key.';
COMMENT ON COLUMN codemint.account.blocked_message IS 'The message that goes with blocked_code.';
COMMENT ON COLUMN codemint.account.probe_at IS 'When GET /v1/team is asked next.';
COMMENT ON COLUMN codemint.account.probe_failed_at IS
  'When GET /v1/team last could not be asked; null if the last time it was answered.';
COMMENT ON COLUMN codemint.account.probe_error IS 'Why it could not be asked then.';
COMMENT ON COLUMN codemint.account.upgrading_until IS
  'Until then no call is claimed: codemint migrate waits for calls in flight before it replaces '
  'the functions.';

COMMENT ON COLUMN codemint.account.api IS
  'The base URL of the API that calls go to. A daemon with another one claims nothing (accept_api).';
COMMENT ON COLUMN codemint.account.api_accepted_at IS
  'When that URL was accepted, by an operator or by its first answer; null if it has answered nothing yet.';
COMMENT ON COLUMN codemint.account.codes_per_day IS
  'The limit in force: how many codes may be asked for in a day (set_codes_per_day); null for no limit.';
COMMENT ON COLUMN codemint.account.day IS
  'The day, in UTC, that day_codes counts.';
COMMENT ON COLUMN codemint.account.day_codes IS
  'How many codes calls asked for that were claimed that day, without calls that were unsent or rejected.';

-- Notes of the operators: heartbeats put the newest in force. set_limits does not write to the account:
-- every claim needs that row, and an operator's transaction may stay open. Rows are added and never
-- changed, so limits that were taken back leave a name too.
CREATE TABLE codemint.operator_limits (
  id                       bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  requests_per_second      double precision,
  burst                    integer,
  max_in_flight            integer,
  max_in_flight_per_reward integer,
  set_by                   text             NOT NULL DEFAULT session_user,
  set_at                   timestamptz      NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON SEQUENCE codemint.operator_limits_id_seq IS 'Numbers of what set_limits said.';
COMMENT ON TABLE codemint.operator_limits IS
  'What set_limits said: the newest row holds. The next sign of life of a daemon puts it in force.';
COMMENT ON COLUMN codemint.operator_limits.id IS 'The number: what was said later has a higher one.';
COMMENT ON COLUMN codemint.operator_limits.requests_per_second IS
  'What set_limits says; else null.';
COMMENT ON COLUMN codemint.operator_limits.burst IS 'What set_limits says; else null.';
COMMENT ON COLUMN codemint.operator_limits.max_in_flight IS 'What set_limits says; else null.';
COMMENT ON COLUMN codemint.operator_limits.max_in_flight_per_reward IS
  'What set_limits says; else null.';
COMMENT ON COLUMN codemint.operator_limits.set_by IS 'The login that set limits, or took them back.';
COMMENT ON COLUMN codemint.operator_limits.set_at IS 'When it did.';

-- Rows are added and their limits never changed: who limited whom, when and why. An INSERT of a producer
-- that has a quota locks the newest row, and no operator ever waits for that.
CREATE TABLE codemint.quotas (
  id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  producer      text        NOT NULL,
  best_priority smallint,
  open_jobs     integer,
  codes_per_day integer,
  share         numeric(5, 2),
  note          text,
  set_by        text        NOT NULL DEFAULT session_user,
  set_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  counted_at    timestamptz,

  CONSTRAINT "best_priority must be from 0 (first) to 9 (last)" CHECK (best_priority BETWEEN 0 AND 9),
  CONSTRAINT "open_jobs must be from 0 to 1000000" CHECK (open_jobs BETWEEN 0 AND 1000000),
  CONSTRAINT "codes_per_day must be 0 or more" CHECK (codes_per_day >= 0),
  CONSTRAINT "share must be from 0.01 to 100" CHECK (share BETWEEN 0.01 AND 100.0),
  CONSTRAINT "a producer is the name of a role" CHECK (char_length(producer) BETWEEN 1 AND 63),
  CONSTRAINT "a note has at most 2000 characters" CHECK (char_length(note) <= 2000)
);

CREATE INDEX quotas_by_producer ON codemint.quotas (producer, id);

COMMENT ON SEQUENCE codemint.quotas_id_seq IS 'Numbers of quotas.';
COMMENT ON TABLE codemint.quotas IS
  'What producers may ask for, and their shares of the calls: the newest row of a producer holds. '
  'codemint.set_quota adds rows.';
COMMENT ON COLUMN codemint.quotas.id IS 'The number: later quotas have higher ones.';
COMMENT ON COLUMN codemint.quotas.producer IS 'The role whose jobs are limited (jobs.created_by).';
COMMENT ON COLUMN codemint.quotas.best_priority IS
  'The lowest number that jobs of the producer get as their priority; null for no limit.';
COMMENT ON COLUMN codemint.quotas.open_jobs IS
  'How many jobs of the producer may be open at a time; null for no limit.';
COMMENT ON COLUMN codemint.quotas.codes_per_day IS
  'How many codes may be asked for in a day for jobs of the producer; null for no limit.';
COMMENT ON COLUMN codemint.quotas.share IS
  'How many turns the producer has where one without a share has one; null for one.';
COMMENT ON COLUMN codemint.quotas.note IS 'The reason, in the operator''s words.';
COMMENT ON COLUMN codemint.quotas.set_by IS 'The operator''s login.';
COMMENT ON COLUMN codemint.quotas.set_at IS 'When it was set.';
COMMENT ON COLUMN codemint.quotas.counted_at IS
  'When an INSERT last counted the open jobs of the producer.';

-- Claims count here, while they have the account, and nobody else writes. So there is never anybody to wait
-- for, which there would be in quotas.
CREATE TABLE codemint.producer_days (
  producer text   PRIMARY KEY,
  day      date   NOT NULL,
  codes    bigint NOT NULL
);

COMMENT ON TABLE codemint.producer_days IS
  'How many codes were asked for on a day for jobs of each producer that has a limit of codes per day.';
COMMENT ON COLUMN codemint.producer_days.producer IS 'The role whose jobs are counted (jobs.created_by).';
COMMENT ON COLUMN codemint.producer_days.day IS 'The day, in UTC.';
COMMENT ON COLUMN codemint.producer_days.codes IS
  'Codes asked for since the limit was set, without calls that were unsent or rejected.';

-- Rows are added and never changed: who set what, when and why. The newest holds.
CREATE TABLE codemint.guards (
  id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  codes_per_day integer,
  approve_above integer,
  note          text,
  set_by        text        NOT NULL DEFAULT session_user,
  set_at        timestamptz NOT NULL DEFAULT clock_timestamp(),

  CONSTRAINT "codes_per_day must be 0 or more" CHECK (codes_per_day >= 0),
  CONSTRAINT "approve_above must be 0 or more" CHECK (approve_above >= 0),
  CONSTRAINT "a note has at most 2000 characters" CHECK (char_length(note) <= 2000)
);

COMMENT ON SEQUENCE codemint.guards_id_seq IS 'Numbers of guard rails.';
COMMENT ON TABLE codemint.guards IS
  'Guard rails for money, for all producers: the newest row holds. set_codes_per_day and set_approve_above '
  'add rows.';
COMMENT ON COLUMN codemint.guards.id IS 'The number: later rows have higher ones.';
COMMENT ON COLUMN codemint.guards.codes_per_day IS
  'How many codes may be asked for in a day (UTC); null for no limit.';
COMMENT ON COLUMN codemint.guards.approve_above IS
  'A job of more codes waits for approve_job; null for no limit.';
COMMENT ON COLUMN codemint.guards.note IS 'The reason, in the operator''s words.';
COMMENT ON COLUMN codemint.guards.set_by IS 'The operator''s login.';
COMMENT ON COLUMN codemint.guards.set_at IS 'When it was set.';

-- Rows are added and never changed. The newest holds.
CREATE TABLE codemint.api_acceptances (
  id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  url         text        NOT NULL,
  note        text,
  accepted_by text        NOT NULL DEFAULT session_user,
  accepted_at timestamptz NOT NULL DEFAULT clock_timestamp(),

  CONSTRAINT "a note has at most 2000 characters" CHECK (char_length(note) <= 2000)
);

COMMENT ON SEQUENCE codemint.api_acceptances_id_seq IS 'Numbers of acceptances.';
COMMENT ON TABLE codemint.api_acceptances IS
  'Which API calls may go to: the newest row holds. accept_api adds rows, and so does the first answer.';
COMMENT ON COLUMN codemint.api_acceptances.id IS 'The number: later acceptances have higher ones.';
COMMENT ON COLUMN codemint.api_acceptances.url IS 'The base URL.';
COMMENT ON COLUMN codemint.api_acceptances.note IS 'The reason, in words.';
COMMENT ON COLUMN codemint.api_acceptances.accepted_by IS
  'The login that accepted it: an operator''s, or the daemon''s if the first answer did.';
COMMENT ON COLUMN codemint.api_acceptances.accepted_at IS 'When it was accepted.';

CREATE TABLE codemint.healing (
  only_row    boolean     PRIMARY KEY DEFAULT true,
  checked_at  timestamptz,
  next_reward uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  next_job    bigint      NOT NULL DEFAULT 0,
  mended_at   timestamptz,
  mended      text,
  claimable_since timestamptz,
  retired_at  timestamptz,

  CONSTRAINT "the ledger is healed as a whole" CHECK (only_row)
);

INSERT INTO codemint.healing DEFAULT VALUES;

COMMENT ON TABLE codemint.healing IS
  'When heartbeats last compared what is derived with what it derives from, and what they mended. One '
  'row.';
COMMENT ON COLUMN codemint.healing.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN codemint.healing.checked_at IS 'When a heartbeat last compared.';
COMMENT ON COLUMN codemint.healing.next_reward IS
  'Queues are compared in slices; the next slice begins after this reward.';
COMMENT ON COLUMN codemint.healing.next_job IS
  'The codes of jobs are counted in slices; the next slice begins after this job.';
COMMENT ON COLUMN codemint.healing.mended_at IS
  'When something was last mended; null if nothing ever was.';
COMMENT ON COLUMN codemint.healing.mended IS 'What was mended then.';
COMMENT ON COLUMN codemint.healing.claimable_since IS
  'Since when heartbeats see that a job could be claimed and nobody claims anything; null if claims are '
  'made, or nothing could be claimed.';
COMMENT ON COLUMN codemint.healing.retired_at IS
  'When a daemon last said that it stops; null if none ever did.';

-- What one transaction of the fleet does at a time.
CREATE TYPE codemint.turn AS ENUM ('claims', 'events', 'facts', 'line', 'guards');

-- The rows that daemons lock to take turns. Nothing is ever stored in them. Advisory locks would do as well,
-- but every login can see their keys in pg_locks, take them, and never give them back.
CREATE TABLE codemint.turns (
  turn codemint.turn PRIMARY KEY
);

INSERT INTO codemint.turns SELECT unnest(enum_range(NULL::codemint.turn));

COMMENT ON TABLE codemint.turns IS
  'The rows that daemons, and those who set guards, lock to take turns. Never written.';
COMMENT ON COLUMN codemint.turns.turn IS
  'What is done by one at a time: claims are made, events are numbered, facts are written, the line is measured, '
  'guards are set.';

CREATE TABLE codemint.api_clock (
  only_row          boolean     PRIMARY KEY DEFAULT true,
  ahead_at_least_us bigint,
  ahead_at_most_us  bigint,
  measured_at       timestamptz,
  distrusted_until  timestamptz,

  CONSTRAINT "there is one API" CHECK (only_row)
);

INSERT INTO codemint.api_clock DEFAULT VALUES;

COMMENT ON TABLE codemint.api_clock IS
  'How far the API''s clock is ahead of the database''s, as clean answers have shown. One row.';
COMMENT ON COLUMN codemint.api_clock.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN codemint.api_clock.ahead_at_least_us IS
  'The API''s clock is ahead of the database''s by at least this many microseconds.';
COMMENT ON COLUMN codemint.api_clock.ahead_at_most_us IS
  'The API''s clock is ahead of the database''s by at most this many microseconds.';
COMMENT ON COLUMN codemint.api_clock.measured_at IS
  'When an answer last narrowed the range. Since then the range widens by one microsecond in a '
  'thousand.';
COMMENT ON COLUMN codemint.api_clock.distrusted_until IS
  'Until then the API''s createdAt is not believed, because answers contradicted each other.';

CREATE TABLE codemint.cluster_identity (
  only_row          boolean     PRIMARY KEY DEFAULT true,
  system_identifier bigint,
  database_oid      oid,
  table_oid         oid,
  timeline          text,
  suspended_at      timestamptz,
  suspended_reason  text,
  accepted_by       text,
  accepted_at       timestamptz,
  accepted_note     text,
  last_alive_at     timestamptz,

  CONSTRAINT "the ledger lives in one database" CHECK (only_row),
  CONSTRAINT "a note has at most 2000 characters" CHECK (char_length(accepted_note) <= 2000)
);

INSERT INTO codemint.cluster_identity DEFAULT VALUES;

COMMENT ON TABLE codemint.cluster_identity IS
  'Where the ledger lives, so that codemint notices a copy, a restore or a failover. One row.';
COMMENT ON COLUMN codemint.cluster_identity.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN codemint.cluster_identity.system_identifier IS
  'The database cluster that the ledger lives in.';
COMMENT ON COLUMN codemint.cluster_identity.database_oid IS
  'The oid of the ledger''s database. Another oid means that this is a copy.';
COMMENT ON COLUMN codemint.cluster_identity.table_oid IS
  'The oid of this table. Another oid means that a dump was restored.';
COMMENT ON COLUMN codemint.cluster_identity.timeline IS
  'The timeline of the cluster. Another timeline means a failover or a restored base backup.';
COMMENT ON COLUMN codemint.cluster_identity.suspended_at IS
  'Since when nothing is sent, because this database is a copy or was restored.';
COMMENT ON COLUMN codemint.cluster_identity.suspended_reason IS 'What was noticed then.';
COMMENT ON COLUMN codemint.cluster_identity.accepted_by IS 'Who accepted this database.';
COMMENT ON COLUMN codemint.cluster_identity.accepted_at IS 'When this database was accepted.';
COMMENT ON COLUMN codemint.cluster_identity.accepted_note IS
  'The reason, in the person''s words.';
COMMENT ON COLUMN codemint.cluster_identity.last_alive_at IS
  'The ledger''s last sign of life before the last failover or restore. What was done after that '
  'may be missing here.';

CREATE TABLE codemint.retention_progress (
  only_row           boolean     PRIMARY KEY DEFAULT true,
  calls_pruned_until timestamptz,
  calls_pruned_job   bigint,

  CONSTRAINT "calls are pruned in one order" CHECK (only_row)
);

INSERT INTO codemint.retention_progress DEFAULT VALUES;

COMMENT ON TABLE codemint.retention_progress IS
  'How far the daemon has deleted old calls. One row.';
COMMENT ON COLUMN codemint.retention_progress.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN codemint.retention_progress.calls_pruned_until IS
  'Old calls of jobs that ended up to this time have been deleted.';
COMMENT ON COLUMN codemint.retention_progress.calls_pruned_job IS
  'The last job that ended at calls_pruned_until and whose old calls have been deleted.';

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
  lease                    interval         NOT NULL,
  api_timeout              interval         NOT NULL,
  listing_gap              interval         NOT NULL,
  started_at               timestamptz      NOT NULL DEFAULT clock_timestamp(),
  seen_at                  timestamptz      NOT NULL DEFAULT clock_timestamp(),
  expires_at               timestamptz      NOT NULL,
  claim_failed_at          timestamptz,
  claim_error              text,
  api                      text
);

COMMENT ON TABLE codemint.workers IS
  'Daemons that are alive, and daemons that ended in the last day without saying so.';
COMMENT ON COLUMN codemint.workers.id IS
  'The worker. Each start of a daemon is a worker of its own.';
COMMENT ON COLUMN codemint.workers.host IS 'The name of the daemon''s host.';
COMMENT ON COLUMN codemint.workers.process IS 'The daemon''s process id on that host.';
COMMENT ON COLUMN codemint.workers.version IS 'The daemon''s version of codemint.';
COMMENT ON COLUMN codemint.workers.draining IS 'Whether the daemon is stopping.';
COMMENT ON COLUMN codemint.workers.requests_per_second IS 'The limit in the daemon''s settings.';
COMMENT ON COLUMN codemint.workers.burst IS 'The limit in the daemon''s settings.';
COMMENT ON COLUMN codemint.workers.max_in_flight IS 'The limit in the daemon''s settings.';
COMMENT ON COLUMN codemint.workers.max_in_flight_per_reward IS
  'The limit in the daemon''s settings.';
COMMENT ON COLUMN codemint.workers.lease IS
  'How long each lease of the daemon''s calls is, by its settings.';
COMMENT ON COLUMN codemint.workers.api_timeout IS
  'How long the daemon waits for an answer of the API, by its settings.';
COMMENT ON COLUMN codemint.workers.listing_gap IS
  'How far the API''s list may be out of date, by the daemon''s settings.';
COMMENT ON COLUMN codemint.workers.started_at IS 'When the worker sent its first heartbeat.';
COMMENT ON COLUMN codemint.workers.seen_at IS 'When the worker sent its last heartbeat.';
COMMENT ON COLUMN codemint.workers.expires_at IS
  'The worker counts as dead after this time unless it sends another heartbeat.';
COMMENT ON COLUMN codemint.workers.claim_failed_at IS
  'Since when the worker''s claims fail with claim_error; null if the last one did not fail.';
COMMENT ON COLUMN codemint.workers.claim_error IS
  'Why the worker''s last claim failed; null if it did not.';

COMMENT ON COLUMN codemint.workers.api IS 'The base URL of the API in the daemon''s settings.';

CREATE TABLE codemint.unattributed_codes (
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
  from_answer  boolean     NOT NULL DEFAULT true,
  found_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX unattributed_codes_by_reward ON codemint.unattributed_codes (reward_id);
CREATE INDEX unattributed_codes_by_call ON codemint.unattributed_codes (call_id);

COMMENT ON TABLE codemint.unattributed_codes IS 'Codes found upstream whose owner is not proven.';
COMMENT ON COLUMN codemint.unattributed_codes.id IS 'The API''s own id of the code.';
COMMENT ON COLUMN codemint.unattributed_codes.call_id IS
  'The call whose answer showed the code, or the call that the code was set aside for: the first of '
  'those that were held together (calls.held_with).';
COMMENT ON COLUMN codemint.unattributed_codes.reward_id IS 'The reward that the code belongs to.';
COMMENT ON COLUMN codemint.unattributed_codes.code IS
  'What a customer types in. A code is worth money: only codemint_reader and the daemon may see it.';
COMMENT ON COLUMN codemint.unattributed_codes.status IS
  'The API''s status: available, reserved, redeemed, expired, revoked, or a new word of the API.';
COMMENT ON COLUMN codemint.unattributed_codes.sync_status IS
  'none, pending, synced or error: the worst status of the systems in external_ids.';
COMMENT ON COLUMN codemint.unattributed_codes.external_ids IS
  'The API''s externalIds, as received.';
COMMENT ON COLUMN codemint.unattributed_codes.created_at IS 'The API''s createdAt.';
COMMENT ON COLUMN codemint.unattributed_codes.expires_at IS 'The API''s expiresAt.';
COMMENT ON COLUMN codemint.unattributed_codes.updated_at IS 'The API''s updatedAt.';
COMMENT ON COLUMN codemint.unattributed_codes.from_answer IS
  'Whether the answer of call_id showed the code; if not, a listing did.';
COMMENT ON COLUMN codemint.unattributed_codes.found_at IS 'When the code was found.';

CREATE TABLE codemint.answers (
  call_id   uuid        PRIMARY KEY,
  body      bytea       NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE codemint.answers IS
  'The bytes of answers that could not be read, or not be stored as rows.';
COMMENT ON COLUMN codemint.answers.call_id IS 'The call that the answer belongs to.';
COMMENT ON COLUMN codemint.answers.body IS
  'The answer as it came, cut off after 1 MiB. It may hold codes: only codemint_reader and the '
  'daemon may see it.';
COMMENT ON COLUMN codemint.answers.stored_at IS 'When the answer was stored.';

CREATE TABLE codemint.refused_settlements (
  call_id      uuid        PRIMARY KEY,
  job_id       bigint      NOT NULL,
  reward_id    uuid        NOT NULL,
  since        timestamptz NOT NULL DEFAULT clock_timestamp(),
  failed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  failures     integer     NOT NULL DEFAULT 1,
  sqlstate     text        NOT NULL,
  message      text        NOT NULL,
  raised_by    text,
  has_evidence boolean     NOT NULL
);

CREATE INDEX refused_settlements_by_job ON codemint.refused_settlements (job_id);

COMMENT ON TABLE codemint.refused_settlements IS
  'Calls whose outcome the database refuses to record, again and again: because of a trigger or a '
  'constraint of somebody''s own, or a lock. A daemon tries until it succeeds, and then deletes the row.';
COMMENT ON COLUMN codemint.refused_settlements.call_id IS 'The call.';
COMMENT ON COLUMN codemint.refused_settlements.job_id IS 'The job of the call.';
COMMENT ON COLUMN codemint.refused_settlements.reward_id IS 'The reward of the call.';
COMMENT ON COLUMN codemint.refused_settlements.since IS 'When it was refused first.';
COMMENT ON COLUMN codemint.refused_settlements.failed_at IS 'When it was refused last.';
COMMENT ON COLUMN codemint.refused_settlements.failures IS 'How often it was refused since.';
COMMENT ON COLUMN codemint.refused_settlements.sqlstate IS 'The SQLSTATE of the last refusal.';
COMMENT ON COLUMN codemint.refused_settlements.message IS
  'The last refusal in the server''s words, without the codes of the call.';
COMMENT ON COLUMN codemint.refused_settlements.raised_by IS
  'The trigger, or else the function, that refuses; null if it is none of somebody''s own.';
COMMENT ON COLUMN codemint.refused_settlements.has_evidence IS
  'Whether answers has kept the answer of the call because of this.';

CREATE TABLE codemint.refused_work (
  reward_id  uuid        NOT NULL,
  work       text        NOT NULL CONSTRAINT "work is claim, doubt, watch or sync"
                         CHECK (work IN ('claim', 'doubt', 'watch', 'sync')),
  since      timestamptz NOT NULL DEFAULT clock_timestamp(),
  failed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  failures   integer     NOT NULL DEFAULT 1,
  retry_at   timestamptz NOT NULL,
  sqlstate   text        NOT NULL,
  message    text        NOT NULL,
  raised_by  text,
  PRIMARY KEY (reward_id, work)
);

COMMENT ON TABLE codemint.refused_work IS
  'What the database refuses to record of a reward, again and again: because of a trigger or a constraint of '
  'somebody''s own, or a lock. A daemon tries until it succeeds, and then deletes the row.';
COMMENT ON COLUMN codemint.refused_work.reward_id IS 'The reward.';
COMMENT ON COLUMN codemint.refused_work.work IS
  'claim (its next call, or where its jobs stand in the queue), doubt (what became of calls in doubt), watch (what '
  'one more listing showed) or sync (what a sync pass showed).';
COMMENT ON COLUMN codemint.refused_work.since IS 'When it was refused first.';
COMMENT ON COLUMN codemint.refused_work.failed_at IS 'When it was refused last.';
COMMENT ON COLUMN codemint.refused_work.failures IS 'How often it was refused since.';
COMMENT ON COLUMN codemint.refused_work.retry_at IS 'When it is tried again, up to a minute later.';
COMMENT ON COLUMN codemint.refused_work.sqlstate IS 'The SQLSTATE of the last refusal.';
COMMENT ON COLUMN codemint.refused_work.message IS
  'The last refusal in the server''s words, unless these may quote a code.';
COMMENT ON COLUMN codemint.refused_work.raised_by IS
  'The trigger, or else the function, that refuses; null if it is none of somebody''s own.';

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
CREATE INDEX raw_codes_by_call ON codemint.raw_codes (call_id);

COMMENT ON TABLE codemint.raw_codes IS
  'Codes found upstream that no text column can hold (U+0000), as bytes. They count for no job.';
COMMENT ON COLUMN codemint.raw_codes.id IS 'The API''s own id of the code.';
COMMENT ON COLUMN codemint.raw_codes.reward_id IS 'The reward that the code belongs to.';
COMMENT ON COLUMN codemint.raw_codes.call_id IS
  'The call that the code was found for; null if there is none.';
COMMENT ON COLUMN codemint.raw_codes.code IS
  'The code''s text in UTF-8: only codemint_reader and the daemon may see it.';
COMMENT ON COLUMN codemint.raw_codes.status IS 'The API''s status in UTF-8.';
COMMENT ON COLUMN codemint.raw_codes.external_ids IS
  'The API''s externalIds in UTF-8, as received.';
COMMENT ON COLUMN codemint.raw_codes.found_at IS 'When a listing first showed the code.';

-- A crash of the server may empty the table: the reward is then listed once more. So nothing that
-- a listing stages is written to the log.
CREATE UNLOGGED TABLE codemint.listed_codes (
  listing      uuid        NOT NULL,
  id           uuid        NOT NULL,
  reward_id    uuid        NOT NULL,
  code         text        NOT NULL,
  status       text        NOT NULL,
  sync_status  text        NOT NULL,
  external_ids jsonb       NOT NULL,
  created_at   timestamptz,
  expires_at   timestamptz,
  updated_at   timestamptz,

  PRIMARY KEY (listing, id)
);

CREATE INDEX listed_codes_by_age ON codemint.listed_codes (listing, created_at, id);

COMMENT ON TABLE codemint.listed_codes IS
  'Codes that a listing has shown and the ledger does not know, until the listing is concluded.';
COMMENT ON COLUMN codemint.listed_codes.listing IS
  'The listing: what one worker reads of a reward''s list before it concludes (rewards.listing).';
COMMENT ON COLUMN codemint.listed_codes.id IS 'The API''s own id of the code.';
COMMENT ON COLUMN codemint.listed_codes.reward_id IS 'The reward that the code belongs to.';
COMMENT ON COLUMN codemint.listed_codes.code IS
  'What a customer types in. A code is worth money: only the daemon may see it here.';
COMMENT ON COLUMN codemint.listed_codes.status IS
  'The API''s status: available, reserved, redeemed, expired, revoked, or a new word of the API.';
COMMENT ON COLUMN codemint.listed_codes.sync_status IS
  'none, pending, synced or error: the worst status of the systems in external_ids.';
COMMENT ON COLUMN codemint.listed_codes.external_ids IS 'The API''s externalIds, as received.';
COMMENT ON COLUMN codemint.listed_codes.created_at IS 'The API''s createdAt.';
COMMENT ON COLUMN codemint.listed_codes.expires_at IS 'The API''s expiresAt.';
COMMENT ON COLUMN codemint.listed_codes.updated_at IS 'The API''s updatedAt.';

CREATE TABLE codemint.stand_ins (
  api     text        PRIMARY KEY,
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE codemint.stand_ins IS
  'APIs whose answers have said that they are stand-ins: no code of theirs is real.';
COMMENT ON COLUMN codemint.stand_ins.api IS 'The base URL.';
COMMENT ON COLUMN codemint.stand_ins.seen_at IS 'When an answer first said so.';

CREATE TABLE codemint.observed_facts (
  fact            text        NOT NULL,
  subject         text        NOT NULL DEFAULT '',
  value           text        NOT NULL,
  first_seen_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_seen_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  witnesses       bigint      NOT NULL DEFAULT 0,
  contradicted_at timestamptz,

  PRIMARY KEY (fact, subject, value)
);

CREATE INDEX observed_facts_prefixes ON codemint.observed_facts (value) WHERE fact = 'prefix';
CREATE INDEX observed_facts_contradicted ON codemint.observed_facts (contradicted_at)
  WHERE contradicted_at IS NOT NULL;

COMMENT ON TABLE codemint.observed_facts IS
  'What has been seen of the API''s behaviour. The view api_facts says it in words.';
COMMENT ON COLUMN codemint.observed_facts.fact IS
  'What the fact is about: prefix, answer_resolution, list_texts, list_times, list_resolution, '
  'list_order, list_page and list_asked (codes on the largest page, and how many the largest page '
  'was asked for), list_lag (seconds), clock_offset, rate_limit (requests per second that headers '
  'allow) or documents (how answers differ from the API''s documents).';
COMMENT ON COLUMN codemint.observed_facts.subject IS
  'What the fact holds for: for prefix the reward and the prefix, for documents the request and the '
  'field. Empty if it holds for the API.';
COMMENT ON COLUMN codemint.observed_facts.value IS 'What has been seen.';
COMMENT ON COLUMN codemint.observed_facts.first_seen_at IS 'When it was first seen.';
COMMENT ON COLUMN codemint.observed_facts.last_seen_at IS
  'When it was last seen. Written at most once an hour.';
COMMENT ON COLUMN codemint.observed_facts.witnesses IS
  'How many codes have shown it, of the answers and pages for which the row was written.';
COMMENT ON COLUMN codemint.observed_facts.contradicted_at IS
  'When the API was last seen to change between this value and another one that excludes it.';

-- An INSERT of jobs adds a row here for each reward and locks no reward. So the INSERT waits for
-- nobody, and no worker waits for the end of a producer's transaction.
-- The table has a key, although nothing looks a row up by it: without one, a publication of all tables
-- would refuse every DELETE.
CREATE TABLE codemint.pending_placements (
  id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  reward_id uuid        NOT NULL,
  priority  smallint    NOT NULL,
  position  bigint      NOT NULL,
  job_id    bigint      NOT NULL
);

CREATE INDEX pending_placements_order ON codemint.pending_placements (priority, position, job_id);
CREATE INDEX pending_placements_by_reward ON codemint.pending_placements (reward_id, job_id);

COMMENT ON SEQUENCE codemint.pending_placements_id_seq IS 'Numbers of pending placements.';
COMMENT ON TABLE codemint.pending_placements IS
  'Rewards with new jobs that no claim has put into the reward''s queue yet.';
COMMENT ON COLUMN codemint.pending_placements.id IS 'The placement''s number.';
COMMENT ON COLUMN codemint.pending_placements.reward_id IS 'The reward of the new jobs.';
COMMENT ON COLUMN codemint.pending_placements.priority IS
  'The priority of the first of the new jobs.';
COMMENT ON COLUMN codemint.pending_placements.position IS
  'The place of the first of the new jobs.';
COMMENT ON COLUMN codemint.pending_placements.job_id IS 'The first of the new jobs.';

CREATE TABLE codemint.tracked_rewards (
  reward_id     uuid        PRIMARY KEY,
  next_pass_at  timestamptz,
  passes        integer     NOT NULL DEFAULT 0,
  failures      integer     NOT NULL DEFAULT 0,
  error_message text,
  mark          timestamptz,
  list_order    text        NOT NULL DEFAULT 'unknown',
  scan_offset   integer,
  scan_anchor   uuid,
  scan_newest   timestamptz,
  worker        uuid,
  worker_until  timestamptz,
  given_up_at   timestamptz,
  late_codes_at timestamptz,

  CONSTRAINT "list_order is unknown, honoured or ignored"
    CHECK (list_order IN ('unknown', 'honoured', 'ignored'))
);

CREATE INDEX tracked_rewards_due ON codemint.tracked_rewards (next_pass_at)
  WHERE next_pass_at IS NOT NULL;
CREATE INDEX tracked_rewards_in_trouble ON codemint.tracked_rewards (given_up_at, reward_id)
  WHERE given_up_at IS NOT NULL OR failures > 0;

COMMENT ON TABLE codemint.tracked_rewards IS
  'Rewards with codes that other systems have not taken yet, and how far sync passes have come.';
COMMENT ON COLUMN codemint.tracked_rewards.reward_id IS 'The reward.';
COMMENT ON COLUMN codemint.tracked_rewards.next_pass_at IS
  'When the next sync pass is due; null if no pass will come. With passes = 0 it is when a code was '
  'stored, and the first pass comes sync.first_seconds later.';
COMMENT ON COLUMN codemint.tracked_rewards.passes IS
  'How many sync passes there were since a code was last stored whose sync was not final.';
COMMENT ON COLUMN codemint.tracked_rewards.failures IS 'How many passes in a row have failed.';
COMMENT ON COLUMN codemint.tracked_rewards.error_message IS 'Why the last pass failed.';
COMMENT ON COLUMN codemint.tracked_rewards.mark IS
  'Every change up to this time is known, by the API''s clock. Null: read the whole list.';
COMMENT ON COLUMN codemint.tracked_rewards.list_order IS
  'Whether the API lists the newest change first: unknown, honoured or ignored.';
COMMENT ON COLUMN codemint.tracked_rewards.scan_offset IS
  'Where the next pass continues; null if the last pass was complete.';
COMMENT ON COLUMN codemint.tracked_rewards.scan_anchor IS
  'The last code that the incomplete pass read. It shows whether the list has shifted since.';
COMMENT ON COLUMN codemint.tracked_rewards.scan_newest IS
  'The newest change that the incomplete pass has shown: the next mark, once the pass is complete.';
COMMENT ON COLUMN codemint.tracked_rewards.worker IS
  'The worker that is reading the reward''s list; null if no worker is.';
COMMENT ON COLUMN codemint.tracked_rewards.worker_until IS
  'When the lease of that worker on the reward runs out.';
COMMENT ON COLUMN codemint.tracked_rewards.given_up_at IS
  'Since when codemint no longer waits for the codes that are still pending.';
COMMENT ON COLUMN codemint.tracked_rewards.late_codes_at IS
  'When a sync pass last showed unknown codes and so began a watch.';

CREATE TABLE codemint.resyncs (
  reward_id     uuid        NOT NULL,
  system        text        NOT NULL,
  attempts      integer     NOT NULL DEFAULT 0,
  asked_at      timestamptz,
  next_at       timestamptz NOT NULL,
  given_up_at   timestamptz,
  error_message text,

  PRIMARY KEY (reward_id, system)
);

CREATE INDEX resyncs_by_age ON codemint.resyncs (given_up_at, reward_id, system);

COMMENT ON TABLE codemint.resyncs IS
  'Rewards with codes in error that the API was asked to copy to a system once more.';
COMMENT ON COLUMN codemint.resyncs.reward_id IS 'The reward.';
COMMENT ON COLUMN codemint.resyncs.system IS 'The system: shopify or stripe.';
COMMENT ON COLUMN codemint.resyncs.attempts IS
  'How often the API was asked. An attempt is counted before its request is sent.';
COMMENT ON COLUMN codemint.resyncs.asked_at IS 'When the API was last asked.';
COMMENT ON COLUMN codemint.resyncs.next_at IS 'Until then the system has time to take the codes.';
COMMENT ON COLUMN codemint.resyncs.given_up_at IS
  'Since when the API is not asked any more; see codemint.sync_problems.';
COMMENT ON COLUMN codemint.resyncs.error_message IS
  'Why the last request itself failed; null if it did not.';

CREATE TABLE codemint.job_actions (
  id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id       bigint      NOT NULL,
  action       text        NOT NULL,
  note         text,
  done_by      text        NOT NULL DEFAULT session_user,
  done_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  state_before text        NOT NULL,
  state_after  text        NOT NULL,
  told_at      timestamptz,
  by_producer  boolean     NOT NULL DEFAULT false,

  CONSTRAINT "a note has at most 2000 characters" CHECK (char_length(note) <= 2000),
  -- A daemon could not read another word, nor anything of its heartbeat.
  CONSTRAINT "state_before and state_after are states of a job" CHECK (
    state_before IN ('queued', 'running', 'ending', 'completed', 'failed', 'cancelled')
    AND state_after IN ('queued', 'running', 'ending', 'completed', 'failed', 'cancelled'))
);

CREATE INDEX job_actions_by_job ON codemint.job_actions (job_id, id);
CREATE INDEX job_actions_untold ON codemint.job_actions (id) WHERE told_at IS NULL;

COMMENT ON SEQUENCE codemint.job_actions_id_seq IS 'Numbers of operators'' actions.';
COMMENT ON TABLE codemint.job_actions IS
  'What operators did to jobs, and producers to their own: who, when and why. It outlives a job that is purged. '
  'Of what a producer did to a job the latest hundred actions are kept.';
COMMENT ON COLUMN codemint.job_actions.id IS
  'The action''s number: later actions have higher ones.';
COMMENT ON COLUMN codemint.job_actions.job_id IS 'The job.';
COMMENT ON COLUMN codemint.job_actions.action IS
  'cancel, pause, resume, retry, approve, resolve adopt, resolve absent, or a priority.';
COMMENT ON COLUMN codemint.job_actions.note IS 'The reason, in the words of who did it.';
COMMENT ON COLUMN codemint.job_actions.done_by IS 'The login of who did it.';
COMMENT ON COLUMN codemint.job_actions.done_at IS 'When it was done.';
COMMENT ON COLUMN codemint.job_actions.by_producer IS
  'Whether the job''s producer did it. What an operator has paused, the producer cannot resume.';
COMMENT ON COLUMN codemint.job_actions.state_before IS 'The job''s state before the action.';
COMMENT ON COLUMN codemint.job_actions.state_after IS 'The job''s state after the action.';
COMMENT ON COLUMN codemint.job_actions.told_at IS
  'When a daemon fetched the action to write it to its log; null before that.';

CREATE TABLE codemint.purges (
  job_id     bigint      PRIMARY KEY,
  reward_id  uuid        NOT NULL,
  count      integer     NOT NULL,
  state      text        NOT NULL,
  codes      integer     NOT NULL,
  created_by text        NOT NULL,
  dedupe_key text,
  note       text,
  done_by    text        NOT NULL DEFAULT session_user,
  done_at    timestamptz NOT NULL DEFAULT clock_timestamp(),

  CONSTRAINT "a note has at most 2000 characters" CHECK (char_length(note) <= 2000),
  CONSTRAINT "dedupe_key stays taken" UNIQUE (created_by, dedupe_key)
);

COMMENT ON TABLE codemint.purges IS
  'Jobs that an operator removed with codemint.purge_job: which, who, when and why.';
COMMENT ON COLUMN codemint.purges.job_id IS 'The number that the job had.';
COMMENT ON COLUMN codemint.purges.reward_id IS 'The reward of the job.';
COMMENT ON COLUMN codemint.purges.count IS 'How many codes the job had asked for.';
COMMENT ON COLUMN codemint.purges.state IS 'How the job had ended: completed, failed or cancelled.';
COMMENT ON COLUMN codemint.purges.codes IS
  'How many codes of the job, surplus included, were reduced to their ids.';
COMMENT ON COLUMN codemint.purges.created_by IS 'The role that had inserted the job.';
COMMENT ON COLUMN codemint.purges.dedupe_key IS 'The job''s key, which stays taken for ever.';
COMMENT ON COLUMN codemint.purges.note IS 'The reason, in the operator''s words.';
COMMENT ON COLUMN codemint.purges.done_by IS 'The login that removed the job.';
COMMENT ON COLUMN codemint.purges.done_at IS 'When the job was removed.';

CREATE TABLE codemint.unnumbered_events (
  place      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id     bigint      NOT NULL,
  kind       text        NOT NULL,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by text        NOT NULL,
  detail     jsonb       NOT NULL
);

COMMENT ON SEQUENCE codemint.unnumbered_events_place_seq IS 'The order in which events are written.';
COMMENT ON TABLE codemint.unnumbered_events IS
  'Events that no housekeeper has numbered yet; within a second they are in codemint.events.';
COMMENT ON COLUMN codemint.unnumbered_events.place IS
  'The order of writing. It is no number to read by: a lower one can be committed later.';
COMMENT ON COLUMN codemint.unnumbered_events.job_id IS 'The job.';
COMMENT ON COLUMN codemint.unnumbered_events.kind IS 'What happened; see codemint.events.';
COMMENT ON COLUMN codemint.unnumbered_events.at IS 'When it happened.';
COMMENT ON COLUMN codemint.unnumbered_events.created_by IS 'The role that inserted the job.';
COMMENT ON COLUMN codemint.unnumbered_events.detail IS 'How the job stood then.';

CREATE TABLE codemint.events (
  id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id     bigint      NOT NULL,
  kind       text        NOT NULL,
  at         timestamptz NOT NULL,
  created_by text        NOT NULL,
  detail     jsonb       NOT NULL
);

CREATE INDEX events_by_job ON codemint.events (job_id, id);
CREATE INDEX events_by_producer ON codemint.events (created_by, id);

COMMENT ON SEQUENCE codemint.events_id_seq IS 'Numbers of events.';
COMMENT ON TABLE codemint.events IS
  'What happened to jobs. Read it WHERE id > the last id that you had: no event appears below a number '
  'that can be seen, and the events of a job come in their order. It is deleted after '
  'retention.calls_days.';
COMMENT ON COLUMN codemint.events.id IS
  'The number: whoever sees a number has been able to see all lower ones.';
COMMENT ON COLUMN codemint.events.job_id IS 'The job.';
COMMENT ON COLUMN codemint.events.kind IS
  'What happened: queued, running, held, released, completed, failed, cancelled (the job is in that '
  'state from then on), sync_done (no code of the job waits for another system any more) or surplus '
  '(codes came that the job has no room for).';
COMMENT ON COLUMN codemint.events.at IS 'When it happened.';
COMMENT ON COLUMN codemint.events.created_by IS 'The role that inserted the job.';
COMMENT ON COLUMN codemint.events.detail IS
  'How the job stood then: count, issued, surplus, and error_code if it has one. Never a code.';

CREATE TABLE codemint.webhooks (
  name            text        PRIMARY KEY,
  host            text        NOT NULL,
  kinds           text[],
  position        bigint      NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  named_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  failures        integer     NOT NULL DEFAULT 0,
  failing_since   timestamptz,
  rest_until      timestamptz,
  last_success_at timestamptz,
  last_failure_at timestamptz,
  last_error      text,

  CONSTRAINT "a webhook fails since its first failure" CHECK ((failures > 0) = (failing_since IS NOT NULL)),
  CONSTRAINT "the error of a webhook has at most 500 characters" CHECK (length(last_error) <= 500)
);

COMMENT ON TABLE codemint.webhooks IS
  'Receivers of events, as the daemons'' settings name them; codemint.webhook_backlog says how they are.';
COMMENT ON COLUMN codemint.webhooks.name IS 'The name in the settings.';
COMMENT ON COLUMN codemint.webhooks.host IS 'Where events are sent, without a path: that may hold a token.';
COMMENT ON COLUMN codemint.webhooks.kinds IS 'The kinds of events that are sent; null for all.';
COMMENT ON COLUMN codemint.webhooks.position IS
  'Events up to this number have become deliveries, or are of kinds that are not sent.';
COMMENT ON COLUMN codemint.webhooks.created_at IS
  'When a daemon first named it. What happened before is not sent.';
COMMENT ON COLUMN codemint.webhooks.named_at IS
  'When a daemon last named it. A day later it is removed, with all that was to be sent.';
COMMENT ON COLUMN codemint.webhooks.failures IS 'Failures since the last success.';
COMMENT ON COLUMN codemint.webhooks.failing_since IS 'The first of these failures; null if there is none.';
COMMENT ON COLUMN codemint.webhooks.rest_until IS
  'Nothing is sent before, and then one event at a time; null unless it failed three times in a row, or asked '
  'for a pause.';
COMMENT ON COLUMN codemint.webhooks.last_success_at IS 'The last success, to a second or so.';
COMMENT ON COLUMN codemint.webhooks.last_failure_at IS 'The last failure.';
COMMENT ON COLUMN codemint.webhooks.last_error IS 'What failed then.';

CREATE TABLE codemint.webhook_deliveries (
  event_id       bigint  NOT NULL,
  webhook        text    NOT NULL REFERENCES codemint.webhooks ON DELETE CASCADE,
  job_id         bigint  NOT NULL,
  created_by     text    NOT NULL,
  next_try_at    timestamptz,
  attempts       integer NOT NULL DEFAULT 0,
  first_tried_at timestamptz,
  died_at        timestamptz,
  error          text,

  PRIMARY KEY (event_id, webhook),
  CONSTRAINT "a dead letter is not tried" CHECK (died_at IS NULL OR next_try_at IS NULL),
  CONSTRAINT "the error of a delivery has at most 500 characters" CHECK (length(error) <= 500)
);

CREATE INDEX webhook_deliveries_due ON codemint.webhook_deliveries (webhook, created_by, next_try_at, event_id)
  WHERE next_try_at IS NOT NULL;
CREATE INDEX webhook_deliveries_of_job ON codemint.webhook_deliveries (webhook, job_id, event_id)
  WHERE died_at IS NULL;
CREATE INDEX webhook_deliveries_open ON codemint.webhook_deliveries (event_id) WHERE died_at IS NULL;
CREATE INDEX webhook_deliveries_dead ON codemint.webhook_deliveries (webhook, died_at)
  WHERE died_at IS NOT NULL;

COMMENT ON TABLE codemint.webhook_deliveries IS
  'Events that a webhook has still to get, and dead letters. What was delivered is deleted.';
COMMENT ON COLUMN codemint.webhook_deliveries.event_id IS
  'The event; it stays as long as it is to be sent. If somebody deletes it, the delivery ends.';
COMMENT ON COLUMN codemint.webhook_deliveries.webhook IS 'Who is to get it.';
COMMENT ON COLUMN codemint.webhook_deliveries.job_id IS 'The job of the event.';
COMMENT ON COLUMN codemint.webhook_deliveries.created_by IS
  'The role that inserted the job. These roles take turns.';
COMMENT ON COLUMN codemint.webhook_deliveries.next_try_at IS
  'When it may be sent; while it is being sent, when the sender counts as dead. Null while an earlier event of '
  'the job has not been delivered, and of a dead letter.';
COMMENT ON COLUMN codemint.webhook_deliveries.attempts IS 'How often it was sent.';
COMMENT ON COLUMN codemint.webhook_deliveries.first_tried_at IS 'When it was first sent.';
COMMENT ON COLUMN codemint.webhook_deliveries.died_at IS
  'When it became a dead letter, which only codemint.resend_webhook sends again.';
COMMENT ON COLUMN codemint.webhook_deliveries.error IS 'Why it was not delivered, the last time.';

CREATE TABLE codemint.line_pace (
  only_row         boolean          PRIMARY KEY DEFAULT true,
  measured_at      timestamptz      NOT NULL,
  took             interval         NOT NULL,
  jobs             bigint           NOT NULL,
  rewards          integer          NOT NULL,
  call_seconds     double precision,
  calls_per_second double precision,

  CONSTRAINT "there is one line" CHECK (only_row)
);

COMMENT ON TABLE codemint.line_pace IS
  'When the line of waiting jobs was last measured, and how fast it moved. One row at most.';
COMMENT ON COLUMN codemint.line_pace.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN codemint.line_pace.measured_at IS 'When the line was measured.';
COMMENT ON COLUMN codemint.line_pace.took IS
  'How long measuring took: the next time comes after fifty times as long.';
COMMENT ON COLUMN codemint.line_pace.jobs IS 'How many jobs could have taken a call.';
COMMENT ON COLUMN codemint.line_pace.rewards IS 'How many rewards these jobs had, up to 1000.';
COMMENT ON COLUMN codemint.line_pace.call_seconds IS
  'How long the answers to the last calls took on average; null if no call was ever answered.';
COMMENT ON COLUMN codemint.line_pace.calls_per_second IS
  'How many calls a second were claimed lately; null if the line was empty meanwhile.';

CREATE TABLE codemint.line_classes (
  priority   smallint NOT NULL,
  is_new     boolean  NOT NULL,
  producer   text     NOT NULL,
  size_class integer  NOT NULL,
  jobs       bigint   NOT NULL,
  calls      bigint   NOT NULL,
  share      double precision NOT NULL,

  PRIMARY KEY (priority, is_new, producer, size_class)
);

COMMENT ON TABLE codemint.line_classes IS
  'How many jobs waited when the line was measured, and how many calls they needed.';
COMMENT ON COLUMN codemint.line_classes.priority IS 'The priority of the jobs.';
COMMENT ON COLUMN codemint.line_classes.is_new IS 'Whether the jobs were new; see codemint.jobs.is_new.';
COMMENT ON COLUMN codemint.line_classes.producer IS 'The role that inserted the jobs.';
COMMENT ON COLUMN codemint.line_classes.size_class IS
  'The jobs needed 2 to the power of this many calls, and fewer than twice as many.';
COMMENT ON COLUMN codemint.line_classes.jobs IS 'How many jobs.';
COMMENT ON COLUMN codemint.line_classes.calls IS 'How many calls these jobs needed together.';
COMMENT ON COLUMN codemint.line_classes.share IS 'The share of the producer; see codemint.quotas.share.';

CREATE TABLE codemint.line_marks (
  priority    smallint    NOT NULL,
  position    bigint      NOT NULL,
  job_id      bigint      NOT NULL,
  jobs_ahead  bigint      NOT NULL,
  calls_ahead bigint      NOT NULL,

  PRIMARY KEY (priority, position, job_id)
);

COMMENT ON TABLE codemint.line_marks IS
  'Places in the order of new jobs, as the line was measured: a job is found between two marks.';
COMMENT ON COLUMN codemint.line_marks.priority IS 'The priority of the job.';
COMMENT ON COLUMN codemint.line_marks.position IS 'The job''s place in the queue.';
COMMENT ON COLUMN codemint.line_marks.job_id IS 'The job at the mark.';
COMMENT ON COLUMN codemint.line_marks.jobs_ahead IS
  'How many new jobs of the same priority were ahead of it.';
COMMENT ON COLUMN codemint.line_marks.calls_ahead IS 'How many calls these jobs needed.';

-- The first rows of a queue are also the first to become dead rows. Until they are vacuumed, every
-- search for the head of the queue steps over them. So these tables are vacuumed after a number of
-- dead rows; after a share of the table, the default, the number would grow with the backlog.
ALTER TABLE codemint.jobs SET (
  fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
ALTER TABLE codemint.rewards SET (
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE codemint.pending_placements SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE codemint.unnumbered_events SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE codemint.line_marks SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE codemint.webhook_deliveries SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE codemint.webhooks SET (fillfactor = 50);
ALTER TABLE codemint.account SET (fillfactor = 10);
-- Every call is updated when it is settled. Every heartbeat steps over the dead entries in the
-- small indexes of open calls.
ALTER TABLE codemint.calls SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
-- Codes are mostly inserted. They are vacuumed often enough to be counted by index alone, and after
-- a share of the table that sync passes reach even in a large ledger.
ALTER TABLE codemint.codes SET (
  autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
-- Every page of a sync pass rewrites the row of its reward, so each page of the table has space for
-- new versions.
ALTER TABLE codemint.tracked_rewards SET (
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE codemint.workers SET (fillfactor = 50);
ALTER TABLE codemint.listed_codes SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);


-- Types that functions take and return.

-- A code as an answer or a listing showed it. codemint.code_row turns it into a row of codes.
CREATE TYPE codemint.received_code AS (
  id           uuid,
  reward_id    uuid,
  code         text,
  status       text,
  sync_status  text,
  external_ids jsonb,
  created_at   timestamptz,
  expires_at   timestamptz,
  updated_at   timestamptz
);

-- A code that no text or jsonb column can hold, with its fields as UTF-8. If call_id is null, the
-- code goes to the call because of which the reward is watched.
CREATE TYPE codemint.raw_code AS (
  id           uuid,
  call_id      uuid,
  code         bytea,
  status       bytea,
  external_ids bytea
);

-- A call, and the ids of the codes that a listing showed to be the call's own.
CREATE TYPE codemint.adoption AS (
  call_id uuid,
  codes   uuid[]
);

-- A call that may have made codes which the ledger lacks, and when. set_aside are codes of its own
-- answer that lack its prefix. The lengths are those of the call's worker, in microseconds.
CREATE TYPE codemint.doubtful_call AS (
  call_id          uuid,
  job_id           bigint,
  prefix           text,
  size             integer,
  lacks            integer,
  is_answered      boolean,
  set_aside        uuid[],
  earliest         timestamptz,
  effective_until  timestamptz,
  effective_for_us bigint,
  listing_gap_us   bigint
);

-- A reward that a worker has taken to list it, with what it needs for that: codes that every fresh
-- listing shows, another reward whose list shows what listings look like, and how far the API's clock
-- is ahead. now is the database's clock.
CREATE TYPE codemint.lent_reward AS (
  reward_id      uuid,
  must_show      uuid[],
  reference      uuid,
  offset_low_us  bigint,
  offset_high_us bigint,
  is_distrusted  boolean,
  now            timestamptz
);

-- The job whose call is next, as read without a lock; job_id is null if no job can be served.
CREATE TYPE codemint.candidate AS (
  job_id         bigint,
  reward_id      uuid,
  is_new         boolean,
  queue_position bigint,
  -- Whether none of the first pending placements can be served, so that others may be behind them.
  is_crowded     boolean
);

-- The next free slot, and the limiter's state once the slot is taken (account.next_slot_at).
CREATE TYPE codemint.slot AS (
  spacing   interval,
  leeway    interval,
  slot      timestamptz,
  following timestamptz
);

-- The answer to a claim. outcome is 'call' or 'nothing'. With 'call', slot_us is the time from
-- answered_at to the slot, and starts_job says whether this is the job's first call. With
-- 'nothing', wait_us is the time until a slot comes or a pause ends, and due_us the time until a
-- waiting job is due. All of these are in microseconds.
CREATE TYPE codemint.claimed AS (
  outcome     text,
  job_id      bigint,
  reward_id   uuid,
  prefix      text,
  size        integer,
  slot_us     bigint,
  answered_at timestamptz,
  spacing_us  bigint,
  leeway_us   bigint,
  wait_us     bigint,
  due_us      bigint,
  starts_job  boolean
);

-- The lengths that a worker works with: calls.lease, calls.api_timeout and calls.listing_gap.
CREATE TYPE codemint.call_lengths AS (
  lease       interval,
  api_timeout interval,
  listing_gap interval
);

-- Where a daemon runs, and the base URL of the API that it would send calls to; null if it sends none.
CREATE TYPE codemint.daemon_site AS (
  host    text,
  process integer,
  version text,
  api     text
);

-- A call as its worker knows it: enough to insert the call again if a failover lost the claim.
CREATE TYPE codemint.sent_call AS (
  id          uuid,
  job_id      bigint,
  reward_id   uuid,
  prefix      text,
  size        integer,
  worker      uuid,
  lease       interval,
  api_timeout interval,
  listing_gap interval
);

-- How a request ended. raw_answer is the body of an answer that cannot be read, or not be stored as
-- rows.
CREATE TYPE codemint.call_ending AS (
  result        text,
  http_status   integer,
  error_code    text,
  error_message text,
  received      integer,
  duration_ms   integer,
  raw_answer    bytea
);

-- What the ending of a call means for its job, its reward and the account, beside its codes.
-- account_code and account_message say why the account is blocked; after a 403 they come from the
-- answer to GET /v1/team. asked_pause and ceiling (requests per second) are what the API asked for.
-- jitter is one random number from 0 to 1, and every pause is drawn with it.
CREATE TYPE codemint.call_effects AS (
  job_fails       boolean,
  reward          text,
  account         text,
  account_code    text,
  account_message text,
  asked_pause     interval,
  ceiling         double precision,
  jitter          double precision
);

-- What the ending of a call came to. issued codes count for the job now, surplus is for no job.
-- state, outstanding and is_short are those that the call has from now on. has_new: the answer held
-- a code of the call. is_news: the call is in doubt and was not before, or lacks less than before.
-- job_after is the new state of the job.
CREATE TYPE codemint.call_outcome AS (
  issued      integer,
  surplus     integer,
  state       text,
  outstanding integer,
  is_short    boolean,
  has_new     boolean,
  is_news     boolean,
  job_after   text
);

-- What was stored of an answer. issued, surplus: codes that the ledger did not know.
-- returned: codes that no longer are surplus. Of the codes that it knew, own were the call's
-- already, and proven are the call's as this answer shows first: they had been surplus, or a
-- listing had shown them.
CREATE TYPE codemint.stored_codes AS (
  issued   integer,
  surplus  integer,
  returned integer,
  own      integer,
  proven   integer
);

-- What the codes of an answer show: whether the sync of one of them is not final, when the oldest
-- and the newest were made, and whether all codes begin with the prefix; null without a prefix.
CREATE TYPE codemint.answer_facts AS (
  needs_tracking boolean,
  first_made_at  timestamptz,
  last_made_at   timestamptz,
  prefix_literal boolean
);

-- How far a sync pass has read a reward's list.
CREATE TYPE codemint.list_reading AS (
  mark        timestamptz,
  list_order  text,
  scan_offset integer,
  scan_anchor uuid,
  scan_newest timestamptz
);

-- What needs a person, and what helps; the view needs_you explains the fields. The lowest rank is the most
-- urgent; up to 50 it stops all jobs.
CREATE TYPE codemint.need AS (
  rank       integer,
  kind       text,
  subject    text,
  job_id     bigint,
  reward_id  uuid,
  call_id    uuid,
  since      timestamptz,
  why        text,
  what_to_do text,
  command    text
);

-- Something that is known beforehand of a job that somebody may insert; verdict is refused, waits, doubtful or ok.
CREATE TYPE codemint.job_finding AS (
  verdict text,
  about   text,
  finding text
);

-- The planner looks at a column's statistics before it asks who may read the column, and a login may have
-- it print its estimates: they would tell codes, and what other producers ask for. So no statistics are kept
-- of what a role may not read.
DO $$
DECLARE
  v_column record;
BEGIN
  FOR v_column IN
    SELECT a.attrelid::regclass AS name, a.attname
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'codemint'::regnamespace AND c.relkind = 'r' AND NOT a.attisdropped
      AND a.attname IN ('code', 'status', 'body', 'external_ids', 'prefix', 'dedupe_key', 'metadata',
                        'note', 'resolution_note', 'resolved_by', 'done_by', 'error_message')
  LOOP
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', v_column.name, v_column.attname);
  END LOOP;
END
$$;
ALTER TABLE codemint.jobs ALTER COLUMN reward_id SET STATISTICS 0;
ALTER TABLE codemint.purges ALTER COLUMN reward_id SET STATISTICS 0;
