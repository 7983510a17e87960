-- The one gate: checks all legs that a statement wrote, then moves the balances.
--
-- All legs of an entry come in one statement. That makes every check a set operation over the
-- transition table, and "complete" a matter of counting: legs 1..leg_count are all here, and the
-- primary key refuses them a second time. So nothing can be added to an entry later.
--
-- Every table is entered by key, a row at a time. Left to itself the planner prefers to read all
-- entries and all accounts once it is given some thousand legs, which makes a batch cost what the
-- history weighs, and keeps such a plan for the session.
CREATE FUNCTION ledger_book_postings() RETURNS trigger
LANGUAGE plpgsql
SET search_path = public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    -- A client's balance is marked (its value kept, with its time) at every so many postings: as of
    -- some time it is then one mark and at most this many postings, however long the history is.
    mark_every CONSTANT integer := 1024;
    fault      record;
    incomplete boolean;
    reversing  boolean;
    partitions smallint[];
    misplaced  boolean;
    limited    boolean;
    crossing   boolean;
BEGIN
    -- 1. Every leg belongs to an entry of its tenant and time, and every entry is complete.
    SELECT bool_or((e.tenant_id = l.tenant_min AND e.tenant_id = l.tenant_max
                    AND e.booked_at = l.booked_min AND e.booked_at = l.booked_max
                    AND e.leg_count = l.legs AND l.leg_max = l.legs) IS NOT TRUE),
           bool_or(e.reverses_id IS NOT NULL), array_agg(DISTINCT e.partition)
    INTO incomplete, reversing, partitions
    FROM (SELECT entry_id, count(*) AS legs, max(leg) AS leg_max,
                 min(tenant_id) AS tenant_min, max(tenant_id) AS tenant_max,
                 min(booked_at) AS booked_min, max(booked_at) AS booked_max
          FROM posted GROUP BY entry_id) AS l
    LEFT JOIN ledger_journalentry AS e ON e.id = l.entry_id;
    IF incomplete THEN
        SELECT p.entry_id, e.id IS NULL AS is_missing, e.leg_count, count(*) AS legs,
               bool_or(e.tenant_id <> p.tenant_id) AS is_foreign,
               bool_or(e.booked_at <> p.booked_at) AS is_out_of_time
        INTO fault
        FROM posted AS p LEFT JOIN ledger_journalentry AS e ON e.id = p.entry_id
        GROUP BY p.entry_id, e.id
        HAVING (bool_and(e.tenant_id = p.tenant_id AND e.booked_at = p.booked_at)
                AND count(*) = e.leg_count AND max(p.leg) = e.leg_count) IS NOT TRUE
        LIMIT 1;
        IF fault.is_missing THEN
            RAISE EXCEPTION 'posting of entry %, which does not exist', fault.entry_id
                USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'posting_has_an_entry',
                      TABLE = TG_TABLE_NAME;
        ELSIF fault.is_foreign THEN
            RAISE EXCEPTION 'posting of another tenant than its entry %', fault.entry_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_has_its_entrys_tenant',
                      TABLE = TG_TABLE_NAME;
        ELSIF fault.is_out_of_time THEN
            RAISE EXCEPTION 'posting booked at another time than its entry %', fault.entry_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_has_its_entrys_time',
                      TABLE = TG_TABLE_NAME;
        END IF;
        RAISE EXCEPTION 'entry % has legs 1 to %, all in one statement; this one brought %',
            fault.entry_id, fault.leg_count, fault.legs
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_comes_with_all_its_legs',
                  TABLE = TG_TABLE_NAME;
    ELSIF cardinality(partitions) > 1 THEN
        RAISE EXCEPTION 'one statement books entries of one partition of the log, not of %', partitions
            USING ERRCODE = 'check_violation', CONSTRAINT = 'statement_books_one_partition',
                  TABLE = TG_TABLE_NAME;
    END IF;

    -- 2. Every leg is on an account and in an asset of its tenant, within the asset's scale.
    SELECT bool_or((a.tenant_id = p.tenant_id AND s.scale >= p.decimals) IS NOT TRUE),
           bool_or(NOT (a.may_be_negative AND a.may_be_positive))
    INTO misplaced, limited
    FROM (SELECT tenant_id, ledger_account_id, asset, max(min_scale(amount)) AS decimals
          FROM posted GROUP BY tenant_id, ledger_account_id, asset) AS p
    LEFT JOIN ledger_ledgeraccount AS a ON a.id = p.ledger_account_id
    LEFT JOIN ledger_asset AS s ON s.tenant_id = p.tenant_id AND s.code = p.asset;
    IF misplaced THEN
        SELECT p.entry_id, p.leg, p.asset, p.amount, p.ledger_account_id, s.scale,
               (a.tenant_id = p.tenant_id) IS NOT TRUE AS is_foreign
        INTO fault
        FROM posted AS p
        LEFT JOIN ledger_ledgeraccount AS a ON a.id = p.ledger_account_id
        LEFT JOIN ledger_asset AS s ON s.tenant_id = p.tenant_id AND s.code = p.asset
        WHERE (a.tenant_id = p.tenant_id AND s.scale >= min_scale(p.amount)) IS NOT TRUE
        LIMIT 1;
        IF fault.is_foreign THEN
            RAISE EXCEPTION 'leg % of entry % is on account %, which its tenant does not have',
                fault.leg, fault.entry_id, fault.ledger_account_id
                USING ERRCODE = 'foreign_key_violation',
                      CONSTRAINT = 'posting_is_on_its_tenants_account', TABLE = TG_TABLE_NAME;
        ELSIF fault.scale IS NULL THEN
            RAISE EXCEPTION 'leg % of entry % is in %, which its tenant does not have',
                fault.leg, fault.entry_id, fault.asset
                USING ERRCODE = 'foreign_key_violation',
                      CONSTRAINT = 'posting_is_in_its_tenants_asset', TABLE = TG_TABLE_NAME;
        END IF;
        RAISE EXCEPTION 'leg % of entry %: % has more than the % decimals of %',
            fault.leg, fault.entry_id, fault.amount, fault.scale, fault.asset
            USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_is_within_its_assets_scale',
                  TABLE = TG_TABLE_NAME;
    END IF;

    -- 3. Every entry sums to zero in every asset.
    SELECT entry_id, asset, sum(amount) AS rest INTO fault
    FROM posted GROUP BY entry_id, asset HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % does not balance: % % left over',
            fault.entry_id, fault.rest, fault.asset
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_balances_per_asset',
                  TABLE = TG_TABLE_NAME;
    END IF;

    -- 4. A reversal is the exact negation of its entry, account by account.
    IF reversing THEN
        SELECT e.id AS entry_id, e.reverses_id INTO fault
        FROM (SELECT DISTINCT entry_id FROM posted) AS l
        JOIN ledger_journalentry AS e ON e.id = l.entry_id
        JOIN ledger_journalentry AS o ON o.id = e.reverses_id
        WHERE o.leg_count <> e.leg_count OR EXISTS (
            SELECT ledger_account_id, asset, -amount FROM ledger_posting
            WHERE entry_id = o.id AND booked_at = o.booked_at
            EXCEPT
            SELECT ledger_account_id, asset, amount FROM posted WHERE entry_id = e.id
        )
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'entry % is not the exact negation of %', fault.entry_id, fault.reverses_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'reversal_negates_every_leg',
                      TABLE = TG_TABLE_NAME;
        END IF;
    END IF;

    -- 5. Balances. Locked in one order by everyone, so two bookings wait but never deadlock. An owned
    -- account has one row, so that its limits are exact; a house account has one row per partition of
    -- the log, so that no partition waits for another, and is never marked (marked_at is null).
    WITH moved AS (
        INSERT INTO ledger_balance AS b
            (ledger_account_id, asset, partition, amount, version, booked_at, marked_at)
        SELECT p.ledger_account_id, p.asset,
               CASE WHEN a.owner IS NULL THEN partitions[1] ELSE 0 END,
               p.amount, p.legs, p.booked_at,
               CASE WHEN a.owner IS NOT NULL THEN 'epoch'::timestamptz END
        FROM (SELECT ledger_account_id, asset, sum(amount) AS amount, count(*) AS legs,
                     max(booked_at) AS booked_at
              FROM posted GROUP BY ledger_account_id, asset) AS p
        JOIN ledger_ledgeraccount AS a ON a.id = p.ledger_account_id
        ORDER BY p.ledger_account_id, p.asset
        ON CONFLICT (ledger_account_id, asset, partition) DO UPDATE SET
            amount = b.amount + excluded.amount,
            version = b.version + excluded.version,
            booked_at = greatest(b.booked_at, excluded.booked_at),
            marked_at = CASE
                WHEN b.marked_at IS NOT NULL
                     AND (b.version + excluded.version) / mark_every > b.version / mark_every
                THEN greatest(b.booked_at, excluded.booked_at) ELSE b.marked_at END
        RETURNING b.marked_at
    )
    SELECT bool_or(marked_at >= (SELECT min(booked_at) FROM posted)) INTO crossing FROM moved;

    -- 6. Limits, after the move: the rows are ours until we commit, so what we read is what counts.
    -- Entry by entry in the order of their ids, as if each had come alone: a batch must not pass with
    -- what its entries, one after the other, would be refused.
    IF limited THEN
        SELECT * INTO fault
        FROM (SELECT a.id, a.code, a.may_be_negative, a.may_be_positive, p.asset, p.amount AS step,
                     b.amount - sum(p.amount) OVER whole + sum(p.amount) OVER up_to_here AS amount
              FROM posted AS p
              JOIN ledger_ledgeraccount AS a ON a.id = p.ledger_account_id
              JOIN ledger_balance AS b ON b.ledger_account_id = a.id AND b.asset = p.asset
              WHERE NOT (a.may_be_negative AND a.may_be_positive)
              WINDOW whole AS (PARTITION BY p.ledger_account_id, p.asset),
                     up_to_here AS (whole ORDER BY p.entry_id)) AS one
        -- A step towards the allowed side is never refused, even where it does not get there.
        WHERE (one.amount < 0 AND one.step < 0 AND NOT one.may_be_negative)
           OR (one.amount > 0 AND one.step > 0 AND NOT one.may_be_positive)
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'ledger account % (%) does not allow a % balance: it would be % %',
                fault.id, fault.code, CASE WHEN fault.amount < 0 THEN 'negative' ELSE 'positive' END,
                fault.amount, fault.asset
                USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME,
                      CONSTRAINT = CASE WHEN fault.amount < 0 THEN 'account_may_not_be_negative'
                                        ELSE 'account_may_not_be_positive' END;
        END IF;
    END IF;

    -- 7. Marks. A leg that is booked late corrects those after it; then the new ones are kept.
    IF crossing THEN
        UPDATE ledger_balancemark AS m SET amount = m.amount + late.amount
        FROM (SELECT after.id, sum(p.amount) AS amount
              FROM posted AS p
              JOIN ledger_balancemark AS after
                ON after.ledger_account_id = p.ledger_account_id AND after.asset = p.asset
               AND after.booked_at >= p.booked_at
              GROUP BY after.id) AS late
        WHERE m.id = late.id;
        INSERT INTO ledger_balancemark (ledger_account_id, asset, booked_at, amount)
        SELECT b.ledger_account_id, b.asset, b.booked_at, b.amount
        FROM ledger_balance AS b
        WHERE b.marked_at = b.booked_at AND (b.ledger_account_id, b.asset) IN
              (SELECT ledger_account_id, asset FROM posted)
        ON CONFLICT (ledger_account_id, asset, booked_at) DO UPDATE SET amount = excluded.amount;
    END IF;
    RETURN NULL;
END $$;

-- The guards of one table of postings. A statement that names a partition fires that partition's
-- statement triggers only, never the parent's; so each needs its own. The parent's row trigger comes
-- with every partition by itself, also with one that was made without ledger_make_partition.
CREATE FUNCTION ledger_guard_postings(target regclass) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER posting_is_booked AFTER INSERT ON %s REFERENCING NEW TABLE AS posted
             FOR EACH STATEMENT EXECUTE FUNCTION ledger_book_postings()', target);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER posting_is_booked', target);
    EXECUTE format(
        'CREATE TRIGGER posting_is_append_only BEFORE UPDATE OR DELETE ON %s
             FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()', target);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER posting_is_append_only', target);
    EXECUTE format(
        'CREATE TRIGGER posting_is_not_truncated BEFORE TRUNCATE ON %s
             FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()', target);
END $$;

SELECT ledger_guard_postings('ledger_posting');
CREATE TRIGGER posting_stays BEFORE UPDATE OR DELETE ON ledger_posting
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
ALTER TABLE ledger_posting ENABLE ALWAYS TRIGGER posting_stays;
