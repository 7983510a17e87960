-- Where postings of a month without a table of its own go: booking never fails for want of one.
CREATE TABLE ledger_posting_default PARTITION OF ledger_posting DEFAULT;
SELECT ledger_guard_postings('ledger_posting_default');

-- Makes the table of a month (any day of it), with its guards; false where it exists already.
--
-- Made apart and then attached: that does not lock out who books meanwhile. Postings of that month
-- that went to the default table move into it; this is the one place that takes guards off, and it
-- holds the table alone and puts them back before anybody else can see it.
CREATE FUNCTION ledger_make_partition(month date) RETURNS boolean
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
        IF moved <> removed THEN
            RAISE EXCEPTION 'moved % postings to %, but removed %', moved, target, removed;
        END IF;
    END IF;
    EXECUTE format('ALTER TABLE ledger_posting ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   target, starts, ends);
    PERFORM ledger_guard_postings(target::regclass);
    RETURN true;
END $$;

SELECT ledger_make_partition((date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month')::date)
FROM generate_series(0, 3) AS n;
