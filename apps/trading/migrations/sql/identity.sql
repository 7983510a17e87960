-- Trades and positions point to accounts and instruments without foreign keys, whose row locks
-- would make every trade of an account write to the account. So: what is pointed to never goes
-- away and never changes its identity, and a trade names what exists, in its own tenant.
CREATE FUNCTION trading_keep_identity() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% keeps its identity and terms of valuation: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;

CREATE TRIGGER account_keeps_its_identity BEFORE UPDATE ON trading_clientaccount FOR EACH ROW
    WHEN ((OLD.id, OLD.tenant_id, OLD.number, OLD.base_currency, OLD.cost_method)
          IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.number, NEW.base_currency, NEW.cost_method))
    EXECUTE FUNCTION trading_keep_identity();
CREATE TRIGGER accounts_are_kept BEFORE DELETE OR TRUNCATE ON trading_clientaccount
    FOR EACH STATEMENT EXECUTE FUNCTION trading_keep_identity();
CREATE TRIGGER counterparty_keeps_its_identity BEFORE UPDATE ON trading_counterparty FOR EACH ROW
    WHEN ((OLD.id, OLD.tenant_id, OLD.code) IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.code))
    EXECUTE FUNCTION trading_keep_identity();
CREATE TRIGGER counterparties_are_kept BEFORE DELETE OR TRUNCATE ON trading_counterparty
    FOR EACH STATEMENT EXECUTE FUNCTION trading_keep_identity();
CREATE TRIGGER instrument_keeps_its_identity BEFORE UPDATE ON trading_instrument FOR EACH ROW
    WHEN ((OLD.id, OLD.tenant_id, OLD.symbol, OLD.kind, OLD.currency, OLD.multiplier, OLD.inverse)
          IS DISTINCT FROM
          (NEW.id, NEW.tenant_id, NEW.symbol, NEW.kind, NEW.currency, NEW.multiplier, NEW.inverse))
    EXECUTE FUNCTION trading_keep_identity();
CREATE TRIGGER instruments_are_kept BEFORE DELETE OR TRUNCATE ON trading_instrument
    FOR EACH STATEMENT EXECUTE FUNCTION trading_keep_identity();

CREATE FUNCTION trading_check_trades() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    fault record;
BEGIN
    SELECT b.id, a.id IS NULL AS is_homeless INTO fault
    FROM booked AS b
    LEFT JOIN trading_clientaccount AS a ON a.id = b.account_id AND a.tenant_id = b.tenant_id
    LEFT JOIN trading_instrument AS i
        ON i.id = b.instrument_id AND i.tenant_id = b.tenant_id AND i.currency = b.currency
    WHERE a.id IS NULL OR i.id IS NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'trade % names an % that its tenant does not have', fault.id,
            CASE WHEN fault.is_homeless THEN 'account' ELSE 'instrument (in this currency)' END
            USING ERRCODE = 'foreign_key_violation', TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'trade_names_what_its_tenant_has';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER trade_names_what_its_tenant_has AFTER INSERT ON trading_trade
    REFERENCING NEW TABLE AS booked
    FOR EACH STATEMENT EXECUTE FUNCTION trading_check_trades();
