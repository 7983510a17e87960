"""The questions of a reconciliation. Each answers rows of (subject, detail, account, asset, expected,
actual, checked); without a fault one row whose subject is null.

Parameters: tenant, first and last (entry ids of the day), since (time), date, handler (the ledger's),
names (of trade events), partitions with from and to (offsets), readers, most.
"""

from typing import Final

from apps.trading.selectors import OTHER_TERMS, WHICH_TERMS


def _question(checked: str, faults: str) -> str:
    return f"""
        SELECT f.*, n.checked FROM (SELECT ({checked}) AS checked) AS n
        LEFT JOIN LATERAL (SELECT * FROM ({faults}) AS all_faults LIMIT %(most)s) AS f ON true"""


_IS_ARCHIVED: Final = """EXISTS (SELECT FROM ledger_archive z WHERE z.state = 'archived'
    AND {0}.booked_at >= z.starts_at AND {0}.booked_at < z.ends_at)"""
# Ids of entries grow with time, so a day is a range of the primary key. A first look goes back to
# the beginning: there, legs may be in a file.
_ENTRIES: Final = f"""
    ledger_journalentry e WHERE e.tenant_id = %(tenant)s AND e.id >= %(first)s AND e.id < %(last)s
    AND NOT {_IS_ARCHIVED.format("e")}"""
_POSTINGS: Final = "ledger_posting p WHERE p.tenant_id = %(tenant)s AND p.entry_id >= %(first)s AND p.entry_id < %(last)s"

UNBALANCED: Final = _question(
    f"SELECT count(*) FROM {_POSTINGS}",
    f"""SELECT format('%%s %%s', p.entry_id, p.asset), format('Its legs leave %%s %%s over.', sum(p.amount), p.asset), '',
               p.asset, 0::numeric, sum(p.amount)
        FROM {_POSTINGS} GROUP BY p.entry_id, p.asset HAVING sum(p.amount) <> 0""",
)
INCOMPLETE: Final = _question(
    f"SELECT count(*) FROM {_ENTRIES}",
    f"""SELECT coalesce(e.id, p.entry_id)::text,
               CASE WHEN e.id IS NULL THEN 'Postings without an entry.'
                    ELSE format('It has %%s of %%s legs.', coalesce(p.legs, 0), e.leg_count) END,
               coalesce(e.owner::text, ''), '', e.leg_count::numeric, coalesce(p.legs, 0)::numeric
        FROM (SELECT * FROM {_ENTRIES}) AS e
        FULL JOIN (SELECT p.entry_id, count(*) AS legs FROM {_POSTINGS} GROUP BY p.entry_id) AS p
            ON p.entry_id = e.id
        WHERE e.leg_count IS DISTINCT FROM p.legs""",
)
REVERSALS: Final = _question(
    f"SELECT count(*) FROM {_ENTRIES} AND e.reverses_id IS NOT NULL",
    f"""SELECT format('%%s %%s %%s', e.id, p.ledger_account_id, p.asset),
               format('Entry and reversal leave %%s %%s over.', sum(p.amount), p.asset),
               coalesce(e.owner::text, ''), p.asset, 0::numeric, sum(p.amount)
        FROM (SELECT * FROM {_ENTRIES} AND e.reverses_id IS NOT NULL) AS e
        JOIN ledger_journalentry o
            ON o.id = e.reverses_id AND NOT {_IS_ARCHIVED.format("o")}
        JOIN ledger_posting p ON p.entry_id IN (e.id, o.id)
        GROUP BY e.id, e.owner, p.ledger_account_id, p.asset HAVING sum(p.amount) <> 0""",
)
UNEVEN: Final = _question(
    "SELECT count(*) FROM ledger_asset s WHERE s.tenant_id = %(tenant)s",
    """SELECT b.asset, 'Over all accounts it does not sum to zero.', '', b.asset, 0::numeric,
              sum(b.amount)
       FROM ledger_balance b JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
       WHERE a.tenant_id = %(tenant)s GROUP BY b.asset HAVING sum(b.amount) <> 0""",
)
MOVED_BALANCES: Final = """
    ledger_balance b JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
    WHERE a.tenant_id = %(tenant)s AND a.owner IS NOT NULL AND b.booked_at >= %(since)s"""
