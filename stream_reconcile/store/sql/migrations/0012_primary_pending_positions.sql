-- Fills may be behind a reading of the positions as well: a reading is judged once activities were read after it.
ALTER TABLE known_positions
    ADD COLUMN misfit_qty numeric,
    ADD COLUMN pending_qty numeric[] NOT NULL DEFAULT '{}',
    ADD COLUMN pending_at timestamptz[] NOT NULL DEFAULT '{}',
    ADD COLUMN order_symbol text COLLATE "C" NOT NULL DEFAULT '',
    ADD CONSTRAINT known_positions_pending_check CHECK (cardinality(pending_qty) = cardinality(pending_at));
COMMENT ON COLUMN known_positions.misfit_qty IS 'Quantity of the reading of misfit_since: judged again with each later one, by the fills known then.';
COMMENT ON COLUMN known_positions.pending_qty IS 'Quantities of the readings that are not judged yet, oldest first: activities have not been read since.';
COMMENT ON COLUMN known_positions.pending_at IS 'When these readings were taken, by the clock of the machine that read.';
COMMENT ON COLUMN known_positions.order_symbol IS 'Symbol as orders name it, BTC/USD; empty until one was filled.';
