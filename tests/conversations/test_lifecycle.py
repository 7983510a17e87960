"""The table of moves, and what must hold on any walk through it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.conversations.exceptions import IllegalMove
from apps.conversations.lifecycle import (
    MAY_WRITE,
    MOVES,
    OPEN,
    WITH_AGENT,
    Move,
    Owner,
    Sender,
    State,
    may_write,
    moves_from,
    next_state,
    owner_in,
)

WALKS = st.lists(st.sampled_from(list(Move)), max_size=60)


def walk(start: State, moves: list[Move]) -> list[State]:
    """The states on the way; a move that is refused is passed over."""
    states = [start]
    for move in moves:
        try:
            states.append(next_state(states[-1], move))
        except IllegalMove:
            assert move not in moves_from(states[-1])
    return states


@given(st.sampled_from([State.BOT, State.QUEUED]), WALKS)
def test_on_any_walk_each_step_is_one_of_the_table(start: State, moves: list[Move]) -> None:
    states = walk(start, moves)

    for before, after in pairwise(states):
        assert any(before in sources and after is target for sources, target in MOVES.values())


@given(st.sampled_from([State.BOT, State.QUEUED]), WALKS)
def test_on_any_walk_it_can_still_be_closed(start: State, moves: list[Move]) -> None:
    state = walk(start, moves)[-1]

    end = {State.WRAP_UP: Move.FINISH}.get(state, Move.CLOSE)
    assert state is State.CLOSED or next_state(state, end) is State.CLOSED


@given(st.sampled_from([State.BOT, State.QUEUED]), WALKS)
def test_on_any_walk_what_was_over_opens_only_by_reopening(start: State, moves: list[Move]) -> None:
    state = start
    for move in moves:
        if move in moves_from(state):
            after = next_state(state, move)
            assert state in OPEN or after not in OPEN or move is Move.REOPEN
            state = after


@given(st.sampled_from(list(State)), st.sampled_from(list(Move)))
def test_a_refusal_says_what_would_be_taken(state: State, move: Move) -> None:
    if move in moves_from(state):
        assert next_state(state, move) in State
        return
    with pytest.raises(IllegalMove) as refusal:
        next_state(state, move)
    assert refusal.value.status == 409
    assert refusal.value.facts["allowed"] == sorted(moves_from(state))


def test_every_state_is_reached_and_left() -> None:
    reached = {target for _, target in MOVES.values()}

    assert reached == set(State)
    assert all(moves_from(state) for state in State)


def test_owner_follows_state() -> None:
    assert {state for state in State if owner_in(state) is Owner.AGENT} == WITH_AGENT
    assert {state for state in State if owner_in(state) is Owner.NOBODY} == {State.CLOSED}
    assert owner_in(State.BOT) is Owner.BOT


def test_the_bot_writes_only_while_it_has_the_conversation() -> None:
    assert {state for state in State if may_write(Sender.BOT, state)} == {State.BOT}


def test_a_customer_writes_while_it_is_open() -> None:
    assert MAY_WRITE[Sender.CUSTOMER] == OPEN


@pytest.mark.parametrize(
    ("state", "move", "after"),
    [
        (State.BOT, Move.HAND_OVER, State.QUEUED),
        (State.QUEUED, Move.OFFER, State.OFFERED),
        (State.OFFERED, Move.WITHDRAW, State.QUEUED),
        (State.OFFERED, Move.ASSIGN, State.ACTIVE),
        (State.ACTIVE, Move.HOLD, State.ON_HOLD),
        (State.ON_HOLD, Move.RESUME, State.ACTIVE),
        (State.ACTIVE, Move.REQUEUE, State.QUEUED),
        (State.ACTIVE, Move.TRANSFER, State.QUEUED),
        (State.ACTIVE, Move.WRAP_UP, State.WRAP_UP),
        (State.WRAP_UP, Move.FINISH, State.CLOSED),
        (State.CLOSED, Move.REOPEN, State.QUEUED),
    ],
)
def test_the_way_of_a_day(state: State, move: Move, after: State) -> None:
    assert next_state(state, move) is after


@pytest.mark.parametrize(
    ("state", "move"),
    [
        (State.CLOSED, Move.ASSIGN),
        (State.CLOSED, Move.CLOSE),
        (State.WRAP_UP, Move.HOLD),
        (State.QUEUED, Move.HOLD),
        (State.BOT, Move.OFFER),
        (State.BOT, Move.WRAP_UP),
        (State.QUEUED, Move.HAND_OVER),
    ],
)
def test_what_does_not_happen(state: State, move: Move) -> None:
    with pytest.raises(IllegalMove):
        next_state(state, move)
