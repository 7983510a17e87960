"""Conversations and the line of agents: what one does the other follows, also when a fact comes late or twice."""

from collections.abc import Callable
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from apps.agents import selectors as lines
from apps.agents import services as agents
from apps.agents.exceptions import (
    AgentUnfit,
    NotServed,
    OfferGone,
    UnknownTeam,
    WorkMalformed,
)
from apps.conversations import selectors, services
from apps.conversations.models import Conversation
from apps.tenants.models import Tenant
from tests.agents.cast import make_agent, policy
from tests.conversations.cast import hear, open_one, say

FOLLOW = ("conversations.follow_work", "agent")


def stands(tenant: int, conversation: UUID) -> tuple[str, UUID | None]:
    view = selectors.conversation_of(tenant, conversation)
    return view.state, view.agent_id


def work_state(tenant: int, conversation: UUID) -> str:
    return lines.work_of(tenant, conversation).state


def matched(tenant: int) -> None:
    """Match what can be matched, and let the conversations hear of it."""
    agents.look(tenant)
    hear(*FOLLOW)


@pytest.fixture
def anna(tenant: Tenant) -> UUID:
    """An agent who is online."""
    return make_agent(tenant.pk, "anna", status="online", skills={"billing": 3}).pk


def test_from_the_bot_to_an_agent_and_to_the_end(tenant: Tenant, anna: UUID) -> None:
    policy(tenant.pk, wrap_up=60)
    one = open_one(tenant.pk, "carl")
    services.hand_over(tenant.pk, one.id, skills=["billing"])
    assert work_state(tenant.pk, one.id) == "waiting"

    matched(tenant.pk)
    assert stands(tenant.pk, one.id)[0] == "offered"
    view = services.accept(tenant.pk, one.id, agent=anna)
    assert (view.state, view.agent_id) == ("active", anna)
    hear(*FOLLOW)  # the fact comes after the answer, and changes nothing
    assert selectors.conversation_of(tenant.pk, one.id) == view

    services.hold(tenant.pk, one.id, by="agent:a")
    services.resume(tenant.pk, one.id, by="agent:a")
    services.close(tenant.pk, one.id, by="agent:a", wrap_up=True)
    assert (stands(tenant.pk, one.id)[0], work_state(tenant.pk, one.id)) == ("wrap_up", "wrap_up")
    services.finish(tenant.pk, one.id)
    assert (stands(tenant.pk, one.id)[0], work_state(tenant.pk, one.id)) == ("closed", "done")


def test_a_declined_offer_is_an_offer_for_the_next(tenant: Tenant, anna: UUID) -> None:
    one = open_one(tenant.pk, "carl", owner="queue")
    matched(tenant.pk)
    view = services.decline(tenant.pk, one.id, agent=anna)

    assert (view.state, view.queued_at) == ("queued", one.queued_at)
    with pytest.raises(OfferGone):
        services.accept(tenant.pk, one.id, agent=anna)
    ben = make_agent(tenant.pk, "ben", status="online").pk
    matched(tenant.pk)
    assert services.accept(tenant.pk, one.id, agent=ben).agent_id == ben


def test_an_agent_that_is_lost_gives_it_back_at_its_place(tenant: Tenant, anna: UUID) -> None:
    one = open_one(tenant.pk, "carl", owner="queue")
    matched(tenant.pk)
    services.accept(tenant.pk, one.id, agent=anna)

    agents.release_work(tenant.pk, one.id, reason="gone")
    hear(*FOLLOW)

    assert stands(tenant.pk, one.id) == ("queued", None)
    assert lines.work_of(tenant.pk, one.id).queued_at == one.queued_at


def test_a_closed_one_leaves_the_line(tenant: Tenant) -> None:
    one = open_one(tenant.pk, "carl", owner="queue")
    services.close(tenant.pk, one.id, by="customer")

    assert work_state(tenant.pk, one.id) == "done"
    services.reopen(tenant.pk, one.id, by="customer")
    assert work_state(tenant.pk, one.id) == "waiting"
    services.return_to_bot(tenant.pk, one.id, by="agent:x")
    assert work_state(tenant.pk, one.id) == "done"


