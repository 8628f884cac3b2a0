-- What codemint migrate keeps about its own work. It runs at the start of each migration, and asks
-- before it creates: so a role without the right to create can migrate nothing.
DO $$
BEGIN
  IF to_regnamespace('codemint') IS NULL THEN
    CREATE SCHEMA codemint;
  END IF;
  IF to_regclass('codemint.migrations') IS NULL THEN
    CREATE TABLE codemint.migrations (
      number     integer     PRIMARY KEY,
      name       text        NOT NULL,
      checksum   text        NOT NULL,
      parts      jsonb       NOT NULL DEFAULT '{}',
      applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      applied_by text        NOT NULL DEFAULT current_user
    );
    COMMENT ON TABLE codemint.migrations IS
      'The migrations of the tables that codemint migrate has applied.';
    COMMENT ON COLUMN codemint.migrations.number IS 'The place in the order, from 1.';
    COMMENT ON COLUMN codemint.migrations.name IS 'What the migration brought.';
    COMMENT ON COLUMN codemint.migrations.checksum IS
      'The checksum of the text. A codemint that has another text refuses to start.';
    COMMENT ON COLUMN codemint.migrations.parts IS
      'What the tables consisted of then, so that what is gone or is another is noticed: columns, constraints, '
      'indexes.';
    COMMENT ON COLUMN codemint.migrations.applied_at IS 'When the migration was applied.';
    COMMENT ON COLUMN codemint.migrations.applied_by IS 'Who applied the migration.';
  END IF;
  IF to_regclass('codemint.installed_code') IS NULL THEN
    CREATE TABLE codemint.installed_code (
      only_row     boolean     PRIMARY KEY DEFAULT true,
      checksum     text        NOT NULL,
      version      text        NOT NULL,
      objects      jsonb       NOT NULL,
      server       integer     NOT NULL,
      installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      installed_by text        NOT NULL DEFAULT current_user,

      CONSTRAINT "there is one version of the functions" CHECK (only_row)
    );
    COMMENT ON TABLE codemint.installed_code IS
      'Which version of the functions, triggers, views and grants the database has. One row.';
    COMMENT ON COLUMN codemint.installed_code.only_row IS 'Always true: there is one row.';
    COMMENT ON COLUMN codemint.installed_code.checksum IS
      'The checksum of their text. A daemon with another checksum gets no work.';
    COMMENT ON COLUMN codemint.installed_code.version IS
      'The version of codemint that installed them.';
    COMMENT ON COLUMN codemint.installed_code.objects IS
      'A fingerprint of each function, trigger and view, so that a change by hand is noticed.';
    COMMENT ON COLUMN codemint.installed_code.server IS
      'The major version of the server then. Another one may print the same view differently.';
    COMMENT ON COLUMN codemint.installed_code.installed_at IS 'When they were installed.';
    COMMENT ON COLUMN codemint.installed_code.installed_by IS
      'The role that installed them.';
  END IF;
END
$$;
