-- What the broker said and what its books hold, beside the tables that are to be compared with it. Types are those of
-- our tables, so that Postgres reads a number or a time here as it does there.

-- name: create
-- The broker's books, and `stated`: what each record of the log says of executions (`said`, of orders, is made in code).
CREATE SCHEMA ground_truth;
CREATE TABLE ground_truth.orders (
    position bigint NOT NULL, alpaca_order_id text COLLATE "C" NOT NULL, qty numeric, filled_qty numeric, body text NOT NULL
);
CREATE TABLE ground_truth.executions (order_position bigint NOT NULL, number integer NOT NULL, body text NOT NULL);
CREATE UNLOGGED TABLE ground_truth.stated (
    kind text COLLATE "C" NOT NULL, alpaca_order_id text COLLATE "C" NOT NULL, evidence_id text COLLATE "C" NOT NULL,
    previous_id text COLLATE "C", at timestamptz NOT NULL, account_id text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL, partition integer NOT NULL, "offset" bigint NOT NULL
)

-- name: finish
-- What came twice counts at its first place in the log; then the ways in for the comparison.
CREATE TABLE ground_truth.events AS
SELECT DISTINCT ON (alpaca_order_id, identity) * FROM ground_truth.said
ORDER BY alpaca_order_id, identity, topic, partition, "offset";
ALTER TABLE ground_truth.events ADD PRIMARY KEY (alpaca_order_id, partition, "offset");
CREATE TABLE ground_truth.evidence AS
SELECT DISTINCT ON (alpaca_order_id, kind, evidence_id) * FROM ground_truth.stated
ORDER BY alpaca_order_id, kind, evidence_id, topic, partition, "offset";
CREATE TABLE ground_truth.fill_places AS
SELECT 'x:' || evidence_id AS fill_key, alpaca_order_id, at, topic, partition, "offset"
FROM ground_truth.evidence WHERE kind <> 'bust'
UNION ALL
SELECT 'r:' || previous_id, alpaca_order_id, at, topic, partition, "offset"
FROM ground_truth.evidence WHERE kind IN ('bust', 'correction');
ALTER TABLE ground_truth.fill_places ADD PRIMARY KEY (fill_key);
ALTER TABLE ground_truth.orders ADD PRIMARY KEY (position);
ALTER TABLE ground_truth.executions ADD PRIMARY KEY (order_position, number);
CREATE INDEX ON ground_truth.orders (alpaca_order_id);
DROP TABLE ground_truth.said, ground_truth.stated;
ANALYZE ground_truth.events, ground_truth.evidence, ground_truth.fill_places, ground_truth.orders

-- name: counts
-- How many orders, distinct frames and executions the broker has told of.
SELECT (SELECT count(*) FROM ground_truth.orders) AS orders,
       (SELECT count(*) FROM ground_truth.events WHERE event <> 'leg') AS frames,
       (SELECT count(*) FROM ground_truth.events) AS events

-- name: orders
-- Every order as REST gives it.
SELECT body FROM ground_truth.orders ORDER BY position

-- name: executions
-- Every execution, in the order of the orders.
SELECT body FROM ground_truth.executions ORDER BY order_position, number
