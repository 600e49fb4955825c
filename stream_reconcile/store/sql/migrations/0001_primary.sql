-- Primary tables: what only we know. A replay reads them, a promote never moves them.
-- Names are unqualified: the schema is the first of search_path.

CREATE TABLE accounts (
    account_id      text COLLATE "C" PRIMARY KEY CHECK (account_id <> ''),
    key_fingerprint text COLLATE "C" NOT NULL CHECK (key_fingerprint <> ''),
    pinned_at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE accounts IS 'Accounts that this installation is pinned to; nothing is published or applied for any other (F6).';
COMMENT ON COLUMN accounts.account_id IS 'Account id as the broker gives it.';
COMMENT ON COLUMN accounts.key_fingerprint IS 'Fingerprint of the newest API key seen with this account, never the key.';
COMMENT ON COLUMN accounts.pinned_at IS 'When the account was first read from the broker and pinned, database time.';

CREATE TABLE trade_decisions (
    decision_id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id      text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    client_order_id text COLLATE "C" NOT NULL CHECK (client_order_id <> ''),
    symbol          text COLLATE "C",
    side            text COLLATE "C",
    qty             numeric CHECK (qty > 0),
    notional        numeric CHECK (notional > 0),
    order_type      text COLLATE "C",
    limit_price     numeric,
    time_in_force   text COLLATE "C",
    decided_at      timestamptz NOT NULL DEFAULT now(),
    not_before      timestamptz,
    submitted_at    timestamptz,
    submit_result   text COLLATE "C" CHECK (submit_result IN ('accepted', 'refused', 'ambiguous')),
    state           text COLLATE "C" NOT NULL DEFAULT 'planned'
                    CHECK (state IN ('planned', 'submitted', 'bound', 'not_placed', 'unknown')),
    alpaca_order_id text COLLATE "C",
    bound_at        timestamptz,
    inserted_by     text COLLATE "C" NOT NULL DEFAULT session_user,
    inserted_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT trade_decisions_client_order_id_key UNIQUE (account_id, client_order_id),
    CONSTRAINT trade_decisions_bound_check
        CHECK (state <> 'bound' OR (alpaca_order_id IS NOT NULL AND bound_at IS NOT NULL))
);
CREATE INDEX trade_decisions_order_idx ON trade_decisions (account_id, alpaca_order_id);
CREATE INDEX trade_decisions_unresolved_idx ON trade_decisions (account_id, inserted_at)
    WHERE state IN ('planned', 'submitted', 'unknown');
COMMENT ON TABLE trade_decisions IS 'Order intents, written by the trading loop before it submits (role reconcile_intent).';
COMMENT ON COLUMN trade_decisions.decision_id IS 'Our id of the intent.';
COMMENT ON COLUMN trade_decisions.account_id IS 'Account the order is meant for.';
COMMENT ON COLUMN trade_decisions.client_order_id IS 'The id that the loop submits with the order; unique in the account.';
COMMENT ON COLUMN trade_decisions.symbol IS 'Symbol intended; null where the intent does not say (then it is no difference to the order).';
COMMENT ON COLUMN trade_decisions.side IS 'buy or sell as intended; null where the intent does not say.';
COMMENT ON COLUMN trade_decisions.qty IS 'Quantity intended, in shares, contracts or coins; null where the intent does not say.';
COMMENT ON COLUMN trade_decisions.notional IS 'Amount intended, in the account''s currency, where the order is by amount.';
COMMENT ON COLUMN trade_decisions.order_type IS 'Order type intended (market, limit, …).';
COMMENT ON COLUMN trade_decisions.limit_price IS 'Limit price intended; negative for a multi-leg order that collects a credit.';
COMMENT ON COLUMN trade_decisions.time_in_force IS 'Time in force intended (day, gtc, …).';
COMMENT ON COLUMN trade_decisions.decided_at IS 'When the loop decided, by the loop''s clock; the time of insertion if it gave none.';
COMMENT ON COLUMN trade_decisions.not_before IS 'The loop will not submit before this time; the submit grace starts there.';
COMMENT ON COLUMN trade_decisions.submitted_at IS 'When the loop submitted; it sets this once.';
COMMENT ON COLUMN trade_decisions.submit_result IS 'What the loop heard: accepted, refused or ambiguous; optional, set once, only speeds things up.';
COMMENT ON COLUMN trade_decisions.state IS 'planned, submitted (by trigger), bound (by apply), not_placed or unknown (by the sweep).';
COMMENT ON COLUMN trade_decisions.alpaca_order_id IS 'The broker''s order that this intent is bound to.';
COMMENT ON COLUMN trade_decisions.bound_at IS 'When it was bound, database time.';
COMMENT ON COLUMN trade_decisions.inserted_by IS 'Login that inserted the row; only that login may set submitted_at and submit_result.';
COMMENT ON COLUMN trade_decisions.inserted_at IS 'When the row was inserted, database time.';

-- The row rule of trade_decisions. Who may not write `state` is a trading loop: decided by privilege, not by role
-- name, so that it holds whatever the roles are called. search_path is pinned, or a login could shadow the functions
-- that the rule is made of.
CREATE FUNCTION trade_decisions_guard_row() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.inserted_by <> session_user
           AND NOT has_column_privilege(current_user, TG_RELID, 'state', 'UPDATE') THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('decision %s was inserted by another login', OLD.decision_id),
                HINT = 'Only the login that inserted a decision may set its submitted_at and submit_result.';
        END IF;
        IF (OLD.submitted_at IS NOT NULL AND NEW.submitted_at IS DISTINCT FROM OLD.submitted_at)
           OR (OLD.submit_result IS NOT NULL AND NEW.submit_result IS DISTINCT FROM OLD.submit_result) THEN
            RAISE object_not_in_prerequisite_state USING
                MESSAGE = format('submitted_at and submit_result of decision %s are set once', OLD.decision_id),
                HINT = 'Read what stands there; a new attempt is a new decision.';
        END IF;
    END IF;
    IF NEW.state = 'planned' AND NEW.submitted_at IS NOT NULL THEN
        NEW.state := 'submitted';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION trade_decisions_guard_row() IS
    'A loop changes only rows of its own login, submission is set once, and a submitted plan becomes submitted.';

CREATE FUNCTION trade_decisions_guard_statement() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    IF (SELECT count(*) FROM changed) > 1
       AND NOT has_column_privilege(current_user, TG_RELID, 'state', 'UPDATE') THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'an update of trade_decisions may change one row only',
            HINT = 'Name the decision_id in the WHERE clause.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION trade_decisions_guard_statement() IS 'A loop changes one row a statement: a forgotten WHERE changes nothing.';

CREATE TRIGGER guard_row BEFORE INSERT OR UPDATE ON trade_decisions
    FOR EACH ROW EXECUTE FUNCTION trade_decisions_guard_row();
CREATE TRIGGER guard_statement AFTER UPDATE ON trade_decisions
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION trade_decisions_guard_statement();

CREATE TABLE leases (
    job        text COLLATE "C" NOT NULL CHECK (job IN ('ingest', 'sweep')),
    account_id text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    owner      text COLLATE "C" NOT NULL CHECK (owner <> ''),
    epoch      bigint NOT NULL CHECK (epoch > 0),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (job, account_id)
);
COMMENT ON TABLE leases IS 'Who may run ingest or the sweep of an account now; one active process each, the others wait.';
COMMENT ON COLUMN leases.job IS 'ingest or sweep.';
COMMENT ON COLUMN leases.account_id IS 'Account the job works for.';
COMMENT ON COLUMN leases.owner IS 'Process that holds the lease; new at every process start.';
COMMENT ON COLUMN leases.epoch IS 'Fence: greatest(epoch + 1, database clock in ms) at each acquisition; never used twice.';
COMMENT ON COLUMN leases.expires_at IS 'Until when the owner holds it unless renewed, database time.';

CREATE TABLE stream_sessions (
    session_id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id    text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    owner         text COLLATE "C" NOT NULL CHECK (owner <> ''),
    lease_epoch   bigint NOT NULL,
    opened_at     timestamptz NOT NULL DEFAULT now(),
    listening_at  timestamptz,
    closed_at     timestamptz,
    close_reason  text,
    good_until_ns bigint,
    good_until    timestamptz GENERATED ALWAYS AS
        ((timestamp 'epoch' + (good_until_ns / 1000) * interval '1 microsecond') AT TIME ZONE 'UTC') STORED,
    frames        bigint NOT NULL DEFAULT 0 CHECK (frames >= 0)
);
CREATE INDEX stream_sessions_account_idx ON stream_sessions (account_id, opened_at DESC);
COMMENT ON TABLE stream_sessions IS 'Websocket sessions with the broker; after a lost frame the same socket goes on in a new row.';
COMMENT ON COLUMN stream_sessions.session_id IS 'Our id of the session; stream_id of its Kafka records.';
COMMENT ON COLUMN stream_sessions.account_id IS 'Account whose trade updates the session carries.';
COMMENT ON COLUMN stream_sessions.owner IS 'Process that opened it, as in leases.';
COMMENT ON COLUMN stream_sessions.lease_epoch IS 'Epoch of the ingest lease under which it was opened; part of every compare-and-set on this row.';
COMMENT ON COLUMN stream_sessions.opened_at IS 'When the row was opened, database time.';
COMMENT ON COLUMN stream_sessions.listening_at IS 'When the broker acknowledged the subscription, database time; null before.';
COMMENT ON COLUMN stream_sessions.closed_at IS 'When the session ended or was continued in a new row, database time; null while open or if the process died.';
COMMENT ON COLUMN stream_sessions.close_reason IS 'Why it ended, in words.';
COMMENT ON COLUMN stream_sessions.good_until_ns IS 'Broker time, in ns since the epoch, of the newest frame that Kafka acknowledged together with all frames read before it.';
COMMENT ON COLUMN stream_sessions.good_until IS 'good_until_ns as a time, cut to microseconds.';
COMMENT ON COLUMN stream_sessions.frames IS 'Frames of this session that Kafka has acknowledged.';

CREATE TABLE stream_gaps (
    gap_id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id   text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    session_id   uuid REFERENCES stream_sessions (session_id),
    window_start timestamptz NOT NULL,
    window_end   timestamptz,
    reason       text COLLATE "C" NOT NULL CHECK (reason <> ''),
    opened_at    timestamptz NOT NULL DEFAULT now(),
    closed_at    timestamptz,
    closed_by    text,
    CONSTRAINT stream_gaps_window_check CHECK (window_end >= window_start),
    CONSTRAINT stream_gaps_closed_check CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);
CREATE INDEX stream_gaps_open_idx ON stream_gaps (account_id, window_start) WHERE closed_at IS NULL;
COMMENT ON TABLE stream_gaps IS 'Windows of broker time in which frames may be missing (F1); assumed, not reported.';
COMMENT ON COLUMN stream_gaps.gap_id IS 'Our id of the window.';
COMMENT ON COLUMN stream_gaps.account_id IS 'Account whose frames may be missing.';
COMMENT ON COLUMN stream_gaps.session_id IS 'Session that opened the window; null where the log itself lost records (F5).';
COMMENT ON COLUMN stream_gaps.window_start IS 'From when frames may be missing, broker time; 1970-01-01 means all time.';
COMMENT ON COLUMN stream_gaps.window_end IS 'Until when: by the database''s clock when frames were taken again, or the log''s window ends; null while frames may still be missing, and then no sweep closes it.';
COMMENT ON COLUMN stream_gaps.reason IS 'What opened it: start, listening, dropped or refused frame, expired or recreated log.';
COMMENT ON COLUMN stream_gaps.opened_at IS 'When the row was written, database time.';
COMMENT ON COLUMN stream_gaps.closed_at IS 'When a complete sweep had covered the window, database time; null while open.';
COMMENT ON COLUMN stream_gaps.closed_by IS 'The sweep or person that closed it.';

CREATE TABLE discrepancies (
    discrepancy_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id     text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    type           text COLLATE "C" NOT NULL CHECK (type <> ''),
    subject        text COLLATE "C" NOT NULL CHECK (subject <> ''),
    state          text COLLATE "C" NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved', 'accepted')),
    evidence       jsonb NOT NULL DEFAULT '{}',
    evidence_hash  bigint GENERATED ALWAYS AS (jsonb_hash_extended(evidence, 0)) STORED,
    first_seen_at  timestamptz NOT NULL DEFAULT now(),
    last_seen_at   timestamptz NOT NULL DEFAULT now(),
    attempts       integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    resolved_at    timestamptz,
    resolution     text,
    resolved_by    text,
    CONSTRAINT discrepancies_resolved_check CHECK ((state = 'open') = (resolved_at IS NULL))
);
CREATE UNIQUE INDEX discrepancies_open_key ON discrepancies (account_id, type, subject) WHERE state = 'open';
CREATE INDEX discrepancies_open_subject_idx ON discrepancies (subject, account_id) WHERE state = 'open';
CREATE INDEX discrepancies_evidence_idx ON discrepancies (account_id, type, subject, evidence_hash);
COMMENT ON TABLE discrepancies IS 'Differences ever found between the broker and the rows; never deleted.';
COMMENT ON COLUMN discrepancies.discrepancy_id IS 'Our id.';
COMMENT ON COLUMN discrepancies.account_id IS 'Account it was found in.';
COMMENT ON COLUMN discrepancies.type IS 'Name of the kind of difference (missing_fill, excess_fill, …).';
COMMENT ON COLUMN discrepancies.subject IS 'What differs: order id, client order id, symbol, gap, topic:partition[:offset], sweep kind, account or job.';
COMMENT ON COLUMN discrepancies.state IS 'open, resolved (the sides agree again) or accepted (by a person); at most one open row per account, type and subject.';
COMMENT ON COLUMN discrepancies.evidence IS 'Both sides as found: {"broker": …, "ours": …}; never a raw payload.';
COMMENT ON COLUMN discrepancies.evidence_hash IS 'Hash of evidence, to find a row that holds the same evidence, whatever its state.';
COMMENT ON COLUMN discrepancies.first_seen_at IS 'When it was first found, database time.';
COMMENT ON COLUMN discrepancies.last_seen_at IS 'When it was last found, database time.';
COMMENT ON COLUMN discrepancies.attempts IS 'Attempts made to resolve it.';
COMMENT ON COLUMN discrepancies.resolved_at IS 'When it was resolved or accepted, database time; null while open.';
COMMENT ON COLUMN discrepancies.resolution IS 'How it was resolved, or why it was accepted.';
COMMENT ON COLUMN discrepancies.resolved_by IS 'Job or person.';

CREATE TABLE operator_actions (
    action_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action       text COLLATE "C" NOT NULL CHECK (action <> ''),
    account_id   text COLLATE "C",
    subject      text COLLATE "C" NOT NULL,
    who          text NOT NULL CHECK (who <> ''),
    why          text NOT NULL,
    before       jsonb,
    after        jsonb,
    requested_at timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz
);
CREATE INDEX operator_actions_subject_idx ON operator_actions (action, subject, action_id DESC);
COMMENT ON TABLE operator_actions IS 'What people did through this program; append-only, but for `after` and `finished_at` of a request under way.';
COMMENT ON COLUMN operator_actions.action_id IS 'Our id; a greater one is newer.';
COMMENT ON COLUMN operator_actions.action IS 'What was done (dead_letters_retry, …).';
COMMENT ON COLUMN operator_actions.account_id IS 'Account concerned; null where it concerns all.';
COMMENT ON COLUMN operator_actions.subject IS 'What it was done to, e.g. topic:partition:offset.';
COMMENT ON COLUMN operator_actions.who IS 'Person or token that asked.';
COMMENT ON COLUMN operator_actions.why IS 'Reason given; empty if none.';
COMMENT ON COLUMN operator_actions.before IS 'What stood there before.';
COMMENT ON COLUMN operator_actions.after IS 'What stood there after.';
COMMENT ON COLUMN operator_actions.requested_at IS 'When it was asked for, database time.';
COMMENT ON COLUMN operator_actions.finished_at IS 'When it was done, database time; null while under way.';
