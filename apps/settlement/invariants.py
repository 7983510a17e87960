"""What must be true of settlements, checked over all of them (`manage.py verify`)."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.core.money import ZERO, exact, plain, scale_of
from apps.events.contracts import contract_of
from apps.events.invariants import FAILURES_SHOWN, Check, Invariant, check_by_query
from apps.ledger import selectors as ledger
from apps.settlement.clearing.connections import connect
from apps.settlement.exceptions import UnknownClearingSystem
from apps.settlement.saga import cash_for
from apps.trading.events import TradeAmended, TradeCancelled, TradeExecuted

MINE = "s.tenant_id = coalesce(%(tenant)s, s.tenant_id)"
Place = tuple[UUID, str]
"""Account, and asset."""

SIGN = "CASE WHEN s.movement = 'receive' THEN 1 ELSE -1 END"
# At a cut of the log: a version of a trade counts from the fact that told it to the one that ended it,
# however far settlement has read. What people undo is gone before anybody has read that.
COUNTED = f"""
WITH beyond AS (
    SELECT (e.data ->> 'trade_id')::uuid AS trade, (e.data ->> 'version_no')::smallint AS version,
           e.name = ANY(%(opening)s) AS opens, e.name = ANY(%(ending)s) AS ends
    FROM json_each_text(%(cut)s::json) AS c (partition, "offset")
    JOIN events_event e ON e.topic = 'trade' AND e.partition = c.partition::smallint
        AND e."offset" > c."offset"::bigint AND e.name = ANY(%(opening)s::text[] || %(ending)s::text[])
), s AS (
    SELECT s.account_id, s.symbol, s.client_cash, s.quantity, s.settled, s.movement,
           coalesce(s.open_units, s.quantity - s.settled) AS to_move,
           coalesce(s.done_units, s.settled) AS moved,
           s.kind = 'settlement'
           AND (s.trade_id, s.version_no) NOT IN (SELECT trade, version FROM beyond WHERE opens)
           AND (NOT s.is_gone OR (s.trade_id, s.version_no)
                IN (SELECT trade, version - 1 FROM beyond WHERE ends)) AS counts
    FROM settlement_settlement s WHERE {MINE}
)
"""
# Open units: what is still to settle of trades that count, less what has settled of those that do
# not any more, and of their returns.
UNITS = f"""{COUNTED}
SELECT account_id, symbol, sum({SIGN} * CASE WHEN counts THEN to_move ELSE -moved END)
FROM s GROUP BY 1, 2
"""
CASH = f"""{COUNTED}
SELECT account_id, client_cash, quantity, settled, counts FROM s
WHERE NOT (settled = quantity AND counts) AND NOT (settled = 0 AND NOT counts)
"""
# Dividends and cash in lieu that are owed and not paid yet: unsettled, too, and nothing that is
# delivered for them. What was paid is left out with its payment: one of them may be archived.
DIVIDENDS = """
SELECT a.owner, p.asset, sum(p.amount)
FROM ledger_journalentry e
JOIN ledger_posting p ON p.entry_id = e.id AND p.booked_at = e.booked_at
JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id
WHERE e.tenant_id = coalesce(%(tenant)s, e.tenant_id) AND e.kind = 'CORPORATE_ACTION'
  AND a.owner IS NOT NULL AND a.code = 'CASH:UNSETTLED' AND e.source NOT LIKE '%%:paid'
  AND NOT EXISTS (
    SELECT FROM ledger_journalentry paid WHERE paid.tenant_id = e.tenant_id
    AND paid.source = regexp_replace(e.source, ':lieu$', '') || ':paid')
GROUP BY 1, 2
"""
# Between two readers a split is in one of the books only: those accounts are looked at after it.
SPLITTING = """
SELECT DISTINCT e.key FROM json_each_text(%(cut)s::json) AS c (partition, "offset")
JOIN events_event e ON e.topic = 'trade' AND e.partition = c.partition::smallint
    AND e."offset" > c."offset"::bigint AND e.name = 'trading.split.applied'
