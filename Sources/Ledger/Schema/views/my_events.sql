-- The events of a producer's own jobs. As in my_jobs, each column but the number is null while an event of
-- somebody else's job is looked at.
CREATE OR REPLACE VIEW codemint.my_events WITH (security_barrier) AS
SELECT e.id,
       CASE WHEN e.created_by = current_user THEN e.job_id END AS job_id,
       CASE WHEN e.created_by = current_user THEN e.kind END AS kind,
       CASE WHEN e.created_by = current_user THEN e.at END AS at,
       CASE WHEN e.created_by = current_user THEN e.detail END AS detail
FROM codemint.events e
WHERE e.created_by = current_user;

COMMENT ON VIEW codemint.my_events IS
  'What happened to the jobs that the current role inserted; read it WHERE id > the last id that you had.';