BALANCES: Final = _question(
    f"SELECT count(*) FROM {MOVED_BALANCES}",
    f"""SELECT format('%%s %%s %%s', a.owner_number, a.code, b.asset),
               'The balance is not its newest mark and the postings since.', a.owner::text, b.asset,
               coalesce(m.amount, 0) + coalesce(s.amount, 0), b.amount
        FROM (SELECT b.*, a.owner, a.owner_number, a.code FROM {MOVED_BALANCES}) AS b
        CROSS JOIN LATERAL (SELECT b.owner, b.owner_number, b.code) AS a
        LEFT JOIN LATERAL (
            SELECT k.booked_at, k.amount FROM ledger_known_balance k
            WHERE k.ledger_account_id = b.ledger_account_id AND k.asset = b.asset
            ORDER BY k.booked_at DESC LIMIT 1
        ) AS m ON true
        LEFT JOIN LATERAL (
            SELECT sum(p.amount) AS amount FROM ledger_posting p
            WHERE p.ledger_account_id = b.ledger_account_id AND p.asset = b.asset
              AND p.booked_at > coalesce(m.booked_at, '-infinity')
        ) AS s ON true
        WHERE b.amount IS DISTINCT FROM coalesce(m.amount, 0) + coalesce(s.amount, 0)""",
)
# From the balances that moved, so that marks are entered by their index.
NEW_MARKS: Final = f"""
    (SELECT b.ledger_account_id, b.asset, a.owner, a.owner_number, a.code FROM {MOVED_BALANCES}) AS b
    JOIN ledger_balancemark m ON m.ledger_account_id = b.ledger_account_id AND m.asset = b.asset
        AND m.booked_at >= %(since)s AND NOT {_IS_ARCHIVED.format("m")}"""
MARKS: Final = _question(
    f"SELECT count(*) FROM {NEW_MARKS}",
    f"""SELECT format('%%s %%s %%s', b.owner_number, b.code, b.asset),
               format('Marked %%s at %%s; the mark before and the postings since make %%s.', m.amount,
                      m.booked_at, coalesce(k.amount, 0) + coalesce(s.amount, 0)),
               b.owner::text, b.asset, coalesce(k.amount, 0) + coalesce(s.amount, 0), m.amount
        FROM {NEW_MARKS}
        LEFT JOIN LATERAL (
            SELECT k.booked_at, k.amount FROM ledger_known_balance k
            WHERE k.ledger_account_id = m.ledger_account_id AND k.asset = m.asset
              AND k.booked_at < m.booked_at
            ORDER BY k.booked_at DESC LIMIT 1
        ) AS k ON true
        LEFT JOIN LATERAL (
            SELECT sum(p.amount) AS amount FROM ledger_posting p
            WHERE p.ledger_account_id = m.ledger_account_id AND p.asset = m.asset
              AND p.booked_at > coalesce(k.booked_at, '-infinity') AND p.booked_at <= m.booked_at
        ) AS s ON true
        WHERE m.amount <> coalesce(k.amount, 0) + coalesce(s.amount, 0)""",
)
SETTLED: Final = _question(
    "SELECT count(*) FROM trading_settledholding h WHERE h.tenant_id = %(tenant)s",
    """SELECT format('%%s %%s', coalesce(t.account, l.account), coalesce(t.asset, l.asset)),
              'Trading and ledger know different settled quantities.',
              coalesce(t.account, l.account)::text, coalesce(t.asset, l.asset),
              coalesce(t.quantity, 0), coalesce(l.amount, 0)
       FROM (SELECT h.account_id AS account, i.symbol AS asset, h.quantity
             FROM trading_settledholding h JOIN trading_instrument i ON i.id = h.instrument_id
             WHERE h.tenant_id = %(tenant)s) AS t
       FULL JOIN (SELECT a.owner AS account, b.asset, sum(b.amount) AS amount
                  FROM ledger_ledgeraccount a JOIN ledger_balance b ON b.ledger_account_id = a.id
                  WHERE a.tenant_id = %(tenant)s AND a.owner IS NOT NULL AND a.code = 'SEC:SETTLED'
                  GROUP BY 1, 2) AS l ON l.account = t.account AND l.asset = t.asset
       WHERE coalesce(t.quantity, 0) <> coalesce(l.amount, 0)""",
)
_TOLD: Final = """
    unnest(%(partitions)s::smallint[], %(from)s::bigint[], %(to)s::bigint[]) AS c (number, low, high)
    JOIN events_event e ON e.topic = 'trade' AND e.partition = c.number AND e."offset" > c.low
        AND e."offset" <= c.high AND e.name = ANY(%(names)s) AND e.tenant_id = %(tenant)s"""
