-- What must hold whoever writes: nobody has more than there is room for, what ended stays ended,
-- and every change of a row can be told from the one before.
--
-- search_path is pinned on every function: a temporary table of the same name would otherwise be
-- found first.
CREATE FUNCTION agents_count_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER agent_counts_its_version BEFORE UPDATE ON agents_agent
    FOR EACH ROW EXECUTE FUNCTION agents_count_version();
CREATE TRIGGER work_counts_its_version BEFORE UPDATE ON agents_work
    FOR EACH ROW EXECUTE FUNCTION agents_count_version();

-- The load follows from the assignments: it is moved by their trigger, hence at depth 2.
CREATE FUNCTION agents_guard_agent() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.load <> OLD.load AND pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'the load of agent % follows from the assignments', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'load_is_not_written_by_hand',
                  TABLE = TG_TABLE_NAME;
    END IF;
    IF (NEW.tenant_id, NEW.user_id) <> (OLD.tenant_id, OLD.user_id) THEN
        RAISE EXCEPTION 'agent % stays the same person', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'agent_keeps_identity',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agent_is_guarded BEFORE UPDATE ON agents_agent
    FOR EACH ROW EXECUTE FUNCTION agents_guard_agent();

CREATE FUNCTION agents_keep_load() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    change integer := CASE WHEN NEW.state = 'ended' THEN 0 ELSE NEW.weight END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        change := change - OLD.weight;  -- a live one: ended ones are refused before
        IF change <> 0 THEN
            UPDATE agents_agent SET load = load + change WHERE id = NEW.agent_id;
        END IF;
        RETURN NULL;
    END IF;
    IF NOT EXISTS (
        SELECT FROM agents_work WHERE id = NEW.work_id AND tenant_id = NEW.tenant_id
    ) THEN
        RAISE EXCEPTION 'work % is not of tenant %', NEW.work_id, NEW.tenant_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'assignment_is_of_one_tenant',
                  TABLE = TG_TABLE_NAME;
    END IF;
    -- The update waits for whoever changes this agent, and then looks at what they left.
    UPDATE agents_agent SET load = load + change, matched_at = NEW.offered_at
    WHERE id = NEW.agent_id AND tenant_id = NEW.tenant_id AND load + change <= capacity * 1000;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agent % has no room for % more', NEW.agent_id, change
            USING ERRCODE = 'check_violation', CONSTRAINT = 'agent_has_room',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER assignment_moves_the_load AFTER INSERT OR UPDATE ON agents_assignment
    FOR EACH ROW EXECUTE FUNCTION agents_keep_load();

CREATE FUNCTION agents_keep_assignments() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state = 'ended'
       OR (NEW.tenant_id, NEW.work_id, NEW.agent_id, NEW.fence)
          <> (OLD.tenant_id, OLD.work_id, OLD.agent_id, OLD.fence) THEN
        RAISE EXCEPTION '% of assignment % is refused', TG_OP, OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'assignments_are_kept',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER assignments_are_kept BEFORE UPDATE OR DELETE ON agents_assignment
    FOR EACH ROW EXECUTE FUNCTION agents_keep_assignments();
