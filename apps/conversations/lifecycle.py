"""Where a conversation stands and how it may move on: one table, no clock, no storage.

    bot ──────────► queued ◄──────► offered
     │  ▲             │  ▲             │
     │  └──────────── │ ─┼── active ◄──┘
     │                ▼  │    ▲  │
     │              active ───┘  ▼
     │                │ ▲      on_hold
     ▼                ▼ └───────┘
    closed ◄────── wrap_up            (closed and wrap_up may be reopened: back to the queue)

An open conversation has exactly one owner (bot, queue or agent), which follows from its state. Each
change of the owner, or of the agent, raises the conversation's *fence*: whoever acts for a former
owner shows an old fence and is refused, so a bot never talks over a human.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from apps.conversations.exceptions import IllegalMove


class State(StrEnum):
    """Where a conversation stands."""

    BOT = "bot"  # the bot answers
    QUEUED = "queued"  # it waits for an agent
    OFFERED = "offered"  # one agent was asked and has not answered yet
    ACTIVE = "active"  # an agent has it
    ON_HOLD = "on_hold"  # the agent has it and waits for something else
    WRAP_UP = "wrap_up"  # over for the customer; the agent writes down what is left to write
    CLOSED = "closed"


class Owner(StrEnum):
    """Who has to act."""

    BOT = "bot"
    QUEUE = "queue"
    AGENT = "agent"
    NOBODY = "nobody"


class Move(StrEnum):
    """What may happen to a conversation."""

    HAND_OVER = "hand_over"  # the bot gives it to people
    OFFER = "offer"  # an agent is asked
    WITHDRAW = "withdraw"  # the agent declined, or let the time pass
    ASSIGN = "assign"  # an agent has it from now on: accepted, pulled, or taken over
    REQUEUE = "requeue"  # its agent is lost: back to its place in the line
    TRANSFER = "transfer"  # to another agent or skill, through the line
    HOLD = "hold"
    RESUME = "resume"
    RETURN_TO_BOT = "return_to_bot"
    CLOSE = "close"
    WRAP_UP = "wrap_up"  # closed for the customer, not yet for the agent
    FINISH = "finish"  # the wrap-up is over
    REOPEN = "reopen"


class Sender(StrEnum):
    """Who wrote a message."""

    CUSTOMER = "customer"
    AGENT = "agent"
    BOT = "bot"
    SYSTEM = "system"


OPEN: Final = frozenset({State.BOT, State.QUEUED, State.OFFERED, State.ACTIVE, State.ON_HOLD})
"""The customer can write. A customer has at most one of these on a channel."""
WITH_AGENT: Final = frozenset({State.ACTIVE, State.ON_HOLD, State.WRAP_UP})

_OWNERS: Final[Mapping[State, Owner]] = MappingProxyType(
    {
        State.BOT: Owner.BOT,
        State.QUEUED: Owner.QUEUE,
        State.OFFERED: Owner.QUEUE,
        State.ACTIVE: Owner.AGENT,
        State.ON_HOLD: Owner.AGENT,
        State.WRAP_UP: Owner.AGENT,
        State.CLOSED: Owner.NOBODY,
    }
)

MOVES: Final[Mapping[Move, tuple[frozenset[State], State]]] = MappingProxyType(
    {
        Move.HAND_OVER: (frozenset({State.BOT}), State.QUEUED),
        Move.OFFER: (frozenset({State.QUEUED}), State.OFFERED),
        Move.WITHDRAW: (frozenset({State.OFFERED}), State.QUEUED),
        # From the bot and from another agent as well: supervisors take over.
        Move.ASSIGN: (OPEN, State.ACTIVE),
        Move.REQUEUE: (frozenset({State.OFFERED, State.ACTIVE, State.ON_HOLD}), State.QUEUED),
        Move.TRANSFER: (OPEN, State.QUEUED),
        Move.HOLD: (frozenset({State.ACTIVE}), State.ON_HOLD),
        Move.RESUME: (frozenset({State.ON_HOLD}), State.ACTIVE),
        Move.RETURN_TO_BOT: (OPEN - {State.BOT}, State.BOT),
        Move.CLOSE: (OPEN, State.CLOSED),
        Move.WRAP_UP: (frozenset({State.ACTIVE, State.ON_HOLD}), State.WRAP_UP),
        Move.FINISH: (frozenset({State.WRAP_UP}), State.CLOSED),
        Move.REOPEN: (frozenset({State.WRAP_UP, State.CLOSED}), State.QUEUED),
    }
)
"""Every move: from which states, to which. What is not here does not happen."""

MAY_WRITE: Final[Mapping[Sender, frozenset[State]]] = MappingProxyType(
    {
        Sender.CUSTOMER: OPEN,
        Sender.AGENT: OPEN | {State.WRAP_UP},
        Sender.BOT: frozenset({State.BOT}),
        Sender.SYSTEM: frozenset(State),
    }
)
"""In which states a sender's message is taken."""


def owner_in(state: State) -> Owner:
    """Who has to act in a state."""
    return _OWNERS[state]


def next_state(state: State, move: Move) -> State:
    """The state after a move. Raises `IllegalMove`."""
    sources, target = MOVES[move]
    if state not in sources:
        raise IllegalMove(
            f"A conversation that is {state} does not take the move {move}.",
            state=state.value,
            move=move.value,
            allowed=sorted(moves_from(state)),
        )
    return target


def moves_from(state: State) -> list[Move]:
    """The moves that a conversation in this state can make."""
    return [move for move, (sources, _) in MOVES.items() if state in sources]


def may_write(sender: Sender, state: State) -> bool:
    """Whether a message of this sender is taken in this state."""
    return state in MAY_WRITE[sender]
