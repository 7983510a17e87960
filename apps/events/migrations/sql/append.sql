-- Appends facts (a JSON array of rows) to the log, in the order given; how many they were. The
-- places, topic and partition, are those of the facts, each once.
--
-- It is the last act of a transaction: the partition locks are held from here to the commit, so
-- whoever sees offset n+1 sees n, and a partition's offsets have no gaps. Two statements, because
-- the snapshot of one statement is older than its wait for a lock; READ COMMITTED, because only
-- there the second statement gets a snapshot of its own. Locks are taken in one order, so two
-- appends cannot deadlock on each other. No counter row: a long snapshot elsewhere slows nothing.
CREATE FUNCTION events_append(topics text[], partitions smallint[], facts json) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET lock_timeout = '2s'
AS $$
DECLARE
    place    record;
    appended integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'events_append needs READ COMMITTED, not %',
            upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'invalid_transaction_state';
    END IF;

    FOR place IN
        SELECT hashtext('events.' || t) AS class, p
        FROM unnest(topics, partitions) AS given (t, p) ORDER BY 1, 2
    LOOP
        PERFORM pg_advisory_xact_lock(place.class, place.p);
    END LOOP;

    -- An inner join: a fact of a place that was not named, and so not locked, is missed and refused.
    WITH tails AS (
        SELECT d.t, d.p, greatest(
            coalesce((SELECT e."offset" FROM events_event e WHERE e.topic = d.t AND e.partition = d.p
                      ORDER BY e."offset" DESC LIMIT 1), 0),
            -- without the floor, numbering would start again after retention emptied a partition
            coalesce((SELECT f.floor FROM events_partition f
                      WHERE f.topic = d.t AND f.number = d.p), 0)
        ) AS tail
        FROM (SELECT DISTINCT t, p FROM unnest(topics, partitions) AS given (t, p)) d
    )
    INSERT INTO events_event (topic, partition, "offset", id, tenant_id, key, name, version, data,
                              headers, occurred_at, recorded_at)
    SELECT f.topic, f.partition,
           tails.tail + row_number() OVER (PARTITION BY f.topic, f.partition ORDER BY f.position),
           f.id, f.tenant_id, f.key, f.name, f.version, f.data, f.headers, f.occurred_at,
           clock_timestamp()
    FROM ROWS FROM (json_to_recordset(facts) AS (
             topic text, partition smallint, id uuid, tenant_id integer, key text, name text,
             version smallint, data jsonb, headers jsonb, occurred_at timestamptz)
         ) WITH ORDINALITY AS f (topic, partition, id, tenant_id, key, name, version, data, headers,
                                 occurred_at, position)
    JOIN tails ON tails.t = f.topic AND tails.p = f.partition
    ORDER BY f.position;
    GET DIAGNOSTICS appended = ROW_COUNT;

    IF appended <> json_array_length(facts) THEN
        RAISE EXCEPTION 'a fact is in none of the places that were named'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN appended;
END
$$;
