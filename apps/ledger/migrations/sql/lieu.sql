-- As before; what fractions of splits were sold for counts with the trades (I6).
-- Take a month out: keep what its postings did to every balance, detach its table and drop it. The
-- row in ledger_archive is written in the same transaction. Readers and bookings of other months wait
-- only for the detaching; who books into this month (nobody does) waits from the start.
CREATE OR REPLACE FUNCTION ledger_take_out(which date, expected bigint) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    starts CONSTANT timestamptz := which::timestamp AT TIME ZONE 'UTC';
    source CONSTANT text := 'ledger_posting_' || to_char(which, 'YYYYMM');
    found  bigint;
BEGIN
    EXECUTE format('LOCK TABLE %I IN SHARE MODE', source);
    EXECUTE format('SELECT count(*) FROM %I', source) INTO found;
    IF found <> expected THEN
        RAISE EXCEPTION '% has % postings, the file %', source, found, expected
            USING ERRCODE = 'data_exception';
    END IF;
    EXECUTE format($query$
        INSERT INTO ledger_archivedbalance (month, ledger_account_id, asset, partition, owner,
                                            of_trades, amount, postings, moved_at, closing)
        SELECT $1, m.account, m.asset, m.partition, m.owner, m.of_trades, m.amount, m.postings, m.moved_at,
               CASE WHEN m.is_client
                    THEN coalesce(known.amount, 0) + coalesce(since.amount, 0) + m.amount END
        FROM (
            SELECT a.owner IS NOT NULL AS is_client, p.ledger_account_id AS account, p.asset,
                   CASE WHEN a.owner IS NULL THEN e.partition ELSE 0 END AS partition,
                   CASE WHEN a.owner IS NULL THEN e.owner END AS owner,
                   a.owner IS NULL AND (coalesce(o.kind, e.kind) = 'TRADE'
                       OR coalesce(o.source, e.source) LIKE 'action:%%:lieu') AS of_trades,
                   sum(p.amount) AS amount, count(*) AS postings,
                   max(p.booked_at) AS moved_at
            FROM %I p
            JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id
            JOIN ledger_journalentry e ON e.id = p.entry_id
            LEFT JOIN ledger_journalentry o ON o.id = e.reverses_id
            GROUP BY 1, 2, 3, 4, 5, 6
        ) AS m
        LEFT JOIN LATERAL (
            SELECT k.booked_at, k.amount FROM ledger_known_balance k
            WHERE m.is_client AND k.ledger_account_id = m.account AND k.asset = m.asset
              AND k.booked_at < $2
            ORDER BY k.booked_at DESC LIMIT 1
        ) AS known ON true
        LEFT JOIN LATERAL (
            SELECT sum(p.amount) AS amount FROM ledger_posting p
            WHERE m.is_client AND p.ledger_account_id = m.account AND p.asset = m.asset
              AND p.booked_at > coalesce(known.booked_at, '-infinity') AND p.booked_at < $2
        ) AS since ON true
    $query$, source) USING which, starts;
    LOCK TABLE ONLY ledger_posting IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('ALTER TABLE ledger_posting DETACH PARTITION %I', source);
    EXECUTE format('DROP TABLE %I', source);
END $$;
