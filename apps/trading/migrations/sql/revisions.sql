-- Revisions are append-only, and follow one another: version 2 the trade, 3 the second, and so on;
-- nothing follows a cancellation. Row by row: revisions are rare.
CREATE TRIGGER revisions_are_append_only BEFORE UPDATE OR DELETE ON trading_traderevision
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_change('revisions_are_append_only');
CREATE TRIGGER revision_is_not_truncated BEFORE TRUNCATE ON trading_traderevision
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_change('revisions_are_append_only');

CREATE FUNCTION trading_check_revision() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    before record;
BEGIN
    SELECT coalesce(r.version_no, t.version_no) AS version_no, coalesce(r.state, t.state) AS state,
           t.tenant_id
    INTO before
    FROM trading_trade AS t LEFT JOIN trading_traderevision AS r
        ON r.trade_id = t.id AND r.version_no = NEW.version_no - 1
    WHERE t.id = NEW.trade_id;
    IF before.tenant_id IS DISTINCT FROM NEW.tenant_id THEN
        RAISE EXCEPTION 'revision of trade %, which this tenant does not have', NEW.trade_id
            USING ERRCODE = 'foreign_key_violation', TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'revision_names_what_its_tenant_has';
    ELSIF before.version_no <> NEW.version_no - 1 OR before.state = 'cancelled' THEN
        RAISE EXCEPTION 'version % of trade % cannot follow version % (%)',
            NEW.version_no, NEW.trade_id, before.version_no, before.state
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'revisions_follow_one_another';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER revisions_follow_one_another AFTER INSERT ON trading_traderevision
    FOR EACH ROW EXECUTE FUNCTION trading_check_revision();
