"""What the database refuses, whoever writes."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.agents.models import Agent, Assignment, StatusChange, Work
from apps.tenants.models import Tenant
from tests.agents.cast import make_agent, queue


def offer(tenant: Tenant, agent: Agent, work: Work, fence: int = 1, **values: Any) -> Assignment:
    now = timezone.now()
    defaults = {"state": "offered", "expires_at": now, "offered_at": now, "weight": work.weight}
    return Assignment.objects.create(
        tenant=tenant, agent=agent, work=work, fence=fence, **(defaults | values)
    )


def works(tenant: Tenant, count: int) -> list[Work]:
    for _ in range(count):
        queue(tenant.pk)
    return list(Work.objects.order_by("pk"))


def test_an_agent_is_never_given_more_than_there_is_room_for(tenant: Tenant) -> None:
    agent = make_agent(tenant.pk, capacity=2)
    one, two, three = works(tenant, 3)
    offer(tenant, agent, one)
    offer(tenant, agent, two)
    with pytest.raises(IntegrityError, match="no room"):
        offer(tenant, agent, three)
    agent.refresh_from_db()
    assert agent.load == 2000


def test_an_ended_assignment_gives_its_room_back(tenant: Tenant) -> None:
    agent = make_agent(tenant.pk, capacity=1)
    one, two = works(tenant, 2)
    held = offer(tenant, agent, one)
    Assignment.objects.filter(pk=held.pk).update(state="ended", ended_at=timezone.now())
    offer(tenant, agent, two)
    agent.refresh_from_db()
    assert agent.load == 1000


def test_work_has_one_agent_at_a_time(tenant: Tenant) -> None:
    first, second = make_agent(tenant.pk, "anna"), make_agent(tenant.pk, "bob")
    (work,) = works(tenant, 1)
    offer(tenant, first, work)
    with pytest.raises(IntegrityError, match="work_has_one_agent"):
        offer(tenant, second, work, fence=2)


def test_what_ended_stays_ended_and_is_kept(tenant: Tenant) -> None:
    agent = make_agent(tenant.pk)
    (work,) = works(tenant, 1)
    held = Assignment.objects.filter(pk=offer(tenant, agent, work).pk)
    held.update(state="ended", ended_at=timezone.now())
    with pytest.raises(IntegrityError, match="refused"):
        held.update(state="offered", ended_at=None)
    with pytest.raises(IntegrityError, match="refused"):
        held.delete()


def test_a_load_is_not_written_by_hand(tenant: Tenant) -> None:
    agent = make_agent(tenant.pk)
    with pytest.raises(IntegrityError, match="follows from the assignments"):
        Agent.objects.filter(pk=agent.pk).update(load=5)


def test_an_agent_of_another_tenant_takes_nothing_here(tenant: Tenant, other: Tenant) -> None:
    stranger = make_agent(other.pk, "zoe")
    (work,) = works(tenant, 1)
    with pytest.raises(IntegrityError):
        offer(tenant, stranger, work)
    with pytest.raises(IntegrityError, match="not of tenant"):
        offer(other, stranger, work)


def test_every_change_of_a_row_raises_its_version(tenant: Tenant) -> None:
    agent = make_agent(tenant.pk)
    before = agent.version
    Agent.objects.filter(pk=agent.pk).update(name="Other")
    agent.refresh_from_db()
    assert agent.version == before + 1


def test_an_agent_is_in_one_status_at_a_time(tenant: Tenant) -> None:
    agent = make_agent(tenant.pk)
    with pytest.raises(IntegrityError, match="agent_is_in_one_status"), transaction.atomic():
        StatusChange.objects.create(
            tenant=tenant, agent=agent, status="online", since=timezone.now()
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM agents_statuschange WHERE until IS NULL")
        assert cursor.fetchone() == (1,)
