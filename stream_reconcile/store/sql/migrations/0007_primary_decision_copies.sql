-- How far decisions are copied to the log, so that a database restored from an older backup takes back what it lacks.
CREATE TABLE decision_copies (
    topic        text COLLATE "C" NOT NULL,
    topic_id     text COLLATE "C" NOT NULL,
    next_offsets bigint[] NOT NULL,
    changed_at   timestamptz NOT NULL,
    decision_id  uuid NOT NULL,
    CONSTRAINT decision_copies_pkey PRIMARY KEY (topic)
);
COMMENT ON TABLE decision_copies IS 'How far decisions are copied to the topic trade-decisions, and how much of that topic this database has seen.';
COMMENT ON COLUMN decision_copies.topic IS 'The topic.';
COMMENT ON COLUMN decision_copies.topic_id IS 'Kafka''s id of the topic; under another id all is copied again.';
COMMENT ON COLUMN decision_copies.next_offsets IS 'Of each partition, from 0: records before it are ours, or were taken back into trade_decisions. Behind the log''s end at start: the database was restored.';
COMMENT ON COLUMN decision_copies.changed_at IS 'Time of the last change that was copied, database time.';
COMMENT ON COLUMN decision_copies.decision_id IS 'That decision.';

CREATE INDEX trade_decisions_changed_idx ON trade_decisions ((greatest(inserted_at, bound_at, submitted_at)));
