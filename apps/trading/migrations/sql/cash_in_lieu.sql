-- As before; a split's price of fractions, with the day on which it is paid, may be stated later, once.
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
    ELSIF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('announced', 'applied'), ('announced', 'withdrawn'), ('applied', 'paid')
    ) THEN
        RAISE EXCEPTION 'corporate action % is %, and does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'action_is_applied_once',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
