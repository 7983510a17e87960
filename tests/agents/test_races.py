"""The races that help desks are known for, each by its name, on real PostgreSQL and Redis.

Threads meet at a barrier, so that what is to happen at once does.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.agents import selectors, services
from apps.agents.exceptions import OfferGone
from apps.agents.models import Agent, Assignment, Schedule, ScheduleHours, StatusChange, Work
from apps.agents.services import state
from apps.agents.services.giving import confirm
from apps.agents.services.state import picking, scripts
from apps.core.ids import uuid7
from apps.events.models import StoredEvent
from apps.events.services import waking
from apps.sockets import broadcasts
from apps.tenants.models import Tenant
from tests.agents.cast import make_agent, policy, queue
from tests.waiting import wait_until


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Call all of them at the same moment; what each answered or raised."""
    gate = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def run(number: int, call: Callable[[], Any]) -> None:
        gate.wait()
        try:
            answers[number] = call()
        except Exception as error:  # noqa: BLE001 - what was raised is the answer
            answers[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=one) for one in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive(), "a thread hangs"
    return answers


def forget_all(tenant: Tenant) -> None:
    """What FLUSHALL does to a tenant's state."""
    for key in waking.client().scan_iter(f"{scripts.base(tenant.pk)}*", count=1000):
        waking.client().delete(key)


def owners(works: Sequence[Any]) -> list[Any]:
    rows = dict(Assignment.objects.exclude(state="ended").values_list("work__work_id", "agent_id"))
    return [rows.get(work) for work in works]


