-- An order that was submitted after a sweep had begun may not have been read by it, whatever it proved. The two times are of
-- two clocks, the broker's and the database's: 5 s between them are allowed for. What was submitted less than that before
-- the sweep began is judged by the next one.
CREATE OR REPLACE FUNCTION fresh_within(order_id text, within interval, account text DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS
$$
BEGIN
    RETURN EXISTS (
        SELECT FROM executions e
        WHERE e.alpaca_order_id = order_id AND (account IS NULL OR e.account_id = account)
          AND NOT EXISTS (
              SELECT FROM discrepancies d
              WHERE d.account_id = e.account_id AND d.state = 'open' AND blocks_proof(d.type)
                AND (d.subject IN (e.alpaca_order_id, e.client_order_id, e.symbol)
                     OR d.type IN ('undecodable', 'cursor_mismatch', 'retention_loss', 'wrong_account')))
          AND (EXISTS (SELECT FROM order_checks c
                       WHERE c.account_id = e.account_id AND c.id_kind = 'order' AND c.id = e.alpaca_order_id
                         AND c.absences = 0 AND c.checked_at >= clock_timestamp() - within)
               OR EXISTS (SELECT FROM sweeps s
                          WHERE s.account_id = e.account_id AND s.proven_equal_at >= clock_timestamp() - within
                            AND e.submitted_at > s.window_start
                            AND e.submitted_at < s.proven_equal_at - interval '5 seconds')));
END
$$;
COMMENT ON FUNCTION fresh_within IS
    'Whether a sweep that began within this interval has read the order at the broker and found its row equal or newer, and nothing about it is in doubt.';
