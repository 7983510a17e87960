"""What must be true of settlements, checked over all of them (`manage.py verify`)."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction

from apps.core.money import ZERO, exact, plain, scale_of
from apps.events.contracts import partition_of
from apps.events.invariants import FAILURES_SHOWN, Check, Invariant, check_by_query
from apps.settlement.clearing.connections import connect
from apps.settlement.exceptions import UnknownClearingSystem
from apps.settlement.saga import cash_for

MINE = "s.tenant_id = coalesce(%(tenant)s, s.tenant_id)"
Place = tuple[UUID, str]
"""Account, and asset."""

SIGN = "CASE WHEN s.movement = 'receive' THEN 1 ELSE -1 END"
# Open units: what is still to settle of trades that count, less what has settled of those that do
# not any more, and of their returns.
UNITS = f"""
SELECT s.account_id, s.symbol,
       sum({SIGN} * (CASE WHEN s.kind = 'settlement' AND NOT s.is_gone THEN s.quantity ELSE 0 END
                     - s.settled))
FROM settlement_settlement s WHERE {MINE} GROUP BY 1, 2
"""
CASH = f"""
SELECT s.account_id, s.client_cash, s.quantity, s.settled, s.kind = 'settlement' AND NOT s.is_gone
FROM settlement_settlement s WHERE {MINE}
  AND NOT (s.settled = s.quantity AND s.kind = 'settlement' AND NOT s.is_gone)
  AND NOT (s.settled = 0 AND (s.kind <> 'settlement' OR s.is_gone))
"""
UNSETTLED = """
SELECT a.owner, b.asset, sum(b.amount)
FROM ledger_balance b JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
WHERE a.tenant_id = coalesce(%(tenant)s, a.tenant_id) AND a.owner IS NOT NULL
  AND a.code = %(code)s
GROUP BY 1, 2
"""
READERS = ("ledger.book_trades", "settlement.open_settlements")


def open_legs_equal_open_settlements(tenant_id: int | None) -> Check:
    """I5: what the ledger holds unsettled is what settlements still have to move, units and cash."""
    with _one_snapshot():
        ready, held = _ready(), _held()
        wanted = _sums(UNITS, tenant_id) | _open_cash(tenant_id)
        booked = _sums(UNSETTLED, tenant_id, "SEC:UNSETTLED")
        booked |= _sums(UNSETTLED, tenant_id, "CASH:UNSETTLED")
    failures: list[str] = []
    checked, late = 0, 0
    for place in sorted({*wanted, *booked}, key=str):
        account, asset = place
        if partition_of(str(account)) not in ready or str(account) in held:
            late += 1
            continue
        checked += 1
        one, other = wanted.get(place, ZERO), booked.get(place, ZERO)
        if one != other and len(failures) < FAILURES_SHOWN:
            failures.append(
                f"account {account} {asset}: settlements have {plain(one)} open,"
                f" the ledger {plain(other)} unsettled"
            )
    skipped = f", {late} not compared: a handler is behind" if late else ""
    name = f"settlement: open legs equal open settlements (I5){skipped}"
    return Check(name, not failures, checked, failures)


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
                SELECT s.account_id, s.symbol, 0, 0, {SIGN} * s.settled
                FROM settlement_settlement s WHERE {MINE} AND s.settled > 0
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
                SELECT s.symbol, 0, {SIGN} * s.settled
                FROM settlement_settlement s WHERE {MINE} AND s.settled > 0
            ) AS sides
            GROUP BY asset HAVING sum(d) <> sum(m)""",
        params={"tenant": tenant_id},
    )


def clearing_holds_what_we_think(tenant_id: int | None) -> Check:
    """I12, the other side: the clearing systems' statements, as far as they give any.

    Accounts and instruments of which something is under way, or was settled by hand or in our own
    books, are left out: there the two may differ for a while, or for good.
    """
    failures: list[str] = []
    checked, silent = 0, 0
    for (tenant, code), ours in _at_clearing(tenant_id).items():
        try:
            said = connect(tenant, code).statement()
        except UnknownClearingSystem:
            said = None
        if said is None:
            silent += 1
            continue
        theirs = {(one.account, one.asset): one.amount for one in said}
        for (account, symbol), units in sorted(ours.items()):
            checked += 1
            held = theirs.get((account, symbol), ZERO)
            if held != units and len(failures) < FAILURES_SHOWN:
                failures.append(
                    f"{code}, account {account} {symbol}: we have {plain(units)},"
                    f" the statement {plain(held)}"
                )
    said_nothing = f", {silent} clearing systems gave none" if silent else ""
    name = f"settlement: clearing's statements agree (I12){said_nothing}"
    return Check(name, not failures, checked, failures)


AT_CLEARING = f"""
SELECT s.tenant_id, max(s.clearing), s.account_number, s.symbol, sum({SIGN} * s.settled)
FROM settlement_settlement s WHERE {MINE}
GROUP BY s.tenant_id, s.account_number, s.symbol
HAVING count(DISTINCT s.clearing) = 1 AND max(s.clearing) <> '' AND sum(s.settled) > 0
   AND bool_and(NOT s.may_be_out AND s.by_hand_id IS NULL)
"""


def _at_clearing(tenant_id: int | None) -> dict[tuple[int, str], dict[tuple[str, str], Decimal]]:
    found: dict[tuple[int, str], dict[tuple[str, str], Decimal]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(AT_CLEARING, {"tenant": tenant_id})
        for tenant, code, account, symbol, units in cursor.fetchall():
            found[tenant, code][account, symbol] = units
    return found


def _open_cash(tenant_id: int | None) -> dict[Place, Decimal]:
    """The client's cash that settlements still have to move; of parts, what is left of them."""
    sums: dict[Place, Decimal] = defaultdict(lambda: ZERO)
    with connection.cursor() as cursor, exact():
        cursor.execute(CASH, {"tenant": tenant_id})
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


def _sums(query: str, tenant_id: int | None, code: str = "") -> dict[Place, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"tenant": tenant_id, "code": code})
        return {(account, asset): amount for account, asset, amount in cursor.fetchall()}


def _ready() -> frozenset[int]:
    """Partitions in which ledger and settlement have read equally far."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT partition FROM events_cursor WHERE topic = 'trade' AND handler = ANY(%s)
               GROUP BY partition HAVING count(*) = 2 AND min("offset") = max("offset")""",
            [list(READERS)],
        )
        return frozenset(number for (number,) in cursor.fetchall())


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
    settled_means_posted,
    trades_have_their_settlement,
    settled_units_agree,
    depot_is_what_settled,
    clearing_holds_what_we_think,
)
