-- Group roles, without login: grant them to the logins of your programs. They belong to the whole cluster, so another
-- database may make them at the same moment.
DO $$ BEGIN CREATE ROLE "reconcile_migrator" NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE "reconcile_writer"   NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE "reconcile_reader"   NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE "reconcile_intent"   NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

-- Name: reconcile; Type: SCHEMA; Schema: -; Owner: reconcile_migrator
CREATE SCHEMA reconcile;


ALTER SCHEMA reconcile OWNER TO reconcile_migrator;

-- Name: advance_cursors(text, text, text[], integer[], bigint[], bigint[], text[], bigint[], integer[], timestamp with time zone[]); Type: FUNCTION; Schema: reconcile; Owner: reconcile_migrator
CREATE FUNCTION reconcile.advance_cursors(of_group text, by_owner text, topics text[], partitions integer[], expected bigint[], epochs bigint[], topic_ids text[], next_offsets bigint[], leader_epochs integer[], record_times timestamp with time zone[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM unnest(topics, partitions, expected, epochs, topic_ids, next_offsets, leader_epochs, record_times)
            AS w(topic, partition, expected, epoch, topic_id, next_offset, leader_epoch, record_time)
        ORDER BY w.topic COLLATE "C", w.partition
    LOOP
        UPDATE stream_cursors c
        SET next_offset = wanted.next_offset,
            max_offset = greatest(c.max_offset, wanted.next_offset),
            leader_epoch = coalesce(wanted.leader_epoch, c.leader_epoch),
            last_record_at = coalesce(wanted.record_time, c.last_record_at)
        WHERE c.consumer_group = of_group AND c.topic = wanted.topic AND c.partition = wanted.partition
          AND c.next_offset = wanted.expected AND c.owner = by_owner AND c.epoch = wanted.epoch
          AND c.topic_id = wanted.topic_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'SR001',
                MESSAGE = format('cursor of %s:%s is not at offset %s under epoch %s of this owner',
                                 wanted.topic, wanted.partition, wanted.expected, wanted.epoch);
        END IF;
    END LOOP;
END
$$;


ALTER FUNCTION reconcile.advance_cursors(of_group text, by_owner text, topics text[], partitions integer[], expected bigint[], epochs bigint[], topic_ids text[], next_offsets bigint[], leader_epochs integer[], record_times timestamp with time zone[]) OWNER TO reconcile_migrator;

-- Name: FUNCTION advance_cursors(of_group text, by_owner text, topics text[], partitions integer[], expected bigint[], epochs bigint[], topic_ids text[], next_offsets bigint[], leader_epochs integer[], record_times timestamp with time zone[]); Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON FUNCTION reconcile.advance_cursors(of_group text, by_owner text, topics text[], partitions integer[], expected bigint[], epochs bigint[], topic_ids text[], next_offsets bigint[], leader_epochs integer[], record_times timestamp with time zone[]) IS 'Moves cursors from the expected offsets to the next ones, or raises SR001 and moves none (I4).';


-- Name: blocks_proof(text); Type: FUNCTION; Schema: reconcile; Owner: reconcile_migrator
CREATE FUNCTION reconcile.blocks_proof(type text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (type = ANY (ARRAY['ambiguous_submit'::text, 'duplicate_client_id'::text, 'missing_fill'::text, 'unexplained_fill'::text, 'conflicting_fill'::text, 'excess_fill'::text, 'missed_terminal'::text, 'missing_at_broker'::text, 'broken_replace_chain'::text, 'missing_leg'::text, 'position_drift'::text, 'stream_gap'::text, 'undecodable'::text, 'cursor_mismatch'::text, 'retention_loss'::text, 'wrong_account'::text]));


ALTER FUNCTION reconcile.blocks_proof(type text) OWNER TO reconcile_migrator;

-- Name: FUNCTION blocks_proof(type text); Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON FUNCTION reconcile.blocks_proof(type text) IS 'Whether an open discrepancy of this type blocks the proof of equality.';


-- Name: executions_at(timestamp with time zone, text, text); Type: FUNCTION; Schema: reconcile; Owner: reconcile_migrator
CREATE FUNCTION reconcile.executions_at(as_of timestamp with time zone, basis text DEFAULT 'believed'::text, only_order text DEFAULT NULL::text) RETURNS TABLE(account_id text, alpaca_order_id text, client_order_id text, symbol text, asset_class text, side text, order_type text, order_class text, time_in_force text, extended_hours boolean, position_intent text, qty numeric, notional numeric, filled_qty numeric, filled_avg_price numeric, limit_price numeric, stop_price numeric, trail_price numeric, trail_percent numeric, status text, created_at timestamp with time zone, submitted_at timestamp with time zone, updated_at timestamp with time zone, filled_at timestamp with time zone, canceled_at timestamp with time zone, expired_at timestamp with time zone, failed_at timestamp with time zone, replaced_at timestamp with time zone, replaces text, replaced_by text, parent_order_id text, updated_at_ns bigint, last_source text, last_topic text, last_partition integer, last_offset bigint, known_at timestamp with time zone, recorded_at timestamp with time zone)
    LANGUAGE sql STABLE
    SET search_path TO 'reconcile'
    AS $$
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


ALTER FUNCTION reconcile.executions_at(as_of timestamp with time zone, basis text, only_order text) OWNER TO reconcile_migrator;

-- Name: FUNCTION executions_at(as_of timestamp with time zone, basis text, only_order text); Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON FUNCTION reconcile.executions_at(as_of timestamp with time zone, basis text, only_order text) IS 'Rows of executions as they stood at a time: basis believed (committed here by then) or said (in the log by then). Of one order, or of all.';


-- Name: fresh_within(text, interval, text); Type: FUNCTION; Schema: reconcile; Owner: reconcile_migrator
CREATE FUNCTION reconcile.fresh_within(order_id text, within interval, account text DEFAULT NULL::text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'reconcile'
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM executions e
        WHERE e.alpaca_order_id = order_id AND (account IS NULL OR e.account_id = account)
          AND NOT EXISTS (
              SELECT FROM discrepancies d
              WHERE d.account_id = e.account_id AND d.state = 'open' AND blocks_proof(d.type)
                AND (d.subject IN (e.alpaca_order_id, e.client_order_id, e.symbol)
                     OR d.type IN ('undecodable', 'cursor_mismatch', 'retention_loss', 'wrong_account')))
          AND (EXISTS (SELECT FROM order_checks c
                       WHERE c.account_id = e.account_id AND c.id_kind = 'order' AND c.id = e.alpaca_order_id
                         AND c.absences = 0 AND c.checked_at >= clock_timestamp() - within)
               OR EXISTS (SELECT FROM sweeps s
                          WHERE s.account_id = e.account_id AND s.proven_equal_at >= clock_timestamp() - within
                            AND e.submitted_at > s.window_start)));
END
$$;


ALTER FUNCTION reconcile.fresh_within(order_id text, within interval, account text) OWNER TO reconcile_migrator;

-- Name: FUNCTION fresh_within(order_id text, within interval, account text); Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON FUNCTION reconcile.fresh_within(order_id text, within interval, account text) IS 'Whether a sweep that began within this interval has read the order at the broker and found its row equal or newer, and nothing about it is in doubt.';


-- Name: trade_decisions_guard_row(); Type: FUNCTION; Schema: reconcile; Owner: reconcile_migrator
CREATE FUNCTION reconcile.trade_decisions_guard_row() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.inserted_by <> session_user
           AND NOT has_column_privilege(current_user, TG_RELID, 'state', 'UPDATE') THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('decision %s was inserted by another login', OLD.decision_id),
                HINT = 'Only the login that inserted a decision may set its submitted_at and submit_result.';
        END IF;
        IF (OLD.submitted_at IS NOT NULL AND NEW.submitted_at IS DISTINCT FROM OLD.submitted_at)
           OR (OLD.submit_result IS NOT NULL AND NEW.submit_result IS DISTINCT FROM OLD.submit_result) THEN
            RAISE object_not_in_prerequisite_state USING
                MESSAGE = format('submitted_at and submit_result of decision %s are set once', OLD.decision_id),
                HINT = 'Read what stands there; a new attempt is a new decision.';
        END IF;
    END IF;
    IF NEW.state = 'planned' AND NEW.submitted_at IS NOT NULL THEN
        NEW.state := 'submitted';
    END IF;
    RETURN NEW;
END
$$;


ALTER FUNCTION reconcile.trade_decisions_guard_row() OWNER TO reconcile_migrator;

-- Name: FUNCTION trade_decisions_guard_row(); Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON FUNCTION reconcile.trade_decisions_guard_row() IS 'A loop changes only rows of its own login, submission is set once, and a submitted plan becomes submitted.';


-- Name: trade_decisions_guard_statement(); Type: FUNCTION; Schema: reconcile; Owner: reconcile_migrator
CREATE FUNCTION reconcile.trade_decisions_guard_statement() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF (SELECT count(*) FROM changed) > 1
       AND NOT has_column_privilege(current_user, TG_RELID, 'state', 'UPDATE') THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'an update of trade_decisions may change one row only',
            HINT = 'Name the decision_id in the WHERE clause.';
    END IF;
    RETURN NULL;
END
$$;


ALTER FUNCTION reconcile.trade_decisions_guard_statement() OWNER TO reconcile_migrator;

-- Name: FUNCTION trade_decisions_guard_statement(); Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON FUNCTION reconcile.trade_decisions_guard_statement() IS 'A loop changes one row a statement: a forgotten WHERE changes nothing.';


-- Name: why(text, text); Type: FUNCTION; Schema: reconcile; Owner: reconcile_migrator
CREATE FUNCTION reconcile.why(order_id text, account text DEFAULT NULL::text) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO 'reconcile'
    AS $$
DECLARE
    answer jsonb;
BEGIN
    SELECT jsonb_build_object(
        'account_id', e.account_id,
        'order_id', e.alpaca_order_id,
        'symbol', e.symbol,
        'status', e.status,
        'filled_qty', e.filled_qty,
        'updated_at', e.updated_at,
        'version_ns', e.updated_at_ns,
        'recorded_at', e.recorded_at,
        'made_by', (
            SELECT jsonb_build_object(
                'source', e.last_source, 'topic', e.last_topic, 'partition', e.last_partition, 'offset', e.last_offset,
                'event', max(v.event), 'event_at', max(v.event_at), 'known_at', max(v.known_at),
                'recorded_at', max(v.recorded_at), 'merged_with_others', e.mixed)
            FROM order_events v
            WHERE v.alpaca_order_id = e.alpaca_order_id AND v.account_id = e.account_id
              AND v.topic = e.last_topic AND v.partition = e.last_partition AND v."offset" = e.last_offset
        ),
        'observations', (
            SELECT jsonb_build_object(
                'count', count(*),
                'from_stream', count(*) FILTER (WHERE v.source = 'stream'),
                'from_sweep', count(*) FILTER (WHERE v.source = 'sweep'),
                'first_known_at', min(v.known_at), 'last_known_at', max(v.known_at))
            FROM order_events v
            WHERE v.alpaca_order_id = e.alpaca_order_id AND v.account_id = e.account_id
        ),
        'decision', (
            SELECT jsonb_build_object(
                'decision_id', d.decision_id, 'client_order_id', d.client_order_id, 'state', d.state,
                'decided_at', d.decided_at, 'submitted_at', d.submitted_at, 'bound_at', d.bound_at)
            FROM trade_decisions d
            WHERE d.decision_id = e.decision_id
        ),
        'origin', e.origin,
        'fills', (
            SELECT jsonb_build_object(
                'net_qty', coalesce(sum(f.qty), 0),
                'adds_up', coalesce(sum(f.qty), 0) = coalesce(e.filled_qty, 0),
                'rows', coalesce(jsonb_agg(jsonb_build_object(
                    'fill_key', f.fill_key, 'entry', f.entry, 'qty', f.qty, 'price', f.price,
                    'transacted_at', f.transacted_at, 'source', f.source, 'topic', f.topic, 'partition', f.partition,
                    'offset', f."offset") ORDER BY f.transacted_at, f.fill_key), '[]'))
            FROM fills f
            WHERE f.alpaca_order_id = e.alpaca_order_id AND f.account_id = e.account_id
        ),
        'open_discrepancies', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('type', d.type, 'first_seen_at', d.first_seen_at)
                                      ORDER BY d.first_seen_at, d.type), '[]')
            FROM discrepancies d
            WHERE d.account_id = e.account_id AND d.subject = e.alpaca_order_id AND d.state = 'open'
        )
    ) INTO STRICT answer
    FROM executions e
    WHERE e.alpaca_order_id = order_id AND (account IS NULL OR e.account_id = account);
    RETURN answer;
EXCEPTION
    WHEN no_data_found THEN
        RETURN NULL;
    WHEN too_many_rows THEN
        RAISE cardinality_violation USING
            MESSAGE = format('order %s stands in several accounts: name one', order_id);
END
$$;


ALTER FUNCTION reconcile.why(order_id text, account text) OWNER TO reconcile_migrator;

-- Name: FUNCTION why(order_id text, account text); Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON FUNCTION reconcile.why(order_id text, account text) IS 'Which observation made the row of an order, from which record of the log; null where there is no such row.';


SET default_tablespace = '';

SET default_table_access_method = heap;

