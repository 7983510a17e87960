"""Talk to clearing systems, and take their answers. Nothing is locked while they think."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from apps.core.exceptions import DomainError
from apps.core.money import ZERO, exact, scale_of
from apps.events.services import unit_of_work
from apps.settlement.clearing import breaker
from apps.settlement.clearing.connections import connect
from apps.settlement.clearing.protocol import (
    Answer,
    ClearingSystem,
    Instruction,
    Notice,
    NoticeKind,
    Outcome,
)
from apps.settlement.saga import State, cash_for, facts
from apps.settlement.saga.facts import Fact
from apps.settlement.services import notices, rows
from apps.settlement.services.moving import Moves, Record
from apps.settlement.services.returning import open_return
from apps.settlement.services.rows import Row

Clock = Callable[[], datetime]
Method = Callable[[Sequence[UUID]], list[Answer]]

log = structlog.get_logger(__name__)

HELD_FOR: Final = timedelta(seconds=5)
"""How long a withdrawal that clearing has taken up may take before it is asked for again."""
FAILED: Final = frozenset({Outcome.UNAVAILABLE, Outcome.UNKNOWN})


@dataclass(slots=True)
class Said:
    """What a round has to say to one clearing system of one tenant."""

    tenant: int
    clearing: str
    instruct: list[Row] = field(default_factory=list)
    ask: list[Row] = field(default_factory=list)
    withdraw: list[Row] = field(default_factory=list)


def say(said: Said, clock: Clock) -> None:
    """Ask and withdraw, then instruct as far as the breaker lets us."""
    system = _connect(said)
    for step, wanted, method in (
        ("ask", said.ask, system.ask),
        ("withdraw", said.withdraw, system.cancel),
    ):
        _look_into(said, step, wanted, method, system.bulk_max, clock)
    left = list(said.instruct)
    while left:
        admission = breaker.admit(said.tenant, said.clearing)
        if not admission.allowed:
            _hold(left, admission.retry_at, clock())
            return
        size = 1 if admission.is_probe else system.bulk_max
        group, left = left[:size], left[size:]
        instructions = [_instruction(one) for one in group]
        ids = [one.id for one in instructions]
        answers = _safely(partial(system.instruct, instructions), ids)
        breaker.report(said.tenant, said.clearing, ok=_is_answered(answers))
        _take(said, "instruct", group, answers, clock())


def _look_into(
    said: Said, step: str, wanted: Sequence[Row], method: Method, size: int, clock: Clock
) -> None:
    """Ask, or withdraw, in groups; where nobody answers and the breaker is open one was enough.

    An answer here closes no breaker: whether instructions are taken, only they find out.
    """
    left = list(wanted)
    while left:
        group, left = left[:size], left[size:]
        ids = [_instruction_id(one) for one in group]
        answers = _safely(partial(method, ids), ids)
        is_answered = _is_answered(answers)
        if not is_answered:
            breaker.report(said.tenant, said.clearing, ok=False)
        _take(said, step, group, answers, clock())
        until = breaker.open_until(said.tenant, said.clearing)
        if left and until is not None and not is_answered:
            _hold(left, until, clock())
            return


def _is_answered(answers: Sequence[Answer]) -> bool:
    return any(one.outcome not in FAILED for one in answers)


class _Nowhere:
    """Stands for a clearing system that is not set up: nothing reaches it."""

    bulk_max = 500

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def instruct(self, instructions: Sequence[Instruction]) -> list[Answer]:
        return self.ask([one.id for one in instructions])

    def ask(self, instructions: Sequence[UUID]) -> list[Answer]:
        return [Answer(one, Outcome.UNAVAILABLE, detail=self.reason) for one in instructions]

    cancel = ask

    def statement(self) -> None:
        return None


def _connect(said: Said) -> ClearingSystem:
    try:
        return connect(said.tenant, said.clearing)
    except DomainError as unknown:
        return _Nowhere(str(unknown))


def _instruction_id(one: Row) -> UUID:
    assert one.instruction_id is not None  # only what was instructed is asked about or withdrawn
    return one.instruction_id


def _instruction(one: Row) -> Instruction:
    quantity = one.saga.open
    amount = cash_for(
        quantity,
        of=one.quantity,
        total=one.amount,
        before=one.settled,
        scale=scale_of(one.currency),
    )
    assert one.due_on is not None  # what has no date stays with a person
    return Instruction(
        id=_instruction_id(one),
        settlement=one.id,
        tenant=one.tenant_id,
        movement=one.movement,
        account=one.account_number,
        symbol=one.symbol,
        quantity=quantity,
        currency=one.currency,
        amount=amount,
        payment="against" if amount else "free",
        trade_date=one.trade_date,
        settles_on=one.due_on,
        counterparty=one.counterparty,
    )


def _safely(call: Callable[[], list[Answer]], ids: Sequence[UUID]) -> list[Answer]:
    """The answers; a defect of an adapter leaves us knowing nothing, which is an answer, too."""
    try:
        return call()
    except Exception as error:
        log.exception("a clearing adapter broke its promise never to raise")
        detail = f"{type(error).__name__}: {error}"
        return [Answer(one, Outcome.UNKNOWN, detail=detail) for one in ids]


def _hold(held: Sequence[Row], retry_at: datetime | None, now: datetime) -> None:
    """The breaker is open: nothing was said, and waiting is no try."""
    with unit_of_work() as work:
        moves = Moves(work, now)
        wait = max((retry_at or moves.now) - moves.now, timedelta(seconds=1))
        locked = rows.lock(one.id for one in held)
        for one in held:
            row = locked[one.id]
            if row.version == one.version:
                moves.tell(row, facts.Held(wait))
                if row.state is State.RETRYING:
                    row.detail = "waits for the clearing system, whose breaker is open"
        moves.write()


def _take(
    said: Said, step: str, asked: Sequence[Row], answers: Sequence[Answer], now: datetime
) -> None:
    """Write down what a clearing system answered, and move on."""
    told: list[Notice] = []
    with unit_of_work() as work:
        moves = Moves(work, now)
        until = breaker.open_until(said.tenant, said.clearing)
        locked = rows.lock(one.id for one in asked)
        for one, answer in zip(asked, answers, strict=True):
            row = locked[one.id]
            if row.instruction_id != answer.instruction:
                continue  # of an earlier round
            if row.version != one.version and answer.outcome in FAILED:
                continue  # it went on meanwhile, and this says nothing
            notice = (
                _confirmation(row, answer, now) if answer.outcome is Outcome.CONFIRMED else None
            )
            if notice is not None:
                told.append(notice)
            fact = _fact(step, answer, until, moves.now)
            actions = moves.tell(row, fact, _record(step, row, answer))
            row.reference = answer.reference or row.reference
            if actions and row.is_unwanted and row.settled and row.state is State.COMPENSATED:
                open_return(moves, row)
        moves.write()
        if told:
            notices.receive_notices(said.tenant, said.clearing, told)


def _fact(step: str, answer: Answer, until: datetime | None, now: datetime) -> Fact:
    outcome = answer.outcome
    if outcome in FAILED:
        # While the breaker is open nothing counts as a try; but what may have been taken is asked.
        is_known = step != "instruct" or outcome is Outcome.UNAVAILABLE
        if until is not None and is_known:
            return facts.Held(max(until - now, timedelta(seconds=1)))
        return facts.NotTaken() if outcome is Outcome.UNAVAILABLE else facts.NoAnswer()
    if step == "withdraw":
        return _WITHDRAWAL.get(outcome, facts.Held(HELD_FOR))
    return _MEANINGS[outcome]


_WITHDRAWAL: Final[Mapping[Outcome, Fact]] = {
    Outcome.REJECTED: facts.NotWithdrawn(),
    Outcome.CANCELLED: facts.Withdrawn(),
    Outcome.ABSENT: facts.Withdrawn(),
}
_MEANINGS: Final[Mapping[Outcome, Fact]] = {
    Outcome.ACCEPTED: facts.Accepted(),
    Outcome.CONFIRMED: facts.Accepted(),
    Outcome.REJECTED: facts.Refused(),
    Outcome.ABSENT: facts.Absent(),
    Outcome.CANCELLED: facts.Withdrawn(),
}


def _record(step: str, row: Row, answer: Answer) -> Record:
    is_ok = answer.outcome not in FAILED
    return Record(
        step,
        code=answer.code,
        detail=answer.detail,
        request_id=answer.instruction,
        request=answer.request,
        response=answer.response,
        error="" if is_ok else f"{answer.outcome}: {answer.detail}",
        note=f"{answer.outcome} {answer.code} {answer.detail}".strip(),
        attempt=row.tries + 1,
    )


def _confirmation(row: Row, answer: Answer, now: datetime) -> Notice | None:
    """Settled, says clearing when asked, and its own confirmation has not come: then this is it.

    Right after an instruction it is not late yet, so it is waited for.
    """
    if answer.quantity is None or answer.amount is None:
        return None
    if row.state in {State.INSTRUCTING, State.RETRYING} or (row.round and row.settled):
        return None
    before = cash_for(
        row.settled, of=row.quantity, total=row.amount, before=ZERO, scale=scale_of(row.currency)
    )
    with exact():
        quantity = answer.quantity - row.settled
        amount = answer.amount - before
    if quantity <= 0:
        return None
    return Notice(
        id=f"ask:{answer.instruction}:{answer.quantity}",
        instruction=str(answer.instruction),
        kind=NoticeKind.SETTLED if quantity == row.saga.open else NoticeKind.PARTIAL,
        at=now,
        quantity=quantity,
        amount=amount,
        detail="settled, said the clearing system when asked",
        raw=answer.response,
    )
