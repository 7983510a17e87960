"""What must always be true of trades and positions; `manage.py verify` looks.

Each check is one statement, hence one snapshot: a position and its history change in one
transaction, a trade and its event, too. Retention removes old events; where it has, the absence
of an event says nothing.
"""

from collections.abc import Sequence
from typing import Final

from apps.events.invariants import Check, Invariant, check_by_query
from apps.trading.selectors import OTHER_TERMS, WHICH_TERMS
from apps.trading.selectors.exposure import FOLDER

# Positions beside what their trades add up to. A buy counts plus; of an inverse contract the value
# counts the other way round.
FOLDED: Final = """
    FROM trading_position p
    JOIN trading_instrument i ON i.id = p.instrument_id
    LEFT JOIN (
        SELECT c.account_id, c.instrument_id, count(*) AS changes, max(c.version) AS newest,
               sum(CASE c.kind WHEN 'split' THEN c.fill_quantity ELSE t.quantity * side.sign END)
                   FILTER (WHERE is_newest) AS quantity,
               coalesce(sum(CASE c.kind WHEN 'split' THEN -c.fill_notional ELSE t.notional * side.sign END)
                   FILTER (WHERE is_newest), 0) AS notional
        FROM (SELECT *, row_number() OVER versions = count(*) OVER place AS is_newest,
                     row_number() OVER versions AS trade_version
              FROM trading_positionchange
              WINDOW place AS (PARTITION BY account_id, instrument_id, place),
                     versions AS (place ORDER BY "offset")) AS c
        LEFT JOIN trading_trade f ON f.id = c.trade_id AND f.account_id = c.account_id
             AND f.instrument_id = c.instrument_id
        LEFT JOIN trading_traderevision r
             ON r.trade_id = f.id AND r.version_no = c.trade_version
        CROSS JOIN LATERAL (
            SELECT coalesce(r.quantity, f.quantity) AS quantity,
                   coalesce(r.notional, f.notional) AS notional) AS t
        CROSS JOIN LATERAL (
            SELECT CASE WHEN r.state = 'cancelled' THEN 0 WHEN f.side = 'buy' THEN 1 ELSE -1 END
                   AS sign) AS side
        WHERE f.id IS NOT NULL OR c.kind = 'split'
        GROUP BY c.account_id, c.instrument_id
    ) AS f ON f.account_id = p.account_id AND f.instrument_id = p.instrument_id
    WHERE p.tenant_id = coalesce(%s, p.tenant_id)"""


def positions_are_their_trades(tenant_id: int | None) -> Check:
    """A position's quantity is the sum of its trades' newest versions and of what splits made, its
    version the number of all."""
    return check_by_query(
        "trading: a position is the sum of its trades",
        count="SELECT count(*) FROM trading_position WHERE tenant_id = coalesce(%s, tenant_id)",
        faults=f"""
            SELECT format('account %%s, %%s: quantity %%s version %%s; %%s trades make %%s',
                          p.account_id, i.symbol, p.quantity, p.version, coalesce(f.changes, 0),
                          f.quantity)
            {FOLDED} AND (f.quantity, f.changes, f.newest)
                IS DISTINCT FROM (p.quantity, p.version, p.version)""",
        params=[tenant_id],
    )


def cash_identity_holds(tenant_id: int | None) -> Check:
    """I6: profit realised plus what trades cost, less cash in lieu, is the cost still open, exactly."""
    return check_by_query(
        "trading: realised profit and open cost are what was paid (I6)",
        count="SELECT count(*) FROM trading_position WHERE tenant_id = coalesce(%s, tenant_id)",
        faults=f"""
            SELECT format('account %%s, %%s: realised %%s, cost %%s, traded for %%s',
                          p.account_id, i.symbol, p.realised_pnl, p.cost, f.notional)
            {FOLDED} AND p.realised_pnl IS DISTINCT FROM
                (p.cost - f.notional) * CASE WHEN i.inverse THEN -1 ELSE 1 END""",
        params=[tenant_id],
    )


