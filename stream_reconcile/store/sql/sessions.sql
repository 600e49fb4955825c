-- name: newest
-- The account's newest session: what every write is compared with, locked until the end of the transaction.
SELECT session_id, good_until_ns
FROM stream_sessions
WHERE account_id = %(account_id)s
ORDER BY opened_at DESC
LIMIT 1
FOR UPDATE;

-- name: close
-- Ends a session, once.
UPDATE stream_sessions
SET closed_at    = coalesce(closed_at, clock_timestamp()),
    close_reason = coalesce(close_reason, %(close_reason)s),
    frames       = greatest(frames, %(frames)s)
WHERE session_id = %(before_id)s AND good_until_ns IS NOT DISTINCT FROM %(before_ns)s;

-- name: insert
-- A new session with the good_until of the one before. It is the newest by opened_at whatever the clock does.
INSERT INTO stream_sessions (session_id, account_id, owner, lease_epoch, good_until_ns, opened_at, listening_at)
SELECT %(session_id)s, %(account_id)s, %(owner)s, %(epoch)s, %(before_ns)s, at.opened,
       CASE WHEN %(listening)s THEN at.opened END
FROM (SELECT greatest(clock_timestamp(), max(opened_at) + interval '1 microsecond') AS opened
      FROM stream_sessions
      WHERE account_id = %(account_id)s) AS at;

-- name: open_window
-- A window from good_until less the overlap (from `unknown` before now where there is none), and its F1.
WITH gap AS (
    INSERT INTO stream_gaps (account_id, session_id, window_start, window_end, reason)
    SELECT %(account_id)s, %(session_id)s, span.start,
           CASE WHEN %(ended)s THEN greatest(clock_timestamp(), span.start) END, %(reason)s
    FROM (SELECT coalesce(%(good_until)s::timestamptz - %(overlap)s::interval,
                          clock_timestamp() - %(unknown)s::interval) AS start) AS span
    RETURNING gap_id, window_start
)
INSERT INTO discrepancies (account_id, type, subject, evidence)
SELECT %(account_id)s, 'stream_gap', gap_id::text,
       jsonb_build_object('broker', NULL,
                          'ours', jsonb_build_object('session_id', %(session_id)s::text, 'reason', %(reason)s::text,
                                                     'window_start', window_start))
FROM gap;

-- name: end_windows
-- Frames are taken again: windows of lost frames get an end. Those without a session are the log's own (F5).
UPDATE stream_gaps
SET window_end = greatest(clock_timestamp(), window_start)
WHERE account_id = %(account_id)s AND session_id IS NOT NULL AND window_end IS NULL AND closed_at IS NULL;

-- name: move_good_until
-- Moves good_until of a session, if it stands where we believe.
UPDATE stream_sessions
SET good_until_ns = %(good_until_ns)s, frames = greatest(frames, %(frames)s)
WHERE session_id = %(before_id)s AND good_until_ns IS NOT DISTINCT FROM %(before_ns)s;

-- name: open_windows
-- How many windows in which frames may be missing are open.
SELECT count(*) FROM stream_gaps WHERE account_id = %(account_id)s AND closed_at IS NULL;

-- name: has_open_orders
-- Whether any order of the account is open by our rows; a status that we don't know counts as open.
SELECT EXISTS (
    SELECT FROM executions
    WHERE account_id = %(account_id)s AND NOT coalesce(status = ANY (%(terminal)s), false)
);
