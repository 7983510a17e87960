-- What was written stays as it was written, whoever holds the pen: this application, psql, or a
-- stranger with the password. Two doors are open, and each says so in its own transaction:
--
--   SET LOCAL lockstep.erasing = 'on'   an erasure blanks what a message says, and never where it
--                                       stands: id, conversation, seq, sender and time remain
--   SET LOCAL lockstep.retiring = 'on'  the retention deletes what a tenant no longer keeps
--
-- search_path is pinned on every function: a temporary table of the same name would otherwise be
-- found first.
CREATE FUNCTION conversations_keep_messages() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND coalesce(current_setting('lockstep.erasing', true), '') = 'on'
       AND (NEW.id, NEW.tenant_id, NEW.conversation_id, NEW.seq, NEW.sender, NEW.kind, NEW.sent_at)
         = (OLD.id, OLD.tenant_id, OLD.conversation_id, OLD.seq, OLD.sender, OLD.kind, OLD.sent_at)
       AND NEW.body = '' AND NEW.data IS NULL AND NEW.erased_at IS NOT NULL THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' AND coalesce(current_setting('lockstep.retiring', true), '') = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% of % is refused: what was written stays', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'messages_are_append_only',
              TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER messages_are_append_only BEFORE UPDATE OR DELETE ON conversations_message
    FOR EACH ROW EXECUTE FUNCTION conversations_keep_messages();
CREATE TRIGGER messages_are_not_truncated BEFORE TRUNCATE ON conversations_message
    FOR EACH STATEMENT EXECUTE FUNCTION conversations_keep_messages();

-- A message continues its conversation, and the conversation counts its messages: a gap, a seq beyond
-- the count, or another tenant's message is refused at the end of the transaction that made it.
CREATE FUNCTION conversations_check_seq() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    wrong record;
BEGIN
    SELECT n.conversation_id, n.seq INTO wrong
    FROM written n
    LEFT JOIN conversations_conversation c ON c.id = n.conversation_id
    LEFT JOIN conversations_message before
           ON before.conversation_id = n.conversation_id AND before.seq = n.seq - 1
    WHERE c.id IS NULL OR c.tenant_id <> n.tenant_id OR (before.id IS NULL AND n.seq > 1)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'message % of conversation % follows none', wrong.seq, wrong.conversation_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'message_follows_its_predecessor',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER messages_follow_each_other AFTER INSERT ON conversations_message
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION conversations_check_seq();

-- Counters only grow, and a conversation keeps its tenant, its customer and its channel.
CREATE FUNCTION conversations_keep_order() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.tenant_id, NEW.customer_id, NEW.channel, NEW.opened_at)
       IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.customer_id, OLD.channel, OLD.opened_at) THEN
        RAISE EXCEPTION 'conversation % keeps its tenant, customer, channel and beginning', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'conversation_keeps_its_identity',
                  TABLE = TG_TABLE_NAME;
    ELSIF NEW.last_seq < OLD.last_seq OR NEW.epoch < OLD.epoch OR NEW.fence < OLD.fence
          OR NEW.version <= OLD.version OR NEW.closings < OLD.closings THEN
        RAISE EXCEPTION 'conversation %: counters only grow, and each change is a version', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'conversation_counters_grow',
                  TABLE = TG_TABLE_NAME;
    ELSIF (NEW.owner, NEW.agent_id) IS DISTINCT FROM (OLD.owner, OLD.agent_id)
          AND NEW.fence = OLD.fence THEN
        RAISE EXCEPTION 'conversation %: a new owner has a new fence', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'owner_has_its_own_fence',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER conversations_keep_their_order BEFORE UPDATE ON conversations_conversation
    FOR EACH ROW EXECUTE FUNCTION conversations_keep_order();

-- Receipts never go back.
CREATE FUNCTION conversations_keep_marks() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.delivered_seq < OLD.delivered_seq OR NEW.read_seq < OLD.read_seq THEN
        RAISE EXCEPTION 'participant %: receipts only grow', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'receipts_only_grow',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER receipts_only_grow BEFORE UPDATE ON conversations_participant
    FOR EACH ROW EXECUTE FUNCTION conversations_keep_marks();