-- Name: account_snapshots; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.account_snapshots (
    account_id text NOT NULL COLLATE pg_catalog."C",
    as_of timestamp with time zone NOT NULL,
    status text COLLATE pg_catalog."C",
    currency text COLLATE pg_catalog."C",
    equity numeric,
    last_equity numeric,
    cash numeric,
    buying_power numeric,
    regt_buying_power numeric,
    daytrading_buying_power numeric,
    options_buying_power numeric,
    long_market_value numeric,
    short_market_value numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    multiplier numeric,
    pattern_day_trader boolean,
    trading_blocked boolean,
    transfers_blocked boolean,
    account_blocked boolean,
    trade_suspended_by_user boolean,
    shorting_enabled boolean,
    source text NOT NULL COLLATE pg_catalog."C",
    topic text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    known_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE reconcile.account_snapshots OWNER TO reconcile_migrator;

-- Name: TABLE account_snapshots; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.account_snapshots IS 'Each reading of GET /v2/account.';


-- Name: COLUMN account_snapshots.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.account_id IS 'Account at the broker.';


-- Name: COLUMN account_snapshots.as_of; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.as_of IS 'When the broker''s answer was received, to the millisecond.';


-- Name: COLUMN account_snapshots.status; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.status IS 'Status of the account: ACTIVE or another.';


-- Name: COLUMN account_snapshots.currency; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.currency IS 'Currency of all amounts.';


-- Name: COLUMN account_snapshots.equity; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.equity IS 'Cash and the value of all positions.';


-- Name: COLUMN account_snapshots.last_equity; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.last_equity IS 'Equity at the end of the trading day before.';


-- Name: COLUMN account_snapshots.cash; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.cash IS 'Cash.';


-- Name: COLUMN account_snapshots.buying_power; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.buying_power IS 'Buying power.';


-- Name: COLUMN account_snapshots.regt_buying_power; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.regt_buying_power IS 'Buying power under Regulation T.';


-- Name: COLUMN account_snapshots.daytrading_buying_power; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.daytrading_buying_power IS 'Buying power for day trades.';


-- Name: COLUMN account_snapshots.options_buying_power; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.options_buying_power IS 'Buying power for options.';


-- Name: COLUMN account_snapshots.long_market_value; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.long_market_value IS 'Value of the long positions.';


-- Name: COLUMN account_snapshots.short_market_value; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.short_market_value IS 'Value of the short positions, negative.';


-- Name: COLUMN account_snapshots.initial_margin; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.initial_margin IS 'Initial margin requirement.';


-- Name: COLUMN account_snapshots.maintenance_margin; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.maintenance_margin IS 'Maintenance margin requirement.';


-- Name: COLUMN account_snapshots.multiplier; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.multiplier IS 'Buying power multiplier.';


-- Name: COLUMN account_snapshots.pattern_day_trader; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.pattern_day_trader IS 'Whether the account counts as a pattern day trader''s.';


-- Name: COLUMN account_snapshots.trading_blocked; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.trading_blocked IS 'Whether the account may not trade.';


-- Name: COLUMN account_snapshots.transfers_blocked; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.transfers_blocked IS 'Whether the account may not transfer money.';


-- Name: COLUMN account_snapshots.account_blocked; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.account_blocked IS 'Whether all activity is prohibited.';


-- Name: COLUMN account_snapshots.trade_suspended_by_user; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.trade_suspended_by_user IS 'Whether its owner suspended trading.';


-- Name: COLUMN account_snapshots.shorting_enabled; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.shorting_enabled IS 'Whether it may sell short.';


-- Name: COLUMN account_snapshots.source; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.source IS 'sweep.';


-- Name: COLUMN account_snapshots.topic; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.topic IS 'Topic of the record that states this.';


-- Name: COLUMN account_snapshots.partition; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.partition IS 'Partition of that record.';


-- Name: COLUMN account_snapshots."offset"; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots."offset" IS 'Offset of that record.';


-- Name: COLUMN account_snapshots.known_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.known_at IS 'Kafka timestamp of that record.';


-- Name: COLUMN account_snapshots.recorded_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.account_snapshots.recorded_at IS 'When it was first committed, database time.';


-- Name: accounts; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.accounts (
    account_id text NOT NULL COLLATE pg_catalog."C",
    key_fingerprint text NOT NULL COLLATE pg_catalog."C",
    pinned_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT accounts_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT accounts_key_fingerprint_check CHECK ((key_fingerprint <> ''::text))
);


ALTER TABLE reconcile.accounts OWNER TO reconcile_migrator;

-- Name: TABLE accounts; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.accounts IS 'Accounts that this installation is pinned to; nothing is published or applied for any other (F6).';


-- Name: COLUMN accounts.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.accounts.account_id IS 'Account id as the broker gives it.';


-- Name: COLUMN accounts.key_fingerprint; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.accounts.key_fingerprint IS 'Fingerprint of the newest API key seen with this account, never the key.';


-- Name: COLUMN accounts.pinned_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.accounts.pinned_at IS 'When the account was first read from the broker and pinned, database time.';


-- Name: discrepancies; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.discrepancies (
    discrepancy_id bigint NOT NULL,
    account_id text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    state text DEFAULT 'open'::text NOT NULL COLLATE pg_catalog."C",
    evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
    evidence_hash bigint GENERATED ALWAYS AS (jsonb_hash_extended(evidence, (0)::bigint)) STORED,
    first_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    resolved_at timestamp with time zone,
    resolution text,
    resolved_by text,
    CONSTRAINT discrepancies_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT discrepancies_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT discrepancies_resolved_check CHECK (((state = 'open'::text) = (resolved_at IS NULL))),
    CONSTRAINT discrepancies_state_check CHECK ((state = ANY (ARRAY['open'::text, 'resolved'::text, 'accepted'::text]))),
    CONSTRAINT discrepancies_subject_check CHECK ((subject <> ''::text)),
    CONSTRAINT discrepancies_type_check CHECK ((type <> ''::text))
);


ALTER TABLE reconcile.discrepancies OWNER TO reconcile_migrator;

-- Name: TABLE discrepancies; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.discrepancies IS 'Differences ever found between the broker and the rows; never deleted.';


-- Name: COLUMN discrepancies.discrepancy_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.discrepancy_id IS 'Our id.';


-- Name: COLUMN discrepancies.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.account_id IS 'Account it was found in.';


-- Name: COLUMN discrepancies.type; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.type IS 'Name of the kind of difference (missing_fill, excess_fill, …).';


-- Name: COLUMN discrepancies.subject; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.subject IS 'What differs: order id, client order id, symbol, gap, topic:partition[:offset], sweep kind, account or job.';


-- Name: COLUMN discrepancies.state; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.state IS 'open, resolved (the sides agree again) or accepted (by a person); at most one open row per account, type and subject.';


-- Name: COLUMN discrepancies.evidence; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.evidence IS 'Both sides as found: {"broker": …, "ours": …}; never a raw payload.';


-- Name: COLUMN discrepancies.evidence_hash; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.evidence_hash IS 'Hash of evidence, to find a row that holds the same evidence, whatever its state.';


-- Name: COLUMN discrepancies.first_seen_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.first_seen_at IS 'When it was first found, database time.';


-- Name: COLUMN discrepancies.last_seen_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.last_seen_at IS 'When it was last found, database time.';


-- Name: COLUMN discrepancies.attempts; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.attempts IS 'Attempts made to resolve it.';


-- Name: COLUMN discrepancies.resolved_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.resolved_at IS 'When it was resolved or accepted, database time; null while open.';


-- Name: COLUMN discrepancies.resolution; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.resolution IS 'How it was resolved, or why it was accepted.';


-- Name: COLUMN discrepancies.resolved_by; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.discrepancies.resolved_by IS 'Job or person.';


-- Name: sweeps; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.sweeps (
    sweep_id uuid DEFAULT gen_random_uuid() NOT NULL,
    account_id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    owner text NOT NULL COLLATE pg_catalog."C",
    lease_epoch bigint NOT NULL,
    window_start timestamp with time zone NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    complete boolean DEFAULT false NOT NULL,
    proven_equal_at timestamp with time zone,
    requests integer DEFAULT 0 NOT NULL,
    pages integer DEFAULT 0 NOT NULL,
    orders integer DEFAULT 0 NOT NULL,
    activities integer DEFAULT 0 NOT NULL,
    published integer DEFAULT 0 NOT NULL,
    unchecked integer DEFAULT 0 NOT NULL,
    resume_before timestamp with time zone,
    error text,
    CONSTRAINT sweeps_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT sweeps_activities_check CHECK ((activities >= 0)),
    CONSTRAINT sweeps_kind_check CHECK ((kind = ANY (ARRAY['hot'::text, 'gap'::text, 'deep'::text, 'full'::text]))),
    CONSTRAINT sweeps_orders_check CHECK ((orders >= 0)),
    CONSTRAINT sweeps_owner_check CHECK ((owner <> ''::text)),
    CONSTRAINT sweeps_pages_check CHECK ((pages >= 0)),
    CONSTRAINT sweeps_proof_check CHECK (((proven_equal_at IS NULL) OR complete)),
    CONSTRAINT sweeps_published_check CHECK ((published >= 0)),
    CONSTRAINT sweeps_requests_check CHECK ((requests >= 0)),
    CONSTRAINT sweeps_unchecked_check CHECK ((unchecked >= 0))
);


ALTER TABLE reconcile.sweeps OWNER TO reconcile_migrator;

-- Name: TABLE sweeps; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.sweeps IS 'Runs of the sweep: what each read of the broker, and whether it proved the rows equal.';


-- Name: COLUMN sweeps.sweep_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.sweep_id IS 'Our id of the run; stream_id of its Kafka records.';


-- Name: COLUMN sweeps.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.account_id IS 'Account that was read.';


-- Name: COLUMN sweeps.kind; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.kind IS 'hot, gap, deep or full.';


-- Name: COLUMN sweeps.owner; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.owner IS 'Process that ran it, as in leases.';


-- Name: COLUMN sweeps.lease_epoch; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.lease_epoch IS 'Epoch of the sweep lease under which it began; every write of the run is refused under another.';


-- Name: COLUMN sweeps.window_start; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.window_start IS 'All orders submitted after this time were to be read, besides those that are open; 1970-01-01 means all there are.';


-- Name: COLUMN sweeps.started_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.started_at IS 'When it began to read, database time; of a full sweep that was resumed, when its first part did.';


-- Name: COLUMN sweeps.finished_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.finished_at IS 'When it ended, database time; null while it runs or if the process died.';


-- Name: COLUMN sweeps.complete; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.complete IS 'Whether all that it had to read was read; an incomplete one adds facts and infers nothing.';


-- Name: COLUMN sweeps.proven_equal_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.proven_equal_at IS 'started_at, once every observation that was read is dominated by its row and nothing that blocks the proof was open; else null.';


-- Name: COLUMN sweeps.requests; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.requests IS 'HTTP requests, those tried again included.';


-- Name: COLUMN sweeps.pages; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.pages IS 'Pages of lists.';


-- Name: COLUMN sweeps.orders; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.orders IS 'Orders read, legs not counted.';


-- Name: COLUMN sweeps.activities; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.activities IS 'Account activities read.';


-- Name: COLUMN sweeps.published; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.published IS 'Records published, for apply to bring into the tables.';


-- Name: COLUMN sweeps.unchecked; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.unchecked IS 'Orders, open by our rows and in no list, that the budget left no room to ask for by id.';


-- Name: COLUMN sweeps.resume_before; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.resume_before IS 'Of a full sweep: all orders submitted after this time are examined; where it goes on.';


-- Name: COLUMN sweeps.error; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.sweeps.error IS 'Why it is not complete or proves nothing, in words.';


-- Name: agreement; Type: VIEW; Schema: reconcile; Owner: reconcile_migrator
CREATE VIEW reconcile.agreement AS
 SELECT a.account_id,
    s.scope,
    ( SELECT max(p.proven_equal_at) AS max
           FROM reconcile.sweeps p
          WHERE ((p.account_id = a.account_id) AND (p.proven_equal_at IS NOT NULL) AND (p.kind = ANY (s.kinds)))) AS proven_equal_at,
    ARRAY( SELECT ((d.type || ' '::text) || d.subject)
           FROM reconcile.discrepancies d
          WHERE ((d.account_id = a.account_id) AND (d.state = 'open'::text) AND reconcile.blocks_proof(d.type))
          ORDER BY d.first_seen_at, d.discrepancy_id
         LIMIT 100) AS blocked_by
   FROM (reconcile.accounts a
     CROSS JOIN ( VALUES ('hot'::text,ARRAY['hot'::text, 'gap'::text, 'deep'::text, 'full'::text]), ('deep'::text,ARRAY['deep'::text, 'full'::text]), ('full'::text,ARRAY['full'::text])) s(scope, kinds));


ALTER VIEW reconcile.agreement OWNER TO reconcile_migrator;

-- Name: VIEW agreement; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON VIEW reconcile.agreement IS 'Until when the rows are proven equal to the broker, by account and scope.';


-- Name: COLUMN agreement.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.agreement.account_id IS 'Account.';


-- Name: COLUMN agreement.scope; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.agreement.scope IS 'hot: open orders and those submitted lately; deep: those of the last days too; full: all there are. A wider proof proves the narrower.';


-- Name: COLUMN agreement.proven_equal_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.agreement.proven_equal_at IS 'Begin of the newest sweep that proved it, database time; null if none did.';


-- Name: COLUMN agreement.blocked_by; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.agreement.blocked_by IS 'Type and subject of what is open and blocks a newer proof, oldest first, at most 100.';


-- Name: dead_letters; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.dead_letters (
    topic_id text NOT NULL COLLATE pg_catalog."C",
    topic text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    key bytea,
    payload bytea,
    kafka_timestamp timestamp with time zone,
    account_id text NOT NULL COLLATE pg_catalog."C",
    order_id text COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    error text NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    retries integer DEFAULT 0 NOT NULL,
    retried_at timestamp with time zone,
    retry_result text,
    resolved_at timestamp with time zone
);


ALTER TABLE reconcile.dead_letters OWNER TO reconcile_migrator;

-- Name: TABLE dead_letters; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.dead_letters IS 'Records that could not be applied, with their bytes; written in the transaction that passes them (I8).';


-- Name: COLUMN dead_letters.topic_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.topic_id IS 'Kafka''s id of the topic.';


-- Name: COLUMN dead_letters.topic; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.topic IS 'Topic.';


-- Name: COLUMN dead_letters.partition; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.partition IS 'Partition.';


-- Name: COLUMN dead_letters."offset"; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters."offset" IS 'Offset.';


-- Name: COLUMN dead_letters.key; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.key IS 'The record''s key.';


-- Name: COLUMN dead_letters.payload; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.payload IS 'The record''s value, byte for byte.';


-- Name: COLUMN dead_letters.kafka_timestamp; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.kafka_timestamp IS 'The record''s Kafka timestamp.';


-- Name: COLUMN dead_letters.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.account_id IS 'Account, where it can be read; else unknown.';


-- Name: COLUMN dead_letters.order_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.order_id IS 'Broker order id, where it can be read.';


-- Name: COLUMN dead_letters.reason; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.reason IS 'Short code of what is wrong, as in the metric.';


-- Name: COLUMN dead_letters.error; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.error IS 'What is wrong, without the payload.';


-- Name: COLUMN dead_letters.recorded_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.recorded_at IS 'When it was put aside, database time.';


-- Name: COLUMN dead_letters.retries; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.retries IS 'How often it was retried.';


-- Name: COLUMN dead_letters.retried_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.retried_at IS 'When it was last retried, database time; null if never.';


-- Name: COLUMN dead_letters.retry_result; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.retry_result IS 'What the last retry gave.';


-- Name: COLUMN dead_letters.resolved_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.dead_letters.resolved_at IS 'When a retry or a re-read applied it, database time; null while open.';


-- Name: decision_copies; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.decision_copies (
    topic text NOT NULL COLLATE pg_catalog."C",
    topic_id text NOT NULL COLLATE pg_catalog."C",
    next_offsets bigint[] NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    decision_id uuid NOT NULL
);


ALTER TABLE reconcile.decision_copies OWNER TO reconcile_migrator;

-- Name: TABLE decision_copies; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.decision_copies IS 'How far decisions are copied to the topic trade-decisions, and how much of that topic this database has seen.';


-- Name: COLUMN decision_copies.topic; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.decision_copies.topic IS 'The topic.';


-- Name: COLUMN decision_copies.topic_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.decision_copies.topic_id IS 'Kafka''s id of the topic; under another id all is copied again.';


-- Name: COLUMN decision_copies.next_offsets; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.decision_copies.next_offsets IS 'Of each partition, from 0: records before it are ours, or were taken back into trade_decisions. Behind the log''s end at start: the database was restored.';


-- Name: COLUMN decision_copies.changed_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.decision_copies.changed_at IS 'Time of the last change that was copied, database time.';


-- Name: COLUMN decision_copies.decision_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.decision_copies.decision_id IS 'That decision.';


-- Name: discrepancies_discrepancy_id_seq; Type: SEQUENCE; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE reconcile.discrepancies ALTER COLUMN discrepancy_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME reconcile.discrepancies_discrepancy_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


-- Name: executions; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.executions (
    account_id text NOT NULL COLLATE pg_catalog."C",
    alpaca_order_id text NOT NULL COLLATE pg_catalog."C",
    client_order_id text COLLATE pg_catalog."C",
    symbol text COLLATE pg_catalog."C",
    asset_id text COLLATE pg_catalog."C",
    asset_class text COLLATE pg_catalog."C",
    side text COLLATE pg_catalog."C",
    order_type text COLLATE pg_catalog."C",
    order_class text COLLATE pg_catalog."C",
    time_in_force text COLLATE pg_catalog."C",
    extended_hours boolean,
    position_intent text COLLATE pg_catalog."C",
    qty numeric,
    notional numeric,
    filled_qty numeric,
    filled_avg_price numeric,
    limit_price numeric,
    stop_price numeric,
    trail_price numeric,
    trail_percent numeric,
    hwm numeric,
    status text COLLATE pg_catalog."C",
    created_at timestamp with time zone,
    submitted_at timestamp with time zone,
    updated_at timestamp with time zone,
    updated_at_ns bigint NOT NULL,
    filled_at timestamp with time zone,
    canceled_at timestamp with time zone,
    expired_at timestamp with time zone,
    failed_at timestamp with time zone,
    replaced_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    expires_at timestamp with time zone,
    replaces text COLLATE pg_catalog."C",
    replaced_by text COLLATE pg_catalog."C",
    parent_order_id text COLLATE pg_catalog."C",
    ratio_qty numeric,
    parent_version_ns bigint,
    decision_id uuid,
    origin text DEFAULT 'external'::text NOT NULL COLLATE pg_catalog."C",
    status_rank smallint NOT NULL,
    snapshot_ns bigint NOT NULL,
    stated bigint NOT NULL,
    mixed boolean DEFAULT false NOT NULL,
    has_evidence boolean DEFAULT false NOT NULL,
    last_source text NOT NULL COLLATE pg_catalog."C",
    last_topic text NOT NULL COLLATE pg_catalog."C",
    last_partition integer NOT NULL,
    last_offset bigint NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT executions_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT executions_alpaca_order_id_check CHECK ((alpaca_order_id <> ''::text)),
    CONSTRAINT executions_last_source_check CHECK ((last_source = ANY (ARRAY['stream'::text, 'sweep'::text]))),
    CONSTRAINT executions_origin_check CHECK ((origin = ANY (ARRAY['own'::text, 'recovered'::text, 'external'::text])))
)
WITH (fillfactor='80');


ALTER TABLE reconcile.executions OWNER TO reconcile_migrator;

-- Name: TABLE executions; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.executions IS 'One row per broker order: its greatest observation (I1, I2).';


-- Name: COLUMN executions.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.account_id IS 'Account of the order.';


-- Name: COLUMN executions.alpaca_order_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.alpaca_order_id IS 'The broker''s order id; once per account.';


-- Name: COLUMN executions.client_order_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.client_order_id IS 'The id that the order was submitted with.';


-- Name: COLUMN executions.symbol; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.symbol IS 'Symbol as the broker writes it; empty for a multi-leg parent.';


-- Name: COLUMN executions.asset_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.asset_id IS 'The broker''s id of the asset.';


-- Name: COLUMN executions.asset_class; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.asset_class IS 'us_equity, us_option, crypto, … as the broker writes it.';


-- Name: COLUMN executions.side; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.side IS 'buy or sell; may be empty for a multi-leg parent.';


-- Name: COLUMN executions.order_type; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.order_type IS 'market, limit, stop, stop_limit, trailing_stop, …; empty for a leg.';


-- Name: COLUMN executions.order_class; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.order_class IS 'simple (also empty), bracket, oco, oto, mleg.';


-- Name: COLUMN executions.time_in_force; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.time_in_force IS 'day, gtc, opg, cls, ioc, fok, ….';


-- Name: COLUMN executions.extended_hours; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.extended_hours IS 'May trade outside regular hours.';


-- Name: COLUMN executions.position_intent; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.position_intent IS 'buy_to_open, sell_to_close, …, where the broker states it.';


-- Name: COLUMN executions.qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.qty IS 'Quantity ordered, in shares, contracts or coins; null for an order by amount.';


-- Name: COLUMN executions.notional; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.notional IS 'Amount ordered, in the account''s currency.';


-- Name: COLUMN executions.filled_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.filled_qty IS 'Quantity filled so far, as the broker states it.';


-- Name: COLUMN executions.filled_avg_price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.filled_avg_price IS 'Average price of what is filled, as the broker states it.';


-- Name: COLUMN executions.limit_price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.limit_price IS 'Limit price.';


-- Name: COLUMN executions.stop_price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.stop_price IS 'Stop price.';


-- Name: COLUMN executions.trail_price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.trail_price IS 'Trailing distance as an amount.';


-- Name: COLUMN executions.trail_percent; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.trail_percent IS 'Trailing distance in percent.';


-- Name: COLUMN executions.hwm; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.hwm IS 'High-water mark of a trailing stop.';


-- Name: COLUMN executions.status; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.status IS 'Status as the broker said last; an open set.';


-- Name: COLUMN executions.created_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.created_at IS 'When the broker created the order.';


-- Name: COLUMN executions.submitted_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.submitted_at IS 'When it was submitted, broker time.';


-- Name: COLUMN executions.updated_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.updated_at IS 'When the broker changed it last, cut to microseconds.';


-- Name: COLUMN executions.updated_at_ns; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.updated_at_ns IS 'Version of the row in ns since the epoch: updated_at, else the event''s time, else submitted_at.';


-- Name: COLUMN executions.filled_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.filled_at IS 'When it was filled, broker time.';


-- Name: COLUMN executions.canceled_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.canceled_at IS 'When it was canceled, broker time.';


-- Name: COLUMN executions.expired_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.expired_at IS 'When it expired, broker time.';


-- Name: COLUMN executions.failed_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.failed_at IS 'When it failed, broker time.';


-- Name: COLUMN executions.replaced_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.replaced_at IS 'When it was replaced, broker time.';


-- Name: COLUMN executions.cancel_requested_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.cancel_requested_at IS 'When a cancel was asked for, broker time.';


-- Name: COLUMN executions.expires_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.expires_at IS 'When it will expire, broker time.';


-- Name: COLUMN executions.replaces; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.replaces IS 'Order that this one replaces.';


-- Name: COLUMN executions.replaced_by; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.replaced_by IS 'Order that replaces this one.';


-- Name: COLUMN executions.parent_order_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.parent_order_id IS 'Order that this one is a leg of; known where it was read inside its parent.';


-- Name: COLUMN executions.ratio_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.ratio_qty IS 'Contracts of this leg for one unit of its multi-leg parent.';


-- Name: COLUMN executions.parent_version_ns; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.parent_version_ns IS 'Version of the observation that stated parent_order_id, ns since the epoch.';


-- Name: COLUMN executions.decision_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.decision_id IS 'Decision that this order comes from: by client order id, else the replace chain, else the parent.';


-- Name: COLUMN executions.origin; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.origin IS 'own (decided, a frame is known), recovered (decided, only sweeps know it), external (no decision in its family).';


-- Name: COLUMN executions.status_rank; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.status_rank IS 'Rank of the status; breaks ties between observations of one version and filled quantity.';


-- Name: COLUMN executions.snapshot_ns; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.snapshot_ns IS 'When the snapshot that made the row was received, ns since the epoch; 0 if a frame made it.';


-- Name: COLUMN executions.stated; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.stated IS 'Bit set of the fields that the observation which made the row states.';


-- Name: COLUMN executions.mixed; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.mixed IS 'Observations of this order state different fields: the row is merged from all of them.';


-- Name: COLUMN executions.has_evidence; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.has_evidence IS 'There is evidence about its fills beyond fill frames and legs (fill_evidence).';


-- Name: COLUMN executions.last_source; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.last_source IS 'Source of the observation that made the row: stream or sweep.';


-- Name: COLUMN executions.last_topic; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.last_topic IS 'Topic of the record that made the row.';


-- Name: COLUMN executions.last_partition; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.last_partition IS 'Partition of the record that made the row.';


-- Name: COLUMN executions.last_offset; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.last_offset IS 'Offset of the record that made the row.';


-- Name: COLUMN executions.recorded_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.executions.recorded_at IS 'When the row was last written, database time; the only column that a replay does not reproduce.';


-- Name: fill_evidence; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.fill_evidence (
    account_id text NOT NULL COLLATE pg_catalog."C",
    alpaca_order_id text NOT NULL COLLATE pg_catalog."C",
    evidence_key uuid NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    evidence_id text NOT NULL COLLATE pg_catalog."C",
    previous_execution_id text COLLATE pg_catalog."C",
    symbol text COLLATE pg_catalog."C",
    side text COLLATE pg_catalog."C",
    qty numeric,
    price numeric,
    transacted_at_ns bigint,
    cum_qty numeric,
    explained_from numeric,
    topic text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    "position" integer NOT NULL,
    known_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fill_evidence_kind_check CHECK ((kind = ANY (ARRAY['leg'::text, 'bust'::text, 'correction'::text, 'activity'::text, 'residual'::text, 'execution'::text, 'reversal'::text])))
);


ALTER TABLE reconcile.fill_evidence OWNER TO reconcile_migrator;

-- Name: TABLE fill_evidence; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.fill_evidence IS 'Each statement about an execution that is no plain frame of its order; append-only.';


-- Name: COLUMN fill_evidence.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.account_id IS 'Account of the order.';


-- Name: COLUMN fill_evidence.alpaca_order_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.alpaca_order_id IS 'Order that the statement is about.';


-- Name: COLUMN fill_evidence.evidence_key; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.evidence_key IS 'Digest of kind, id and content.';


-- Name: COLUMN fill_evidence.kind; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.kind IS 'leg (of a multi-leg fill), bust, correction, activity; made by the sweep: residual, execution (for a lost frame), reversal (for a lost bust or correction).';


-- Name: COLUMN fill_evidence.evidence_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.evidence_id IS 'Execution id, activity id or adjustment key; of a reversal the fill key that it takes back.';


-- Name: COLUMN fill_evidence.previous_execution_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.previous_execution_id IS 'Execution that a bust or correction takes back.';


-- Name: COLUMN fill_evidence.symbol; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.symbol IS 'Symbol executed.';


-- Name: COLUMN fill_evidence.side; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.side IS 'buy or sell.';


-- Name: COLUMN fill_evidence.qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.qty IS 'Quantity, unsigned; null for a bust.';


-- Name: COLUMN fill_evidence.price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.price IS 'Price of one unit; null for a bust.';


-- Name: COLUMN fill_evidence.transacted_at_ns; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.transacted_at_ns IS 'When it was executed, broker time, ns since the epoch; of a residual or reversal, as_of.';


-- Name: COLUMN fill_evidence.cum_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.cum_qty IS 'Cumulative quantity of the order after it, where stated.';


-- Name: COLUMN fill_evidence.explained_from; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.explained_from IS 'Of a residual: gross quantity from which on the broker''s own evidence explains it.';


-- Name: COLUMN fill_evidence.topic; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.topic IS 'Topic of the first record that says this.';


-- Name: COLUMN fill_evidence.partition; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.partition IS 'Partition of that record.';


-- Name: COLUMN fill_evidence."offset"; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence."offset" IS 'Offset of that record.';


-- Name: COLUMN fill_evidence."position"; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence."position" IS 'Position among the statements of that record, from 0.';


-- Name: COLUMN fill_evidence.known_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.known_at IS 'Kafka timestamp of that record.';


-- Name: COLUMN fill_evidence.recorded_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fill_evidence.recorded_at IS 'When it was first committed, database time.';


-- Name: fills; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.fills (
    account_id text NOT NULL COLLATE pg_catalog."C",
    alpaca_order_id text NOT NULL COLLATE pg_catalog."C",
    fill_key text NOT NULL COLLATE pg_catalog."C",
    execution_id text COLLATE pg_catalog."C",
    activity_id text COLLATE pg_catalog."C",
    symbol text COLLATE pg_catalog."C",
    side text COLLATE pg_catalog."C",
    qty numeric NOT NULL,
    price numeric NOT NULL,
    transacted_at timestamp with time zone,
    entry text NOT NULL COLLATE pg_catalog."C",
    reverses text COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    topic text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fills_entry_check CHECK ((entry = ANY (ARRAY['trade'::text, 'reversal'::text, 'correction'::text, 'residual'::text]))),
    CONSTRAINT fills_fill_key_check CHECK ((fill_key <> ''::text))
);


ALTER TABLE reconcile.fills OWNER TO reconcile_migrator;

-- Name: TABLE fills; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.fills IS 'One row per real execution, whether stream, activities or both brought it; busts and corrections are reversing rows.';


-- Name: COLUMN fills.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.account_id IS 'Account of the order.';


-- Name: COLUMN fills.alpaca_order_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.alpaca_order_id IS 'Order that was executed.';


-- Name: COLUMN fills.fill_key; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.fill_key IS 'x:execution id, a:activity id, r:what is reversed, s:key of a residual.';


-- Name: COLUMN fills.execution_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.execution_id IS 'The stream''s execution id, where known.';


-- Name: COLUMN fills.activity_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.activity_id IS 'Id of the FILL activity that says the same, where known.';


-- Name: COLUMN fills.symbol; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.symbol IS 'Symbol executed.';


-- Name: COLUMN fills.side; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.side IS 'buy or sell.';


-- Name: COLUMN fills.qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.qty IS 'Quantity: unsigned for a trade, negative in a reversal, so that the sum is the net.';


-- Name: COLUMN fills.price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.price IS 'Price of one unit.';


-- Name: COLUMN fills.transacted_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.transacted_at IS 'When it was executed, broker time.';


-- Name: COLUMN fills.entry; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.entry IS 'trade, reversal, correction or residual.';


-- Name: COLUMN fills.reverses; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.reverses IS 'fill_key that a reversal takes back, or that a correction replaces.';


-- Name: COLUMN fills.source; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.source IS 'What brought it: stream, activity, both or adjustment.';


-- Name: COLUMN fills.topic; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.topic IS 'Topic of the first record that states it.';


-- Name: COLUMN fills.partition; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.partition IS 'Partition of that record.';


-- Name: COLUMN fills."offset"; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills."offset" IS 'Offset of that record.';


-- Name: COLUMN fills.recorded_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.fills.recorded_at IS 'When the row was last written, database time.';


-- Name: known_positions; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.known_positions (
    account_id text NOT NULL COLLATE pg_catalog."C",
    symbol text NOT NULL COLLATE pg_catalog."C",
    crypto boolean DEFAULT false NOT NULL,
    since timestamp with time zone,
    possible numeric[] DEFAULT '{}'::numeric[] NOT NULL,
    baseline_qty numeric,
    misfit_since timestamp with time zone,
    adjusted_qty numeric DEFAULT 0 NOT NULL,
    traded_qty numeric DEFAULT 0 NOT NULL,
    fee_qty numeric DEFAULT 0 NOT NULL,
    fitted_at timestamp with time zone,
    last_qty numeric NOT NULL,
    last_at timestamp with time zone NOT NULL,
    misfit_qty numeric,
    pending_qty numeric[] DEFAULT '{}'::numeric[] NOT NULL,
    pending_at timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    order_symbol text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT known_positions_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT known_positions_baseline_check CHECK (((baseline_qty IS NULL) OR ((since IS NOT NULL) AND (cardinality(possible) = 1)))),
    CONSTRAINT known_positions_fee_qty_check CHECK ((fee_qty >= (0)::numeric)),
    CONSTRAINT known_positions_pending_check CHECK ((cardinality(pending_qty) = cardinality(pending_at))),
    CONSTRAINT known_positions_traded_qty_check CHECK ((traded_qty >= (0)::numeric))
)
WITH (fillfactor='80');


ALTER TABLE reconcile.known_positions OWNER TO reconcile_migrator;

-- Name: TABLE known_positions; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.known_positions IS 'What sweeps know of the position in each symbol: the baseline from which changes are judged, and the last reading.';


-- Name: COLUMN known_positions.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.account_id IS 'Account that holds it.';


-- Name: COLUMN known_positions.symbol; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.symbol IS 'Symbol in upper case without "/", as positions name it; empty: all symbols that have no row, of which no reading showed anything.';


-- Name: COLUMN known_positions.crypto; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.crypto IS 'Whether it is a coin, of which fees may be taken.';


-- Name: COLUMN known_positions.since; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.since IS 'Time from which fills count: of the first reading, then 15 s before the last one that fitted, by the clock of the machine that read. Null while it moves too much to say anything.';


-- Name: COLUMN known_positions.possible; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.possible IS 'Quantities that may have been held at since, by the readings so far: a reading is up to 15 s old. None are left when readings contradict each other; then it begins anew.';


-- Name: COLUMN known_positions.baseline_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.baseline_qty IS 'Quantity held at since, negative when short, on which two readings at least 15 s apart agreed, fills since then added; null until they do.';


-- Name: COLUMN known_positions.misfit_since; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.misfit_since IS 'When the first reading in a row was taken that does not follow from the baseline; null while they do.';


-- Name: COLUMN known_positions.adjusted_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.adjusted_qty IS 'Signed sum of position_adjustments counted since then: part of what is expected.';


-- Name: COLUMN known_positions.traded_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.traded_qty IS 'What was traded from the first reading up to since, both sides added up: fees in coins are a share of it.';


-- Name: COLUMN known_positions.fee_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.fee_qty IS 'What fees in coins took since the first reading, positive, by the activities counted.';


-- Name: COLUMN known_positions.fitted_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.fitted_at IS 'When the last reading was taken that followed from the baseline exactly; activities from well before explain nothing.';


-- Name: COLUMN known_positions.last_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.last_qty IS 'Quantity of the last reading, negative when short; 0 where the broker listed no position.';


-- Name: COLUMN known_positions.last_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.last_at IS 'When the last reading was taken, by the clock of the machine that read.';


-- Name: COLUMN known_positions.misfit_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.misfit_qty IS 'Quantity of the reading of misfit_since: judged again with each later one, by the fills known then.';


-- Name: COLUMN known_positions.pending_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.pending_qty IS 'Quantities of the readings that are not judged yet, oldest first: activities have not been read since.';


-- Name: COLUMN known_positions.pending_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.pending_at IS 'When these readings were taken, by the clock of the machine that read.';


-- Name: COLUMN known_positions.order_symbol; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.known_positions.order_symbol IS 'Symbol as orders name it, BTC/USD; empty until one was filled.';


-- Name: leases; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.leases (
    job text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    owner text NOT NULL COLLATE pg_catalog."C",
    epoch bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    reconnect_asked_at timestamp with time zone,
    CONSTRAINT leases_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT leases_epoch_check CHECK ((epoch > 0)),
    CONSTRAINT leases_job_check CHECK ((job = ANY (ARRAY['ingest'::text, 'sweep'::text]))),
    CONSTRAINT leases_owner_check CHECK ((owner <> ''::text))
);


ALTER TABLE reconcile.leases OWNER TO reconcile_migrator;

-- Name: TABLE leases; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.leases IS 'Who may run ingest or the sweep of an account now; one active process each, the others wait.';


-- Name: COLUMN leases.job; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.leases.job IS 'ingest or sweep.';


-- Name: COLUMN leases.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.leases.account_id IS 'Account the job works for.';


-- Name: COLUMN leases.owner; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.leases.owner IS 'Process that holds the lease; new at every process start.';


-- Name: COLUMN leases.epoch; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.leases.epoch IS 'Fence: greatest(epoch + 1, database clock in ms) at each acquisition; never used twice.';


-- Name: COLUMN leases.expires_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.leases.expires_at IS 'Until when the owner holds it unless renewed, database time.';


-- Name: COLUMN leases.reconnect_asked_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.leases.reconnect_asked_at IS 'When the sweep last asked the holder of ingest for a new socket, since this one brings nothing; null if never.';


-- Name: migration_history; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.migration_history (
    version text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    sha256 text NOT NULL COLLATE pg_catalog."C",
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    applied_by text DEFAULT SESSION_USER NOT NULL COLLATE pg_catalog."C",
    oldest_program text COLLATE pg_catalog."C"
);


ALTER TABLE reconcile.migration_history OWNER TO reconcile_migrator;

-- Name: TABLE migration_history; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.migration_history IS 'Migrations applied to this schema, written in the transaction of each.';


-- Name: COLUMN migration_history.version; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.migration_history.version IS 'Number of the migration.';


-- Name: COLUMN migration_history.name; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.migration_history.name IS 'Name of its file, without .sql.';


-- Name: COLUMN migration_history.sha256; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.migration_history.sha256 IS 'SHA-256 of the file: a file changed after it was applied is refused.';


-- Name: COLUMN migration_history.applied_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.migration_history.applied_at IS 'When it was applied, database time.';


-- Name: COLUMN migration_history.applied_by; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.migration_history.applied_by IS 'Login that applied it.';


-- Name: COLUMN migration_history.oldest_program; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.migration_history.oldest_program IS 'Number of the migration that a program has to know to work with the schema since; null: any program may go on.';


-- Name: operator_actions; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.operator_actions (
    action_id bigint NOT NULL,
    action text NOT NULL COLLATE pg_catalog."C",
    account_id text COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    who text NOT NULL,
    why text NOT NULL,
    before jsonb,
    after jsonb,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT operator_actions_action_check CHECK ((action <> ''::text)),
    CONSTRAINT operator_actions_who_check CHECK ((who <> ''::text))
);


ALTER TABLE reconcile.operator_actions OWNER TO reconcile_migrator;

-- Name: TABLE operator_actions; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.operator_actions IS 'What people did through this program; append-only, but for `after` and `finished_at` of a request under way.';


-- Name: COLUMN operator_actions.action_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.operator_actions.action_id IS 'Our id; a greater one is newer.';


-- Name: COLUMN operator_actions.action; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.operator_actions.action IS 'What was done (dead_letters_retry, …).';


-- Name: COLUMN operator_actions.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.operator_actions.account_id IS 'Account concerned; null where it concerns all.';


-- Name: COLUMN operator_actions.subject; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.operator_actions.subject IS 'What it was done to, e.g. topic:partition:offset.';


-- Name: COLUMN operator_actions.who; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.operator_actions.who IS 'Person or token that asked.';


-- Name: COLUMN operator_actions.why; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.operator_actions.why IS 'Reason given; empty if none.';


-- Name: COLUMN operator_actions.before; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.operator_actions.before IS 'What stood there before.';


-- Name: COLUMN operator_actions.after; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.operator_actions.after IS 'What stood there after.';


-- Name: COLUMN operator_actions.requested_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.operator_actions.requested_at IS 'When it was asked for, database time.';


-- Name: COLUMN operator_actions.finished_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.operator_actions.finished_at IS 'When it was done, database time; null while under way.';


-- Name: operator_actions_action_id_seq; Type: SEQUENCE; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE reconcile.operator_actions ALTER COLUMN action_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME reconcile.operator_actions_action_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


-- Name: order_checks; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.order_checks (
    account_id text NOT NULL COLLATE pg_catalog."C",
    id_kind text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    checked_at timestamp with time zone NOT NULL,
    absent_since timestamp with time zone,
    absences integer DEFAULT 0 NOT NULL,
    CONSTRAINT order_checks_absences_check CHECK ((absences >= 0)),
    CONSTRAINT order_checks_absent_check CHECK (((absent_since IS NULL) = (absences = 0))),
    CONSTRAINT order_checks_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT order_checks_id_check CHECK ((id <> ''::text)),
    CONSTRAINT order_checks_id_kind_check CHECK ((id_kind = ANY (ARRAY['order'::text, 'client'::text])))
)
WITH (fillfactor='80');


ALTER TABLE reconcile.order_checks OWNER TO reconcile_migrator;

-- Name: TABLE order_checks; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.order_checks IS 'When a sweep last read an open order, or last asked for an order by an id of it.';


-- Name: COLUMN order_checks.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_checks.account_id IS 'Account of the order.';


-- Name: COLUMN order_checks.id_kind; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_checks.id_kind IS 'order: id is the broker''s order id; client: a client order id of a decision.';


-- Name: COLUMN order_checks.id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_checks.id IS 'The id that was read or asked for.';


-- Name: COLUMN order_checks.checked_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_checks.checked_at IS 'Begin of the sweep that read it last, database time; only complete sweeps count.';


-- Name: COLUMN order_checks.absent_since; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_checks.absent_since IS 'Begin of the first complete sweep in a row that got "not found" for it; null while it was found.';


-- Name: COLUMN order_checks.absences; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_checks.absences IS 'How many complete sweeps in a row got "not found".';


-- Name: order_events; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.order_events (
    account_id text NOT NULL COLLATE pg_catalog."C",
    alpaca_order_id text NOT NULL COLLATE pg_catalog."C",
    event_key uuid NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    event text NOT NULL COLLATE pg_catalog."C",
    event_at timestamp with time zone,
    execution_id text COLLATE pg_catalog."C",
    event_qty numeric,
    event_price numeric,
    position_qty numeric,
    qty numeric,
    notional numeric,
    filled_qty numeric,
    filled_avg_price numeric,
    limit_price numeric,
    stop_price numeric,
    trail_price numeric,
    trail_percent numeric,
    hwm numeric,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    submitted_at timestamp with time zone,
    filled_at timestamp with time zone,
    canceled_at timestamp with time zone,
    expired_at timestamp with time zone,
    failed_at timestamp with time zone,
    replaced_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    expires_at timestamp with time zone,
    client_order_id text COLLATE pg_catalog."C",
    symbol text COLLATE pg_catalog."C",
    asset_id text COLLATE pg_catalog."C",
    asset_class text COLLATE pg_catalog."C",
    side text COLLATE pg_catalog."C",
    position_intent text COLLATE pg_catalog."C",
    order_type text COLLATE pg_catalog."C",
    order_class text COLLATE pg_catalog."C",
    time_in_force text COLLATE pg_catalog."C",
    status text COLLATE pg_catalog."C",
    replaces text COLLATE pg_catalog."C",
    replaced_by text COLLATE pg_catalog."C",
    extended_hours boolean,
    parent_order_id text COLLATE pg_catalog."C",
    ratio_qty numeric,
    status_rank smallint NOT NULL,
    updated_at_ns bigint NOT NULL,
    snapshot_ns bigint NOT NULL,
    stated bigint NOT NULL,
    extra jsonb,
    topic text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    known_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE reconcile.order_events OWNER TO reconcile_migrator;

-- Name: TABLE order_events; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.order_events IS 'Each distinct observation of an order, frame or snapshot, in full; append-only.';


-- Name: COLUMN order_events.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.account_id IS 'Account of the order.';


-- Name: COLUMN order_events.alpaca_order_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.alpaca_order_id IS 'The broker''s order id.';


-- Name: COLUMN order_events.event_key; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.event_key IS 'Digest of order, source, event, execution id or event time, version and content.';


-- Name: COLUMN order_events.source; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.source IS 'stream or sweep.';


-- Name: COLUMN order_events.event; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.event IS 'The frame''s event; snapshot for a REST read, leg for a leg inside its parent''s frame.';


-- Name: COLUMN order_events.event_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.event_at IS 'Time of the event, broker time.';


-- Name: COLUMN order_events.execution_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.execution_id IS 'Execution id of the frame; does not imply a fill.';


-- Name: COLUMN order_events.event_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.event_qty IS 'Quantity of this execution.';


-- Name: COLUMN order_events.event_price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.event_price IS 'Price of this execution.';


-- Name: COLUMN order_events.position_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.position_qty IS 'Signed position in the symbol after this event, as the broker states it.';


-- Name: COLUMN order_events.qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.qty IS 'Quantity ordered, in shares, contracts or coins; null for an order by amount.';


-- Name: COLUMN order_events.notional; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.notional IS 'Amount ordered, in the account''s currency.';


-- Name: COLUMN order_events.filled_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.filled_qty IS 'Quantity filled so far, as the broker states it.';


-- Name: COLUMN order_events.filled_avg_price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.filled_avg_price IS 'Average price of what is filled, as the broker states it.';


-- Name: COLUMN order_events.limit_price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.limit_price IS 'Limit price.';


-- Name: COLUMN order_events.stop_price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.stop_price IS 'Stop price.';


-- Name: COLUMN order_events.trail_price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.trail_price IS 'Trailing distance as an amount.';


-- Name: COLUMN order_events.trail_percent; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.trail_percent IS 'Trailing distance in percent.';


-- Name: COLUMN order_events.hwm; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.hwm IS 'High-water mark of a trailing stop.';


-- Name: COLUMN order_events.created_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.created_at IS 'When the broker created the order.';


-- Name: COLUMN order_events.updated_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.updated_at IS 'When the broker changed it last, cut to microseconds.';


-- Name: COLUMN order_events.submitted_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.submitted_at IS 'When it was submitted, broker time.';


-- Name: COLUMN order_events.filled_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.filled_at IS 'When it was filled, broker time.';


-- Name: COLUMN order_events.canceled_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.canceled_at IS 'When it was canceled, broker time.';


-- Name: COLUMN order_events.expired_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.expired_at IS 'When it expired, broker time.';


-- Name: COLUMN order_events.failed_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.failed_at IS 'When it failed, broker time.';


-- Name: COLUMN order_events.replaced_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.replaced_at IS 'When it was replaced, broker time.';


-- Name: COLUMN order_events.cancel_requested_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.cancel_requested_at IS 'When a cancel was asked for, broker time.';


-- Name: COLUMN order_events.expires_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.expires_at IS 'When it will expire, broker time.';


-- Name: COLUMN order_events.client_order_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.client_order_id IS 'The id that the order was submitted with.';


-- Name: COLUMN order_events.symbol; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.symbol IS 'Symbol as the broker writes it; empty for a multi-leg parent.';


-- Name: COLUMN order_events.asset_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.asset_id IS 'The broker''s id of the asset.';


-- Name: COLUMN order_events.asset_class; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.asset_class IS 'us_equity, us_option, crypto, … as the broker writes it.';


-- Name: COLUMN order_events.side; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.side IS 'buy or sell; may be empty for a multi-leg parent.';


-- Name: COLUMN order_events.position_intent; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.position_intent IS 'buy_to_open, sell_to_close, …, where the broker states it.';


-- Name: COLUMN order_events.order_type; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.order_type IS 'market, limit, stop, stop_limit, trailing_stop, …; empty for a leg.';


-- Name: COLUMN order_events.order_class; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.order_class IS 'simple (also empty), bracket, oco, oto, mleg.';


-- Name: COLUMN order_events.time_in_force; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.time_in_force IS 'day, gtc, opg, cls, ioc, fok, ….';


-- Name: COLUMN order_events.status; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.status IS 'Status as the broker said last; an open set.';


-- Name: COLUMN order_events.replaces; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.replaces IS 'Order that this one replaces.';


-- Name: COLUMN order_events.replaced_by; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.replaced_by IS 'Order that replaces this one.';


-- Name: COLUMN order_events.extended_hours; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.extended_hours IS 'May trade outside regular hours.';


-- Name: COLUMN order_events.parent_order_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.parent_order_id IS 'Order that this one is a leg of; known where it was read inside its parent.';


-- Name: COLUMN order_events.ratio_qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.ratio_qty IS 'Contracts of this leg for one unit of its multi-leg parent.';


-- Name: COLUMN order_events.status_rank; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.status_rank IS 'Rank of the status; breaks ties between observations of one version and filled quantity.';


-- Name: COLUMN order_events.updated_at_ns; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.updated_at_ns IS 'Version of the row in ns since the epoch: updated_at, else the event''s time, else submitted_at.';


-- Name: COLUMN order_events.snapshot_ns; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.snapshot_ns IS 'When the snapshot that made the row was received, ns since the epoch; 0 if a frame made it.';


-- Name: COLUMN order_events.stated; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.stated IS 'Bit set of the fields that the observation which made the row states.';


-- Name: COLUMN order_events.extra; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.extra IS 'Fields that this version of the program does not know, by name.';


-- Name: COLUMN order_events.topic; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.topic IS 'Topic of the first record that says this.';


-- Name: COLUMN order_events.partition; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.partition IS 'Partition of that record.';


-- Name: COLUMN order_events."offset"; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events."offset" IS 'Offset of that record.';


-- Name: COLUMN order_events.known_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.known_at IS 'Kafka timestamp of that record: what the broker had said by then.';


-- Name: COLUMN order_events.recorded_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.order_events.recorded_at IS 'When it was first committed, database time: what was believed by then.';


-- Name: position_adjustments; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.position_adjustments (
    account_id text NOT NULL COLLATE pg_catalog."C",
    activity_id text NOT NULL COLLATE pg_catalog."C",
    activity_type text NOT NULL COLLATE pg_catalog."C",
    symbol text NOT NULL COLLATE pg_catalog."C",
    qty numeric NOT NULL,
    sweep_id uuid NOT NULL,
    counted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT position_adjustments_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT position_adjustments_activity_id_check CHECK ((activity_id <> ''::text)),
    CONSTRAINT position_adjustments_symbol_check CHECK ((symbol <> ''::text))
);


ALTER TABLE reconcile.position_adjustments OWNER TO reconcile_migrator;

-- Name: TABLE position_adjustments; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.position_adjustments IS 'Activities that are no fills and explained a change of a position; each counts once.';


-- Name: COLUMN position_adjustments.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_adjustments.account_id IS 'Account of the activity.';


-- Name: COLUMN position_adjustments.activity_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_adjustments.activity_id IS 'Id of the activity at the broker.';


-- Name: COLUMN position_adjustments.activity_type; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_adjustments.activity_type IS 'Its type: SPLIT, CFEE, OPASN, JNLS and so on.';


-- Name: COLUMN position_adjustments.symbol; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_adjustments.symbol IS 'Symbol as in known_positions.';


-- Name: COLUMN position_adjustments.qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_adjustments.qty IS 'Signed quantity by which it changed the position.';


-- Name: COLUMN position_adjustments.sweep_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_adjustments.sweep_id IS 'Sweep that counted it (sweeps).';


-- Name: COLUMN position_adjustments.counted_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_adjustments.counted_at IS 'When it was counted, database time.';


-- Name: position_snapshots; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.position_snapshots (
    account_id text NOT NULL COLLATE pg_catalog."C",
    as_of timestamp with time zone NOT NULL,
    symbol text NOT NULL COLLATE pg_catalog."C",
    qty numeric NOT NULL,
    qty_available numeric,
    side text COLLATE pg_catalog."C",
    asset_id text COLLATE pg_catalog."C",
    asset_class text COLLATE pg_catalog."C",
    exchange text COLLATE pg_catalog."C",
    avg_entry_price numeric,
    current_price numeric,
    market_value numeric,
    cost_basis numeric,
    unrealized_pl numeric,
    source text NOT NULL COLLATE pg_catalog."C",
    topic text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    known_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);


ALTER TABLE reconcile.position_snapshots OWNER TO reconcile_migrator;

-- Name: TABLE position_snapshots; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.position_snapshots IS 'Each position of each reading of GET /v2/positions. A reading in which nothing is held is one row with an empty symbol.';


-- Name: COLUMN position_snapshots.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.account_id IS 'Account at the broker.';


-- Name: COLUMN position_snapshots.as_of; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.as_of IS 'When the broker''s answer was received, to the millisecond; the same for all rows of a reading.';


-- Name: COLUMN position_snapshots.symbol; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.symbol IS 'Symbol as positions name it: BTCUSD, where orders say BTC/USD. Empty: nothing is held.';


-- Name: COLUMN position_snapshots.qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.qty IS 'Quantity held, negative when short.';


-- Name: COLUMN position_snapshots.qty_available; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.qty_available IS 'Of it, what is not bound by open orders.';


-- Name: COLUMN position_snapshots.side; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.side IS 'long or short.';


-- Name: COLUMN position_snapshots.asset_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.asset_id IS 'Asset id as positions have it; for coins another one than that of orders.';


-- Name: COLUMN position_snapshots.asset_class; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.asset_class IS 'us_equity, us_option, crypto or a class of tomorrow.';


-- Name: COLUMN position_snapshots.exchange; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.exchange IS 'Exchange of the asset.';


-- Name: COLUMN position_snapshots.avg_entry_price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.avg_entry_price IS 'Average price of one unit, by the broker.';


-- Name: COLUMN position_snapshots.current_price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.current_price IS 'Price of one unit when it was read.';


-- Name: COLUMN position_snapshots.market_value; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.market_value IS 'Value at that price, in the account''s currency.';


-- Name: COLUMN position_snapshots.cost_basis; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.cost_basis IS 'What it cost, in the account''s currency.';


-- Name: COLUMN position_snapshots.unrealized_pl; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.unrealized_pl IS 'Profit or loss that is not realised, in the account''s currency.';


-- Name: COLUMN position_snapshots.source; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.source IS 'sweep.';


-- Name: COLUMN position_snapshots.topic; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.topic IS 'Topic of the record that states this.';


-- Name: COLUMN position_snapshots.partition; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.partition IS 'Partition of that record.';


-- Name: COLUMN position_snapshots."offset"; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots."offset" IS 'Offset of that record.';


-- Name: COLUMN position_snapshots.known_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.known_at IS 'Kafka timestamp of that record.';


-- Name: COLUMN position_snapshots.recorded_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.position_snapshots.recorded_at IS 'When it was first committed, database time.';


-- Name: proofs; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.proofs (
    account_id text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    hash text NOT NULL COLLATE pg_catalog."C",
    previous text NOT NULL COLLATE pg_catalog."C",
    content text NOT NULL COLLATE pg_catalog."C",
    sweep_id uuid NOT NULL,
    proven_equal_at timestamp with time zone NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    parser_version text NOT NULL COLLATE pg_catalog."C",
    offsets jsonb NOT NULL,
    digests jsonb NOT NULL,
    open_dead_letters bigint NOT NULL,
    published boolean DEFAULT false NOT NULL,
    CONSTRAINT proofs_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT proofs_seq_check CHECK ((seq > 0))
);


ALTER TABLE reconcile.proofs OWNER TO reconcile_migrator;

-- Name: TABLE proofs; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.proofs IS 'Sealed checkpoints: what the rows were when the log had been applied up to there; also on the topic proofs. `stream-reconcile verify` derives them again.';


-- Name: COLUMN proofs.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.account_id IS 'Account whose rows they are.';


-- Name: COLUMN proofs.seq; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.seq IS 'Number in the account''s chain, from 1.';


-- Name: COLUMN proofs.hash; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.hash IS 'SHA-256 of content, hex; the next one holds it as previous.';


-- Name: COLUMN proofs.previous; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.previous IS 'Hash of the one before; 64 zeros in the first.';


-- Name: COLUMN proofs.content; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.content IS 'The checkpoint: JSON, keys sorted, no spaces. All but hash and published is in it; other columns repeat parts of it, to be queried.';


-- Name: COLUMN proofs.sweep_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.sweep_id IS 'Sweep that had proved the rows equal to the broker.';


-- Name: COLUMN proofs.proven_equal_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.proven_equal_at IS 'When that sweep began, database time.';


-- Name: COLUMN proofs.sealed_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.sealed_at IS 'When the rows were read, database time.';


-- Name: COLUMN proofs.parser_version; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.parser_version IS 'Version of the program, and of the schema, that had made the rows.';


-- Name: COLUMN proofs.offsets; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.offsets IS 'By topic:partition, the offset up to which, not including, the log had been applied.';


-- Name: COLUMN proofs.digests; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.digests IS 'SHA-256 of the rows of each table, without decision_id, origin and recorded_at.';


-- Name: COLUMN proofs.open_dead_letters; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.open_dead_letters IS 'Dead letters of the account, or of none, that were open.';


-- Name: COLUMN proofs.published; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.proofs.published IS 'It is on the topic proofs too.';


-- Name: schema_version; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.schema_version (
    version_num character varying(32) NOT NULL
);


ALTER TABLE reconcile.schema_version OWNER TO reconcile_migrator;

-- Name: TABLE schema_version; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.schema_version IS 'Number of the newest migration applied; one row.';


-- Name: COLUMN schema_version.version_num; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.schema_version.version_num IS 'Number of a migration file, e.g. 0001.';


-- Name: stream_cursors; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.stream_cursors (
    consumer_group text NOT NULL COLLATE pg_catalog."C",
    topic text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    max_offset bigint NOT NULL,
    owner text NOT NULL COLLATE pg_catalog."C",
    epoch bigint NOT NULL,
    leader_epoch integer,
    cluster_id text NOT NULL COLLATE pg_catalog."C",
    topic_id text NOT NULL COLLATE pg_catalog."C",
    last_record_at timestamp with time zone,
    CONSTRAINT stream_cursors_max_offset_check CHECK ((max_offset >= 0)),
    CONSTRAINT stream_cursors_next_offset_check CHECK ((next_offset >= 0))
)
WITH (fillfactor='50');


ALTER TABLE reconcile.stream_cursors OWNER TO reconcile_migrator;

-- Name: TABLE stream_cursors; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.stream_cursors IS 'How far each partition is applied; written in the transaction of the rows (I3), fenced by owner and epoch (I4).';


-- Name: COLUMN stream_cursors.consumer_group; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_cursors.consumer_group IS 'Kafka consumer group.';


-- Name: COLUMN stream_cursors.topic; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_cursors.topic IS 'Topic.';


-- Name: COLUMN stream_cursors.partition; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_cursors.partition IS 'Partition.';


-- Name: COLUMN stream_cursors.next_offset; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_cursors.next_offset IS 'Offset of the next record to apply.';


-- Name: COLUMN stream_cursors.max_offset; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_cursors.max_offset IS 'Highest next_offset ever committed under this topic id; a rewind does not lower it.';


-- Name: COLUMN stream_cursors.owner; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_cursors.owner IS 'Process that owns the partition; new at every process start.';


-- Name: COLUMN stream_cursors.epoch; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_cursors.epoch IS 'Fence: greatest(epoch + 1, database clock in ms) at each claim and rewind; never used twice.';


-- Name: COLUMN stream_cursors.leader_epoch; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_cursors.leader_epoch IS 'Leader epoch of the last record applied, where Kafka gave one.';


-- Name: COLUMN stream_cursors.cluster_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_cursors.cluster_id IS 'Kafka cluster.';


-- Name: COLUMN stream_cursors.topic_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_cursors.topic_id IS 'Kafka''s id of the topic; another id means that the topic was made anew (F5).';


-- Name: COLUMN stream_cursors.last_record_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_cursors.last_record_at IS 'Kafka timestamp of the last record applied.';


-- Name: stream_gaps; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.stream_gaps (
    gap_id uuid DEFAULT gen_random_uuid() NOT NULL,
    account_id text NOT NULL COLLATE pg_catalog."C",
    session_id uuid,
    window_start timestamp with time zone NOT NULL,
    window_end timestamp with time zone,
    reason text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    closed_at timestamp with time zone,
    closed_by text,
    CONSTRAINT stream_gaps_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT stream_gaps_closed_check CHECK (((closed_at IS NULL) = (closed_by IS NULL))),
    CONSTRAINT stream_gaps_reason_check CHECK ((reason <> ''::text)),
    CONSTRAINT stream_gaps_window_check CHECK ((window_end >= window_start))
);


ALTER TABLE reconcile.stream_gaps OWNER TO reconcile_migrator;

-- Name: TABLE stream_gaps; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.stream_gaps IS 'Windows of broker time in which frames may be missing (F1); assumed, not reported.';


-- Name: COLUMN stream_gaps.gap_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_gaps.gap_id IS 'Our id of the window.';


-- Name: COLUMN stream_gaps.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_gaps.account_id IS 'Account whose frames may be missing.';


-- Name: COLUMN stream_gaps.session_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_gaps.session_id IS 'Session that opened the window; null where the log itself lost records (F5).';


-- Name: COLUMN stream_gaps.window_start; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_gaps.window_start IS 'From when frames may be missing, broker time; 1970-01-01 means all time.';


-- Name: COLUMN stream_gaps.window_end; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_gaps.window_end IS 'Until when: by the database''s clock when frames were taken again, or the log''s window ends; null while frames may still be missing, and then no sweep closes it.';


-- Name: COLUMN stream_gaps.reason; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_gaps.reason IS 'What opened it: start, listening, dropped or refused frame, expired or recreated log.';


-- Name: COLUMN stream_gaps.opened_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_gaps.opened_at IS 'When the row was written, database time.';


-- Name: COLUMN stream_gaps.closed_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_gaps.closed_at IS 'When a complete sweep had covered the window, database time; null while open.';


-- Name: COLUMN stream_gaps.closed_by; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_gaps.closed_by IS 'The sweep or person that closed it.';


-- Name: stream_sessions; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.stream_sessions (
    session_id uuid DEFAULT gen_random_uuid() NOT NULL,
    account_id text NOT NULL COLLATE pg_catalog."C",
    owner text NOT NULL COLLATE pg_catalog."C",
    lease_epoch bigint NOT NULL,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    listening_at timestamp with time zone,
    closed_at timestamp with time zone,
    close_reason text,
    good_until_ns bigint,
    good_until timestamp with time zone GENERATED ALWAYS AS ((('1970-01-01 00:00:00'::timestamp without time zone + (((good_until_ns / 1000))::double precision * '00:00:00.000001'::interval)) AT TIME ZONE 'UTC'::text)) STORED,
    frames bigint DEFAULT 0 NOT NULL,
    CONSTRAINT stream_sessions_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT stream_sessions_frames_check CHECK ((frames >= 0)),
    CONSTRAINT stream_sessions_owner_check CHECK ((owner <> ''::text))
);


ALTER TABLE reconcile.stream_sessions OWNER TO reconcile_migrator;

-- Name: TABLE stream_sessions; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.stream_sessions IS 'Websocket sessions with the broker; after a lost frame the same socket goes on in a new row.';


-- Name: COLUMN stream_sessions.session_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_sessions.session_id IS 'Our id of the session; stream_id of its Kafka records.';


-- Name: COLUMN stream_sessions.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_sessions.account_id IS 'Account whose trade updates the session carries.';


-- Name: COLUMN stream_sessions.owner; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_sessions.owner IS 'Process that opened it, as in leases.';


-- Name: COLUMN stream_sessions.lease_epoch; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_sessions.lease_epoch IS 'Epoch of the ingest lease under which it was opened; part of every compare-and-set on this row.';


-- Name: COLUMN stream_sessions.opened_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_sessions.opened_at IS 'When the row was opened, database time.';


-- Name: COLUMN stream_sessions.listening_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_sessions.listening_at IS 'When the broker acknowledged the subscription, database time; null before.';


-- Name: COLUMN stream_sessions.closed_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_sessions.closed_at IS 'When the session ended or was continued in a new row, database time; null while open or if the process died.';


-- Name: COLUMN stream_sessions.close_reason; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_sessions.close_reason IS 'Why it ended, in words.';


-- Name: COLUMN stream_sessions.good_until_ns; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_sessions.good_until_ns IS 'Broker time, in ns since the epoch, of the newest frame that Kafka acknowledged together with all frames read before it.';


-- Name: COLUMN stream_sessions.good_until; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_sessions.good_until IS 'good_until_ns as a time, cut to microseconds.';


-- Name: COLUMN stream_sessions.frames; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.stream_sessions.frames IS 'Frames of this session that Kafka has acknowledged.';


-- Name: trade_decisions; Type: TABLE; Schema: reconcile; Owner: reconcile_migrator
CREATE TABLE reconcile.trade_decisions (
    decision_id uuid DEFAULT gen_random_uuid() NOT NULL,
    account_id text NOT NULL COLLATE pg_catalog."C",
    client_order_id text NOT NULL COLLATE pg_catalog."C",
    symbol text COLLATE pg_catalog."C",
    side text COLLATE pg_catalog."C",
    qty numeric,
    notional numeric,
    order_type text COLLATE pg_catalog."C",
    limit_price numeric,
    time_in_force text COLLATE pg_catalog."C",
    decided_at timestamp with time zone DEFAULT now() NOT NULL,
    not_before timestamp with time zone,
    submitted_at timestamp with time zone,
    submit_result text COLLATE pg_catalog."C",
    state text DEFAULT 'planned'::text NOT NULL COLLATE pg_catalog."C",
    alpaca_order_id text COLLATE pg_catalog."C",
    bound_at timestamp with time zone,
    inserted_by text DEFAULT SESSION_USER NOT NULL COLLATE pg_catalog."C",
    inserted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT trade_decisions_account_id_check CHECK ((account_id <> ''::text)),
    CONSTRAINT trade_decisions_bound_check CHECK (((state <> 'bound'::text) OR ((alpaca_order_id IS NOT NULL) AND (bound_at IS NOT NULL)))),
    CONSTRAINT trade_decisions_client_order_id_check CHECK ((client_order_id <> ''::text)),
    CONSTRAINT trade_decisions_notional_check CHECK ((notional > (0)::numeric)),
    CONSTRAINT trade_decisions_qty_check CHECK ((qty > (0)::numeric)),
    CONSTRAINT trade_decisions_state_check CHECK ((state = ANY (ARRAY['planned'::text, 'submitted'::text, 'bound'::text, 'not_placed'::text, 'unknown'::text]))),
    CONSTRAINT trade_decisions_submit_result_check CHECK ((submit_result = ANY (ARRAY['accepted'::text, 'refused'::text, 'ambiguous'::text])))
);


ALTER TABLE reconcile.trade_decisions OWNER TO reconcile_migrator;

-- Name: TABLE trade_decisions; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON TABLE reconcile.trade_decisions IS 'Order intents, written by the trading loop before it submits (role reconcile_intent).';


-- Name: COLUMN trade_decisions.decision_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.decision_id IS 'Our id of the intent.';


-- Name: COLUMN trade_decisions.account_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.account_id IS 'Account the order is meant for.';


-- Name: COLUMN trade_decisions.client_order_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.client_order_id IS 'The id that the loop submits with the order; unique in the account.';


-- Name: COLUMN trade_decisions.symbol; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.symbol IS 'Symbol intended; null where the intent does not say (then it is no difference to the order).';


-- Name: COLUMN trade_decisions.side; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.side IS 'buy or sell as intended; null where the intent does not say.';


-- Name: COLUMN trade_decisions.qty; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.qty IS 'Quantity intended, in shares, contracts or coins; null where the intent does not say.';


-- Name: COLUMN trade_decisions.notional; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.notional IS 'Amount intended, in the account''s currency, where the order is by amount.';


-- Name: COLUMN trade_decisions.order_type; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.order_type IS 'Order type intended (market, limit, …).';


-- Name: COLUMN trade_decisions.limit_price; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.limit_price IS 'Limit price intended; negative for a multi-leg order that collects a credit.';


-- Name: COLUMN trade_decisions.time_in_force; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.time_in_force IS 'Time in force intended (day, gtc, …).';


-- Name: COLUMN trade_decisions.decided_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.decided_at IS 'When the loop decided, by the loop''s clock; the time of insertion if it gave none.';


-- Name: COLUMN trade_decisions.not_before; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.not_before IS 'The loop will not submit before this time; the submit grace starts there.';


-- Name: COLUMN trade_decisions.submitted_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.submitted_at IS 'When the loop submitted; it sets this once.';


-- Name: COLUMN trade_decisions.submit_result; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.submit_result IS 'What the loop heard: accepted, refused or ambiguous; optional, set once, only speeds things up.';


-- Name: COLUMN trade_decisions.state; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.state IS 'planned, submitted (by trigger), bound (by apply), not_placed or unknown (by the sweep).';


-- Name: COLUMN trade_decisions.alpaca_order_id; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.alpaca_order_id IS 'The broker''s order that this intent is bound to.';


-- Name: COLUMN trade_decisions.bound_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.bound_at IS 'When it was bound, database time.';


-- Name: COLUMN trade_decisions.inserted_by; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.inserted_by IS 'Login that inserted the row; only that login may set submitted_at and submit_result.';


-- Name: COLUMN trade_decisions.inserted_at; Type: COMMENT; Schema: reconcile; Owner: reconcile_migrator
COMMENT ON COLUMN reconcile.trade_decisions.inserted_at IS 'When the row was inserted, database time.';


-- Data for Name: account_snapshots; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.account_snapshots VALUES
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:01.224+00', 'ACTIVE', 'USD', 1000025.41, 1000000, 999022.53, 4000000, 2000050.83, NULL, 999022.53, 4325.92, -3323.05, 3824.48, 2294.68, 4, NULL, false, false, false, false, true, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 0, '2026-11-26 06:45:01.231+00', '2026-11-26 06:45:01.2523+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:02.478+00', 'ACTIVE', 'USD', 1000025.41, 1000000, 999022.53, 4000000, 2000050.83, NULL, 999022.53, 4325.92, -3323.05, 3824.48, 2294.68, 4, NULL, false, false, false, false, true, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 2, '2026-11-26 06:45:02.499+00', '2026-11-26 06:45:02.590012+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:03.011+00', 'ACTIVE', 'USD', 1000025.41, 1000000, 999022.53, 4000000, 2000050.83, NULL, 999022.53, 4325.92, -3323.05, 3824.48, 2294.68, 4, NULL, false, false, false, false, true, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 4, '2026-11-26 06:45:03.02+00', '2026-11-26 06:45:03.089146+00');


-- Data for Name: accounts; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.accounts VALUES
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '4fe9e373b4c5d4e2', '2026-11-26 06:44:55.914138+00');


-- Data for Name: dead_letters; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.dead_letters VALUES
	('85U0WzCaSTuIERKJzmBsbQ', 'released-0.1.0.trade-updates.v1', 2, 14, '\x6a756e6b', '\x6a756e6b', '2026-11-26 06:45:05.997+00', 'junk', NULL, 'magic', 'record of released-0.1.0.trade-updates.v1: it is no Avro single object', '2026-11-26 06:45:06.190333+00', 0, NULL, NULL, '2026-11-26 06:45:06.863244+00');


-- Data for Name: decision_copies; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.decision_copies VALUES
	('released-0.1.0.trade-decisions.v1', 'gone', '{0,0,0}', '2026-11-26 06:45:06.839272+00', 'cf4d6d96-b87e-43f7-8f72-5cffb205b11f');


-- Data for Name: discrepancies; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.discrepancies OVERRIDING SYSTEM VALUE VALUES
	(3, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'trade_bust', '0f21ddb6-6cad-4a26-8d11-6ece1738f7d9', 'resolved', '{"ours": null, "broker": {"evidence_id": "aa05e11a-b271-4945-b95e-8229451abd81", "previous_execution_id": "aa05e11a-b271-4945-b95e-8229451abd81"}}', DEFAULT, '2026-11-26 06:44:59.506312+00', '2026-11-26 06:44:59.506312+00', 0, '2026-11-26 06:44:59.506312+00', 'the sums agree', 'apply'),
	(7, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'external_order', '0f21ddb6-6cad-4a26-8d11-6ece1738f7d9', 'resolved', '{"ours": {"origin": "external"}, "broker": {"order_id": "0f21ddb6-6cad-4a26-8d11-6ece1738f7d9"}}', DEFAULT, '2026-11-26 06:45:00.035318+00', '2026-11-26 06:45:06.326751+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(18, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'external_order', '15bd448f-f261-49ed-be4c-5ce666c1494e', 'resolved', '{"ours": {"origin": "external"}, "broker": {"order_id": "15bd448f-f261-49ed-be4c-5ce666c1494e"}}', DEFAULT, '2026-11-26 06:45:01.121238+00', '2026-11-26 06:45:06.326751+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(16, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'external_order', '243d3570-2c1e-4a1f-a659-74a7cc966f46', 'resolved', '{"ours": {"origin": "external"}, "broker": {"order_id": "243d3570-2c1e-4a1f-a659-74a7cc966f46"}}', DEFAULT, '2026-11-26 06:45:01.121238+00', '2026-11-26 06:45:06.326751+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(5, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'external_order', '5790f82e-c1d3-4cff-aa3a-f4d46b0a18e8', 'resolved', '{"ours": {"origin": "external"}, "broker": {"order_id": "5790f82e-c1d3-4cff-aa3a-f4d46b0a18e8"}}', DEFAULT, '2026-11-26 06:45:00.035318+00', '2026-11-26 06:45:06.326751+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(6, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'external_order', 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 'resolved', '{"ours": {"origin": "external"}, "broker": {"order_id": "b0a844e5-2587-4e6b-9c9b-cf35873be078"}}', DEFAULT, '2026-11-26 06:45:00.035318+00', '2026-11-26 06:45:06.326751+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(4, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'external_order', 'b4d66a3a-4746-4a4d-8cdb-305fdd2e1609', 'resolved', '{"ours": {"origin": "external"}, "broker": {"order_id": "b4d66a3a-4746-4a4d-8cdb-305fdd2e1609"}}', DEFAULT, '2026-11-26 06:45:00.035318+00', '2026-11-26 06:45:06.326751+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(12, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'ambiguous_submit', 'kept-1', 'resolved', '{"ours": {"client_order_id": "kept-1"}, "broker": {"by_client_order_id": "not found yet"}}', DEFAULT, '2026-11-26 06:45:00.07886+00', '2026-11-26 06:45:01.167011+00', 1, '2026-11-26 06:45:01.167011+00', 'the broker''s answer is known', 'sweep 2895372a-aa7a-44ac-a4ef-9f39d36ad8e8'),
	(10, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'ambiguous_submit', 'kept-2', 'resolved', '{"ours": {"client_order_id": "kept-2"}, "broker": {"by_client_order_id": "not found yet"}}', DEFAULT, '2026-11-26 06:45:00.07886+00', '2026-11-26 06:45:01.167011+00', 1, '2026-11-26 06:45:01.167011+00', 'the broker''s answer is known', 'sweep 2895372a-aa7a-44ac-a4ef-9f39d36ad8e8'),
	(11, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'ambiguous_submit', 'kept-3', 'resolved', '{"ours": {"client_order_id": "kept-3"}, "broker": {"by_client_order_id": "not found yet"}}', DEFAULT, '2026-11-26 06:45:00.07886+00', '2026-11-26 06:45:01.167011+00', 1, '2026-11-26 06:45:01.167011+00', 'the broker''s answer is known', 'sweep 2895372a-aa7a-44ac-a4ef-9f39d36ad8e8'),
	(1, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'stream_gap', '37c758ec-2c09-4c69-a2e4-1d2b3b168506', 'resolved', '{"ours": {"reason": "start", "session_id": "e4916d5f-4085-484d-a9aa-cc6796cc35ca", "window_start": "2026-11-19T06:44:56.195742+00:00"}, "broker": null}', DEFAULT, '2026-11-26 06:44:56.136006+00', '2026-11-26 06:45:01.178152+00', 0, '2026-11-26 06:45:01.178152+00', 'a complete sweep has covered the window', 'sweep 2895372a-aa7a-44ac-a4ef-9f39d36ad8e8'),
	(2, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'stream_gap', 'c3cb2b27-ad07-4a52-9d24-bc99ee01569e', 'resolved', '{"ours": {"reason": "listening", "session_id": "c990aaf0-7e41-41a6-bd46-057eac8583bc", "window_start": "2026-11-19T06:44:56.5187+00:00"}, "broker": null}', DEFAULT, '2026-11-26 06:44:56.437544+00', '2026-11-26 06:45:01.178152+00', 0, '2026-11-26 06:45:01.178152+00', 'a complete sweep has covered the window', 'sweep 2895372a-aa7a-44ac-a4ef-9f39d36ad8e8'),
	(13, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'external_order', 'cefe2a1f-727d-4349-9822-cb77f4de2c08', 'resolved', '{"ours": {"origin": "external"}, "broker": {"order_id": "cefe2a1f-727d-4349-9822-cb77f4de2c08"}}', DEFAULT, '2026-11-26 06:45:01.121238+00', '2026-11-26 06:45:06.326751+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(23, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'not_placed', 'kept-1', 'resolved', '{"ours": {"client_order_id": "kept-1"}, "broker": {"by_client_order_id": "never arrived"}}', DEFAULT, '2026-11-26 06:45:01.167011+00', '2026-11-26 06:45:01.167011+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(24, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'not_placed', 'kept-2', 'resolved', '{"ours": {"client_order_id": "kept-2"}, "broker": {"by_client_order_id": "never arrived"}}', DEFAULT, '2026-11-26 06:45:01.167011+00', '2026-11-26 06:45:01.167011+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(21, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'external_order', '072a98d2-3606-4efc-9fb8-5c0dd37ee915', 'resolved', '{"ours": {"origin": "external"}, "broker": {"order_id": "072a98d2-3606-4efc-9fb8-5c0dd37ee915"}}', DEFAULT, '2026-11-26 06:45:01.121238+00', '2026-11-26 06:45:06.326751+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(9, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'external_order', '301850c5-a38f-4547-923a-736994e3bf91', 'resolved', '{"ours": {"origin": "external"}, "broker": {"order_id": "301850c5-a38f-4547-923a-736994e3bf91"}}', DEFAULT, '2026-11-26 06:45:00.035318+00', '2026-11-26 06:45:06.326751+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(8, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'external_order', 'a7abe1c2-9e1a-4ef4-b341-e07a83f73f16', 'resolved', '{"ours": {"origin": "external"}, "broker": {"order_id": "a7abe1c2-9e1a-4ef4-b341-e07a83f73f16"}}', DEFAULT, '2026-11-26 06:45:00.035318+00', '2026-11-26 06:45:06.326751+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(25, '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'not_placed', 'kept-3', 'resolved', '{"ours": {"client_order_id": "kept-3"}, "broker": {"by_client_order_id": "never arrived"}}', DEFAULT, '2026-11-26 06:45:01.167011+00', '2026-11-26 06:45:01.167011+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody'),
	(86, 'junk', 'undecodable', 'released-0.1.0.trade-updates.v1:2:14', 'resolved', '{"ours": {"reason": "magic", "topic_id": "85U0WzCaSTuIERKJzmBsbQ"}, "broker": null}', DEFAULT, '2026-11-26 06:45:06.190333+00', '2026-11-26 06:45:06.190333+00', 0, '2026-11-26 06:45:06.863244+00', 'by hand', 'somebody');


-- Data for Name: executions; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.executions VALUES
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '072a98d2-3606-4efc-9fb8-5c0dd37ee915', '804c25d6-4aff-4cd1-b678-bc8d40783f0a', 'DOGE/USD', '6aa806de-2961-56b9-a739-25e587baf693', 'crypto', 'buy', 'limit', '', 'ioc', false, 'buy_to_open', 23134.2, NULL, 0, NULL, 0.0857502, NULL, NULL, NULL, NULL, 'canceled', '2026-11-26 06:44:57.609419+00', '2026-11-26 06:44:57.609419+00', '2026-11-26 06:44:57.750046+00', 1795675497750046279, NULL, '2026-11-26 06:44:57.749849+00', NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, 'external', 920, 0, 4294967295, false, false, 'stream', 'released-0.1.0.trade-updates.v1', 0, 13, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '15bd448f-f261-49ed-be4c-5ce666c1494e', 'fe3c9c8f-2b85-4c1f-a8aa-ca51b98c67c2', 'TSLA', 'c2dedda1-5383-529d-a16c-959b18d94823', 'us_equity', 'sell', 'market', '', 'day', false, 'sell_to_open', 4.004117845, NULL, 4.004117845, 403.62, NULL, NULL, NULL, NULL, NULL, 'filled', '2026-11-26 06:44:57.402612+00', '2026-11-26 06:44:57.402612+00', '2026-11-26 06:44:57.723591+00', 1795675497723591373, '2026-11-26 06:44:57.723268+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, 'external', 940, 0, 4294967295, false, false, 'stream', 'released-0.1.0.trade-updates.v1', 0, 11, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '301850c5-a38f-4547-923a-736994e3bf91', 'b64ce422-8c38-4b29-98f1-35d25f557203', 'MSFT', '48f12557-3e47-5830-8537-17ab621e51d5', 'us_equity', 'buy', 'market', '', 'day', false, 'buy_to_open', NULL, 4081.63, 8.201478891, 497.67, NULL, NULL, NULL, NULL, NULL, 'filled', '2026-11-26 06:44:56.718496+00', '2026-11-26 06:44:56.718496+00', '2026-11-26 06:44:56.803491+00', 1795675496803491123, '2026-11-26 06:44:56.80325+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, 'external', 940, 0, 4294967295, false, false, 'stream', 'released-0.1.0.trade-updates.v1', 1, 5, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '5790f82e-c1d3-4cff-aa3a-f4d46b0a18e8', '6bf46c69-7d2c-4f82-aeea-cbe226e87555', 'NVDA270115P00290000', 'bb9944d8-0761-5833-9757-4342a1dff2c1', 'us_option', 'buy', 'market', '', 'day', false, 'buy_to_open', 2, NULL, 2, 5.8, NULL, NULL, NULL, NULL, NULL, 'filled', '2026-11-26 06:44:56.735801+00', '2026-11-26 06:44:56.735801+00', '2026-11-26 06:44:57.342541+00', 1795675497342540893, '2026-11-26 06:44:57.342191+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, 'external', 940, 0, 4294967295, false, false, 'stream', 'released-0.1.0.trade-updates.v1', 0, 4, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'a7abe1c2-9e1a-4ef4-b341-e07a83f73f16', '74e69a5d-0dd2-4a65-bd62-8881ad1b72db', 'QQQ', '4c9552f3-6ac8-5944-a210-2e727b0b7f60', 'us_equity', 'sell', 'market', '', 'day', false, 'sell_to_open', 2.831706119, NULL, 2.831706119, 603.07, NULL, NULL, NULL, NULL, NULL, 'filled', '2026-11-26 06:44:56.887834+00', '2026-11-26 06:44:56.887834+00', '2026-11-26 06:44:56.931829+00', 1795675496931828733, '2026-11-26 06:44:56.931646+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, 'external', 940, 0, 4294967295, false, false, 'stream', 'released-0.1.0.trade-updates.v1', 2, 4, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'b4d66a3a-4746-4a4d-8cdb-305fdd2e1609', 'aec6f024-5bd8-4d40-bc89-1b4a6a50df4d', 'SPY270319C00230000', '8cf3b987-d30f-59a9-9efc-6b561e6deca2', 'us_option', 'buy', 'market', '', 'day', false, 'buy_to_open', 9, NULL, 9, 4.6, NULL, NULL, NULL, NULL, NULL, 'filled', '2026-11-26 06:44:56.870908+00', '2026-11-26 06:44:56.870908+00', '2026-11-26 06:44:57.027518+00', 1795675497027518374, '2026-11-26 06:44:57.027217+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, 'external', 940, 0, 4294967295, false, false, 'stream', 'released-0.1.0.trade-updates.v1', 2, 5, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'cefe2a1f-727d-4349-9822-cb77f4de2c08', '597a1ecf-fcf0-4fec-b91e-e9e5efe09f07', 'NVDA', 'c85df65b-e235-5647-944f-854fad359510', 'us_equity', 'buy', 'limit', '', 'day', false, 'buy_to_open', 1, NULL, 1, 186.69, 186.69, NULL, NULL, NULL, NULL, 'filled', '2026-11-26 06:44:57.141209+00', '2026-11-26 06:44:57.141209+00', '2026-11-26 06:44:57.757953+00', 1795675497757952725, '2026-11-26 06:44:57.757724+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, 'external', 940, 0, 4294967295, false, false, 'stream', 'released-0.1.0.trade-updates.v1', 2, 12, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '0f21ddb6-6cad-4a26-8d11-6ece1738f7d9', 'f28c105d-1fb1-4c23-90c1-92cfd3ac94af', 'AAPL', 'e450a531-15ba-5154-9a2d-a2be6a82e188', 'us_equity', 'buy', 'limit', '', 'day', true, 'buy_to_open', 53, NULL, 0, NULL, 231.09, NULL, NULL, NULL, NULL, 'new', '2026-11-26 06:44:56.565542+00', '2026-11-26 06:44:56.565542+00', '2026-11-26 06:44:57.886856+00', 1795675497886856447, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, 'external', 200, 0, 4294967295, false, true, 'stream', 'released-0.1.0.trade-updates.v1', 1, 9, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '243d3570-2c1e-4a1f-a659-74a7cc966f46', '1ece615d-b9a6-442e-9e7d-6b377936d536', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'sell', 'limit', 'bracket', 'gtc', false, 'sell_to_open', 1, NULL, 1, 671.16, 667, NULL, NULL, NULL, NULL, 'filled', '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.737391+00', 1795675497737391350, '2026-11-26 06:44:57.737232+00', NULL, NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, 'external', 940, 1795675500727538509, 4294836223, true, false, 'sweep', 'released-0.1.0.order-snapshots.v1', 0, 0, '2026-11-26 06:45:01.026824+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'a49636a2-fa7f-4eab-8c4f-9b0687322e25', 'd86f40f6-b239-43c7-974c-77a2dd02de92', 'SPY261218C00170000', 'f53c331e-8ce3-5ce5-8555-2c7d594bf26f', 'us_option', 'buy', '', 'mleg', 'day', false, 'buy_to_open', 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 'expired', '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.757731+00', 1795675497757730859, NULL, NULL, '2026-11-26 06:44:57.757373+00', NULL, NULL, NULL, '2026-11-26 21:00:00+00', NULL, NULL, 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 1, 1795675497757730859, NULL, 'external', 910, 1795675500727538509, 4294836223, true, false, 'sweep', 'released-0.1.0.order-snapshots.v1', 2, 0, '2026-11-26 06:45:01.026824+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 'c215a82a-06ec-41ad-aa05-75438b0d590b', '', '', '', 'buy', 'limit', 'mleg', 'day', false, NULL, 1, NULL, 0, NULL, 8.56, NULL, NULL, NULL, NULL, 'expired', '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.757731+00', 1795675497757730859, NULL, NULL, '2026-11-26 06:44:57.757373+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'external', 910, 1795675500727538509, 4277796863, true, false, 'sweep', 'released-0.1.0.order-snapshots.v1', 2, 0, '2026-11-26 06:45:01.026824+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'e883a1d4-5de0-4997-84b5-a81842d87208', '3908f227-c59d-4916-9b0e-e76f2ac34446', 'SPY261218P00180000', '946c9c3e-fcd5-5723-9597-87209bf0b325', 'us_option', 'buy', '', 'mleg', 'day', false, 'buy_to_open', 2, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 'expired', '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.757731+00', 1795675497757730859, NULL, NULL, '2026-11-26 06:44:57.757373+00', NULL, NULL, NULL, '2026-11-26 21:00:00+00', NULL, NULL, 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 2, 1795675497757730859, NULL, 'external', 910, 1795675500727538509, 4294836223, true, false, 'sweep', 'released-0.1.0.order-snapshots.v1', 2, 0, '2026-11-26 06:45:01.026824+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'aead44b0-5373-40e5-8fcf-31ca8e752fdf', '7b8444d1-8e31-4041-87dd-aeb784b28054', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'buy', 'limit', 'bracket', 'gtc', false, 'buy_to_close', 1, NULL, 1, 651.16, 651.16, NULL, NULL, NULL, NULL, 'filled', '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.770553+00', 1795675497770553243, '2026-11-26 06:44:57.770279+00', NULL, NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', NULL, NULL, '243d3570-2c1e-4a1f-a659-74a7cc966f46', NULL, 1795675497770553243, NULL, 'external', 940, 1795675500727538509, 4294836223, true, false, 'sweep', 'released-0.1.0.order-snapshots.v1', 0, 0, '2026-11-26 06:45:01.026824+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'e21b37ca-1b29-4c99-86c8-0e2bc8c614b2', '30f97058-3f9d-42f9-8e8b-ec948f6f915f', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'buy', 'stop', 'bracket', 'gtc', false, 'buy_to_close', 1, NULL, 0, NULL, NULL, 691.43, NULL, NULL, NULL, 'canceled', '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.873604+00', 1795675497873604327, NULL, '2026-11-26 06:44:57.873395+00', NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', NULL, NULL, '243d3570-2c1e-4a1f-a659-74a7cc966f46', NULL, 1795675497873604327, NULL, 'external', 920, 1795675500727538509, 4294836223, true, false, 'sweep', 'released-0.1.0.order-snapshots.v1', 0, 0, '2026-11-26 06:45:01.026824+00');


-- Data for Name: fill_evidence; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.fill_evidence VALUES
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '0f21ddb6-6cad-4a26-8d11-6ece1738f7d9', '9665f4da-8c43-e170-2c74-dffb98c69cd5', 'bust', 'aa05e11a-b271-4945-b95e-8229451abd81', 'aa05e11a-b271-4945-b95e-8229451abd81', NULL, NULL, 53, NULL, 1795675497886477526, NULL, NULL, 'released-0.1.0.trade-updates.v1', 1, 9, 0, '2026-11-26 06:44:58.003+00', '2026-11-26 06:44:59.506312+00');


-- Data for Name: fills; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.fills VALUES
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '5790f82e-c1d3-4cff-aa3a-f4d46b0a18e8', 'x:a91c2439-d5ab-4b4d-95b4-0aeba4a45eff', 'a91c2439-d5ab-4b4d-95b4-0aeba4a45eff', NULL, 'NVDA270115P00290000', 'buy', 2, 5.8, '2026-11-26 06:44:57.342191+00', 'trade', NULL, 'stream', 'released-0.1.0.trade-updates.v1', 0, 4, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '15bd448f-f261-49ed-be4c-5ce666c1494e', 'x:f132bf2d-e040-415c-a064-a11485f1115b', 'f132bf2d-e040-415c-a064-a11485f1115b', NULL, 'TSLA', 'sell', 4.004117845, 403.62, '2026-11-26 06:44:57.723268+00', 'trade', NULL, 'stream', 'released-0.1.0.trade-updates.v1', 0, 11, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '243d3570-2c1e-4a1f-a659-74a7cc966f46', 'x:12b80aed-6da7-4a87-bd9a-8079abd0d7fb', '12b80aed-6da7-4a87-bd9a-8079abd0d7fb', NULL, 'SPY', 'sell', 1, 671.16, '2026-11-26 06:44:57.737232+00', 'trade', NULL, 'stream', 'released-0.1.0.trade-updates.v1', 0, 12, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '0f21ddb6-6cad-4a26-8d11-6ece1738f7d9', 'x:aa05e11a-b271-4945-b95e-8229451abd81', 'aa05e11a-b271-4945-b95e-8229451abd81', NULL, 'AAPL', 'buy', 53, 231.09, '2026-11-26 06:44:56.765765+00', 'trade', NULL, 'stream', 'released-0.1.0.trade-updates.v1', 1, 4, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '301850c5-a38f-4547-923a-736994e3bf91', 'x:05c6af07-58d5-463d-ab2c-d31ee3151288', '05c6af07-58d5-463d-ab2c-d31ee3151288', NULL, 'MSFT', 'buy', 8.201478891, 497.67, '2026-11-26 06:44:56.80325+00', 'trade', NULL, 'stream', 'released-0.1.0.trade-updates.v1', 1, 5, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'aead44b0-5373-40e5-8fcf-31ca8e752fdf', 'x:fc2e6a59-1ce3-4c0c-9075-5c97f5f554ed', 'fc2e6a59-1ce3-4c0c-9075-5c97f5f554ed', NULL, 'SPY', 'buy', 1, 651.16, '2026-11-26 06:44:57.770279+00', 'trade', NULL, 'stream', 'released-0.1.0.trade-updates.v1', 1, 8, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'a7abe1c2-9e1a-4ef4-b341-e07a83f73f16', 'x:0d75985d-99c9-4309-970d-c1951c2442f9', '0d75985d-99c9-4309-970d-c1951c2442f9', NULL, 'QQQ', 'sell', 2.831706119, 603.07, '2026-11-26 06:44:56.931646+00', 'trade', NULL, 'stream', 'released-0.1.0.trade-updates.v1', 2, 4, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'b4d66a3a-4746-4a4d-8cdb-305fdd2e1609', 'x:4093f6de-a268-4a87-a607-679d6050914a', '4093f6de-a268-4a87-a607-679d6050914a', NULL, 'SPY270319C00230000', 'buy', 9, 4.6, '2026-11-26 06:44:57.027217+00', 'trade', NULL, 'stream', 'released-0.1.0.trade-updates.v1', 2, 5, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'cefe2a1f-727d-4349-9822-cb77f4de2c08', 'x:518ae452-5b4b-4b75-b21c-52966bd8c676', '518ae452-5b4b-4b75-b21c-52966bd8c676', NULL, 'NVDA', 'buy', 1, 186.69, '2026-11-26 06:44:57.757724+00', 'trade', NULL, 'stream', 'released-0.1.0.trade-updates.v1', 2, 12, '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '0f21ddb6-6cad-4a26-8d11-6ece1738f7d9', 'r:aa05e11a-b271-4945-b95e-8229451abd81', 'aa05e11a-b271-4945-b95e-8229451abd81', NULL, 'AAPL', 'buy', -53, 231.09, '2026-11-26 06:44:57.886478+00', 'reversal', 'x:aa05e11a-b271-4945-b95e-8229451abd81', 'stream', 'released-0.1.0.trade-updates.v1', 1, 9, '2026-11-26 06:44:59.506312+00');


-- Data for Name: known_positions; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.known_positions VALUES
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'MSFT', false, '2026-11-26 06:45:02.019+00', '{8.201478891}', 8.201478891, NULL, 0, 0, 0, '2026-11-26 06:45:03.019+00', 8.201478891, '2026-11-26 06:45:03.019+00', NULL, '{}', '{}', ''),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'NVDA', false, '2026-11-26 06:45:02.019+00', '{1}', 1, NULL, 0, 0, 0, '2026-11-26 06:45:03.019+00', 1, '2026-11-26 06:45:03.019+00', NULL, '{}', '{}', ''),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'NVDA270115P00290000', false, '2026-11-26 06:45:02.019+00', '{2}', 2, NULL, 0, 0, 0, '2026-11-26 06:45:03.019+00', 2, '2026-11-26 06:45:03.019+00', NULL, '{}', '{}', ''),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'QQQ', false, '2026-11-26 06:45:02.019+00', '{-2.831706119}', -2.831706119, NULL, 0, 0, 0, '2026-11-26 06:45:03.019+00', -2.831706119, '2026-11-26 06:45:03.019+00', NULL, '{}', '{}', ''),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'SPY270319C00230000', false, '2026-11-26 06:45:02.019+00', '{9}', 9, NULL, 0, 0, 0, '2026-11-26 06:45:03.019+00', 9, '2026-11-26 06:45:03.019+00', NULL, '{}', '{}', ''),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'TSLA', false, '2026-11-26 06:45:02.019+00', '{-4.004117845}', -4.004117845, NULL, 0, 0, 0, '2026-11-26 06:45:03.019+00', -4.004117845, '2026-11-26 06:45:03.019+00', NULL, '{}', '{}', ''),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '', false, '2026-11-26 06:45:02.019+00', '{0}', 0, NULL, 0, 0, 0, '2026-11-26 06:45:03.019+00', 0, '2026-11-26 06:45:03.019+00', NULL, '{}', '{}', '');


