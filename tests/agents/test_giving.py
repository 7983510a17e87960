"""Work is given out, answered, taken back and ended: what the tables, the log and Redis say then."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from apps.agents import selectors, services
from apps.agents.exceptions import AgentUnfit, OfferGone
from apps.agents.models import Agent, Assignment, Work
from apps.agents.services import Transfer, state
from apps.agents.services.state import picking
from apps.events.models import StoredEvent
from apps.tenants.models import Tenant
from tests.agents.cast import make_agent, policy, queue


def told(*names: str) -> list[str]:
    """The names of the facts told, in order, without `agents.`; those of these beginnings."""
    rows = StoredEvent.objects.filter(topic="agent").order_by("id")
    found = [name.removeprefix("agents.") for name in rows.values_list("name", flat=True)]
    return [name for name in found if name.startswith(names or ("",))]


def owner_of(tenant: Tenant, work: UUID) -> UUID | None:
    return selectors.work_of(tenant.pk, work).agent_id


def test_waiting_work_is_offered_and_accepted(tenant: Tenant) -> None:
    agent = make_agent(tenant.pk, status="online")
    work = queue(tenant.pk)
    assert services.look(tenant.pk) == 1
    (offer,) = selectors.offers_of(tenant.pk, agent.pk)
    held = services.accept_offer(tenant.pk, work, agent.pk, fence=offer.fence)
    assert held == services.accept_offer(tenant.pk, work, agent.pk)
    assert selectors.work_of(tenant.pk, work).state == "assigned"
    assert told("work", "agent.offered", "agent.matched") == [
        "work.queued",
        "agent.offered",
        "agent.matched",
    ]
    assert len(services.compare(tenant.pk)) == 0


def test_nobody_is_given_more_than_there_is_room_for(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    make_agent(tenant.pk, status="online", capacity=2)
    works = [queue(tenant.pk, ago=100 - number) for number in range(4)]
    assert services.look(tenant.pk) == 2
    states = [selectors.work_of(tenant.pk, work).state for work in works]
    assert states == ["assigned", "assigned", "waiting", "waiting"]
    services.complete_work(tenant.pk, works[0])
    assert services.look(tenant.pk) == 1
    assert selectors.work_of(tenant.pk, works[2]).state == "assigned"
    assert len(services.compare(tenant.pk)) == 0


def test_a_declined_offer_goes_to_somebody_else_and_keeps_its_place(tenant: Tenant) -> None:
    anna = make_agent(tenant.pk, "anna", status="online", capacity=1)
    work = queue(tenant.pk, ago=60)
    services.look(tenant.pk)
    before = Work.objects.get(work_id=work).order_at
    services.decline_offer(tenant.pk, work, anna.pk, reason="lunch")
    assert Work.objects.get(work_id=work).order_at == before
    services.look(tenant.pk)
    assert selectors.work_of(tenant.pk, work).state == "waiting"  # nobody else is there
    bob = make_agent(tenant.pk, "bob", status="online")
    services.look(tenant.pk)
    assert owner_of(tenant, work) == bob.pk
    with pytest.raises(OfferGone):
        services.accept_offer(tenant.pk, work, anna.pk)


def test_an_offer_that_runs_out_is_made_to_somebody_else(tenant: Tenant) -> None:
    policy(tenant.pk, missed_max=1)
    anna = make_agent(tenant.pk, "anna", status="online")
    work = queue(tenant.pk)
    services.look(tenant.pk)
    Assignment.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    services.look(tenant.pk)
    anna.refresh_from_db()
    assert (anna.status, anna.status_reason) == ("away", "offers not answered")
    assert selectors.work_of(tenant.pk, work).state == "waiting"
    assert told("offer", "work.returned") == ["offer.timed_out", "work.returned"]
    assert len(services.compare(tenant.pk)) == 0


def test_who_goes_offline_gives_everything_back_at_its_old_place(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    anna = make_agent(tenant.pk, "anna", status="online", capacity=1)
    old = queue(tenant.pk, ago=60)
    services.look(tenant.pk)
    new = queue(tenant.pk)
    services.set_status(tenant.pk, anna.pk, "offline")
    make_agent(tenant.pk, "bob", status="online", capacity=1)
    services.look(tenant.pk)
    assert owner_of(tenant, old) is not None
    assert owner_of(tenant, new) is None
    anna.refresh_from_db()
    assert anna.load == 0


def test_who_is_away_is_not_asked_any_more_and_keeps_what_they_have(tenant: Tenant) -> None:
    anna = make_agent(tenant.pk, "anna", status="online")
    first = queue(tenant.pk, ago=60)
    services.look(tenant.pk)
    services.accept_offer(tenant.pk, first, anna.pk)
    second = queue(tenant.pk)
    services.look(tenant.pk)
    services.set_status(tenant.pk, anna.pk, "away")
    services.look(tenant.pk)
    assert owner_of(tenant, first) == anna.pk
    assert selectors.work_of(tenant.pk, second).state == "waiting"


def test_wrap_up_keeps_the_room_until_it_ends(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True, wrap_up=30)
    anna = make_agent(tenant.pk, "anna", status="online", capacity=1)
    work = queue(tenant.pk, ago=60)
    services.look(tenant.pk)
    services.complete_work(tenant.pk, work)
    services.complete_work(tenant.pk, work)
    waiting = queue(tenant.pk)
    services.look(tenant.pk)
    assert selectors.work_of(tenant.pk, work).state == "wrap_up"
    assert selectors.work_of(tenant.pk, waiting).state == "waiting"
    Assignment.objects.filter(state="wrap_up").update(wrap_up_until=timezone.now())
    services.look(tenant.pk)
    assert selectors.work_of(tenant.pk, work).state == "done"
    assert owner_of(tenant, waiting) == anna.pk


def test_a_customer_who_is_back_during_wrap_up_waits_again(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True, wrap_up=30)
    make_agent(tenant.pk, "anna", status="online", capacity=1)
    work = queue(tenant.pk)
    services.look(tenant.pk)
    services.complete_work(tenant.pk, work)
    queue(tenant.pk, work_id=work)
    assert selectors.work_of(tenant.pk, work).state == "waiting"


def test_an_abandoned_wait_is_told_with_its_length(tenant: Tenant) -> None:
    before = timezone.now()
    work = queue(tenant.pk, ago=42)
    services.withdraw_work(tenant.pk, work)
    services.withdraw_work(tenant.pk, work)
    fact = StoredEvent.objects.get(name="agents.work.abandoned")
    assert 42 <= fact.data["waited_seconds"] <= 43 + (timezone.now() - before).total_seconds()
    assert state.pick(tenant.pk, selectors.rules_of(policy(tenant.pk))).picks == []


def test_a_transfer_to_an_agent_waits_for_them_and_then_falls_back(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    anna = make_agent(tenant.pk, "anna", status="online")
    work = queue(tenant.pk)
    services.look(tenant.pk)
    bob = make_agent(tenant.pk, "bob")
    carl = make_agent(tenant.pk, "carl", status="online")
    services.transfer_work(tenant.pk, work, Transfer(agent=bob.pk, fallback_seconds=60))
    services.look(tenant.pk)
    assert selectors.work_of(tenant.pk, work).state == "waiting"
    Work.objects.update(fallback_at=timezone.now())
    state.refresh(tenant.pk, works=Work.objects.values_list("pk", flat=True))
    services.look(tenant.pk)
    assert owner_of(tenant, work) == carl.pk != anna.pk


def test_a_transfer_to_a_team_and_to_skills(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    services.create_team(tenant.pk, "Second level")
    make_agent(tenant.pk, "anna", status="online")
    work = queue(tenant.pk)
    services.look(tenant.pk)
    bob = make_agent(tenant.pk, "bob", status="online", team="Second level")
    carl = make_agent(tenant.pk, "carl", status="online", skills={"tax": 5})
    services.transfer_work(tenant.pk, work, Transfer(team="Second level"))
    services.look(tenant.pk)
    assert owner_of(tenant, work) == bob.pk
    services.transfer_work(tenant.pk, work, Transfer(skills={"tax": 5}))
    services.look(tenant.pk)
    assert owner_of(tenant, work) == carl.pk


def test_a_supervisor_takes_over_and_the_fence_grows(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    make_agent(tenant.pk, "anna", status="online")
    work = queue(tenant.pk)
    services.look(tenant.pk)
    before = selectors.work_of(tenant.pk, work).fence
    boss = make_agent(tenant.pk, "boss", status="busy", capacity=1)
    held = services.take_over(tenant.pk, work, boss.pk, by="user:1")
    assert (held.agent_id, held.how) == (boss.pk, "taken_over")
    assert held.fence > before
    with pytest.raises(AgentUnfit) as refused:
        services.reassign_work(tenant.pk, queue(tenant.pk), boss.pk)
    assert refused.value.facts["errors"][0]["code"] == "no_room"
    services.look(tenant.pk)
    assert len(services.compare(tenant.pk)) == 0


def test_a_supervisor_who_was_offline_is_busy_with_what_they_took_over(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    make_agent(tenant.pk, "anna", status="online", capacity=1)
    boss = make_agent(tenant.pk, "boss")
    services.connected(tenant.pk, boss.pk, "floor")
    work = queue(tenant.pk, ago=60)
    services.look(tenant.pk)
    services.take_over(tenant.pk, work, boss.pk, by="user:1")
    queue(tenant.pk)
    services.look(tenant.pk)
    boss.refresh_from_db()
    assert (boss.status, boss.status_reason, boss.load) == ("busy", "took over", 1000)
    assert owner_of(tenant, work) == boss.pk
    assert not services.look_after(tenant.pk, boss.pk)


def test_a_higher_priority_goes_first_and_can_be_changed(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    first, second = queue(tenant.pk, ago=30), queue(tenant.pk, ago=20)
    services.change_priority(tenant.pk, second, 1)
    make_agent(tenant.pk, status="online", capacity=1)
    services.look(tenant.pk)
    assert owner_of(tenant, second) is not None
    assert owner_of(tenant, first) is None


def test_silent_work_weighs_less_until_somebody_says_something(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True, inactive_weight=100)
    agent = make_agent(tenant.pk, status="online", capacity=1)
    work, other = queue(tenant.pk), queue(tenant.pk, channel="mobile")
    services.look(tenant.pk)
    Work.objects.update(active_at=timezone.now() - timedelta(minutes=5))
    services.look(tenant.pk)
    agent.refresh_from_db()
    assert agent.load == 100
    policy(tenant.pk, channel_costs={"web": 1000, "mobile": 900})
    light = queue(tenant.pk, channel="mobile")
    services.withdraw_work(tenant.pk, other)
    services.look(tenant.pk)
    assert owner_of(tenant, light) == agent.pk
    now = timezone.now()
    services.note_messages(tenant.pk, [services.Activity(work, "customer", now)])
    agent.refresh_from_db()
    assert agent.load == 1900
    assert len(services.compare(tenant.pk)) == 0


def test_on_hold_weighs_as_silent(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True, inactive_weight=0)
    agent = make_agent(tenant.pk, status="online", capacity=1)
    work, second = queue(tenant.pk, ago=5), queue(tenant.pk)
    services.look(tenant.pk)
    services.hold_work(tenant.pk, work, on=True)
    services.look(tenant.pk)
    assert owner_of(tenant, second) == agent.pk
    services.hold_work(tenant.pk, work, on=False)
    assert Agent.objects.get().load == 2000


def test_first_responses_are_counted_and_bots_are_not(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    agent = make_agent(tenant.pk, status="online")
    since = timezone.now() - timedelta(seconds=10)
    work = queue(tenant.pk, queued_at=since)
    given = timezone.now()
    services.look(tenant.pk)
    begin = timezone.now()
    said = [
        services.Activity(work, "bot", begin),
        services.Activity(work, "agent", begin + timedelta(seconds=4)),
        services.Activity(work, "customer", begin + timedelta(seconds=10)),
        services.Activity(work, "customer", begin + timedelta(seconds=12)),
        services.Activity(work, "agent", begin + timedelta(seconds=15)),
    ]
    services.note_messages(tenant.pk, said)
    row = Work.objects.get()
    assert row.responses == 2
    wait = begin + timedelta(seconds=4) - since  # since it was queued
    assert row.first_response_ms == pytest.approx(wait.total_seconds() * 1_000, abs=2)
    assert row.response_ms - row.first_response_ms == 5_000
    agent.refresh_from_db()
    slow = (begin - given).total_seconds() * 1_000  # this machine
    assert 3_000 <= agent.response_ms <= 5_000 + slow


def test_a_long_line_is_given_out_to_its_end(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than one call of the script, and whoever one ended before is looked at by the next."""
    monkeypatch.setattr(picking.pick, "__kwdefaults__", {"place": 0, "most": 3, "now": None})
    policy(tenant.pk, auto_accept=True, relax=[])
    make_agent(tenant.pk, status="online", capacity=100, skills={"tax": 5})
    nobodys = queue(tenant.pk, ago=400, skills={"law": 5})
    for number in range(8):
        queue(tenant.pk, ago=300 - number, skills={"tax": 5} if number % 2 else {})
    assert services.look(tenant.pk) == 8
    assert owner_of(tenant, nobodys) is None
    assert len(services.compare(tenant.pk)) == 0
