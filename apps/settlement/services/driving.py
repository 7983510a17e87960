"""Drive settlements: release what is due, talk to clearing, look after what is silent.

Each round is three steps: claim (a transaction: settlements whose time has come, locked with SKIP
LOCKED, and what is to be said to clearing), call (no transaction, nothing locked), take the answers
(a transaction). A claim pushes `next_at` ahead: it is the lease. A worker that dies leaves its
settlements to whoever looks after that time, who asks clearing before saying anything again.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import uuid5

from django.utils import timezone

from apps.core.money import plain
from apps.events.services import unit_of_work
from apps.ledger import selectors as ledger
from apps.settlement.saga import ANSWER_IN, PERSONS, Action, State, facts, next_action
from apps.settlement.services import calling, delivering, posting, rows
from apps.settlement.services.calling import Said
from apps.settlement.services.moving import Moves, Record
from apps.settlement.services.rows import Row

BATCH: Final = 500
"""Settlements in one round."""
DAY_ENDS: Final = timedelta(hours=6)
"""After midnight UTC: by then the business day is over in every market that we know."""
LACK: Final = "LACK"
"""Lack of securities, in the words of ISO 20022."""
CLAIM: Final = f"""
{rows.SELECT} WHERE s.next_at <= %s {{}} ORDER BY s.next_at LIMIT %s FOR UPDATE SKIP LOCKED
"""


@dataclass(slots=True)
class Driven:
    """What came of driving."""

    released: int = 0
    called: int = 0
    rounds: int = 0
    has_more: bool = True
    """The time was over before all was done."""


def drive(
    now: datetime | None = None, *, seconds: float = 20.0, due: date | None = None,
    tenant: int | None = None,
) -> Driven:  # fmt: skip
    """Do what the clock asks for, until nothing is due or the time is over.

    With `due` everything that is due up to that date is released, whatever its window.
    """
    deadline = time.monotonic() + seconds
    clock = timezone.now if now is None else lambda: now
    driven = Driven()
    if due is not None:
        release(due, tenant=tenant, now=now)
    while time.monotonic() < deadline:
        claimed, said = _claim(clock(), tenant, driven)
        for one in said:
            driven.called += len(one.instruct) + len(one.ask) + len(one.withdraw)
            calling.say(one, clock)
        driven.rounds += 1
        if not claimed:
            driven.has_more = False
            break
    return driven


def release(due: date, *, tenant: int | None = None, now: datetime | None = None) -> int:
    """Open the windows of all that is due up to a date; how many that are."""
    at, count = now or timezone.now(), 0
    while True:
        with unit_of_work() as work:
            mine = "" if tenant is None else f"AND s.tenant_id = {int(tenant)}"
            found = rows.read(
                f"""{rows.SELECT} WHERE s.state = 'awaiting_date' AND s.due_on <= %s {mine}
                    AND s.next_at > %s ORDER BY s.id LIMIT %s FOR UPDATE SKIP LOCKED""",
                [due, at, BATCH],
            )
            moves = Moves(work, at)
            for row in found:
                moves.touch(row)
                row.next_at = moves.now
            moves.write()
        count += len(found)
        if not found:
            return count


def _claim(now: datetime, tenant: int | None, driven: Driven) -> tuple[int, list[Said]]:
    """Settlements whose time has come: moved on as far as we can alone, and what is to be said."""
    mine = "" if tenant is None else f"AND s.tenant_id = {int(tenant)}"
    with unit_of_work() as work:
        found = rows.read(CLAIM.format(mine), [now, BATCH])
        moves = Moves(work, now)
        _open_windows(moves, found, driven)
        _validate(moves, [one for one in found if one.state is State.VALIDATING])
        for one in found:
            if one.state is State.INSTRUCTING and one.id not in moves.changed:
                moves.tell(one, facts.Lost(), Record("instruct", error="no answer was recorded"))
            elif one.state is State.INSTRUCTED and _is_overdue(one, now):
                moves.tell(
                    one, facts.DateMissed(), Record("date", detail="not settled on its date")
                )
        waiting = [one for one in found if one.state is State.CONFIRMED]
        if waiting:
            posting.post(moves, waiting)
        said = _what_to_say(moves, found)
        moves.write()
    return len(found), said


def _open_windows(moves: Moves, found: Iterable[Row], driven: Driven) -> None:
    for one in found:
        if one.state is State.AWAITING_DATE:
            moves.tell(one, facts.WindowOpened())
            driven.released += 1


def _validate(moves: Moves, found: Sequence[Row]) -> None:
    """What is released must be in the ledger, and there; the clearing system will see to the rest."""
    sources = {one.id: (one.tenant_id, f"trade:{one.trade_id}:{one.version_no}") for one in found}
    booked = ledger.booked_sources(set(sources.values()))
    short = delivering.lacking([one for one in found if sources[one.id] in booked])
    for one in found:
        if sources[one.id] not in booked:
            record = Record("validate", error="the ledger does not have the trade yet")
            moves.tell(one, facts.NotYetValid(), record)
            continue
        if one.id in short:
            detail = f"delivers {plain(one.saga.open)} and has {plain(short[one.id])} to deliver"
            record = Record("validate", code=LACK, detail=detail, attempt=one.tries + 1)
            moves.tell(one, facts.NotYetValid(), record)
            continue
        if one.clearing and not one.may_be_out:
            one.instruction_id = uuid5(one.id, str(one.round))
        moves.tell(one, facts.Valid(), Record("validate"))


def _is_overdue(one: Row, now: datetime) -> bool:
    return one.due_on is not None and one.due_on < (now - DAY_ENDS).date()


def _what_to_say(moves: Moves, found: Iterable[Row]) -> list[Said]:
    """Who is to be told what. Afterwards nothing that was claimed is due any more."""
    said: dict[tuple[int, str], Said] = {}
    for one in found:
        is_fresh = one.state is State.INSTRUCTING  # validated in this very round
        if one.next_at is None or (one.next_at > moves.now and not is_fresh):
            continue
        place = said.setdefault((one.tenant_id, one.clearing), Said(one.tenant_id, one.clearing))
        action = Action.INSTRUCT if is_fresh else next_action(one.saga)
        if action is Action.INSTRUCT:
            moves.tell(one, facts.Calling())
            place.instruct.append(one)
        elif action is Action.ASK:
            place.ask.append(one)
        elif action is Action.WITHDRAW:
            place.withdraw.append(one)
        moves.touch(one)
        one.next_at = None if action is None and one.state in PERSONS else moves.now + ANSWER_IN
    return [one for one in said.values() if one.instruct or one.ask or one.withdraw]