-- Data for Name: leases; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.leases VALUES
	('sweep', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'sweep-236a1106-3606-4819-8bef-5b96537c2dce', 1795675496104, '2026-11-26 06:45:06.363576+00', NULL),
	('ingest', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'ingest-c9e46147-43b5-47b7-afae-4c10a02f6684', 1795675496126, '2026-11-26 06:45:06.403813+00', NULL);


-- Data for Name: migration_history; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.migration_history VALUES
	('0001', '0001_primary', '820283c3bed5cea0c7ad52daac00845696be263c7ddaa27fbeb0388e674897fe', '2026-11-26 06:44:53.618594+00', 'postgres', NULL),
	('0002', '0002_derived', 'ba2246c5e2243a22431b36c54bd71d64f164c19dda068cbb87e59db8746ade22', '2026-11-26 06:44:53.824825+00', 'postgres', NULL),
	('0003', '0003_primary_why', '3155bd953e62859bc8c53ee93e48b17123d2c361090265dc20384fbf00e6089a', '2026-11-26 06:44:53.998223+00', 'postgres', NULL),
	('0004', '0004_primary_sweep', '5d399b486307737275a7517125b9579080e29987eb5ebe1bf46a6f0048767fd0', '2026-11-26 06:44:54.013817+00', 'postgres', NULL),
	('0005', '0005_primary_positions', '493e74bc170c1fb935c4985f6553c8bf47eb4b54dfeb47139a990c810ec1bb7c', '2026-11-26 06:44:54.042925+00', 'postgres', NULL),
	('0006', '0006_derived_snapshots', 'f81f2711d9521725d43ccd934b7aa3f7de9cabf82b38e29ff663d86baf50357a', '2026-11-26 06:44:54.252989+00', 'postgres', NULL),
	('0007', '0007_primary_decision_copies', '0577e6dca54a1d3d302862a652a7bececc258a95b00b4fcfeaa6654e1e91c1b1', '2026-11-26 06:44:54.274388+00', 'postgres', NULL),
	('0008', '0008_derived_recent', '58820522e6616ffa643fe3a9a45d86ba899890593cbef58ab458950f32cfbdf4', '2026-11-26 06:44:54.299587+00', 'postgres', NULL),
	('0009', '0009_primary_history', 'ad15d80baf2a56b0392af619b2352f4d1a12897139ff08b59f4410396da01658', '2026-11-26 06:44:54.305882+00', 'postgres', NULL),
	('0010', '0010_primary_proofs', '6b521789731e8740e1426f448a6e1174edc982f483e48db9e6da03557bca375c', '2026-11-26 06:44:54.31368+00', 'postgres', NULL),
	('0011', '0011_derived_reversals', '8934797b8d54944cd8de830435f992d538eb4d1d824f7d1a645b4f63a5a030fc', '2026-11-26 06:44:54.341275+00', 'postgres', NULL),
	('0012', '0012_primary_pending_positions', 'c0589a04fd709010515f440949d1a82ea61996a650660b28526d3d46c390f69b', '2026-11-26 06:44:54.348016+00', 'postgres', NULL),
	('0013', '0013_derived_changed', '75a7f1f05b46c45fc482e94d40342cd2c31290613de3255a64c9ddcc8203dc12', '2026-11-26 06:44:54.354148+00', 'postgres', NULL);


