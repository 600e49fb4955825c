-- Which decision each order belongs to (core.decisions), for whole families: replace chains both ways, parents, legs.

-- name: decided_accounts
-- Of these accounts, those with any decision: without one, nothing has to be bound.
SELECT account_id FROM unnest(%(accounts)s::text[]) AS w(account_id)
WHERE EXISTS (SELECT FROM trade_decisions d WHERE d.account_id = w.account_id)

-- name: families
-- The rows of the given orders and of all that their links reach, transitively; locked in key order.
WITH RECURSIVE family(order_id, account_id) AS (
    SELECT w.order_id COLLATE "C", w.account_id COLLATE "C"
    FROM unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
    UNION
    SELECT n.order_id, f.account_id
    FROM family f
    CROSS JOIN LATERAL (
        SELECT unnest(ARRAY[e.replaces, e.replaced_by, e.parent_order_id]) FROM executions e
        WHERE e.alpaca_order_id = f.order_id AND e.account_id = f.account_id
        UNION ALL
        SELECT r.alpaca_order_id FROM executions r WHERE r.replaces = f.order_id AND r.account_id = f.account_id
        UNION ALL
        SELECT r.alpaca_order_id FROM executions r WHERE r.replaced_by = f.order_id AND r.account_id = f.account_id
        UNION ALL
        SELECT r.alpaca_order_id FROM executions r WHERE r.parent_order_id = f.order_id AND r.account_id = f.account_id
    ) n(order_id)
    WHERE n.order_id <> ''
)
SELECT e.alpaca_order_id, e.account_id, e.client_order_id, e.replaces, e.replaced_by, e.parent_order_id, e.decision_id,
       e.origin
FROM executions e
WHERE (e.alpaca_order_id, e.account_id) IN (SELECT order_id, account_id FROM family)
ORDER BY e.alpaca_order_id, e.account_id
FOR UPDATE OF e

-- name: terms
-- What each observation of the given orders states of symbol, side and size, and whether a frame is among them.
SELECT v.alpaca_order_id, v.account_id, v.symbol, v.side, v.qty, v.notional, bool_or(v.source = 'stream') AS framed
FROM order_events v
JOIN unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
  ON v.alpaca_order_id = w.order_id AND v.account_id = w.account_id
GROUP BY v.alpaca_order_id, v.account_id, v.symbol, v.side, v.qty, v.notional

-- name: decisions
-- Decisions for the given client order ids.
SELECT d.decision_id, d.account_id, d.client_order_id, d.symbol, d.side, d.qty, d.notional
FROM trade_decisions d
JOIN unnest(%(client_ids)s::text[], %(accounts)s::text[]) AS w(client_order_id, account_id)
  ON d.client_order_id = w.client_order_id AND d.account_id = w.account_id

-- name: put_binding
-- Decision and origin of one order.
UPDATE executions SET decision_id = %s, origin = %s WHERE alpaca_order_id = %s AND account_id = %s

-- name: mark_bound
-- The decision has found its order; from any state but bound, not_placed included (it may arrive late).
UPDATE trade_decisions SET state = 'bound', alpaca_order_id = %s, bound_at = now()
WHERE decision_id = %s AND state <> 'bound'

-- name: left_unbound
-- Orders without a decision next to one that has one: a crash came between a commit and the second look. Asked at each
-- start, before anything is applied: so from the links, each by its own index, and not from all orders.
SELECT CASE WHEN e.decision_id IS NULL THEN e.alpaca_order_id ELSE n.alpaca_order_id END, e.account_id
FROM executions e
JOIN executions n ON n.alpaca_order_id = e.replaces AND n.account_id = e.account_id
WHERE e.replaces IS NOT NULL AND (e.decision_id IS NULL) <> (n.decision_id IS NULL)
UNION
SELECT CASE WHEN e.decision_id IS NULL THEN e.alpaca_order_id ELSE n.alpaca_order_id END, e.account_id
FROM executions e
JOIN executions n ON n.alpaca_order_id = e.replaced_by AND n.account_id = e.account_id
WHERE e.replaced_by IS NOT NULL AND (e.decision_id IS NULL) <> (n.decision_id IS NULL)
UNION
SELECT CASE WHEN e.decision_id IS NULL THEN e.alpaca_order_id ELSE n.alpaca_order_id END, e.account_id
FROM executions e
JOIN executions n ON n.alpaca_order_id = e.parent_order_id AND n.account_id = e.account_id
WHERE e.parent_order_id IS NOT NULL AND (e.decision_id IS NULL) <> (n.decision_id IS NULL)
