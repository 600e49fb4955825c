-- The two tables that stand in each schema before its first migration: where it stands, and how it came there.
CREATE TABLE IF NOT EXISTS schema_version (
    version_num varchar(32) CONSTRAINT schema_version_pkc PRIMARY KEY
);
COMMENT ON TABLE schema_version IS 'Number of the newest migration applied; one row.';
COMMENT ON COLUMN schema_version.version_num IS 'Number of a migration file, e.g. 0001.';

CREATE TABLE IF NOT EXISTS migration_history (
    version        text COLLATE "C" PRIMARY KEY,
    name           text COLLATE "C" NOT NULL,
    sha256         text COLLATE "C" NOT NULL,
    applied_at     timestamptz NOT NULL DEFAULT now(),
    applied_by     text COLLATE "C" NOT NULL DEFAULT session_user,
    oldest_program text COLLATE "C"
);
-- The table of a schema that was made before there was the column.
ALTER TABLE migration_history ADD COLUMN IF NOT EXISTS oldest_program text COLLATE "C";
COMMENT ON TABLE migration_history IS 'Migrations applied to this schema, written in the transaction of each.';
COMMENT ON COLUMN migration_history.version IS 'Number of the migration.';
COMMENT ON COLUMN migration_history.name IS 'Name of its file, without .sql.';
COMMENT ON COLUMN migration_history.sha256 IS 'SHA-256 of the file: a file changed after it was applied is refused.';
COMMENT ON COLUMN migration_history.applied_at IS 'When it was applied, database time.';
COMMENT ON COLUMN migration_history.applied_by IS 'Login that applied it.';
COMMENT ON COLUMN migration_history.oldest_program IS 'Number of the migration that a program has to know to work with the schema since; null: any program may go on.';
