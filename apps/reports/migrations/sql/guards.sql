-- What must be true of report files, whoever writes. CONSTRAINT names say which rule was broken.

-- A file that was made stays as it was made, until its time is over.
CREATE FUNCTION reports_keep_file() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.state IN ('ready', 'expired')
       AND ((NEW.id, NEW.tenant_id, NEW.schedule_id, NEW.report, NEW.parameters, NEW.period_start,
             NEW.period_end, NEW.rows, NEW.size, NEW.parts, NEW.sha256, NEW.made_at)
            IS DISTINCT FROM
            (OLD.id, OLD.tenant_id, OLD.schedule_id, OLD.report, OLD.parameters, OLD.period_start,
             OLD.period_end, OLD.rows, OLD.size, OLD.parts, OLD.sha256, OLD.made_at)
            OR NEW.state NOT IN (OLD.state, 'expired')) THEN
        RAISE EXCEPTION 'report file % stays as it was made', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'report_file_stays',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER reports_keep_file BEFORE UPDATE ON reports_reportfile
    FOR EACH ROW EXECUTE FUNCTION reports_keep_file();

-- Parts are written once, with their file, and go with it.
CREATE FUNCTION reports_refuse_part() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a part of report file % is never changed', OLD.file_id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'report_part_stays',
              TABLE = TG_TABLE_NAME;
END
$$;
CREATE TRIGGER reports_refuse_part BEFORE UPDATE ON reports_filepart
    FOR EACH ROW EXECUTE FUNCTION reports_refuse_part();
