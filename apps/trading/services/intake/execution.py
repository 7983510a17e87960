"""Book trades: load · seen before? · decide · write · tell, a chunk in one transaction.

Locks are taken in one order everywhere: limited accounts, keys, trades, log partitions; each kind
sorted. So two calls may wait for each other, but not in a circle.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
import structlog
from django.db import OperationalError

from apps.core.ids import uuid7
from apps.core.money import exact
from apps.events.services import UnitOfWork, unit_of_work
from apps.trading.events import Fee, Reason, TradeExecuted, TradeRejected
from apps.trading.exceptions import IntakeBusy
from apps.trading.selectors import TradeView
from apps.trading.services.intake import checks, references, seen, writing
from apps.trading.services.intake.dating import WHEN, Dates, around_actions, dates_of
from apps.trading.services.intake.limits import Limits
from apps.trading.services.intake.outcomes import (
    BOOKED,
    BOOKED_BEFORE,
    DIFFERS,
    REFUSED,
    Caller,
    Outcome,
    Rejection,
    refused,
)
from apps.trading.services.intake.references import AccountRef, InstrumentRef, References
from apps.trading.services.intake.requests import Reading, TradeRequest, read
from apps.trading.services.intake.seen import Answer, External

log = structlog.get_logger(__name__)

CHUNK: Final = 500  # trades in one transaction
TRIES: Final = 5
PAUSE_SECONDS: Final = 0.02  # before the second try; twice as long before each further one
RETRIED: Final = frozenset({"40001", "40P01", "55P03"})
"""Failed serialisation, deadlock, lock not available."""


def execute_trades(
    requests: Sequence[TradeRequest],
    *,
    tenant: int,
    client: str,
    now: datetime,
    wait: bool = True,
    paced: bool = True,
) -> list[Outcome]:
    """Book trades, or refuse them with every reason; an outcome for each, in order.

    Each chunk of `CHUNK` is one transaction. A request with an idempotency key is answered once
    and for all, refusals included. With `wait` a key that another call is working on is waited
    for; `paced` holds accounts to their trades per second. `now` is UTC.

    Raises `IdempotencyKeyInFlight` (without `wait`) and `IntakeBusy` (what was committed before
    stays: the same call again is answered from there).
    """
    caller = Caller(tenant, client, now, wait, paced)
    outcomes: list[Outcome] = []
    for start in range(0, len(requests), CHUNK):
        readings = [read(request) for request in requests[start : start + CHUNK]]
        outcomes += _persist(readings, caller)
    return outcomes


def _persist(readings: Sequence[Reading], caller: Caller) -> list[Outcome]:
    """A chunk, again where somebody else got in between."""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(random.uniform(0.5, 1) * PAUSE_SECONDS * 2**attempt)  # noqa: S311 - jitter
        try:
            with unit_of_work() as work, exact():
                return _Chunk(caller, readings).execute(work)
        except writing.Raced:
            continue  # what the other wrote is read in the next try
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in RETRIED:
                raise
            log.info("chunk of trades tried again", error=str(error).splitlines()[0])
    raise IntakeBusy


@dataclass(slots=True)
class _Decided:
    """What a chunk has to write and to tell."""

    trades: list[TradeView] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    keys: list[writing.KeyRow] = field(default_factory=list)
    events: list[tuple[TradeExecuted | TradeRejected, str, datetime]] = field(default_factory=list)
    """With the key and the time of each."""


class _Chunk:
    """One transaction's worth of requests."""

    def __init__(self, caller: Caller, readings: Sequence[Reading]) -> None:
        self.caller = caller
        self.readings = readings
        self.decided = _Decided()
        self.answers: dict[str, Answer] = {}
        self.booked: dict[External, TradeView] = {}
        self.found = References({}, {}, {})
        self.limits: Limits | None = None

    def execute(self, work: UnitOfWork) -> list[Outcome]:
        """Answer every request. Raises `writing.Raced`."""
        self._load()
        outcomes = [self._answer(reading) for reading in self.readings]
        decided = self.decided
        writing.write(self.caller, decided.keys, decided.trades, decided.rejections)
        for event, key, occurred_at in decided.events:
            work.publish(event, tenant=self.caller.tenant, key=key, occurred_at=occurred_at)
        return outcomes

    def _load(self) -> None:
        tenant, client, now, wait, paced = self.caller
        keys = {key for one in self.readings if (key := one.request.idempotency_key) is not None}
        self.answers = seen.answers(tenant, client, keys, claim=not wait)
        fresh = [one for one in self.readings if one.request.idempotency_key not in self.answers]
        if not fresh:
            return
        self.found = references.load(tenant, fresh)
        self.booked = seen.booked_before(
            tenant,
            {(one.source, uid) for one in fresh if (uid := one.request.external_id) is not None},
        )
        limited = {one for one in self.found.accounts.values() if one.is_limited}
        self.limits = Limits(limited, now, paced=paced) if limited else None

    def _answer(self, reading: Reading) -> Outcome:
        key = reading.request.idempotency_key
        if key is None:
            return self._decide(reading)
        if (known := self.answers.get(key)) is not None:
            return known.again(reading)
        outcome = self._decide(reading)
        self.answers[key] = Answer(reading.canonical, outcome)
        made = outcome.trade.id if outcome.trade else self.decided.rejections[-1].id
        self.decided.keys.append(writing.KeyRow(key, reading.canonical, outcome.status, made))
        return outcome

    def _decide(self, reading: Reading) -> Outcome:
        if (external_id := reading.request.external_id) is not None:
            known = self.booked.get((reading.source, external_id))
            if known is not None:
                reasons = seen.conflicts(reading, known)
                if reasons:
                    return self._refuse(reading, DIFFERS, reasons)
                return Outcome(BOOKED_BEFORE, known, replayed=True)
        account = self.found.accounts.get(reading.request.account)
        instrument = self.found.instruments.get(reading.request.instrument)
        value = checks.value_of(reading, instrument)
        reasons = [*reading.reasons, *checks.faults(reading, self.found, value, self.caller.now)]
        if self.limits is not None and account is not None:
            reasons += self._over_limits(reading, account, instrument, value)
        dates = None
        if instrument is not None and not any(one.field in WHEN for one in reasons):
            dates = dates_of(self.caller.tenant, reading, instrument, self.caller.now)
            if isinstance(dates, Reason):
                reasons.append(dates)
            else:
                reasons += around_actions(instrument, dates, reading.executed_at)
        if reasons:
            return self._refuse(reading, REFUSED, reasons)
        assert account is not None
        assert instrument is not None
        assert value is not None
        assert isinstance(dates, Dates)
        trade = _trade(reading, account, instrument, value, (dates, self.caller.now))
        return self._book(trade, account, instrument, reading)

    def _over_limits(
        self,
        reading: Reading,
        account: AccountRef,
        instrument: InstrumentRef | None,
        value: Decimal | None,
    ) -> list[Reason]:
        if self.limits is None or instrument is None or value is None or reading.price is None:
            return []
        return list(self.limits.faults(account, instrument, _signed(reading), reading.price))

    def _book(
        self, trade: TradeView, account: AccountRef, instrument: InstrumentRef, reading: Reading
    ) -> Outcome:
        self.decided.trades.append(trade)
        event = _executed(trade, account, instrument)
        self.decided.events.append((event, str(account.id), trade.executed_at))
        if self.limits is not None:
            self.limits.take(account, instrument, _signed(reading), trade.price)
        if trade.external_id is not None:
            self.booked[trade.source, trade.external_id] = trade
        return Outcome(BOOKED, trade)

    def _refuse(self, reading: Reading, status: int, reasons: Sequence[Reason]) -> Outcome:
        asked = reading.request
        rejection = Rejection(
            uuid7(),
            asked.account,
            asked.instrument,
            asked.side,
            str(asked.quantity),
            str(asked.price),
            status,
            tuple(reasons),
            msgspec.Raw(reading.canonical.encode()),
        )
        self.decided.rejections.append(rejection)
        account = self.found.accounts.get(asked.account)
        if account is not None:
            event = _rejected(rejection, account)
            self.decided.events.append((event, str(account.id), self.caller.now))
        return refused(rejection.id, status, reasons)


