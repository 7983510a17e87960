-- What one person has stated for a split that is still to come waits for a second one.
ALTER TABLE trading_corporateaction DISABLE TRIGGER action_is_kept;
INSERT INTO trading_cashinlieuprice (id, tenant_id, action_id, price, pay_date, state, proposed_by,
                                     proposed_at, reason)
SELECT gen_random_uuid(), tenant_id, id, cash_in_lieu_price, pay_date, 'proposed', announced_by,
       announced_at, ''
FROM trading_corporateaction
WHERE kind = 'split' AND state = 'announced' AND cash_in_lieu_price IS NOT NULL;
UPDATE trading_corporateaction
SET cash_in_lieu_price = NULL, currency = '', pay_date = NULL, pay_at = NULL
WHERE kind = 'split' AND state = 'announced' AND cash_in_lieu_price IS NOT NULL;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
ALTER TABLE trading_corporateaction ENABLE ALWAYS TRIGGER action_is_kept;

-- The price of a split's fractions takes two people, whoever writes. CONSTRAINT names say which rule it was.

-- As before; but a price is what a second person has confirmed, and no split begins with one.
CREATE OR REPLACE FUNCTION trading_keep_action() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'corporate action % stays on record', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'action_stays_on_record',
                  TABLE = TG_TABLE_NAME;
    ELSIF (NEW.id, NEW.tenant_id, NEW.reference, NEW.instrument_id, NEW.kind, NEW.ex_date,
           NEW.effective_at, NEW.new_units, NEW.old_units, NEW.amount, NEW.announced_by,
           NEW.announced_at)
          IS DISTINCT FROM
          (OLD.id, OLD.tenant_id, OLD.reference, OLD.instrument_id, OLD.kind, OLD.ex_date,
           OLD.effective_at, OLD.new_units, OLD.old_units, OLD.amount, OLD.announced_by,
           OLD.announced_at)
       OR (NEW.cash_in_lieu_price, NEW.currency, NEW.pay_date, NEW.pay_at)
          IS DISTINCT FROM (OLD.cash_in_lieu_price, OLD.currency, OLD.pay_date, OLD.pay_at)
          AND NOT (OLD.kind = 'split' AND OLD.state = 'announced' AND NEW.state = OLD.state
                   AND OLD.cash_in_lieu_price IS NULL)
       OR NEW.lot_size IS DISTINCT FROM OLD.lot_size AND OLD.state <> 'announced' THEN
        RAISE EXCEPTION 'corporate action % keeps its terms', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'action_keeps_its_terms',
                  TABLE = TG_TABLE_NAME, HINT = 'Withdraw it, and announce another.';
    ELSIF NEW.cash_in_lieu_price IS DISTINCT FROM OLD.cash_in_lieu_price AND NOT EXISTS (
        SELECT FROM trading_cashinlieuprice p WHERE p.action_id = NEW.id AND p.tenant_id = NEW.tenant_id
        AND p.state = 'confirmed' AND p.price = NEW.cash_in_lieu_price AND p.pay_date = NEW.pay_date
    ) THEN
        RAISE EXCEPTION 'nobody has confirmed the price of fractions of corporate action %', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'two_people_price_fractions',
                  TABLE = TG_TABLE_NAME;
    ELSIF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('announced', 'applied'), ('announced', 'withdrawn'), ('applied', 'paid')
    ) THEN
        RAISE EXCEPTION 'corporate action % is %, and does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'action_is_applied_once',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION trading_begin_action() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'nobody has confirmed the price of fractions of corporate action %', NEW.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'two_people_price_fractions',
              TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER action_begins_without_price BEFORE INSERT ON trading_corporateaction
    FOR EACH ROW WHEN (NEW.cash_in_lieu_price IS NOT NULL) EXECUTE FUNCTION trading_begin_action();

-- What is stated stays as it is; it is decided once, and confirmed for a split that is still to come.
CREATE FUNCTION trading_keep_price() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'proposed' THEN
            RAISE EXCEPTION 'price % is % before it was stated', NEW.id, NEW.state
                USING ERRCODE = 'check_violation', CONSTRAINT = 'price_begins_as_a_proposal',
                      TABLE = TG_TABLE_NAME;
        END IF;
    ELSIF TG_OP = 'DELETE' OR OLD.state <> 'proposed' OR
       (NEW.id, NEW.tenant_id, NEW.action_id, NEW.price, NEW.pay_date, NEW.proposed_by, NEW.proposed_at)
       IS DISTINCT FROM
       (OLD.id, OLD.tenant_id, OLD.action_id, OLD.price, OLD.pay_date, OLD.proposed_by, OLD.proposed_at)
    THEN
        RAISE EXCEPTION 'price % stays as it was stated and decided', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'price_stays_as_stated',
                  TABLE = TG_TABLE_NAME, HINT = 'State another; it takes the place of an open one.';
    END IF;
    IF NEW.state <> 'withdrawn' AND NOT EXISTS (
        SELECT FROM trading_corporateaction a WHERE a.id = NEW.action_id
        AND a.tenant_id = NEW.tenant_id AND a.kind = 'split' AND a.state = 'announced'
        AND a.ex_date <= NEW.pay_date
    ) THEN
        RAISE EXCEPTION 'price % is not of a split that is announced', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'fractions_are_of_a_split_to_come',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER price_is_kept BEFORE INSERT OR UPDATE OR DELETE ON trading_cashinlieuprice
    FOR EACH ROW EXECUTE FUNCTION trading_keep_price();
ALTER TABLE trading_cashinlieuprice ENABLE ALWAYS TRIGGER price_is_kept;
CREATE TRIGGER price_takes_two_people BEFORE UPDATE ON trading_cashinlieuprice
    FOR EACH ROW WHEN (NEW.state = 'confirmed')
    EXECUTE FUNCTION tenants_take_two_people('two_people_price_fractions');
ALTER TABLE trading_cashinlieuprice ENABLE ALWAYS TRIGGER price_takes_two_people;
CREATE TRIGGER price_is_not_truncated BEFORE TRUNCATE ON trading_cashinlieuprice
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_change();
