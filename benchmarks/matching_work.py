"""What P8 does: customers who wait, agents who serve them, and two ways to bring them together."""

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from apps.agents import selectors, services
from apps.agents.models import Agent, Assignment, RoutingPolicy, Work
from apps.agents.services import moving, state
from apps.agents.services.state import scripts
from apps.core.ids import uuid7
from apps.events.models import StoredEvent
from apps.events.services import unit_of_work, waking
from apps.tenants.services import create_tenant

SKILLS = ("billing", "tax", "vip")
LOOK_SECONDS = 0.002  # between two looks whether a place is filled
PATIENCE = 30.0

PARTS = (
    "ending it, until the log has it",
    "wake, drain, rules, pick",
    "confirming, until the log has it",
    "seeing it",
)


@dataclass
class Fill:
    """A place that was freed and filled; what it took, and what that is made of."""

    released: UUID
    taken: UUID
    began: datetime
    seen: datetime
    seconds: float
    parts: dict[str, float] = field(default_factory=dict)


EMPTY = """
SET session_replication_role = replica;
DELETE FROM agents_assignment; DELETE FROM agents_work; UPDATE agents_agent SET load = 0;
SET session_replication_role = origin;
"""


def prepare(agents: int) -> int:
    """A tenant with agents who are in and have a hundred places each; its id."""
    make_password("")  # the hasher's own start, which is in nobody's figures
    tenant = create_tenant("bench-agents")[0].pk
    RoutingPolicy.objects.create(tenant_id=tenant, auto_accept=True)
    rng = random.Random(3)
    for number in range(agents):
        skills = {name: rng.randint(3, 5) for name in SKILLS}
        terms = services.AgentTerms(f"bench-{number}", capacity=100, skills=skills)
        row, _ = services.create_agent(tenant, terms)
        services.set_status(tenant, row.pk, "online", leased=True)
    return tenant


def let_wait(tenant: int, count: int) -> None:
    """Nothing is served, and so many wait; the state in Redis is made anew."""
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)
    begin, rng = timezone.now() - timedelta(seconds=10), random.Random(4)
    Work.objects.bulk_create(
        Work(
            tenant_id=tenant,
            work_id=uuid7(),
            channel="web",
            skills={rng.choice(SKILLS): 3},
            queued_at=(at := begin + timedelta(milliseconds=number)),
            order_at=at,
            weight=1000,
        )
        for number in range(count)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE agents_work, agents_assignment, agents_agent")
    for key in waking.client().scan_iter(f"{scripts.base(tenant)}*", count=1000):
        waking.client().delete(key)
    state.rebuild(tenant)


def picks(tenant: int, waiting: int, count: int) -> list[float]:
    """Seconds of single picks, with so many waiting."""
    let_wait(tenant, waiting + count)
    rules = selectors.rules_of(selectors.policy_of(tenant))
    found = []
    for _ in range(count):
        started = time.perf_counter()
        picked = state.pick(tenant, rules, most=1)
        found.append(time.perf_counter() - started)
        assert len(picked.picks) == 1
    return found


def round_trips(count: int) -> list[float]:
    """Seconds of single round trips to the same server."""
    client, found = waking.client(), []
    for _ in range(count):
        started = time.perf_counter()
        client.get("bench")
        found.append(time.perf_counter() - started)
    return found


def give_out(tenant: int) -> int:
    """Ours."""
    return services.give_out(tenant)


def by_orm(tenant: int, count: int) -> int:
    """As it is done with an ORM and row locks, one after another."""
    return sum(_match_by_orm(tenant) for _ in range(count))


def _match_by_orm(tenant: int) -> int:
    with unit_of_work() as work:
        waiting = Work.objects.for_tenant(tenant).filter(state="waiting")
        row = waiting.select_for_update(skip_locked=True).order_by("order_at", "pk").first()
        if row is None:
            return 0
        fit = Agent.objects.for_tenant(tenant).filter(status="online")
        for name, level in row.skills.items():
            fit = fit.filter(skills__skill=name, skills__level__gte=level)
        live = Count("assignments", filter=~Q(assignments__state="ended"), distinct=True)
        for agent in fit.annotate(live=live).filter(live__lt=F("capacity")).order_by("live", "pk"):
            locked = Agent.objects.select_for_update().get(pk=agent.pk)
            if locked.assignments.exclude(state="ended").count() >= locked.capacity:
                continue
            now = timezone.now()
            row.fence, row.state, row.matched_at = moving.new_fence(row, now), "assigned", now
            row.save(update_fields=["fence", "state", "matched_at"])
            held = Assignment.objects.create(
                tenant_id=tenant, work=row, agent=locked, state="active", how="auto",
                fence=row.fence, weight=row.weight, offered_at=now, accepted_at=now,
            )  # fmt: skip
            moving.tell_match(work, row, held, locked)
            return 1
    return 0


def fill_up(tenant: int, waiting: int) -> None:
    """A full house of one place for each agent, and so many who wait."""
    Agent.objects.for_tenant(tenant).update(capacity=1)
    let_wait(tenant, waiting + Agent.objects.count())
    services.give_out(tenant)


def settle(tenant: int) -> None:
    """What was told while nobody listened is nothing to measure."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """UPDATE events_cursor c SET "offset" = (
                   SELECT coalesce(max(e."offset"), 0) FROM events_event e
                   WHERE e.topic = c.topic AND e.partition = c.partition)
               WHERE c.handler = 'agents.match'"""
        )


def free_places(tenant: int, count: int) -> list[Fill]:
    """End conversations one after another; until each agent has the next."""
    rng = random.Random(5)
    found = [_free_one(tenant, rng) for _ in range(count)]
    _take_apart(tenant, found)
    return found


def _free_one(tenant: int, rng: random.Random) -> Fill:
    live = Assignment.objects.for_tenant(tenant).exclude(state="ended").select_related("work")
    held = rng.choice(list(live))
    queue_one(tenant)
    began, started = datetime.now(UTC), time.perf_counter()
    services.complete_work(tenant, held.work.work_id)
    while not (new := live.filter(agent_id=held.agent_id).exclude(pk=held.pk).first()):
        if time.perf_counter() - started > PATIENCE:
            raise RuntimeError("a freed place was not filled")
        time.sleep(LOOK_SECONDS)
    seconds = time.perf_counter() - started
    return Fill(held.work.work_id, new.work.work_id, began, datetime.now(UTC), seconds)


def _take_apart(tenant: int, fills: list[Fill]) -> None:
    """Put the parts into fills, by the times that the log and the tables have of them."""
    told = StoredEvent.objects.filter(tenant_id=tenant, topic="agent")
    ended, matched = (
        dict(told.filter(name=name, key__in=keys).values_list("key", "recorded_at"))
        for name, keys in (
            ("agents.work.released", [str(fill.released) for fill in fills]),
            ("agents.agent.matched", [str(fill.taken) for fill in fills]),
        )
    )
    taken = Assignment.objects.for_tenant(tenant).filter(
        work__work_id__in=[fill.taken for fill in fills]
    )
    picked = dict(taken.values_list("work__work_id", "offered_at"))
    for fill in fills:
        times = (
            fill.began,
            ended[str(fill.released)],
            picked[fill.taken],
            matched[str(fill.taken)],
            fill.seen,
        )
        spans = zip(PARTS, times, times[1:], strict=False)
        fill.parts = {name: (end - begin).total_seconds() for name, begin, end in spans}


def queue_one(tenant: int) -> None:
    """As many wait as before."""
    services.queue_work(tenant, services.WorkTerms(uuid7(), "web", skills={"tax": 3}))