-- Data for Name: operator_actions; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.operator_actions OVERRIDING SYSTEM VALUE VALUES
	(1, 'rewind', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'nothing', 'somebody', 'a row of each table', '{}', NULL, '2026-11-26 06:45:06.850092+00', NULL);


-- Data for Name: order_checks; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.order_checks VALUES
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'order', '5790f82e-c1d3-4cff-aa3a-f4d46b0a18e8', '2026-11-26 06:44:56.657131+00', NULL, 0),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'order', 'a49636a2-fa7f-4eab-8c4f-9b0687322e25', '2026-11-26 06:44:56.657131+00', NULL, 0),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'order', 'b0a844e5-2587-4e6b-9c9b-cf35873be078', '2026-11-26 06:44:56.657131+00', NULL, 0),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'order', 'e883a1d4-5de0-4997-84b5-a81842d87208', '2026-11-26 06:44:56.657131+00', NULL, 0),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'client', 'kept-1', '2026-11-26 06:45:00.576122+00', '2026-11-26 06:44:56.657131+00', 2),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'client', 'kept-2', '2026-11-26 06:45:00.576122+00', '2026-11-26 06:44:56.657131+00', 2),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'client', 'kept-3', '2026-11-26 06:45:00.576122+00', '2026-11-26 06:44:56.657131+00', 2),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'order', '0f21ddb6-6cad-4a26-8d11-6ece1738f7d9', '2026-11-26 06:45:06.042539+00', NULL, 0);


