-- Further rights where the primary tables are: what only we know is never deleted, an intent is never rewritten.
REVOKE DELETE ON {schema}.accounts, {schema}.trade_decisions, {schema}.leases, {schema}.stream_sessions,
                 {schema}.stream_gaps, {schema}.discrepancies, {schema}.operator_actions, {schema}.sweeps,
                 {schema}.known_positions, {schema}.position_adjustments
    FROM {writer};
REVOKE UPDATE ON {schema}.trade_decisions, {schema}.operator_actions FROM {writer};
GRANT UPDATE (submitted_at, submit_result, state, alpaca_order_id, bound_at) ON {schema}.trade_decisions TO {writer};
GRANT UPDATE (after, finished_at) ON {schema}.operator_actions TO {writer};

-- The trading loop. The row rule (own rows, once, one a statement) is the triggers' of trade_decisions.
GRANT USAGE ON SCHEMA {schema} TO {intent};
GRANT INSERT (decision_id, account_id, client_order_id, symbol, side, qty, notional, order_type, limit_price,
              time_in_force, decided_at, not_before),
      SELECT (decision_id, account_id, client_order_id, submitted_at, state),
      UPDATE (submitted_at, submit_result)
    ON {schema}.trade_decisions TO {intent};
