-- Sealed checkpoints: digests of the rows, and the chain.

-- name: newest
-- The newest checkpoint of an account.
SELECT content, hash FROM proofs WHERE account_id = %(account_id)s ORDER BY seq DESC LIMIT 1

-- name: chain
-- The checkpoints of an account from a number on, in order, with what their columns repeat.
SELECT content, hash, seq, previous, offsets, digests, published
FROM proofs
WHERE account_id = %(account_id)s AND seq >= %(first)s
ORDER BY seq

-- name: accounts
-- Accounts that have checkpoints.
SELECT DISTINCT account_id FROM proofs ORDER BY account_id

-- name: add
-- The next one, under the sweep's lease.
INSERT INTO proofs (
    account_id, seq, hash, previous, content, sweep_id, proven_equal_at, sealed_at, parser_version, offsets, digests,
    open_dead_letters
)
VALUES (
    %(account_id)s, %(seq)s, %(hash)s, %(previous)s, %(content)s, %(sweep_id)s, %(proven_equal_at)s, %(sealed_at)s,
    %(parser_version)s, %(offsets)s, %(digests)s, %(open_dead_letters)s
)

-- name: unpublished
-- Those that are not on the topic yet, oldest first.
SELECT content, hash FROM proofs WHERE account_id = %(account_id)s AND NOT published ORDER BY seq LIMIT 100

-- name: note_published
-- It is on the topic.
UPDATE proofs SET published = true WHERE account_id = %(account_id)s AND hash = %(hash)s
