-- Moves watermarks (a JSON array of receipts) forward, and gives back the participants that moved.
-- A mark never goes back and never beyond the newest message, and what is read was delivered: an old
-- receipt that comes late, or twice, changes nothing.
CREATE FUNCTION conversations_mark(whose integer, receipts json) RETURNS TABLE (
    participant_id uuid, conversation_id uuid, sender text, sender_id text, delivered_seq bigint,
    read_seq bigint, epoch integer
)
LANGUAGE plpgsql VOLATILE
SET search_path = public, pg_temp
SET lock_timeout = '2s'
AS $$
#variable_conflict use_column
BEGIN
    -- Whoever reads takes part; in one order, so that two calls cannot deadlock.
    INSERT INTO conversations_participant AS p (
        id, tenant_id, conversation_id, sender, sender_id, delivered_seq, read_seq)
    SELECT DISTINCT ON (r.conversation, r.sender, r.sender_id)
           r.id, whose, c.id, r.sender, r.sender_id, 0, 0
    FROM json_to_recordset(receipts) AS r (
        id uuid, conversation uuid, sender text, sender_id text)
    JOIN conversations_conversation c ON c.id = r.conversation AND c.tenant_id = whose
    WHERE NOT EXISTS (SELECT FROM conversations_participant known
                      WHERE known.conversation_id = c.id AND known.sender = r.sender
                        AND known.sender_id = r.sender_id)
    ORDER BY r.conversation, r.sender, r.sender_id
    ON CONFLICT DO NOTHING;

    PERFORM FROM conversations_participant p
    JOIN json_to_recordset(receipts) AS r (conversation uuid, sender text, sender_id text)
      ON p.conversation_id = r.conversation AND p.sender = r.sender AND p.sender_id = r.sender_id
    WHERE p.tenant_id = whose
    ORDER BY p.id FOR NO KEY UPDATE OF p;

    RETURN QUERY
    WITH asked AS (
        SELECT p.id,
               least(max(greatest(r.delivered_seq, r.read_seq)), max(c.last_seq)) AS delivered,
               least(max(r.read_seq), max(c.last_seq)) AS read, max(c.epoch) AS epoch
        FROM json_to_recordset(receipts) AS r (
            conversation uuid, sender text, sender_id text, delivered_seq bigint, read_seq bigint)
        JOIN conversations_participant p
          ON p.conversation_id = r.conversation AND p.sender = r.sender
         AND p.sender_id = r.sender_id AND p.tenant_id = whose
        JOIN conversations_conversation c ON c.id = p.conversation_id
        GROUP BY p.id
    )
    UPDATE conversations_participant p
    SET delivered_seq = greatest(p.delivered_seq, a.delivered),
        read_seq = greatest(p.read_seq, a.read)
    FROM asked a
    WHERE p.id = a.id AND (a.delivered > p.delivered_seq OR a.read > p.read_seq)
    RETURNING p.id, p.conversation_id, p.sender::text, p.sender_id, p.delivered_seq, p.read_seq,
              a.epoch;
END
$$;
