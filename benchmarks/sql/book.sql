-- name: lock
SELECT pg_advisory_xact_lock(hashtext('events.trade'), p) FROM unnest(%s::int[]) AS p

-- name: append
INSERT INTO events_event (topic, partition, "offset", id, tenant_id, key, name, version, data, headers,
                          occurred_at, recorded_at)
SELECT 'trade', partition,
       coalesce((SELECT e."offset" FROM events_event e WHERE e.topic = 'trade'
                 AND e.partition = g.partition ORDER BY e."offset" DESC LIMIT 1), 0)
           + row_number() OVER (PARTITION BY partition ORDER BY event),
       event, %s, account_id, 'trading.trade.executed', 1, data::jsonb, '{}', executed_at,
       clock_timestamp()
FROM json_to_recordset(%s) AS g (partition smallint, event uuid, account_id text, data text,
                                 executed_at timestamptz)
RETURNING id::text, "offset"

-- name: held
SELECT p.account_id::text, p.instrument_id::text, p.quantity, p.cost, p.realised_pnl, p.fees, p.version
FROM json_to_recordset(%s) AS u (account_id uuid, instrument_id uuid)
JOIN trading_position p ON p.account_id = u.account_id AND p.instrument_id = u.instrument_id

-- name: trades
WITH given AS (
    SELECT * FROM json_to_recordset(%s) AS t (
        trade_id uuid, account_id uuid, instrument_id uuid, side text, quantity numeric, price numeric,
        notional numeric, fees jsonb, executed_at timestamptz, idempotency_key text, request text)
), answered AS (
    INSERT INTO trading_idempotencykey (tenant_id, client, operation, created_at, key, request, status,
                                        outcome)
    SELECT %s, 'bench', 'trade', now(), idempotency_key, request, 201, trade_id FROM given
)
INSERT INTO trading_trade (id, tenant_id, version_no, state, account_id, instrument_id, side, quantity,
    price, notional, currency, fees, trade_date, executed_at, booked_at, source)
SELECT trade_id, %s, 1, 'executed', account_id, instrument_id, side, quantity, price, notional, 'USD',
       fees, executed_at::date, executed_at, now(), 'api' FROM given

-- name: positions
WITH history AS (
    INSERT INTO trading_positionchange (partition, "offset", tenant_id, account_id, instrument_id,
        trade_id, kind, place, fill_quantity, fill_price, fill_notional, fill_fees, version, quantity,
        cost, realised_pnl, fees, effective_at, booked_at, effective_to)
    SELECT partition, "offset", %s, account_id, instrument_id, trade_id, 'executed', "offset", units,
           price, notional, commission + exchange, version, quantity, cost, realised_pnl, paid, executed_at, now(), executed_at
    FROM json_to_recordset(%s) AS c (
        partition smallint, "offset" bigint, account_id uuid, instrument_id uuid, trade_id uuid,
        units numeric, price numeric, notional numeric, commission numeric, exchange numeric,
        version bigint, quantity numeric, cost numeric, realised_pnl numeric, paid numeric,
        executed_at timestamptz)
)
INSERT INTO trading_position AS p (tenant_id, account_id, instrument_id, currency, quantity, cost,
    realised_pnl, fees, version, last_offset, effective_to, known_to, updated_at)
SELECT %s, account_id, instrument_id, 'USD', quantity, cost, realised_pnl, paid, version, "offset",
       executed_at, now(), now()
FROM json_to_recordset(%s) AS g (
    account_id uuid, instrument_id uuid, quantity numeric, cost numeric, realised_pnl numeric,
    paid numeric, version bigint, "offset" bigint, executed_at timestamptz)
ON CONFLICT (account_id, instrument_id) DO UPDATE SET
    quantity = excluded.quantity, cost = excluded.cost, realised_pnl = excluded.realised_pnl,
    fees = excluded.fees, version = excluded.version, last_offset = excluded.last_offset,
    effective_to = excluded.effective_to, known_to = excluded.known_to, updated_at = excluded.updated_at

-- name: entries
INSERT INTO ledger_journalentry (id, tenant_id, kind, source, owner, trade_id, partition, leg_count,
                                 effective_at, booked_at)
SELECT entry, %s, 'TRADE', 'trade:' || trade_id || ':1', account_id, trade_id, partition, 6, executed_at,
       now()
FROM json_to_recordset(%s) AS e (entry uuid, trade_id uuid, account_id uuid, partition smallint,
                                 executed_at timestamptz)

-- name: postings
INSERT INTO ledger_posting (entry_id, leg, ledger_account_id, asset, amount, booked_at, tenant_id)
SELECT e.entry, l.leg, l.account, l.asset, l.amount, now(), %s
FROM json_to_recordset(%s) AS e (entry uuid, symbol text, sec bigint, cash bigint, units numeric,
                                 value numeric, commission numeric, exchange numeric)
CROSS JOIN LATERAL (VALUES
    (1, e.sec, e.symbol, e.units), (2, %s::bigint, e.symbol, -e.units),
    (3, e.cash, 'USD', e.value - e.commission - e.exchange), (4, %s::bigint, 'USD', -e.value),
    (5, %s::bigint, 'USD', e.commission), (6, %s::bigint, 'USD', e.exchange)
) AS l (leg, account, asset, amount)

-- name: settlements
INSERT INTO settlement_settlement (id, tenant_id, kind, trade_id, version_no, account_id, account_number,
    instrument_id, symbol, movement, quantity, currency, amount, client_cash, trade_date, market,
    clearing, opened_at, due_on, window_at, next_at, is_late, state, settled, pending, parts, tries,
    may_be_out, is_unwanted, is_gone, is_returned, round, reference, code, detail, assigned_to, version)
SELECT settlement, %s, 'settlement', trade_id, 1, account_id, account, instrument_id, symbol,
       CASE side WHEN 'buy' THEN 'receive' ELSE 'deliver' END, quantity, 'USD', notional,
       jsonb_build_object('USD', (value - commission - exchange)::text), executed_at::date, '', 'simulator',
       now(), executed_at::date + 1, executed_at + interval '1 day', executed_at + interval '1 day', false,
       'awaiting_date', 0, 0, 0, 0, false, false, false, false, 0, '', '', '', '', 1
FROM json_to_recordset(%s) AS s (
    settlement uuid, trade_id uuid, account_id uuid, account text, instrument_id uuid, symbol text,
    side text, quantity numeric, notional numeric, value numeric, commission numeric, exchange numeric,
    executed_at timestamptz)
