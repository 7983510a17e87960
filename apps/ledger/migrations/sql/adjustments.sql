-- Who is closed already was told before anybody listened.
UPDATE ledger_ledgeraccount a SET closed_at = c.updated_at
FROM trading_clientaccount c WHERE c.id = a.owner AND c.status = 'closed';

-- Adjustments take two people, whoever writes. CONSTRAINT names are what services translate.

-- What is proposed stays as it is; a decision is made once; what is approved is booked.
CREATE FUNCTION ledger_keep_adjustment() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.tenant_id, NEW.key, NEW.reason, NEW.lines, NEW.digest, NEW.effective_at,
        NEW.mends_id, NEW.proposed_by, NEW.proposed_at)
       IS DISTINCT FROM
       (OLD.id, OLD.tenant_id, OLD.key, OLD.reason, OLD.lines, OLD.digest, OLD.effective_at,
        OLD.mends_id, OLD.proposed_by, OLD.proposed_at) THEN
        RAISE EXCEPTION 'adjustment % stays as it was proposed', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'adjustment_stays_as_proposed',
                  TABLE = TG_TABLE_NAME, HINT = 'Withdraw it, and propose another.';
    ELSIF OLD.state <> 'proposed' THEN
        RAISE EXCEPTION 'adjustment % is % for ever', OLD.id, OLD.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'adjustment_is_decided_once',
                  TABLE = TG_TABLE_NAME;
    ELSIF NEW.state = 'approved' AND NOT EXISTS (
        SELECT FROM ledger_journalentry e WHERE e.id = NEW.entry_id AND e.tenant_id = NEW.tenant_id
        AND e.kind = 'ADJUSTMENT' AND e.source = 'adjustment:' || NEW.id
    ) THEN
        RAISE EXCEPTION 'adjustment % is approved without an entry', OLD.id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'approved_adjustment_is_booked',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

-- An adjustment begins as a proposal: nobody writes one that is decided already.
CREATE FUNCTION ledger_begin_adjustment() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.state <> 'proposed' THEN
        RAISE EXCEPTION 'adjustment % is % before it was proposed', NEW.id, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'adjustment_begins_as_a_proposal',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

-- The other way round: no entry of this kind without two people. Deferred to the commit, because the
-- approval names the entry.
CREATE FUNCTION ledger_check_adjustment_entry() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger_adjustment a WHERE a.entry_id = NEW.id AND a.tenant_id = NEW.tenant_id
        AND a.state = 'approved' AND NEW.source = 'adjustment:' || a.id
    ) THEN
        RAISE EXCEPTION 'entry % adjusts the books without an adjustment that two people made', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'adjustment_entry_has_two_people',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER adjustment_begins BEFORE INSERT ON ledger_adjustment
    FOR EACH ROW EXECUTE FUNCTION ledger_begin_adjustment();
CREATE TRIGGER adjustment_is_kept BEFORE UPDATE ON ledger_adjustment
    FOR EACH ROW EXECUTE FUNCTION ledger_keep_adjustment();
ALTER TABLE ledger_adjustment ENABLE ALWAYS TRIGGER adjustment_is_kept;
CREATE TRIGGER adjustment_stays BEFORE DELETE ON ledger_adjustment
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
ALTER TABLE ledger_adjustment ENABLE ALWAYS TRIGGER adjustment_stays;
CREATE TRIGGER adjustment_is_not_truncated BEFORE TRUNCATE ON ledger_adjustment
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE CONSTRAINT TRIGGER adjustment_entry_has_two_people AFTER INSERT ON ledger_journalentry
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind = 'ADJUSTMENT') EXECUTE FUNCTION ledger_check_adjustment_entry();
ALTER TABLE ledger_journalentry ENABLE ALWAYS TRIGGER adjustment_entry_has_two_people;