-- Data for Name: order_events; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.order_events VALUES
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '5790f82e-c1d3-4cff-aa3a-f4d46b0a18e8', '04a8b649-dabc-a8b8-ecdb-5f3bf93cb11a', 'stream', 'pending_new', '2026-11-26 06:44:56.736591+00', NULL, NULL, NULL, NULL, 2, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.735801+00', '2026-11-26 06:44:56.736741+00', '2026-11-26 06:44:56.735801+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', '6bf46c69-7d2c-4f82-aeea-cbe226e87555', 'NVDA270115P00290000', 'bb9944d8-0761-5833-9757-4342a1dff2c1', 'us_option', 'buy', 'buy_to_open', 'market', '', 'day', 'pending_new', NULL, NULL, false, NULL, NULL, 110, 1795675496736740797, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 0, 2, '2026-11-26 06:44:56.758+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '5790f82e-c1d3-4cff-aa3a-f4d46b0a18e8', '5a0249d7-72ee-16d2-98e5-3b71818f9c8b', 'stream', 'new', '2026-11-26 06:44:56.761588+00', 'b1fee08f-5712-4242-9051-c1ccd17f9aca', NULL, NULL, NULL, 2, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.735801+00', '2026-11-26 06:44:56.761958+00', '2026-11-26 06:44:56.735801+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', '6bf46c69-7d2c-4f82-aeea-cbe226e87555', 'NVDA270115P00290000', 'bb9944d8-0761-5833-9757-4342a1dff2c1', 'us_option', 'buy', 'buy_to_open', 'market', '', 'day', 'new', NULL, NULL, false, NULL, NULL, 200, 1795675496761957863, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 0, 3, '2026-11-26 06:44:56.762+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '5790f82e-c1d3-4cff-aa3a-f4d46b0a18e8', '274ad4f1-45ef-f9ae-1112-59e735ad1db1', 'stream', 'fill', '2026-11-26 06:44:57.342191+00', 'a91c2439-d5ab-4b4d-95b4-0aeba4a45eff', 2, 5.8, 2, 2, NULL, 2, 5.8, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.735801+00', '2026-11-26 06:44:57.342541+00', '2026-11-26 06:44:56.735801+00', '2026-11-26 06:44:57.342191+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', '6bf46c69-7d2c-4f82-aeea-cbe226e87555', 'NVDA270115P00290000', 'bb9944d8-0761-5833-9757-4342a1dff2c1', 'us_option', 'buy', 'buy_to_open', 'market', '', 'day', 'filled', NULL, NULL, false, NULL, NULL, 940, 1795675497342540893, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 0, 4, '2026-11-26 06:44:57.343+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '15bd448f-f261-49ed-be4c-5ce666c1494e', '0a4c0bcf-1466-2055-15a6-1ab3fa954c2d', 'stream', 'pending_new', '2026-11-26 06:44:57.403379+00', NULL, NULL, NULL, NULL, 4.004117845, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.402612+00', '2026-11-26 06:44:57.403552+00', '2026-11-26 06:44:57.402612+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'fe3c9c8f-2b85-4c1f-a8aa-ca51b98c67c2', 'TSLA', 'c2dedda1-5383-529d-a16c-959b18d94823', 'us_equity', 'sell', 'sell_to_open', 'market', '', 'day', 'pending_new', NULL, NULL, false, NULL, NULL, 110, 1795675497403552027, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 0, 5, '2026-11-26 06:44:57.478+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '15bd448f-f261-49ed-be4c-5ce666c1494e', 'd2213ce7-f6ef-d885-7350-fc2ee86d5248', 'stream', 'new', '2026-11-26 06:44:57.410379+00', 'faf55496-988a-43fb-9396-30d69c9011ef', NULL, NULL, NULL, 4.004117845, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.402612+00', '2026-11-26 06:44:57.410558+00', '2026-11-26 06:44:57.402612+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'fe3c9c8f-2b85-4c1f-a8aa-ca51b98c67c2', 'TSLA', 'c2dedda1-5383-529d-a16c-959b18d94823', 'us_equity', 'sell', 'sell_to_open', 'market', '', 'day', 'new', NULL, NULL, false, NULL, NULL, 200, 1795675497410557733, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 0, 6, '2026-11-26 06:44:57.478+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '072a98d2-3606-4efc-9fb8-5c0dd37ee915', '3af10d6f-7a1d-adba-1567-3ce4029bd236', 'stream', 'pending_new', '2026-11-26 06:44:57.610156+00', NULL, NULL, NULL, NULL, 23134.2, NULL, 0, NULL, 0.0857502, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.609419+00', '2026-11-26 06:44:57.610359+00', '2026-11-26 06:44:57.609419+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', '804c25d6-4aff-4cd1-b678-bc8d40783f0a', 'DOGE/USD', '6aa806de-2961-56b9-a739-25e587baf693', 'crypto', 'buy', 'buy_to_open', 'limit', '', 'ioc', 'pending_new', NULL, NULL, false, NULL, NULL, 110, 1795675497610358767, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 0, 7, '2026-11-26 06:44:57.611+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '072a98d2-3606-4efc-9fb8-5c0dd37ee915', 'f29a087c-2ce8-2f8a-6a70-832710a42649', 'stream', 'new', '2026-11-26 06:44:57.612339+00', '5a9196f0-bd6b-481a-a8f6-e0bd0f977044', NULL, NULL, NULL, 23134.2, NULL, 0, NULL, 0.0857502, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.609419+00', '2026-11-26 06:44:57.612514+00', '2026-11-26 06:44:57.609419+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', '804c25d6-4aff-4cd1-b678-bc8d40783f0a', 'DOGE/USD', '6aa806de-2961-56b9-a739-25e587baf693', 'crypto', 'buy', 'buy_to_open', 'limit', '', 'ioc', 'new', NULL, NULL, false, NULL, NULL, 200, 1795675497612513647, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 0, 8, '2026-11-26 06:44:57.612+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '243d3570-2c1e-4a1f-a659-74a7cc966f46', '23aec5f5-d07e-f0bb-69bc-c7a1938d21a0', 'stream', 'pending_new', '2026-11-26 06:44:57.70645+00', NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, 667, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.706663+00', '2026-11-26 06:44:57.705723+00', NULL, NULL, NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', '1ece615d-b9a6-442e-9e7d-6b377936d536', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'sell', 'sell_to_open', 'limit', 'bracket', 'gtc', 'pending_new', NULL, NULL, false, NULL, NULL, 110, 1795675497706663020, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 0, 9, '2026-11-26 06:44:57.721+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '243d3570-2c1e-4a1f-a659-74a7cc966f46', '0fccacbb-db67-345b-3628-22b1b608fa43', 'stream', 'new', '2026-11-26 06:44:57.723218+00', 'b156d1ad-330c-46a3-831d-03bf9b2bd6c0', NULL, NULL, NULL, 1, NULL, 0, NULL, 667, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.723491+00', '2026-11-26 06:44:57.705723+00', NULL, NULL, NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', '1ece615d-b9a6-442e-9e7d-6b377936d536', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'sell', 'sell_to_open', 'limit', 'bracket', 'gtc', 'new', NULL, NULL, false, NULL, NULL, 200, 1795675497723490984, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 0, 10, '2026-11-26 06:44:57.725+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '15bd448f-f261-49ed-be4c-5ce666c1494e', '00d82471-6e8d-19cb-fa8b-ce7353bb6024', 'stream', 'fill', '2026-11-26 06:44:57.723268+00', 'f132bf2d-e040-415c-a064-a11485f1115b', 4.004117845, 403.62, -4.004117845, 4.004117845, NULL, 4.004117845, 403.62, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.402612+00', '2026-11-26 06:44:57.723591+00', '2026-11-26 06:44:57.402612+00', '2026-11-26 06:44:57.723268+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'fe3c9c8f-2b85-4c1f-a8aa-ca51b98c67c2', 'TSLA', 'c2dedda1-5383-529d-a16c-959b18d94823', 'us_equity', 'sell', 'sell_to_open', 'market', '', 'day', 'filled', NULL, NULL, false, NULL, NULL, 940, 1795675497723591373, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 0, 11, '2026-11-26 06:44:57.725+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '243d3570-2c1e-4a1f-a659-74a7cc966f46', 'a2402b95-f20e-13d1-5774-3f7874af52b7', 'stream', 'fill', '2026-11-26 06:44:57.737232+00', '12b80aed-6da7-4a87-bd9a-8079abd0d7fb', 1, 671.16, -1, 1, NULL, 1, 671.16, 667, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.737391+00', '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.737232+00', NULL, NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', '1ece615d-b9a6-442e-9e7d-6b377936d536', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'sell', 'sell_to_open', 'limit', 'bracket', 'gtc', 'filled', NULL, NULL, false, NULL, NULL, 940, 1795675497737391350, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 0, 12, '2026-11-26 06:44:57.742+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '072a98d2-3606-4efc-9fb8-5c0dd37ee915', '6d9dde8c-c5b9-251f-283a-a836213df91c', 'stream', 'canceled', '2026-11-26 06:44:57.749849+00', '65f42986-1818-4af4-b3d7-4f82bf268ea0', NULL, NULL, NULL, 23134.2, NULL, 0, NULL, 0.0857502, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.609419+00', '2026-11-26 06:44:57.750046+00', '2026-11-26 06:44:57.609419+00', NULL, '2026-11-26 06:44:57.749849+00', NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', '804c25d6-4aff-4cd1-b678-bc8d40783f0a', 'DOGE/USD', '6aa806de-2961-56b9-a739-25e587baf693', 'crypto', 'buy', 'buy_to_open', 'limit', '', 'ioc', 'canceled', NULL, NULL, false, NULL, NULL, 920, 1795675497750046279, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 0, 13, '2026-11-26 06:44:57.762+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '0f21ddb6-6cad-4a26-8d11-6ece1738f7d9', 'f338e785-9552-21cd-c4ae-d8e2f44f3ac4', 'stream', 'pending_new', '2026-11-26 06:44:56.566283+00', NULL, NULL, NULL, NULL, 53, NULL, 0, NULL, 231.09, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.565542+00', '2026-11-26 06:44:56.566482+00', '2026-11-26 06:44:56.565542+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'f28c105d-1fb1-4c23-90c1-92cfd3ac94af', 'AAPL', 'e450a531-15ba-5154-9a2d-a2be6a82e188', 'us_equity', 'buy', 'buy_to_open', 'limit', '', 'day', 'pending_new', NULL, NULL, true, NULL, NULL, 110, 1795675496566481559, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 1, 0, '2026-11-26 06:44:56.567+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '0f21ddb6-6cad-4a26-8d11-6ece1738f7d9', 'f9fff051-d893-e5b8-8c09-0723074a31d8', 'stream', 'new', '2026-11-26 06:44:56.594746+00', '0becd7b0-3898-4190-b9eb-dacc0cb1e29c', NULL, NULL, NULL, 53, NULL, 0, NULL, 231.09, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.565542+00', '2026-11-26 06:44:56.59499+00', '2026-11-26 06:44:56.565542+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'f28c105d-1fb1-4c23-90c1-92cfd3ac94af', 'AAPL', 'e450a531-15ba-5154-9a2d-a2be6a82e188', 'us_equity', 'buy', 'buy_to_open', 'limit', '', 'day', 'new', NULL, NULL, true, NULL, NULL, 200, 1795675496594990086, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 1, 1, '2026-11-26 06:44:56.597+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '301850c5-a38f-4547-923a-736994e3bf91', 'ea47e312-403a-2de7-2d8c-ea1fb8efa663', 'stream', 'pending_new', '2026-11-26 06:44:56.71928+00', NULL, NULL, NULL, NULL, NULL, 4081.63, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.718496+00', '2026-11-26 06:44:56.719436+00', '2026-11-26 06:44:56.718496+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'b64ce422-8c38-4b29-98f1-35d25f557203', 'MSFT', '48f12557-3e47-5830-8537-17ab621e51d5', 'us_equity', 'buy', 'buy_to_open', 'market', '', 'day', 'pending_new', NULL, NULL, false, NULL, NULL, 110, 1795675496719435989, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 1, 2, '2026-11-26 06:44:56.758+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '301850c5-a38f-4547-923a-736994e3bf91', 'e594de9d-52b8-ada9-d2d2-4a5b7381451d', 'stream', 'new', '2026-11-26 06:44:56.736185+00', '95e761d1-7731-4f10-906b-f2efc6f87718', NULL, NULL, NULL, NULL, 4081.63, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.718496+00', '2026-11-26 06:44:56.736437+00', '2026-11-26 06:44:56.718496+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'b64ce422-8c38-4b29-98f1-35d25f557203', 'MSFT', '48f12557-3e47-5830-8537-17ab621e51d5', 'us_equity', 'buy', 'buy_to_open', 'market', '', 'day', 'new', NULL, NULL, false, NULL, NULL, 200, 1795675496736436677, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 1, 3, '2026-11-26 06:44:56.758+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '0f21ddb6-6cad-4a26-8d11-6ece1738f7d9', 'f91813b7-6e17-2631-31cb-9d15b14f1ca8', 'stream', 'fill', '2026-11-26 06:44:56.765765+00', 'aa05e11a-b271-4945-b95e-8229451abd81', 53, 231.09, 53, 53, NULL, 53, 231.09, 231.09, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.565542+00', '2026-11-26 06:44:56.766153+00', '2026-11-26 06:44:56.565542+00', '2026-11-26 06:44:56.765765+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'f28c105d-1fb1-4c23-90c1-92cfd3ac94af', 'AAPL', 'e450a531-15ba-5154-9a2d-a2be6a82e188', 'us_equity', 'buy', 'buy_to_open', 'limit', '', 'day', 'filled', NULL, NULL, true, NULL, NULL, 940, 1795675496766152548, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 1, 4, '2026-11-26 06:44:56.767+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '301850c5-a38f-4547-923a-736994e3bf91', '0898ed54-c92c-f112-c463-eeb55bb0ca92', 'stream', 'fill', '2026-11-26 06:44:56.80325+00', '05c6af07-58d5-463d-ab2c-d31ee3151288', 8.201478891, 497.67, 8.201478891, NULL, 4081.63, 8.201478891, 497.67, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.718496+00', '2026-11-26 06:44:56.803491+00', '2026-11-26 06:44:56.718496+00', '2026-11-26 06:44:56.80325+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'b64ce422-8c38-4b29-98f1-35d25f557203', 'MSFT', '48f12557-3e47-5830-8537-17ab621e51d5', 'us_equity', 'buy', 'buy_to_open', 'market', '', 'day', 'filled', NULL, NULL, false, NULL, NULL, 940, 1795675496803491123, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 1, 5, '2026-11-26 06:44:56.807+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'aead44b0-5373-40e5-8fcf-31ca8e752fdf', 'b6e85c73-b3f2-cb64-d1e5-bf2a9a696a7e', 'stream', 'held', '2026-11-26 06:44:57.70645+00', NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, 651.16, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.706663+00', '2026-11-26 06:44:57.705723+00', NULL, NULL, NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', '7b8444d1-8e31-4041-87dd-aeb784b28054', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'buy', 'buy_to_close', 'limit', 'bracket', 'gtc', 'held', NULL, NULL, false, NULL, NULL, 140, 1795675497706663020, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 1, 6, '2026-11-26 06:44:57.725+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'aead44b0-5373-40e5-8fcf-31ca8e752fdf', 'e0a474a4-5a0d-250a-a84d-e9136ea9ae1d', 'stream', 'new', '2026-11-26 06:44:57.743054+00', 'a906922f-a4b9-49c4-b753-a1eef0836085', NULL, NULL, NULL, 1, NULL, 0, NULL, 651.16, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.743234+00', '2026-11-26 06:44:57.705723+00', NULL, NULL, NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', '7b8444d1-8e31-4041-87dd-aeb784b28054', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'buy', 'buy_to_close', 'limit', 'bracket', 'gtc', 'new', NULL, NULL, false, NULL, NULL, 200, 1795675497743234216, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 1, 7, '2026-11-26 06:44:57.756+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'aead44b0-5373-40e5-8fcf-31ca8e752fdf', '7ed264cc-1e3a-b5ac-9998-fa6a54c2e3c6', 'stream', 'fill', '2026-11-26 06:44:57.770279+00', 'fc2e6a59-1ce3-4c0c-9075-5c97f5f554ed', 1, 651.16, 0, 1, NULL, 1, 651.16, 651.16, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.770553+00', '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.770279+00', NULL, NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', '7b8444d1-8e31-4041-87dd-aeb784b28054', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'buy', 'buy_to_close', 'limit', 'bracket', 'gtc', 'filled', NULL, NULL, false, NULL, NULL, 940, 1795675497770553243, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 1, 8, '2026-11-26 06:44:57.846+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '0f21ddb6-6cad-4a26-8d11-6ece1738f7d9', '5a22c465-0cc2-358d-9172-49d9d8bfb896', 'stream', 'trade_bust', '2026-11-26 06:44:57.886478+00', 'd97e967b-6c18-4982-91dc-ec53212a8d9b', 53, 231.09, NULL, 53, NULL, 0, NULL, 231.09, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.565542+00', '2026-11-26 06:44:57.886856+00', '2026-11-26 06:44:56.565542+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'f28c105d-1fb1-4c23-90c1-92cfd3ac94af', 'AAPL', 'e450a531-15ba-5154-9a2d-a2be6a82e188', 'us_equity', 'buy', 'buy_to_open', 'limit', '', 'day', 'new', NULL, NULL, true, NULL, NULL, 200, 1795675497886856447, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 1, 9, '2026-11-26 06:44:58.003+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'b4d66a3a-4746-4a4d-8cdb-305fdd2e1609', '9365571b-0e9d-3aea-e0e2-b4a3968fbebb', 'stream', 'pending_new', '2026-11-26 06:44:56.871476+00', NULL, NULL, NULL, NULL, 9, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.870908+00', '2026-11-26 06:44:56.871848+00', '2026-11-26 06:44:56.870908+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'aec6f024-5bd8-4d40-bc89-1b4a6a50df4d', 'SPY270319C00230000', '8cf3b987-d30f-59a9-9efc-6b561e6deca2', 'us_option', 'buy', 'buy_to_open', 'market', '', 'day', 'pending_new', NULL, NULL, false, NULL, NULL, 110, 1795675496871847761, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 2, 0, '2026-11-26 06:44:56.907+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'b4d66a3a-4746-4a4d-8cdb-305fdd2e1609', '2cdf8316-9d0e-b0a0-14ef-3ee177a454d7', 'stream', 'new', '2026-11-26 06:44:56.872052+00', '7c26847f-0316-409e-bbbb-e9eaa8948c89', NULL, NULL, NULL, 9, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.870908+00', '2026-11-26 06:44:56.872253+00', '2026-11-26 06:44:56.870908+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'aec6f024-5bd8-4d40-bc89-1b4a6a50df4d', 'SPY270319C00230000', '8cf3b987-d30f-59a9-9efc-6b561e6deca2', 'us_option', 'buy', 'buy_to_open', 'market', '', 'day', 'new', NULL, NULL, false, NULL, NULL, 200, 1795675496872252600, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 2, 1, '2026-11-26 06:44:56.907+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'a7abe1c2-9e1a-4ef4-b341-e07a83f73f16', '0a3cb691-8902-fd63-d68a-5346acc92748', 'stream', 'pending_new', '2026-11-26 06:44:56.888398+00', NULL, NULL, NULL, NULL, 2.831706119, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.887834+00', '2026-11-26 06:44:56.888774+00', '2026-11-26 06:44:56.887834+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', '74e69a5d-0dd2-4a65-bd62-8881ad1b72db', 'QQQ', '4c9552f3-6ac8-5944-a210-2e727b0b7f60', 'us_equity', 'sell', 'sell_to_open', 'market', '', 'day', 'pending_new', NULL, NULL, false, NULL, NULL, 110, 1795675496888774270, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 2, 2, '2026-11-26 06:44:56.907+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'a7abe1c2-9e1a-4ef4-b341-e07a83f73f16', 'ce505801-7d50-0079-5d95-54d5fcc46178', 'stream', 'new', '2026-11-26 06:44:56.931184+00', '1a81682c-64e5-4cad-a623-7a0465e7e423', NULL, NULL, NULL, 2.831706119, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.887834+00', '2026-11-26 06:44:56.931427+00', '2026-11-26 06:44:56.887834+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', '74e69a5d-0dd2-4a65-bd62-8881ad1b72db', 'QQQ', '4c9552f3-6ac8-5944-a210-2e727b0b7f60', 'us_equity', 'sell', 'sell_to_open', 'market', '', 'day', 'new', NULL, NULL, false, NULL, NULL, 200, 1795675496931426920, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 2, 3, '2026-11-26 06:44:56.934+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'a7abe1c2-9e1a-4ef4-b341-e07a83f73f16', '46851314-e695-5e67-f738-7d537cdef697', 'stream', 'fill', '2026-11-26 06:44:56.931646+00', '0d75985d-99c9-4309-970d-c1951c2442f9', 2.831706119, 603.07, -2.831706119, 2.831706119, NULL, 2.831706119, 603.07, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.887834+00', '2026-11-26 06:44:56.931829+00', '2026-11-26 06:44:56.887834+00', '2026-11-26 06:44:56.931646+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', '74e69a5d-0dd2-4a65-bd62-8881ad1b72db', 'QQQ', '4c9552f3-6ac8-5944-a210-2e727b0b7f60', 'us_equity', 'sell', 'sell_to_open', 'market', '', 'day', 'filled', NULL, NULL, false, NULL, NULL, 940, 1795675496931828733, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 2, 4, '2026-11-26 06:44:56.934+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'b4d66a3a-4746-4a4d-8cdb-305fdd2e1609', '8191066f-9417-68c3-a9dc-e5212fd211c1', 'stream', 'fill', '2026-11-26 06:44:57.027217+00', '4093f6de-a268-4a87-a607-679d6050914a', 9, 4.6, 9, 9, NULL, 9, 4.6, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.870908+00', '2026-11-26 06:44:57.027518+00', '2026-11-26 06:44:56.870908+00', '2026-11-26 06:44:57.027217+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'aec6f024-5bd8-4d40-bc89-1b4a6a50df4d', 'SPY270319C00230000', '8cf3b987-d30f-59a9-9efc-6b561e6deca2', 'us_option', 'buy', 'buy_to_open', 'market', '', 'day', 'filled', NULL, NULL, false, NULL, NULL, 940, 1795675497027518374, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 2, 5, '2026-11-26 06:44:57.028+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 'd58288cc-10b7-38dc-1e09-e93fa4900637', 'stream', 'pending_new', '2026-11-26 06:44:57.02829+00', NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, 8.56, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.028569+00', '2026-11-26 06:44:57.027629+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'c215a82a-06ec-41ad-aa05-75438b0d590b', '', '00000000-0000-0000-0000-000000000000', '', 'buy', NULL, 'limit', 'mleg', 'day', 'pending_new', NULL, NULL, false, NULL, NULL, 110, 1795675497028569214, 0, 4277927935, NULL, 'released-0.1.0.trade-updates.v1', 2, 6, '2026-11-26 06:44:57.029+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'a49636a2-fa7f-4eab-8c4f-9b0687322e25', 'c5567fe2-79fe-de0a-2e96-fb72a57371f0', 'stream', 'leg', '2026-11-26 06:44:57.02829+00', NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.028569+00', '2026-11-26 06:44:57.027629+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'd86f40f6-b239-43c7-974c-77a2dd02de92', 'SPY261218C00170000', 'f53c331e-8ce3-5ce5-8555-2c7d594bf26f', 'us_option', 'buy', NULL, '', 'mleg', 'day', 'pending_new', NULL, NULL, false, 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 1, 110, 1795675497028569214, 0, 4277927935, NULL, 'released-0.1.0.trade-updates.v1', 2, 6, '2026-11-26 06:44:57.029+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'e883a1d4-5de0-4997-84b5-a81842d87208', '8423886e-6c4c-3ee4-2f35-60f48b39aeff', 'stream', 'leg', '2026-11-26 06:44:57.02829+00', NULL, NULL, NULL, NULL, 2, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.028569+00', '2026-11-26 06:44:57.027629+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '3908f227-c59d-4916-9b0e-e76f2ac34446', 'SPY261218P00180000', '946c9c3e-fcd5-5723-9597-87209bf0b325', 'us_option', 'buy', NULL, '', 'mleg', 'day', 'pending_new', NULL, NULL, false, 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 2, 110, 1795675497028569214, 0, 4277927935, NULL, 'released-0.1.0.trade-updates.v1', 2, 6, '2026-11-26 06:44:57.029+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'b0a844e5-2587-4e6b-9c9b-cf35873be078', '59dc3c2d-8c5f-b308-1551-23397ab99e7d', 'stream', 'new', '2026-11-26 06:44:57.0294+00', NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, 8.56, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.029752+00', '2026-11-26 06:44:57.027629+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'c215a82a-06ec-41ad-aa05-75438b0d590b', '', '00000000-0000-0000-0000-000000000000', '', 'buy', NULL, 'limit', 'mleg', 'day', 'new', NULL, NULL, false, NULL, NULL, 200, 1795675497029752453, 0, 4277927935, NULL, 'released-0.1.0.trade-updates.v1', 2, 7, '2026-11-26 06:44:57.03+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'a49636a2-fa7f-4eab-8c4f-9b0687322e25', 'b3626ab7-cc47-c827-a84f-fc7987a5f5be', 'stream', 'leg', '2026-11-26 06:44:57.0294+00', NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.029752+00', '2026-11-26 06:44:57.027629+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'd86f40f6-b239-43c7-974c-77a2dd02de92', 'SPY261218C00170000', 'f53c331e-8ce3-5ce5-8555-2c7d594bf26f', 'us_option', 'buy', NULL, '', 'mleg', 'day', 'new', NULL, NULL, false, 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 1, 200, 1795675497029752453, 0, 4277927935, NULL, 'released-0.1.0.trade-updates.v1', 2, 7, '2026-11-26 06:44:57.03+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'e883a1d4-5de0-4997-84b5-a81842d87208', '92d22b0e-e9f6-2639-abc1-c4e070799e1f', 'stream', 'leg', '2026-11-26 06:44:57.0294+00', NULL, NULL, NULL, NULL, 2, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.029752+00', '2026-11-26 06:44:57.027629+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '3908f227-c59d-4916-9b0e-e76f2ac34446', 'SPY261218P00180000', '946c9c3e-fcd5-5723-9597-87209bf0b325', 'us_option', 'buy', NULL, '', 'mleg', 'day', 'new', NULL, NULL, false, 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 2, 200, 1795675497029752453, 0, 4277927935, NULL, 'released-0.1.0.trade-updates.v1', 2, 7, '2026-11-26 06:44:57.03+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'cefe2a1f-727d-4349-9822-cb77f4de2c08', '4a3cc24c-93bb-d339-5ec8-516e672257a2', 'stream', 'pending_new', '2026-11-26 06:44:57.141758+00', NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, 186.69, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.141209+00', '2026-11-26 06:44:57.142149+00', '2026-11-26 06:44:57.141209+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', '597a1ecf-fcf0-4fec-b91e-e9e5efe09f07', 'NVDA', 'c85df65b-e235-5647-944f-854fad359510', 'us_equity', 'buy', 'buy_to_open', 'limit', '', 'day', 'pending_new', NULL, NULL, false, NULL, NULL, 110, 1795675497142148831, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 2, 8, '2026-11-26 06:44:57.152+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'cefe2a1f-727d-4349-9822-cb77f4de2c08', '58ec1d0a-ae67-9376-35e4-6aefd51dedf6', 'stream', 'new', '2026-11-26 06:44:57.151249+00', '9fc2d0a1-7b8f-4ab5-b451-d0135675f6ad', NULL, NULL, NULL, 1, NULL, 0, NULL, 186.69, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.141209+00', '2026-11-26 06:44:57.15144+00', '2026-11-26 06:44:57.141209+00', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', '597a1ecf-fcf0-4fec-b91e-e9e5efe09f07', 'NVDA', 'c85df65b-e235-5647-944f-854fad359510', 'us_equity', 'buy', 'buy_to_open', 'limit', '', 'day', 'new', NULL, NULL, false, NULL, NULL, 200, 1795675497151440164, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 2, 9, '2026-11-26 06:44:57.152+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'e21b37ca-1b29-4c99-86c8-0e2bc8c614b2', 'e554d66b-cdd9-0c2e-f3f4-f1de8e9b45b1', 'stream', 'held', '2026-11-26 06:44:57.70645+00', NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, NULL, 691.43, NULL, NULL, NULL, '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.706663+00', '2026-11-26 06:44:57.705723+00', NULL, NULL, NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', '30f97058-3f9d-42f9-8e8b-ec948f6f915f', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'buy', 'buy_to_close', 'stop', 'bracket', 'gtc', 'held', NULL, NULL, false, NULL, NULL, 140, 1795675497706663020, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 2, 10, '2026-11-26 06:44:57.725+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 'e7fa63d3-cc13-6225-af40-e851afc991b0', 'stream', 'expired', '2026-11-26 06:44:57.757373+00', NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, 8.56, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.757731+00', '2026-11-26 06:44:57.027629+00', NULL, NULL, '2026-11-26 06:44:57.757373+00', NULL, NULL, NULL, NULL, 'c215a82a-06ec-41ad-aa05-75438b0d590b', '', '00000000-0000-0000-0000-000000000000', '', 'buy', NULL, 'limit', 'mleg', 'day', 'expired', NULL, NULL, false, NULL, NULL, 910, 1795675497757730859, 0, 4277927935, NULL, 'released-0.1.0.trade-updates.v1', 2, 11, '2026-11-26 06:44:57.762+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'a49636a2-fa7f-4eab-8c4f-9b0687322e25', '2dd50a39-9f61-82f3-ebd5-c90f51327320', 'stream', 'leg', '2026-11-26 06:44:57.757373+00', NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.757731+00', '2026-11-26 06:44:57.027629+00', NULL, NULL, '2026-11-26 06:44:57.757373+00', NULL, NULL, NULL, NULL, 'd86f40f6-b239-43c7-974c-77a2dd02de92', 'SPY261218C00170000', 'f53c331e-8ce3-5ce5-8555-2c7d594bf26f', 'us_option', 'buy', NULL, '', 'mleg', 'day', 'expired', NULL, NULL, false, 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 1, 910, 1795675497757730859, 0, 4277927935, NULL, 'released-0.1.0.trade-updates.v1', 2, 11, '2026-11-26 06:44:57.762+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'e883a1d4-5de0-4997-84b5-a81842d87208', '48bd4d04-b1f0-77e3-894d-a8de6cbd95d3', 'stream', 'leg', '2026-11-26 06:44:57.757373+00', NULL, NULL, NULL, NULL, 2, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.757731+00', '2026-11-26 06:44:57.027629+00', NULL, NULL, '2026-11-26 06:44:57.757373+00', NULL, NULL, NULL, NULL, '3908f227-c59d-4916-9b0e-e76f2ac34446', 'SPY261218P00180000', '946c9c3e-fcd5-5723-9597-87209bf0b325', 'us_option', 'buy', NULL, '', 'mleg', 'day', 'expired', NULL, NULL, false, 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 2, 910, 1795675497757730859, 0, 4277927935, NULL, 'released-0.1.0.trade-updates.v1', 2, 11, '2026-11-26 06:44:57.762+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'cefe2a1f-727d-4349-9822-cb77f4de2c08', '64789536-d4f4-0cac-f52f-b34292f0246f', 'stream', 'fill', '2026-11-26 06:44:57.757724+00', '518ae452-5b4b-4b75-b21c-52966bd8c676', 1, 186.69, 1, 1, NULL, 1, 186.69, 186.69, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.141209+00', '2026-11-26 06:44:57.757953+00', '2026-11-26 06:44:57.141209+00', '2026-11-26 06:44:57.757724+00', NULL, NULL, NULL, NULL, NULL, '2026-11-26 21:00:00+00', '597a1ecf-fcf0-4fec-b91e-e9e5efe09f07', 'NVDA', 'c85df65b-e235-5647-944f-854fad359510', 'us_equity', 'buy', 'buy_to_open', 'limit', '', 'day', 'filled', NULL, NULL, false, NULL, NULL, 940, 1795675497757952725, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 2, 12, '2026-11-26 06:44:57.77+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'e21b37ca-1b29-4c99-86c8-0e2bc8c614b2', '20431347-2b05-3638-4ed5-b9ff0a988948', 'stream', 'canceled', '2026-11-26 06:44:57.873395+00', 'c76c603f-e7e8-49f6-8a22-7385459c945c', NULL, NULL, NULL, 1, NULL, 0, NULL, NULL, 691.43, NULL, NULL, NULL, '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.873604+00', '2026-11-26 06:44:57.705723+00', NULL, '2026-11-26 06:44:57.873395+00', NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', '30f97058-3f9d-42f9-8e8b-ec948f6f915f', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'buy', 'buy_to_close', 'stop', 'bracket', 'gtc', 'canceled', NULL, NULL, false, NULL, NULL, 920, 1795675497873604327, 0, 4294967295, NULL, 'released-0.1.0.trade-updates.v1', 2, 13, '2026-11-26 06:44:58.003+00', '2026-11-26 06:44:59.506312+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '243d3570-2c1e-4a1f-a659-74a7cc966f46', 'bef4a1a6-c12e-edc9-65c0-c0c827881f4f', 'sweep', 'snapshot', NULL, NULL, NULL, NULL, NULL, 1, NULL, 1, 671.16, 667, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.737391+00', '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.737232+00', NULL, NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', '1ece615d-b9a6-442e-9e7d-6b377936d536', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'sell', 'sell_to_open', 'limit', 'bracket', 'gtc', 'filled', NULL, NULL, false, NULL, NULL, 940, 1795675497737391350, 1795675500727538509, 4294836223, NULL, 'released-0.1.0.order-snapshots.v1', 0, 0, '2026-11-26 06:45:00.863+00', '2026-11-26 06:45:01.026824+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'aead44b0-5373-40e5-8fcf-31ca8e752fdf', '410fc21c-129a-89f7-4019-0bd32244ce99', 'sweep', 'snapshot', NULL, NULL, NULL, NULL, NULL, 1, NULL, 1, 651.16, 651.16, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.770553+00', '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.770279+00', NULL, NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', '7b8444d1-8e31-4041-87dd-aeb784b28054', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'buy', 'buy_to_close', 'limit', 'bracket', 'gtc', 'filled', NULL, NULL, false, '243d3570-2c1e-4a1f-a659-74a7cc966f46', NULL, 940, 1795675497770553243, 1795675500727538509, 4294836223, NULL, 'released-0.1.0.order-snapshots.v1', 0, 0, '2026-11-26 06:45:00.863+00', '2026-11-26 06:45:01.026824+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'e21b37ca-1b29-4c99-86c8-0e2bc8c614b2', '2c79c8ea-47fc-ba97-86d5-18ff4c03e022', 'sweep', 'snapshot', NULL, NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, NULL, 691.43, NULL, NULL, NULL, '2026-11-26 06:44:57.705723+00', '2026-11-26 06:44:57.873604+00', '2026-11-26 06:44:57.705723+00', NULL, '2026-11-26 06:44:57.873395+00', NULL, NULL, NULL, NULL, '2027-02-24 21:00:00+00', '30f97058-3f9d-42f9-8e8b-ec948f6f915f', 'SPY', '4b5d45e1-730e-5032-81d7-43b422b29a5f', 'us_equity', 'buy', 'buy_to_close', 'stop', 'bracket', 'gtc', 'canceled', NULL, NULL, false, '243d3570-2c1e-4a1f-a659-74a7cc966f46', NULL, 920, 1795675497873604327, 1795675500727538509, 4294836223, NULL, 'released-0.1.0.order-snapshots.v1', 0, 0, '2026-11-26 06:45:00.863+00', '2026-11-26 06:45:01.026824+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'b0a844e5-2587-4e6b-9c9b-cf35873be078', '5e25cd52-df7b-4721-e38e-f20ace02bec2', 'sweep', 'snapshot', NULL, NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, 8.56, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.757731+00', '2026-11-26 06:44:57.027629+00', NULL, NULL, '2026-11-26 06:44:57.757373+00', NULL, NULL, NULL, NULL, 'c215a82a-06ec-41ad-aa05-75438b0d590b', '', '', '', 'buy', NULL, 'limit', 'mleg', 'day', 'expired', NULL, NULL, false, NULL, NULL, 910, 1795675497757730859, 1795675500727538509, 4277796863, NULL, 'released-0.1.0.order-snapshots.v1', 2, 0, '2026-11-26 06:45:00.872+00', '2026-11-26 06:45:01.026824+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'a49636a2-fa7f-4eab-8c4f-9b0687322e25', 'eb0598d5-206e-41f0-fccf-ad4d34ee324f', 'sweep', 'snapshot', NULL, NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.757731+00', '2026-11-26 06:44:57.027629+00', NULL, NULL, '2026-11-26 06:44:57.757373+00', NULL, NULL, NULL, '2026-11-26 21:00:00+00', 'd86f40f6-b239-43c7-974c-77a2dd02de92', 'SPY261218C00170000', 'f53c331e-8ce3-5ce5-8555-2c7d594bf26f', 'us_option', 'buy', 'buy_to_open', '', 'mleg', 'day', 'expired', NULL, NULL, false, 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 1, 910, 1795675497757730859, 1795675500727538509, 4294836223, NULL, 'released-0.1.0.order-snapshots.v1', 2, 0, '2026-11-26 06:45:00.872+00', '2026-11-26 06:45:01.026824+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'e883a1d4-5de0-4997-84b5-a81842d87208', '6763e540-9019-52e6-3211-a6c89ce02ee9', 'sweep', 'snapshot', NULL, NULL, NULL, NULL, NULL, 2, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-26 06:44:57.027629+00', '2026-11-26 06:44:57.757731+00', '2026-11-26 06:44:57.027629+00', NULL, NULL, '2026-11-26 06:44:57.757373+00', NULL, NULL, NULL, '2026-11-26 21:00:00+00', '3908f227-c59d-4916-9b0e-e76f2ac34446', 'SPY261218P00180000', '946c9c3e-fcd5-5723-9597-87209bf0b325', 'us_option', 'buy', 'buy_to_open', '', 'mleg', 'day', 'expired', NULL, NULL, false, 'b0a844e5-2587-4e6b-9c9b-cf35873be078', 2, 910, 1795675497757730859, 1795675500727538509, 4294836223, NULL, 'released-0.1.0.order-snapshots.v1', 2, 0, '2026-11-26 06:45:00.872+00', '2026-11-26 06:45:01.026824+00');


