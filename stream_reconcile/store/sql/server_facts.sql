-- What `check` wants to know of a server and of our login's rights.

-- name: facts
-- Version, whether it takes writes, what makes commits less than durable, whether our login may do everything, its clock.
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::integer / 10000 AS major,
       pg_is_in_recovery() AS is_standby,
       ARRAY(SELECT name FROM pg_settings
             WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off'
             ORDER BY name) AS not_durable,
       (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS is_superuser,
       %(is_encrypted)s AS is_encrypted,
       clock_timestamp() AS now

-- name: missing_rights
-- Rights that the jobs need on our tables and this login lacks. Intents and people's actions are changed by column, and
-- the history of migrations is only read.
SELECT t.tablename, array_agg(r.name ORDER BY r.name)
FROM pg_tables t
CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE')) AS r(name)
WHERE t.schemaname = %(schema)s
  AND NOT (t.tablename IN ('migration_history', 'schema_version') AND r.name <> 'SELECT')
  AND NOT (t.tablename IN ('trade_decisions', 'operator_actions') AND r.name = 'UPDATE')
  AND NOT has_table_privilege(format('%%I.%%I', t.schemaname, t.tablename), r.name)
GROUP BY t.tablename
ORDER BY t.tablename
