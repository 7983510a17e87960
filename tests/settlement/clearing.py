"""A clearing system in memory, for what happens on our side of the wire.

It keeps the protocol's promises and says what a test tells it to; the wire itself, and a clearing
system with a mind of its own, are the journeys' (tests/journeys).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID, uuid4

from django.utils import timezone

from apps.settlement.clearing.protocol import (
    Answer,
    Holding,
    Instruction,
    Notice,
    NoticeKind,
    Outcome,
)


@dataclass
class ClearingHouse:
    """What it was told, and what it answers: `says` for the next instructions, then ACCEPTED."""

    bulk_max: int = 100
    taken: dict[UUID, Instruction] = field(default_factory=dict)
    settled: dict[UUID, Decimal] = field(default_factory=dict)
    says: deque[Outcome] = field(default_factory=deque)
    loses_answers: bool = False
    is_down: bool = False
    cancels: Outcome = Outcome.CANCELLED
    calls: list[tuple[str, int]] = field(default_factory=list)

    def instruct(self, instructions: Sequence[Instruction]) -> list[Answer]:
        self.calls.append(("instruct", len(instructions)))
        return [self._take(one) for one in instructions]

    def _take(self, one: Instruction) -> Answer:
        if self.is_down:
            return Answer(one.id, Outcome.UNAVAILABLE, detail="connection refused")
        outcome = self.says.popleft() if self.says else Outcome.ACCEPTED
        if outcome is Outcome.ACCEPTED:
            assert self.taken.setdefault(one.id, one) == one, "one id, two instructions"
            if self.loses_answers:
                return Answer(one.id, Outcome.UNKNOWN, detail="timed out")
        return Answer(
            one.id, outcome, reference=f"CSD-{one.id.hex[:8]}", code="", request=repr(one)
        )

    def ask(self, instructions: Sequence[UUID]) -> list[Answer]:
        self.calls.append(("ask", len(instructions)))
        return [self._know(one) for one in instructions]

    def _know(self, one: UUID) -> Answer:
        if self.is_down:
            return Answer(one, Outcome.UNAVAILABLE)
        if (quantity := self.settled.get(one)) is not None:
            amount = self.taken[one].amount * quantity / self.taken[one].quantity
            return Answer(one, Outcome.CONFIRMED, quantity=quantity, amount=amount)
        return Answer(one, Outcome.ACCEPTED if one in self.taken else Outcome.ABSENT)

    def cancel(self, instructions: Sequence[UUID]) -> list[Answer]:
        self.calls.append(("cancel", len(instructions)))
        return [Answer(one, self.cancels, code="DENI") for one in instructions]

    def statement(self) -> list[Holding] | None:
        return None

    def confirm(self, one: UUID, quantity: str | None = None, **terms: object) -> Notice:
        """Settle (a part of) an instruction; the notice of it."""
        whole = self.taken[one]
        part = whole.quantity if quantity is None else Decimal(quantity)
        self.settled[one] = self.settled.get(one, Decimal(0)) + part
        is_all = self.settled[one] == whole.quantity
        given = {
            "id": str(uuid4()),
            "instruction": str(one),
            "kind": NoticeKind.SETTLED if is_all else NoticeKind.PARTIAL,
            "at": timezone.now(),
            "quantity": part,
            "amount": whole.amount * part / whole.quantity,
        }
        return Notice(**given | terms)

    def tell(self, one: UUID | str, kind: NoticeKind, **terms: object) -> Notice:
        """Any other notice."""
        given = {"id": str(uuid4()), "instruction": str(one), "kind": kind, "at": timezone.now()}
        return Notice(**given | terms)
