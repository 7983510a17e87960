"""Whatever happens, in whatever order: nothing settles twice, and nothing is left to nobody."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.money import ZERO
from apps.settlement.saga import (
    CLOCKS,
    FINAL,
    PERSONS,
    TRIES_MAX,
    Action,
    Saga,
    State,
    Step,
    advance,
    cash_for,
    facts,
    next_action,
    pause_after,
)
from apps.settlement.saga.facts import Fact

QUANTITY, AMOUNT = Decimal(100), Decimal("5000.01")
FRESH = Saga(State.AWAITING_DATE, QUANTITY, AMOUNT, scale=12)
PLAIN = (
    facts.WindowOpened, facts.Valid, facts.NotYetValid, facts.Invalid, facts.Accepted,
    facts.Refused, facts.NotTaken, facts.NoAnswer, facts.Lost, facts.Calling, facts.Absent,
    facts.Contradicted, facts.Pending, facts.Failing, facts.SilenceEnded, facts.DateMissed,
    facts.Posted, facts.PostingDelayed, facts.PostingRefused, facts.Unwanted, facts.Withdrawn,
    facts.NotWithdrawn, facts.RetryDecided, facts.SettledByHand,
)  # fmt: skip

parts = st.sampled_from([Decimal(text) for text in ("1", "40", "60", "100", "101", "0", "-1")])
amounts = st.sampled_from([Decimal("5000.01"), Decimal("3000.006"), Decimal("2000.004")])
any_fact = st.one_of(
    st.sampled_from([kind() for kind in PLAIN]),
    st.builds(facts.Held, st.just(timedelta(seconds=5))),
    st.builds(facts.Confirmed, parts, amounts),
)
# Random facts alone seldom come far; these bring a saga to where it matters.
WAYS: list[tuple[Fact, ...]] = [
    (),
    (facts.WindowOpened(), facts.Valid()),
    (facts.WindowOpened(), facts.Valid(), facts.Accepted()),
    (facts.WindowOpened(), facts.Valid(), facts.NoAnswer()),
    (facts.WindowOpened(), facts.Valid(), facts.Accepted(),
     facts.Confirmed(Decimal(60), Decimal("3000.006"))),
    (facts.WindowOpened(), facts.Valid(), facts.Accepted(), facts.Unwanted()),
]  # fmt: skip


def told(*happened: Fact, saga: Saga = FRESH) -> Step:
    """Where these facts lead."""
    step = Step(saga)
    for fact in happened:
        step = advance(step.saga, fact)
    return step


@settings(max_examples=400)
@given(st.sampled_from(WAYS), st.lists(any_fact, max_size=25))
def test_nothing_settles_twice_and_nothing_is_left_to_nobody(
    way: tuple[Fact, ...], happened: list[Fact]
) -> None:
    saga, posted, returns = FRESH, ZERO, 0
    for fact in (*way, *happened):
        before, step = saga, advance(saga, fact)
        saga = step.saga
        if saga.settled != before.settled:
            assert isinstance(fact, facts.Posted)
            assert before.state is State.CONFIRMED
            posted += before.pending
        returns += step.actions.count(Action.RETURN)
        assert saga.settled == posted
        assert ZERO <= saga.settled + saga.pending <= QUANTITY
        assert (saga.state is State.SETTLED) == (saga.settled == QUANTITY)
        assert saga.state is not State.CONFIRMED or saga.pending > 0
        if saga.state in CLOCKS and saga.state is not before.state:
            assert step.due_in is not None  # the clock knows when
        if before.state in FINAL:
            assert saga.state is before.state
            assert Action.POST not in step.actions
        if Action.INSTRUCT in step.actions:
            # Never twice without having asked: only that it never arrived lets it go out again.
            assert not before.may_be_out or isinstance(fact, facts.Absent)
    assert returns <= 1
    if saga.is_unwanted and saga.state in FINAL and saga.settled:
        assert returns == 1  # what has settled and is unwanted goes back


@settings(max_examples=200)
@given(st.sampled_from(WAYS), st.lists(any_fact, max_size=15))
def test_from_anywhere_people_bring_it_to_an_end(
    way: tuple[Fact, ...], happened: list[Fact]
) -> None:
    saga = told(*way, *happened).saga
    for fact in (facts.WindowOpened(), facts.Invalid(), facts.Lost(), facts.Absent(),
                 facts.PostingRefused(), facts.NotWithdrawn(), facts.DateMissed(),
                 facts.Contradicted(), facts.SettledByHand(), facts.Posted(),
                 facts.Unwanted(), facts.Withdrawn()):  # fmt: skip
        saga = advance(saga, fact).saga
    assert saga.state in FINAL


@given(st.sampled_from(WAYS), st.lists(any_fact, max_size=15), any_fact)
def test_suspended_is_what_fits_nothing_and_it_moves_no_quantity(
    way: tuple[Fact, ...], happened: list[Fact], fact: Fact
) -> None:
    saga = told(*way, *happened).saga
    step = advance(saga, fact)
    if Action.SUSPEND in step.actions:
        assert (step.saga.settled, step.saga.pending) == (saga.settled, saga.pending)


@given(st.integers(1, 50), st.floats(0, 1))
def test_pauses_grow_and_end(tries: int, jitter: float) -> None:
    pause = pause_after(tries, jitter)
    assert timedelta(seconds=1) <= pause <= timedelta(minutes=5)
    assert pause <= 2 * pause_after(tries + 1, jitter)


@given(
    st.lists(st.decimals("0.001", "1000", places=3), min_size=1, max_size=8),
    st.decimals("-100000", "100000", places=2),
)
def test_cash_of_the_parts_adds_up_to_the_whole(shares: list[Decimal], total: Decimal) -> None:
    quantity, before, paid = sum(shares, ZERO), ZERO, ZERO
    for share in shares:
        paid += cash_for(share, of=quantity, total=total, before=before, scale=2)
        before += share
    assert paid == total


class TestTheUsualWays:
    def test_straight_through(self) -> None:
        step = told(facts.WindowOpened(), facts.Valid(), facts.Accepted(),
                    facts.Confirmed(QUANTITY, AMOUNT))  # fmt: skip
        assert (step.saga.state, step.actions) == (State.CONFIRMED, (Action.POST,))
        assert advance(step.saga, facts.Posted()).saga.state is State.SETTLED

    def test_in_parts(self) -> None:
        step = told(facts.WindowOpened(), facts.Valid(), facts.Accepted(),
                    facts.Confirmed(Decimal(60), Decimal("3000.006")), facts.Posted())  # fmt: skip
        assert (step.saga.state, step.saga.open) == (State.INSTRUCTED, 40)
        step = advance(step.saga, facts.Confirmed(Decimal(40), Decimal("2000.004")))
        assert advance(step.saga, facts.Posted()).saga.state is State.SETTLED

    @pytest.mark.parametrize(
        "wrong", [(QUANTITY, AMOUNT - 1), (QUANTITY + 1, AMOUNT), (Decimal(0), Decimal(0))]
    )
    def test_another_amount_is_a_break_not_a_correction(
        self, wrong: tuple[Decimal, Decimal]
    ) -> None:
        step = told(facts.WindowOpened(), facts.Valid(), facts.Accepted(), facts.Confirmed(*wrong))
        assert (step.saga.state, step.actions) == (State.MANUAL, (Action.SUSPEND,))
        assert step.saga.pending == 0

    def test_a_time_out_is_asked_about_before_anything_else(self) -> None:
        step = told(facts.WindowOpened(), facts.Valid(), facts.NoAnswer())
        assert step.saga.state is State.RETRYING
        assert next_action(step.saga) is Action.ASK
        step = advance(step.saga, facts.Absent())
        assert step.actions == (Action.INSTRUCT,)

    def test_three_tries_then_a_person(self) -> None:
        saga = told(facts.WindowOpened(), facts.Valid()).saga
        for _ in range(TRIES_MAX - 1):
            saga = advance(saga, facts.NotTaken()).saga
            assert next_action(saga) is Action.INSTRUCT
            saga = advance(saga, facts.Calling()).saga
        assert advance(saga, facts.NotTaken()).saga.state is State.MANUAL

    def test_waiting_for_an_open_breaker_is_no_try(self) -> None:
        saga = told(facts.WindowOpened(), facts.Valid()).saga
        for _ in range(50):
            step = advance(saga, facts.Held(timedelta(seconds=5)))
            assert (step.saga.state, step.saga.tries) == (State.RETRYING, 0)
            saga = advance(step.saga, facts.Calling()).saga

    def test_our_own_books_need_no_confirmation(self) -> None:
        saga = Saga(State.AWAITING_DATE, QUANTITY, AMOUNT, 12, is_internal=True)
        step = told(facts.WindowOpened(), facts.Valid(), saga=saga)
        assert (step.saga.state, step.saga.pending) == (State.CONFIRMED, QUANTITY)

    def test_a_late_confirmation_settles_what_had_failed(self) -> None:
        step = told(facts.WindowOpened(), facts.Valid(), facts.Accepted(), facts.Failing())
        assert step.saga.state in PERSONS
        step = advance(step.saga, facts.Confirmed(QUANTITY, AMOUNT))
        assert step.actions == (Action.POST,)

    def test_a_confirmation_of_what_is_settled_is_suspended(self) -> None:
        done = told(facts.WindowOpened(), facts.Valid(), facts.Accepted(),
                    facts.Confirmed(QUANTITY, AMOUNT), facts.Posted()).saga  # fmt: skip
        step = advance(done, facts.Confirmed(QUANTITY, AMOUNT))
        assert (step.saga, step.actions) == (done, (Action.SUSPEND,))

    def test_cancelled_while_the_call_is_under_way(self) -> None:
        saga = told(facts.WindowOpened(), facts.Valid(), facts.Unwanted()).saga
        assert saga.state is State.INSTRUCTING
        assert advance(saga, facts.Accepted()).actions == (Action.WITHDRAW,)
        assert advance(saga, facts.Refused()).saga.state is State.COMPENSATED

    def test_settled_while_it_was_being_withdrawn(self) -> None:
        step = told(facts.WindowOpened(), facts.Valid(), facts.Accepted(), facts.Unwanted(),
                    facts.Confirmed(QUANTITY, AMOUNT), facts.Posted())  # fmt: skip
        assert (step.saga.state, step.actions) == (State.SETTLED, (Action.RETURN,))

    def test_a_withdrawal_that_is_refused_has_an_owner(self) -> None:
        step = told(facts.WindowOpened(), facts.Valid(), facts.Accepted(), facts.Unwanted(),
                    facts.NotWithdrawn())  # fmt: skip
        assert step.saga.state is State.COMPENSATION_FAILED
        assert step.saga.state in PERSONS
