-- The sweep's own tables. Every statement that writes comes after `hold` of leases.sql, in the same transaction.

-- name: begin
-- A run begins.
INSERT INTO sweeps (account_id, kind, owner, lease_epoch, window_start)
VALUES (%(account_id)s, %(kind)s, %(owner)s, %(epoch)s, %(window_start)s)
RETURNING sweep_id, started_at, window_start

-- name: resumable
-- The full sweep that was broken off, if the newest one was; it keeps its begin.
SELECT s.sweep_id, s.started_at, s.window_start, s.resume_before
FROM sweeps s
WHERE s.account_id = %(account_id)s AND s.kind = 'full'
ORDER BY s.started_at DESC
LIMIT 1

-- name: take_up
-- Such a run goes on under our lease.
UPDATE sweeps SET owner = %(owner)s, lease_epoch = %(epoch)s, finished_at = NULL, error = NULL
WHERE sweep_id = %(sweep_id)s AND NOT complete AND resume_before IS NOT NULL
RETURNING sweep_id

-- name: note_progress
-- How far a full sweep has come.
UPDATE sweeps SET resume_before = %(resume_before)s, orders = %(orders)s, pages = %(pages)s, requests = %(requests)s
WHERE sweep_id = %(sweep_id)s

-- name: full_progress
-- How many orders the full sweep that is under way has read.
SELECT orders FROM sweeps
WHERE account_id = %(account_id)s AND kind = 'full' AND finished_at IS NULL
ORDER BY started_at DESC LIMIT 1;

-- name: orders_known
-- How many orders of the account have a row.
SELECT count(*) FROM executions WHERE account_id = %(account_id)s;

-- name: finish
-- A run ends.
UPDATE sweeps
SET finished_at = clock_timestamp(), complete = %(complete)s, requests = %(requests)s, pages = %(pages)s,
    orders = %(orders)s, activities = %(activities)s, published = %(published)s, unchecked = %(unchecked)s,
    error = %(error)s
WHERE sweep_id = %(sweep_id)s

-- name: incomplete_in_a_row
-- How many runs of this kind have ended incomplete since the newest complete one, when the first of them began, and why
-- the newest was not complete. A full one that is taken up again is one run.
SELECT count(*), min(s.started_at), (array_agg(s.error ORDER BY s.started_at DESC))[1]
FROM sweeps s
WHERE s.account_id = %(account_id)s AND s.kind = %(kind)s AND NOT s.complete AND s.finished_at IS NOT NULL
  AND s.started_at > coalesce((SELECT max(c.started_at) FROM sweeps c
                               WHERE c.account_id = %(account_id)s AND c.kind = %(kind)s AND c.complete), '-infinity')

-- name: prove
-- The proof, unless something that blocks it is open; the caller has seen, in this transaction, that no cursor went back.
UPDATE sweeps s
SET proven_equal_at = s.started_at
WHERE s.sweep_id = %(sweep_id)s AND s.complete
  AND NOT EXISTS (SELECT FROM discrepancies d
                  WHERE d.account_id = s.account_id AND d.state = 'open' AND blocks_proof(d.type))
RETURNING s.proven_equal_at

-- name: last_of
-- When the newest run of each kind began, in seconds before now. A run is a row every few seconds, for years: each is
-- found by its index.
SELECT k.kind, extract(epoch FROM clock_timestamp() - n.started_at)::double precision AS age
FROM unnest(ARRAY['hot', 'gap', 'deep', 'full']) AS k(kind)
CROSS JOIN LATERAL (
    SELECT s.started_at FROM sweeps s
    WHERE s.account_id = %(account_id)s AND s.kind = k.kind
    ORDER BY s.started_at DESC LIMIT 1
) n

-- name: read_until
-- Begin of the newest complete run: up to there activities are read, but for those that are published late.
SELECT max(c.started_at)
FROM unnest(ARRAY['hot', 'gap', 'deep', 'full']) AS k(kind)
CROSS JOIN LATERAL (
    SELECT s.started_at FROM sweeps s
    WHERE s.account_id = %(account_id)s AND s.kind = k.kind AND s.complete
    ORDER BY s.started_at DESC LIMIT 1
) c

-- name: database_time
-- Now.
SELECT clock_timestamp()

