-- Two absences are apart by their readings, not by the begins of their sweeps.
COMMENT ON COLUMN order_checks.checked_at IS 'Begin of the sweep that read it last, or when it was last asked for and not found, database time; only complete sweeps count.';
COMMENT ON COLUMN order_checks.absent_since IS 'When the first "not found" of several complete sweeps in a row was answered, database time; null while it was found.';
