"""Work ends, or goes back to where it came from."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from apps.agents.events import WorkAbandoned, WrapUpStarted
from apps.agents.exceptions import NotServed, UnknownWork
from apps.agents.models import Assignment, AssignmentState, Outcome, Work, WorkState
from apps.agents.selectors import policy_of
from apps.agents.services import faults as check
from apps.agents.services import moving
from apps.agents.services.queueing import refuse
from apps.agents.services.touching import touch
from apps.events.services import UnitOfWork, unit_of_work


def complete_work(tenant: int, work_id: UUID, *, wrap_up: bool = True) -> None:
    """The agent is done with the customer. Work that has ended, or never was, changes nothing.

    Where the policy gives time to write up, the room stays taken for so long. Work that nobody had
    yet leaves the line.
    """
    with unit_of_work() as work:
        try:
            row, held = moving.lock_work(tenant, work_id)
        except UnknownWork:
            return
        now = timezone.now()
        seconds = policy_of(tenant).wrap_up if wrap_up else 0
        if held is None or held.state == AssignmentState.OFFERED:
            moving.finish(work, row, held, Outcome.WITHDRAWN, now)
        elif held.state == AssignmentState.ACTIVE and seconds:
            held.state, held.wrap_up_at = AssignmentState.WRAP_UP, now
            held.wrap_up_until = now + timedelta(seconds=seconds)
            held.save(update_fields=["state", "wrap_up_at", "wrap_up_until"])
            row.state = WorkState.WRAP_UP
            row.save(update_fields=["state"])
            fact = WrapUpStarted(
                work_id=row.work_id, agent_id=held.agent_id, until=held.wrap_up_until
            )
            moving.publish(work, row, fact)
        elif held.state == AssignmentState.ACTIVE or not wrap_up:
            moving.finish(work, row, held, Outcome.COMPLETED, now)


def end_wrap_up(tenant: int, work_id: UUID) -> None:
    """The agent has written up; where nothing is being written up, nothing changes."""
    with unit_of_work() as work:
        try:
            row, held = moving.lock_work(tenant, work_id)
        except UnknownWork:
            return
        if held is not None and held.state == AssignmentState.WRAP_UP:
            moving.finish(work, row, held, Outcome.COMPLETED, timezone.now())


def release_work(tenant: int, work_id: UUID, *, reason: str = "") -> None:
    """Work goes back into the line, at its old place. Waiting work stays where it is.

    Raises `UnknownWork`; `NotServed` for work that is being written up.
    """
    refuse(list(check.text("reason", reason, empty=True)))
    with unit_of_work() as work:
        row, held = moving.lock_work(tenant, work_id)
        if held is None:
            return
        if held.state == AssignmentState.WRAP_UP:
            raise NotServed(work=str(work_id))
        now = timezone.now()
        moving.give_back(work, row, held, Outcome.RETURNED, now, reason=reason or "released")


def withdraw_work(tenant: int, work_id: UUID, *, reason: str = "abandoned") -> None:
    """Work leaves the line: the customer is gone. Unknown or ended work changes nothing."""
    refuse(list(check.text("reason", reason)))
    with unit_of_work() as work:
        try:
            row, held = moving.lock_work(tenant, work_id)
        except UnknownWork:
            return
        withdraw(work, row, held, reason)


def withdraw(work: UnitOfWork, row: Work, held: Assignment | None, reason: str) -> None:
    """Take locked work out; it counts as abandoned where no agent ever had it."""
    now = timezone.now()
    abandoned = row.matched_at is None and reason == "abandoned"
    outcome = Outcome.ABANDONED if abandoned else Outcome.WITHDRAWN
    moving.finish(work, row, held, outcome, now)
    if abandoned:
        waited = max(0, int((now - row.queued_at).total_seconds()))
        fact = WorkAbandoned(work_id=row.work_id, waited_seconds=waited, reason=reason)
        moving.publish(work, row, fact)
    touch(work, row.tenant_id, works=[row.pk])