_OTHER: Final = "The trade has other terms than were told"
EVENTS: Final = _question(
    f"SELECT count(*) FROM {_TOLD}",
    f"""SELECT format('trade %%s version %%s', e.data ->> 'trade_id', e.data ->> 'version_no'),
               CASE w.what WHEN '{_OTHER}' THEN format('%%s: %%s.', w.what, {WHICH_TERMS})
                    ELSE w.what END,
               e.key, e.data ->> 'symbol', (e.data ->> 'quantity')::numeric,
               CASE w.what WHEN '{_OTHER}' THEN coalesce(r.quantity, t.quantity)
                    ELSE coalesce(abs(h.fill_quantity), t.quantity) END
        FROM {_TOLD}
        LEFT JOIN trading_trade t
            ON t.id = (e.data ->> 'trade_id')::uuid AND t.tenant_id = e.tenant_id
        LEFT JOIN trading_traderevision r
            ON r.trade_id = t.id AND r.version_no = (e.data ->> 'version_no')::integer
        LEFT JOIN trading_positionchange h
            ON h.partition = e.partition AND h."offset" = e."offset"
        LEFT JOIN ledger_journalentry j ON j.tenant_id = e.tenant_id AND j.source =
            format('trade:%%s:%%s', e.data ->> 'trade_id', e.data ->> 'version_no')
        LEFT JOIN LATERAL (  -- only of revisions; joined flat, it would be looked for in any case
            SELECT id FROM ledger_journalentry o
            WHERE e.name <> 'trading.trade.executed' AND o.tenant_id = e.tenant_id AND o.source =
                format('trade:%%s:%%s', e.data ->> 'trade_id', (e.data ->> 'version_no')::integer - 1)
            OFFSET 0
        ) AS o ON true
        LEFT JOIN ledger_journalentry v ON v.reverses_id = o.id
        CROSS JOIN LATERAL (SELECT CASE
            WHEN t.id IS NULL THEN 'It was told, but there is no such trade.'
            WHEN e.name <> 'trading.trade.executed' AND r.id IS NULL
                THEN 'It was told, but there is no such version.'
            WHEN {OTHER_TERMS} THEN '{_OTHER}'
            WHEN h.partition IS NULL THEN 'No position knows it.'
            WHEN (abs(h.fill_quantity), h.fill_notional) IS DISTINCT FROM
                 (CASE e.name WHEN 'trading.trade.cancelled' THEN 0
                       ELSE (e.data ->> 'quantity')::numeric END,
                  CASE e.name WHEN 'trading.trade.cancelled' THEN 0
                       ELSE (e.data ->> 'notional')::numeric END)
                THEN 'The position counts other terms than were told.'
            WHEN e.name <> 'trading.trade.cancelled' AND j.id IS NULL THEN 'The ledger has no entry.'
            WHEN e.name <> 'trading.trade.executed' AND v.id IS NULL
                THEN 'The ledger did not undo the version before.'
            END AS what) AS w
        WHERE w.what IS NOT NULL
          AND NOT EXISTS (
            SELECT FROM events_parkedevent k WHERE k.handler = ANY(%(readers)s)
            AND k.topic = e.topic AND k.partition = e.partition AND k."offset" = e."offset")""",
)
# The partitions of the log between the cuts; of an event that is gone, the position that counts it
# still names the trade.
GAPS: Final = _question(
    "SELECT cardinality(%(partitions)s::smallint[])",
    """SELECT format('trade/%%s', c.number),
              format('Of the events %%s to %%s only %%s are there; lost: trade %%s.', c.low + 1, c.high,
                     n.events, (SELECT string_agg(h.trade_id::text, ', ')
                                FROM trading_positionchange h
                                LEFT JOIN events_event l ON l.topic = 'trade'
                                    AND l.partition = h.partition AND l."offset" = h."offset"
                                WHERE h.partition = c.number AND h."offset" > c.low
                                  AND h."offset" <= c.high AND l.id IS NULL)),
              '', '', (c.high - c.low)::numeric, n.events::numeric
       FROM (SELECT c.number, greatest(c.low, coalesce(p.floor, 0)) AS low, c.high
             FROM unnest(%(partitions)s::smallint[], %(from)s::bigint[], %(to)s::bigint[])
                  AS c (number, low, high)
             LEFT JOIN events_partition p ON p.topic = 'trade' AND p.number = c.number) AS c
       CROSS JOIN LATERAL (
           SELECT count(*) AS events FROM events_event e WHERE e.topic = 'trade'
             AND e.partition = c.number AND e."offset" > c.low AND e."offset" <= c.high) AS n
       WHERE n.events < c.high - c.low""",
)
LOST_TRADES: Final = _question(
    f"SELECT count(*) FROM {_ENTRIES} AND e.kind = 'TRADE'",
    f"""SELECT e.source, 'The ledger booked a trade, or a version of one, that there is not.',
               coalesce(e.owner::text, ''), '', NULL::numeric, NULL::numeric
        FROM (SELECT * FROM {_ENTRIES} AND e.kind = 'TRADE') AS e
        LEFT JOIN trading_trade t ON t.id = e.trade_id AND t.tenant_id = e.tenant_id
        LEFT JOIN trading_traderevision r ON r.trade_id = t.id
            AND e.source = format('trade:%%s:%%s', t.id, r.version_no)
        WHERE t.id IS NULL OR (r.id IS NULL AND e.source <> format('trade:%%s:1', t.id))""",
)
POSITIONS: Final = _question(
    """SELECT count(*) FROM trading_position p
       WHERE p.tenant_id = %(tenant)s AND p.updated_at >= %(since)s""",
    """SELECT format('%%s %%s', p.account_id, i.symbol),
              format('Version %%s says %%s at a cost of %%s; the position says %%s at %%s.', p.version,
                     h.quantity, h.cost, p.quantity, p.cost),
              p.account_id::text, i.symbol, h.quantity, p.quantity
       FROM trading_position p
       JOIN trading_instrument i ON i.id = p.instrument_id
       LEFT JOIN trading_positionchange h ON h.account_id = p.account_id
           AND h.instrument_id = p.instrument_id AND h.version = p.version
       WHERE p.tenant_id = %(tenant)s AND p.updated_at >= %(since)s
         AND (h.quantity, h.cost, h.realised_pnl, h.fees, h."offset") IS DISTINCT FROM
             (p.quantity, p.cost, p.realised_pnl, p.fees, p.last_offset)""",
)
_WITH_LOTS: Final = """
    trading_position p JOIN trading_clientaccount c ON c.id = p.account_id
    JOIN trading_instrument i ON i.id = p.instrument_id
    WHERE p.tenant_id = %(tenant)s AND p.updated_at >= %(since)s AND c.cost_method = 'fifo'"""
