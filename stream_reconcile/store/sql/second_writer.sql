-- F7: writes that were refused for a stale epoch or lease.

-- name: note
-- Opens one for each subject, or counts it once more.
INSERT INTO discrepancies AS d (account_id, type, subject, evidence, attempts)
SELECT a.account_id, 'second_writer', w.subject, w.evidence, 1
FROM accounts a
CROSS JOIN unnest(%(subjects)s::text[], %(evidence)s::jsonb[]) AS w(subject, evidence)
WHERE a.account_id = coalesce(%(account_id)s::text, a.account_id)
ORDER BY a.account_id, w.subject
ON CONFLICT (account_id, type, subject) WHERE state = 'open' DO UPDATE SET
    last_seen_at = now(), evidence = excluded.evidence, attempts = d.attempts + 1

-- name: close_quiet
-- Closes those that were not seen for a while: whoever wrote has noticed, or has ended.
UPDATE discrepancies
SET state = 'resolved', resolved_at = now(), resolution = 'no more writes were refused', resolved_by = %(who)s
WHERE account_id = %(account_id)s AND type = 'second_writer' AND state = 'open'
  AND last_seen_at < clock_timestamp() - %(quiet_s)s * interval '1 second'