"""
OPENING = [contract_of(one).name for one in (TradeExecuted, TradeAmended)]
ENDING = [contract_of(one).name for one in (TradeAmended, TradeCancelled)]
READERS = ("ledger.book_trades", "settlement.open_settlements")


def open_legs_equal_open_settlements(tenant_id: int | None) -> Check:
    """I5: what the ledger holds unsettled is what settlements still have to move, units and cash.

    At one cut of the log: a handler that lags, or runs ahead, makes no difference.
    """
    with _one_snapshot():
        cut = _cut()
        held = _held() | _splitting(cut)
        wanted = _open_units(tenant_id, cut) | _open_cash(tenant_id, cut)
        booked = ledger.balances_at_cut(tenant_id, cut, ["SEC:UNSETTLED"])
        booked |= _less(
            ledger.balances_at_cut(tenant_id, cut, ["CASH:UNSETTLED"]), _dividends(tenant_id)
        )
    failures: list[str] = []
    places = [place for place in {*wanted, *booked} if str(place[0]) not in held]
    for place in sorted(places, key=str):
        account, asset = place
        one, other = wanted.get(place, ZERO), booked.get(place, ZERO)
        if one != other and len(failures) < FAILURES_SHOWN:
            failures.append(
                f"account {account} {asset}: settlements have {plain(one)} open,"
                f" the ledger {plain(other)} unsettled"
            )
    name = "settlement: open legs equal open settlements (I5)"
    return Check(name, not failures, len(places), failures)


def returns_undo_settlements(tenant_id: int | None) -> Check:
    """I9: what has settled and was returned leaves every ledger account where it was before.

    Units that a split changed in between come back as other units; those are I4's and I5's.
    """
    returned = """
        FROM settlement_settlement s WHERE s.kind = 'return' AND s.state = 'settled'
        AND s.tenant_id = coalesce(%(tenant)s, s.tenant_id)"""
    return check_by_query(
        "settlement: returns undo what had settled (I9)",
        count=f"SELECT count(*) {returned}",
        faults=f"""
            WITH entries AS (
                SELECT back.*, one.id AS settlement, part
                FROM (SELECT s.id, s.tenant_id, s.original_id, s.symbol, s.done_units {returned})
                    AS back
                JOIN settlement_settlement one ON one.id IN (back.id, back.original_id)
                CROSS JOIN LATERAL generate_series(1, one.parts) AS part
            )
            SELECT format('return %%s: %%s %%s left over', n.id, sum(p.amount), p.asset)
            FROM entries n
            JOIN ledger_journalentry e ON e.tenant_id = n.tenant_id
                AND e.source = format('settlement:%%s:%%s', n.settlement, n.part)
            JOIN ledger_posting p ON p.entry_id = e.id AND p.booked_at = e.booked_at
            WHERE n.done_units IS NULL OR p.asset <> n.symbol
            GROUP BY n.id, p.ledger_account_id, p.asset HAVING sum(p.amount) <> 0""",
        params={"tenant": tenant_id},
    )


def settled_means_posted(tenant_id: int | None) -> Check:
    """I10: every part that has settled has its entry, and every such entry its settlement."""
    return check_by_query(
        "settlement: what has settled is in the ledger, once (I10)",
        count=f"SELECT coalesce(sum(s.parts), 0) FROM settlement_settlement s WHERE {MINE}",
        faults=f"""
            SELECT format('settlement %%s: %%s parts, %%s entries', coalesce(m.id, e.id),
                          coalesce(m.parts, 0), coalesce(e.entries, 0))
            FROM (SELECT s.id, s.parts FROM settlement_settlement s
                  WHERE {MINE} AND s.parts > 0) AS m
            FULL JOIN (
                SELECT split_part(s.source, ':', 2)::uuid AS id, count(*) AS entries
                FROM ledger_journalentry s WHERE {MINE} AND s.kind = 'SETTLEMENT'
                GROUP BY 1) AS e ON e.id = m.id
            WHERE m.parts IS DISTINCT FROM e.entries""",
        params={"tenant": tenant_id},
    )


def trades_have_their_settlement(tenant_id: int | None) -> Check:
    """I10 for settlement: every version of a trade that it has read has a settlement."""
    read = """
        FROM events_cursor c
        JOIN events_event t ON t.topic = c.topic AND t.partition = c.partition
             AND t."offset" <= c."offset"
        WHERE t.tenant_id = coalesce(%(tenant)s, t.tenant_id) AND c.topic = 'trade'
          AND c.handler = 'settlement.open_settlements'
          AND t.name IN ('trading.trade.executed', 'trading.trade.amended')"""
    return check_by_query(
        "settlement: every trade has its settlement (I10)",
        count=f"SELECT count(*) {read}",
        faults=f"""
            SELECT format('trade %%s, version %%s', t.data->>'trade_id', t.data->>'version_no')
            {read}
              AND NOT EXISTS (
                SELECT FROM settlement_settlement s WHERE s.kind = 'settlement'
                AND s.trade_id = (t.data->>'trade_id')::uuid
                AND s.version_no = (t.data->>'version_no')::smallint)
              AND NOT EXISTS (
                SELECT FROM events_parkedevent h WHERE h.handler = c.handler
                AND h.topic = t.topic AND h.partition = t.partition AND h."offset" = t."offset")""",
        params={"tenant": tenant_id},
    )


def settled_units_agree(tenant_id: int | None) -> Check:
    """I4, the settled half: positions, ledger and settlements say the same of settled units."""
    return check_by_query(
        "settlement: settled units agree everywhere (I4)",
        count=f"SELECT count(*) FROM trading_settledholding s WHERE {MINE}",
        faults=f"""
            SELECT format('account %%s %%s: positions %%s, ledger %%s, settlements %%s', account,
                          symbol, sum(p), sum(l), sum(m))
            FROM (
                SELECT h.account_id AS account, i.symbol, h.quantity AS p, 0 AS l, 0 AS m
                FROM trading_settledholding h JOIN trading_instrument i ON i.id = h.instrument_id
                WHERE h.tenant_id = coalesce(%(tenant)s, h.tenant_id)
                UNION ALL
                SELECT a.owner, b.asset, 0, b.amount, 0 FROM ledger_balance b
                JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
                WHERE a.code = 'SEC:SETTLED' AND a.tenant_id = coalesce(%(tenant)s, a.tenant_id)
                UNION ALL
                SELECT s.account_id, s.symbol, 0, 0, {SIGN} * coalesce(s.posted_units, s.settled)
                FROM settlement_settlement s WHERE {MINE} AND s.settled > 0
                UNION ALL
                SELECT s.account_id, s.symbol, 0, 0, s.settled
                FROM settlement_unitsplit s WHERE {MINE}
            ) AS sides
            GROUP BY account, symbol HAVING sum(p) <> sum(m) OR sum(l) <> sum(m)""",
        params={"tenant": tenant_id},
    )


def depot_is_what_settled(tenant_id: int | None) -> Check:
    """I12, our side: the depot is the other side of all that has settled."""
    return check_by_query(
        "settlement: the depot is what has settled (I12)",
        count=f"SELECT count(DISTINCT s.symbol) FROM settlement_settlement s WHERE {MINE}",
        faults=f"""
            SELECT format('%%s: depot %%s, settlements %%s', asset, sum(d), sum(m))
            FROM (
                SELECT b.asset, -b.amount AS d, 0 AS m FROM ledger_balance b
                JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
                WHERE a.code = 'DEPOT:SEC' AND a.tenant_id = coalesce(%(tenant)s, a.tenant_id)
                UNION ALL
                SELECT s.symbol, 0, {SIGN} * coalesce(s.posted_units, s.settled)
                FROM settlement_settlement s WHERE {MINE} AND s.settled > 0
                UNION ALL
                SELECT s.symbol, 0, s.settled FROM settlement_unitsplit s WHERE {MINE}
            ) AS sides
            GROUP BY asset HAVING sum(d) <> sum(m)""",
        params={"tenant": tenant_id},
    )


def clearing_holds_what_we_think(tenant_id: int | None) -> Check:
    """I12, the other side: the clearing systems' statements, as far as they give any.

    Accounts and assets of which something is under way, or was settled by hand or in our own books,
    are left out: there the two may differ for a while, or for good. So is what moved meanwhile.
    """
    before = _at_clearing(tenant_id)
    statements = {place: _statement(*place) for place in before}
    after = _at_clearing(tenant_id)
    failures: list[str] = []
    checked, silent = 0, 0
    for place, ours in before.items():
        said = statements[place]
        if said is None:
            silent += 1
            continue
        for (account, asset), amount in sorted(ours.items()):
            if after[place].get((account, asset)) != amount:
                continue
            checked += 1
            held = said.get((account, asset), ZERO)
            if held != amount and len(failures) < FAILURES_SHOWN:
                failures.append(
                    f"{place[1]}, account {account} {asset}: we have {plain(amount)},"
                    f" the statement {plain(held)}"
                )
    said_nothing = f", {silent} clearing systems gave none" if silent else ""
    name = f"settlement: clearing's statements agree (I12){said_nothing}"
    return Check(name, not failures, checked, failures)


def _statement(tenant: int, code: str) -> dict[tuple[str, str], Decimal] | None:
    """What a clearing system says it holds for a tenant, by account and asset."""
    try:
        said = connect(tenant, code).statement()
    except UnknownClearingSystem:
        return None
    return None if said is None else {(one.account, one.asset): one.amount for one in said}


_KNOWN_TO_BOTH = """
count(DISTINCT s.clearing) = 1 AND max(s.clearing) <> '' AND sum(s.settled) > 0
AND bool_and(NOT s.may_be_out AND s.by_hand_id IS NULL)
"""
AT_CLEARING = f"""
SELECT s.tenant_id, max(s.clearing), s.account_number, s.symbol, sum({SIGN} * s.settled)
FROM settlement_settlement s WHERE {MINE}
GROUP BY s.tenant_id, s.account_number, s.symbol HAVING {_KNOWN_TO_BOTH}
   AND NOT EXISTS (SELECT FROM settlement_unitsplit u
                   WHERE u.tenant_id = s.tenant_id AND u.symbol = s.symbol)
