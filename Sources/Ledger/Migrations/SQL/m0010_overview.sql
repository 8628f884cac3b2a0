-- What is looked at again and again while nothing may be scanned for it.

CREATE INDEX jobs_running ON codemint.jobs (id) WHERE state IN ('running', 'ending');
CREATE INDEX jobs_held ON codemint.jobs (id) WHERE held;
CREATE INDEX jobs_finished ON codemint.jobs (finished_at) WHERE finished_at IS NOT NULL;
