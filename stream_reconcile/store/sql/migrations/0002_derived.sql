-- Derived tables: made from the log alone. A replay builds them anew in a second schema, and promote swaps them in.
-- Names are unqualified: the schema is the first of search_path.

CREATE TABLE executions (
    account_id          text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    alpaca_order_id     text COLLATE "C" NOT NULL CHECK (alpaca_order_id <> ''),
    client_order_id     text COLLATE "C",
    symbol              text COLLATE "C",
    asset_id            text COLLATE "C",
    asset_class         text COLLATE "C",
    side                text COLLATE "C",
    order_type          text COLLATE "C",
    order_class         text COLLATE "C",
    time_in_force       text COLLATE "C",
    extended_hours      boolean,
    position_intent     text COLLATE "C",
    qty                 numeric,
    notional            numeric,
    filled_qty          numeric,
    filled_avg_price    numeric,
    limit_price         numeric,
    stop_price          numeric,
    trail_price         numeric,
    trail_percent       numeric,
    hwm                 numeric,
    status              text COLLATE "C",
    created_at          timestamptz,
    submitted_at        timestamptz,
    updated_at          timestamptz,
    updated_at_ns       bigint NOT NULL,
    filled_at           timestamptz,
    canceled_at         timestamptz,
    expired_at          timestamptz,
    failed_at           timestamptz,
    replaced_at         timestamptz,
    cancel_requested_at timestamptz,
    expires_at          timestamptz,
    replaces            text COLLATE "C",
    replaced_by         text COLLATE "C",
    parent_order_id     text COLLATE "C",
    ratio_qty           numeric,
    parent_version_ns   bigint,
    decision_id         uuid,
    origin              text COLLATE "C" NOT NULL DEFAULT 'external' CHECK (origin IN ('own', 'recovered', 'external')),
    status_rank         smallint NOT NULL,
    snapshot_ns         bigint NOT NULL,
    stated              bigint NOT NULL,
    mixed               boolean NOT NULL DEFAULT false,
    has_evidence        boolean NOT NULL DEFAULT false,
    last_source         text COLLATE "C" NOT NULL CHECK (last_source IN ('stream', 'sweep')),
    last_topic          text COLLATE "C" NOT NULL,
    last_partition      integer NOT NULL,
    last_offset         bigint NOT NULL,
    recorded_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT executions_pkey PRIMARY KEY (alpaca_order_id, account_id)
) WITH (fillfactor = 80);
CREATE INDEX executions_client_order_id_idx ON executions (client_order_id, account_id);
CREATE INDEX executions_replaces_idx ON executions (replaces, account_id) WHERE replaces IS NOT NULL;
CREATE INDEX executions_replaced_by_idx ON executions (replaced_by, account_id) WHERE replaced_by IS NOT NULL;
CREATE INDEX executions_parent_idx ON executions (parent_order_id, account_id) WHERE parent_order_id IS NOT NULL;
COMMENT ON TABLE executions IS 'One row per broker order: its greatest observation (I1, I2).';
COMMENT ON COLUMN executions.account_id IS 'Account of the order.';
COMMENT ON COLUMN executions.alpaca_order_id IS 'The broker''s order id; once per account.';
COMMENT ON COLUMN executions.client_order_id IS 'The id that the order was submitted with.';
COMMENT ON COLUMN executions.symbol IS 'Symbol as the broker writes it; empty for a multi-leg parent.';
COMMENT ON COLUMN executions.asset_id IS 'The broker''s id of the asset.';
COMMENT ON COLUMN executions.asset_class IS 'us_equity, us_option, crypto, … as the broker writes it.';
COMMENT ON COLUMN executions.side IS 'buy or sell; may be empty for a multi-leg parent.';
COMMENT ON COLUMN executions.order_type IS 'market, limit, stop, stop_limit, trailing_stop, …; empty for a leg.';
COMMENT ON COLUMN executions.order_class IS 'simple (also empty), bracket, oco, oto, mleg.';
COMMENT ON COLUMN executions.time_in_force IS 'day, gtc, opg, cls, ioc, fok, ….';
COMMENT ON COLUMN executions.extended_hours IS 'May trade outside regular hours.';
COMMENT ON COLUMN executions.position_intent IS 'buy_to_open, sell_to_close, …, where the broker states it.';
COMMENT ON COLUMN executions.qty IS 'Quantity ordered, in shares, contracts or coins; null for an order by amount.';
COMMENT ON COLUMN executions.notional IS 'Amount ordered, in the account''s currency.';
COMMENT ON COLUMN executions.filled_qty IS 'Quantity filled so far, as the broker states it.';
COMMENT ON COLUMN executions.filled_avg_price IS 'Average price of what is filled, as the broker states it.';
COMMENT ON COLUMN executions.limit_price IS 'Limit price.';
COMMENT ON COLUMN executions.stop_price IS 'Stop price.';
COMMENT ON COLUMN executions.trail_price IS 'Trailing distance as an amount.';
COMMENT ON COLUMN executions.trail_percent IS 'Trailing distance in percent.';
COMMENT ON COLUMN executions.hwm IS 'High-water mark of a trailing stop.';
COMMENT ON COLUMN executions.status IS 'Status as the broker said last; an open set.';
COMMENT ON COLUMN executions.created_at IS 'When the broker created the order.';
COMMENT ON COLUMN executions.submitted_at IS 'When it was submitted, broker time.';
COMMENT ON COLUMN executions.updated_at IS 'When the broker changed it last, cut to microseconds.';
COMMENT ON COLUMN executions.updated_at_ns IS 'Version of the row in ns since the epoch: updated_at, else the event''s time, else submitted_at.';
COMMENT ON COLUMN executions.filled_at IS 'When it was filled, broker time.';
COMMENT ON COLUMN executions.canceled_at IS 'When it was canceled, broker time.';
COMMENT ON COLUMN executions.expired_at IS 'When it expired, broker time.';
COMMENT ON COLUMN executions.failed_at IS 'When it failed, broker time.';
COMMENT ON COLUMN executions.replaced_at IS 'When it was replaced, broker time.';
COMMENT ON COLUMN executions.cancel_requested_at IS 'When a cancel was asked for, broker time.';
COMMENT ON COLUMN executions.expires_at IS 'When it will expire, broker time.';
COMMENT ON COLUMN executions.replaces IS 'Order that this one replaces.';
COMMENT ON COLUMN executions.replaced_by IS 'Order that replaces this one.';
COMMENT ON COLUMN executions.parent_order_id IS 'Order that this one is a leg of; known where it was read inside its parent.';
COMMENT ON COLUMN executions.ratio_qty IS 'Contracts of this leg for one unit of its multi-leg parent.';
COMMENT ON COLUMN executions.parent_version_ns IS 'Version of the observation that stated parent_order_id, ns since the epoch.';
COMMENT ON COLUMN executions.decision_id IS 'Decision that this order comes from: by client order id, else the replace chain, else the parent.';
COMMENT ON COLUMN executions.origin IS 'own (decided, a frame is known), recovered (decided, only sweeps know it), external (no decision in its family).';
COMMENT ON COLUMN executions.status_rank IS 'Rank of the status; breaks ties between observations of one version and filled quantity.';
COMMENT ON COLUMN executions.snapshot_ns IS 'When the snapshot that made the row was received, ns since the epoch; 0 if a frame made it.';
COMMENT ON COLUMN executions.stated IS 'Bit set of the fields that the observation which made the row states.';
COMMENT ON COLUMN executions.mixed IS 'Observations of this order state different fields: the row is merged from all of them.';
COMMENT ON COLUMN executions.has_evidence IS 'There is evidence about its fills beyond fill frames and legs (fill_evidence).';
COMMENT ON COLUMN executions.last_source IS 'Source of the observation that made the row: stream or sweep.';
COMMENT ON COLUMN executions.last_topic IS 'Topic of the record that made the row.';
COMMENT ON COLUMN executions.last_partition IS 'Partition of the record that made the row.';
COMMENT ON COLUMN executions.last_offset IS 'Offset of the record that made the row.';
COMMENT ON COLUMN executions.recorded_at IS 'When the row was last written, database time; the only column that a replay does not reproduce.';

