"""How a request ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from apps.core.exceptions import DomainError, fault
from apps.trading.events import Reason
from apps.trading.exceptions import DuplicateExternalId, IdempotencyKeyReused, TradeRefused
from apps.trading.selectors import TradeView

BOOKED: Final = 201
BOOKED_BEFORE: Final = 200
DIFFERS: Final = 409
REFUSED: Final = 422


class Caller(NamedTuple):
    """Who sends trades, and how they are taken."""

    tenant: int
    client: str
    now: datetime
    wait: bool
    paced: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trade, or the refusal."""

    status: int
    trade: TradeView | None = None
    error: DomainError | None = None
    replayed: bool = False


class Rejection(msgspec.Struct, frozen=True):
    """A refusal as it is kept."""

    id: UUID
    account: str
    instrument: str
    side: str
    quantity: str
    price: str
    status: int
    reasons: tuple[Reason, ...]
    request: msgspec.Raw


def refused(rejection: UUID, status: int, reasons: Sequence[Reason]) -> Outcome:
    """The answer that a kept refusal gives, the first time and ever after."""
    kind = DuplicateExternalId if status == DIFFERS else TradeRefused
    errors = [fault(one.field, one.code, one.detail) for one in reasons]
    return Outcome(status, error=kind(errors=errors, rejection=str(rejection)))


def key_reused(fields: Sequence[str]) -> Outcome:
    """The answer to a known key with another request."""
    errors = [fault(name, "differs", f"The first request had another {name}.") for name in fields]
    return Outcome(REFUSED, error=IdempotencyKeyReused(errors=errors))
