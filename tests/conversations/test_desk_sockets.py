"""An agent's work over the desk's socket: here, offered, accepted, answered, closed."""

import asyncio
from functools import partial

import pytest
from django.db import connections

from apps.agents import selectors as agents_asked
from apps.agents import services as agents
from apps.conversations import selectors
from apps.tenants.models import Role
from apps.tenants.services import add_member
from tests.conversations import cast
from tests.conversations.screens import Screen

pytestmark = pytest.mark.processes


async def in_database(call, *arguments, **terms):
    def run():
        try:
            return call(*arguments, **terms)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


@pytest.fixture
def agent(tenant):
    add_member(tenant, username="grace", role=Role.AGENT, password="correct-horse-7")
    return agents.create_agent(tenant.pk, agents.AgentTerms(user="grace"))[0]


@pytest.fixture
def at_desk(sockets, api, agent):
    """The agent's desk; a program asks for the ticket."""

    def ask():
        try:
            answer = api.post("/api/v1/agents/me/ticket", {"agent": "grace"}, format="json")
        finally:
            connections.close_all()
        assert answer.status_code == 201, answer.content
        return answer.json()["url"]

    return lambda: Screen(ask)


@pytest.fixture
def offered(tenant, agent):
    """A conversation that waits for an agent, once matching has run."""
    view = cast.open_one(tenant.pk, owner="queue")
    agents.queue_work(tenant.pk, agents.WorkTerms(view.id, "web"))
    return view


async def test_an_offer_comes_is_accepted_and_answered(tenant, agent, at_desk, offered, chat):
    screen = at_desk()
    welcome = await screen.connect()
    assert welcome["agent"] == str(agent.pk)
    await screen.say("status", status="online")
    await screen.frame("status", agent=str(agent.pk), status="online")
    await in_database(agents.look, tenant.pk)
    offer = await screen.frame("offer", conversation=str(offered.id))
    await screen.say("accept", conversation=offered.id, fence=offer["fence"])
    await screen.frame("assigned", conversation=str(offered.id))
    # No reader of the log runs here: who said yes may write at once.
    assert (await in_database(selectors.conversation_of, tenant.pk, offered.id)).state == "active"
    await screen.say("subscribe", conversation=offered.id, last_seq=0)
    welcome = await screen.frame("welcome", conversation=str(offered.id))
    assert (welcome["state"], welcome["agent"]) == (
        "active",
        str(agent.pk),
    )  # at once, not by the log
    async with chat(offered.id) as customer:
        await screen.write("How can I help?", conversation=offered.id)
        await customer.has("How can I help?")
        (message,) = customer.log
        assert (message["sender"], message["sender_id"]) == ("agent", str(agent.pk))
    await screen.leave()


async def test_a_declined_offer_is_gone(tenant, agent, at_desk, offered):
    screen = at_desk()
    await screen.connect()
    await screen.say("status", status="online")
    await screen.frame("status", status="online")
    await in_database(agents.look, tenant.pk)
    await screen.frame("offer", conversation=str(offered.id))
    await screen.say("decline", conversation=offered.id, reason="lunch")
    await screen.frame("offer.closed", conversation=str(offered.id))
    await screen.say("accept", conversation=offered.id)
    await screen.frame("error", code="offer_gone", conversation=str(offered.id))
    await screen.leave()


async def test_two_tabs_are_one_agent_who_is_seen_until_the_last_is_closed(tenant, agent, at_desk):
    one, two = at_desk(), at_desk()
    await one.connect()
    await one.say("status", status="online")
    await one.frame("status", agent=str(agent.pk), status="online")
    await two.connect()
    await one.leave()
    assert await in_database(agents.look_after, tenant.pk, agent.pk) is False
    found = await in_database(agents_asked.find_agent, tenant.pk, agent.pk)
    assert found.status == "online"
    await two.leave()


async def test_who_is_no_agent_may_look_but_not_work(desk, offered):
    screen = desk()
    assert (await screen.connect())["agent"] is None
    await screen.say("status", status="online")
    await screen.frame("error", code="not_an_agent")
    await screen.say("subscribe", conversation=offered.id)
    await screen.frame("welcome", conversation=str(offered.id))
    await screen.leave()


def test_a_person_sits_at_their_own_desk(tenant, agent, client, sockets):
    user, _ = add_member(
        tenant, username="mallory", role=Role.SUPERVISOR, password="correct-horse-8"
    )
    client.force_login(user)
    post = partial(client.post, "/api/v1/agents/me/ticket", content_type="application/json")
    assert post({}).status_code == 201
    refused = post({"agent": "grace"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_your_desk")
    assert post({"agent": "nobody"}).status_code == 404