CREATE TABLE order_events (
    account_id          text COLLATE "C" NOT NULL,
    alpaca_order_id     text COLLATE "C" NOT NULL,
    event_key           uuid NOT NULL,
    source              text COLLATE "C" NOT NULL,
    event               text COLLATE "C" NOT NULL,
    event_at            timestamptz,
    execution_id        text COLLATE "C",
    event_qty           numeric,
    event_price         numeric,
    position_qty        numeric,
    qty                 numeric,
    notional            numeric,
    filled_qty          numeric,
    filled_avg_price    numeric,
    limit_price         numeric,
    stop_price          numeric,
    trail_price         numeric,
    trail_percent       numeric,
    hwm                 numeric,
    created_at          timestamptz,
    updated_at          timestamptz,
    submitted_at        timestamptz,
    filled_at           timestamptz,
    canceled_at         timestamptz,
    expired_at          timestamptz,
    failed_at           timestamptz,
    replaced_at         timestamptz,
    cancel_requested_at timestamptz,
    expires_at          timestamptz,
    client_order_id     text COLLATE "C",
    symbol              text COLLATE "C",
    asset_id            text COLLATE "C",
    asset_class         text COLLATE "C",
    side                text COLLATE "C",
    position_intent     text COLLATE "C",
    order_type          text COLLATE "C",
    order_class         text COLLATE "C",
    time_in_force       text COLLATE "C",
    status              text COLLATE "C",
    replaces            text COLLATE "C",
    replaced_by         text COLLATE "C",
    extended_hours      boolean,
    parent_order_id     text COLLATE "C",
    ratio_qty           numeric,
    status_rank         smallint NOT NULL,
    updated_at_ns       bigint NOT NULL,
    snapshot_ns         bigint NOT NULL,
    stated              bigint NOT NULL,
    extra               jsonb,
    topic               text COLLATE "C" NOT NULL,
    partition           integer NOT NULL,
    "offset"            bigint NOT NULL,
    known_at            timestamptz NOT NULL,
    recorded_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT order_events_pkey PRIMARY KEY (alpaca_order_id, account_id, event_key)
);
COMMENT ON TABLE order_events IS 'Each distinct observation of an order, frame or snapshot, in full; append-only.';
COMMENT ON COLUMN order_events.account_id IS 'Account of the order.';
COMMENT ON COLUMN order_events.alpaca_order_id IS 'The broker''s order id.';
COMMENT ON COLUMN order_events.event_key IS 'Digest of order, source, event, execution id or event time, version and content.';
COMMENT ON COLUMN order_events.source IS 'stream or sweep.';
COMMENT ON COLUMN order_events.event IS 'The frame''s event; snapshot for a REST read, leg for a leg inside its parent''s frame.';
COMMENT ON COLUMN order_events.event_at IS 'Time of the event, broker time.';
COMMENT ON COLUMN order_events.execution_id IS 'Execution id of the frame; does not imply a fill.';
COMMENT ON COLUMN order_events.event_qty IS 'Quantity of this execution.';
COMMENT ON COLUMN order_events.event_price IS 'Price of this execution.';
COMMENT ON COLUMN order_events.position_qty IS 'Signed position in the symbol after this event, as the broker states it.';
COMMENT ON COLUMN order_events.extra IS 'Fields that this version of the program does not know, by name.';
COMMENT ON COLUMN order_events.topic IS 'Topic of the first record that says this.';
COMMENT ON COLUMN order_events.partition IS 'Partition of that record.';
COMMENT ON COLUMN order_events."offset" IS 'Offset of that record.';
COMMENT ON COLUMN order_events.known_at IS 'Kafka timestamp of that record: what the broker had said by then.';
COMMENT ON COLUMN order_events.recorded_at IS 'When it was first committed, database time: what was believed by then.';

