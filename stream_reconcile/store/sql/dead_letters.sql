-- Retrying dead letters: each in one transaction with what it applies.

-- name: to_retry
-- The next letters that are open and wanted, after the given place, in the order of the log: so of one order too.
SELECT at, topic, partition, "offset", topic_id
FROM (SELECT coalesce(kafka_timestamp, 'epoch') AS at, * FROM dead_letters WHERE resolved_at IS NULL) l
WHERE (%(topic)s::text IS NULL OR topic = %(topic)s)
  AND (%(partition)s::integer IS NULL OR partition = %(partition)s)
  AND (%(from_offset)s::bigint IS NULL OR "offset" >= %(from_offset)s)
  AND (%(to_offset)s::bigint IS NULL OR "offset" <= %(to_offset)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(order_id)s::text IS NULL OR order_id = %(order_id)s)
  AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
  AND (%(after_topic)s::text IS NULL OR (at, topic, partition, "offset", topic_id)
       > (%(after_at)s::timestamptz, %(after_topic)s, %(after_partition)s, %(after_offset)s, %(after_topic_id)s))
ORDER BY at, topic, partition, "offset", topic_id
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
