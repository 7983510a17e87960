"""What people and customers are promised: warm-up, shifts, weights, shares, presence, and waiting anew."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.agents import selectors, services
from apps.agents.models import (
    Agent,
    Assignment,
    Schedule,
    ScheduleException,
    ScheduleHours,
    StatusChange,
    Work,
)
from apps.agents.services import Transfer, alarms, state
from apps.agents.services.state import copying
from apps.events.models import StoredEvent
from apps.tenants.models import Tenant
from tests.agents.cast import make_agent, policy, queue
from tests.agents.test_races import forget_all, owners


def rung(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """When it is to be looked, as it is set from now on."""
    times: list[datetime] = []
    monkeypatch.setattr(alarms, "ring_at", lambda _name, _subject, at, **_: times.append(at))
    return times


class TestWarmUp:
    def test_whoever_comes_gets_one_at_a_time_and_then_all_that_there_is_room_for(
        self, tenant: Tenant
    ) -> None:
        policy(tenant.pk, auto_accept=True, warm_up=600, warm_up_interval=90)
        anna = make_agent(tenant.pk, "anna", status="online", capacity=5)
        works = [queue(tenant.pk, ago=60 - number) for number in range(4)]
        assert services.look(tenant.pk) == 1
        assert services.look(tenant.pk) == 0
        assert owners(works) == [anna.pk, None, None, None]

        # The interval is over: another one. (The memory in Redis knows better than the tables.)
        Agent.objects.update(matched_at=timezone.now() - timedelta(seconds=91))
        forget_all(tenant)
        assert services.look(tenant.pk) == 1

        Agent.objects.update(warm_until=timezone.now())
        state.refresh(tenant.pk, agents=[anna.pk])
        services.look(tenant.pk)
        assert owners(works) == [anna.pk] * 4

    def test_a_break_is_no_beginning(self, tenant: Tenant) -> None:
        policy(tenant.pk, warm_up=600)
        anna = make_agent(tenant.pk, "anna", status="online")
        began = Agent.objects.get().warm_until
        services.set_status(tenant.pk, anna.pk, "away", reason="lunch")
        services.set_status(tenant.pk, anna.pk, "online")
        assert Agent.objects.get().warm_until == began


class TestShifts:
    @pytest.fixture
    def shift(self, tenant: Tenant) -> Schedule:
        """Yesterday until six in the morning; today and tomorrow around the clock."""
        found = Schedule.objects.create(tenant=tenant, name="Shift", zone="UTC")
        today = timezone.now().date()
        for days, closes in ((-1, time(6)), (0, time(0)), (1, time(0))):
            ScheduleException.objects.create(
                schedule=found, day=today + timedelta(days=days), opens=time(0), closes=closes
            )
        return found

    def test_a_shift_that_is_over_gives_way_to_the_next(
        self, tenant: Tenant, shift: Schedule, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        policy(tenant.pk, auto_accept=True)
        early = datetime.combine(timezone.now().date() - timedelta(days=1), time(1), UTC)
        anna = make_agent(tenant.pk, "anna", status="online", schedule="Shift")
        services.look(tenant.pk)
        with monkeypatch.context() as yesterday:
            yesterday.setattr(copying.timezone, "now", lambda: early)
            state.refresh(tenant.pk, agents=[anna.pk])
        work = queue(tenant.pk)
        services.look(tenant.pk)
        assert owners([work]) == [None]  # what the copy knows ended yesterday
        services.sweep()
        assert owners([work]) == [anna.pk]

    def test_it_is_looked_when_a_shift_begins(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        schedule = Schedule.objects.create(tenant=tenant, name="Soon", zone="UTC")
        begins = (timezone.now() + timedelta(minutes=3)).replace(second=0, microsecond=0)
        for weekday in range(7):
            ScheduleHours.objects.create(
                schedule=schedule,
                weekday=weekday,
                opens=begins.time(),
                closes=(begins + timedelta(hours=2)).time(),
            )
        make_agent(tenant.pk, "anna", status="online", schedule="Soon")
        times = rung(monkeypatch)
        alarms.turn_hours(tenant.pk)
        assert times == [begins + alarms.MARGIN]

    def test_out_of_hours_is_told_once_and_the_work_waits(self, tenant: Tenant) -> None:
        closed = Schedule.objects.create(tenant=tenant, name="Never", zone="UTC")
        policy(tenant.pk, schedule=closed, out_of_hours="tell", auto_accept=True)
        work = queue(tenant.pk)
        services.look(tenant.pk)
        services.look(tenant.pk)
        facts = StoredEvent.objects.filter(name="agents.work.overflowed")
        assert [(fact.data["rule"], fact.data["action"]) for fact in facts] == [
            ("out_of_hours", "tell")
        ]
        assert selectors.work_of(tenant.pk, work).state == "waiting"
        quiet = queue(tenant.pk)
        policy(tenant.pk, out_of_hours="wait")
        services.look(tenant.pk)
        assert not facts.filter(key=str(quiet)).exists()

    def test_whoever_stands_behind_too_long_a_line_is_told(self, tenant: Tenant) -> None:
        policy(tenant.pk, long_queue=2)
        works = [queue(tenant.pk, ago=60 - number) for number in range(4)]
        services.look(tenant.pk)
        told = StoredEvent.objects.filter(name="agents.work.overflowed", data__rule="long_queue")
        assert {one.key for one in told} == {str(work) for work in works[2:]}


class TestWeights:
    def test_a_channel_that_costs_half_is_given_twice(self, tenant: Tenant) -> None:
        policy(tenant.pk, auto_accept=True, channel_costs={"email": 500})
        anna = make_agent(tenant.pk, "anna", status="online", capacity=2)
        web = queue(tenant.pk, ago=9)
        mails = [queue(tenant.pk, ago=8 - number, channel="email") for number in range(3)]
        services.look(tenant.pk)
        assert owners([web, *mails]) == [anna.pk, anna.pk, anna.pk, None]
        assert Agent.objects.get().load == 2000

    def test_what_costs_nothing_is_always_taken(self, tenant: Tenant) -> None:
        policy(tenant.pk, auto_accept=True, channel_costs={"api": 0})
        anna = make_agent(tenant.pk, "anna", status="online", capacity=1)
        free = [queue(tenant.pk, ago=5, channel="api") for _ in range(3)]
        services.look(tenant.pk)
        assert owners(free) == [anna.pk] * 3
        assert Agent.objects.get().load == 0

    @pytest.mark.parametrize(
        ("strategy", "first"),
        [("least_load", "idle"), ("best_skill", "expert"), ("performance", "fast")],
    )
    def test_a_tenant_says_who_comes_first(self, tenant: Tenant, strategy: str, first: str) -> None:
        policy(tenant.pk, auto_accept=True)
        idle = make_agent(tenant.pk, "idle", status="online", skills={"tax": 1})
        expert = make_agent(tenant.pk, "expert", status="online", skills={"tax": 5})
        fast = make_agent(tenant.pk, "fast", status="online", skills={"tax": 1})
        for busy in (expert, fast):
            services.reassign_work(tenant.pk, queue(tenant.pk), busy.pk)
        Agent.objects.filter(pk=fast.pk).update(response_ms=1)
        state.refresh(tenant.pk, agents=[idle.pk, expert.pk, fast.pk])
        services.change_policy(tenant.pk, {"strategy": strategy})
        work = queue(tenant.pk, skills={"tax": 1})
        services.look(tenant.pk)
        assert owners([work]) == [Agent.objects.get(user__username=first).pk]

    def test_a_rotation_goes_by_shares(self, tenant: Tenant) -> None:
        policy(tenant.pk, auto_accept=True, strategy="weighted_round_robin")
        for name, weight in (("anna", 2), ("bob", 1)):
            make_agent(tenant.pk, name, status="online", capacity=9, weight=weight)
        for _ in range(6):
            queue(tenant.pk)
        services.look(tenant.pk)
        names = Assignment.objects.values_list("agent__user__username", flat=True)
        assert Counter(names) == {"anna": 4, "bob": 2}


class TestPresence:
    def test_two_tabs_are_one_agent_and_closing_one_changes_nothing(self, tenant: Tenant) -> None:
        policy(tenant.pk, auto_accept=True, grace=0)
        anna = make_agent(tenant.pk, "anna", status="online", capacity=2)
        for tab in ("one", "two"):
            services.connected(tenant.pk, anna.pk, tab)
        works = [queue(tenant.pk, ago=9 - number) for number in range(3)]
        services.look(tenant.pk)
        assert owners(works) == [anna.pk, anna.pk, None]  # not twice her capacity
        history = StatusChange.objects.count()
        services.disconnected(tenant.pk, anna.pk, "one")
        assert not services.look_after(tenant.pk, anna.pk)
        services.complete_work(tenant.pk, works[0])
        services.look(tenant.pk)
        assert owners(works) == [None, anna.pk, anna.pk]
        assert StatusChange.objects.count() == history

    def test_within_the_grace_nothing_new_comes_and_nothing_is_taken(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        policy(tenant.pk, auto_accept=True, grace=30)
        anna = make_agent(tenant.pk, "anna", status="online")
        services.connected(tenant.pk, anna.pk, "tab")
        had = queue(tenant.pk, ago=60)
        services.look(tenant.pk)
        services.disconnected(tenant.pk, anna.pk, "tab")
        new = queue(tenant.pk)
        assert not services.look_after(tenant.pk, anna.pk)
        services.look(tenant.pk)
        assert owners([had, new]) == [anna.pk, None]

        times = rung(monkeypatch)
        services.connected(tenant.pk, anna.pk, "again")
        assert len(times) == 1  # whoever waited is looked after at once, not by the sweep
        services.connected(tenant.pk, anna.pk, "a second tab")
        assert len(times) == 1
        services.look(tenant.pk)
        assert owners([had, new]) == [anna.pk, anna.pk]

    def test_statuses_have_reasons_and_a_history(self, tenant: Tenant) -> None:
        anna = make_agent(tenant.pk, "anna", status="online")
        services.set_status(tenant.pk, anna.pk, "away", reason="lunch", by="user:7")
        services.set_status(tenant.pk, anna.pk, "away", reason="a course", by="user:7")
        rows = list(StatusChange.objects.filter(agent=anna).order_by("pk"))
        assert [(row.status, row.reason) for row in rows[2:]] == [
            ("away", "lunch"),
            ("away", "a course"),
        ]
        assert [row.until for row in rows[:-1]] == [row.since for row in rows[1:]]


class TestWaitingAnew:
    """A place in the line is kept; what was asked of agents is asked anew."""

    def test_a_transfer_to_a_skill_waits_for_the_skill(self, tenant: Tenant) -> None:
        policy(tenant.pk, auto_accept=True)  # skills are asked for no more after two minutes
        anna = make_agent(tenant.pk, "anna", status="online")
        work = queue(tenant.pk, ago=3600)
        services.look(tenant.pk)
        make_agent(tenant.pk, "bob", status="online", skills={"tax": 1})
        services.transfer_work(tenant.pk, work, Transfer(skills={"tax": 4}))
        services.look(tenant.pk)
        assert owners([work]) == [None]
        newer = queue(tenant.pk, skills={"tax": 4})
        carl = make_agent(tenant.pk, "carl", status="online", skills={"tax": 4}, capacity=1)
        services.look(tenant.pk)
        assert owners([work, newer]) == [carl.pk, None]  # at its old place, before the newer one
        assert anna.pk != carl.pk

    def test_a_transfer_to_a_skill_falls_back_to_anybody(self, tenant: Tenant) -> None:
        policy(tenant.pk, auto_accept=True, relax=[])
        make_agent(tenant.pk, "anna", status="online")
        work = queue(tenant.pk)
        services.look(tenant.pk)
        bob = make_agent(tenant.pk, "bob", status="online")
        services.transfer_work(tenant.pk, work, Transfer(skills={"tax": 4}, fallback_seconds=60))
        services.look(tenant.pk)
        assert owners([work]) == [None]
        Work.objects.update(fallback_at=timezone.now())
        services.look(tenant.pk)
        assert owners([work]) == [bob.pk]
        (fact,) = StoredEvent.objects.filter(name="agents.work.overflowed")
        assert (fact.data["rule"], fact.data["action"]) == ("fallback", "any_agent")

    def test_a_transfer_to_a_team_falls_back_to_the_skills(self, tenant: Tenant) -> None:
        policy(tenant.pk, auto_accept=True, relax=[])
        services.create_team(tenant.pk, "Second level")
        make_agent(tenant.pk, "anna", status="online", skills={"tax": 3})
        work = queue(tenant.pk, skills={"tax": 3})
        services.look(tenant.pk)
        make_agent(tenant.pk, "bob", status="online", team="Second level")
        make_agent(tenant.pk, "carl", status="online")
        dora = make_agent(tenant.pk, "dora", status="online", skills={"tax": 3})
        services.transfer_work(tenant.pk, work, Transfer(team="Second level", fallback_seconds=60))
        services.look(tenant.pk)
        assert owners([work]) == [None]  # the team has nobody with the skill
        Work.objects.update(fallback_at=timezone.now())
        state.refresh(tenant.pk, works=Work.objects.values_list("pk", flat=True))
        services.look(tenant.pk)
        assert owners([work]) == [dora.pk]

    def test_work_of_an_agent_who_is_gone_waits_for_its_skills(self, tenant: Tenant) -> None:
        policy(tenant.pk, auto_accept=True)
        anna = make_agent(tenant.pk, "anna", status="online", skills={"tax": 4})
        work = queue(tenant.pk, ago=3600, skills={"tax": 4})
        services.look(tenant.pk)
        make_agent(tenant.pk, "bob", status="online")
        services.set_status(tenant.pk, anna.pk, "offline")
        services.look(tenant.pk)
        assert owners([work]) == [None]
        assert selectors.work_of(tenant.pk, work).position == 1


def test_a_look_at_a_full_house_asks_three_questions(tenant: Tenant) -> None:
    """Policy, what is due, what will be: the same however many wait."""

    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            services.look(tenant.pk)
        return len(asked)

    policy(tenant.pk, auto_accept=True)
    make_agent(tenant.pk, "anna", status="online", capacity=1)
    queue(tenant.pk)
    services.look(tenant.pk)
    counts: list[Any] = []
    for _ in range(2):
        for _ in range(5):
            queue(tenant.pk)
        counts.append(cost())
    assert counts == [3, 3]