LOTS: Final = _question(
    f"SELECT count(*) FROM {_WITH_LOTS}",
    f"""SELECT format('%%s %%s', p.account_id, p.symbol),
               format('Its lots hold %%s at a cost of %%s; the position says %%s at %%s.',
                      l.quantity, l.cost, p.quantity, p.cost),
               p.account_id::text, p.symbol, p.quantity, l.quantity
        FROM (SELECT p.*, i.symbol FROM {_WITH_LOTS}) AS p
        CROSS JOIN LATERAL (
            SELECT coalesce(sum((lot ->> 0)::numeric), 0) AS quantity,
                   coalesce(sum((lot ->> 1)::numeric), 0) AS cost
            FROM jsonb_array_elements(coalesce(p.lots, '[]')) AS lot
        ) AS l
        WHERE (l.quantity, l.cost) IS DISTINCT FROM (p.quantity, p.cost)""",
)
CURSORS: Final = _question(
    "SELECT count(*) FROM events_cursor",
    """SELECT format('%%s %%s/%%s', c.handler, c.topic, c.partition),
              format('It claims to have read up to %%s, but the log ends at %%s.', c."offset", l.head),
              '', '', l.head::numeric, c."offset"::numeric
       FROM events_cursor c
       LEFT JOIN events_partition p ON p.topic = c.topic AND p.number = c.partition
       CROSS JOIN LATERAL (SELECT greatest(coalesce(p.floor, 0), coalesce((
           SELECT e."offset" FROM events_event e WHERE e.topic = c.topic
             AND e.partition = c.partition ORDER BY e."offset" DESC LIMIT 1), 0)) AS head) AS l
       WHERE c."offset" > l.head""",
)
SNAPSHOT_FAULTS: Final = _question(
    "SELECT coalesce(sum(checked), 0) FROM trading_snapshot WHERE taken_at >= %(since)s",
    """SELECT fault, 'The snapshot is not the one before and its fills.', '', '', NULL::numeric,
              NULL::numeric
       FROM trading_snapshot s, jsonb_array_elements_text(s.faults) AS fault
       WHERE s.taken_at >= %(since)s AND EXISTS (
           SELECT FROM trading_clientaccount a WHERE a.tenant_id = %(tenant)s
           AND fault LIKE format('account %%s,%%%%', a.id))
       UNION ALL
       SELECT format('snapshot of %%s', to_char(s.period, 'YYYY-MM-DD HH24:MI')),
              'It was taken, but nobody has proven it by the one before.', '', '', NULL, NULL
       FROM trading_snapshot s
       WHERE s.proven_at IS NULL AND s.taken_at < statement_timestamp() - interval '1 hour'""",
)
# Kind, source, whether it came, asset, theirs, ours. A depository's and a bank's holding is the
# negative of our account, whose other side the clients hold. Who has sent statements before is
# expected to send one for every day.
EXTERNAL: Final = """
WITH senders AS (
    SELECT DISTINCT kind, source FROM ledger_externalstatement
    WHERE tenant_id = %(tenant)s AND date <= %(date)s
), here AS (
    SELECT s.kind, s.source, t.balances FROM senders s
    LEFT JOIN ledger_externalstatement t ON t.tenant_id = %(tenant)s AND t.date = %(date)s
        AND t.kind = s.kind AND t.source = s.source
), ours AS (
    SELECT CASE a.code WHEN 'NOSTRO' THEN 'nostro' ELSE 'depot' END AS kind, b.asset,
           -(sum(b.amount) - coalesce((
               SELECT sum(p.amount) FROM ledger_posting p
               JOIN ledger_journalentry e ON e.id = p.entry_id
               WHERE p.ledger_account_id = a.id AND p.asset = b.asset
                 AND p.booked_at >= (%(date)s::date + 1)::timestamp AT TIME ZONE 'UTC'
                 AND e.effective_at >= (%(date)s::date + 1)::timestamp AT TIME ZONE 'UTC'), 0)) AS amount
    FROM ledger_ledgeraccount a JOIN ledger_balance b ON b.ledger_account_id = a.id
    WHERE a.tenant_id = %(tenant)s AND a.owner IS NULL AND a.code IN ('NOSTRO', 'DEPOT:SEC')
    GROUP BY a.id, a.code, b.asset
)
SELECT h.kind, h.source, false, NULL::text, NULL::numeric, NULL::numeric
FROM here h WHERE h.balances IS NULL
UNION ALL
SELECT coalesce(t.kind, o.kind), coalesce(t.source, o.source), true, coalesce(t.asset, o.asset),
       coalesce(t.amount, 0), coalesce(o.amount, 0)
FROM (SELECT h.kind, h.source, b.key AS asset, b.value::numeric AS amount
      FROM here h, jsonb_each_text(h.balances) AS b) AS t
FULL JOIN (SELECT o.*, h.source FROM ours o JOIN here h ON h.kind = o.kind AND h.balances IS NOT NULL
           WHERE o.amount <> 0 AND (SELECT count(*) FROM here x WHERE x.kind = o.kind) = 1) AS o
    ON o.kind = t.kind AND o.asset = t.asset AND o.source = t.source
ORDER BY 1, 2, 4
"""
