-- An account with a long history: so many changes of its positions, evenly between the last one and now,
-- each buying one unit at 100, instrument by instrument. Only what a reader of positions reads; their
-- offsets are far above those of the log.
CREATE OR REPLACE FUNCTION bench_veteran(changes int, is_first boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    whose uuid := (SELECT id FROM trading_clientaccount WHERE number = 'VETERAN');
    lane  int := (SELECT partition FROM events_event WHERE topic = 'trade' AND key = whose::text LIMIT 1);
    last  timestamptz := (SELECT max(known_to) FROM trading_position WHERE account_id = whose);
    top   bigint := greatest(1000000000, (SELECT max("offset") FROM trading_positionchange
                                          WHERE partition = lane));
BEGIN
    IF is_first THEN
        PERFORM set_config('lockstep.rebuilding', 'on', true);
        DELETE FROM trading_positionchange WHERE account_id = whose;
        last := now() - interval '30 days';
    END IF;
    CREATE TEMPORARY TABLE chunk ON COMMIT DROP AS
    SELECT p.*, k, last + k * ((now() - last) / changes) AS at, top + k AS number,
           CASE WHEN is_first THEN 0 ELSE p.version END
               + row_number() OVER (PARTITION BY p.instrument_id ORDER BY k) AS step
    FROM generate_series(1, changes) AS k
    JOIN (SELECT row_number() OVER (ORDER BY id) - 1 AS rank, count(*) OVER () AS many, *
          FROM trading_position WHERE account_id = whose) AS p ON p.rank = k % p.many;

    INSERT INTO trading_positionchange (partition, "offset", tenant_id, account_id, instrument_id,
        trade_id, kind, place, fill_quantity, fill_price, fill_notional, fill_fees, version, quantity,
        cost, realised_pnl, fees, effective_at, booked_at, effective_to)
    SELECT lane, number, tenant_id, account_id, instrument_id, uuidv7(), 'executed', number, 1, 100, 100,
           0, step, step, 100 * step, 0, 0, at, at, at
    FROM chunk;
    UPDATE trading_position p SET version = c.step, quantity = c.step, cost = 100 * c.step, fees = 0,
        last_offset = c.number, effective_to = c.at, known_to = c.at, updated_at = c.at
    FROM (SELECT DISTINCT ON (instrument_id) * FROM chunk ORDER BY instrument_id, k DESC) AS c
    WHERE p.id = c.id;
    DROP TABLE chunk;
END $$;