CREATE TABLE fills (
    account_id      text COLLATE "C" NOT NULL,
    alpaca_order_id text COLLATE "C" NOT NULL,
    fill_key        text COLLATE "C" NOT NULL CHECK (fill_key <> ''),
    execution_id    text COLLATE "C",
    activity_id     text COLLATE "C",
    symbol          text COLLATE "C",
    side            text COLLATE "C",
    qty             numeric NOT NULL,
    price           numeric NOT NULL,
    transacted_at   timestamptz,
    entry           text COLLATE "C" NOT NULL CHECK (entry IN ('trade', 'reversal', 'correction', 'residual')),
    reverses        text COLLATE "C",
    source          text COLLATE "C" NOT NULL,
    topic           text COLLATE "C" NOT NULL,
    partition       integer NOT NULL,
    "offset"        bigint NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fills_pkey PRIMARY KEY (fill_key, account_id)
);
CREATE INDEX fills_order_idx ON fills (alpaca_order_id, account_id) INCLUDE (qty);
COMMENT ON TABLE fills IS 'One row per real execution, whether stream, activities or both brought it; busts and corrections are reversing rows.';
COMMENT ON COLUMN fills.account_id IS 'Account of the order.';
COMMENT ON COLUMN fills.alpaca_order_id IS 'Order that was executed.';
COMMENT ON COLUMN fills.fill_key IS 'x:execution id, a:activity id, r:what is reversed, s:key of a residual.';
COMMENT ON COLUMN fills.execution_id IS 'The stream''s execution id, where known.';
COMMENT ON COLUMN fills.activity_id IS 'Id of the FILL activity that says the same, where known.';
COMMENT ON COLUMN fills.symbol IS 'Symbol executed.';
COMMENT ON COLUMN fills.side IS 'buy or sell.';
COMMENT ON COLUMN fills.qty IS 'Quantity: unsigned for a trade, negative in a reversal, so that the sum is the net.';
COMMENT ON COLUMN fills.price IS 'Price of one unit.';
COMMENT ON COLUMN fills.transacted_at IS 'When it was executed, broker time.';
COMMENT ON COLUMN fills.entry IS 'trade, reversal, correction or residual.';
COMMENT ON COLUMN fills.reverses IS 'fill_key that a reversal takes back, or that a correction replaces.';
COMMENT ON COLUMN fills.source IS 'What brought it: stream, activity, both or adjustment.';
COMMENT ON COLUMN fills.topic IS 'Topic of the first record that states it.';
COMMENT ON COLUMN fills.partition IS 'Partition of that record.';
COMMENT ON COLUMN fills."offset" IS 'Offset of that record.';
COMMENT ON COLUMN fills.recorded_at IS 'When the row was last written, database time.';

