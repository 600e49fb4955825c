-- What sweeps know of positions, and the activities that explained a change of one.

CREATE TABLE known_positions (
    account_id   text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    symbol       text COLLATE "C" NOT NULL,
    crypto       boolean NOT NULL DEFAULT false,
    since        timestamptz,
    possible     numeric[] NOT NULL DEFAULT '{}',
    baseline_qty numeric,
    misfit_since timestamptz,
    adjusted_qty numeric NOT NULL DEFAULT 0,
    traded_qty   numeric NOT NULL DEFAULT 0 CHECK (traded_qty >= 0),
    fee_qty      numeric NOT NULL DEFAULT 0 CHECK (fee_qty >= 0),
    fitted_at    timestamptz,
    last_qty     numeric NOT NULL,
    last_at      timestamptz NOT NULL,
    CONSTRAINT known_positions_pkey PRIMARY KEY (account_id, symbol),
    CONSTRAINT known_positions_baseline_check CHECK (baseline_qty IS NULL OR (since IS NOT NULL AND cardinality(possible) = 1))
) WITH (fillfactor = 80);
COMMENT ON TABLE known_positions IS 'What sweeps know of the position in each symbol: the baseline from which changes are judged, and the last reading.';
COMMENT ON COLUMN known_positions.account_id IS 'Account that holds it.';
COMMENT ON COLUMN known_positions.symbol IS 'Symbol in upper case without "/", as positions name it; empty: all symbols that have no row, of which no reading showed anything.';
COMMENT ON COLUMN known_positions.crypto IS 'Whether it is a coin, of which fees may be taken.';
COMMENT ON COLUMN known_positions.since IS 'Time from which fills count: of the first reading, then 15 s before the last one that fitted, by the clock of the machine that read. Null while it moves too much to say anything.';
COMMENT ON COLUMN known_positions.possible IS 'Quantities that may have been held at since, by the readings so far: a reading is up to 15 s old. None are left when readings contradict each other; then it begins anew.';
COMMENT ON COLUMN known_positions.baseline_qty IS 'Quantity held at since, negative when short, on which two readings at least 15 s apart agreed, fills since then added; null until they do.';
COMMENT ON COLUMN known_positions.misfit_since IS 'When the first reading in a row was taken that does not follow from the baseline; null while they do.';
COMMENT ON COLUMN known_positions.adjusted_qty IS 'Signed sum of position_adjustments counted since then: part of what is expected.';
COMMENT ON COLUMN known_positions.traded_qty IS 'What was traded from the first reading up to since, both sides added up: fees in coins are a share of it.';
COMMENT ON COLUMN known_positions.fee_qty IS 'What fees in coins took since the first reading, positive, by the activities counted.';
COMMENT ON COLUMN known_positions.fitted_at IS 'When the last reading was taken that followed from the baseline exactly; activities from well before explain nothing.';
COMMENT ON COLUMN known_positions.last_qty IS 'Quantity of the last reading, negative when short; 0 where the broker listed no position.';
COMMENT ON COLUMN known_positions.last_at IS 'When the last reading was taken, by the clock of the machine that read.';

CREATE TABLE position_adjustments (
    account_id    text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    activity_id   text COLLATE "C" NOT NULL CHECK (activity_id <> ''),
    activity_type text COLLATE "C" NOT NULL,
    symbol        text COLLATE "C" NOT NULL CHECK (symbol <> ''),
    qty           numeric NOT NULL,
    sweep_id      uuid NOT NULL,
    counted_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT position_adjustments_pkey PRIMARY KEY (account_id, activity_id)
);
CREATE INDEX position_adjustments_symbol_idx ON position_adjustments (account_id, symbol);
COMMENT ON TABLE position_adjustments IS 'Activities that are no fills and explained a change of a position; each counts once.';
COMMENT ON COLUMN position_adjustments.account_id IS 'Account of the activity.';
COMMENT ON COLUMN position_adjustments.activity_id IS 'Id of the activity at the broker.';
COMMENT ON COLUMN position_adjustments.activity_type IS 'Its type: SPLIT, CFEE, OPASN, JNLS and so on.';
COMMENT ON COLUMN position_adjustments.symbol IS 'Symbol as in known_positions.';
COMMENT ON COLUMN position_adjustments.qty IS 'Signed quantity by which it changed the position.';
COMMENT ON COLUMN position_adjustments.sweep_id IS 'Sweep that counted it (sweeps).';
COMMENT ON COLUMN position_adjustments.counted_at IS 'When it was counted, database time.';
