"""Cancel and amend trades: load and lock · seen before? · decide · write · tell.

The trade's row stays as it was booked; every later version is a row of its own. Positions and ledger
hear of it under the account's key, behind the trade itself.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.core.ids import uuid7
from apps.core.money import exact, plain
from apps.events.services import UnitOfWork, unit_of_work
from apps.trading.events import (
    Fee,
    Reason,
    TradeAmended,
    TradeCancelled,
    TradeRejected,
    TradeTerms,
)
from apps.trading.exceptions import (
    BeforeCorporateAction,
    IdempotencyKeyInFlight,
    TradeIsCancelled,
    UnknownTrade,
)
from apps.trading.models import IdempotencyKey, RejectedTrade, TradeRevision, TradeState
from apps.trading.selectors import TradeView, find_trade, trade_in_version
from apps.trading.selectors.reference import as_uuid
from apps.trading.services.intake import checks, references
from apps.trading.services.intake.outcomes import (
    BOOKED,
    BOOKED_BEFORE,
    REFUSED,
    Outcome,
    key_reused,
    refused,
)
from apps.trading.services.intake.references import AccountRef, InstrumentRef, References
from apps.trading.services.intake.requests import FeeRequest, Reading, TradeRequest, read

LOCK: Final = "SELECT FROM trading_trade WHERE tenant_id = %s AND id = %s FOR NO KEY UPDATE"
CLAIM: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
DEALING: Final = frozenset({"outside_price_band"})
"""Rules for dealing, not for the record of what was dealt."""


@dataclass(frozen=True, slots=True)
class Revision:
    """What is asked of a trade. Nothing given but the reason: cancel it."""

    trade: str
    reason: str
    key: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    fees: tuple[FeeRequest, ...] | None = None

    @property
    def canonical(self) -> str:
        """The request in one spelling: equal texts are equal requests."""
        return msgspec.json.encode(
            {
                "trade": self.trade,
                "reason": self.reason,
                "quantity": None if self.quantity is None else plain(self.quantity),
                "price": None if self.price is None else plain(self.price),
                "fees": None if self.fees is None else sorted(map(_spelled, self.fees)),
            }
        ).decode()


def cancel_trade(tenant: int, client: str, asked: Revision, *, now: datetime) -> Outcome:
    """Undo a trade. Cancelled already, the first cancellation is the answer (status 200).

    Raises `UnknownTrade`, `IdempotencyKeyInFlight` and `BeforeCorporateAction`.
    """
    with unit_of_work() as work:
        return _Call(work, tenant, client, "cancellation", asked, now).answer(_cancel)


def amend_trade(tenant: int, client: str, asked: Revision, *, now: datetime) -> Outcome:
    """Give a trade other terms; they count from when it was dealt. Or refuse, with every reason.

    Raises `UnknownTrade`, `TradeIsCancelled`, `IdempotencyKeyInFlight`, `BeforeCorporateAction`.
    """
    with unit_of_work() as work:
        return _Call(work, tenant, client, "amendment", asked, now).answer(_amend)


@dataclass(slots=True)
class _Call:
    """One request, in its transaction."""

    work: UnitOfWork
    tenant: int
    client: str
    operation: str
    asked: Revision
    now: datetime

    def answer(self, decide: "Callable[[_Call, TradeView], Outcome]") -> Outcome:
        """The first answer again, or a decision."""
        if (known := self._known()) is not None:
            return known
        uid = as_uuid(self.asked.trade)
        with connection.cursor() as cursor:
            cursor.execute(LOCK, [self.tenant, uid])
            if cursor.fetchone() is None:
                raise UnknownTrade(trade=self.asked.trade)
        return decide(self, find_trade(self.tenant, self.asked.trade))

    def _known(self) -> Outcome | None:
        """What the key was answered with. Raises `IdempotencyKeyInFlight`."""
        with connection.cursor() as cursor:
            cursor.execute(
                CLAIM, [f"{self.tenant}:{self.client}:{self.operation}:{self.asked.key}"]
            )
            if not cursor.fetchone()[0]:
                raise IdempotencyKeyInFlight(idempotency_key=self.asked.key)
        row = (
            IdempotencyKey.objects.for_tenant(self.tenant)
            .filter(client=self.client, operation=self.operation, key=self.asked.key)
            .first()
        )
        if row is None:
            return None
        if row.request != self.asked.canonical:
            return key_reused(list(_differing(row.request, self.asked.canonical)))
        if row.status == REFUSED:
            rejection = RejectedTrade.objects.for_tenant(self.tenant).get(pk=row.outcome)
            reasons = msgspec.convert(rejection.reasons, list[Reason])
            return _again(refused(rejection.pk, REFUSED, reasons))
        return Outcome(row.status, trade_in_version(self.tenant, row.outcome), replayed=True)

    def keep(self, status: int, outcome: UUID) -> None:
        """Remember the answer under the key."""
        IdempotencyKey.objects.create(
            tenant_id=self.tenant,
            client=self.client,
            operation=self.operation,
            key=self.asked.key,
            request=self.asked.canonical,
            status=status,
            outcome=outcome,
            created_at=self.now,
        )

    def write(self, trade: TradeView) -> Outcome:
        """Write a version, and the answer under the key."""
        row = TradeRevision.objects.create(
            id=uuid7(),
            tenant_id=self.tenant,
            trade_id=trade.id,
            version_no=trade.version,
            state=trade.state,
            quantity=trade.quantity,
            price=trade.price,
            notional=trade.notional,
            fees=msgspec.to_builtins(trade.fees),
            reason=self.asked.reason,
            client=self.client,
            booked_at=self.now,
        )
        self.keep(BOOKED, row.pk)
        return Outcome(BOOKED, msgspec.structs.replace(trade, revised_at=self.now))


def _cancel(call: _Call, trade: TradeView) -> Outcome:
    if trade.state == TradeState.CANCELLED:
        first = TradeRevision.objects.for_tenant(call.tenant).get(
            trade=trade.id, version_no=trade.version
        )
        call.keep(BOOKED_BEFORE, first.pk)
        return Outcome(BOOKED_BEFORE, trade, replayed=True)
    account, instrument, _ = _references(call.tenant, trade, _reading(trade, call.asked))
    _not_behind_an_action(trade, instrument)
    cancelled = msgspec.structs.replace(
        trade,
        version=trade.version + 1,
        state=TradeState.CANCELLED.value,
        reason=call.asked.reason,
    )
    outcome = call.write(cancelled)
    call.work.publish(
        TradeCancelled(**_facts(cancelled, account, instrument)),
        tenant=call.tenant,
        key=str(trade.account_id),
    )
    return outcome


def _amend(call: _Call, trade: TradeView) -> Outcome:
    if trade.state == TradeState.CANCELLED:
        raise TradeIsCancelled(trade=str(trade.id))
    with exact():
        reading = _reading(trade, call.asked)
        account, instrument, found = _references(call.tenant, trade, reading)
        _not_behind_an_action(trade, instrument)
        value = checks.value_of(reading, instrument)
        reasons = [
            one
            for one in (*reading.reasons, *checks.faults(reading, found, value, call.now))
            if one.code not in DEALING
        ]
    amended = _amended(trade, reading, value, call.asked.reason) if not reasons else trade
    if not reasons and _terms(amended) == _terms(trade):
        detail = "The trade has these very terms."
        reasons.append(Reason(field="quantity", code="no_change", detail=detail))
    if reasons:
        return _refuse(call, trade, reading, reasons)
    outcome = call.write(amended)
    call.work.publish(
        TradeAmended(**_facts(amended, account, instrument), previous=_terms(trade)),
        tenant=call.tenant,
        key=str(trade.account_id),
    )
    return outcome


def _not_behind_an_action(trade: TradeView, instrument: InstrumentRef) -> None:
    """What was dealt before a split or a dividend stays: units and entitlements followed from it.

    Raises `BeforeCorporateAction`.
    """
    if instrument.closed_before is not None and trade.trade_date < instrument.closed_before:
        raise BeforeCorporateAction(
            trade=str(trade.id), trade_date=trade.trade_date, ex_date=instrument.closed_before
        )


def _refuse(call: _Call, trade: TradeView, reading: Reading, reasons: list[Reason]) -> Outcome:
    request = reading.request
    texts = {
        "account": trade.account,
        "instrument": trade.instrument,
        "side": trade.side,
        "quantity": str(request.quantity),
        "price": str(request.price),
    }
    row = RejectedTrade.objects.create(
        id=uuid7(),
        tenant_id=call.tenant,
        client=call.client,
        status=REFUSED,
        reasons=msgspec.to_builtins(reasons),
        request=msgspec.json.decode(call.asked.canonical),
        rejected_at=call.now,
        **texts,
    )
    call.keep(REFUSED, row.pk)
    fact = TradeRejected(request_id=row.pk, reasons=tuple(reasons), **texts)
    call.work.publish(fact, tenant=call.tenant, key=str(trade.account_id))
    return refused(row.pk, REFUSED, reasons)


def _reading(trade: TradeView, asked: Revision) -> Reading:
    """The trade with its new terms, as if it were asked for now."""
    kept = tuple(
        FeeRequest(kind=fee.kind, amount=plain(fee.amount), currency=fee.currency)
        for fee in trade.fees
    )
    return read(
        TradeRequest(
            account=str(trade.account_id),
            instrument=str(trade.instrument_id),
            side=trade.side,
            quantity=plain(trade.quantity if asked.quantity is None else asked.quantity),
            price=plain(trade.price if asked.price is None else asked.price),
            fees=kept if asked.fees is None else asked.fees,
        )
    )


def _references(
    tenant: int, trade: TradeView, reading: Reading
) -> tuple[AccountRef, InstrumentRef, References]:
    found = references.load(tenant, [reading])
    return (
        found.accounts[str(trade.account_id)],
        found.instruments[str(trade.instrument_id)],
        found,
    )


def _amended(trade: TradeView, reading: Reading, value: Decimal | None, reason: str) -> TradeView:
    assert reading.quantity is not None
    assert reading.price is not None
    assert value is not None
    fees = tuple(
        Fee(kind=kind, amount=amount, currency=trade.currency)
        for kind, amount, _ in reading.fees
        if amount is not None
    )
    return msgspec.structs.replace(
        trade,
        version=trade.version + 1,
        state=TradeState.AMENDED.value,
        quantity=reading.quantity,
        price=reading.price,
        notional=value,
        fees=fees,
        reason=reason,
    )


def _terms(trade: TradeView) -> TradeTerms:
    return TradeTerms(
        quantity=trade.quantity, price=trade.price, notional=trade.notional, fees=trade.fees
    )


def _facts(trade: TradeView, account: AccountRef, instrument: InstrumentRef) -> dict[str, Any]:
    """What both events tell."""
    return {
        "trade_id": trade.id,
        "version_no": trade.version,
        "account_id": trade.account_id,
        "account_number": trade.account,
        "cost_method": account.cost_method,
        "instrument_id": trade.instrument_id,
        "symbol": trade.instrument,
        "side": trade.side,
        "quantity": trade.quantity,
        "price": trade.price,
        "multiplier": instrument.terms.multiplier,
        "inverse": instrument.terms.inverse,
        "currency": trade.currency,
        "notional": trade.notional,
        "fees": trade.fees,
        "trade_date": trade.trade_date,
        "settles_on": trade.settles_on,
        "executed_at": trade.executed_at,
        "reason": trade.reason,
        "source": trade.source,
        "external_id": trade.external_id,
        "counterparty": trade.counterparty,
    }


def _again(outcome: Outcome) -> Outcome:
    return Outcome(outcome.status, outcome.trade, outcome.error, replayed=True)


def _spelled(fee: FeeRequest) -> tuple[str, str, str]:
    return fee.kind, str(fee.amount), fee.currency or ""


def _differing(first: str, second: str) -> Iterator[str]:
    one: Mapping[str, Any] = msgspec.json.decode(first)
    other: Mapping[str, Any] = msgspec.json.decode(second)
    return (name for name in one if one[name] != other.get(name))
