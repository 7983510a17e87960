"""Moves: state before and events make the state that is fetched after; refusals change nothing."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.conversations import selectors, services
from apps.conversations.exceptions import (
    AnotherIsOpen,
    ConversationRefused,
    IllegalMove,
    OwnerChanged,
    UnknownConversation,
)
from apps.core.exceptions import DomainError
from apps.tenants.models import Tenant
from tests.conversations.cast import facts, in_threads, open_one, queries, say

AGENTS = [uuid4(), uuid4()]


def seen(tenant: int, conversation: UUID) -> dict[str, Any]:
    """What is fetched of a conversation, as far as its events tell it."""
    view = selectors.conversation_of(tenant, conversation)
    people = selectors.participants_of(tenant, conversation)
    return {
        "state": view.state,
        "owner": view.owner,
        "agent": view.agent_id and str(view.agent_id),
        "fence": view.fence,
        "priority": view.priority,
        "skills": view.skills,
        "queued_at": view.queued_at and view.queued_at.isoformat(),
        "last_seq": view.last_seq,
        "marks": {
            (one.sender, one.sender_id): (one.delivered_seq, one.read_seq)
            for one in people
            if one.delivered_seq
        },
    }


def retold(conversation: UUID) -> dict[str, Any]:
    """The same, made of nothing but its events."""
    state: dict[str, Any] = {"last_seq": 0, "marks": {}, "agent": None, "queued_at": None}
    for fact in facts(conversation):
        match fact["name"].rsplit(".", 2)[-2:]:
            case ["conversation", "opened"]:
                state |= {
                    name: fact[name] for name in ("state", "owner", "fence", "priority", "skills")
                }
                state["queued_at"] = fact["opened_at"] if fact["state"] == "queued" else None
            case ["conversation", "state_changed"]:
                assert fact["from_state"] == state["state"]
                state |= {name: fact[name] for name in ("owner", "fence", "priority", "skills")}
                state |= {"state": fact["to_state"], "agent": fact["agent_id"]}
                state["queued_at"] = fact["queued_at"]
            case ["message", "sent"]:
                assert fact["seq"] == state["last_seq"] + 1
                state["last_seq"] = fact["seq"]
            case ["receipt", "advanced"]:
                who = fact["sender"], fact["sender_id"]
                state["marks"][who] = fact["delivered_seq"], fact["read_seq"]
    if state["queued_at"]:
        state["queued_at"] = state["queued_at"].replace("Z", "+00:00")
    return state


ACTIONS: dict[str, Callable[[int, UUID], object]] = {
    "hand_over": lambda t, c: services.hand_over(t, c, skills=["billing"], priority=7),
    "offer": services.mark_offered,
    "withdraw": services.withdraw_offer,
    "assign": lambda t, c: services.assign(t, c, agent=AGENTS[0]),
    "take over": lambda t, c: services.assign(t, c, agent=AGENTS[1], reason="taken_over"),
    "requeue": services.requeue,
    "transfer to skill": lambda t, c: services.transfer(t, c, skills={"tech": 2}, by="agent:x"),
    "transfer to agent": lambda t, c: services.transfer(t, c, agent=AGENTS[1], by="agent:x"),
    "hold": lambda t, c: services.hold(t, c, by="agent:x"),
    "resume": lambda t, c: services.resume(t, c, by="agent:x"),
    "return to bot": lambda t, c: services.return_to_bot(t, c, by="agent:x"),
    "close": lambda t, c: services.close(t, c, by="agent:x"),
    "wrap up": lambda t, c: services.close(t, c, by="agent:x", wrap_up=True),
    "finish": services.finish,
    "reopen": lambda t, c: services.reopen(t, c, by="customer"),
    "customer writes": lambda t, c: say(t, c, "hello", client_id=str(uuid4())),
    "agent writes": lambda t, c: say(t, c, "hi", client_id=str(uuid4()), sender="agent", sender_id="x"),
    "customer reads": lambda t, c: services.mark_receipts(
        t, [services.Receipt(c, "customer", "x", read_seq=selectors.position_of(t, c)[1])]
    ),
}  # fmt: skip


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions=st.lists(st.sampled_from(sorted(ACTIONS)), min_size=1, max_size=12))
def test_state_before_and_events_are_the_state_after(tenant: Tenant, actions: list[str]) -> None:
    one = open_one(tenant.pk, str(uuid4()))
    for name in actions:
        before = seen(tenant.pk, one.id)
        told = len(facts(one.id))
        try:
            ACTIONS[name](tenant.pk, one.id)
        except DomainError:
            assert seen(tenant.pk, one.id) == before, name
            assert len(facts(one.id)) == told, name
        else:
            assert retold(one.id) == seen(tenant.pk, one.id), name


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_each_action_of_another_tenants_is_refused(
    tenant: Tenant, other: Tenant, name: str
) -> None:
    theirs = open_one(other.pk, "carl")
    before = seen(other.pk, theirs.id)

    with pytest.raises(UnknownConversation):
        ACTIONS[name](tenant.pk, theirs.id)
    assert seen(other.pk, theirs.id) == before


def test_an_agent_that_is_lost_costs_no_place_in_the_line(tenant: Tenant) -> None:
    one = open_one(tenant.pk, owner="queue")
    services.assign(tenant.pk, one.id, agent=AGENTS[0])

    back = services.requeue(tenant.pk, one.id)

    assert (back.state, back.agent_id, back.last_agent_id) == ("queued", None, AGENTS[0])
    assert back.queued_at == one.queued_at


def test_a_transfer_names_somebody(tenant: Tenant) -> None:
    one = open_one(tenant.pk)

    with pytest.raises(ConversationRefused):
        services.transfer(tenant.pk, one.id, by="agent:x")


def test_a_transfer_to_an_agent_waits_for_them_for_a_time(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    found = services.transfer(tenant.pk, one.id, agent=AGENTS[1], fallback_seconds=30, by="agent:x")

    assert found.wanted_agent_id == AGENTS[1]
    assert found.fallback_at is not None
    assert found.queued_at is not None
    assert 29 < (found.fallback_at - found.queued_at).total_seconds() < 31
    taken = services.assign(tenant.pk, one.id, agent=AGENTS[1])
    assert (taken.wanted_agent_id, taken.fallback_at) == (None, None)


def test_closing_again_changes_nothing(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    first = services.close(tenant.pk, one.id, by="agent:x", reason="spam")

    assert services.close(tenant.pk, one.id, by="agent:y", reason="solved") == first
    assert (first.closing_reason, first.closings) == ("spam", 1)


def test_a_reason_is_a_code_since_it_goes_into_the_log(tenant: Tenant) -> None:
    one = open_one(tenant.pk)

    with pytest.raises(ConversationRefused):
        services.close(tenant.pk, one.id, by="agent:x", reason="Anna was angry")


def test_wrap_up_ends_for_the_customer_at_once(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    services.assign(tenant.pk, one.id, agent=AGENTS[0])

    found = services.close(tenant.pk, one.id, by="agent:x", wrap_up=True)

    assert (found.state, found.owner, found.is_open) == ("wrap_up", "agent", False)
    assert open_one(tenant.pk).id != one.id  # the customer may begin anew
    assert services.finish(tenant.pk, one.id).closings == 1


def test_reopening_heeds_the_new_one(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    services.close(tenant.pk, one.id, by="system")
    open_one(tenant.pk)

    with pytest.raises(AnotherIsOpen):
        services.reopen(tenant.pk, one.id, by="customer")


def test_reopening_and_opening_at_once_leave_one_open(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    services.close(tenant.pk, one.id, by="system")

    def either(number: int) -> str:
        if number % 2:
            return str(open_one(tenant.pk).id)
        try:
            return str(services.reopen(tenant.pk, one.id, by="customer").id)
        except (AnotherIsOpen, IllegalMove) as refusal:
            return type(refusal).__name__

    answers = set(in_threads(10, either)) - {"AnotherIsOpen", "IllegalMove"}

    found = selectors.open_conversation_of(tenant.pk, one.customer_id, "web")
    assert found is not None
    assert answers == {str(found.id)}


def test_a_decision_for_a_former_owner_is_void(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    services.assign(tenant.pk, one.id, agent=AGENTS[0])

    with pytest.raises(OwnerChanged):
        services.close(tenant.pk, one.id, by="bot", fence=one.fence)


def test_of_many_takers_the_last_has_it_and_the_fences_tell(tenant: Tenant) -> None:
    one = open_one(tenant.pk, owner="queue")
    agents = [uuid4() for _ in range(8)]

    in_threads(8, lambda n: services.assign(tenant.pk, one.id, agent=agents[n]))

    moves = facts(one.id, "conversations.conversation.state_changed")
    assert [move["fence"] for move in moves] == list(range(2, 10))
    assert moves[-1]["agent_id"] == str(selectors.conversation_of(tenant.pk, one.id).agent_id)


def test_a_move_takes_few_statements(tenant: Tenant) -> None:
    one = open_one(tenant.pk)

    sent = queries(lambda: services.assign(tenant.pk, one.id, agent=AGENTS[0]))

    assert len(sent) == 5  # lock, change, join, the line, tell


def test_after_a_restore_every_stream_is_void(tenant: Tenant, other: Tenant) -> None:
    views = [open_one(tenant.pk, "a"), open_one(other.pk, "b")]

    assert services.void_streams() == 2
    for view, whose in zip(views, (tenant, other), strict=True):
        assert selectors.position_of(whose.pk, view.id) == (2, 0)
