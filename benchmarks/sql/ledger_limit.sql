-- The limit of the ledger: the rows of `post_entries`, written by the server itself, past the same
-- triggers; no Python, and no wire, per row.
--
-- bench_known holds the clients: those of one log partition are one `place`.
CREATE FUNCTION bench_account(whom int, which text, whose uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT id FROM ledger_ledgeraccount
    WHERE tenant_id = whom AND code = which AND owner IS NOT DISTINCT FROM whose
$$;

CREATE TABLE bench_known AS
SELECT o.place, o.rank, o.owner, o.partition, a.tenant_id AS tenant, a.id AS cash,
       count(*) OVER (PARTITION BY place) AS owners,
       bench_account(a.tenant_id, 'SEC:UNSETTLED', o.owner) AS sec,
       bench_account(a.tenant_id, 'STREET:SEC:UNSETTLED', NULL) AS street_sec,
       bench_account(a.tenant_id, 'STREET:CASH:UNSETTLED', NULL) AS street_cash,
       bench_account(a.tenant_id, 'FEE:COMMISSION', NULL) AS commission,
       bench_account(a.tenant_id, 'FEE:EXCHANGE', NULL) AS exchange
FROM bench_owner o
JOIN ledger_ledgeraccount a ON a.owner = o.owner AND a.code = 'CASH:UNSETTLED';
CREATE UNIQUE INDEX ON bench_known (place, rank);
ANALYZE bench_known;

CREATE FUNCTION bench_post(entries int, at_place int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[] := ARRAY(SELECT uuidv7() FROM generate_series(1, entries));
    at  timestamptz := clock_timestamp();
BEGIN
    INSERT INTO ledger_journalentry (id, tenant_id, kind, source, owner, trade_id, partition,
                                     leg_count, effective_at, booked_at)
    SELECT u.id, o.tenant, 'TRADE', 'trade:' || u.id || ':1', o.owner, u.id, o.partition, 6, at, at
    FROM unnest(ids) WITH ORDINALITY AS u (id, n)
    JOIN bench_known o ON o.place = at_place AND o.rank = u.n % o.owners;

    INSERT INTO ledger_posting (entry_id, leg, ledger_account_id, asset, amount, booked_at, tenant_id)
    SELECT u.id, l.leg, l.account, l.asset, l.amount, at, o.tenant
    FROM unnest(ids) WITH ORDINALITY AS u (id, n)
    JOIN bench_known o ON o.place = at_place AND o.rank = u.n % o.owners
    CROSS JOIN LATERAL (VALUES
        (1, o.sec, 'BENCH-' || u.n % 20, 50.0),
        (2, o.street_sec, 'BENCH-' || u.n % 20, -50.0),
        (3, o.cash, 'USD', -5007.25),
        (4, o.street_cash, 'USD', 5005.25),
        (5, o.commission, 'USD', 1.25),
        (6, o.exchange, 'USD', 0.75)) AS l (leg, account, asset, amount);

    PERFORM events_append(ARRAY['ledger'], array_agg(DISTINCT told.partition), json_agg(told))
    FROM (SELECT 'ledger' AS topic, o.partition, uuidv7() AS id, o.tenant AS tenant_id, o.owner AS key,
                 'ledger.entries.posted' AS name, 1 AS version, '{}'::jsonb AS headers,
                 at AS occurred_at, jsonb_build_object(
                     'account_id', o.owner, 'entries', jsonb_agg(jsonb_build_object(
                         'id', u.id, 'kind', 'TRADE', 'source', 'trade:' || u.id || ':1',
                         'trade_id', u.id, 'effective_at', at, 'booked_at', at))) AS data
          FROM unnest(ids) WITH ORDINALITY AS u (id, n)
          JOIN bench_known o ON o.place = at_place AND o.rank = u.n % o.owners
          GROUP BY o.partition, o.tenant, o.owner) AS told;
END $$;

-- A client with a long history (place -1): `entries` cash transfers, a second apart, up to now.
SELECT ledger_make_partition((now() - interval '1 month')::date);
CREATE FUNCTION bench_history(entries int, first int, total int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[] := ARRAY(SELECT uuidv7() FROM generate_series(1, entries));
BEGIN
    INSERT INTO ledger_journalentry (id, tenant_id, kind, source, owner, partition, leg_count,
                                     effective_at, booked_at)
    SELECT u.id, o.tenant, 'CASH', 'cash:' || o.owner || ':' || first + u.n, o.owner, o.partition, 2,
           t.at, t.at
    FROM bench_known o, unnest(ids) WITH ORDINALITY AS u (id, n)
    CROSS JOIN LATERAL (SELECT now() - (total - first - u.n) * interval '1 second') AS t (at)
    WHERE o.place = -1;

    INSERT INTO ledger_posting (entry_id, leg, ledger_account_id, asset, amount, booked_at, tenant_id)
    SELECT e.id, l.leg, l.account, 'USD', l.amount, e.booked_at, e.tenant_id
    FROM bench_known o, ledger_journalentry e
    CROSS JOIN LATERAL (VALUES (1, o.cash, 1.25), (2, o.street_cash, -1.25)) AS l (leg, account, amount)
    WHERE e.id = ANY(ids) AND o.place = -1;
END $$;