def _signed(reading: Reading) -> Decimal:
    quantity = reading.quantity or Decimal(0)
    return quantity.copy_negate() if reading.request.side == "sell" else quantity


def _trade(
    reading: Reading,
    account: AccountRef,
    instrument: InstrumentRef,
    value: Decimal,
    when: tuple[Dates, datetime],
) -> TradeView:
    assert reading.quantity is not None
    assert reading.price is not None
    dates, now = when
    executed_at = reading.executed_at or now
    currency = instrument.currency
    return TradeView(
        uuid7(),
        account.id,
        account.number,
        instrument.id,
        instrument.symbol,
        reading.request.side,
        reading.quantity,
        reading.price,
        value,
        currency,
        tuple(
            Fee(kind=kind, amount=amount, currency=currency)
            for kind, amount, _ in reading.fees
            if amount is not None
        ),
        dates.trade_date,
        executed_at,
        now,
        reading.source,
        reading.request.external_id,
        reading.request.counterparty,
        settles_on=dates.settles_on,
    )


def _executed(trade: TradeView, account: AccountRef, instrument: InstrumentRef) -> TradeExecuted:
    return TradeExecuted(
        trade_id=trade.id,
        version_no=trade.version,
        account_id=trade.account_id,
        account_number=trade.account,
        cost_method=account.cost_method,
        instrument_id=trade.instrument_id,
        symbol=trade.instrument,
        side=trade.side,
        quantity=trade.quantity,
        price=trade.price,
        multiplier=instrument.terms.multiplier,
        inverse=instrument.terms.inverse,
        currency=trade.currency,
        notional=trade.notional,
        fees=trade.fees,
        trade_date=trade.trade_date,
        settles_on=trade.settles_on,
        executed_at=trade.executed_at,
        source=trade.source,
        external_id=trade.external_id,
        counterparty=trade.counterparty,
    )


def _rejected(rejection: Rejection, account: AccountRef) -> TradeRejected:
    return TradeRejected(
        request_id=rejection.id,
        account=account.number,
        instrument=rejection.instrument,
        side=rejection.side,
        quantity=rejection.quantity,
        price=rejection.price,
        reasons=rejection.reasons,
    )
