"""Eight processes, a crowd, twenty agents: nobody above capacity, one owner each, oldest first.

Short by default; `MATCHING_WORKS=1000` is the whole of it, and with `-s` it prints its figures.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.agents import invariants, matching, selectors, services
from apps.agents.matching import Candidate, Need
from apps.agents.models import Agent, Assignment, DriftCheck, Work
from apps.agents.services.state import scripts
from apps.agents.services.times import millis
from apps.core.ids import uuid7
from apps.events.services import waking
from apps.tenants.models import Tenant
from tests.agents.cast import make_agent, policy
from tests.waiting import wait_until
from tests.web import servers

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 8
AGENTS = 20
WORKS = int(os.environ.get("MATCHING_WORKS", "160"))
LEFT = 40
"""Works that nobody finishes: who waits at the end is looked at."""
PRIORITIES = (0, 0, 0, 5, 20)
PATIENCE = 240 + WORKS
"""Seconds for the crowd; it takes about a tenth of them on a machine that does nothing else."""

TOO_MUCH = """
SELECT count(*) FROM (
    SELECT a.agent_id FROM agents_assignment a JOIN agents_agent g ON g.id = a.agent_id
    WHERE a.state <> 'ended' GROUP BY a.agent_id, g.capacity
    HAVING sum(a.weight) > g.capacity * 1000) AS too_much
"""
TWICE = """
SELECT count(*) FROM (
    SELECT work_id FROM agents_assignment WHERE state <> 'ended'
    GROUP BY work_id HAVING count(*) > 1) AS twice
