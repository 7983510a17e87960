-- Two times of every change: when it was dealt, and when we knew of it. `effective_to` and
-- `booked_at` never fall from one version to the next, so both can be searched by halves; what came
-- late, or revised something, is found by a partial index.
ALTER TABLE trading_positionchange ADD COLUMN effective_to timestamptz;
ALTER TABLE trading_position ADD COLUMN effective_to timestamptz, ADD COLUMN known_to timestamptz;
ALTER TABLE trading_positionchange DISABLE TRIGGER position_changes_are_append_only;
UPDATE trading_positionchange AS c SET effective_to = w.effective_to, booked_at = w.booked_at
FROM (SELECT partition, "offset", max(effective_at) OVER so_far AS effective_to,
             max(booked_at) OVER so_far AS booked_at
      FROM trading_positionchange
      WINDOW so_far AS (PARTITION BY account_id, instrument_id ORDER BY version)) AS w
WHERE w.partition = c.partition AND w."offset" = c."offset";
ALTER TABLE trading_positionchange ENABLE TRIGGER position_changes_are_append_only;
UPDATE trading_position AS p SET effective_to = c.effective_to, known_to = c.booked_at
FROM trading_positionchange AS c
WHERE c.account_id = p.account_id AND c.instrument_id = p.instrument_id AND c.version = p.version;
ALTER TABLE trading_positionchange ALTER COLUMN effective_to SET NOT NULL;
ALTER TABLE trading_position ALTER COLUMN effective_to SET NOT NULL, ALTER COLUMN known_to SET NOT NULL;

-- The last version that was known at a time, and of nothing dealt after another (0: none). Both
-- columns grow with the version, so a million versions are twenty look-ups.
CREATE FUNCTION trading_version_at(
    account uuid, instrument uuid, effective timestamptz, known timestamptz
) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    low    bigint := 0;
    high   bigint;
    middle bigint;
    is_in  boolean;
BEGIN
    SELECT version INTO high FROM trading_position p
    WHERE p.account_id = account AND p.instrument_id = instrument;
    high := coalesce(high, 0);
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        SELECT c.effective_to <= effective AND c.booked_at <= known INTO is_in
        FROM trading_positionchange c
        WHERE c.account_id = account AND c.instrument_id = instrument AND c.version = middle;
        IF is_in THEN
            low := middle;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN low;
END $$;
