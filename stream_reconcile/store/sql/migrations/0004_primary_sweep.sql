-- The sweep: its runs, the orders it asked for by id, and what it proves.

CREATE TABLE sweeps (
    sweep_id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id      text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    kind            text COLLATE "C" NOT NULL CHECK (kind IN ('hot', 'gap', 'deep', 'full')),
    owner           text COLLATE "C" NOT NULL CHECK (owner <> ''),
    lease_epoch     bigint NOT NULL,
    window_start    timestamptz NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at     timestamptz,
    complete        boolean NOT NULL DEFAULT false,
    proven_equal_at timestamptz,
    requests        integer NOT NULL DEFAULT 0 CHECK (requests >= 0),
    pages           integer NOT NULL DEFAULT 0 CHECK (pages >= 0),
    orders          integer NOT NULL DEFAULT 0 CHECK (orders >= 0),
    activities      integer NOT NULL DEFAULT 0 CHECK (activities >= 0),
    published       integer NOT NULL DEFAULT 0 CHECK (published >= 0),
    unchecked       integer NOT NULL DEFAULT 0 CHECK (unchecked >= 0),
    resume_before   timestamptz,
    error           text,
    CONSTRAINT sweeps_proof_check CHECK (proven_equal_at IS NULL OR complete)
);
CREATE INDEX sweeps_account_idx ON sweeps (account_id, kind, started_at DESC);
CREATE INDEX sweeps_complete_idx ON sweeps (account_id, kind, started_at DESC) WHERE complete;
CREATE INDEX sweeps_proven_idx ON sweeps (account_id, proven_equal_at DESC) WHERE proven_equal_at IS NOT NULL;
COMMENT ON TABLE sweeps IS 'Runs of the sweep: what each read of the broker, and whether it proved the rows equal.';
COMMENT ON COLUMN sweeps.sweep_id IS 'Our id of the run; stream_id of its Kafka records.';
COMMENT ON COLUMN sweeps.account_id IS 'Account that was read.';
COMMENT ON COLUMN sweeps.kind IS 'hot, gap, deep or full.';
COMMENT ON COLUMN sweeps.owner IS 'Process that ran it, as in leases.';
COMMENT ON COLUMN sweeps.lease_epoch IS 'Epoch of the sweep lease under which it began; every write of the run is refused under another.';
COMMENT ON COLUMN sweeps.window_start IS 'All orders submitted after this time were to be read, besides those that are open; 1970-01-01 means all there are.';
COMMENT ON COLUMN sweeps.started_at IS 'When it began to read, database time; of a full sweep that was resumed, when its first part did.';
COMMENT ON COLUMN sweeps.finished_at IS 'When it ended, database time; null while it runs or if the process died.';
COMMENT ON COLUMN sweeps.complete IS 'Whether all that it had to read was read; an incomplete one adds facts and infers nothing.';
COMMENT ON COLUMN sweeps.proven_equal_at IS 'started_at, once every observation that was read is dominated by its row and nothing that blocks the proof was open; else null.';
COMMENT ON COLUMN sweeps.requests IS 'HTTP requests, those tried again included.';
COMMENT ON COLUMN sweeps.pages IS 'Pages of lists.';
COMMENT ON COLUMN sweeps.orders IS 'Orders read, legs not counted.';
COMMENT ON COLUMN sweeps.activities IS 'Account activities read.';
COMMENT ON COLUMN sweeps.published IS 'Records published, for apply to bring into the tables.';
COMMENT ON COLUMN sweeps.unchecked IS 'Orders, open by our rows and in no list, that the budget left no room to ask for by id.';
COMMENT ON COLUMN sweeps.resume_before IS 'Of a full sweep: all orders submitted after this time are examined; where it goes on.';
COMMENT ON COLUMN sweeps.error IS 'Why it is not complete or proves nothing, in words.';

