-- Months of postings that were taken out: what stays is enough for every balance, for every statement
-- of a later time and for the chain of blocks. The files themselves are written and read by
-- services/archiving.py; here is what has to be one transaction with the detaching of the table.

-- Only who says that a month is being archived writes here.
CREATE FUNCTION ledger_refuse_unless_archiving() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' OR coalesce(current_setting('lockstep.archiving', true), '') <> 'on' THEN
        RAISE EXCEPTION '% of % is refused: only archiving writes there', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'archives_are_kept',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER archives_are_kept BEFORE INSERT OR UPDATE OR DELETE ON ledger_archive
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_unless_archiving();
ALTER TABLE ledger_archive ENABLE ALWAYS TRIGGER archives_are_kept;
CREATE TRIGGER archive_is_not_truncated BEFORE TRUNCATE ON ledger_archive
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_unless_archiving();
CREATE TRIGGER archived_balances_are_kept BEFORE INSERT OR UPDATE OR DELETE ON ledger_archivedbalance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_unless_archiving();
ALTER TABLE ledger_archivedbalance ENABLE ALWAYS TRIGGER archived_balances_are_kept;
CREATE TRIGGER archivedbalance_is_not_truncated BEFORE TRUNCATE ON ledger_archivedbalance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_unless_archiving();

-- Where a client's balance is known without adding up postings: marks, and ends of archived months.
CREATE VIEW ledger_known_balance AS
SELECT ledger_account_id, asset, booked_at, amount FROM ledger_balancemark
UNION ALL
SELECT ledger_account_id, asset, moved_at, closing FROM ledger_archivedbalance
WHERE closing IS NOT NULL;

-- Entries whose legs are in a file.
CREATE VIEW ledger_archivedentry AS
SELECT e.* FROM ledger_journalentry e JOIN ledger_archive a
    ON a.state = 'archived' AND e.booked_at >= a.starts_at AND e.booked_at < a.ends_at;

-- A month that was archived is closed, also after it was restored: it comes back as it was. Nothing
-- is booked at a time before the newest archived month's end, because closing balances stand on it.
CREATE FUNCTION ledger_refuse_closed_month() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME <> 'ledger_posting_default' OR EXISTS (
        SELECT FROM ledger_archive WHERE NEW.booked_at < ends_at
    ) THEN
        RAISE EXCEPTION 'entry % would be booked at %, in a month that is closed',
            NEW.entry_id, NEW.booked_at
            USING ERRCODE = 'check_violation', CONSTRAINT = 'month_is_closed', TABLE = TG_TABLE_NAME,
                  HINT = 'Book it now, effective then.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER month_is_closed BEFORE INSERT ON ledger_posting_default
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_closed_month();
ALTER TABLE ledger_posting_default ENABLE ALWAYS TRIGGER month_is_closed;

