-- What was dealt, refused or answered stays as it was told. Statement-level, so that a TRUNCATE and
-- a statement that would have matched no row are refused, too.
--
-- search_path is pinned on every function: a temporary table of the same name would otherwise be
-- found first.
CREATE FUNCTION trading_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: it is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_ARGV[0], TABLE = TG_TABLE_NAME;
END $$;

CREATE TRIGGER trades_are_append_only BEFORE UPDATE OR DELETE ON trading_trade
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_change('trades_are_append_only');
CREATE TRIGGER trade_is_not_truncated BEFORE TRUNCATE ON trading_trade
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_change('trades_are_append_only');
CREATE TRIGGER rejections_are_append_only BEFORE UPDATE OR DELETE ON trading_rejectedtrade
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_change('rejections_are_append_only');
CREATE TRIGGER rejectedtrade_is_not_truncated BEFORE TRUNCATE ON trading_rejectedtrade
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_change('rejections_are_append_only');
-- An HTTP key may expire (a DELETE by age); what was answered under it may not change.
CREATE TRIGGER answers_are_kept BEFORE UPDATE ON trading_idempotencykey
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_change('answers_are_kept');
CREATE TRIGGER idempotencykey_is_not_truncated BEFORE TRUNCATE ON trading_idempotencykey
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_change('answers_are_kept');

-- The history of positions follows from the log. A rebuild of the projection may replace it, and
-- says so (SET LOCAL lockstep.rebuilding = 'on'); nobody else may.
CREATE FUNCTION trading_refuse_rewriting() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' OR coalesce(current_setting('lockstep.rebuilding', true), '') <> 'on' THEN
        RAISE EXCEPTION '% of % is refused: it is append-only', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_ARGV[0], TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER position_changes_are_append_only BEFORE UPDATE OR DELETE ON trading_positionchange
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_rewriting('position_changes_are_append_only');
CREATE TRIGGER positionchange_is_not_truncated BEFORE TRUNCATE ON trading_positionchange
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_rewriting('position_changes_are_append_only');