CREATE TABLE order_checks (
    account_id   text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    id_kind      text COLLATE "C" NOT NULL CHECK (id_kind IN ('order', 'client')),
    id           text COLLATE "C" NOT NULL CHECK (id <> ''),
    checked_at   timestamptz NOT NULL,
    absent_since timestamptz,
    absences     integer NOT NULL DEFAULT 0 CHECK (absences >= 0),
    CONSTRAINT order_checks_pkey PRIMARY KEY (account_id, id_kind, id),
    CONSTRAINT order_checks_absent_check CHECK ((absent_since IS NULL) = (absences = 0))
) WITH (fillfactor = 80);
COMMENT ON TABLE order_checks IS 'When a sweep last read an open order, or last asked for an order by an id of it.';
COMMENT ON COLUMN order_checks.account_id IS 'Account of the order.';
COMMENT ON COLUMN order_checks.id_kind IS 'order: id is the broker''s order id; client: a client order id of a decision.';
COMMENT ON COLUMN order_checks.id IS 'The id that was read or asked for.';
COMMENT ON COLUMN order_checks.checked_at IS 'Begin of the sweep that read it last, database time; only complete sweeps count.';
COMMENT ON COLUMN order_checks.absent_since IS 'Begin of the first complete sweep in a row that got "not found" for it; null while it was found.';
COMMENT ON COLUMN order_checks.absences IS 'How many complete sweeps in a row got "not found".';

ALTER TABLE leases ADD COLUMN reconnect_asked_at timestamptz;
COMMENT ON COLUMN leases.reconnect_asked_at IS 'When the sweep last asked the holder of ingest for a new socket, since this one brings nothing; null if never.';

CREATE FUNCTION blocks_proof(type text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN type IN (
    'ambiguous_submit', 'duplicate_client_id', 'missing_fill', 'unexplained_fill', 'conflicting_fill', 'excess_fill',
    'missed_terminal', 'missing_at_broker', 'broken_replace_chain', 'missing_leg', 'position_drift', 'stream_gap',
    'undecodable', 'cursor_mismatch', 'retention_loss', 'wrong_account'
);
COMMENT ON FUNCTION blocks_proof IS 'Whether an open discrepancy of this type blocks the proof of equality.';

CREATE VIEW agreement AS
SELECT a.account_id, s.scope,
       (SELECT max(p.proven_equal_at) FROM sweeps p
        WHERE p.account_id = a.account_id AND p.proven_equal_at IS NOT NULL AND p.kind = ANY (s.kinds))
           AS proven_equal_at,
       ARRAY(SELECT d.type || ' ' || d.subject FROM discrepancies d
             WHERE d.account_id = a.account_id AND d.state = 'open' AND blocks_proof(d.type)
             ORDER BY d.first_seen_at, d.discrepancy_id LIMIT 100) AS blocked_by
FROM accounts a
CROSS JOIN (VALUES ('hot', ARRAY['hot', 'gap', 'deep', 'full']), ('deep', ARRAY['deep', 'full']),
                   ('full', ARRAY['full'])) AS s(scope, kinds);
COMMENT ON VIEW agreement IS 'Until when the rows are proven equal to the broker, by account and scope.';
COMMENT ON COLUMN agreement.account_id IS 'Account.';
COMMENT ON COLUMN agreement.scope IS 'hot: open orders and those submitted lately; deep: those of the last days too; full: all there are. A wider proof proves the narrower.';
COMMENT ON COLUMN agreement.proven_equal_at IS 'Begin of the newest sweep that proved it, database time; null if none did.';
COMMENT ON COLUMN agreement.blocked_by IS 'Type and subject of what is open and blocks a newer proof, oldest first, at most 100.';

-- It reads live and primary tables by name at each call, as why does.
CREATE FUNCTION fresh_within(order_id text, within interval, account text DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS
$$
BEGIN
    RETURN EXISTS (
        SELECT FROM executions e
        WHERE e.alpaca_order_id = order_id AND (account IS NULL OR e.account_id = account)
          AND NOT EXISTS (
              SELECT FROM discrepancies d
              WHERE d.account_id = e.account_id AND d.state = 'open' AND blocks_proof(d.type)
                AND (d.subject IN (e.alpaca_order_id, e.client_order_id, e.symbol)
                     OR d.type IN ('undecodable', 'cursor_mismatch', 'retention_loss', 'wrong_account')))
          AND (EXISTS (SELECT FROM order_checks c
                       WHERE c.account_id = e.account_id AND c.id_kind = 'order' AND c.id = e.alpaca_order_id
                         AND c.absences = 0 AND c.checked_at >= clock_timestamp() - within)
               OR EXISTS (SELECT FROM sweeps s
                          WHERE s.account_id = e.account_id AND s.proven_equal_at >= clock_timestamp() - within
                            AND e.submitted_at > s.window_start)));
END
$$;
COMMENT ON FUNCTION fresh_within IS
    'Whether a sweep that began within this interval has read the order at the broker and found its row equal or newer, and nothing about it is in doubt.';
