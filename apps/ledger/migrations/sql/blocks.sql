-- Blocks: what was booked, sealed after the fact in a chain of hashes (I11). A block covers the
-- entries of a range of ids, with a digest of each (its header and its legs); its hash covers those
-- digests and the hash of the block before. Whoever changes a sealed row, with whatever rights, has to
-- change its block and every later one, and whoever has kept one hash (the log tells them) can tell.
--
-- An entry's digest: the id, and the first half of a SHA-256 over everything that was booked.
CREATE FUNCTION ledger_digests(low uuid, high uuid) RETURNS TABLE (entry uuid, digest bytea)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT e.id, substr(sha256(convert_to(concat_ws('|', e.id, e.tenant_id, e.kind, e.source,
               coalesce(e.reverses_id::text, '-'), coalesce(e.owner::text, '-'),
               coalesce(e.trade_id::text, '-'), e.partition, e.leg_count,
               extract(epoch FROM e.effective_at), extract(epoch FROM e.booked_at), l.legs),
           'UTF8')), 1, 16)
    FROM ledger_journalentry e
    LEFT JOIN (
        SELECT p.entry_id, string_agg(concat_ws(':', p.leg, p.ledger_account_id, p.asset,
                   trim_scale(p.amount), extract(epoch FROM p.booked_at), p.tenant_id), ';'
                   ORDER BY p.leg) AS legs
        FROM ledger_posting p WHERE p.entry_id > low AND p.entry_id <= high GROUP BY p.entry_id
    ) AS l ON l.entry_id = e.id
    WHERE e.id > low AND e.id <= high
$$;

CREATE TRIGGER blocks_are_append_only BEFORE UPDATE OR DELETE ON ledger_block
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
ALTER TABLE ledger_block ENABLE ALWAYS TRIGGER blocks_are_append_only;
CREATE TRIGGER block_is_not_truncated BEFORE TRUNCATE ON ledger_block
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
