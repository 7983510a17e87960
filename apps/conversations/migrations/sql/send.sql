-- Takes messages (a JSON array of drafts) into their conversations, in the order given, and says of
-- each what became of it:
--
--   sent      it has the next seq of its conversation
--   known     this sender had sent this client_id before: here is that message
--   closed    the conversation's state takes no message of this sender
--   fenced    the draft was made for a former owner
--   missing   the tenant has no such conversation
--
-- In one call: lock, look, number, write. The locks are taken in the order of the ids, so that two
-- calls cannot deadlock; they are a statement of their own, because what the next statement sees must
-- be newer than the wait for them. Which states a sender may write in is the application's rule
-- (`lifecycle.MAY_WRITE`): each draft brings it, and it is held against the locked row.
CREATE FUNCTION conversations_send(whose integer, drafts json) RETURNS TABLE (
    "position" bigint, outcome text, id uuid, conversation_id uuid, seq bigint, client_id text,
    sender text, sender_id text, kind text, body text, data jsonb, sent_at timestamptz,
    state text, owner text, fence integer, epoch integer
)
LANGUAGE plpgsql VOLATILE
SET search_path = public, pg_temp
SET lock_timeout = '2s'
AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM conversations_conversation c
    WHERE c.tenant_id = whose
      AND c.id IN (SELECT d.conversation FROM json_to_recordset(drafts) AS d (conversation uuid))
    ORDER BY c.id FOR NO KEY UPDATE;

    RETURN QUERY
    WITH given AS MATERIALIZED (
        -- A customer is the conversation's own, whatever the draft says.
        SELECT d.id, d.conversation, d.sender, d.client_id, d.kind, d.body, d.data, d.sent_at, d.fence,
               d.states, d.position,
               CASE d.sender WHEN 'customer' THEN c.customer_id::text ELSE d.sender_id END AS sender_id,
               c.id AS found, c.last_seq, c.state AS now_state, c.owner AS now_owner,
               c.fence AS now_fence, c.epoch AS now_epoch
        FROM ROWS FROM (json_to_recordset(drafts) AS (
                 id uuid, conversation uuid, sender text, sender_id text, client_id text, kind text,
                 body text, data jsonb, sent_at timestamptz, fence integer, states text[])
             ) WITH ORDINALITY AS d (id, conversation, sender, sender_id, client_id, kind, body,
                                     data, sent_at, fence, states, position)
        LEFT JOIN conversations_conversation c ON c.id = d.conversation AND c.tenant_id = whose
    ),
    looked AS MATERIALIZED (
        SELECT g.*, m.id AS known_id,
               CASE WHEN g.found IS NULL THEN 'missing'
                    WHEN m.id IS NOT NULL THEN 'known'
                    WHEN g.now_state <> ALL (g.states) THEN 'closed'
                    WHEN g.fence <> g.now_fence THEN 'fenced'
                    WHEN row_number() OVER (
                             PARTITION BY g.conversation, g.sender, g.sender_id, g.client_id
                             ORDER BY g.position) > 1 THEN 'again'
                    ELSE 'sent' END AS becomes
        FROM given g
        LEFT JOIN conversations_message m
               ON m.conversation_id = g.found AND m.sender = g.sender
              AND m.sender_id = g.sender_id AND m.client_id = g.client_id
    ),
    written AS (
        INSERT INTO conversations_message AS w (
            id, tenant_id, conversation_id, seq, client_id, sender, sender_id, kind, body, data,
            sent_at)
        SELECT l.id, whose, l.conversation,
               l.last_seq + row_number() OVER (PARTITION BY l.conversation ORDER BY l.position),
               l.client_id, l.sender, l.sender_id, l.kind, l.body, l.data, l.sent_at
        FROM looked l WHERE l.becomes = 'sent'
        RETURNING w.id, w.conversation_id, w.seq, w.client_id, w.sender, w.sender_id, w.kind,
                  w.body, w.data, w.sent_at
    ),
    counted AS (
        UPDATE conversations_conversation c
        SET last_seq = n.newest, last_message_at = n.at, version = c.version + 1
        FROM (SELECT w.conversation_id, max(w.seq) AS newest, max(w.sent_at) AS at
              FROM written w GROUP BY w.conversation_id) n
        WHERE c.id = n.conversation_id
    ),
    standing AS (
        SELECT * FROM written
        UNION ALL
        SELECT m.id, m.conversation_id, m.seq, m.client_id, m.sender, m.sender_id, m.kind, m.body,
               m.data, m.sent_at
        FROM conversations_message m
        WHERE m.id IN (SELECT l.known_id FROM looked l WHERE l.becomes = 'known')
    )
    -- Again in the same call: the first one's message, or, if that one was fenced, none.
    SELECT l.position,
           CASE WHEN l.becomes = 'again' AND s.id IS NULL THEN 'fenced'
                WHEN l.becomes = 'again' THEN 'known' ELSE l.becomes END,
           s.id, l.conversation, s.seq, l.client_id, l.sender, l.sender_id, s.kind::text, s.body,
           s.data, s.sent_at,
           l.now_state::text, l.now_owner::text, l.now_fence, l.now_epoch
    FROM looked l
    LEFT JOIN standing s
           ON s.conversation_id = l.conversation AND s.sender = l.sender
          AND s.sender_id = l.sender_id AND s.client_id = l.client_id
          AND l.becomes IN ('sent', 'known', 'again')
    ORDER BY l.position;
END
$$;
