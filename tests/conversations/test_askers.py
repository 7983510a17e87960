"""Customers who wait for one agent and answer what they write: on the real doors."""

import asyncio

import pytest
from django.db import connections

from apps.agents.services import AgentTerms, create_agent
from apps.conversations import selectors, services
from apps.conversations.management.askers import Asker, Script
from apps.conversations.management.callers import Api
from apps.tenants.models import Role
from apps.tenants.services import add_member, issue_key
from tests.conversations.cast import transcript
from tests.web import servers

pytestmark = pytest.mark.processes
SCRIPTS = (
    Script("Amara", ("one", "two", "three")),
    Script("Amara", ("another matter",), ("billing",)),
)


@pytest.fixture(scope="module")
def api_port(door, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), servers.pages(door) as port:
        yield port


@pytest.fixture
def asker(tenant, sockets, api_port):
    user, _ = add_member(tenant, username="newcomer", role=Role.OWNER, password="correct-horse-7")
    create_agent(tenant.pk, AgentTerms(user.username, "You", capacity=4, skills={"billing": 3}))
    _, key = issue_key(tenant, role=Role.OWNER, name="askers")
    api = Api(f"http://127.0.0.1:{api_port}", key)
    return Asker(api, "newcomer", SCRIPTS, pause=0.0, thinking=0.0)


def open_talk(tenant):
    """The conversation that is open, and what was said in it."""
    found = selectors.inbox(tenant, selectors.Filters(states=["queued"]), limit=5)
    return [(view, transcript(tenant, view.id)) for view, _ in found]


async def in_thread(call):
    def closing():
        try:
            return call()
        finally:
            connections.close_all()

    return await asyncio.to_thread(closing)


async def until(what):
    async with asyncio.timeout(30):
        while not (found := await in_thread(what)):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
    return found


async def test_they_answer_and_come_back_with_another_matter(tenant, asker):
    def said(*bodies):
        talks = open_talk(tenant.pk)
        return bool(talks) and [body for _, _, body in talks[0][1]] == list(bodies) and talks[0][0]

    def write(view, body):
        services.send_message(tenant.pk, view.id, sender="agent", client_id=body, body=body)

    running = asyncio.create_task(asker.run())
    first = await until(lambda: said("one"))
    assert first.wanted_agent_id is not None
    await in_thread(lambda: write(first, "hello"))
    await until(lambda: said("one", "hello", "two"))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    running = asyncio.create_task(asker.run())  # started anew, it goes on where it was
    await in_thread(lambda: write(first, "anything else?"))
    await until(lambda: said("one", "hello", "two", "anything else?", "three"))
    await in_thread(lambda: services.close(tenant.pk, first.id, by="test"))
    second = await until(lambda: said("another matter"))
    assert second.id != first.id
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
