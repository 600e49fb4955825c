-- Rights in a schema that holds derived tables: the live one, or one that a replay fills.
GRANT USAGE ON SCHEMA {schema} TO {writer}, {reader};

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {writer};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {writer};
REVOKE INSERT, UPDATE, DELETE ON {schema}.schema_version, {schema}.migration_history FROM {writer};

GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {reader};

-- Raw bytes of the broker are for the writer's logins only.
REVOKE SELECT ON {schema}.dead_letters FROM {reader};
GRANT SELECT (topic_id, topic, partition, "offset", kafka_timestamp, account_id, order_id, reason, error, recorded_at,
              retries, retried_at, retry_result, resolved_at)
    ON {schema}.dead_letters TO {reader};