def positions_are_their_newest_change(tenant_id: int | None) -> Check:
    """A position is what its newest change made of it; a flat one costs nothing."""
    return check_by_query(
        "trading: a position is its newest change",
        count="SELECT count(*) FROM trading_position WHERE tenant_id = coalesce(%s, tenant_id)",
        faults="""
            SELECT format('account %%s, instrument %%s, version %%s of %%s',
                          coalesce(p.account_id, c.account_id),
                          coalesce(p.instrument_id, c.instrument_id), p.version, c.version)
            FROM (SELECT DISTINCT ON (account_id, instrument_id) * FROM trading_positionchange
                  ORDER BY account_id, instrument_id, version DESC) AS c
            FULL JOIN trading_position p
                ON p.account_id = c.account_id AND p.instrument_id = c.instrument_id
            WHERE coalesce(p.tenant_id, c.tenant_id) = coalesce(%s, p.tenant_id, c.tenant_id)
              AND ((p.version, p.quantity, p.cost, p.realised_pnl, p.fees, p.last_offset) IS DISTINCT FROM
                   (c.version, c.quantity, c.cost, c.realised_pnl, c.fees, c."offset")
                   OR (p.quantity = 0 AND p.cost <> 0))""",
        params=[tenant_id],
    )


def trades_are_told_once(tenant_id: int | None) -> Check:
    """Every trade has exactly one event, and every event of a trade its trade."""
    return check_by_query(
        "trading: every trade is told exactly once",
        count="SELECT count(*) FROM trading_trade WHERE tenant_id = coalesce(%s, tenant_id)",
        faults="""
            WITH asked AS (SELECT %s::integer AS tenant)
            SELECT format('trade %%s is told %%s times', coalesce(t.id::text, told.trade),
                          coalesce(told.times, 0))
            FROM (SELECT * FROM trading_trade
                  WHERE tenant_id = coalesce((SELECT tenant FROM asked), tenant_id)) AS t
            FULL JOIN (
                SELECT tenant_id, data ->> 'trade_id' AS trade, count(*) AS times
                FROM events_event
                WHERE topic = 'trade' AND name = 'trading.trade.executed'
                  AND tenant_id = coalesce((SELECT tenant FROM asked), tenant_id)
                GROUP BY 1, 2
            ) AS told ON told.trade = t.id::text AND told.tenant_id = t.tenant_id
            WHERE (t.id IS NULL OR told.times IS DISTINCT FROM 1)
              AND NOT (told.times IS NULL AND EXISTS (
                  SELECT FROM events_partition WHERE topic = 'trade' AND floor > 0))""",
        params=[tenant_id],
    )


def revisions_are_told_once(tenant_id: int | None) -> Check:
    """Every version of a trade has exactly one event, and every such event its version."""
    return check_by_query(
        "trading: every revision is told exactly once",
        count="SELECT count(*) FROM trading_traderevision WHERE tenant_id = coalesce(%s, tenant_id)",
        faults="""
            WITH asked AS (SELECT %s::integer AS tenant)
            SELECT format('version %%s of trade %%s is told %%s times',
                          coalesce(r.version_no, told.version),
                          coalesce(r.trade_id::text, told.trade), coalesce(told.times, 0))
            FROM (SELECT * FROM trading_traderevision
                  WHERE tenant_id = coalesce((SELECT tenant FROM asked), tenant_id)) AS r
            FULL JOIN (
                SELECT tenant_id, data ->> 'trade_id' AS trade,
                       (data ->> 'version_no')::integer AS version,
                       split_part(name, '.', 3) AS state, count(*) AS times
                FROM events_event
                WHERE topic = 'trade'
                  AND name IN ('trading.trade.cancelled', 'trading.trade.amended')
                  AND tenant_id = coalesce((SELECT tenant FROM asked), tenant_id)
                GROUP BY 1, 2, 3, 4
            ) AS told ON told.trade = r.trade_id::text AND told.tenant_id = r.tenant_id
                 AND told.version = r.version_no AND told.state = r.state
            WHERE (r.id IS NULL OR told.times IS DISTINCT FROM 1)
              AND NOT (told.times IS NULL AND EXISTS (
                  SELECT FROM events_partition WHERE topic = 'trade' AND floor > 0))""",
        params=[tenant_id],
    )


