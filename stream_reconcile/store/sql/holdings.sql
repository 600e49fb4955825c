-- Positions and the account, as sweeps read them: each reading once, at its first place in the log.

-- name: insert_positions
-- Rows of readings of positions.
INSERT INTO position_snapshots (
    account_id, as_of, symbol, qty, qty_available, side, asset_id, asset_class, exchange, avg_entry_price, current_price,
    market_value, cost_basis, unrealized_pl, source, topic, partition, "offset", known_at
)
SELECT
    account_id, as_of, symbol, qty, qty_available, side, asset_id, asset_class, exchange, avg_entry_price, current_price,
    market_value, cost_basis, unrealized_pl, source, topic, partition, "offset", known_at
FROM json_populate_recordset(NULL::position_snapshots, %(rows)s::json)
ON CONFLICT (account_id, as_of, symbol) DO NOTHING

-- name: insert_accounts
-- Rows of readings of the account.
INSERT INTO account_snapshots (
    account_id, as_of, status, currency, equity, last_equity, cash, buying_power, regt_buying_power,
    daytrading_buying_power, options_buying_power, long_market_value, short_market_value, initial_margin,
    maintenance_margin, multiplier, pattern_day_trader, trading_blocked, transfers_blocked, account_blocked,
    trade_suspended_by_user, shorting_enabled, source, topic, partition, "offset", known_at
)
SELECT
    account_id, as_of, status, currency, equity, last_equity, cash, buying_power, regt_buying_power,
    daytrading_buying_power, options_buying_power, long_market_value, short_market_value, initial_margin,
    maintenance_margin, multiplier, pattern_day_trader, trading_blocked, transfers_blocked, account_blocked,
    trade_suspended_by_user, shorting_enabled, source, topic, partition, "offset", known_at
FROM json_populate_recordset(NULL::account_snapshots, %(rows)s::json)
ON CONFLICT (account_id, as_of) DO NOTHING
