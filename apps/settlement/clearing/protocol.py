"""What settlement says to a clearing system and hears from it, whatever the wire. Pure.

Adapters are synchronous and thread-safe, and never raise for what the world does: a broken
connection is an answer, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Outcome(StrEnum):
    """What an instruction, a question or a withdrawal came to."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"  # certainly not taken: connection refused, 503
    UNKNOWN = "unknown"  # perhaps taken: timed out, broken off, an answer that makes no sense
    ABSENT = "absent"  # asked, and certainly never arrived
    CONFIRMED = "confirmed"  # asked, and settled: the confirmation is on its way or was lost
    CANCELLED = "cancelled"  # withdrawn


@dataclass(frozen=True, slots=True)
class Instruction:
    """Deliver or receive securities against cash, seen from our client."""

    id: UUID
    """Ours, and the same over all tries: the clearing system takes it once."""
    settlement: UUID
    tenant: int
    movement: str  # deliver | receive
    account: str
    symbol: str
    quantity: Decimal
    currency: str
    amount: Decimal
    """Positive: against the securities. Negative: with them, where a value is below zero."""
    payment: str  # against | free
    trade_date: date
    settles_on: date
    counterparty: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one instruction, question or withdrawal."""

    instruction: UUID
    outcome: Outcome
    reference: str = ""
    """The clearing system's own."""
    code: str = ""
    """ISO 20022 reason, such as LACK."""
    detail: str = ""
    request: str = ""
    response: str = ""
    """As they went over the wire, for the record."""
    quantity: Decimal | None = None
    amount: Decimal | None = None
    """CONFIRMED: all that was settled under this instruction so far."""


class NoticeKind(StrEnum):
    """What a clearing system tells unasked."""

    SETTLED = "settled"
    PARTIAL = "partial"
    PENDING = "pending"
    FAILING = "failing"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Notice:
    """A fact that a clearing system tells, at its own time."""

    id: str
    """The clearing system's, unique there: the same once more is a duplicate."""
    instruction: str
    """Ours, as it was repeated to us."""
    kind: NoticeKind
    at: datetime
    quantity: Decimal | None = None
    amount: Decimal | None = None
    code: str = ""
    detail: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """What a clearing system holds for us: a line of its statement."""

    account: str
    asset: str
    amount: Decimal


class ClearingSystem(Protocol):
    """One clearing system, over its wire."""

    @property
    def bulk_max(self) -> int:
        """How many instructions it takes in one call."""

    def instruct(self, instructions: Sequence[Instruction]) -> list[Answer]:
        """ACCEPTED, REJECTED, UNAVAILABLE or UNKNOWN for each, in order."""

    def ask(self, instructions: Sequence[UUID]) -> list[Answer]:
        """ACCEPTED, REJECTED, CONFIRMED, CANCELLED, ABSENT, UNAVAILABLE or UNKNOWN for each."""

    def cancel(self, instructions: Sequence[UUID]) -> list[Answer]:
        """CANCELLED, REJECTED, ABSENT, CONFIRMED, UNAVAILABLE or UNKNOWN for each."""

    def statement(self) -> list[Holding] | None:
        """What it holds for us; nothing where it does not say."""
