-- Sealed checkpoints (DESIGN §4): what the rows were at a place of the log, each vouched for by the hash of the next.
CREATE TABLE proofs (
    account_id        text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    seq               bigint NOT NULL CHECK (seq > 0),
    hash              text COLLATE "C" NOT NULL,
    previous          text COLLATE "C" NOT NULL,
    content           text COLLATE "C" NOT NULL,
    sweep_id          uuid NOT NULL,
    proven_equal_at   timestamptz NOT NULL,
    sealed_at         timestamptz NOT NULL,
    parser_version    text COLLATE "C" NOT NULL,
    offsets           jsonb NOT NULL,
    digests           jsonb NOT NULL,
    open_dead_letters bigint NOT NULL,
    published         boolean NOT NULL DEFAULT false,
    CONSTRAINT proofs_pkey PRIMARY KEY (account_id, seq)
);
CREATE INDEX proofs_unpublished_idx ON proofs (account_id, seq) WHERE NOT published;
COMMENT ON TABLE proofs IS 'Sealed checkpoints: what the rows were when the log had been applied up to there; also on the topic proofs. `stream-reconcile verify` derives them again.';
COMMENT ON COLUMN proofs.account_id IS 'Account whose rows they are.';
COMMENT ON COLUMN proofs.seq IS 'Number in the account''s chain, from 1.';
COMMENT ON COLUMN proofs.hash IS 'SHA-256 of content, hex; the next one holds it as previous.';
COMMENT ON COLUMN proofs.previous IS 'Hash of the one before; 64 zeros in the first.';
COMMENT ON COLUMN proofs.content IS 'The checkpoint: JSON, keys sorted, no spaces. All but hash and published is in it; other columns repeat parts of it, to be queried.';
COMMENT ON COLUMN proofs.sweep_id IS 'Sweep that had proved the rows equal to the broker.';
COMMENT ON COLUMN proofs.proven_equal_at IS 'When that sweep began, database time.';
COMMENT ON COLUMN proofs.sealed_at IS 'When the rows were read, database time.';
COMMENT ON COLUMN proofs.parser_version IS 'Version of the program, and of the schema, that had made the rows.';
COMMENT ON COLUMN proofs.offsets IS 'By topic:partition, the offset up to which, not including, the log had been applied.';
COMMENT ON COLUMN proofs.digests IS 'SHA-256 of the rows of each table, without decision_id, origin and recorded_at.';
COMMENT ON COLUMN proofs.open_dead_letters IS 'Dead letters of the account, or of none, that were open.';
COMMENT ON COLUMN proofs.published IS 'It is on the topic proofs too.';
