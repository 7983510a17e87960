-- What must be true of the journal, whoever writes: this application, psql, or a stranger with the
-- password. Messages name the entry; CONSTRAINT names are what services translate into refusals.
--
-- search_path is pinned on every function: a temporary table of the same name would otherwise be
-- found first, and the guard would check the stranger's rows instead of ours.

-- Nothing that was written is ever changed. Statement-level, so that it also refuses a TRUNCATE and a
-- statement that would have matched no row.
CREATE FUNCTION ledger_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the journal is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'journal_is_append_only',
              TABLE = TG_TABLE_NAME, HINT = 'Book a reversal, or a new entry.';
END $$;

-- Balances and marks are what the postings add up to; only the posting trigger writes them.
CREATE FUNCTION ledger_refuse_writing_by_hand() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') OR pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION '% of % is refused: only postings change balances', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'balances_follow_postings',
                  TABLE = TG_TABLE_NAME, HINT = 'Book an entry.';
    END IF;
    RETURN NULL;
END $$;

-- An account keeps its identity: its postings would otherwise change hands without an entry.
CREATE FUNCTION ledger_keep_account_identity() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.tenant_id, NEW.code, NEW.owner, NEW.kind)
       IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.code, OLD.owner, OLD.kind) THEN
        RAISE EXCEPTION 'ledger account % keeps its tenant, code, owner and kind', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'account_keeps_its_identity',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

-- A reversal undoes one entry of its own tenant, not before it happened, and never a reversal.
CREATE FUNCTION ledger_check_reversal() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    original ledger_journalentry;
BEGIN
    SELECT * INTO original FROM ledger_journalentry WHERE id = NEW.reverses_id;
    IF original.id IS NULL OR original.tenant_id <> NEW.tenant_id THEN
        RAISE EXCEPTION 'entry % reverses %, which this tenant does not have', NEW.id, NEW.reverses_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'reversal_names_an_entry',
                  TABLE = TG_TABLE_NAME;
    ELSIF original.reverses_id IS NOT NULL THEN
        RAISE EXCEPTION 'entry % reverses %, which is itself a reversal', NEW.id, NEW.reverses_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reversal_is_not_reversed',
                  TABLE = TG_TABLE_NAME;
    ELSIF original.booked_at > NEW.booked_at THEN
        RAISE EXCEPTION 'entry % reverses % before that was booked', NEW.id, NEW.reverses_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reversal_follows_its_entry',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;

-- A header without legs is a promise that nobody kept. Deferred to the commit, because the header
-- comes first. One leg is enough to look for: postings come all at once or not at all (below).
CREATE FUNCTION ledger_check_entry_has_postings() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger_posting
        WHERE entry_id = NEW.id AND leg = 1 AND booked_at = NEW.booked_at
    ) THEN
        RAISE EXCEPTION 'entry % has no postings', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_has_its_postings',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;

-- ALWAYS: also where session_replication_role asks triggers to stand aside. The guards against
-- TRUNCATE do stand aside then: that is how a whole database is emptied to be filled again.
CREATE TRIGGER entry_is_append_only BEFORE UPDATE OR DELETE ON ledger_journalentry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
ALTER TABLE ledger_journalentry ENABLE ALWAYS TRIGGER entry_is_append_only;
CREATE TRIGGER entry_is_not_truncated BEFORE TRUNCATE ON ledger_journalentry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER entry_may_be_reversed AFTER INSERT ON ledger_journalentry
    FOR EACH ROW WHEN (NEW.reverses_id IS NOT NULL) EXECUTE FUNCTION ledger_check_reversal();
ALTER TABLE ledger_journalentry ENABLE ALWAYS TRIGGER entry_may_be_reversed;

CREATE CONSTRAINT TRIGGER entry_has_its_postings AFTER INSERT ON ledger_journalentry
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_check_entry_has_postings();
ALTER TABLE ledger_journalentry ENABLE ALWAYS TRIGGER entry_has_its_postings;

ALTER TABLE ledger_journalentry ADD CONSTRAINT entry_times_are_finite
    CHECK (isfinite(effective_at) AND isfinite(booked_at));

CREATE TRIGGER account_keeps_its_identity BEFORE UPDATE ON ledger_ledgeraccount
    FOR EACH ROW EXECUTE FUNCTION ledger_keep_account_identity();
ALTER TABLE ledger_ledgeraccount ENABLE ALWAYS TRIGGER account_keeps_its_identity;
CREATE TRIGGER account_stays BEFORE DELETE ON ledger_ledgeraccount
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
ALTER TABLE ledger_ledgeraccount ENABLE ALWAYS TRIGGER account_stays;
CREATE TRIGGER account_is_not_truncated BEFORE TRUNCATE ON ledger_ledgeraccount
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER asset_stays BEFORE UPDATE OR DELETE ON ledger_asset
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
ALTER TABLE ledger_asset ENABLE ALWAYS TRIGGER asset_stays;
CREATE TRIGGER asset_is_not_truncated BEFORE TRUNCATE ON ledger_asset
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER balance_follows_postings BEFORE INSERT OR UPDATE OR DELETE ON ledger_balance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_writing_by_hand();
ALTER TABLE ledger_balance ENABLE ALWAYS TRIGGER balance_follows_postings;
CREATE TRIGGER balance_is_not_truncated BEFORE TRUNCATE ON ledger_balance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_writing_by_hand();

CREATE TRIGGER mark_follows_postings BEFORE INSERT OR UPDATE OR DELETE ON ledger_balancemark
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_writing_by_hand();
ALTER TABLE ledger_balancemark ENABLE ALWAYS TRIGGER mark_follows_postings;
CREATE TRIGGER mark_is_not_truncated BEFORE TRUNCATE ON ledger_balancemark
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_writing_by_hand();
