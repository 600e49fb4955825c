-- Replaying the log into a second schema, comparing it with the live one, and promoting it. {live} and {replay} stand for
-- the names of the two schemas.

-- name: derived_tables
-- Tables of a schema with their columns, the types of these, and their primary key in order.
SELECT c.relname,
       (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT array_agg(pg_catalog.format_type(a.atttypid, NULL) ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT array_agg(a.attname::text ORDER BY k.place)
        FROM pg_catalog.pg_index i
        CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indrelid = c.oid AND i.indisprimary)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relkind = 'r'
ORDER BY c.relname

-- name: create_state
-- What a replay knows of itself, in its own schema; also the mark by which its schema is told from others.
CREATE TABLE IF NOT EXISTS replay_state (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    live_schema text NOT NULL,
    begun_at    timestamptz NOT NULL DEFAULT now(),
    starts      jsonb NOT NULL DEFAULT '{}',
    lost        jsonb NOT NULL DEFAULT '[]',
    promoted_at timestamptz
);
COMMENT ON TABLE replay_state IS 'This schema was made by a replay: from where in the log its rows are made, and what of it was gone.'

-- name: begin_state
-- The first run into a schema says which one it is a replay of.
INSERT INTO replay_state (live_schema) VALUES (%(live)s) ON CONFLICT (one) DO NOTHING

-- name: read_state
-- Which schema it is a replay of, where its rows begin, and what was lost.
SELECT live_schema, begun_at, starts, lost, promoted_at FROM replay_state

-- name: lock_state
-- Keeps another replay into this schema from taking it, or from noting what was lost, until this transaction ends.
SELECT FROM replay_state FOR UPDATE

-- name: put_state
-- Where its rows begin, and what was lost.
UPDATE replay_state SET starts = %(starts)s, lost = %(lost)s

-- name: schema_facts
-- Whether a schema is there, whether a replay made it, whether it holds primary tables.
SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = %(schema)s),
       EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = %(schema)s AND tablename = 'replay_state'),
       EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = %(schema)s AND tablename = 'trade_decisions')

-- name: shadow_primary
-- What apply's statements read and write of the primary tables, for this session only: accounts and decisions as they
-- stand in the live schema, without a way to write them; discrepancies that take nothing in.
CREATE TEMPORARY VIEW accounts AS SELECT account_id FROM {live}.accounts;
CREATE TEMPORARY VIEW trade_decisions AS
SELECT decision_id, account_id, client_order_id, symbol, side, qty, notional, state, alpaca_order_id, bound_at
FROM {live}.trade_decisions;
CREATE RULE never_written AS ON UPDATE TO pg_temp.trade_decisions DO INSTEAD NOTHING;
CREATE TEMPORARY TABLE discrepancies (LIKE {live}.discrepancies INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING INDEXES);
ALTER TABLE pg_temp.discrepancies ALTER COLUMN discrepancy_id SET DEFAULT 0;
CREATE FUNCTION pg_temp.take_nothing_in() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER take_nothing_in BEFORE INSERT ON pg_temp.discrepancies
    FOR EACH ROW EXECUTE FUNCTION pg_temp.take_nothing_in()

-- name: coverage
-- How far the rows of a group go: the highest offset applied, which a rewind does not lower.
SELECT topic, partition, max_offset, topic_id, next_offset
FROM stream_cursors
WHERE consumer_group = %(group)s

-- name: open_letters
-- Records put aside and not applied since.
SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL

-- name: log_losses
-- What the live schema has noted of a log that was cut or made anew (F5).
SELECT subject, evidence #>> '{{broker,loss}}', max(first_seen_at)
FROM {live}.discrepancies
WHERE type = 'retention_loss'
GROUP BY 1, 2
ORDER BY 1, 2

-- name: late_decision
-- When a decision was written down, and when the live row of the order was written last.
SELECT d.inserted_at, e.recorded_at
FROM {live}.trade_decisions d, {live}.executions e
WHERE d.decision_id::text = %(decision_id)s AND e.alpaca_order_id = %(order_id)s AND e.account_id = %(account_id)s