def test_race_1_several_instances_assign_more_than_the_limit(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    agent = make_agent(tenant.pk, status="online", capacity=3)
    works = [queue(tenant.pk, ago=60 - number) for number in range(12)]
    answers = at_once(*[lambda: services.look(tenant.pk)] * 8)
    assert sum(answers) == 3
    assert [one == agent.pk for one in owners(works)] == [True] * 3 + [False] * 9
    assert Agent.objects.get().load == 3000


def test_race_1_a_supervisor_and_the_matcher_want_the_last_place(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    agent = make_agent(tenant.pk, status="online", capacity=1)
    first, second = queue(tenant.pk, ago=5), queue(tenant.pk)
    at_once(
        lambda: services.look(tenant.pk),
        lambda: services.reassign_work(tenant.pk, second, agent.pk),
    )
    assert sorted(str(one) for one in owners([first, second])) == sorted([str(agent.pk), "None"])
    assert len(services.compare(tenant.pk)) == 0


def test_race_2_two_agents_take_one_chat_and_the_loser_keeps_nothing(tenant: Tenant) -> None:
    anna = make_agent(tenant.pk, "anna", status="online")
    bob = make_agent(tenant.pk, "bob", status="online")
    work = queue(tenant.pk)
    services.look(tenant.pk)
    answers = at_once(
        *[
            (lambda who=who: services.accept_offer(tenant.pk, work, who))
            for who in (anna.pk, bob.pk)
        ]
        * 4
    )
    refused = [one for one in answers if isinstance(one, OfferGone)]
    taken = {one.agent_id for one in answers if not isinstance(one, OfferGone)}
    assert (len(refused), len(taken)) == (4, 1)
    (loser,) = {anna.pk, bob.pk} - taken
    assert selectors.works_of(tenant.pk, loser) == []
    assert StoredEvent.objects.filter(name="agents.agent.matched").count() == 1


def test_race_2_an_old_fence_takes_nothing_back(tenant: Tenant) -> None:
    make_agent(tenant.pk, "anna", status="online", capacity=1)
    work = queue(tenant.pk)
    rules = selectors.rules_of(policy(tenant.pk, auto_accept=True))
    state.rebuild(tenant.pk)
    (late,) = state.pick(tenant.pk, rules).picks  # a worker that stops here for a long time
    boss = make_agent(tenant.pk, "boss", status="busy")
    services.take_over(tenant.pk, work, boss.pk)
    assert confirm(tenant.pk, policy(tenant.pk), [late]) == 0
    assert owners([work]) == [boss.pk]
    assert len(services.compare(tenant.pk)) == 0


def test_race_3_parallel_requests_make_one_place_in_the_line(tenant: Tenant) -> None:
    work = uuid7()
    since = timezone.now()
    terms = services.WorkTerms(work, "web", queued_at=since)
    answers = at_once(*[lambda: services.queue_work(tenant.pk, terms)] * 12)
    assert {one.position for one in answers} == {1}
    assert Work.objects.filter(work_id=work).count() == 1
    assert StoredEvent.objects.filter(name="agents.work.queued").count() == 1


def test_race_4_a_freed_place_goes_to_the_oldest_and_not_to_the_newest(tenant: Tenant) -> None:
    """The six steps: full house, one waits, a place is freed while a newer one comes."""
    policy(tenant.pk, auto_accept=True)
    make_agent(tenant.pk, status="online", capacity=1)
    served, oldest = queue(tenant.pk, ago=60), queue(tenant.pk, ago=30)
    services.look(tenant.pk)
    assert owners([oldest]) == [None]
    newest: list[Any] = []
    at_once(
        lambda: services.complete_work(tenant.pk, served),
        lambda: newest.append(queue(tenant.pk)),
    )
    at_once(*[lambda: services.look(tenant.pk)] * 4)
    assert owners([oldest]) != [None]
    assert owners(newest) == [None]


def test_race_5_a_reopened_chat_does_not_go_to_an_agent_who_is_offline(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    anna = make_agent(tenant.pk, "anna", status="online")
    bob = make_agent(tenant.pk, "bob", status="online", capacity=1)
    services.set_status(tenant.pk, anna.pk, "offline")
    work = queue(tenant.pk, sticky_agent=anna.pk)
    services.look(tenant.pk)
    assert owners([work]) == [bob.pk]


def test_race_5_a_sticky_agent_whose_presence_is_stale_gets_nothing(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    anna = make_agent(tenant.pk, "anna", status="online")
    services.connected(tenant.pk, anna.pk, "tab")
    services.disconnected(tenant.pk, anna.pk, "tab")  # online by the tables, and nobody is there
    work = queue(tenant.pk, sticky_agent=anna.pk)
    services.look(tenant.pk)
    assert owners([work]) == [None]
    bob = make_agent(tenant.pk, "bob", status="online")
    services.look(tenant.pk)
    assert owners([work]) == [bob.pk]


def test_race_5_a_sticky_agent_who_is_there_is_waited_for(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    anna = make_agent(tenant.pk, "anna", status="online", capacity=1)
    make_agent(tenant.pk, "bob", status="online")
    other, work = queue(tenant.pk, agent=anna.pk, ago=1), queue(tenant.pk, sticky_agent=anna.pk)
    services.look(tenant.pk)
    assert owners([other, work]) == [anna.pk, None]
    services.complete_work(tenant.pk, other)
    services.look(tenant.pk)
    assert owners([work]) == [anna.pk]


def test_race_5_chats_of_an_agent_who_dropped_wait_again_at_their_place(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True, grace=0)
    anna = make_agent(tenant.pk, "anna", status="online", capacity=1)
    services.connected(tenant.pk, anna.pk, "tab")
    old = queue(tenant.pk, ago=60)
    services.look(tenant.pk)
    new = queue(tenant.pk)
    services.disconnected(tenant.pk, anna.pk, "tab")
    assert services.look_after(tenant.pk, anna.pk)
    services.look(tenant.pk)
    shown = selectors.queue(tenant.pk).results
    assert [one.work_id for one in shown] == [old, new]
    services.connected(tenant.pk, anna.pk, "again")  # and is what they were
    services.look(tenant.pk)
    assert owners([old, new]) == [anna.pk, None]


def test_race_6_load_is_even_under_a_limit(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    for number in range(4):
        make_agent(tenant.pk, f"agent{number}", status="online", capacity=5)
    for _ in range(8):
        queue(tenant.pk)
    at_once(*[lambda: services.look(tenant.pk)] * 4)
    assert list(Agent.objects.values_list("load", flat=True)) == [2000] * 4


def test_race_6_a_mobile_agent_who_flaps_stays_online(tenant: Tenant) -> None:
    policy(tenant.pk, grace=30)
    anna = make_agent(tenant.pk, "anna", status="online")
    for number in range(5):
        services.connected(tenant.pk, anna.pk, f"radio {number}")
        services.disconnected(tenant.pk, anna.pk, f"radio {number}")
        assert not services.look_after(tenant.pk, anna.pk)
    assert StatusChange.objects.filter(status="offline").count() == 1  # before the first shift
    anna.refresh_from_db()
    assert anna.status == "online"


def test_race_6_who_left_is_not_shown_online(tenant: Tenant) -> None:
    policy(tenant.pk, grace=0)
    anna = make_agent(tenant.pk, "anna", status="online")
    services.connected(tenant.pk, anna.pk, "one")
    services.connected(tenant.pk, anna.pk, "two")
    services.disconnected(tenant.pk, anna.pk, "one")
    assert not services.look_after(tenant.pk, anna.pk)  # two tabs are one agent
    services.disconnected(tenant.pk, anna.pk, "two")
    assert services.look_after(tenant.pk, anna.pk)
    assert selectors.find_agent(tenant.pk, "anna").status == "offline"


def test_race_7_screens_hear_of_the_line_without_a_reload(tenant: Tenant) -> None:
    with waking.client().pubsub(ignore_subscribe_messages=True) as screens:
        screens.psubscribe(broadcasts.group(tenant.pk, "*", "*"))
        anna = make_agent(tenant.pk, "anna", status="online")
        queue(tenant.pk)
        services.look(tenant.pk)
        told: list[tuple[str, bytes]] = []

        def heard() -> bool:
            if message := screens.get_message(timeout=0.1):
                told.append((message["channel"].decode(), message["data"]))
            own = [data for group, data in told if group.endswith(f":agent:{anna.pk}")]
            desks = [data for group, data in told if ":desk:" in group]
            return any(b"offer" in one for one in own) and any(b"queued" in one for one in desks)

        wait_until(heard)


def test_race_8_business_hours_are_never_a_flag(tenant: Tenant) -> None:
    """The copy of an agent knows from when to when; nobody has to come by to close them."""
    schedule = Schedule.objects.create(tenant=tenant, name="Shift", zone="UTC")
    now = timezone.now()
    begin = (now + timedelta(hours=2)).time()
    ScheduleHours.objects.create(
        schedule=schedule,
        weekday=(now + timedelta(hours=2)).weekday(),
        opens=begin,
        closes=time(begin.hour, begin.minute, 59, 999999),
    )
    policy(tenant.pk, auto_accept=True)
    anna = make_agent(tenant.pk, "anna", status="online", schedule="Shift")
    work = queue(tenant.pk)
    services.look(tenant.pk)
    assert owners([work]) == [None]
    ScheduleHours.objects.all().delete()
    for weekday in range(7):
        ScheduleHours.objects.create(
            schedule=schedule, weekday=weekday, opens=time(0), closes=time(0)
        )
    services.sweep()
    assert owners([work]) == [anna.pk]


def test_race_8_a_restart_does_not_flip_agents(tenant: Tenant) -> None:
    """All sockets are gone at once and come back; Redis forgot everything in between."""
    anna = make_agent(tenant.pk, "anna", status="online")
    services.connected(tenant.pk, anna.pk, "tab")
    forget_all(tenant)
    assert not services.look_after(tenant.pk, anna.pk)
    services.look(tenant.pk)
    assert services.heartbeat(tenant.pk, anna.pk, "tab") is False
    assert services.heartbeat(tenant.pk, anna.pk, "tab") is True
    work = queue(tenant.pk)
    services.look(tenant.pk)
    assert owners([work]) == [anna.pk]


def test_race_9_nobody_there_is_said_at_once(tenant: Tenant) -> None:
    place = services.queue_work(tenant.pk, services.WorkTerms(uuid7(), "web"))
    assert (place.position, place.estimate_seconds) == (1, None)
    closed = Schedule.objects.create(tenant=tenant, name="Never", zone="UTC")
    policy(tenant.pk, schedule=closed)
    assert not services.queue_work(tenant.pk, services.WorkTerms(uuid7(), "web")).is_open
    services.look(tenant.pk)
    assert StoredEvent.objects.filter(name="agents.work.overflowed").count() == 2
    services.look(tenant.pk)
    assert StoredEvent.objects.filter(name="agents.work.overflowed").count() == 2


def test_race_10_a_lock_ends_with_its_worker(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker dies between pick and confirmation: its reservations are void after their time."""
    monkeypatch.setattr(picking, "HOLD_MS", 1)
    make_agent(tenant.pk, status="online", capacity=1)
    rules = selectors.rules_of(policy(tenant.pk, auto_accept=True))
    work = queue(tenant.pk)
    state.rebuild(tenant.pk)
    (lost,) = state.pick(tenant.pk, rules).picks
    assert owners([work]) == [None]
    assert services.look(tenant.pk) == 1
    assert Assignment.objects.get().fence > lost.fence
    assert len(services.compare(tenant.pk)) == 0


def test_race_10_redis_without_an_answer_holds_nobody_up(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.conf.settings.REDIS_URL", "redis://127.0.0.1:1/0")
    waking.reset()
    work = queue(tenant.pk)  # accepted all the same
    make_agent(tenant.pk, status="online")
    monkeypatch.undo()
    waking.reset()
    services.sweep()
    assert owners([work]) != [None]