def test_what_leaves_the_line_ends(tenant: Tenant, anna: UUID) -> None:
    one = open_one(tenant.pk, "carl", owner="queue")
    agents.withdraw_work(tenant.pk, one.id)
    hear(*FOLLOW)

    view = selectors.conversation_of(tenant.pk, one.id)
    assert (view.state, view.closing_reason) == ("closed", "withdrawn")


def test_a_transfer_waits_for_its_agent_and_then_for_anybody(tenant: Tenant, anna: UUID) -> None:
    one = open_one(tenant.pk, "carl", owner="queue")
    matched(tenant.pk)
    services.accept(tenant.pk, one.id, agent=anna)
    ben = make_agent(tenant.pk, "ben", status="online").pk

    view = services.transfer(tenant.pk, one.id, agent=ben, by="agent:a")

    assert (view.state, view.wanted_agent_id, view.queued_at) == ("queued", ben, one.queued_at)
    matched(tenant.pk)
    assert services.accept(tenant.pk, one.id, agent=ben).agent_id == ben


def test_a_transfer_to_a_team_is_for_the_team(tenant: Tenant, anna: UUID) -> None:
    agents.create_team(tenant.pk, "Second level")
    ben = make_agent(tenant.pk, "ben", status="online", team="Second level").pk
    bot, queued = open_one(tenant.pk, "a"), open_one(tenant.pk, "b", skills=["billing"])
    matched(tenant.pk)
    services.accept(tenant.pk, queued.id, agent=anna)

    for one in (bot, queued):
        services.transfer(tenant.pk, one.id, team="Second level", skills={}, by="agent:a")
        matched(tenant.pk)
        assert services.accept(tenant.pk, one.id, agent=ben).agent_id == ben
    with pytest.raises(UnknownTeam):
        services.transfer(tenant.pk, queued.id, team="Nobody", by="agent:a")
    with pytest.raises(WorkMalformed):
        services.transfer(tenant.pk, queued.id, team="No\0body", by="agent:a")


def test_a_transfer_to_a_skill_waits_for_the_skill_until_it_falls_back(
    tenant: Tenant, anna: UUID
) -> None:
    policy(tenant.pk, relax=[])
    one = open_one(tenant.pk, "carl", owner="queue")
    matched(tenant.pk)
    services.accept(tenant.pk, one.id, agent=anna)
    ben = make_agent(tenant.pk, "ben", status="online").pk

    waits = services.transfer(tenant.pk, one.id, skills={"tax": 4}, by="agent:a")
    matched(tenant.pk)
    assert (waits.fallback_at, stands(tenant.pk, one.id)) == (None, ("queued", None))
    services.transfer(tenant.pk, one.id, skills={"tax": 4}, fallback_seconds=0, by="agent:a")
    matched(tenant.pk)
    assert services.accept(tenant.pk, one.id, agent=ben).agent_id == ben


def test_a_supervisor_takes_over_from_the_bot_the_line_and_an_agent(
    tenant: Tenant, anna: UUID
) -> None:
    ben = make_agent(tenant.pk, "ben", status="online").pk
    bot, queued = open_one(tenant.pk, "a"), open_one(tenant.pk, "b", owner="queue")

    for one in (bot, queued):
        first = services.give(tenant.pk, one.id, agent=anna, by="user:1")
        assert (first.state, first.agent_id) == ("active", anna)
        second = services.give(tenant.pk, one.id, agent=ben, by="user:2", take_over=True)
        assert (second.agent_id, second.last_agent_id) == (ben, anna)
        assert second.fence > first.fence
        hear(*FOLLOW)
        assert selectors.conversation_of(tenant.pk, one.id) == second