-- Makes the table of a month (any day of it), with its guards; false where it exists already.
--
-- Made apart and then attached: that does not lock out who books meanwhile. Postings of that month
-- that went to the default table move into it; this is the one place that takes guards off, and it
-- holds the table alone and puts them back before anybody else can see it.
CREATE OR REPLACE FUNCTION ledger_make_partition(month date) RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    starts  CONSTANT timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    ends    CONSTANT timestamptz :=
        (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    target  CONSTANT text := 'ledger_posting_' || to_char(month, 'YYYYMM');
    moved   bigint;
    removed bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_make_partition'));
    IF to_regclass(target) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE ledger_posting INCLUDING ALL) WITH
        (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000)',
        target);
    LOCK TABLE ledger_posting_default IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM ledger_posting_default WHERE booked_at >= starts AND booked_at < ends) THEN
        EXECUTE format('INSERT INTO %I SELECT * FROM ledger_posting_default
                        WHERE booked_at >= $1 AND booked_at < $2', target) USING starts, ends;
        GET DIAGNOSTICS moved = ROW_COUNT;
        ALTER TABLE ledger_posting_default DISABLE TRIGGER USER;
        DELETE FROM ledger_posting_default WHERE booked_at >= starts AND booked_at < ends;
        GET DIAGNOSTICS removed = ROW_COUNT;
        ALTER TABLE ledger_posting_default ENABLE TRIGGER posting_is_not_truncated;
        ALTER TABLE ledger_posting_default ENABLE ALWAYS TRIGGER posting_is_booked;
        ALTER TABLE ledger_posting_default ENABLE ALWAYS TRIGGER posting_is_append_only;
        ALTER TABLE ledger_posting_default ENABLE ALWAYS TRIGGER posting_stays;
        ALTER TABLE ledger_posting_default ENABLE ALWAYS TRIGGER month_is_closed;
        IF moved <> removed THEN
            RAISE EXCEPTION 'moved % postings to %, but removed %', moved, target, removed;
        END IF;
    END IF;
    EXECUTE format('ALTER TABLE ledger_posting ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   target, starts, ends);
    PERFORM ledger_guard_postings(target::regclass);
    RETURN true;
END $$;

-- A reversal is held against the legs of its entry: where they are archived, it has to wait.
CREATE OR REPLACE FUNCTION ledger_check_reversal() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    original ledger_journalentry;
BEGIN
    SELECT * INTO original FROM ledger_journalentry WHERE id = NEW.reverses_id;
    IF original.id IS NULL OR original.tenant_id <> NEW.tenant_id THEN
        RAISE EXCEPTION 'entry % reverses %, which this tenant does not have', NEW.id, NEW.reverses_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'reversal_names_an_entry',
                  TABLE = TG_TABLE_NAME;
    ELSIF original.reverses_id IS NOT NULL THEN
        RAISE EXCEPTION 'entry % reverses %, which is itself a reversal', NEW.id, NEW.reverses_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reversal_is_not_reversed',
                  TABLE = TG_TABLE_NAME;
    ELSIF original.booked_at > NEW.booked_at THEN
        RAISE EXCEPTION 'entry % reverses % before that was booked', NEW.id, NEW.reverses_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reversal_follows_its_entry',
                  TABLE = TG_TABLE_NAME;
    ELSIF EXISTS (SELECT FROM ledger_archivedentry a WHERE a.id = original.id) THEN
        RAISE EXCEPTION 'entry % reverses %, whose month is archived', NEW.id, NEW.reverses_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reversed_entry_is_here',
                  TABLE = TG_TABLE_NAME, HINT = 'Restore the month first.';
    END IF;
    RETURN NULL;
END $$;

-- The same text of an entry as `ledger_digests` has, without its legs.
CREATE FUNCTION ledger_header_text(e ledger_journalentry) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT concat_ws('|', e.id, e.tenant_id, e.kind, e.source, coalesce(e.reverses_id::text, '-'),
        coalesce(e.owner::text, '-'), coalesce(e.trade_id::text, '-'), e.partition, e.leg_count,
        extract(epoch FROM e.effective_at), extract(epoch FROM e.booked_at))
$$;

-- Of each block in a range: a hash of the headers of a time's entries, of which all legs may be gone.
CREATE FUNCTION ledger_header_hashes(first bigint, last bigint, starts timestamptz, ends timestamptz)
RETURNS TABLE (block bigint, hash bytea)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT b.number, sha256(convert_to(coalesce(h.texts, ''), 'UTF8'))
    FROM ledger_block b
    LEFT JOIN LATERAL (
        SELECT string_agg(ledger_header_text(e), E'\n' ORDER BY e.id) AS texts
        FROM ledger_journalentry e
        WHERE e.id > b.low AND e.id <= b.high AND e.booked_at >= starts AND e.booked_at < ends
    ) AS h ON true
    WHERE b.number BETWEEN first AND last ORDER BY b.number
$$;

-- Digests as `ledger_digests` has them, of entries whose legs are in another table than ledger_posting.
CREATE FUNCTION ledger_digests_from(legs regclass, low uuid, high uuid)
RETURNS TABLE (entry uuid, digest bytea)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format($query$
        SELECT e.id, substr(sha256(convert_to(concat_ws('|', ledger_header_text(e), l.legs), 'UTF8')),
                            1, 16)
        FROM (
            SELECT p.entry_id, string_agg(concat_ws(':', p.leg, p.ledger_account_id, p.asset,
                       trim_scale(p.amount), extract(epoch FROM p.booked_at), p.tenant_id), ';'
                       ORDER BY p.leg) AS legs
            FROM %s p WHERE p.entry_id > $1 AND p.entry_id <= $2 GROUP BY p.entry_id
        ) AS l JOIN ledger_journalentry e ON e.id = l.entry_id
    $query$, legs) USING low, high;
END $$;

-- Take a month out: keep what its postings did to every balance, detach its table and drop it. The
-- row in ledger_archive is written in the same transaction. Readers and bookings of other months wait
-- only for the detaching; who books into this month (nobody does) waits from the start.
CREATE FUNCTION ledger_take_out(which date, expected bigint) RETURNS void
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
                   a.owner IS NULL AND coalesce(o.kind, e.kind) = 'TRADE' AS of_trades,
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

-- An empty table for the month's postings, that nobody sees yet.
CREATE FUNCTION ledger_make_room(which date) RETURNS text
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    target CONSTANT text := 'ledger_posting_' || to_char(which, 'YYYYMM');
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE ledger_posting INCLUDING ALL)', target);
    RETURN target;
END $$;

-- Put a month back whose postings are in that table again.
CREATE FUNCTION ledger_put_back(which date) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    starts CONSTANT timestamptz := which::timestamp AT TIME ZONE 'UTC';
    ends   CONSTANT timestamptz := (which::timestamp + interval '1 month') AT TIME ZONE 'UTC';
    target CONSTANT text := 'ledger_posting_' || to_char(which, 'YYYYMM');
BEGIN
    EXECUTE format('ANALYZE %I', target);
    EXECUTE format('ALTER TABLE ledger_posting ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   target, starts, ends);
    PERFORM ledger_guard_postings(target::regclass);
    EXECUTE format('CREATE TRIGGER month_is_closed BEFORE INSERT ON %I
                        FOR EACH ROW EXECUTE FUNCTION ledger_refuse_closed_month()', target);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER month_is_closed', target);
    DELETE FROM ledger_archivedbalance WHERE month = which;
END $$;