-- name: open_windows
-- Windows in which frames may be missing and which have an end; oldest first. `all_time` windows need a full sweep.
-- A record that could not be read, and whose order could not either, is a window of one moment.
SELECT window_start, window_end, window_start <= 'epoch' AS all_time
FROM stream_gaps
WHERE account_id = %(account_id)s AND closed_at IS NULL AND window_end IS NOT NULL
UNION ALL
SELECT coalesce(l.kafka_timestamp, l.recorded_at), l.recorded_at, coalesce(l.kafka_timestamp <= 'epoch', false)
FROM discrepancies d
JOIN dead_letters l ON l.account_id = d.account_id AND l.order_id IS NULL AND l.resolved_at IS NULL
                   AND l.topic || ':' || l.partition || ':' || l."offset" = d.subject
WHERE d.account_id = ANY (%(letters_of)s) AND d.state = 'open' AND d.type = 'undecodable'
ORDER BY window_start

-- name: close_windows
-- Windows that this sweep covers: it began after they ended, and read all from before they began.
WITH covered AS (
    UPDATE stream_gaps g
    SET closed_at = clock_timestamp(), closed_by = 'sweep ' || s.sweep_id::text
    FROM sweeps s
    WHERE s.sweep_id = %(sweep_id)s AND s.complete
      AND s.unchecked = 0
      AND g.account_id = s.account_id AND g.closed_at IS NULL AND g.window_end <= s.started_at
      AND (s.window_start <= 'epoch' OR s.window_start <= g.window_start - %(overlap)s::interval)
    RETURNING g.gap_id, g.account_id
)
UPDATE discrepancies d
SET state = 'resolved', resolved_at = now(), last_seen_at = now(), resolution = 'a complete sweep has covered the window',
    resolved_by = 'sweep ' || %(sweep_id)s::text
FROM covered
WHERE d.account_id = covered.account_id AND d.type = 'stream_gap' AND d.subject = covered.gap_id::text
  AND d.state = 'open'
RETURNING d.subject

-- name: note_checks
-- Orders that a sweep has read: whatever another got for them before, they are there. `checked_at`: its begin.
INSERT INTO order_checks AS c (account_id, id_kind, id, checked_at)
SELECT %(account_id)s, %(id_kind)s, w.id, %(checked_at)s
FROM (SELECT DISTINCT id COLLATE "C" AS id FROM unnest(%(ids)s::text[]) AS u(id)) w
ORDER BY w.id
ON CONFLICT (account_id, id_kind, id) DO UPDATE SET checked_at = excluded.checked_at, absent_since = NULL, absences = 0
WHERE c.absences > 0 OR c.checked_at <= excluded.checked_at

-- name: note_present
-- Orders that a sweep has read, though it confirms nothing of them: their absences have to be counted anew.
UPDATE order_checks SET absent_since = NULL, absences = 0
WHERE account_id = %(account_id)s AND id_kind = %(id_kind)s AND id = ANY (%(ids)s) AND absences > 0

-- name: note_absences
-- Ids that a complete sweep got "not found" for; how often in a row, and since when, at readings `apart` or more: one
-- counts as asked before its request, and the first as answered after it, however long either took. Not one that was
-- asked before a sweep began that has found it.
INSERT INTO order_checks AS c (account_id, id_kind, id, checked_at, absent_since, absences)
SELECT %(account_id)s, %(id_kind)s, w.id, w.asked_at, w.answered_at, 1
FROM unnest(%(ids)s::text[], %(asked)s::timestamptz[], %(answered)s::timestamptz[]) AS w(id, asked_at, answered_at)
ORDER BY w.id COLLATE "C"
ON CONFLICT (account_id, id_kind, id) DO UPDATE SET
    checked_at = greatest(c.checked_at, excluded.checked_at),
    absent_since = coalesce(c.absent_since, excluded.absent_since),
    absences = CASE WHEN c.absences = 0 THEN 1
                    WHEN excluded.checked_at >= c.absent_since + %(apart_s)s * interval '1 second' THEN 2
                    ELSE c.absences END
WHERE c.absences > 0 OR c.checked_at <= excluded.checked_at
RETURNING c.id, c.absences, c.absent_since

