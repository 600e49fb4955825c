-- Positions and the account as deep sweeps read them (records of the topic account-snapshots).
CREATE TABLE position_snapshots (
    account_id        text COLLATE "C" NOT NULL,
    as_of             timestamptz NOT NULL,
    symbol            text COLLATE "C" NOT NULL,
    qty               numeric NOT NULL,
    qty_available     numeric,
    side              text COLLATE "C",
    asset_id          text COLLATE "C",
    asset_class       text COLLATE "C",
    exchange          text COLLATE "C",
    avg_entry_price   numeric,
    current_price     numeric,
    market_value      numeric,
    cost_basis        numeric,
    unrealized_pl     numeric,
    source            text COLLATE "C" NOT NULL,
    topic             text COLLATE "C" NOT NULL,
    partition         integer NOT NULL,
    "offset"          bigint NOT NULL,
    known_at          timestamptz NOT NULL,
    recorded_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT position_snapshots_pkey PRIMARY KEY (account_id, as_of, symbol)
);
COMMENT ON TABLE position_snapshots IS 'Each position of each reading of GET /v2/positions. A reading in which nothing is held is one row with an empty symbol.';
COMMENT ON COLUMN position_snapshots.account_id IS 'Account at the broker.';
COMMENT ON COLUMN position_snapshots.as_of IS 'When the broker''s answer was received, to the millisecond; the same for all rows of a reading.';
COMMENT ON COLUMN position_snapshots.symbol IS 'Symbol as positions name it: BTCUSD, where orders say BTC/USD. Empty: nothing is held.';
COMMENT ON COLUMN position_snapshots.qty IS 'Quantity held, negative when short.';
COMMENT ON COLUMN position_snapshots.qty_available IS 'Of it, what is not bound by open orders.';
COMMENT ON COLUMN position_snapshots.side IS 'long or short.';
COMMENT ON COLUMN position_snapshots.asset_id IS 'Asset id as positions have it; for coins another one than that of orders.';
COMMENT ON COLUMN position_snapshots.asset_class IS 'us_equity, us_option, crypto or a class of tomorrow.';
COMMENT ON COLUMN position_snapshots.exchange IS 'Exchange of the asset.';
COMMENT ON COLUMN position_snapshots.avg_entry_price IS 'Average price of one unit, by the broker.';
COMMENT ON COLUMN position_snapshots.current_price IS 'Price of one unit when it was read.';
COMMENT ON COLUMN position_snapshots.market_value IS 'Value at that price, in the account''s currency.';
COMMENT ON COLUMN position_snapshots.cost_basis IS 'What it cost, in the account''s currency.';
COMMENT ON COLUMN position_snapshots.unrealized_pl IS 'Profit or loss that is not realised, in the account''s currency.';
COMMENT ON COLUMN position_snapshots.source IS 'sweep.';
COMMENT ON COLUMN position_snapshots.topic IS 'Topic of the record that states this.';
COMMENT ON COLUMN position_snapshots.partition IS 'Partition of that record.';
COMMENT ON COLUMN position_snapshots."offset" IS 'Offset of that record.';
COMMENT ON COLUMN position_snapshots.known_at IS 'Kafka timestamp of that record.';
COMMENT ON COLUMN position_snapshots.recorded_at IS 'When it was first committed, database time.';

CREATE TABLE account_snapshots (
    account_id              text COLLATE "C" NOT NULL,
    as_of                   timestamptz NOT NULL,
    status                  text COLLATE "C",
    currency                text COLLATE "C",
    equity                  numeric,
    last_equity             numeric,
    cash                    numeric,
    buying_power            numeric,
    regt_buying_power       numeric,
    daytrading_buying_power numeric,
    options_buying_power    numeric,
    long_market_value       numeric,
    short_market_value      numeric,
    initial_margin          numeric,
    maintenance_margin      numeric,
    multiplier              numeric,
    pattern_day_trader      boolean,
    trading_blocked         boolean,
    transfers_blocked       boolean,
    account_blocked         boolean,
    trade_suspended_by_user boolean,
    shorting_enabled        boolean,
    source                  text COLLATE "C" NOT NULL,
    topic                   text COLLATE "C" NOT NULL,
    partition               integer NOT NULL,
    "offset"                bigint NOT NULL,
    known_at                timestamptz NOT NULL,
    recorded_at             timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT account_snapshots_pkey PRIMARY KEY (account_id, as_of)
);
COMMENT ON TABLE account_snapshots IS 'Each reading of GET /v2/account.';
COMMENT ON COLUMN account_snapshots.account_id IS 'Account at the broker.';
COMMENT ON COLUMN account_snapshots.as_of IS 'When the broker''s answer was received, to the millisecond.';
COMMENT ON COLUMN account_snapshots.status IS 'Status of the account: ACTIVE or another.';
COMMENT ON COLUMN account_snapshots.currency IS 'Currency of all amounts.';
COMMENT ON COLUMN account_snapshots.equity IS 'Cash and the value of all positions.';
COMMENT ON COLUMN account_snapshots.last_equity IS 'Equity at the end of the trading day before.';
COMMENT ON COLUMN account_snapshots.cash IS 'Cash.';
COMMENT ON COLUMN account_snapshots.buying_power IS 'Buying power.';
COMMENT ON COLUMN account_snapshots.regt_buying_power IS 'Buying power under Regulation T.';
COMMENT ON COLUMN account_snapshots.daytrading_buying_power IS 'Buying power for day trades.';
COMMENT ON COLUMN account_snapshots.options_buying_power IS 'Buying power for options.';
COMMENT ON COLUMN account_snapshots.long_market_value IS 'Value of the long positions.';
COMMENT ON COLUMN account_snapshots.short_market_value IS 'Value of the short positions, negative.';
COMMENT ON COLUMN account_snapshots.initial_margin IS 'Initial margin requirement.';
COMMENT ON COLUMN account_snapshots.maintenance_margin IS 'Maintenance margin requirement.';
COMMENT ON COLUMN account_snapshots.multiplier IS 'Buying power multiplier.';
COMMENT ON COLUMN account_snapshots.pattern_day_trader IS 'Whether the account counts as a pattern day trader''s.';
COMMENT ON COLUMN account_snapshots.trading_blocked IS 'Whether the account may not trade.';
COMMENT ON COLUMN account_snapshots.transfers_blocked IS 'Whether the account may not transfer money.';
COMMENT ON COLUMN account_snapshots.account_blocked IS 'Whether all activity is prohibited.';
COMMENT ON COLUMN account_snapshots.trade_suspended_by_user IS 'Whether its owner suspended trading.';
COMMENT ON COLUMN account_snapshots.shorting_enabled IS 'Whether it may sell short.';
COMMENT ON COLUMN account_snapshots.source IS 'sweep.';
COMMENT ON COLUMN account_snapshots.topic IS 'Topic of the record that states this.';
COMMENT ON COLUMN account_snapshots.partition IS 'Partition of that record.';
COMMENT ON COLUMN account_snapshots."offset" IS 'Offset of that record.';
COMMENT ON COLUMN account_snapshots.known_at IS 'Kafka timestamp of that record.';
COMMENT ON COLUMN account_snapshots.recorded_at IS 'When it was first committed, database time.';