def trades_are_as_told(tenant_id: int | None) -> Check:
    """Every version of a trade has the terms that its event told: side, amounts, fees, dates and all."""
    told = """
        FROM events_event e
        JOIN trading_trade t ON t.id = (e.data ->> 'trade_id')::uuid AND t.tenant_id = e.tenant_id
        LEFT JOIN trading_traderevision r
            ON r.trade_id = t.id AND r.version_no = (e.data ->> 'version_no')::integer
        WHERE e.topic = 'trade' AND e.tenant_id = coalesce(%s, e.tenant_id) AND e.name IN (
            'trading.trade.executed', 'trading.trade.amended', 'trading.trade.cancelled')
            AND (e.name = 'trading.trade.executed' OR r.id IS NOT NULL)"""
    return check_by_query(
        "trading: every version of a trade is as it was told",
        count=f"SELECT count(*) {told}",
        faults=f"""
            SELECT format('trade %%s, version %%s: %%s', t.id, e.data ->> 'version_no', {WHICH_TERMS})
            {told} AND {OTHER_TERMS}""",
        params=[tenant_id],
    )


def passed_trades_are_folded(tenant_id: int | None) -> Check:
    """Every trade that the handler has passed is in the history, or waits behind a parked key."""
    return check_by_query(
        "trading: every trade that was passed is in a position",
        count="""SELECT count(*) FROM trading_positionchange
                 WHERE tenant_id = coalesce(%s, tenant_id)""",
        faults=f"""
            SELECT format('%%s at offset %%s of partition %%s', coalesce(e.data ->> 'trade_id', e.name),
                          e."offset", e.partition)
            FROM events_cursor c
            JOIN events_event e ON e.topic = c.topic AND e.partition = c.partition
                AND e."offset" <= c."offset" AND e.name IN (
                    'trading.trade.executed', 'trading.trade.amended', 'trading.trade.cancelled',
                    'trading.split.applied')
            LEFT JOIN trading_positionchange h
                ON h.partition = e.partition AND h."offset" = e."offset"
            WHERE e.tenant_id = coalesce(%s, e.tenant_id)
              AND c.handler = '{FOLDER}' AND c.topic = 'trade' AND h.partition IS NULL
              AND NOT EXISTS (
                SELECT FROM events_parkedevent k WHERE k.handler = c.handler
                AND k.topic = c.topic AND k.partition = c.partition AND k."offset" = e."offset")""",
        params=[tenant_id],
    )


def answered_keys_have_an_outcome(tenant_id: int | None) -> Check:
    """Every answered idempotency key leads to its trade, or to its refusal."""
    return check_by_query(
        "trading: every answered key has its outcome",
        count="""SELECT count(*) FROM trading_idempotencykey
                 WHERE tenant_id = coalesce(%s, tenant_id)""",
        faults="""
            SELECT format('key %%s of %%s', k.key, k.client)
            FROM trading_idempotencykey k
            LEFT JOIN (
                SELECT id, tenant_id, 'trade' AS operation FROM trading_trade
                UNION ALL
                SELECT id, tenant_id, CASE state WHEN 'amended' THEN 'amendment' ELSE 'cancellation' END
                FROM trading_traderevision
            ) AS t ON t.id = k.outcome AND t.tenant_id = k.tenant_id AND t.operation = k.operation
            LEFT JOIN trading_rejectedtrade r ON r.id = k.outcome AND r.tenant_id = k.tenant_id
            WHERE k.tenant_id = coalesce(%s, k.tenant_id)
              AND CASE WHEN k.status IN (200, 201) THEN t.id IS NULL
                       ELSE r.status IS DISTINCT FROM k.status END""",
        params=[tenant_id],
    )


INVARIANTS: Sequence[Invariant] = (
    positions_are_their_trades,
    cash_identity_holds,
    positions_are_their_newest_change,
    trades_are_told_once,
    revisions_are_told_once,
    trades_are_as_told,
    passed_trades_are_folded,
    answered_keys_have_an_outcome,
)