CREATE TABLE fill_evidence (
    account_id            text COLLATE "C" NOT NULL,
    alpaca_order_id       text COLLATE "C" NOT NULL,
    evidence_key          uuid NOT NULL,
    kind                  text COLLATE "C" NOT NULL
                          CHECK (kind IN ('leg', 'bust', 'correction', 'activity', 'residual', 'execution')),
    evidence_id           text COLLATE "C" NOT NULL,
    previous_execution_id text COLLATE "C",
    symbol                text COLLATE "C",
    side                  text COLLATE "C",
    qty                   numeric,
    price                 numeric,
    transacted_at_ns      bigint,
    cum_qty               numeric,
    explained_from        numeric,
    topic                 text COLLATE "C" NOT NULL,
    partition             integer NOT NULL,
    "offset"              bigint NOT NULL,
    position              integer NOT NULL,
    known_at              timestamptz NOT NULL,
    recorded_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fill_evidence_pkey PRIMARY KEY (alpaca_order_id, account_id, evidence_key)
);
CREATE INDEX fill_evidence_beyond_fills_idx ON fill_evidence (alpaca_order_id, account_id) WHERE kind <> 'leg';
COMMENT ON TABLE fill_evidence IS 'Each statement about an execution that is no plain frame of its order; append-only.';
COMMENT ON COLUMN fill_evidence.account_id IS 'Account of the order.';
COMMENT ON COLUMN fill_evidence.alpaca_order_id IS 'Order that the statement is about.';
COMMENT ON COLUMN fill_evidence.evidence_key IS 'Digest of kind, id and content.';
COMMENT ON COLUMN fill_evidence.kind IS 'leg (of a multi-leg fill), bust, correction, activity, residual, execution (made by the sweep for a lost frame).';
COMMENT ON COLUMN fill_evidence.evidence_id IS 'Execution id, activity id or adjustment key.';
COMMENT ON COLUMN fill_evidence.previous_execution_id IS 'Execution that a bust or correction takes back.';
COMMENT ON COLUMN fill_evidence.symbol IS 'Symbol executed.';
COMMENT ON COLUMN fill_evidence.side IS 'buy or sell.';
COMMENT ON COLUMN fill_evidence.qty IS 'Quantity, unsigned; null for a bust.';
COMMENT ON COLUMN fill_evidence.price IS 'Price of one unit; null for a bust.';
COMMENT ON COLUMN fill_evidence.transacted_at_ns IS 'When it was executed, broker time, ns since the epoch; of a residual, as_of.';
COMMENT ON COLUMN fill_evidence.cum_qty IS 'Cumulative quantity of the order after it, where stated.';
COMMENT ON COLUMN fill_evidence.explained_from IS 'Of a residual: gross quantity from which on the broker''s own evidence explains it.';
COMMENT ON COLUMN fill_evidence.topic IS 'Topic of the first record that says this.';
COMMENT ON COLUMN fill_evidence.partition IS 'Partition of that record.';
COMMENT ON COLUMN fill_evidence."offset" IS 'Offset of that record.';
COMMENT ON COLUMN fill_evidence.position IS 'Position among the statements of that record, from 0.';
COMMENT ON COLUMN fill_evidence.known_at IS 'Kafka timestamp of that record.';
COMMENT ON COLUMN fill_evidence.recorded_at IS 'When it was first committed, database time.';

