-- name: lock
-- Two processes that start at once must not both pin a first account.
LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE;

-- name: pinned
-- The accounts pinned, the first one first.
SELECT account_id, key_fingerprint FROM accounts ORDER BY pinned_at, account_id;

-- name: pin
-- Pins an account, or notes the newest key of one that is pinned.
INSERT INTO accounts AS pinned (account_id, key_fingerprint)
VALUES (%(account_id)s, %(key_fingerprint)s)
ON CONFLICT (account_id) DO UPDATE SET key_fingerprint = EXCLUDED.key_fingerprint
WHERE pinned.key_fingerprint <> EXCLUDED.key_fingerprint;

-- name: open_wrong_account
-- F6: opens it, or notes that it was seen again.
INSERT INTO discrepancies AS found (account_id, type, subject, evidence)
VALUES (%(account_id)s, 'wrong_account', %(subject)s, %(evidence)s)
ON CONFLICT (account_id, type, subject) WHERE state = 'open'
DO UPDATE SET last_seen_at = now(), attempts = found.attempts + 1;

-- name: has_wrong_account
-- Whether an F6 of the account is open: then all its jobs stand still.
SELECT EXISTS (
    SELECT FROM discrepancies WHERE account_id = %(account_id)s AND type = 'wrong_account' AND state = 'open'
);
