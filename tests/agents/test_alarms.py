"""What time brings about, by a real worker over real queues. No clock ticks here: only alarms ring."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from celery import current_app
from django.conf import settings as real
from django.utils import timezone

from apps.agents import selectors, services
from apps.agents.models import Agent
from apps.agents.services import Transfer
from apps.events import selectors as events
from apps.events.models import StoredEvent
from apps.events.services import waking
from apps.tenants.models import Tenant
from tests.agents.cast import make_agent, policy, queue
from tests.databases import ALARMS, database
from tests.waiting import wait_until
from tests.web import servers

pytestmark = pytest.mark.processes

PATIENCE = 180.0
"""Seconds; a guard against hanging on a busy machine, not a promise."""


@pytest.fixture(scope="module")
def own_redis() -> str:
    """The address of a database that no other test uses, which is empty."""
    url = database(real.REDIS_URL, ALARMS)
    redis.Redis.from_url(url).flushdb()
    return url


@contextmanager
def working(*queues: str, redis_url: str) -> Iterator[None]:
    """A worker of these queues on the test database."""
    command = [
        sys.executable, "-m", "celery", "-A", "config", "worker", "-P", "solo", "-n", "alarms@test",
        "-Q", ",".join(queues), "-l", "WARNING", "--without-gossip", "--without-mingle",
    ]  # fmt: skip
    env = servers.environment(REDIS_URL=redis_url, PYTHONWARNINGS="ignore")
    process = subprocess.Popen(
        command, cwd=servers.ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
        assert process.poll() is None, "the worker ended by itself"
    finally:
        process.terminate()
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, 9)
            process.wait()


@pytest.fixture(scope="module")
def _worker(django_db_setup: None, own_redis: str) -> Iterator[None]:
    with working("matching.0", "matching.1", redis_url=own_redis):
        yield


@pytest.fixture(autouse=True)
def _on_its_redis(
    _worker: None, own_redis: str, transactional_db: None, settings: Any, monkeypatch: Any
) -> Iterator[None]:
    """This process tells the worker, and only it; after the test all is quiet before it is wiped."""
    settings.REDIS_URL = settings.CELERY_BROKER_URL = own_redis
    settings.REDIS_PREFIX = servers.redis_prefix()
    monkeypatch.setattr(current_app.conf, "broker_url", own_redis)
    waking.reset()
    wait_until(lambda: any(one.online for one in events.workers()), PATIENCE)
    # Tenants' ids begin again with each test: what is known of the last one's is not this one's.
    for key in waking.client().scan_iter(f"{{{settings.REDIS_PREFIX}:agents:*"):
        waking.client().delete(key)
    yield
    for agent in Agent.objects.exclude(status="offline"):
        services.set_status(agent.tenant_id, agent.pk, "offline")
    mine = ("agents.match", "conversations.follow_work")
    wait_until(
        lambda: not any(lag.events for lag in events.lags() if lag.handler in mine), PATIENCE
    )
    waking.reset()


def comes(condition: Callable[[], object]) -> None:
    wait_until(condition, PATIENCE, every=0.05)


def owner_of(tenant: Tenant, work: UUID) -> UUID | None:
    return selectors.work_of(tenant.pk, work).agent_id


def told(name: str) -> list[dict[str, Any]]:
    return list(StoredEvent.objects.filter(name=f"agents.{name}").values_list("data", flat=True))


def test_an_offer_runs_out_and_is_made_to_the_next(tenant: Tenant) -> None:
    policy(tenant.pk, offer_time=1, missed_max=1)
    anna = make_agent(tenant.pk, "anna", status="online")
    work = queue(tenant.pk, ago=60)
    comes(lambda: told("agent.offered"))
    before = selectors.work_of(tenant.pk, work).queued_at
    comes(lambda: told("offer.timed_out"))
    comes(lambda: selectors.find_agent(tenant.pk, anna.pk).status == "away")
    policy(tenant.pk, offer_time=600)
    bob = make_agent(tenant.pk, "bob", status="online")
    comes(lambda: owner_of(tenant, work) == bob.pk)
    assert selectors.work_of(tenant.pk, work).queued_at == before


def test_a_deadline_that_passes_is_told(tenant: Tenant) -> None:
    soon, late = timezone.now() + timedelta(seconds=1), timezone.now() + timedelta(hours=1)
    missed = queue(tenant.pk, deadline=soon)
    queue(tenant.pk, deadline=late)
    comes(lambda: told("work.overflowed"))
    assert told("work.overflowed") == [
        {"work_id": str(missed), "rule": "deadline", "action": "tell"}
    ]


def test_whoever_waits_too_long_goes_to_the_overflow_team(tenant: Tenant) -> None:
    services.create_team(tenant.pk, "Night watch")
    services.change_policy(
        tenant.pk,
        {"relax": [], "long_wait": 1, "overflow_team": "Night watch", "auto_accept": True},
    )
    make_agent(tenant.pk, "anna", status="online", skills={"law": 2})
    watch = make_agent(tenant.pk, "bob", status="online", team="Night watch")
    work = queue(tenant.pk, skills={"law": 5})
    comes(lambda: owner_of(tenant, work) == watch.pk)
    (fact,) = told("work.overflowed")
    assert (fact["rule"], fact["action"]) == ("long_wait", "team:Night watch")


def test_skills_are_asked_less_of_with_time(tenant: Tenant) -> None:
    policy(tenant.pk, relax=[{"after": 1, "drop": 2}], auto_accept=True)
    anna = make_agent(tenant.pk, "anna", status="online", skills={"law": 2})
    work, other = queue(tenant.pk, skills={"law": 4}), queue(tenant.pk, skills={"law": 5})
    comes(lambda: owner_of(tenant, work) == anna.pk)
    assert owner_of(tenant, other) is None


def test_a_transfer_falls_back_when_its_agent_does_not_come(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    anna = make_agent(tenant.pk, "anna", status="online")
    bob = make_agent(tenant.pk, "bob")
    work = queue(tenant.pk)
    comes(lambda: owner_of(tenant, work) == anna.pk)
    services.set_status(tenant.pk, anna.pk, "busy")
    carl = make_agent(tenant.pk, "carl", status="online")
    before = timezone.now()
    services.transfer_work(tenant.pk, work, Transfer(agent=bob.pk, fallback_seconds=1))
    comes(lambda: owner_of(tenant, work) == carl.pk)
    matched = StoredEvent.objects.filter(name="agents.agent.matched").latest("recorded_at")
    assert matched.recorded_at >= before + timedelta(seconds=1)


def test_who_is_gone_for_longer_than_the_grace_gives_back_what_they_had(tenant: Tenant) -> None:
    policy(tenant.pk, grace=1, auto_accept=True)
    anna = make_agent(tenant.pk, "anna", status="online", capacity=1)
    services.connected(tenant.pk, anna.pk, "tab")
    work = queue(tenant.pk, ago=60)
    comes(lambda: owner_of(tenant, work) == anna.pk)
    place = selectors.work_of(tenant.pk, work).queued_at
    bob = make_agent(tenant.pk, "bob", status="online", capacity=1)
    services.disconnected(tenant.pk, anna.pk, "tab")
    comes(lambda: owner_of(tenant, work) == bob.pk)
    anna.refresh_from_db()
    assert (anna.status, anna.status_reason) == ("offline", "connection lost")
    assert selectors.work_of(tenant.pk, work).queued_at == place
