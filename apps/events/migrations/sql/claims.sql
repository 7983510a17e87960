-- The two ends of a convoy's drain, each in one round trip. Advisory locks of the session: who
-- holds a partition's is the only one to drain it. Both functions are VOLATILE, so that each of
-- their statements has a snapshot of its own, taken after the locks of the one before.

-- Claims what nobody else has of some partitions and counts an attempt in each of these. Answers
-- with all that are claimed; the rest of the row is NULL where there is nothing to do now.
CREATE FUNCTION events_claim(
    p_handler text, p_topic text, p_partitions smallint[],
    p_handler_lock integer, p_locks integer[], p_limit integer
) RETURNS TABLE (partition smallint, deaths integer, careful boolean, behind bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    mine smallint[] := ARRAY(
        SELECT u.number FROM unnest(p_partitions, p_locks) AS u (number, lock)
        WHERE pg_try_advisory_lock(p_handler_lock, u.lock));
BEGIN
    RETURN QUERY
    SELECT m.number, begun.deaths, begun.careful, begun.behind
    FROM unnest(mine) AS m (number)
    LEFT JOIN events_begin_attempts(p_handler, p_topic, mine, p_limit) AS begun
           ON begun.partition = m.number;
END
$$;

-- Ends the claims on some partitions and, after that, looks which of them have something to take.
CREATE FUNCTION events_let_go(
    p_handler text, p_topic text, p_partitions smallint[],
    p_handler_lock integer, p_locks integer[]
) RETURNS SETOF smallint
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_unlock(p_handler_lock, u.lock) FROM unnest(p_locks) AS u (lock);
    RETURN QUERY
    SELECT c.partition FROM events_cursor c
    WHERE c.handler = p_handler AND c.topic = p_topic AND c.partition = ANY (p_partitions)
      AND c.state = 'running' AND (c.retry_at IS NULL OR c.retry_at <= clock_timestamp())
      AND EXISTS (SELECT FROM events_event e
                  WHERE e.topic = c.topic AND e.partition = c.partition AND e."offset" > c."offset")
    ORDER BY c.partition;
END
$$;
