-- What stood here, and what the log held, at a time that is past.

-- name: executions_at
-- Orders as they were believed to be and as the broker had said by then, the last to change first; `matching` counts all.
SELECT account_id, alpaca_order_id, believed, said, believed IS DISTINCT FROM said AS differs, count(*) OVER () AS matching
FROM (
    SELECT coalesce(b.account_id, s.account_id) AS account_id,
           coalesce(b.alpaca_order_id, s.alpaca_order_id) AS alpaca_order_id,
           to_jsonb(b) AS believed, to_jsonb(s) AS said,
           coalesce(s.symbol, b.symbol) AS symbol, coalesce(s.status, b.status) AS status,
           greatest(b.updated_at_ns, s.updated_at_ns) AS updated_at_ns
    FROM executions_at(%(at)s, 'believed', %(order_id)s) b
    FULL JOIN executions_at(%(at)s, 'said', %(order_id)s) s
        ON s.alpaca_order_id = b.alpaca_order_id AND s.account_id = b.account_id
) o
WHERE (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
  AND (%(account_id)s::text IS NULL OR account_id = %(account_id)s)
  AND (NOT %(open_only)s OR status IS NULL OR status <> ALL (%(terminal)s))
  AND (NOT %(differing)s OR believed IS DISTINCT FROM said)
ORDER BY updated_at_ns DESC, alpaca_order_id
LIMIT %(limit)s

-- name: orders_at
-- How many orders of each account were in each status, as believed and as said, and how many differed.
SELECT coalesce(b.account_id, s.account_id) AS account_id, b.status AS believed, s.status AS said, count(*) AS orders,
       count(*) FILTER (WHERE b IS DISTINCT FROM s) AS differing
FROM executions_at(%(at)s, 'believed') b
FULL JOIN executions_at(%(at)s, 'said') s ON s.alpaca_order_id = b.alpaca_order_id AND s.account_id = b.account_id
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3

-- name: agreement_at
-- Until when the rows had been proven equal by then.
SELECT a.account_id, s.scope, max(p.proven_equal_at) AS proven_equal_at
FROM accounts a
CROSS JOIN (VALUES ('hot', ARRAY['hot', 'gap', 'deep', 'full']), ('deep', ARRAY['deep', 'full']),
                   ('full', ARRAY['full'])) AS s(scope, kinds)
LEFT JOIN sweeps p ON p.account_id = a.account_id AND p.kind = ANY (s.kinds) AND p.proven_equal_at IS NOT NULL
                   AND p.finished_at <= %(at)s
GROUP BY a.account_id, s.scope
ORDER BY a.account_id, s.scope

-- name: discrepancies_at
-- What was open.
SELECT account_id, type, count(*) AS count, min(first_seen_at) AS first_seen_at, blocks_proof(type) AS blocks_proof
FROM discrepancies
WHERE first_seen_at <= %(at)s AND (resolved_at IS NULL OR resolved_at > %(at)s)
GROUP BY account_id, type
ORDER BY account_id, type

-- name: history_begins
-- Before this time nothing had been committed: the first observation's.
SELECT min(recorded_at) FROM order_events
