-- Counts an attempt before it is made, so that a worker that dies in it leaves a trace. Answers
-- with nothing where there is nothing to do now (or another transaction holds the cursor);
-- otherwise with how many attempts died here before, and whether the next event is a suspect.
CREATE FUNCTION events_begin_attempt(
    p_handler text, p_topic text, p_partition smallint, p_limit integer
) RETURNS TABLE (deaths integer, careful boolean) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- a count lost in a crash costs one more try; a wait for the disk would cost every batch
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN QUERY
    WITH before AS (
        SELECT c.handler, c.topic, c.partition, c."offset", c.attempts, c.suspect_until
        FROM events_cursor c
        WHERE c.handler = p_handler AND c.topic = p_topic AND c.partition = p_partition
          AND c.state = 'running' AND (c.retry_at IS NULL OR c.retry_at <= clock_timestamp())
          AND EXISTS (SELECT FROM events_event e WHERE e.topic = c.topic
                      AND e.partition = c.partition AND e."offset" > c."offset")
        FOR UPDATE SKIP LOCKED
    )
    UPDATE events_cursor c SET
        attempts = c.attempts + 1,
        suspect_until = CASE WHEN before.suspect_until > before."offset"
                             THEN before.suspect_until ELSE before."offset" + p_limit END
    FROM before
    WHERE c.handler = before.handler AND c.topic = before.topic AND c.partition = before.partition
    RETURNING before.attempts, before.suspect_until > before."offset";
END
$$;
