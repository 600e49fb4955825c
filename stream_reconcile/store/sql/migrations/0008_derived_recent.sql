-- What came lately is found without a read of the whole table. Rows come in about the order of these times, so summaries
-- of ranges of pages serve; they are small.
CREATE INDEX order_events_recorded_idx ON order_events USING brin (recorded_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX fills_transacted_idx ON fills USING brin (transacted_at) WITH (pages_per_range = 32, autosummarize = on);
