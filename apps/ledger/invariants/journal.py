"""The journal against itself: I1 to I3, I9, and that its guards are in their places."""

from apps.events.invariants import Check, check_by_query

# Every question is about one tenant, or about all (null).
MINE = "{}.tenant_id = coalesce(%s, {}.tenant_id)"
POSTINGS = f"SELECT count(*) FROM ledger_posting p WHERE {MINE.format('p', 'p')}"
ENTRIES = f"SELECT count(*) FROM ledger_journalentry e WHERE {MINE.format('e', 'e')}"
# Of entries whose legs are in a file only the headers are here (invariants/chain.py looks at those).
IS_ARCHIVED = """EXISTS (SELECT FROM ledger_archive z WHERE z.state = 'archived'
                         AND {0}.booked_at >= z.starts_at AND {0}.booked_at < z.ends_at)"""


def entries_balance(tenant_id: int | None) -> Check:
    """I1: the legs of every entry sum to zero in every asset."""
    return check_by_query(
        "ledger: entries balance per asset (I1)",
        count=ENTRIES,
        faults=f"""
            SELECT format('entry %%s: %%s %%s left over', p.entry_id, sum(p.amount), p.asset)
            FROM ledger_posting p WHERE {MINE.format("p", "p")}
            GROUP BY p.entry_id, p.asset HAVING sum(p.amount) <> 0""",
        params=[tenant_id],
    )


def every_asset_sums_to_zero(tenant_id: int | None) -> Check:
    """I2: over all accounts of a tenant, every asset sums to zero; so trial balances are even."""
    return check_by_query(
        "ledger: every asset sums to zero (I2)",
        count=f"SELECT count(*) FROM ledger_asset s WHERE {MINE.format('s', 's')}",
        faults=f"""
            SELECT format('tenant %%s: %%s %%s', a.tenant_id, sum(b.amount), b.asset)
            FROM ledger_balance b JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
            WHERE {MINE.format("a", "a")} GROUP BY a.tenant_id, b.asset HAVING sum(b.amount) <> 0""",
        params=[tenant_id],
    )


def balances_are_the_sum_of_their_postings(tenant_id: int | None) -> Check:
    """I3: every balance is the sum of its postings, and its version their number."""
    return check_by_query(
        "ledger: balances are the sum of their postings (I3)",
        count=f"""SELECT count(*) FROM ledger_balance b
                  JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
                  WHERE {MINE.format("a", "a")}""",
        # The tenant is asked for once: of the account, which balances and postings share.
        faults=f"""
            SELECT format('%%s %%s, partition %%s: balance %%s after %%s, postings %%s after %%s',
                          a.code, asset, partition, b.amount, b.version, p.amount, p.version)
            FROM (SELECT * FROM ledger_balance) AS b
            FULL JOIN (
                SELECT ledger_account_id, asset, partition, sum(amount) AS amount,
                       sum(version)::bigint AS version
                FROM (
                    SELECT p.ledger_account_id, p.asset,
                           CASE WHEN o.owner IS NULL THEN e.partition ELSE 0 END AS partition,
                           sum(p.amount) AS amount, count(*) AS version
                    FROM ledger_posting p
                    JOIN ledger_ledgeraccount o ON o.id = p.ledger_account_id
                    JOIN ledger_journalentry e ON e.id = p.entry_id
                    GROUP BY 1, 2, 3
                    UNION ALL
                    SELECT ledger_account_id, asset, partition, amount, postings
                    FROM ledger_archivedbalance
                ) AS here_and_archived GROUP BY 1, 2, 3
            ) AS p USING (ledger_account_id, asset, partition)
            JOIN ledger_ledgeraccount a ON a.id = ledger_account_id
            WHERE {MINE.format("a", "a")}
              AND (b.amount, b.version) IS DISTINCT FROM (p.amount, p.version)""",
        params=[tenant_id],
    )


def marks_are_what_balances_were(tenant_id: int | None) -> Check:
    """I3 for past times: marks, and where archived months were left, are sums of postings."""
    marks = f"ledger_balancemark k WHERE NOT {IS_ARCHIVED.format('k')}"
    return check_by_query(
        "ledger: marks are what balances were (I3)",
        count=f"""SELECT count(*) FROM ledger_balancemark m
                  JOIN ledger_ledgeraccount a ON a.id = m.ledger_account_id
                  WHERE {MINE.format("a", "a")}""",
        # Running sums in one pass over the postings, not a sum per mark. An archived month counts as
        # one posting, at the time of its last.
        faults=f"""
            SELECT format('account %%s %%s at %%s: marked %%s, postings %%s', ledger_account_id,
                          asset, booked_at, marked, running)
            FROM (
                SELECT ledger_account_id, asset, booked_at, marked,
                       sum(amount) OVER (PARTITION BY ledger_account_id, asset
                                         ORDER BY booked_at RANGE UNBOUNDED PRECEDING) AS running
                FROM (
                    SELECT k.ledger_account_id, k.asset, k.booked_at, 0 AS amount,
                           k.amount AS marked FROM {marks}
                    UNION ALL
                    SELECT ledger_account_id, asset, moved_at, amount, closing
                    FROM ledger_archivedbalance WHERE closing IS NOT NULL
                    UNION ALL
                    SELECT ledger_account_id, asset, booked_at, amount, NULL FROM ledger_posting
                    WHERE (ledger_account_id, asset) IN
                          (SELECT ledger_account_id, asset FROM ledger_known_balance)
                ) AS all_kinds
                JOIN ledger_ledgeraccount a ON a.id = ledger_account_id
                WHERE {MINE.format("a", "a")}
            ) AS lines
            WHERE marked IS NOT NULL AND marked <> running""",
        params=[tenant_id],
    )