CREATE TABLE stream_cursors (
    consumer_group text COLLATE "C" NOT NULL,
    topic          text COLLATE "C" NOT NULL,
    partition      integer NOT NULL,
    next_offset    bigint NOT NULL CHECK (next_offset >= 0),
    max_offset     bigint NOT NULL CHECK (max_offset >= 0),
    owner          text COLLATE "C" NOT NULL,
    epoch          bigint NOT NULL,
    leader_epoch   integer,
    cluster_id     text COLLATE "C" NOT NULL,
    topic_id       text COLLATE "C" NOT NULL,
    last_record_at timestamptz,
    CONSTRAINT stream_cursors_pkey PRIMARY KEY (consumer_group, topic, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE stream_cursors IS 'How far each partition is applied; written in the transaction of the rows (I3), fenced by owner and epoch (I4).';
COMMENT ON COLUMN stream_cursors.consumer_group IS 'Kafka consumer group.';
COMMENT ON COLUMN stream_cursors.topic IS 'Topic.';
COMMENT ON COLUMN stream_cursors.partition IS 'Partition.';
COMMENT ON COLUMN stream_cursors.next_offset IS 'Offset of the next record to apply.';
COMMENT ON COLUMN stream_cursors.max_offset IS 'Highest next_offset ever committed under this topic id; a rewind does not lower it.';
COMMENT ON COLUMN stream_cursors.owner IS 'Process that owns the partition; new at every process start.';
COMMENT ON COLUMN stream_cursors.epoch IS 'Fence: greatest(epoch + 1, database clock in ms) at each claim and rewind; never used twice.';
COMMENT ON COLUMN stream_cursors.leader_epoch IS 'Leader epoch of the last record applied, where Kafka gave one.';
COMMENT ON COLUMN stream_cursors.cluster_id IS 'Kafka cluster.';
COMMENT ON COLUMN stream_cursors.topic_id IS 'Kafka''s id of the topic; another id means that the topic was made anew (F5).';
COMMENT ON COLUMN stream_cursors.last_record_at IS 'Kafka timestamp of the last record applied.';

CREATE TABLE dead_letters (
    topic_id        text COLLATE "C" NOT NULL,
    topic           text COLLATE "C" NOT NULL,
    partition       integer NOT NULL,
    "offset"        bigint NOT NULL,
    key             bytea,
    payload         bytea,
    kafka_timestamp timestamptz,
    account_id      text COLLATE "C" NOT NULL,
    order_id        text COLLATE "C",
    reason          text COLLATE "C" NOT NULL,
    error           text NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    retries         integer NOT NULL DEFAULT 0,
    retried_at      timestamptz,
    retry_result    text,
    resolved_at     timestamptz,
    CONSTRAINT dead_letters_pkey PRIMARY KEY (topic_id, partition, "offset")
);
CREATE INDEX dead_letters_open_idx ON dead_letters (topic, partition, "offset") WHERE resolved_at IS NULL;
COMMENT ON TABLE dead_letters IS 'Records that could not be applied, with their bytes; written in the transaction that passes them (I8).';
COMMENT ON COLUMN dead_letters.topic_id IS 'Kafka''s id of the topic.';
COMMENT ON COLUMN dead_letters.topic IS 'Topic.';
COMMENT ON COLUMN dead_letters.partition IS 'Partition.';
COMMENT ON COLUMN dead_letters."offset" IS 'Offset.';
COMMENT ON COLUMN dead_letters.key IS 'The record''s key.';
COMMENT ON COLUMN dead_letters.payload IS 'The record''s value, byte for byte.';
COMMENT ON COLUMN dead_letters.kafka_timestamp IS 'The record''s Kafka timestamp.';
COMMENT ON COLUMN dead_letters.account_id IS 'Account, where it can be read; else unknown.';
COMMENT ON COLUMN dead_letters.order_id IS 'Broker order id, where it can be read.';
COMMENT ON COLUMN dead_letters.reason IS 'Short code of what is wrong, as in the metric.';
COMMENT ON COLUMN dead_letters.error IS 'What is wrong, without the payload.';
COMMENT ON COLUMN dead_letters.recorded_at IS 'When it was put aside, database time.';
COMMENT ON COLUMN dead_letters.retries IS 'How often it was retried.';
COMMENT ON COLUMN dead_letters.retried_at IS 'When it was last retried, database time; null if never.';
COMMENT ON COLUMN dead_letters.retry_result IS 'What the last retry gave.';
COMMENT ON COLUMN dead_letters.resolved_at IS 'When a retry or a re-read applied it, database time; null while open.';

-- The fence of a commit (I4): a compare-and-set on offset, owner, epoch and topic id that raises inside Postgres, so that
-- pipelined rows can't commit without it. Arrays hold one element per cursor.
CREATE FUNCTION advance_cursors(
    of_group text, by_owner text, topics text[], partitions integer[], expected bigint[], epochs bigint[],
    topic_ids text[], next_offsets bigint[], leader_epochs integer[], record_times timestamptz[]
) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM unnest(topics, partitions, expected, epochs, topic_ids, next_offsets, leader_epochs, record_times)
            AS w(topic, partition, expected, epoch, topic_id, next_offset, leader_epoch, record_time)
        ORDER BY w.topic COLLATE "C", w.partition
    LOOP
        UPDATE stream_cursors c
        SET next_offset = wanted.next_offset,
            max_offset = greatest(c.max_offset, wanted.next_offset),
            leader_epoch = coalesce(wanted.leader_epoch, c.leader_epoch),
            last_record_at = coalesce(wanted.record_time, c.last_record_at)
        WHERE c.consumer_group = of_group AND c.topic = wanted.topic AND c.partition = wanted.partition
          AND c.next_offset = wanted.expected AND c.owner = by_owner AND c.epoch = wanted.epoch
          AND c.topic_id = wanted.topic_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'SR001',
                MESSAGE = format('cursor of %s:%s is not at offset %s under epoch %s of this owner',
                                 wanted.topic, wanted.partition, wanted.expected, wanted.epoch);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION advance_cursors IS 'Moves cursors from the expected offsets to the next ones, or raises SR001 and moves none (I4).';

-- The other columns of an observation mean what those of the same name mean in executions.
DO $$
DECLARE
    twin record;
BEGIN
    FOR twin IN
        SELECT o.attname, col_description(e.attrelid, e.attnum) AS meaning
        FROM pg_attribute o
        JOIN pg_attribute e ON e.attrelid = 'executions'::regclass AND e.attname = o.attname
        WHERE o.attrelid = 'order_events'::regclass AND o.attnum > 0
          AND col_description(o.attrelid, o.attnum) IS NULL
    LOOP
        EXECUTE format('COMMENT ON COLUMN order_events.%I IS %L', twin.attname, twin.meaning);
    END LOOP;
END
$$;
