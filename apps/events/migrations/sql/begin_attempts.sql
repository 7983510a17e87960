-- Counts an attempt in each of some partitions before it is made, so that a worker that dies in it
-- leaves a trace. Answers with the partitions where there is something to do now and that no other
-- transaction holds: how many attempts died there before, whether the next event is a suspect, and
-- how many events wait (offsets have no gaps, so that is head less cursor).
CREATE FUNCTION events_begin_attempts(
    p_handler text, p_topic text, p_partitions smallint[], p_limit integer
) RETURNS TABLE (partition smallint, deaths integer, careful boolean, behind bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
    -- a count lost in a crash costs one more try; a wait for the disk would cost every batch
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN QUERY
    WITH before AS (
        SELECT c.partition, c."offset", c.attempts, c.suspect_until, head."offset" AS head
        FROM events_cursor c
        CROSS JOIN LATERAL (
            SELECT e."offset" FROM events_event e
            WHERE e.topic = c.topic AND e.partition = c.partition
            ORDER BY e."offset" DESC LIMIT 1
        ) AS head
        WHERE c.handler = p_handler AND c.topic = p_topic AND c.partition = ANY (p_partitions)
          AND c.state = 'running' AND (c.retry_at IS NULL OR c.retry_at <= clock_timestamp())
          AND head."offset" > c."offset"
        ORDER BY c.partition
        FOR UPDATE OF c SKIP LOCKED
    )
    UPDATE events_cursor c SET
        attempts = c.attempts + 1,
        suspect_until = CASE WHEN before.suspect_until > before."offset"
                             THEN before.suspect_until ELSE before."offset" + p_limit END
    FROM before
    WHERE c.handler = p_handler AND c.topic = p_topic AND c.partition = before.partition
    RETURNING before.partition, before.attempts, before.suspect_until > before."offset",
              before.head - before."offset";
END
$$;
DROP FUNCTION events_begin_attempt;