def entries_have_all_their_legs(tenant_id: int | None) -> Check:
    """Every header has exactly the legs that it promises, of its own tenant and time."""
    return check_by_query(
        "ledger: entries have all their legs",
        count=ENTRIES,
        faults=f"""
            SELECT format('entry %%s: %%s legs of %%s', e.id, count(p.leg), e.leg_count)
            FROM ledger_journalentry e
            LEFT JOIN ledger_posting p ON p.entry_id = e.id AND p.booked_at = e.booked_at
                 AND p.tenant_id = e.tenant_id AND p.leg BETWEEN 1 AND e.leg_count
            WHERE {MINE.format("e", "e")} AND NOT {IS_ARCHIVED.format("e")}
            GROUP BY e.id, e.leg_count
            HAVING count(p.leg) <> e.leg_count""",
        params=[tenant_id],
    )


def postings_have_an_entry(tenant_id: int | None) -> Check:
    """No posting stands alone, or on an account or in an asset that its tenant does not have."""
    return check_by_query(
        "ledger: no posting is an orphan",
        count=POSTINGS,
        faults=f"""
            SELECT format('leg %%s of entry %%s: %%s', p.leg, p.entry_id,
                          CASE WHEN e.id IS NULL THEN 'no such entry'
                               WHEN a.id IS NULL THEN 'not its tenant''s account'
                               ELSE 'not its tenant''s asset' END)
            FROM ledger_posting p
            LEFT JOIN ledger_journalentry e ON e.id = p.entry_id
            LEFT JOIN ledger_ledgeraccount a
                 ON a.id = p.ledger_account_id AND a.tenant_id = p.tenant_id
            LEFT JOIN ledger_asset s ON s.tenant_id = p.tenant_id AND s.code = p.asset
            WHERE {MINE.format("p", "p")}
              AND (e.id IS NULL OR a.id IS NULL OR s.code IS NULL)""",
        params=[tenant_id],
    )


def reversals_negate(tenant_id: int | None) -> Check:
    """I9: an entry and its reversal leave every account where it was."""
    return check_by_query(
        "ledger: reversals undo their entries (I9)",
        count=f"{ENTRIES} AND e.reverses_id IS NOT NULL",
        faults=f"""
            SELECT format('reversal %%s: %%s %%s left over', e.id, sum(p.amount), p.asset)
            FROM ledger_journalentry e
            JOIN ledger_journalentry o ON o.id = e.reverses_id
            JOIN ledger_posting p ON p.entry_id IN (e.id, o.id)
            WHERE {MINE.format("e", "e")}
              AND NOT {IS_ARCHIVED.format("e")} AND NOT {IS_ARCHIVED.format("o")}
            GROUP BY e.id, p.ledger_account_id, p.asset HAVING sum(p.amount) <> 0""",
        params=[tenant_id],
    )


def guards_stand(tenant_id: int | None) -> Check:
    """Every table has its guards, each month of postings too, and none was switched off."""
    return check_by_query(
        "ledger: guards stand",
        count=_guards("count(*)"),
        faults=_guards("format('%%s has no working %%s', target::regclass, guard)")
        + """ WHERE NOT EXISTS (
                SELECT FROM pg_trigger t WHERE t.tgrelid = target AND t.tgname = guard
                AND t.tgenabled = CASE WHEN guard LIKE '%%truncated' THEN 'O' ELSE 'A' END::"char")
        """,
        params=[],
    )


def _guards(columns: str) -> str:
    """A question about every pair of table and guard that there must be."""
    return f"""
        SELECT {columns} FROM (
            SELECT c.oid AS target, g.guard FROM pg_class c, (VALUES
                ('ledger_journalentry', 'entry_is_append_only'),
                ('ledger_journalentry', 'entry_is_not_truncated'),
                ('ledger_journalentry', 'entry_may_be_reversed'),
                ('ledger_journalentry', 'entry_has_its_postings'),
                ('ledger_journalentry', 'adjustment_entry_has_two_people'),
                ('ledger_adjustment', 'adjustment_is_kept'),
                ('ledger_adjustment', 'adjustment_stays'),
                ('ledger_ledgeraccount', 'account_keeps_its_identity'),
                ('ledger_ledgeraccount', 'account_stays'),
                ('ledger_ledgeraccount', 'account_is_not_truncated'),
                ('ledger_block', 'blocks_are_append_only'),
                ('ledger_block', 'block_is_not_truncated'),
                ('ledger_posting_default', 'month_is_closed'),
                ('ledger_archive', 'archives_are_kept'),
                ('ledger_archive', 'archive_is_not_truncated'),
                ('ledger_archivedbalance', 'archived_balances_are_kept'),
                ('ledger_archivedbalance', 'archivedbalance_is_not_truncated'),
                ('ledger_asset', 'asset_stays'),
                ('ledger_asset', 'asset_is_not_truncated'),
                ('ledger_balance', 'balance_follows_postings'),
                ('ledger_balance', 'balance_is_not_truncated'),
                ('ledger_balancemark', 'mark_follows_postings'),
                ('ledger_balancemark', 'mark_is_not_truncated')
            ) AS g (relation, guard) WHERE c.oid = ('public.' || g.relation)::regclass
            UNION ALL
            SELECT tree.relid, guard
            FROM pg_partition_tree('public.ledger_posting') AS tree, unnest(ARRAY[
                'posting_is_booked', 'posting_is_append_only', 'posting_stays',
                'posting_is_not_truncated']) AS guard
        ) AS wanted"""
