-- What the sweep judges to be taken back, where the frame of a bust or correction was lost for good, is evidence too.
ALTER TABLE fill_evidence DROP CONSTRAINT fill_evidence_kind_check;
ALTER TABLE fill_evidence ADD CONSTRAINT fill_evidence_kind_check
    CHECK (kind IN ('leg', 'bust', 'correction', 'activity', 'residual', 'execution', 'reversal'));
COMMENT ON COLUMN fill_evidence.kind IS 'leg (of a multi-leg fill), bust, correction, activity; made by the sweep: residual, execution (for a lost frame), reversal (for a lost bust or correction).';
COMMENT ON COLUMN fill_evidence.evidence_id IS 'Execution id, activity id or adjustment key; of a reversal the fill key that it takes back.';
COMMENT ON COLUMN fill_evidence.transacted_at_ns IS 'When it was executed, broker time, ns since the epoch; of a residual or reversal, as_of.';