-- Data for Name: position_adjustments; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.position_adjustments VALUES
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'kept-1', 'SPLIT', 'AAPL', 0, 'cc814421-3a2f-4441-9e4c-b3e8ece17961', '2026-11-26 06:45:06.853974+00');


-- Data for Name: position_snapshots; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.position_snapshots VALUES
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:01.228+00', 'MSFT', 8.201478891, 8.201478891, 'long', '48f12557-3e47-5830-8537-17ab621e51d5', 'us_equity', 'NASDAQ', 497.67, 498.12, 4085.320665184, 4081.629999683, 3.690665501, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 1, '2026-11-26 06:45:01.233+00', '2026-11-26 06:45:01.2523+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:01.228+00', 'NVDA', 1, 1, 'long', 'c85df65b-e235-5647-944f-854fad359510', 'us_equity', 'NASDAQ', 186.69, 187.6, 187.6, 186.69, 0.91, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 1, '2026-11-26 06:45:01.233+00', '2026-11-26 06:45:01.2523+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:01.228+00', 'NVDA270115P00290000', 2, 2, 'long', 'bb9944d8-0761-5833-9757-4342a1dff2c1', 'us_option', NULL, 5.8, 5.8, 1160, 1160, 0, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 1, '2026-11-26 06:45:01.233+00', '2026-11-26 06:45:01.2523+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:01.228+00', 'QQQ', -2.831706119, 2.831706119, 'short', '4c9552f3-6ac8-5944-a210-2e727b0b7f60', 'us_equity', 'NASDAQ', 603.07, 603.8, -1709.784154653, -1707.717009186, -2.067145467, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 1, '2026-11-26 06:45:01.233+00', '2026-11-26 06:45:01.2523+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:01.228+00', 'SPY270319C00230000', 9, 9, 'long', '8cf3b987-d30f-59a9-9efc-6b561e6deca2', 'us_option', NULL, 4.6, 4.6, 4140, 4140, 0, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 1, '2026-11-26 06:45:01.233+00', '2026-11-26 06:45:01.2523+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:01.228+00', 'TSLA', -4.004117845, 4.004117845, 'short', 'c2dedda1-5383-529d-a16c-959b18d94823', 'us_equity', 'NASDAQ', 403.62, 402.9, -1613.259079751, -1616.142044599, 2.882964848, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 1, '2026-11-26 06:45:01.233+00', '2026-11-26 06:45:01.2523+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:02.498+00', 'MSFT', 8.201478891, 8.201478891, 'long', '48f12557-3e47-5830-8537-17ab621e51d5', 'us_equity', 'NASDAQ', 497.67, 498.12, 4085.320665184, 4081.629999683, 3.690665501, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 3, '2026-11-26 06:45:02.524+00', '2026-11-26 06:45:02.590012+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:02.498+00', 'NVDA', 1, 1, 'long', 'c85df65b-e235-5647-944f-854fad359510', 'us_equity', 'NASDAQ', 186.69, 187.6, 187.6, 186.69, 0.91, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 3, '2026-11-26 06:45:02.524+00', '2026-11-26 06:45:02.590012+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:02.498+00', 'NVDA270115P00290000', 2, 2, 'long', 'bb9944d8-0761-5833-9757-4342a1dff2c1', 'us_option', NULL, 5.8, 5.8, 1160, 1160, 0, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 3, '2026-11-26 06:45:02.524+00', '2026-11-26 06:45:02.590012+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:02.498+00', 'QQQ', -2.831706119, 2.831706119, 'short', '4c9552f3-6ac8-5944-a210-2e727b0b7f60', 'us_equity', 'NASDAQ', 603.07, 603.8, -1709.784154653, -1707.717009186, -2.067145467, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 3, '2026-11-26 06:45:02.524+00', '2026-11-26 06:45:02.590012+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:02.498+00', 'SPY270319C00230000', 9, 9, 'long', '8cf3b987-d30f-59a9-9efc-6b561e6deca2', 'us_option', NULL, 4.6, 4.6, 4140, 4140, 0, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 3, '2026-11-26 06:45:02.524+00', '2026-11-26 06:45:02.590012+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:02.498+00', 'TSLA', -4.004117845, 4.004117845, 'short', 'c2dedda1-5383-529d-a16c-959b18d94823', 'us_equity', 'NASDAQ', 403.62, 402.9, -1613.259079751, -1616.142044599, 2.882964848, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 3, '2026-11-26 06:45:02.524+00', '2026-11-26 06:45:02.590012+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:03.019+00', 'MSFT', 8.201478891, 8.201478891, 'long', '48f12557-3e47-5830-8537-17ab621e51d5', 'us_equity', 'NASDAQ', 497.67, 498.12, 4085.320665184, 4081.629999683, 3.690665501, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 5, '2026-11-26 06:45:03.02+00', '2026-11-26 06:45:03.089146+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:03.019+00', 'NVDA', 1, 1, 'long', 'c85df65b-e235-5647-944f-854fad359510', 'us_equity', 'NASDAQ', 186.69, 187.6, 187.6, 186.69, 0.91, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 5, '2026-11-26 06:45:03.02+00', '2026-11-26 06:45:03.089146+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:03.019+00', 'NVDA270115P00290000', 2, 2, 'long', 'bb9944d8-0761-5833-9757-4342a1dff2c1', 'us_option', NULL, 5.8, 5.8, 1160, 1160, 0, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 5, '2026-11-26 06:45:03.02+00', '2026-11-26 06:45:03.089146+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:03.019+00', 'QQQ', -2.831706119, 2.831706119, 'short', '4c9552f3-6ac8-5944-a210-2e727b0b7f60', 'us_equity', 'NASDAQ', 603.07, 603.8, -1709.784154653, -1707.717009186, -2.067145467, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 5, '2026-11-26 06:45:03.02+00', '2026-11-26 06:45:03.089146+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:03.019+00', 'SPY270319C00230000', 9, 9, 'long', '8cf3b987-d30f-59a9-9efc-6b561e6deca2', 'us_option', NULL, 4.6, 4.6, 4140, 4140, 0, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 5, '2026-11-26 06:45:03.02+00', '2026-11-26 06:45:03.089146+00'),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', '2026-11-26 06:45:03.019+00', 'TSLA', -4.004117845, 4.004117845, 'short', 'c2dedda1-5383-529d-a16c-959b18d94823', 'us_equity', 'NASDAQ', 403.62, 402.9, -1613.259079751, -1616.142044599, 2.882964848, 'sweep', 'released-0.1.0.account-snapshots.v1', 0, 5, '2026-11-26 06:45:03.02+00', '2026-11-26 06:45:03.089146+00');