-- name: forget_checks
-- Orders that have ended are in order_checks for nothing.
DELETE FROM order_checks c
USING executions e
WHERE c.account_id = %(account_id)s AND c.id_kind = 'order' AND c.absences = 0
  AND e.alpaca_order_id = c.id AND e.account_id = c.account_id AND e.status = ANY (%(terminal)s)
  AND c.checked_at < clock_timestamp() - interval '1 day'

-- name: set_decision
-- The state of a decision, by compare-and-set.
UPDATE trade_decisions SET state = %(state)s
WHERE decision_id = %(decision_id)s AND state = ANY (%(from)s)
RETURNING decision_id

-- name: open_of
-- Subjects of open discrepancies of these types.
SELECT type, subject, last_seen_at, attempts
FROM discrepancies
WHERE account_id = %(account_id)s AND state = 'open' AND type = ANY (%(types)s)

-- name: open_before
-- The same, of those that nobody has found, or found again, since then.
SELECT type, subject
FROM discrepancies
WHERE account_id = %(account_id)s AND state = 'open' AND type = ANY (%(types)s) AND last_seen_at < %(began)s

-- name: count_attempts
-- One more attempt to resolve each of these.
UPDATE discrepancies SET attempts = attempts + 1
WHERE account_id = %(account_id)s AND state = 'open' AND type = ANY (%(types)s)

-- name: any_decision
-- Whether the account has decisions at all.
SELECT EXISTS (SELECT FROM trade_decisions WHERE account_id = %(account_id)s)

-- name: ask_reconnect
-- Asks the holder of ingest for a new socket.
UPDATE leases SET reconnect_asked_at = clock_timestamp() WHERE job = 'ingest' AND account_id = %(account_id)s

-- name: quiet_since
-- When the newest frame about an order came, and since when the socket listens: seconds before now, null if never.
SELECT extract(epoch FROM clock_timestamp() - max(s.listening_at))::double precision AS listening,
       extract(epoch FROM clock_timestamp() - max(s.good_until))::double precision AS newest_frame,
       bool_or(s.closed_at IS NULL AND s.listening_at IS NOT NULL) AS listens
FROM (SELECT listening_at, good_until, closed_at FROM stream_sessions
      WHERE account_id = %(account_id)s ORDER BY opened_at DESC LIMIT 1) s

-- name: requests_waiting
-- Sweeps that people have asked for and nobody has done yet, oldest first.
SELECT action_id, subject
FROM operator_actions
WHERE action = 'sweep' AND account_id = %(account_id)s AND finished_at IS NULL
ORDER BY action_id

-- name: ask_for
-- A person asks for a sweep.
INSERT INTO operator_actions (action, account_id, subject, who, why)
VALUES ('sweep', %(account_id)s, %(kind)s, %(who)s, %(why)s)
RETURNING action_id

-- name: answer
-- Such a request is done.
UPDATE operator_actions SET after = %(after)s, finished_at = clock_timestamp()
WHERE action_id = %(action_id)s AND finished_at IS NULL

-- name: answer_of
-- What became of a request.
SELECT after FROM operator_actions WHERE action_id = %(action_id)s AND finished_at IS NOT NULL

-- name: recent_fills
-- Fill frames recorded lately that say what was held after them, with the database's clock. (Compared with
-- clock_timestamp(), which is volatile, no index could be used.)
SELECT symbol, extract(epoch FROM event_at)::double precision AS at_s,
       CASE WHEN side LIKE 'sell%%' THEN -event_qty ELSE event_qty END AS qty, position_qty,
       extract(epoch FROM clock_timestamp())::double precision AS now_s
FROM order_events
WHERE recorded_at > statement_timestamp() - make_interval(secs => %(reach_s)s) AND account_id = %(account_id)s
  AND event IN ('fill', 'partial_fill') AND position_qty IS NOT NULL AND event_qty IS NOT NULL AND event_at IS NOT NULL
  AND symbol <> '' AND (side LIKE 'sell%%' OR side LIKE 'buy%%')

-- name: unlooked_sums
-- Whether sums of fills stopped agreeing since the newest sweep began.
SELECT EXISTS (
    SELECT FROM discrepancies d
    WHERE d.account_id = %(account_id)s AND d.state = 'open' AND d.type IN ('missing_fill', 'excess_fill')
      AND d.first_seen_at > (SELECT max(s.started_at) FROM sweeps s
                             WHERE s.account_id = %(account_id)s AND s.kind IN ('hot', 'gap'))
) AS some
