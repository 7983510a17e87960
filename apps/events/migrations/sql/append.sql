-- Appends facts to the log and answers with their offsets, in the order given.
--
-- It is the last act of a transaction: the partition locks are held from here to the commit, so
-- whoever sees offset n+1 sees n, and a partition's offsets have no gaps. Two statements, because
-- the snapshot of one statement is older than its wait for a lock; READ COMMITTED, because only
-- there the second statement gets a snapshot of its own. Locks are taken in one order, so two
-- appends cannot deadlock on each other. No counter row: a long snapshot elsewhere slows nothing.
CREATE FUNCTION events_append(
    topics text[], partitions smallint[], ids uuid[], tenants integer[], keys text[],
    names text[], versions smallint[], datas text[], headers text[], occurred timestamptz[]
) RETURNS TABLE (at_topic text, at_partition smallint, at_offset bigint)
LANGUAGE plpgsql VOLATILE
SET lock_timeout = '2s'
AS $$
DECLARE
    place record;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'events_append needs READ COMMITTED, not %',
            upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'invalid_transaction_state';
    END IF;

    FOR place IN
        SELECT DISTINCT hashtext('events.' || t) AS class, p
        FROM unnest(topics, partitions) AS given (t, p) ORDER BY 1, 2
    LOOP
        PERFORM pg_advisory_xact_lock(place.class, place.p);
    END LOOP;

    RETURN QUERY
    WITH given AS (
        SELECT * FROM unnest(
            topics, partitions, ids, tenants, keys, names, versions, datas, headers, occurred
        ) WITH ORDINALITY AS u (t, p, id, tenant, key, name, version, data, header, at, position)
    ), tails AS (
        SELECT d.t, d.p, greatest(
            coalesce((SELECT e."offset" FROM events_event e WHERE e.topic = d.t AND e.partition = d.p
                      ORDER BY e."offset" DESC LIMIT 1), 0),
            -- without the floor, numbering would start again after retention emptied a partition
            coalesce((SELECT f.floor FROM events_partition f
                      WHERE f.topic = d.t AND f.number = d.p), 0)
        ) AS tail
        FROM (SELECT DISTINCT g.t, g.p FROM given g) d
    ), placed AS (
        SELECT g.*, tails.tail + row_number() OVER (PARTITION BY g.t, g.p ORDER BY g.position) AS off
        FROM given g JOIN tails ON tails.t = g.t AND tails.p = g.p
    ), inserted AS (
        INSERT INTO events_event (topic, partition, "offset", id, tenant_id, key, name, version,
                                  data, headers, occurred_at, recorded_at)
        SELECT t, p, off, id, tenant, key, name, version, data::jsonb, header::jsonb, at,
               clock_timestamp()
        FROM placed ORDER BY position
    )
    SELECT t, p, off FROM placed ORDER BY position;
END
$$;
