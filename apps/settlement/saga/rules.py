"""What each fact means in each state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from apps.core.money import ZERO, exact, round_to
from apps.settlement.saga import facts
from apps.settlement.saga.facts import Confirmed, Fact, Held
from apps.settlement.saga.states import (
    AGED_ASK,
    ANSWER_IN,
    CHECKS_MAX,
    CLOCKS,
    CONFIRMATION_IN,
    FINAL,
    NOW,
    PAUSE,
    PAUSE_MAX,
    PERSONS,
    TRIES_MAX,
    Action,
    Saga,
    State,
)


@dataclass(frozen=True, slots=True)
class Step:
    """What a fact leads to."""

    saga: Saga
    actions: tuple[Action, ...] = ()
    due_in: timedelta | None = None
    """When the clock looks at it again; nothing: as before, or never where it is final."""


def advance(saga: Saga, fact: Fact, *, jitter: float = 0.5) -> Step:
    """The next state and what is to be done; `jitter` (0 to 1) spreads the pauses."""
    return _ON[type(fact)](saga, fact, jitter)


def next_action(saga: Saga) -> Action | None:
    """What the clock does with a saga whose time has come."""
    if saga.state is State.RETRYING:
        return Action.ASK if saga.may_be_out else Action.INSTRUCT
    if saga.state is State.FAILED:
        return Action.ASK if saga.may_be_out else None
    return _CLOCKWORK.get(saga.state)


def pause_after(tries: int, jitter: float) -> timedelta:
    """Exponential back-off: 2 s, 4 s, 8 s … up to 5 minutes, each between half and the whole."""
    whole: timedelta = min(PAUSE * 2 ** min(max(tries - 1, 0), 20), PAUSE_MAX)
    return whole * (0.5 + jitter / 2)


def cash_for(
    quantity: Decimal, *, of: Decimal, total: Decimal, before: Decimal, scale: int
) -> Decimal:
    """The share of `total` that goes with a part of the quantity, after `before` was settled.

    What is rounded is the running sum, so the parts add up to the whole and the last takes the rest.
    """
    with exact():
        reached = before + quantity
        upto = total if reached == of else round_to(total * reached / of, scale)
        earlier = ZERO if not before else round_to(total * before / of, scale)
        return upto - earlier


def _window_opened(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is not State.AWAITING_DATE:
        return Step(saga)
    return Step(replace(saga, state=State.VALIDATING, tries=0), (Action.VALIDATE,), NOW)


def _valid(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is not State.VALIDATING:
        return Step(saga)
    if saga.is_internal:
        confirmed = replace(saga, state=State.CONFIRMED, pending=saga.open, tries=0)
        return Step(confirmed, (Action.POST,), NOW)
    if saga.may_be_out:
        return Step(replace(saga, state=State.RETRYING, tries=0), (Action.ASK,), NOW)
    return Step(
        replace(saga, state=State.INSTRUCTING, tries=0, may_be_out=True),
        (Action.INSTRUCT,),
        ANSWER_IN,
    )


def _not_yet_valid(saga: Saga, _fact: Fact, jitter: float) -> Step:
    if saga.state is not State.VALIDATING:
        return Step(saga)
    tries = saga.tries + 1
    if tries >= CHECKS_MAX:
        return Step(replace(saga, state=State.MANUAL, tries=tries))
    return Step(replace(saga, tries=tries), (), pause_after(tries, jitter))


def _invalid(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is not State.VALIDATING:
        return Step(saga)
    return Step(replace(saga, state=State.MANUAL))


def _accepted(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state in {State.INSTRUCTING, State.RETRYING, State.INSTRUCTED}:
        if saga.is_unwanted:
            return _withdraw(saga)
        taken = replace(saga, state=State.INSTRUCTED, tries=0, may_be_out=True)
        return Step(taken, (), CONFIRMATION_IN)
    if saga.state is State.FAILED and saga.may_be_out:
        return Step(saga, (), AGED_ASK)
    return Step(saga)


def _refused(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is State.COMPENSATING or (saga.is_unwanted and saga.state in _ON_THE_WAY):
        return _undone(saga)
    if saga.state in _ON_THE_WAY or (saga.state in PERSONS and saga.may_be_out):
        return Step(replace(saga, state=State.FAILED, tries=0, may_be_out=False))
    return Step(saga, (Action.SUSPEND,))


def _not_taken(saga: Saga, _fact: Fact, jitter: float) -> Step:
    """Not taken while an earlier try may have been: only the asking failed."""
    if saga.state is State.INSTRUCTING:
        if saga.is_unwanted:
            return _undone(saga)
        return _try_again(replace(saga, may_be_out=False), jitter)
    return _no_answer(saga, _fact, jitter)


def _no_answer(saga: Saga, _fact: Fact, jitter: float) -> Step:
    if saga.state in {State.INSTRUCTING, State.RETRYING}:
        return _try_again(saga, jitter)
    if saga.state is State.COMPENSATING:
        tries = saga.tries + 1
        if tries >= TRIES_MAX:
            return Step(replace(saga, state=State.COMPENSATION_FAILED, tries=tries))
        return Step(replace(saga, tries=tries), (), pause_after(tries, jitter))
    if saga.state is State.INSTRUCTED:
        return Step(saga, (), CONFIRMATION_IN)
    if saga.state is State.FAILED and saga.may_be_out:
        return Step(saga, (), AGED_ASK)
    return Step(saga)


def _calling(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is not State.RETRYING or saga.may_be_out:
        return Step(saga)
    return Step(replace(saga, state=State.INSTRUCTING, may_be_out=True), (), ANSWER_IN)


def _lost(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is not State.INSTRUCTING:
        return Step(saga)
    return Step(replace(saga, state=State.RETRYING), (Action.ASK,), NOW)


def _held(saga: Saga, fact: Fact, jitter: float) -> Step:
    """Waiting is no try, and those who wait do not come back all at once."""
    assert isinstance(fact, Held)
    later = fact.for_ + PAUSE * jitter
    if saga.state is State.INSTRUCTING:
        if saga.is_unwanted:
            return _undone(saga)
        return Step(replace(saga, state=State.RETRYING, may_be_out=False), (), later)
    if saga.state in CLOCKS - {State.AWAITING_DATE, State.CONFIRMED}:
        return Step(saga, (), later)
    return Step(saga)


def _absent(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is State.COMPENSATING or (saga.is_unwanted and saga.state is State.RETRYING):
        return _undone(saga)
    if saga.state is State.RETRYING:
        return Step(replace(saga, may_be_out=False), (Action.INSTRUCT,), NOW)
    if saga.state in {State.INSTRUCTED, State.FAILED} and saga.may_be_out:
        # It was taken, and now nobody knows of it: not for a machine to decide.
        return Step(replace(saga, state=State.MANUAL))
    return Step(saga)


def _confirmed(saga: Saga, fact: Fact, _jitter: float) -> Step:
    assert isinstance(fact, Confirmed)
    if saga.state in FINAL or not saga.may_be_out:
        return Step(saga, (Action.SUSPEND,))
    if not _fits(saga, fact):
        held = saga if saga.state is State.CONFIRMED else replace(saga, state=State.MANUAL)
        return Step(held, (Action.SUSPEND,))
    with exact():
        pending = saga.pending + fact.quantity
    return Step(replace(saga, state=State.CONFIRMED, pending=pending, tries=0), (Action.POST,), NOW)


def _fits(saga: Saga, fact: Confirmed) -> bool:
    """Whether a confirmation is of what was instructed: no more, and at its share of the cash."""
    if not 0 < fact.quantity <= saga.open:
        return False
    with exact():
        before = saga.settled + saga.pending
    expected = cash_for(
        fact.quantity, of=saga.quantity, total=saga.amount, before=before, scale=saga.scale
    )
    return fact.amount == expected


def _contradicted(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state in FINAL or saga.state is State.CONFIRMED:
        return Step(saga, (Action.SUSPEND,))
    return Step(replace(saga, state=State.MANUAL), (Action.SUSPEND,))


def _pending(saga: Saga, _fact: Fact, jitter: float) -> Step:
    if saga.state in FINAL or not saga.may_be_out:
        return Step(saga, (Action.SUSPEND,))
    return _accepted(saga, _fact, jitter)


def _failing(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state in FINAL or not saga.may_be_out:
        return Step(saga, (Action.SUSPEND,))
    if saga.is_unwanted and saga.state in _ON_THE_WAY:
        return _withdraw(saga)
    if saga.state in _ON_THE_WAY:
        return Step(replace(saga, state=State.FAILED, tries=0), (), AGED_ASK)
    return Step(saga)


def _silence_ended(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is State.INSTRUCTED:
        return Step(saga, (Action.ASK,), CONFIRMATION_IN)
    if saga.state is State.FAILED and saga.may_be_out:
        return Step(saga, (Action.ASK,), AGED_ASK)
    return Step(saga)


def _date_missed(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is not State.INSTRUCTED:
        return Step(saga)
    return Step(replace(saga, state=State.FAILED, tries=0), (Action.ASK,), NOW)


def _posted(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is not State.CONFIRMED:
        return Step(saga)
    with exact():
        settled = saga.settled + saga.pending
    done = replace(saga, settled=settled, pending=ZERO, tries=0)
    if settled == saga.quantity:
        undo = (Action.RETURN,) if saga.is_unwanted else ()
        return Step(replace(done, state=State.SETTLED, may_be_out=False), undo)
    if saga.is_unwanted:
        return _withdraw(done)
    return Step(replace(done, state=State.INSTRUCTED), (), CONFIRMATION_IN)


def _posting_delayed(saga: Saga, _fact: Fact, jitter: float) -> Step:
    if saga.state is not State.CONFIRMED:
        return Step(saga)
    tries = saga.tries + 1
    if tries >= CHECKS_MAX:
        return Step(replace(saga, state=State.MANUAL, tries=tries))
    return Step(replace(saga, tries=tries), (), pause_after(tries, jitter))


def _posting_refused(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    return Step(replace(saga, state=State.MANUAL) if saga.state is State.CONFIRMED else saga)


def _unwanted(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is State.SETTLED:
        return Step(replace(saga, is_unwanted=True), () if saga.is_unwanted else (Action.RETURN,))
    if saga.state in FINAL or saga.state is State.COMPENSATING:
        return Step(saga)
    saga = replace(saga, is_unwanted=True)
    if saga.state in {State.INSTRUCTING, State.CONFIRMED} or saga.pending:
        return Step(saga)  # the answer, or the ledger, comes first
    return _withdraw(saga) if saga.may_be_out else _undone(saga)


def _withdrawn(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state in {State.COMPENSATING, State.COMPENSATION_FAILED}:
        return _undone(saga)
    if saga.state in _ON_THE_WAY or (saga.state in PERSONS and saga.may_be_out):
        # Clearing took it back unasked.
        return Step(replace(saga, state=State.MANUAL, may_be_out=False))
    return Step(saga, (Action.SUSPEND,))


def _not_withdrawn(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is not State.COMPENSATING:
        return Step(saga)
    return Step(replace(saga, state=State.COMPENSATION_FAILED))


def _retry_decided(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state is State.COMPENSATION_FAILED:
        return _withdraw(saga)
    if saga.state not in {State.MANUAL, State.FAILED}:
        return Step(saga)
    if saga.pending:
        return Step(replace(saga, state=State.CONFIRMED, tries=0), (Action.POST,), NOW)
    if saga.is_unwanted:
        return _withdraw(saga) if saga.may_be_out else _undone(saga)
    if saga.may_be_out:
        return Step(replace(saga, state=State.RETRYING, tries=0), (Action.ASK,), NOW)
    return Step(replace(saga, state=State.VALIDATING, tries=0), (Action.VALIDATE,), NOW)


def _settled_by_hand(saga: Saga, _fact: Fact, _jitter: float) -> Step:
    if saga.state not in PERSONS:
        return Step(saga)
    with exact():
        pending = saga.pending + saga.open
    return Step(replace(saga, state=State.CONFIRMED, pending=pending, tries=0), (Action.POST,), NOW)


def _try_again(saga: Saga, jitter: float) -> Step:
    tries = saga.tries + 1
    if tries >= TRIES_MAX:
        return Step(replace(saga, state=State.MANUAL, tries=tries))
    return Step(replace(saga, state=State.RETRYING, tries=tries), (), pause_after(tries, jitter))


def _withdraw(saga: Saga) -> Step:
    return Step(
        replace(saga, state=State.COMPENSATING, tries=0, is_unwanted=True),
        (Action.WITHDRAW,),
        NOW,
    )


def _undone(saga: Saga) -> Step:
    """Nothing of it is out any more; what has settled goes back by a return."""
    was_out = saga.may_be_out or saga.settled
    state = State.COMPENSATED if was_out else State.CANCELLED
    undone = replace(saga, state=state, tries=0, may_be_out=False, is_unwanted=True)
    return Step(undone, (Action.RETURN,) if saga.settled else ())


_ON_THE_WAY: Final = frozenset({State.INSTRUCTING, State.INSTRUCTED, State.RETRYING})
_CLOCKWORK: Final[Mapping[State, Action]] = {
    State.VALIDATING: Action.VALIDATE,
    State.INSTRUCTED: Action.ASK,
    State.CONFIRMED: Action.POST,
    State.COMPENSATING: Action.WITHDRAW,
}
_ON: Final[Mapping[type, Callable[[Saga, Fact, float], Step]]] = {
    facts.WindowOpened: _window_opened,
    facts.Valid: _valid,
    facts.NotYetValid: _not_yet_valid,
    facts.Invalid: _invalid,
    facts.Accepted: _accepted,
    facts.Refused: _refused,
    facts.NotTaken: _not_taken,
    facts.NoAnswer: _no_answer,
    facts.Calling: _calling,
    facts.Lost: _lost,
    facts.Held: _held,
    facts.Absent: _absent,
    facts.Confirmed: _confirmed,
    facts.Contradicted: _contradicted,
    facts.Pending: _pending,
    facts.Failing: _failing,
    facts.SilenceEnded: _silence_ended,
    facts.DateMissed: _date_missed,
    facts.Posted: _posted,
    facts.PostingDelayed: _posting_delayed,
    facts.PostingRefused: _posting_refused,
    facts.Unwanted: _unwanted,
    facts.Withdrawn: _withdrawn,
    facts.NotWithdrawn: _not_withdrawn,
    facts.RetryDecided: _retry_decided,
    facts.SettledByHand: _settled_by_hand,
}
