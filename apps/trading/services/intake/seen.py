"""Seen before? By idempotency key, and by the external id of the source."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.trading.events import Fee, Reason
from apps.trading.exceptions import IdempotencyKeyInFlight
from apps.trading.models import RejectedTrade
from apps.trading.selectors import TradeView, trades_by_id
from apps.trading.services.intake.outcomes import (
    BOOKED,
    BOOKED_BEFORE,
    Outcome,
    key_reused,
    refused,
)
from apps.trading.services.intake.requests import Reading, differing

OPERATION: Final = "trade"
"""The scope of a key, beside tenant and client: single and bulk calls do the same thing."""

# With a claim nobody else works on the key until the transaction ends. The snapshot may be older
# than the claim; then the insert of the key finds out, and the chunk is tried again.
KNOWN: Final = """
SELECT u.key, k.request, k.status, k.outcome,
       NOT %s OR pg_try_advisory_xact_lock(hashtextextended(%s || u.key, 0))
FROM unnest(%s::text[]) AS u (key)
LEFT JOIN trading_idempotencykey k
    ON k.tenant_id = %s AND k.client = %s AND k.operation = %s AND k.key = u.key
"""
BOOKED_AS: Final = """
SELECT t.id FROM unnest(%s::text[], %s::text[]) AS u (source, external_id)
JOIN trading_trade t
    ON t.tenant_id = %s AND t.source = u.source AND t.external_id = u.external_id
"""

External = tuple[str, str]
"""Source and external id."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a key was answered with."""

    request: str
    outcome: Outcome

    def again(self, reading: Reading) -> Outcome:
        """The first answer, if this is the first request; else a refusal that names what differs."""
        if reading.canonical != self.request:
            return key_reused(differing(self.request, reading.canonical))
        first = self.outcome
        return Outcome(first.status, first.trade, first.error, replayed=True)


def answers(tenant: int, client: str, keys: Collection[str], *, claim: bool) -> dict[str, Answer]:
    """What these keys were answered with, refusals included.

    With `claim` the others are ours until the transaction ends; raises `IdempotencyKeyInFlight`
    where somebody else is at one of them.
    """
    if not keys:
        return {}
    scope = f"{tenant}:{client}:{OPERATION}:"
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [claim, scope, sorted(keys), tenant, client, OPERATION])
        rows = cursor.fetchall()
    known = [row[:4] for row in rows if row[1] is not None]
    for key, request, *_, is_ours in rows:
        if request is None and not is_ours:
            raise IdempotencyKeyInFlight(idempotency_key=key)
    return _answers(tenant, known) if known else {}


def _answers(tenant: int, known: Sequence[tuple[str, str, int, UUID]]) -> dict[str, Answer]:
    booked = [outcome for *_, status, outcome in known if status in {BOOKED, BOOKED_BEFORE}]
    trades = trades_by_id(tenant, booked) if booked else {}
    refusals = _refusals(tenant, [row[3] for row in known]) if len(booked) < len(known) else {}
    return {
        key: Answer(
            request,
            Outcome(status, trades[outcome]) if outcome in trades else refusals[outcome],
        )
        for key, request, status, outcome in known
    }


def _refusals(tenant: int, ids: Sequence[UUID]) -> dict[UUID, Outcome]:
    rows = RejectedTrade.objects.for_tenant(tenant).filter(pk__in=ids)
    return {
        uid: refused(uid, status, msgspec.convert(reasons, list[Reason]))
        for uid, status, reasons in rows.values_list("pk", "status", "reasons")
    }


def booked_before(tenant: int, externals: Iterable[External]) -> dict[External, TradeView]:
    """The trades that are booked under these external ids."""
    asked = list(externals)
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(BOOKED_AS, [*map(list, zip(*asked, strict=True)), tenant])
        ids = [uid for (uid,) in cursor.fetchall()]
    trades = trades_by_id(tenant, ids) if ids else {}
    return {(one.source, one.external_id or ""): one for one in trades.values()}


def conflicts(reading: Reading, known: TradeView) -> list[Reason]:
    """The terms in which a request differs from the trade that bears its external id."""
    asked = reading.request
    same = {
        "account": asked.account in {known.account, str(known.account_id)},
        "instrument": asked.instrument in {known.instrument, str(known.instrument_id)},
        "side": asked.side == known.side,
        "quantity": reading.quantity == known.quantity,
        "price": reading.price == known.price,
        "fees": _fees(reading, known.currency) == sorted(map(_fee, known.fees)),
        "currency": asked.currency in {None, known.currency},
        "counterparty": asked.counterparty == known.counterparty,
        # What the request leaves to us cannot differ.
        "executed_at": asked.executed_at is None or reading.executed_at == known.executed_at,
        "trade_date": asked.trade_date is None or reading.trade_date == known.trade_date,
    }
    detail = f"Trade {known.id} of this source and external id has another {{}}."
    return [
        Reason(field=name, code="differs", detail=detail.format(name))
        for name, is_same in same.items()
        if not is_same
    ]


def _fee(fee: Fee) -> tuple[str, str, str]:
    return fee.kind, f"{fee.amount.normalize():f}", fee.currency


def _fees(reading: Reading, currency: str) -> list[tuple[str, str, str]]:
    return sorted(
        (kind, "" if amount is None else f"{amount.normalize():f}", named or currency)
        for kind, amount, named in reading.fees
    )