-- Data for Name: proofs; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.proofs VALUES
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 1, 'f9cf65dfdd7d1b60e6ec967e91bb8ef8ce082f9796ca09251eac90729f2d8b16', '0000000000000000000000000000000000000000000000000000000000000000', '{"account_id":"8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17","broker":[0,"0000000000000000000000000000000000000000000000000000000000000000"],"format":1,"kind":"deep","log":{"released-0.1.0.account-snapshots.v1:0":[0,4,"GBeusy5tR4aYWvPjicDA5A","a05a9e39c6ded44d3166241d97e4d576c300b47f28f700f94acfb50e9a203967"],"released-0.1.0.account-snapshots.v1:1":[0,0,"GBeusy5tR4aYWvPjicDA5A","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.account-snapshots.v1:2":[0,0,"GBeusy5tR4aYWvPjicDA5A","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.adjustments.v1:0":[0,0,"hb2dTAf8QJGTJk2eoSGvAw","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.adjustments.v1:1":[0,0,"hb2dTAf8QJGTJk2eoSGvAw","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.adjustments.v1:2":[0,0,"hb2dTAf8QJGTJk2eoSGvAw","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.fill-activities.v1:0":[0,0,"Tue86LdTSw2RZDkr0jOcbw","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.fill-activities.v1:1":[0,0,"Tue86LdTSw2RZDkr0jOcbw","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.fill-activities.v1:2":[0,0,"Tue86LdTSw2RZDkr0jOcbw","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.order-snapshots.v1:0":[0,1,"fK5BSgkWS72iDo2HTt0YzQ","75d965a1b84564911ccc8528714aea0ca1a002af91d8deafd23cb98c21d32008"],"released-0.1.0.order-snapshots.v1:1":[0,0,"fK5BSgkWS72iDo2HTt0YzQ","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.order-snapshots.v1:2":[0,1,"fK5BSgkWS72iDo2HTt0YzQ","9415763d9128b1fae3a360ef48829707c4142ccc56ea6479f3bc384e2ac045b4"],"released-0.1.0.trade-updates.v1:0":[0,14,"85U0WzCaSTuIERKJzmBsbQ","371bf7418387664c89c0e2185bfe95da5b4420ae344c55e7168b48b8255de786"],"released-0.1.0.trade-updates.v1:1":[0,10,"85U0WzCaSTuIERKJzmBsbQ","f627e2ec5ac035612eb472437222cb4e8ec30a9d406aef989d45eee36239cb20"],"released-0.1.0.trade-updates.v1:2":[0,14,"85U0WzCaSTuIERKJzmBsbQ","0e48a430f3b954a1fef2e7f97daf96bedd478a14ca3eeaa869e028b6b577625d"]},"open_dead_letters":0,"previous":"0000000000000000000000000000000000000000000000000000000000000000","program":"unknown","proven_equal_at":"2026-11-26T06:44:56.327339+00:00","sealed_at":"2026-11-26T06:45:02.759633+00:00","seq":1,"sweep_id":"139af3e5-08cf-4a24-be27-0946f9e44db1","tables":{"account_snapshots":[["account_id","as_of","status","currency","equity","last_equity","cash","buying_power","regt_buying_power","daytrading_buying_power","options_buying_power","long_market_value","short_market_value","initial_margin","maintenance_margin","multiplier","pattern_day_trader","trading_blocked","transfers_blocked","account_blocked","trade_suspended_by_user","shorting_enabled","source","topic","partition","offset","known_at"],2,"c4bbf04f67525c95de9aad62b7d630cc99c608b939093ce6334b9d0b4ddf92e8"],"executions":[["alpaca_order_id","account_id","client_order_id","symbol","asset_id","asset_class","side","order_type","order_class","time_in_force","extended_hours","position_intent","qty","notional","filled_qty","filled_avg_price","limit_price","stop_price","trail_price","trail_percent","hwm","status","created_at","submitted_at","updated_at","updated_at_ns","filled_at","canceled_at","expired_at","failed_at","replaced_at","cancel_requested_at","expires_at","replaces","replaced_by","parent_order_id","ratio_qty","parent_version_ns","status_rank","snapshot_ns","stated","mixed","has_evidence","last_source","last_topic","last_partition","last_offset"],14,"b3db0010d2f9a94a258c1d756d556a30a24cffda46f40019a060b748d54feb07"],"fill_evidence":[["alpaca_order_id","account_id","evidence_key","kind","evidence_id","previous_execution_id","symbol","side","qty","price","transacted_at_ns","cum_qty","explained_from","topic","partition","offset","position","known_at"],1,"4e104dd224b0dcbfdc99e7f6ae39586f596b3aed169943f3eea2fd61bf3614ad"],"fills":[["fill_key","account_id","alpaca_order_id","execution_id","activity_id","symbol","side","qty","price","transacted_at","entry","reverses","source","topic","partition","offset"],10,"ce41f8fa2ceeebad309fd2a797a35469fd8146ce942e33ece668589a25a625ec"],"order_events":[["alpaca_order_id","account_id","event_key","source","event","event_at","execution_id","event_qty","event_price","position_qty","qty","notional","filled_qty","filled_avg_price","limit_price","stop_price","trail_price","trail_percent","hwm","created_at","updated_at","submitted_at","filled_at","canceled_at","expired_at","failed_at","replaced_at","cancel_requested_at","expires_at","client_order_id","symbol","asset_id","asset_class","side","position_intent","order_type","order_class","time_in_force","status","replaces","replaced_by","extended_hours","parent_order_id","ratio_qty","status_rank","updated_at_ns","snapshot_ns","stated","extra","topic","partition","offset","known_at"],48,"6bd2322cec839d95bd60fb4aa0f45295520368cb52fb81d9e0a33c63e56c97d4"],"position_snapshots":[["account_id","as_of","symbol","qty","qty_available","side","asset_id","asset_class","exchange","avg_entry_price","current_price","market_value","cost_basis","unrealized_pl","source","topic","partition","offset","known_at"],12,"2f7fde16ce15409f88c290d070c10ba2521603863331421be1f57db0ca28c988"]}}', '139af3e5-08cf-4a24-be27-0946f9e44db1', '2026-11-26 06:44:56.327339+00', '2026-11-26 06:45:02.759633+00', 'unknown', '{"released-0.1.0.adjustments.v1:0": 0, "released-0.1.0.adjustments.v1:1": 0, "released-0.1.0.adjustments.v1:2": 0, "released-0.1.0.trade-updates.v1:0": 14, "released-0.1.0.trade-updates.v1:1": 10, "released-0.1.0.trade-updates.v1:2": 14, "released-0.1.0.fill-activities.v1:0": 0, "released-0.1.0.fill-activities.v1:1": 0, "released-0.1.0.fill-activities.v1:2": 0, "released-0.1.0.order-snapshots.v1:0": 1, "released-0.1.0.order-snapshots.v1:1": 0, "released-0.1.0.order-snapshots.v1:2": 1, "released-0.1.0.account-snapshots.v1:0": 4, "released-0.1.0.account-snapshots.v1:1": 0, "released-0.1.0.account-snapshots.v1:2": 0}', '{"fills": "ce41f8fa2ceeebad309fd2a797a35469fd8146ce942e33ece668589a25a625ec", "executions": "b3db0010d2f9a94a258c1d756d556a30a24cffda46f40019a060b748d54feb07", "order_events": "6bd2322cec839d95bd60fb4aa0f45295520368cb52fb81d9e0a33c63e56c97d4", "fill_evidence": "4e104dd224b0dcbfdc99e7f6ae39586f596b3aed169943f3eea2fd61bf3614ad", "account_snapshots": "c4bbf04f67525c95de9aad62b7d630cc99c608b939093ce6334b9d0b4ddf92e8", "position_snapshots": "2f7fde16ce15409f88c290d070c10ba2521603863331421be1f57db0ca28c988"}', 0, true),
	('8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 2, 'a4b83dd2250440e54fcc945d8d6266298c20619e77122c43681973800d9f5e13', 'f9cf65dfdd7d1b60e6ec967e91bb8ef8ce082f9796ca09251eac90729f2d8b16', '{"account_id":"8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17","broker":[11,"31811b0c7c0cb07e7145906510a6f56cb0022da1db25a3060ce36cfa494b8079"],"format":1,"kind":"deep","log":{"released-0.1.0.account-snapshots.v1:0":[4,6,"GBeusy5tR4aYWvPjicDA5A","c2144a4da6e19dfc7c6760b936f406bf54c2aaa88630fd457124b98101df3106"],"released-0.1.0.account-snapshots.v1:1":[0,0,"GBeusy5tR4aYWvPjicDA5A","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.account-snapshots.v1:2":[0,0,"GBeusy5tR4aYWvPjicDA5A","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.adjustments.v1:0":[0,0,"hb2dTAf8QJGTJk2eoSGvAw","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.adjustments.v1:1":[0,0,"hb2dTAf8QJGTJk2eoSGvAw","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.adjustments.v1:2":[0,0,"hb2dTAf8QJGTJk2eoSGvAw","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.fill-activities.v1:0":[0,0,"Tue86LdTSw2RZDkr0jOcbw","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.fill-activities.v1:1":[0,0,"Tue86LdTSw2RZDkr0jOcbw","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.fill-activities.v1:2":[0,0,"Tue86LdTSw2RZDkr0jOcbw","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.order-snapshots.v1:0":[1,1,"fK5BSgkWS72iDo2HTt0YzQ","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.order-snapshots.v1:1":[0,0,"fK5BSgkWS72iDo2HTt0YzQ","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.order-snapshots.v1:2":[1,1,"fK5BSgkWS72iDo2HTt0YzQ","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.trade-updates.v1:0":[14,14,"85U0WzCaSTuIERKJzmBsbQ","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.trade-updates.v1:1":[10,10,"85U0WzCaSTuIERKJzmBsbQ","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"released-0.1.0.trade-updates.v1:2":[14,14,"85U0WzCaSTuIERKJzmBsbQ","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},"open_dead_letters":0,"previous":"f9cf65dfdd7d1b60e6ec967e91bb8ef8ce082f9796ca09251eac90729f2d8b16","program":"unknown","proven_equal_at":"2026-11-26T06:45:02.778780+00:00","sealed_at":"2026-11-26T06:45:03.571387+00:00","seq":2,"sweep_id":"8bac51a3-c5ae-4cf3-b14c-f44041f9da96","tables":{"account_snapshots":[["account_id","as_of","status","currency","equity","last_equity","cash","buying_power","regt_buying_power","daytrading_buying_power","options_buying_power","long_market_value","short_market_value","initial_margin","maintenance_margin","multiplier","pattern_day_trader","trading_blocked","transfers_blocked","account_blocked","trade_suspended_by_user","shorting_enabled","source","topic","partition","offset","known_at"],3,"d65ec66fb846a9d4bcef9172942f7273fc64395f43439c961653e1da17b0dff0"],"executions":[["alpaca_order_id","account_id","client_order_id","symbol","asset_id","asset_class","side","order_type","order_class","time_in_force","extended_hours","position_intent","qty","notional","filled_qty","filled_avg_price","limit_price","stop_price","trail_price","trail_percent","hwm","status","created_at","submitted_at","updated_at","updated_at_ns","filled_at","canceled_at","expired_at","failed_at","replaced_at","cancel_requested_at","expires_at","replaces","replaced_by","parent_order_id","ratio_qty","parent_version_ns","status_rank","snapshot_ns","stated","mixed","has_evidence","last_source","last_topic","last_partition","last_offset"],14,"b3db0010d2f9a94a258c1d756d556a30a24cffda46f40019a060b748d54feb07"],"fill_evidence":[["alpaca_order_id","account_id","evidence_key","kind","evidence_id","previous_execution_id","symbol","side","qty","price","transacted_at_ns","cum_qty","explained_from","topic","partition","offset","position","known_at"],1,"4e104dd224b0dcbfdc99e7f6ae39586f596b3aed169943f3eea2fd61bf3614ad"],"fills":[["fill_key","account_id","alpaca_order_id","execution_id","activity_id","symbol","side","qty","price","transacted_at","entry","reverses","source","topic","partition","offset"],10,"ce41f8fa2ceeebad309fd2a797a35469fd8146ce942e33ece668589a25a625ec"],"order_events":[["alpaca_order_id","account_id","event_key","source","event","event_at","execution_id","event_qty","event_price","position_qty","qty","notional","filled_qty","filled_avg_price","limit_price","stop_price","trail_price","trail_percent","hwm","created_at","updated_at","submitted_at","filled_at","canceled_at","expired_at","failed_at","replaced_at","cancel_requested_at","expires_at","client_order_id","symbol","asset_id","asset_class","side","position_intent","order_type","order_class","time_in_force","status","replaces","replaced_by","extended_hours","parent_order_id","ratio_qty","status_rank","updated_at_ns","snapshot_ns","stated","extra","topic","partition","offset","known_at"],48,"6bd2322cec839d95bd60fb4aa0f45295520368cb52fb81d9e0a33c63e56c97d4"],"position_snapshots":[["account_id","as_of","symbol","qty","qty_available","side","asset_id","asset_class","exchange","avg_entry_price","current_price","market_value","cost_basis","unrealized_pl","source","topic","partition","offset","known_at"],18,"b376196216979024ebf98f2871077aa466a1ee3b747e6c710d7affffb9272d4e"]}}', '8bac51a3-c5ae-4cf3-b14c-f44041f9da96', '2026-11-26 06:45:02.77878+00', '2026-11-26 06:45:03.571387+00', 'unknown', '{"released-0.1.0.adjustments.v1:0": 0, "released-0.1.0.adjustments.v1:1": 0, "released-0.1.0.adjustments.v1:2": 0, "released-0.1.0.trade-updates.v1:0": 14, "released-0.1.0.trade-updates.v1:1": 10, "released-0.1.0.trade-updates.v1:2": 14, "released-0.1.0.fill-activities.v1:0": 0, "released-0.1.0.fill-activities.v1:1": 0, "released-0.1.0.fill-activities.v1:2": 0, "released-0.1.0.order-snapshots.v1:0": 1, "released-0.1.0.order-snapshots.v1:1": 0, "released-0.1.0.order-snapshots.v1:2": 1, "released-0.1.0.account-snapshots.v1:0": 6, "released-0.1.0.account-snapshots.v1:1": 0, "released-0.1.0.account-snapshots.v1:2": 0}', '{"fills": "ce41f8fa2ceeebad309fd2a797a35469fd8146ce942e33ece668589a25a625ec", "executions": "b3db0010d2f9a94a258c1d756d556a30a24cffda46f40019a060b748d54feb07", "order_events": "6bd2322cec839d95bd60fb4aa0f45295520368cb52fb81d9e0a33c63e56c97d4", "fill_evidence": "4e104dd224b0dcbfdc99e7f6ae39586f596b3aed169943f3eea2fd61bf3614ad", "account_snapshots": "d65ec66fb846a9d4bcef9172942f7273fc64395f43439c961653e1da17b0dff0", "position_snapshots": "b376196216979024ebf98f2871077aa466a1ee3b747e6c710d7affffb9272d4e"}', 0, true);


-- Data for Name: schema_version; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.schema_version VALUES
	('0013');


-- Data for Name: stream_cursors; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.stream_cursors VALUES
	('released-0.1.0', 'released-0.1.0.account-snapshots.v1', 1, 0, 0, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498740, NULL, 'IpmOR6hOQGqV8LVpSxkZ_Q', 'GBeusy5tR4aYWvPjicDA5A', NULL),
	('released-0.1.0', 'released-0.1.0.account-snapshots.v1', 2, 0, 0, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498743, NULL, 'IpmOR6hOQGqV8LVpSxkZ_Q', 'GBeusy5tR4aYWvPjicDA5A', NULL),
	('released-0.1.0', 'released-0.1.0.adjustments.v1', 0, 0, 0, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498797, NULL, 'IpmOR6hOQGqV8LVpSxkZ_Q', 'hb2dTAf8QJGTJk2eoSGvAw', NULL),
	('released-0.1.0', 'released-0.1.0.adjustments.v1', 1, 0, 0, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498812, NULL, 'IpmOR6hOQGqV8LVpSxkZ_Q', 'hb2dTAf8QJGTJk2eoSGvAw', NULL),
	('released-0.1.0', 'released-0.1.0.adjustments.v1', 2, 0, 0, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498829, NULL, 'IpmOR6hOQGqV8LVpSxkZ_Q', 'hb2dTAf8QJGTJk2eoSGvAw', NULL),
	('released-0.1.0', 'released-0.1.0.fill-activities.v1', 0, 0, 0, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498841, NULL, 'IpmOR6hOQGqV8LVpSxkZ_Q', 'Tue86LdTSw2RZDkr0jOcbw', NULL),
	('released-0.1.0', 'released-0.1.0.fill-activities.v1', 1, 0, 0, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498846, NULL, 'IpmOR6hOQGqV8LVpSxkZ_Q', 'Tue86LdTSw2RZDkr0jOcbw', NULL),
	('released-0.1.0', 'released-0.1.0.fill-activities.v1', 2, 0, 0, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498852, NULL, 'IpmOR6hOQGqV8LVpSxkZ_Q', 'Tue86LdTSw2RZDkr0jOcbw', NULL),
	('released-0.1.0', 'released-0.1.0.order-snapshots.v1', 1, 0, 0, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498854, NULL, 'IpmOR6hOQGqV8LVpSxkZ_Q', 'fK5BSgkWS72iDo2HTt0YzQ', NULL),
	('released-0.1.0', 'released-0.1.0.trade-updates.v1', 0, 14, 14, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498871, 0, 'IpmOR6hOQGqV8LVpSxkZ_Q', '85U0WzCaSTuIERKJzmBsbQ', '2026-11-26 06:44:57.762+00'),
	('released-0.1.0', 'released-0.1.0.trade-updates.v1', 1, 10, 10, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498872, 0, 'IpmOR6hOQGqV8LVpSxkZ_Q', '85U0WzCaSTuIERKJzmBsbQ', '2026-11-26 06:44:58.003+00'),
	('released-0.1.0', 'released-0.1.0.order-snapshots.v1', 0, 1, 1, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498853, 0, 'IpmOR6hOQGqV8LVpSxkZ_Q', 'fK5BSgkWS72iDo2HTt0YzQ', '2026-11-26 06:45:00.863+00'),
	('released-0.1.0', 'released-0.1.0.order-snapshots.v1', 2, 1, 1, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498863, 0, 'IpmOR6hOQGqV8LVpSxkZ_Q', 'fK5BSgkWS72iDo2HTt0YzQ', '2026-11-26 06:45:00.872+00'),
	('released-0.1.0', 'released-0.1.0.account-snapshots.v1', 0, 6, 6, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498735, 0, 'IpmOR6hOQGqV8LVpSxkZ_Q', 'GBeusy5tR4aYWvPjicDA5A', '2026-11-26 06:45:03.02+00'),
	('released-0.1.0', 'released-0.1.0.trade-updates.v1', 2, 15, 15, 'apply-59db9155-1f4e-4525-a1d1-e92b53c641cf', 1795675498873, 0, 'IpmOR6hOQGqV8LVpSxkZ_Q', '85U0WzCaSTuIERKJzmBsbQ', '2026-11-26 06:45:05.997+00');


-- Data for Name: stream_gaps; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.stream_gaps VALUES
	('37c758ec-2c09-4c69-a2e4-1d2b3b168506', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'e4916d5f-4085-484d-a9aa-cc6796cc35ca', '2026-11-19 06:44:56.195742+00', '2026-11-26 06:44:56.540203+00', 'start', '2026-11-26 06:44:56.136006+00', '2026-11-26 06:45:01.179528+00', 'sweep 2895372a-aa7a-44ac-a4ef-9f39d36ad8e8'),
	('c3cb2b27-ad07-4a52-9d24-bc99ee01569e', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'c990aaf0-7e41-41a6-bd46-057eac8583bc', '2026-11-19 06:44:56.5187+00', '2026-11-26 06:44:56.518707+00', 'listening', '2026-11-26 06:44:56.437544+00', '2026-11-26 06:45:01.179748+00', 'sweep 2895372a-aa7a-44ac-a4ef-9f39d36ad8e8');


-- Data for Name: stream_sessions; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.stream_sessions VALUES
	('e4916d5f-4085-484d-a9aa-cc6796cc35ca', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'ingest-c9e46147-43b5-47b7-afae-4c10a02f6684', 1795675496126, '2026-11-26 06:44:56.177247+00', NULL, '2026-11-26 06:44:56.476285+00', 'continued', NULL, DEFAULT, 0),
	('c990aaf0-7e41-41a6-bd46-057eac8583bc', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'ingest-c9e46147-43b5-47b7-afae-4c10a02f6684', 1795675496126, '2026-11-26 06:44:56.5109+00', '2026-11-26 06:44:56.5109+00', '2026-11-26 06:45:06.402446+00', 'stopped', 1795675497886477526, DEFAULT, 38);


-- Data for Name: sweeps; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.sweeps VALUES
	('842c96e8-2e14-476d-99b6-f07ba7587c2b', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'hot', 'sweep-236a1106-3606-4819-8bef-5b96537c2dce', 1795675496104, '2026-11-26 06:29:56.655043+00', '2026-11-26 06:44:56.657131+00', '2026-11-26 06:45:00.081981+00', true, NULL, 10, 3, 11, 4, 0, 0, NULL, NULL),
	('2895372a-aa7a-44ac-a4ef-9f39d36ad8e8', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'gap', 'sweep-236a1106-3606-4819-8bef-5b96537c2dce', 1795675496104, '2026-11-19 06:43:55.195742+00', '2026-11-26 06:45:00.576122+00', '2026-11-26 06:45:01.177098+00', true, '2026-11-26 06:45:00.576122+00', 6, 3, 11, 9, 2, 0, NULL, NULL),
	('139af3e5-08cf-4a24-be27-0946f9e44db1', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'deep', 'sweep-236a1106-3606-4819-8bef-5b96537c2dce', 1795675496104, '2026-11-19 06:44:56.326038+00', '2026-11-26 06:44:56.327339+00', '2026-11-26 06:45:02.70043+00', true, '2026-11-26 06:44:56.327339+00', 24, 4, 0, 18, 4, 0, NULL, NULL),
	('8bac51a3-c5ae-4cf3-b14c-f44041f9da96', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'deep', 'sweep-236a1106-3606-4819-8bef-5b96537c2dce', 1795675496104, '2026-11-19 06:45:02.777774+00', '2026-11-26 06:45:02.77878+00', '2026-11-26 06:45:03.322368+00', true, '2026-11-26 06:45:02.77878+00', 5, 3, 11, 9, 2, 0, NULL, NULL),
	('22a2659a-6e36-4428-b268-3fec821ca1dc', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'hot', 'sweep-236a1106-3606-4819-8bef-5b96537c2dce', 1795675496104, '2026-11-26 06:30:03.493734+00', '2026-11-26 06:45:03.494484+00', '2026-11-26 06:45:04.083479+00', true, '2026-11-26 06:45:03.494484+00', 3, 3, 11, 9, 0, 0, NULL, NULL),
	('6cba47f7-b8fa-470f-a999-f8530f22b18a', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'hot', 'sweep-236a1106-3606-4819-8bef-5b96537c2dce', 1795675496104, '2026-11-26 06:30:04.24724+00', '2026-11-26 06:45:04.248503+00', '2026-11-26 06:45:04.522044+00', true, '2026-11-26 06:45:04.248503+00', 3, 3, 11, 9, 0, 0, NULL, NULL),
	('b045e949-7999-49a4-8f24-a6aba71dea2e', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'hot', 'sweep-236a1106-3606-4819-8bef-5b96537c2dce', 1795675496104, '2026-11-26 06:30:04.797104+00', '2026-11-26 06:45:04.800565+00', '2026-11-26 06:45:05.02143+00', true, '2026-11-26 06:45:04.800565+00', 3, 3, 11, 9, 0, 0, NULL, NULL),
	('5fca7fb7-0650-469f-9f3f-3b359ee504b5', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'hot', 'sweep-236a1106-3606-4819-8bef-5b96537c2dce', 1795675496104, '2026-11-26 06:30:05.382527+00', '2026-11-26 06:45:05.383978+00', '2026-11-26 06:45:05.593608+00', true, '2026-11-26 06:45:05.383978+00', 3, 3, 11, 9, 0, 0, NULL, NULL),
	('5e8f254c-6248-488d-9437-bf4183287009', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'hot', 'sweep-236a1106-3606-4819-8bef-5b96537c2dce', 1795675496104, '2026-11-26 06:30:06.036983+00', '2026-11-26 06:45:06.042539+00', '2026-11-26 06:45:06.24655+00', true, '2026-11-26 06:45:06.042539+00', 3, 3, 11, 9, 0, 0, NULL, NULL),
	('5615d76e-a689-421d-898c-6ca6b6718e19', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'deep', 'sweep-236a1106-3606-4819-8bef-5b96537c2dce', 1795675496104, '2026-11-19 06:45:05.876361+00', '2026-11-26 06:45:05.882512+00', '2026-11-26 06:45:06.358309+00', false, NULL, 6, 3, 11, 9, 0, 0, NULL, 'the program stops: the broker was not asked');


-- Data for Name: trade_decisions; Type: TABLE DATA; Schema: reconcile; Owner: reconcile_migrator
INSERT INTO reconcile.trade_decisions VALUES
	('81bac9fc-a079-4800-aad1-ba5d778df84f', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'kept-1', 'AAPL', 'buy', 1, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.489625+00', NULL, NULL, NULL, 'not_placed', NULL, NULL, 'postgres', '2026-11-26 06:44:56.489625+00'),
	('b3119373-fba2-4f08-bef8-3d45d7f968a2', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'kept-2', 'AAPL', 'buy', 1, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.536517+00', NULL, NULL, NULL, 'not_placed', NULL, NULL, 'postgres', '2026-11-26 06:44:56.536517+00'),
	('e258318a-a146-4de2-8fd3-f46a986a85c8', '8614ffd5-0f8a-5e9e-b90c-3232a6fc5f17', 'kept-3', 'AAPL', 'buy', 1, NULL, NULL, NULL, NULL, '2026-11-26 06:44:56.537397+00', NULL, NULL, NULL, 'not_placed', NULL, NULL, 'postgres', '2026-11-26 06:44:56.537397+00');


-- Name: discrepancies_discrepancy_id_seq; Type: SEQUENCE SET; Schema: reconcile; Owner: reconcile_migrator
SELECT pg_catalog.setval('reconcile.discrepancies_discrepancy_id_seq', 96, true);


-- Name: operator_actions_action_id_seq; Type: SEQUENCE SET; Schema: reconcile; Owner: reconcile_migrator
SELECT pg_catalog.setval('reconcile.operator_actions_action_id_seq', 1, true);


-- Name: account_snapshots account_snapshots_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.account_snapshots
    ADD CONSTRAINT account_snapshots_pkey PRIMARY KEY (account_id, as_of);


-- Name: accounts accounts_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (account_id);


-- Name: dead_letters dead_letters_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (topic_id, partition, "offset");


-- Name: decision_copies decision_copies_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.decision_copies
    ADD CONSTRAINT decision_copies_pkey PRIMARY KEY (topic);


-- Name: discrepancies discrepancies_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.discrepancies
    ADD CONSTRAINT discrepancies_pkey PRIMARY KEY (discrepancy_id);


-- Name: executions executions_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.executions
    ADD CONSTRAINT executions_pkey PRIMARY KEY (alpaca_order_id, account_id);


-- Name: fill_evidence fill_evidence_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.fill_evidence
    ADD CONSTRAINT fill_evidence_pkey PRIMARY KEY (alpaca_order_id, account_id, evidence_key);


-- Name: fills fills_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.fills
    ADD CONSTRAINT fills_pkey PRIMARY KEY (fill_key, account_id);


-- Name: known_positions known_positions_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.known_positions
    ADD CONSTRAINT known_positions_pkey PRIMARY KEY (account_id, symbol);


-- Name: leases leases_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (job, account_id);


-- Name: migration_history migration_history_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.migration_history
    ADD CONSTRAINT migration_history_pkey PRIMARY KEY (version);


-- Name: operator_actions operator_actions_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.operator_actions
    ADD CONSTRAINT operator_actions_pkey PRIMARY KEY (action_id);


-- Name: order_checks order_checks_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.order_checks
    ADD CONSTRAINT order_checks_pkey PRIMARY KEY (account_id, id_kind, id);


-- Name: order_events order_events_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.order_events
    ADD CONSTRAINT order_events_pkey PRIMARY KEY (alpaca_order_id, account_id, event_key);


-- Name: position_adjustments position_adjustments_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.position_adjustments
    ADD CONSTRAINT position_adjustments_pkey PRIMARY KEY (account_id, activity_id);


-- Name: position_snapshots position_snapshots_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.position_snapshots
    ADD CONSTRAINT position_snapshots_pkey PRIMARY KEY (account_id, as_of, symbol);


-- Name: proofs proofs_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.proofs
    ADD CONSTRAINT proofs_pkey PRIMARY KEY (account_id, seq);


-- Name: schema_version schema_version_pkc; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.schema_version
    ADD CONSTRAINT schema_version_pkc PRIMARY KEY (version_num);


-- Name: stream_cursors stream_cursors_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.stream_cursors
    ADD CONSTRAINT stream_cursors_pkey PRIMARY KEY (consumer_group, topic, partition);


-- Name: stream_gaps stream_gaps_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.stream_gaps
    ADD CONSTRAINT stream_gaps_pkey PRIMARY KEY (gap_id);


-- Name: stream_sessions stream_sessions_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.stream_sessions
    ADD CONSTRAINT stream_sessions_pkey PRIMARY KEY (session_id);


-- Name: sweeps sweeps_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.sweeps
    ADD CONSTRAINT sweeps_pkey PRIMARY KEY (sweep_id);


-- Name: trade_decisions trade_decisions_client_order_id_key; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.trade_decisions
    ADD CONSTRAINT trade_decisions_client_order_id_key UNIQUE (account_id, client_order_id);


-- Name: trade_decisions trade_decisions_pkey; Type: CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.trade_decisions
    ADD CONSTRAINT trade_decisions_pkey PRIMARY KEY (decision_id);


-- Name: dead_letters_open_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX dead_letters_open_idx ON reconcile.dead_letters USING btree (topic, partition, "offset") WHERE (resolved_at IS NULL);


-- Name: discrepancies_evidence_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX discrepancies_evidence_idx ON reconcile.discrepancies USING btree (account_id, type, subject, evidence_hash);


-- Name: discrepancies_open_key; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE UNIQUE INDEX discrepancies_open_key ON reconcile.discrepancies USING btree (account_id, type, subject) WHERE (state = 'open'::text);


-- Name: discrepancies_open_subject_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX discrepancies_open_subject_idx ON reconcile.discrepancies USING btree (subject, account_id) WHERE (state = 'open'::text);


-- Name: executions_client_order_id_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX executions_client_order_id_idx ON reconcile.executions USING btree (client_order_id, account_id);


-- Name: executions_parent_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX executions_parent_idx ON reconcile.executions USING btree (parent_order_id, account_id) WHERE (parent_order_id IS NOT NULL);


-- Name: executions_replaced_by_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX executions_replaced_by_idx ON reconcile.executions USING btree (replaced_by, account_id) WHERE (replaced_by IS NOT NULL);


-- Name: executions_replaces_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX executions_replaces_idx ON reconcile.executions USING btree (replaces, account_id) WHERE (replaces IS NOT NULL);


-- Name: fill_evidence_beyond_fills_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX fill_evidence_beyond_fills_idx ON reconcile.fill_evidence USING btree (alpaca_order_id, account_id) WHERE (kind <> 'leg'::text);


-- Name: fills_order_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX fills_order_idx ON reconcile.fills USING btree (alpaca_order_id, account_id) INCLUDE (qty);


-- Name: fills_transacted_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX fills_transacted_idx ON reconcile.fills USING brin (transacted_at) WITH (pages_per_range='32', autosummarize='on');


-- Name: operator_actions_subject_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX operator_actions_subject_idx ON reconcile.operator_actions USING btree (action, subject, action_id DESC);


-- Name: order_events_recorded_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX order_events_recorded_idx ON reconcile.order_events USING brin (recorded_at) WITH (pages_per_range='32', autosummarize='on');


-- Name: order_events_updated_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX order_events_updated_idx ON reconcile.order_events USING brin (updated_at_ns) WITH (pages_per_range='32', autosummarize='on');


-- Name: position_adjustments_symbol_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX position_adjustments_symbol_idx ON reconcile.position_adjustments USING btree (account_id, symbol);


-- Name: proofs_unpublished_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX proofs_unpublished_idx ON reconcile.proofs USING btree (account_id, seq) WHERE (NOT published);


-- Name: stream_gaps_open_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX stream_gaps_open_idx ON reconcile.stream_gaps USING btree (account_id, window_start) WHERE (closed_at IS NULL);


-- Name: stream_sessions_account_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX stream_sessions_account_idx ON reconcile.stream_sessions USING btree (account_id, opened_at DESC);


-- Name: sweeps_account_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX sweeps_account_idx ON reconcile.sweeps USING btree (account_id, kind, started_at DESC);


-- Name: sweeps_complete_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX sweeps_complete_idx ON reconcile.sweeps USING btree (account_id, kind, started_at DESC) WHERE complete;


-- Name: sweeps_proven_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX sweeps_proven_idx ON reconcile.sweeps USING btree (account_id, proven_equal_at DESC) WHERE (proven_equal_at IS NOT NULL);


-- Name: trade_decisions_changed_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX trade_decisions_changed_idx ON reconcile.trade_decisions USING btree (GREATEST(inserted_at, bound_at, submitted_at));


-- Name: trade_decisions_order_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX trade_decisions_order_idx ON reconcile.trade_decisions USING btree (account_id, alpaca_order_id);


-- Name: trade_decisions_unresolved_idx; Type: INDEX; Schema: reconcile; Owner: reconcile_migrator
CREATE INDEX trade_decisions_unresolved_idx ON reconcile.trade_decisions USING btree (account_id, inserted_at) WHERE (state = ANY (ARRAY['planned'::text, 'submitted'::text, 'unknown'::text]));


-- Name: trade_decisions guard_row; Type: TRIGGER; Schema: reconcile; Owner: reconcile_migrator
CREATE TRIGGER guard_row BEFORE INSERT OR UPDATE ON reconcile.trade_decisions FOR EACH ROW EXECUTE FUNCTION reconcile.trade_decisions_guard_row();


-- Name: trade_decisions guard_statement; Type: TRIGGER; Schema: reconcile; Owner: reconcile_migrator
CREATE TRIGGER guard_statement AFTER UPDATE ON reconcile.trade_decisions REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION reconcile.trade_decisions_guard_statement();


-- Name: stream_gaps stream_gaps_session_id_fkey; Type: FK CONSTRAINT; Schema: reconcile; Owner: reconcile_migrator
ALTER TABLE ONLY reconcile.stream_gaps
    ADD CONSTRAINT stream_gaps_session_id_fkey FOREIGN KEY (session_id) REFERENCES reconcile.stream_sessions(session_id);


-- Name: SCHEMA reconcile; Type: ACL; Schema: -; Owner: reconcile_migrator
GRANT USAGE ON SCHEMA reconcile TO reconcile_writer;
GRANT USAGE ON SCHEMA reconcile TO reconcile_reader;
GRANT USAGE ON SCHEMA reconcile TO reconcile_intent;


-- Name: TABLE account_snapshots; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE reconcile.account_snapshots TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.account_snapshots TO reconcile_reader;


-- Name: TABLE accounts; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,UPDATE ON TABLE reconcile.accounts TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.accounts TO reconcile_reader;


-- Name: TABLE discrepancies; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,UPDATE ON TABLE reconcile.discrepancies TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.discrepancies TO reconcile_reader;


-- Name: TABLE sweeps; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,UPDATE ON TABLE reconcile.sweeps TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.sweeps TO reconcile_reader;


-- Name: TABLE agreement; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE reconcile.agreement TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.agreement TO reconcile_reader;


-- Name: TABLE dead_letters; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE reconcile.dead_letters TO reconcile_writer;


-- Name: COLUMN dead_letters.topic_id; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(topic_id) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters.topic; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(topic) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters.partition; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(partition) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters."offset"; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT("offset") ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters.kafka_timestamp; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(kafka_timestamp) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters.account_id; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(account_id) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters.order_id; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(order_id) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters.reason; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(reason) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters.error; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(error) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters.recorded_at; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(recorded_at) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters.retries; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(retries) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters.retried_at; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(retried_at) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters.retry_result; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(retry_result) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: COLUMN dead_letters.resolved_at; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(resolved_at) ON TABLE reconcile.dead_letters TO reconcile_reader;


-- Name: TABLE decision_copies; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE reconcile.decision_copies TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.decision_copies TO reconcile_reader;


-- Name: TABLE executions; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE reconcile.executions TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.executions TO reconcile_reader;


-- Name: TABLE fill_evidence; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE reconcile.fill_evidence TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.fill_evidence TO reconcile_reader;


-- Name: TABLE fills; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE reconcile.fills TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.fills TO reconcile_reader;


-- Name: TABLE known_positions; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,UPDATE ON TABLE reconcile.known_positions TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.known_positions TO reconcile_reader;


-- Name: TABLE leases; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,UPDATE ON TABLE reconcile.leases TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.leases TO reconcile_reader;


-- Name: TABLE migration_history; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT ON TABLE reconcile.migration_history TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.migration_history TO reconcile_reader;


-- Name: TABLE operator_actions; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT ON TABLE reconcile.operator_actions TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.operator_actions TO reconcile_reader;


-- Name: COLUMN operator_actions.after; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT UPDATE(after) ON TABLE reconcile.operator_actions TO reconcile_writer;


-- Name: COLUMN operator_actions.finished_at; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT UPDATE(finished_at) ON TABLE reconcile.operator_actions TO reconcile_writer;


-- Name: TABLE order_checks; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE reconcile.order_checks TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.order_checks TO reconcile_reader;


-- Name: TABLE order_events; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE reconcile.order_events TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.order_events TO reconcile_reader;


-- Name: TABLE position_adjustments; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,UPDATE ON TABLE reconcile.position_adjustments TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.position_adjustments TO reconcile_reader;


-- Name: TABLE position_snapshots; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE reconcile.position_snapshots TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.position_snapshots TO reconcile_reader;


-- Name: TABLE proofs; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE reconcile.proofs TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.proofs TO reconcile_reader;


-- Name: TABLE schema_version; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT ON TABLE reconcile.schema_version TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.schema_version TO reconcile_reader;


-- Name: TABLE stream_cursors; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE reconcile.stream_cursors TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.stream_cursors TO reconcile_reader;


-- Name: TABLE stream_gaps; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,UPDATE ON TABLE reconcile.stream_gaps TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.stream_gaps TO reconcile_reader;


-- Name: TABLE stream_sessions; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT,UPDATE ON TABLE reconcile.stream_sessions TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.stream_sessions TO reconcile_reader;


-- Name: TABLE trade_decisions; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT,INSERT ON TABLE reconcile.trade_decisions TO reconcile_writer;
GRANT SELECT ON TABLE reconcile.trade_decisions TO reconcile_reader;


-- Name: COLUMN trade_decisions.decision_id; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(decision_id),INSERT(decision_id) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.account_id; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(account_id),INSERT(account_id) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.client_order_id; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT SELECT(client_order_id),INSERT(client_order_id) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.symbol; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT INSERT(symbol) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.side; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT INSERT(side) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.qty; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT INSERT(qty) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.notional; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT INSERT(notional) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.order_type; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT INSERT(order_type) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.limit_price; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT INSERT(limit_price) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.time_in_force; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT INSERT(time_in_force) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.decided_at; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT INSERT(decided_at) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.not_before; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT INSERT(not_before) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.submitted_at; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT UPDATE(submitted_at) ON TABLE reconcile.trade_decisions TO reconcile_writer;
GRANT SELECT(submitted_at),UPDATE(submitted_at) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.submit_result; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT UPDATE(submit_result) ON TABLE reconcile.trade_decisions TO reconcile_writer;
GRANT UPDATE(submit_result) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.state; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT UPDATE(state) ON TABLE reconcile.trade_decisions TO reconcile_writer;
GRANT SELECT(state) ON TABLE reconcile.trade_decisions TO reconcile_intent;


-- Name: COLUMN trade_decisions.alpaca_order_id; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT UPDATE(alpaca_order_id) ON TABLE reconcile.trade_decisions TO reconcile_writer;


-- Name: COLUMN trade_decisions.bound_at; Type: ACL; Schema: reconcile; Owner: reconcile_migrator
GRANT UPDATE(bound_at) ON TABLE reconcile.trade_decisions TO reconcile_writer;


-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: reconcile; Owner: reconcile_migrator
ALTER DEFAULT PRIVILEGES FOR ROLE reconcile_migrator IN SCHEMA reconcile GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES TO reconcile_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE reconcile_migrator IN SCHEMA reconcile GRANT SELECT ON TABLES TO reconcile_reader;


