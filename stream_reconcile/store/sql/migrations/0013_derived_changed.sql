-- Orders that changed in some stretch of time, also one that is long past, are found by their events. Those come in about
-- the order of these times, so summaries of ranges of pages serve; they are small.
CREATE INDEX order_events_updated_idx ON order_events USING brin (updated_at_ns) WITH (pages_per_range = 32, autosummarize = on);