def test_nobody_gets_more_than_they_can_take(tenant: Tenant) -> None:
    carl = make_agent(tenant.pk, "carl", status="offline").pk
    one = open_one(tenant.pk, "a")

    with pytest.raises(AgentUnfit):
        services.give(tenant.pk, one.id, agent=carl, by="user:1")
    assert stands(tenant.pk, one.id) == ("bot", None)  # all of it was taken back


def test_late_and_doubled_facts_change_nothing(tenant: Tenant, anna: UUID) -> None:
    one = open_one(tenant.pk, "carl", owner="queue")
    agents.look(tenant.pk)  # offered; the conversation does not know it yet
    services.accept(tenant.pk, one.id, agent=anna)
    services.close(tenant.pk, one.id, by="agent:a")
    hear(*FOLLOW)

    assert stands(tenant.pk, one.id) == ("closed", None)
    for _ in range(2):
        services.follow(tenant.pk, one.id)
    assert Conversation.objects.get(pk=one.id).closings == 1


def test_a_hold_that_agents_refuse_is_none(tenant: Tenant, anna: UUID) -> None:
    one = open_one(tenant.pk, "carl", owner="queue")
    matched(tenant.pk)
    services.accept(tenant.pk, one.id, agent=anna)
    agents.release_work(tenant.pk, one.id, reason="gone")  # the conversation has not heard yet

    with pytest.raises(NotServed):
        services.hold(tenant.pk, one.id, by="agent:a")
    assert stands(tenant.pk, one.id) == ("active", anna)
    hear(*FOLLOW)
    assert stands(tenant.pk, one.id)[0] == "queued"


def test_the_first_word_of_an_agent_is_counted(tenant: Tenant, anna: UUID) -> None:
    one = open_one(tenant.pk, "carl", owner="queue")
    matched(tenant.pk)
    services.accept(tenant.pk, one.id, agent=anna)
    say(tenant.pk, one.id, "hello?")
    say(tenant.pk, one.id, "hello!", sender="agent", sender_id=str(anna))
    hear("conversations.note_activity", "message")

    work = lines.live_work(tenant.pk, one.id)
    assert work is not None
    assert work.responses == 1


class TestOverHttp:
    URL = "/api/v1/conversations"

    def test_a_place_in_the_line_is_shown(self, api: APIClient, tenant: Tenant) -> None:
        first, second = (open_one(tenant.pk, name, owner="queue") for name in ("a", "b"))
        assert api.get(f"{self.URL}/{second.id}").json()["queue"]["position"] == 2

        answer = api.put(f"{self.URL}/{second.id}/priority", {"priority": 50}, format="json")
        assert answer.json()["priority"] == 50
        assert api.get(f"{self.URL}/{second.id}").json()["queue"]["position"] == 1
        assert api.get(f"{self.URL}/{first.id}").json()["queue"]["position"] == 2

    def test_assignment_and_whispers(
        self, api: APIClient, client_of: Callable[..., APIClient], tenant: Tenant, other: Tenant,
        anna: UUID,
    ) -> None:  # fmt: skip
        one = open_one(tenant.pk, "carl")
        path = f"{self.URL}/{one.id}"
        given = api.post(f"{path}/assignment", {"agent": str(anna)}, format="json")

        assert (given.status_code, given.json()["agent"]) == (200, str(anna))
        assert api.get(f"{self.URL}?agent={anna}").json()["results"][0]["id"] == str(one.id)
        assert api.post(f"{path}/whispers", {"body": "be kind"}, format="json").status_code == 204
        mine = api.post(f"{path}/takeover")
        assert (mine.status_code, mine.json()["code"]) == (403, "no_agent")
        agent = client_of(tenant, role="agent")
        theirs = client_of(other)
        for method, end, body in (
            ("post", "assignment", {"agent": str(anna)}),
            ("put", "priority", {"priority": 1}),
            ("post", "whispers", {"body": "x"}),
        ):
            assert getattr(agent, method)(f"{path}/{end}", body, format="json").status_code == 403
            assert getattr(theirs, method)(f"{path}/{end}", body, format="json").status_code == 404
