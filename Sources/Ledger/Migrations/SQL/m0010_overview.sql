-- What is looked at again and again while nothing may be scanned for it.

CREATE INDEX jobs_running ON codemint.jobs (id) WHERE state IN ('running', 'ending');
CREATE INDEX jobs_held ON codemint.jobs (id) WHERE held;
-- The latest requests, among millions.
CREATE INDEX calls_by_time ON codemint.calls (created_at);
-- Codes that nobody has room for: few, and asked for by themselves.
CREATE INDEX codes_surplus ON codemint.codes (reward_id, job_id) WHERE surplus;
CREATE INDEX jobs_finished ON codemint.jobs (finished_at, id) WHERE finished_at IS NOT NULL;
