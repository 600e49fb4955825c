-- name: acquire
-- Takes the lease if it is free, expired or ours; one row with its epoch if taken. No epoch is used twice.
INSERT INTO leases AS held (job, account_id, owner, epoch, expires_at)
VALUES (%(job)s, %(account_id)s, %(owner)s,
        (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
        clock_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (job, account_id) DO UPDATE
SET owner      = EXCLUDED.owner,
    epoch      = greatest(held.epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint),
    expires_at = clock_timestamp() + %(seconds)s * interval '1 second'
WHERE held.expires_at <= clock_timestamp() OR held.owner = EXCLUDED.owner
RETURNING epoch;

-- name: renew
-- Keeps the lease for another while; no row if somebody else has it now. One that ran out and nobody took is still ours.
UPDATE leases
SET expires_at = clock_timestamp() + %(seconds)s * interval '1 second'
WHERE job = %(job)s AND account_id = %(account_id)s AND owner = %(owner)s AND epoch = %(epoch)s
RETURNING epoch;

-- name: release
-- Gives the lease up at once. The row stays, for its epoch.
UPDATE leases
SET expires_at = clock_timestamp()
WHERE job = %(job)s AND account_id = %(account_id)s AND owner = %(owner)s AND epoch = %(epoch)s
RETURNING epoch;

-- name: hold
-- Locks our lease against others until the end of this transaction; no row if it is not ours any more.
SELECT epoch
FROM leases
WHERE job = %(job)s AND account_id = %(account_id)s AND owner = %(owner)s AND epoch = %(epoch)s
FOR SHARE;

-- name: reconnect_asked
-- When a sweep last asked the holder for a new socket.
SELECT reconnect_asked_at FROM leases WHERE job = %(job)s AND account_id = %(account_id)s;

-- name: holder
-- Who holds the lease now; no row if nobody does.
SELECT owner, epoch, expires_at
FROM leases
WHERE job = %(job)s AND account_id = %(account_id)s AND expires_at > clock_timestamp();
