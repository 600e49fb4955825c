-- What people do with discrepancies: list them, look at one, accept one.

-- name: find
-- Those of a type, state, account and time, the newest `limit` of them, oldest of these first; and how many match.
SELECT * FROM (
    SELECT discrepancy_id, account_id, type, subject, state, evidence, first_seen_at, last_seen_at, attempts,
           resolved_at, resolution, resolved_by, count(*) OVER () AS matching
    FROM discrepancies
    WHERE (%(state)s::text IS NULL OR state = %(state)s)
      AND (%(type)s::text IS NULL OR type = %(type)s)
      AND (%(account_id)s::text IS NULL OR account_id = %(account_id)s)
      AND (%(since)s::timestamptz IS NULL OR last_seen_at >= %(since)s)
    ORDER BY first_seen_at DESC, discrepancy_id DESC
    LIMIT %(limit)s
) newest
ORDER BY first_seen_at, discrepancy_id

-- name: one
-- One discrepancy.
SELECT discrepancy_id, account_id, type, subject, state, evidence, first_seen_at, last_seen_at, attempts,
       resolved_at, resolution, resolved_by
FROM discrepancies
WHERE discrepancy_id = %(discrepancy_id)s

-- name: count_open
-- How many are open, by an index.
SELECT count(*) FROM discrepancies WHERE state = 'open'

-- name: accept
-- Accepts one if it is open, and records who did it and why; gives it as it is now, or nothing.
WITH accepted AS (
    UPDATE discrepancies
    SET state = 'accepted', resolved_at = now(), resolution = %(reason)s, resolved_by = %(who)s
    WHERE discrepancy_id = %(discrepancy_id)s AND state = 'open'
    RETURNING *
), action AS (
    INSERT INTO operator_actions (action, account_id, subject, who, why, before, after, finished_at)
    SELECT 'discrepancy_accept', account_id, discrepancy_id::text, %(who)s, %(reason)s,
           jsonb_build_object('type', type, 'subject', subject, 'state', 'open', 'evidence', evidence),
           jsonb_build_object('state', state, 'resolution', resolution, 'resolved_by', resolved_by), now()
    FROM accepted
)
SELECT discrepancy_id, account_id, type, subject, state, evidence, first_seen_at, last_seen_at, attempts,
       resolved_at, resolution, resolved_by
FROM accepted
