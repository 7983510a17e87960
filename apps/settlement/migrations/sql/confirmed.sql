-- Nothing settles unless its clearing system said so, or two people did.
CREATE FUNCTION settlement_is_confirmed() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM settlement_clearingnotice n WHERE n.settlement_id = NEW.id
        AND n.kind IN ('settled', 'partial') AND n.state IN ('received', 'taken')
    ) THEN
        RAISE EXCEPTION 'settlement % is confirmed neither by clearing nor by two people', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'confirmed_by_somebody',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER settlement_is_confirmed BEFORE UPDATE ON settlement_settlement
    FOR EACH ROW WHEN (NEW.settled > OLD.settled AND NEW.clearing <> '' AND NEW.by_hand_id IS NULL)
    EXECUTE FUNCTION settlement_is_confirmed();
ALTER TABLE settlement_settlement ENABLE ALWAYS TRIGGER settlement_is_confirmed;
