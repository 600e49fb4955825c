-- Rewinds: cursors set back under a raised epoch, taken back, and both recorded as what people did.

-- name: lock
-- The cursor rows to be moved, locked in the order in which claims and commits take them, and as they stand now.
SELECT topic, partition, next_offset, max_offset, epoch, topic_id
FROM stream_cursors
WHERE consumer_group = %(group)s
  AND (topic, partition) IN (SELECT t, p FROM unnest(%(topics)s::text[], %(partitions)s::integer[]) AS w(t, p))
ORDER BY topic, partition
FOR UPDATE

-- name: set_back
-- Compare and set on epoch and topic id; the owner stays, and finds its cursor moved under a raised epoch. Never forward.
UPDATE stream_cursors c
SET next_offset = least(c.next_offset, w.wanted), leader_epoch = NULL,
    epoch = greatest(c.epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
FROM unnest(%(topics)s::text[], %(partitions)s::integer[], %(wanted)s::bigint[], %(epochs)s::bigint[],
            %(topic_ids)s::text[]) AS w(topic, partition, wanted, epoch, topic_id)
WHERE c.consumer_group = %(group)s AND c.topic = w.topic AND c.partition = w.partition
  AND c.epoch = w.epoch AND c.topic_id = w.topic_id
RETURNING c.topic, c.partition, c.next_offset, c.epoch, c.topic_id

-- name: take_back
-- The same the other way: to where the cursor stood, but never backward, and never beyond what was once committed.
UPDATE stream_cursors c
SET next_offset = greatest(c.next_offset, least(w.wanted, c.max_offset)), leader_epoch = NULL,
    epoch = greatest(c.epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
FROM unnest(%(topics)s::text[], %(partitions)s::integer[], %(wanted)s::bigint[], %(epochs)s::bigint[],
            %(topic_ids)s::text[]) AS w(topic, partition, wanted, epoch, topic_id)
WHERE c.consumer_group = %(group)s AND c.topic = w.topic AND c.partition = w.partition
  AND c.epoch = w.epoch AND c.topic_id = w.topic_id
RETURNING c.topic, c.partition, c.next_offset, c.epoch, c.topic_id

-- name: record
-- Who did it and why, with the login; gives the action's id.
INSERT INTO operator_actions (action, subject, who, why, before, after, finished_at)
VALUES (%(action)s, %(group)s, %(who)s || ' (login ' || session_user || ')', %(why)s, %(before)s, %(after)s,
        clock_timestamp())
RETURNING action_id

-- name: passed
-- How long it took until all was read again: from it the next plan estimates.
UPDATE operator_actions
SET after = after || jsonb_build_object('passed', jsonb_build_object('records', %(records)s::bigint,
                                                                     'seconds', %(seconds)s::float8))
WHERE action_id = %(action_id)s

-- name: measured
-- Records and seconds of the newest rewind that somebody waited for, and that was large enough to tell a rate.
SELECT (after #>> '{passed,records}')::bigint AS records, (after #>> '{passed,seconds}')::float8 AS seconds
FROM operator_actions
WHERE action = 'rewind' AND subject = %(group)s AND (after #>> '{passed,records}')::bigint >= 1000
ORDER BY action_id DESC
LIMIT 1

-- name: rewinds
-- Cursors of the newest rewinds (of one and all after it, where one is given), newest first, and whether each was taken
-- back.
WITH recent AS (
    SELECT action_id, before
    FROM operator_actions
    WHERE action = 'rewind' AND subject = %(group)s
      AND (%(action_id)s::bigint IS NULL OR action_id >= %(action_id)s::bigint)
    ORDER BY action_id DESC
    LIMIT CASE WHEN %(action_id)s::bigint IS NULL THEN 100 END
), undone AS (
    SELECT (u.after ->> 'undoes')::bigint AS action_id, c.topic, c.partition
    FROM operator_actions u
    CROSS JOIN jsonb_to_recordset(u.before -> 'cursors') AS c(topic text, partition integer)
    WHERE u.action = 'rewind_undo' AND u.subject = %(group)s
)
SELECT r.action_id, c.topic, c.partition, c.next_offset, c.topic_id,
       EXISTS (SELECT FROM undone u
               WHERE u.action_id = r.action_id AND u.topic = c.topic AND u.partition = c.partition) AS undone
FROM recent r
CROSS JOIN jsonb_to_recordset(r.before -> 'cursors')
    AS c(topic text, partition integer, next_offset bigint, topic_id text)
ORDER BY r.action_id DESC, c.topic, c.partition
