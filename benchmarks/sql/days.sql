-- Days of business, as the product writes them: trades, their events, positions and their history,
-- entries of six legs past the ledger's own triggers. Every trade buys one unit at 100 for 1.25 and 0.75,
-- so a position's version is its quantity.
CREATE TABLE bench_place AS
SELECT row_number() OVER (ORDER BY a.number) - 1 AS n, a.id AS account, a.number, a.tenant_id AS tenant,
       e.partition, sec.id AS sec, cash.id AS cash,
       (SELECT id FROM ledger_ledgeraccount h WHERE h.tenant_id = a.tenant_id AND h.owner IS NULL
        AND h.code = 'STREET:SEC:UNSETTLED') AS street_sec,
       (SELECT id FROM ledger_ledgeraccount h WHERE h.tenant_id = a.tenant_id AND h.owner IS NULL
        AND h.code = 'STREET:CASH:UNSETTLED') AS street_cash,
       (SELECT id FROM ledger_ledgeraccount h WHERE h.tenant_id = a.tenant_id AND h.owner IS NULL
        AND h.code = 'FEE:COMMISSION') AS commission,
       (SELECT id FROM ledger_ledgeraccount h WHERE h.tenant_id = a.tenant_id AND h.owner IS NULL
        AND h.code = 'FEE:EXCHANGE') AS exchange
FROM trading_clientaccount a
JOIN tenants_tenant t ON t.id = a.tenant_id AND t.slug = 'bench-days'
JOIN LATERAL (SELECT partition FROM events_event WHERE topic = 'trade' AND key = a.id::text LIMIT 1) e ON true
JOIN ledger_ledgeraccount sec ON sec.owner = a.id AND sec.code = 'SEC:UNSETTLED'
JOIN ledger_ledgeraccount cash ON cash.owner = a.id AND cash.code = 'CASH:UNSETTLED';
CREATE TABLE bench_item AS
SELECT row_number() OVER (ORDER BY i.symbol) - 1 AS n, i.id AS instrument, i.symbol
FROM trading_instrument i JOIN tenants_tenant t ON t.id = i.tenant_id AND t.slug = 'bench-days';
ANALYZE bench_place;
ANALYZE bench_item;

-- So many trades of one partition's accounts, from a time on, a millisecond apart.
CREATE FUNCTION bench_trades(in_partition int, trades int, since timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    head  bigint := coalesce((SELECT max("offset") FROM events_event
                              WHERE topic = 'trade' AND partition = in_partition), 0);
    shift interval := since - now();
BEGIN
    CREATE TEMPORARY TABLE chunk ON COMMIT DROP AS
    SELECT a.*, i.instrument, i.symbol, k, uuidv7(shift) AS trade, uuidv7(shift) AS entry,
           uuidv7(shift) AS event, head + row_number() OVER (ORDER BY k) AS place,
           since + k * interval '1 millisecond' AS at,
           (SELECT version FROM trading_position p WHERE p.account_id = a.account
            AND p.instrument_id = i.instrument) AS before,
           row_number() OVER (PARTITION BY a.account, i.instrument ORDER BY k) AS step
    FROM generate_series(0, trades - 1) AS k
    JOIN (SELECT row_number() OVER (ORDER BY n) - 1 AS rank, count(*) OVER () AS many, *
          FROM bench_place WHERE partition = in_partition) AS a ON a.rank = k % a.many
    JOIN bench_item i ON i.n = (k / a.many + a.rank) % (SELECT count(*) FROM bench_item);
    UPDATE chunk SET before = coalesce(before, 0) + step;
    ANALYZE chunk;

    INSERT INTO trading_trade (id, tenant_id, version_no, state, account_id, instrument_id, side,
        quantity, price, notional, currency, fees, trade_date, executed_at, booked_at, source)
    SELECT trade, tenant, 1, 'executed', account, instrument, 'buy', 1, 100, 100, 'USD',
           '[{"kind": "commission", "amount": "1.25", "currency": "USD"},
             {"kind": "exchange", "amount": "0.75", "currency": "USD"}]', at::date, at, at, 'bench'
    FROM chunk;

    INSERT INTO events_event (topic, partition, "offset", id, tenant_id, key, name, version, data,
                              headers, occurred_at, recorded_at)
    SELECT 'trade', partition, place, event, tenant, account::text, 'trading.trade.executed', 1,
           jsonb_build_object('trade_id', trade, 'version_no', 1, 'account_id', account,
               'account_number', number, 'cost_method', 'average', 'instrument_id', instrument,
               'symbol', symbol, 'side', 'buy', 'quantity', '1', 'price', '100', 'multiplier', '1',
               'inverse', false, 'currency', 'USD', 'notional', '100',
               'fees', '[{"kind": "commission", "amount": "1.25", "currency": "USD"},
                         {"kind": "exchange", "amount": "0.75", "currency": "USD"}]'::jsonb,
               'trade_date', at::date, 'settles_on', NULL, 'executed_at', at, 'source', 'bench'),
           '{}', at, at
    FROM chunk;

    INSERT INTO trading_positionchange (partition, "offset", tenant_id, account_id, instrument_id,
        trade_id, kind, place, fill_quantity, fill_price, fill_notional, fill_fees, version, quantity,
        cost, realised_pnl, fees, effective_at, booked_at, effective_to)
    SELECT partition, place, tenant, account, instrument, trade, 'executed', place, 1, 100, 100, 2,
           before, before, 100 * before, 0, 2 * before, at, at, at
    FROM chunk;

    INSERT INTO trading_position AS p (tenant_id, account_id, instrument_id, currency, quantity, cost,
        realised_pnl, fees, version, last_offset, effective_to, known_to, updated_at)
    SELECT DISTINCT ON (account, instrument) tenant, account, instrument, 'USD', before, 100 * before,
           0, 2 * before, before, place, at, at, at
    FROM chunk ORDER BY account, instrument, place DESC
    ON CONFLICT (account_id, instrument_id) DO UPDATE SET
        quantity = excluded.quantity, cost = excluded.cost, fees = excluded.fees,
        version = excluded.version, last_offset = excluded.last_offset,
        effective_to = excluded.effective_to, known_to = excluded.known_to,
        updated_at = excluded.updated_at;

    INSERT INTO ledger_journalentry (id, tenant_id, kind, source, owner, trade_id, partition, leg_count,
                                     effective_at, booked_at)
    SELECT entry, tenant, 'TRADE', format('trade:%s:1', trade), account, trade, partition, 6, at, at
    FROM chunk;
    INSERT INTO ledger_posting (entry_id, leg, ledger_account_id, asset, amount, booked_at, tenant_id)
    SELECT c.entry, l.leg, l.account, l.asset, l.amount, c.at, c.tenant
    FROM chunk c CROSS JOIN LATERAL (VALUES
        (1, c.sec, c.symbol, 1.0), (2, c.street_sec, c.symbol, -1.0),
        (3, c.cash, 'USD', -102.0), (4, c.street_cash, 'USD', 100.0),
        (5, c.commission, 'USD', 1.25), (6, c.exchange, 'USD', 0.75)) AS l (leg, account, asset, amount);

    UPDATE events_cursor SET "offset" = head + trades
    WHERE topic = 'trade' AND partition = in_partition;
    DROP TABLE chunk;
END $$;
