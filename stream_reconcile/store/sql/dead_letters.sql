-- Retrying dead letters: each in one transaction with what it applies.

-- name: to_retry
-- The letters that are open, of all or of one topic, partition, offset or reason; oldest first.
SELECT topic_id, topic, partition, "offset"
FROM dead_letters
WHERE resolved_at IS NULL
  AND (%(topic)s::text IS NULL OR topic = %(topic)s)
  AND (%(partition)s::integer IS NULL OR partition = %(partition)s)
  AND (%(offset)s::bigint IS NULL OR "offset" = %(offset)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
ORDER BY topic, partition, "offset", recorded_at
LIMIT %(limit)s

-- name: lock_letter
-- One letter with its bytes, unless another retry has just resolved it.
SELECT key, payload, (extract(epoch FROM kafka_timestamp) * 1000)::bigint AS known_at_ms
FROM dead_letters
WHERE topic_id = %(topic_id)s AND partition = %(partition)s AND "offset" = %(offset)s AND resolved_at IS NULL
FOR UPDATE

-- name: note_retry
-- What a retry gave.
UPDATE dead_letters
SET retries = retries + 1, retried_at = now(), retry_result = %(result)s,
    resolved_at = CASE WHEN %(resolved)s THEN now() END
WHERE topic_id = %(topic_id)s AND partition = %(partition)s AND "offset" = %(offset)s

-- name: close_undecodable
-- The discrepancy F2 of a letter that was applied.
UPDATE discrepancies
SET state = 'resolved', resolved_at = now(), last_seen_at = now(), resolution = 'applied by a retry', resolved_by = %(who)s
WHERE type = 'undecodable' AND subject = %(subject)s AND state = 'open'

-- name: note_action
-- What a person did.
INSERT INTO operator_actions (action, subject, who, why, before, after, finished_at)
VALUES ('dead_letters_retry', %(subject)s, %(who)s, %(why)s, %(before)s, %(after)s, now())
