"""Open settlements for what was traded: a batch in memory, written with one statement."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from django.utils import timezone

from apps.core.ids import uuid7
from apps.core.money import ZERO, exact
from apps.events.services import UnitOfWork, unit_of_work
from apps.settlement.calendar import Due, Wanted
from apps.settlement.clearing.routing import route
from apps.settlement.events import Opened, SettlementsOpened
from apps.settlement.models import Kind, Movement
from apps.settlement.saga import State
from apps.settlement.selectors.dates import due_dates
from apps.settlement.services import rows
from apps.settlement.services.rows import Row
from apps.trading import selectors as trading
from apps.trading.events import TradeAmended, TradeExecuted
from apps.trading.selectors import SettlementTerms


def open_settlements(
    trades: Sequence[tuple[int, TradeExecuted | TradeAmended]], *, now: datetime | None = None
) -> None:
    """Open a settlement for each version of a trade (tenant, fact); those known stay as they are."""
    with unit_of_work() as work:
        offered = _settlements(trades, now or timezone.now())
        new = rows.insert(offered)
        tell_opened(work, [one for one in offered if one.id in new])


def _settlements(
    facts: Sequence[tuple[int, TradeExecuted | TradeAmended]], now: datetime
) -> list[Row]:
    terms = trading.settlement_terms({fact.instrument_id for _, fact in facts})
    found: list[Row] = []
    for tenant, group in groupby(sorted(facts, key=lambda one: one[0]), key=lambda one: one[0]):
        mine = [fact for _, fact in group]
        wanted = [wanted_for(fact, terms[fact.instrument_id]) for fact in mine]
        found += [
            settlement_of(tenant, fact, one, due, now)
            for fact, one, due in zip(mine, wanted, due_dates(tenant, wanted, now), strict=True)
        ]
    return found


def wanted_for(fact: TradeExecuted | TradeAmended, terms: SettlementTerms) -> Wanted:
    """What the calendar has to know of a trade."""
    return Wanted(
        kind=terms.kind,
        market=terms.calendar,
        currency=fact.currency,
        symbol=fact.symbol,
        days=terms.days,
        trade_date=fact.trade_date,
        executed_at=fact.executed_at,
    )


def settlement_of(
    tenant: int, fact: TradeExecuted | TradeAmended, wanted: Wanted, due: Due, now: datetime
) -> Row:
    """The settlement of a trade; one that has no date is a person's."""
    is_buy = fact.side == "buy"
    is_dated = due.on is not None and not due.refused
    return Row(
        id=uuid7(),
        tenant_id=tenant,
        kind=Kind.SETTLEMENT,
        trade_id=fact.trade_id,
        version_no=fact.version_no,
        original_id=None,
        account_id=fact.account_id,
        account_number=fact.account_number,
        instrument_id=fact.instrument_id,
        symbol=fact.symbol,
        counterparty=fact.counterparty,
        movement=Movement.RECEIVE if is_buy else Movement.DELIVER,
        quantity=fact.quantity,
        currency=fact.currency,
        # An inverse instrument's value goes the same way as its units.
        amount=fact.notional.copy_negate() if fact.inverse else fact.notional,
        client_cash=client_cash(fact),
        trade_date=fact.trade_date,
        market=wanted.market,
        clearing=route(tenant, wanted.market, wanted.kind, fact.currency),
        opened_at=now,
        due_on=due.on,
        window_at=due.window_at,
        is_late=due.is_late,
        state=State.AWAITING_DATE if is_dated else State.MANUAL,
        code="CYCL" if due.is_late else "",
        detail=due.refused or due.note,
        next_at=due.window_at if is_dated else None,
        attention_at=None if is_dated else now,
    )


def client_cash(fact: TradeExecuted | TradeAmended) -> dict[str, Decimal]:
    """What the client gets (+) or pays (-) per currency, net of fees, as the ledger booked it."""
    pays = (fact.side == "buy") != fact.inverse
    with exact():
        cash = {fact.currency: fact.notional.copy_negate() if pays else fact.notional}
        for fee in fact.fees:
            cash[fee.currency] = cash.get(fee.currency, ZERO) - fee.amount
    return {currency: amount for currency, amount in cash.items() if amount}


def tell_opened(work: UnitOfWork, opened: Iterable[Row]) -> None:
    """One fact per account for all that was opened."""
    by_account: dict[tuple[int, UUID], list[Row]] = {}
    for one in opened:
        by_account.setdefault((one.tenant_id, one.account_id), []).append(one)
    for (tenant, account), group in by_account.items():
        fact = SettlementsOpened(
            account_id=account,
            account_number=group[0].account_number,
            settlements=tuple(map(_opened, group)),
        )
        work.publish(fact, tenant=tenant, key=str(account))


def _opened(one: Row) -> Opened:
    return Opened(
        settlement_id=one.id,
        trade_id=one.trade_id,
        version_no=one.version_no,
        kind=one.kind,
        symbol=one.symbol,
        movement=one.movement,
        quantity=one.quantity,
        due_on=one.due_on,
        is_late=one.is_late,
        state=one.state,
    )
