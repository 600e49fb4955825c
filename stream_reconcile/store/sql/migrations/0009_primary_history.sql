-- What was believed, or what the broker had said, at a time that is past: the merge of I2 over the history up to then.
-- Tables are read by name at each call, so that a promote, which swaps them, changes nothing here.

CREATE FUNCTION executions_at(as_of timestamptz, basis text DEFAULT 'believed', only_order text DEFAULT NULL)
RETURNS TABLE (
    account_id text, alpaca_order_id text, client_order_id text, symbol text, asset_class text, side text,
    order_type text, order_class text, time_in_force text, extended_hours boolean, position_intent text, qty numeric,
    notional numeric, filled_qty numeric, filled_avg_price numeric, limit_price numeric, stop_price numeric,
    trail_price numeric, trail_percent numeric, status text, created_at timestamptz, submitted_at timestamptz,
    updated_at timestamptz, filled_at timestamptz, canceled_at timestamptz, expired_at timestamptz,
    failed_at timestamptz, replaced_at timestamptz, replaces text, replaced_by text, parent_order_id text,
    updated_at_ns bigint, last_source text, last_topic text, last_partition integer, last_offset bigint,
    known_at timestamptz, recorded_at timestamptz
)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS
$$
WITH seen AS (
    SELECT h.*,
           row_number() OVER by_rank AS place,
           min(h.stated) OVER whole <> max(h.stated) OVER whole
               OR count(h.parent_order_id) OVER whole NOT IN (0, count(*) OVER whole) AS mixed
    FROM order_events h
    WHERE CASE basis WHEN 'said' THEN h.known_at ELSE h.recorded_at END <= as_of
      AND (only_order IS NULL OR h.alpaca_order_id = only_order)
    WINDOW whole AS (PARTITION BY h.alpaca_order_id, h.account_id),
           by_rank AS (PARTITION BY h.alpaca_order_id, h.account_id
                       ORDER BY h.updated_at_ns DESC, coalesce(h.filled_qty, 0) DESC, h.status_rank DESC,
                                h.snapshot_ns DESC, h.topic, h.partition, h."offset", h.event_key)
), fields AS (
    SELECT s.account_id, s.alpaca_order_id,
           (array_agg(s.client_order_id ORDER BY s.place) FILTER (WHERE s.stated >> 19 & 1 = 1))[1] AS client_order_id,
           (array_agg(s.symbol ORDER BY s.place) FILTER (WHERE s.stated >> 20 & 1 = 1))[1] AS symbol,
           (array_agg(s.asset_class ORDER BY s.place) FILTER (WHERE s.stated >> 22 & 1 = 1))[1] AS asset_class,
           (array_agg(s.side ORDER BY s.place) FILTER (WHERE s.stated >> 23 & 1 = 1))[1] AS side,
           (array_agg(s.order_type ORDER BY s.place) FILTER (WHERE s.stated >> 25 & 1 = 1))[1] AS order_type,
           (array_agg(s.order_class ORDER BY s.place) FILTER (WHERE s.stated >> 26 & 1 = 1))[1] AS order_class,
           (array_agg(s.time_in_force ORDER BY s.place) FILTER (WHERE s.stated >> 27 & 1 = 1))[1] AS time_in_force,
           (array_agg(s.extended_hours ORDER BY s.place) FILTER (WHERE s.stated >> 31 & 1 = 1))[1] AS extended_hours,
           (array_agg(s.position_intent ORDER BY s.place) FILTER (WHERE s.stated >> 24 & 1 = 1))[1] AS position_intent,
           (array_agg(s.qty ORDER BY s.place) FILTER (WHERE s.stated >> 0 & 1 = 1))[1] AS qty,
           (array_agg(s.notional ORDER BY s.place) FILTER (WHERE s.stated >> 1 & 1 = 1))[1] AS notional,
           (array_agg(s.filled_qty ORDER BY s.place) FILTER (WHERE s.stated >> 2 & 1 = 1))[1] AS filled_qty,
           (array_agg(s.filled_avg_price ORDER BY s.place) FILTER (WHERE s.stated >> 3 & 1 = 1))[1] AS filled_avg_price,
           (array_agg(s.limit_price ORDER BY s.place) FILTER (WHERE s.stated >> 4 & 1 = 1))[1] AS limit_price,
           (array_agg(s.stop_price ORDER BY s.place) FILTER (WHERE s.stated >> 5 & 1 = 1))[1] AS stop_price,
           (array_agg(s.trail_price ORDER BY s.place) FILTER (WHERE s.stated >> 6 & 1 = 1))[1] AS trail_price,
           (array_agg(s.trail_percent ORDER BY s.place) FILTER (WHERE s.stated >> 7 & 1 = 1))[1] AS trail_percent,
           (array_agg(s.status ORDER BY s.place) FILTER (WHERE s.stated >> 28 & 1 = 1))[1] AS status,
           (array_agg(s.created_at ORDER BY s.place) FILTER (WHERE s.stated >> 9 & 1 = 1))[1] AS created_at,
           (array_agg(s.submitted_at ORDER BY s.place) FILTER (WHERE s.stated >> 11 & 1 = 1))[1] AS submitted_at,
           (array_agg(s.updated_at ORDER BY s.place) FILTER (WHERE s.stated >> 10 & 1 = 1))[1] AS updated_at,
           (array_agg(s.filled_at ORDER BY s.place) FILTER (WHERE s.stated >> 12 & 1 = 1))[1] AS filled_at,
           (array_agg(s.canceled_at ORDER BY s.place) FILTER (WHERE s.stated >> 13 & 1 = 1))[1] AS canceled_at,
           (array_agg(s.expired_at ORDER BY s.place) FILTER (WHERE s.stated >> 14 & 1 = 1))[1] AS expired_at,
           (array_agg(s.failed_at ORDER BY s.place) FILTER (WHERE s.stated >> 15 & 1 = 1))[1] AS failed_at,
           (array_agg(s.replaced_at ORDER BY s.place) FILTER (WHERE s.stated >> 16 & 1 = 1))[1] AS replaced_at,
           (array_agg(s.replaces ORDER BY s.place) FILTER (WHERE s.stated >> 29 & 1 = 1))[1] AS replaces,
           (array_agg(s.replaced_by ORDER BY s.place) FILTER (WHERE s.stated >> 30 & 1 = 1))[1] AS replaced_by,
           (array_agg(s.parent_order_id ORDER BY s.updated_at_ns DESC, s.parent_order_id DESC)
               FILTER (WHERE s.parent_order_id IS NOT NULL))[1] AS parent_order_id
    FROM seen s
    WHERE s.mixed
    GROUP BY s.account_id, s.alpaca_order_id
)
SELECT w.account_id, w.alpaca_order_id,
       w.client_order_id, w.symbol, w.asset_class, w.side, w.order_type, w.order_class, w.time_in_force,
       w.extended_hours, w.position_intent, w.qty, w.notional, w.filled_qty, w.filled_avg_price, w.limit_price,
       w.stop_price, w.trail_price, w.trail_percent, w.status, w.created_at, w.submitted_at, w.updated_at,
       w.filled_at, w.canceled_at, w.expired_at, w.failed_at, w.replaced_at, w.replaces, w.replaced_by,
       w.parent_order_id, w.updated_at_ns, w.source, w.topic, w.partition, w."offset", w.known_at, w.recorded_at
FROM seen w
WHERE w.place = 1 AND NOT w.mixed
UNION ALL
SELECT w.account_id, w.alpaca_order_id,
       f.client_order_id, f.symbol, f.asset_class, f.side, f.order_type, f.order_class, f.time_in_force,
       f.extended_hours, f.position_intent, f.qty, f.notional, f.filled_qty, f.filled_avg_price, f.limit_price,
       f.stop_price, f.trail_price, f.trail_percent, f.status, f.created_at, f.submitted_at, f.updated_at,
       f.filled_at, f.canceled_at, f.expired_at, f.failed_at, f.replaced_at, f.replaces, f.replaced_by,
       f.parent_order_id, w.updated_at_ns, w.source, w.topic, w.partition, w."offset", w.known_at, w.recorded_at
FROM seen w
JOIN fields f ON f.alpaca_order_id = w.alpaca_order_id AND f.account_id = w.account_id
WHERE w.place = 1
$$;
COMMENT ON FUNCTION executions_at IS
    'Rows of executions as they stood at a time: basis believed (committed here by then) or said (in the log by then). Of one order, or of all.';
