-- What must be true of settlements, whoever writes. CONSTRAINT names say which rule was broken.

-- Terms never change; a final settlement stays final; nothing is settled without its ledger entry.
CREATE FUNCTION settlement_keep_its_word() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.tenant_id, NEW.kind, NEW.trade_id, NEW.version_no, NEW.original_id, NEW.account_id,
        NEW.account_number, NEW.instrument_id, NEW.symbol, NEW.counterparty, NEW.movement,
        NEW.quantity, NEW.currency, NEW.amount, NEW.client_cash, NEW.trade_date, NEW.market,
        NEW.clearing, NEW.opened_at)
       IS DISTINCT FROM
       (OLD.id, OLD.tenant_id, OLD.kind, OLD.trade_id, OLD.version_no, OLD.original_id, OLD.account_id,
        OLD.account_number, OLD.instrument_id, OLD.symbol, OLD.counterparty, OLD.movement,
        OLD.quantity, OLD.currency, OLD.amount, OLD.client_cash, OLD.trade_date, OLD.market,
        OLD.clearing, OLD.opened_at) THEN
        RAISE EXCEPTION 'settlement % keeps its terms', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_keeps_its_terms',
                  TABLE = TG_TABLE_NAME;
    ELSIF OLD.state IN ('settled', 'cancelled', 'compensated') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'settlement % is % for ever', OLD.id, OLD.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'final_settlement_stays_final',
                  TABLE = TG_TABLE_NAME;
    ELSIF NEW.settled < OLD.settled OR NEW.parts < OLD.parts
          OR (NEW.settled > OLD.settled) <> (NEW.parts > OLD.parts) THEN
        RAISE EXCEPTION 'settlement % only goes forward, one ledger entry a part', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_goes_forward',
                  TABLE = TG_TABLE_NAME;
    ELSIF NEW.parts > OLD.parts AND NEW.kind = 'settlement' AND NOT EXISTS (
        SELECT FROM ledger_journalentry e WHERE e.tenant_id = NEW.tenant_id
        AND e.source = 'settlement:' || NEW.id || ':' || NEW.parts AND e.kind = 'SETTLEMENT'
    ) THEN
        RAISE EXCEPTION 'part % of settlement % has no entry in the ledger', NEW.parts, NEW.id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'settled_means_posted',
                  TABLE = TG_TABLE_NAME;
    ELSIF NEW.by_hand_id IS DISTINCT FROM OLD.by_hand_id AND NOT EXISTS (
        SELECT FROM settlement_proposal p WHERE p.id = NEW.by_hand_id
        AND p.settlement_id = NEW.id AND p.is_approved AND p.decided_by <> p.proposed_by
    ) THEN
        RAISE EXCEPTION 'settlement % is settled by hand without two people', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'two_people_settle_by_hand',
                  TABLE = TG_TABLE_NAME;
    ELSIF NEW.state = 'confirmed' AND OLD.state IN ('manual', 'failed', 'compensation_failed')
          AND NEW.clearing <> '' AND OLD.pending = 0 AND NEW.by_hand_id IS NULL AND NOT EXISTS (
        SELECT FROM settlement_clearingnotice n WHERE n.settlement_id = NEW.id
        AND n.kind IN ('settled', 'partial') AND n.state = 'received'
    ) THEN
        RAISE EXCEPTION 'settlement % is confirmed neither by clearing nor by two people', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'confirmed_by_somebody',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER settlement_keeps_its_word BEFORE UPDATE ON settlement_settlement
    FOR EACH ROW EXECUTE FUNCTION settlement_keep_its_word();
ALTER TABLE settlement_settlement ENABLE ALWAYS TRIGGER settlement_keeps_its_word;

-- Settlements, steps, notices, proposals and penalties are the record of what was done.
CREATE FUNCTION settlement_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: it is the record of what was done', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'record_is_append_only',
              TABLE = TG_TABLE_NAME;
END $$;

CREATE FUNCTION settlement_keep_step() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.finished_at IS NOT NULL OR (NEW.settlement_id, NEW.step, NEW.attempt, NEW.started_at)
       IS DISTINCT FROM (OLD.settlement_id, OLD.step, OLD.attempt, OLD.started_at) THEN
        PERFORM settlement_refuse_step(OLD.id);
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION settlement_refuse_step(step bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'step % is finished, and stays as it is', step
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'record_is_append_only';
END $$;

CREATE FUNCTION settlement_keep_notice() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.tenant_id, NEW.system, NEW.notice_id, NEW.digest, NEW.kind, NEW.quantity, NEW.amount, NEW.at)
       IS DISTINCT FROM
       (OLD.tenant_id, OLD.system, OLD.notice_id, OLD.digest, OLD.kind, OLD.quantity, OLD.amount, OLD.at)
       OR OLD.state IN ('taken', 'resolved') THEN
        RAISE EXCEPTION 'notice % of % stays as it came', OLD.notice_id, OLD.system
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'record_is_append_only',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION settlement_keep_proposal() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.is_approved IS NOT NULL OR (NEW.id, NEW.settlement_id, NEW.reason, NEW.proposed_by)
       IS DISTINCT FROM (OLD.id, OLD.settlement_id, OLD.reason, OLD.proposed_by) THEN
        RAISE EXCEPTION 'proposal % stays as it was made and decided', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'record_is_append_only',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER step_stays_as_it_is BEFORE UPDATE ON settlement_settlementstep
    FOR EACH ROW EXECUTE FUNCTION settlement_keep_step();
CREATE TRIGGER notice_stays_as_it_came BEFORE UPDATE ON settlement_clearingnotice
    FOR EACH ROW EXECUTE FUNCTION settlement_keep_notice();
CREATE TRIGGER proposal_stays_as_it_is BEFORE UPDATE ON settlement_proposal
    FOR EACH ROW EXECUTE FUNCTION settlement_keep_proposal();
CREATE TRIGGER penalty_stays BEFORE UPDATE ON settlement_penalty
    FOR EACH STATEMENT EXECUTE FUNCTION settlement_refuse_change();
ALTER TABLE settlement_settlementstep ENABLE ALWAYS TRIGGER step_stays_as_it_is;
ALTER TABLE settlement_clearingnotice ENABLE ALWAYS TRIGGER notice_stays_as_it_came;
ALTER TABLE settlement_proposal ENABLE ALWAYS TRIGGER proposal_stays_as_it_is;
ALTER TABLE settlement_penalty ENABLE ALWAYS TRIGGER penalty_stays;

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['settlement_settlement', 'settlement_settlementstep',
        'settlement_clearingnotice', 'settlement_proposal', 'settlement_penalty'] LOOP
        EXECUTE format('CREATE TRIGGER record_is_kept BEFORE DELETE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION settlement_refuse_change()', target);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER record_is_kept', target);
        EXECUTE format('CREATE TRIGGER record_is_not_truncated BEFORE TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION settlement_refuse_change()', target);
    END LOOP;
END $$;

-- Small updates all day long: room on the page, and a vacuum that comes often.
ALTER TABLE settlement_settlement SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
