-- Who stands behind a caller: 'user:<id>' of a person and of every key that they own; a program's key,
-- and whatever else decides, speaks for itself. The guards of decisions by two people ask this.
CREATE FUNCTION tenants_person_of(client text) RETURNS text
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce(
        (SELECT 'user:' || k.owner_id FROM tenants_apikey k
         WHERE client LIKE 'key:%' AND k.id::text = substr(client, 5)),
        client)
$$;

-- For tables in which one proposes and another decides; a trigger names the rule that it holds.
CREATE FUNCTION tenants_take_two_people() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF tenants_person_of(NEW.decided_by) = tenants_person_of(NEW.proposed_by) THEN
        RAISE EXCEPTION '% in % was proposed by the same person', NEW.id, TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_ARGV[0], TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

-- Whose key it is, is said once: otherwise somebody could be two people for an hour.
CREATE FUNCTION tenants_keep_owner() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.tenant_id, NEW.owner_id) IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.owner_id) THEN
        RAISE EXCEPTION 'key % stays whose it is', OLD.prefix
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'key_stays_its_owners',
                  TABLE = TG_TABLE_NAME, HINT = 'Revoke it, and issue another.';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER key_stays_its_owners BEFORE UPDATE ON tenants_apikey
    FOR EACH ROW EXECUTE FUNCTION tenants_keep_owner();
