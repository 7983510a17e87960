"""What is said in served work: response times, and whether it is silent. Many messages at once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from apps.agents.models import Agent, Assignment, AssignmentState, Work
from apps.agents.services import moving
from apps.agents.services.touching import touch
from apps.events.services import unit_of_work

SMOOTHING: Final = 8
"""A new first response counts an eighth of an agent's smoothed time."""


@dataclass(frozen=True, slots=True)
class Activity:
    """A message of the `customer`, the `agent` or the `bot`. What bots say counts for nobody."""

    work_id: UUID
    sender: str
    at: datetime


def note_messages(tenant: int, said: Iterable[Activity]) -> None:
    """Take note of messages in live work, in the order in which they were said.

    A response is counted from the customer's first word that was not answered. Work that was
    silent weighs its whole weight again from the next word on.
    """
    by_work: dict[UUID, list[Activity]] = defaultdict(list)
    for one in said:
        if one.sender != "bot":
            by_work[one.work_id].append(one)
    if not by_work:
        return
    with unit_of_work() as work:
        rows = Work.objects.for_tenant(tenant).exclude(state="done")
        ids = rows.filter(work_id__in=list(by_work)).values_list("pk", flat=True)
        pairs = moving.lock_works(tenant, list(ids))
        weights = {held.pk: held.weight for _, held in pairs if held is not None}
        firsts = [
            (held, first)
            for row, held in pairs
            if (first := _note(row, held, by_work[row.work_id])) is not None and held is not None
        ]
        heavier = {held.agent_id for _, held in pairs if held and held.weight != weights[held.pk]}
        # Before the trigger does it, in an order of its own.
        agents = moving.lock_agents(tenant, heavier | {held.agent_id for held, _ in firsts})
        _learn(agents, firsts)
        _write(pairs)
        touch(work, tenant, agents={held.agent_id for _, held in pairs if held is not None})


def _note(row: Work, held: Assignment | None, said: Sequence[Activity]) -> int | None:
    """Put messages into a row; the ms that a first response of this agent took, if one did."""
    first = None
    for one in sorted(said, key=lambda each: each.at):
        row.active_at = max(row.active_at or one.at, one.at)
        if one.sender == "customer":
            row.customer_since = row.customer_since or one.at
        elif row.customer_since is not None and held is not None:
            taken = _count(row, held, row.customer_since, one.at)
            row.customer_since = None
            if held.first_response_ms is None and taken is not None:
                held.first_response_ms = first = taken
    if held is not None and held.state == AssignmentState.ACTIVE and not row.on_hold:
        held.weight = row.weight
    return first


def _count(row: Work, held: Assignment, since: datetime, at: datetime) -> int | None:
    """Count a response for the work and for its agent; the ms that the agent took.

    The customer waits from their word on, or from when they were queued; an agent can only answer
    what they have.
    """
    row.responses += 1
    row.response_ms += _ms(since, at)
    if row.first_response_ms is None:
        row.first_response_ms = _ms(row.queued_at, at)
    if held.accepted_at is None:
        return None
    taken = _ms(max(since, held.accepted_at), at)
    held.responses += 1
    held.response_ms += taken
    return taken


def _ms(begin: datetime, end: datetime) -> int:
    return max(0, int((end - begin).total_seconds() * 1000))


def _write(pairs: Sequence[tuple[Work, Assignment | None]]) -> None:
    Work.objects.bulk_update(
        [row for row, _ in pairs],
        ["active_at", "customer_since", "responses", "response_ms", "first_response_ms"],
    )
    held = [one for _, one in pairs if one is not None]
    Assignment.objects.bulk_update(
        held, ["weight", "first_response_ms", "responses", "response_ms"]
    )


def _learn(agents: dict[UUID, Agent], firsts: Sequence[tuple[Assignment, int]]) -> None:
    for held, taken in firsts:
        agent = agents[held.agent_id]
        known = taken if agent.response_ms is None else agent.response_ms
        agent.response_ms = min(2**31 - 1, known + (taken - known) // SMOOTHING)
    if firsts:
        Agent.objects.bulk_update(agents.values(), ["response_ms"])
