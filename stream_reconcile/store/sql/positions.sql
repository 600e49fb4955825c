-- Positions against fills. Every statement that writes comes after `hold` of leases.sql, in the same transaction.

-- name: known
-- What is known of each symbol; the empty one stands for all others.
SELECT symbol, since, possible, baseline_qty IS NOT NULL AS agreed, adjusted_qty, traded_qty, fee_qty, crypto, fitted_at,
       misfit_qty, misfit_since, pending_qty, pending_at, order_symbol, last_qty, last_at
FROM known_positions
WHERE account_id = %(account_id)s

-- name: moves
-- Net of the fills of each symbol since its own time, as one sum up to `cut`, and by their times after it.
-- A residual counts from when its order was filled, at the latest, not from when we made it; the row that takes it back
-- likewise: nothing happened at the broker then.
WITH wanted AS (
    SELECT * FROM unnest(%(symbols)s::text[], %(since)s::timestamptz[]) AS w(symbol, since)
), named AS (
    SELECT coalesce(nullif(f.symbol, ''),
                    (SELECT e.symbol FROM executions e
                     WHERE e.alpaca_order_id = f.alpaca_order_id AND e.account_id = f.account_id)) AS order_symbol,
           coalesce(nullif(f.side, ''),
                    (SELECT e.side FROM executions e
                     WHERE e.alpaca_order_id = f.alpaca_order_id AND e.account_id = f.account_id)) AS side,
           CASE WHEN f.entry = 'residual' OR f.fill_key LIKE 'r:s:%%'
                THEN least(f.transacted_at,
                           (SELECT coalesce(e.filled_at, e.updated_at) FROM executions e
                            WHERE e.alpaca_order_id = f.alpaca_order_id AND e.account_id = f.account_id))
                ELSE f.transacted_at END AS moved_at,
           f.qty
    FROM fills f
    WHERE f.account_id = %(account_id)s AND f.transacted_at > %(earliest)s
), moved AS (
    SELECT upper(replace(n.order_symbol, '/', '')) AS symbol, n.order_symbol,
           CASE WHEN n.side LIKE 'sell%%' THEN -n.qty ELSE n.qty END AS qty, n.moved_at
    FROM named n
    WHERE n.side LIKE 'sell%%' OR n.side LIKE 'buy%%'
)
SELECT m.symbol, max(m.order_symbol) AS order_symbol,
       (extract(epoch FROM least(greatest(m.moved_at, %(cut)s::timestamptz), '2262-04-11 00:00:00+00')) * 1000000000)::bigint
           AS at_ns, sum(m.qty) AS qty, sum(abs(m.qty)) AS traded
FROM moved m
LEFT JOIN wanted w ON w.symbol = m.symbol
WHERE m.symbol <> '' AND m.moved_at > least(coalesce(w.since, %(unseen)s::timestamptz), %(cut)s::timestamptz)
GROUP BY m.symbol, greatest(m.moved_at, %(cut)s::timestamptz)

-- name: counted
-- Which of these activities are counted already.
SELECT activity_id
FROM position_adjustments
WHERE account_id = %(account_id)s AND activity_id = ANY (%(ids)s)

-- name: open_drifts
-- Locked: who accepts one at this moment comes before, and is seen by `accepted`, or after us.
SELECT subject
FROM discrepancies
WHERE account_id = %(account_id)s AND type = 'position_drift' AND state = 'open'
FOR UPDATE

-- name: accepted
-- Subjects and times of the drifts that people have accepted: what is held is right as it is.
SELECT subject, max(resolved_at)
FROM discrepancies
WHERE account_id = %(account_id)s AND type = 'position_drift' AND state = 'accepted'
GROUP BY subject

-- name: save
-- What is known after a reading.
INSERT INTO known_positions AS k (account_id, symbol, crypto, since, possible, baseline_qty, misfit_since, misfit_qty,
                                  adjusted_qty, traded_qty, fee_qty, pending_qty, pending_at, order_symbol, fitted_at, last_qty,
                                  last_at)
VALUES (%(account_id)s, %(symbol)s, %(crypto)s, %(since)s, %(possible)s, %(baseline_qty)s, %(misfit_since)s,
        %(misfit_qty)s, %(adjusted_qty)s, %(traded_qty)s, %(fee_qty)s, %(pending_qty)s, %(pending_at)s, %(order_symbol)s,
        %(fitted_at)s, %(last_qty)s, %(last_at)s)
ON CONFLICT (account_id, symbol) DO UPDATE SET
    crypto = excluded.crypto, since = excluded.since, possible = excluded.possible, baseline_qty = excluded.baseline_qty,
    misfit_since = excluded.misfit_since, misfit_qty = excluded.misfit_qty, adjusted_qty = excluded.adjusted_qty,
    traded_qty = excluded.traded_qty, fee_qty = excluded.fee_qty, pending_qty = excluded.pending_qty,
    pending_at = excluded.pending_at, order_symbol = excluded.order_symbol, fitted_at = coalesce(excluded.fitted_at, k.fitted_at),
    last_qty = excluded.last_qty, last_at = excluded.last_at

-- name: symbols_of
-- What these orders trade.
SELECT DISTINCT upper(replace(symbol, '/', ''))
FROM executions
WHERE account_id = %(account_id)s AND alpaca_order_id = ANY (%(orders)s) AND symbol IS NOT NULL

-- name: count
-- An activity is in the expectation from now on.
INSERT INTO position_adjustments (account_id, activity_id, activity_type, symbol, qty, sweep_id)
VALUES (%(account_id)s, %(activity_id)s, %(activity_type)s, %(symbol)s, %(qty)s, %(sweep_id)s)
