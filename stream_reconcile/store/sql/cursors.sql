-- The cursor rows: claimed on assignment, compared and set with every commit, watched every second (I4).

-- name: claim
-- Takes a partition's cursor under a new epoch; waits for the old owner's commit. Gives the row as it stood before and
-- as it stands now. A partition without a cursor starts at the given offset, its first record.
WITH old AS MATERIALIZED (
    SELECT owner, epoch FROM stream_cursors
    WHERE consumer_group = %(group)s AND topic = %(topic)s AND partition = %(partition)s
)
INSERT INTO stream_cursors AS c (
    consumer_group, topic, partition, next_offset, max_offset, owner, epoch, cluster_id, topic_id
)
VALUES (
    %(group)s, %(topic)s, %(partition)s, %(low)s, %(low)s, %(owner)s,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint, %(cluster_id)s, %(topic_id)s
)
ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET
    owner = excluded.owner, epoch = greatest(c.epoch + 1, excluded.epoch)
RETURNING c.next_offset, c.epoch, c.owner, c.topic_id, c.max_offset, c.leader_epoch, c.cluster_id,
          (SELECT owner FROM old) AS old_owner, xmax = 0 AS added

-- name: read
-- The cursor rows of a group.
SELECT topic, partition, next_offset, epoch, owner, topic_id, max_offset
FROM stream_cursors
WHERE consumer_group = %(group)s

-- name: restart_at_low
-- The log can't be read at the cursor (F5): goes to the first record there is, under the same compare as a commit.
UPDATE stream_cursors
SET next_offset = %(low)s, topic_id = %(new_topic_id)s, cluster_id = %(cluster_id)s, leader_epoch = NULL,
    max_offset = CASE WHEN topic_id = %(new_topic_id)s THEN greatest(max_offset, %(low)s) ELSE %(low)s END
WHERE consumer_group = %(group)s AND topic = %(topic)s AND partition = %(partition)s
  AND next_offset = %(next_offset)s AND epoch = %(epoch)s AND owner = %(owner)s AND topic_id = %(topic_id)s
RETURNING (SELECT o.last_record_at FROM stream_cursors o
           WHERE o.consumer_group = %(group)s AND o.topic = %(topic)s AND o.partition = %(partition)s) AS last_record_at

-- name: open_gap
-- A window in which frames may be missing because the log lost them, for each account, with its discrepancy F1. Over all
-- time where its begin is not known, or lies ahead of now: then the clock of who wrote the last record is not to be trusted.
WITH gap AS (
    INSERT INTO stream_gaps (account_id, window_start, window_end, reason)
    SELECT account_id, CASE WHEN %(window_start)s::timestamptz <= now() THEN %(window_start)s ELSE 'epoch' END, now(),
           %(reason)s
    FROM accounts
    RETURNING gap_id, account_id, window_start
)
INSERT INTO discrepancies (account_id, type, subject, evidence)
SELECT account_id, 'stream_gap', gap_id::text,
       jsonb_build_object('broker', NULL, 'ours', jsonb_build_object('window_start', window_start, 'reason', %(reason)s::text))
FROM gap

-- name: open_for_each_account
-- A discrepancy of the log itself concerns every account.
INSERT INTO discrepancies (account_id, type, subject, evidence)
SELECT account_id, %(type)s, %(subject)s, %(evidence)s::jsonb
FROM accounts
ON CONFLICT (account_id, type, subject) WHERE state = 'open' DO UPDATE SET
    last_seen_at = now(), evidence = excluded.evidence

-- name: open_mismatch
-- F4 concerns every account. Of several that were found it is over where the furthest copy was, whoever says so last: a
-- member that was stopped before it wrote this may have been acknowledged less than another one since.
INSERT INTO discrepancies AS d (account_id, type, subject, evidence)
SELECT account_id, 'cursor_mismatch', %(subject)s, %(evidence)s::jsonb
FROM accounts
ON CONFLICT (account_id, type, subject) WHERE state = 'open' DO UPDATE SET
    last_seen_at = now(),
    evidence = CASE WHEN (excluded.evidence #>> '{ours,acknowledged}')::bigint
                         < (d.evidence #>> '{ours,acknowledged}')::bigint
                    THEN d.evidence ELSE excluded.evidence END

-- name: close_mismatches
-- Cursors of this owner that have come to where they had been: both sides agree again. Compared with the rows as they
-- are now: a member that lost its cursors closes nothing, whatever it believes.
UPDATE discrepancies d
SET state = 'resolved', resolved_at = now(), last_seen_at = now(), resolution = 'the log was applied again up to there',
    resolved_by = 'apply'
FROM stream_cursors c
WHERE d.type = 'cursor_mismatch' AND d.state = 'open' AND d.subject = c.topic || ':' || c.partition
  AND c.consumer_group = %(group)s AND c.owner = %(owner)s
  AND c.next_offset >= (d.evidence #>> '{ours,acknowledged}')::bigint

-- name: pinned_accounts
-- Accounts that may be applied, and those that an open F6 stops.
SELECT a.account_id,
       EXISTS (SELECT FROM discrepancies d
               WHERE d.account_id = a.account_id AND d.type = 'wrong_account' AND d.state = 'open') AS stopped
FROM accounts a

-- name: end_blockers
-- Ends the sessions that keep the given one waiting: a stopped process in the middle of a COPY gives up no lock.
SELECT pg_terminate_backend(blocker) FROM unnest(pg_blocking_pids(%(pid)s)) AS blocker