"""


def count(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def start(tenant: Tenant, works: list[tuple[str, str, str, int]]) -> subprocess.Popen[bytes]:
    database = settings.DATABASES["default"]
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
    orders = {
        "prefix": settings.REDIS_PREFIX,
        "tenant": tenant.pk,
        "processes": PROCESSES,
        "works": works,
        "enough": len(works) - LEFT,
        "seconds": PATIENCE,
    }
    environment = servers.environment(DATABASE_URL=url)
    command = [sys.executable, "-m", "tests.agents.matchers"]
    crowd = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert crowd.stdin is not None
    with crowd.stdin as wire:  # not on the command line: a thousand works are too long for it
        wire.write(json.dumps(orders).encode())
    return crowd


def run(tenant: Tenant, meanwhile: Callable[[], None] | None = None) -> None:
    """Let the crowd through; somebody looks all the time whether anybody has too much."""
    rng = random.Random(5)
    for number in range(AGENTS):
        skills = {name: rng.randint(1, 5) for name in ("billing", "tax") if rng.random() < 0.7}
        make_agent(
            tenant.pk,
            f"agent{number}",
            status="online",
            capacity=rng.randint(1, 3),
            skills=skills,
            auto_accept=number % 2 == 0,
        )
    # Not out of patience within the test: the skills asked are the skills that count.
    policy(tenant.pk, relax=[], decline_pause=1, missed_max=100)
    begin = timezone.now() - timedelta(hours=1)
    works = [
        (
            rng.choice(["", "billing", "tax"]),
            str(uuid7()),
            (begin + timedelta(seconds=n)).isoformat(),
            rng.choice(PRIORITIES),
        )
        for n in range(WORKS)
    ]
    started, crowd = time.monotonic(), start(tenant, works)
    looks: list[int] = []
    waited = False
    try:

        def over() -> bool:
            nonlocal waited
            looks.append(count(TOO_MUCH) + count(TWICE))
            if meanwhile and not waited and done() > WORKS // 4:
                waited = True
                meanwhile()
            return crowd.poll() is not None

        wait_until(over, timeout=PATIENCE + 60)
    finally:
        crowd.kill()
    assert crowd.returncode == 0
    assert sum(looks) == 0
    assert len(looks) > 20
    assert waited or meanwhile is None
    services.sweep()
    report(time.monotonic() - started, len(looks))


def report(seconds: float, looks: int) -> None:
    """What the crowd did, for whoever runs the whole of it (`-s`)."""
    ended = Assignment.objects.exclude(outcome="")
    declined = ended.filter(outcome="declined").count()
    matched = Assignment.objects.count()
    drift = DriftCheck.objects.get()
    sys.stdout.write(
        f"\n{PROCESSES} processes, {WORKS} works, {AGENTS} agents: {matched} matches ({declined} "
        f"declined) and {done()} finished in {seconds:.1f} s, {matched / seconds:.0f} matches/s; "
        f"{looks} looks met nobody above capacity and no work with two agents; "
        f"drift {drift.drifted} of {drift.compared}, {drift.rebuilds_total} rebuilds by the sweep\n"
    )


def done() -> int:
    return Work.objects.filter(state="done").count()


def assert_oldest_first(works: set[UUID] | None = None) -> None:
    """Of those who ask for the same: in the order of the line, and by age within a priority.

    Each work's first token is compared: who declined may be asked again later.
    """
    found: dict[UUID, int] = {}
    for work, fence in Assignment.objects.order_by("fence").values_list("work_id", "fence"):
        found.setdefault(work, fence)
    lines: dict[str, list[tuple[int, int]]] = defaultdict(list)
    ages: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for row in Work.objects.filter(pk__in=set(found) if works is None else works & set(found)):
        kind = ",".join(row.skills)
        lines[kind].append((millis(row.order_at), found[row.pk]))
        ages[kind, row.priority].append((millis(row.queued_at), found[row.pk]))
    assert lines
    for pairs in (*lines.values(), *ages.values()):
        fences = [fence for _, fence in sorted(pairs)]
        assert fences == sorted(fences)


def assert_all_is_well(tenant: Tenant) -> None:
    for check in invariants.INVARIANTS:
        assert check(tenant.pk).failures == []
    assert DriftCheck.objects.get(tenant=tenant).drifted == 0
    assert len(services.compare(tenant.pk)) == 0
    assert left_that_could_be_served(tenant) == []


def left_that_could_be_served(tenant: Tenant) -> list[matching.Match]:
    """Who waits though the rule, asked about the tables, has an agent for them."""
    agents = [
        Candidate(
            str(row.pk),
            row.capacity * 1000,
            load=row.load,
            skills={one.skill: one.level for one in row.skills.all()},
            online=row.status == "online",
        )
        for row in Agent.objects.prefetch_related("skills")
    ]
    now = millis(timezone.now())
    works = [
        Need(
            str(row.pk),
            millis(row.queued_at),
            millis(row.order_at),
            skills=row.skills,
            # Who declined is asked again by the alarm, for which no worker runs here.
            declined=dict.fromkeys(row.declined, now + 1),
        )
        for row in Work.objects.filter(state="waiting")
    ]
    return matching.match(works, agents, now, selectors.rules_of(selectors.policy_of(tenant.pk)))


@pytest.mark.processes
def test_nobody_above_capacity_one_owner_oldest_first(tenant: Tenant) -> None:
    run(tenant)
    assert_all_is_well(tenant)
    assert_oldest_first()


@pytest.mark.processes
def test_the_same_with_redis_emptied_in_the_middle(tenant: Tenant) -> None:
    waiting: set[UUID] = set()

    def flush() -> None:
        keys = list(waking.client().scan_iter(f"{scripts.base(tenant.pk)}*", count=1000))
        assert keys
        waking.client().delete(*keys)
        wait_until(lambda: waking.client().exists(f"{scripts.base(tenant.pk)}:warm"))
        reserved = waking.client().hkeys(f"{scripts.base(tenant.pk)}:reserved")
        waiting.update(Work.objects.filter(state="waiting").values_list("pk", flat=True))
        waiting.difference_update(UUID(one.decode()) for one in reserved)

    run(tenant, flush)
    assert_all_is_well(tenant)
    assert waiting
    # Who waited when all was known again: oldest first, as if nothing had happened.
    assert_oldest_first(waiting)
