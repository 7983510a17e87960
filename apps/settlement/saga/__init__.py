"""A settlement's way from a trade to finality. Pure: no clock, no I/O, no dice.

    advance(saga, fact) -> Step(saga, actions, due_in)

Every fact is accepted in every state; one that means nothing there changes nothing. Posting to the
ledger is the pivot: before it a settlement is withdrawn, after it only a return in the opposite
direction undoes it. A saga always has a next step: the clock's (`due_in`), or a person's, or it is
final.

Quantities and amounts are of the whole settlement and positive; directions are the ledger's matter.
"""

from apps.settlement.saga.rules import Step, advance, cash_for, next_action, pause_after
from apps.settlement.saga.states import (
    ANSWER_IN,
    CLOCKS,
    FINAL,
    PERSONS,
    TRIES_MAX,
    Action,
    Saga,
    State,
)

__all__ = [
    "ANSWER_IN",
    "CLOCKS",
    "FINAL",
    "PERSONS",
    "TRIES_MAX",
    "Action",
    "Saga",
    "State",
    "Step",
    "advance",
    "cash_for",
    "next_action",
    "pause_after",
]
