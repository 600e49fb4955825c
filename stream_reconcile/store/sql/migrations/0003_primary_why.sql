-- why(order): which observation made this row, from where. It reads live and primary tables by name at each call, so
-- that it stays right when a promote swaps the derived ones.

CREATE FUNCTION why(order_id text, account text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS
$$
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
COMMENT ON FUNCTION why IS
    'Which observation made the row of an order, from which record of the log; null where there is no such row.';
