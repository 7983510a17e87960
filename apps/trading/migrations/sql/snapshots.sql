-- What a snapshot says stays as it was taken.
CREATE TRIGGER position_snapshots_are_append_only BEFORE UPDATE OR DELETE ON trading_positionsnapshot
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_rewriting('position_snapshots_are_append_only');
CREATE TRIGGER positionsnapshot_is_not_truncated BEFORE TRUNCATE ON trading_positionsnapshot
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_rewriting('position_snapshots_are_append_only');