UNION ALL
SELECT s.tenant_id, max(s.clearing), s.account_number, s.currency,
       -sum({SIGN} * CASE WHEN s.settled = 0 THEN 0 ELSE s.amount END)
FROM settlement_settlement s WHERE {MINE}
GROUP BY s.tenant_id, s.account_number, s.currency
HAVING {_KNOWN_TO_BOTH} AND bool_and(s.settled IN (0, s.quantity))
"""


def _at_clearing(tenant_id: int | None) -> dict[tuple[int, str], dict[tuple[str, str], Decimal]]:
    """Units and cash per account that should stand in the statement of a tenant's clearing system."""
    found: dict[tuple[int, str], dict[tuple[str, str], Decimal]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(AT_CLEARING, {"tenant": tenant_id})
        for tenant, code, account, asset, amount in cursor.fetchall():
            found[tenant, code][account, asset] = amount
    return found


def _params(tenant_id: int | None, cut: Mapping[int, int]) -> dict[str, Any]:
    text = json.dumps({str(partition): offset for partition, offset in cut.items()})
    return {"tenant": tenant_id, "cut": text, "opening": OPENING, "ending": ENDING}


def _open_units(tenant_id: int | None, cut: Mapping[int, int]) -> dict[Place, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(UNITS, _params(tenant_id, cut))
        return {(account, symbol): amount for account, symbol, amount in cursor.fetchall()}


def _open_cash(tenant_id: int | None, cut: Mapping[int, int]) -> dict[Place, Decimal]:
    """The client's cash that settlements still have to move; of parts, what is left of them."""
    sums: dict[Place, Decimal] = defaultdict(lambda: ZERO)
    with connection.cursor() as cursor, exact():
        cursor.execute(CASH, _params(tenant_id, cut))
        for account, cash, quantity, settled, counts in cursor:
            for currency, text in _amounts(cash):
                total = Decimal(text)
                moved = cash_for(
                    settled, of=quantity, total=total, before=ZERO, scale=scale_of(currency)
                )
                sums[account, currency] += (total if counts else ZERO) - moved
    return dict(sums)


def _amounts(cash: str | Mapping[str, str]) -> Iterable[tuple[str, str]]:
    found: Mapping[str, str] = json.loads(cash) if isinstance(cash, str) else cash
    return found.items()


def _cut() -> dict[int, int]:
    """The offset in every partition up to which both the ledger and settlement have read."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT partition, min("offset") FROM events_cursor
               WHERE topic = 'trade' AND handler = ANY(%s) GROUP BY partition""",
            [list(READERS)],
        )
        return dict(cursor.fetchall())


def _splitting(cut: Mapping[int, int]) -> frozenset[str]:
    """Accounts that one of the two has split, or has yet to split, beyond the cut."""
    with connection.cursor() as cursor:
        cursor.execute(SPLITTING, {"cut": json.dumps(cut)})
        return frozenset(key for (key,) in cursor.fetchall())


def _dividends(tenant_id: int | None) -> dict[Place, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(DIVIDENDS, {"tenant": tenant_id})
        return {(account, asset): amount for account, asset, amount in cursor.fetchall()}


def _less(
    amounts: Mapping[Place, Decimal], others: Mapping[Place, Decimal]
) -> dict[Place, Decimal]:
    with exact():
        return {
            place: amounts.get(place, ZERO) - others.get(place, ZERO)
            for place in {*amounts, *others}
        }


def _held() -> frozenset[str]:
    """Accounts that one of the two cannot get past: that is told by the log's own checks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT key FROM events_parkedkey WHERE topic = 'trade' AND handler = ANY(%s)",
            [list(READERS)],
        )
        return frozenset(key for (key,) in cursor.fetchall())


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """All questions inside see the database at one moment."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


INVARIANTS: Sequence[Invariant] = (
    open_legs_equal_open_settlements,
    returns_undo_settlements,
    settled_means_posted,
    trades_have_their_settlement,
    settled_units_agree,
    depot_is_what_settled,
    clearing_holds_what_we_think,
)
