"""Reports beside a day that was worked out by hand, and what reports and the live board cost.

The day is Monday, 2 March 2026, in UTC; it is open from 9 to 12 and from 13 to 17. An agent is to
have work within a minute, and to answer within a minute.

| work | skills | queued | first agent | first answer | ends | so |
|---|---|---|---|---|---|---|
| 1 | billing | 9:10:00 | anna 9:10:30 | 9:11:00 | 9:20:30 | a second answer 20 s after a second question; a bot spoke before |
| 2 | tax | 9:12:00 | anna 9:15:00 | 9:16:00 | 9:25:00 | beside the first one |
| 3 | billing | 10:00:00 | – | – | 10:02:00 | the customer left |
| 4 | billing | 11:59:00 | bob 13:01:00 | 13:02:00 | 13:11:00 | the lunch break between |
| 5 | – | 10:30:00 | bob 10:30:20 | anna 10:37:20 | 10:41:20 | bob gave it away at 10:35:20, anna had it at 10:36:20 |
| 6 | billing, tax | 14:00:00 | anna 14:00:10 | 14:00:40 | 14:05:10 | |
"""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from apps.agents import selectors, services
from apps.agents.models import Schedule, ScheduleHours
from apps.agents.selectors import reports
from apps.agents.services import Activity, Transfer
from apps.core.ids import uuid7
from apps.tenants.models import Tenant
from tests.agents.cast import make_agent, policy, queue

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
PERIOD = (MONDAY, MONDAY + timedelta(days=1))


class Day:
    """The day as it goes on: what is said happens at the time that is said with it."""

    def __init__(self, tenant: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tenant = tenant
        self._now = MONDAY
        monkeypatch.setattr(timezone, "now", lambda: self._now)

    def at(self, text: str) -> datetime:
        """It is now so late."""
        self._now = datetime.combine(MONDAY.date(), time.fromisoformat(f"{text:0>8}"), UTC)
        return self._now

    def status(self, when: str, agent: UUID, status: str) -> None:
        self.at(when)
        services.set_status(self.tenant, agent, status)

    def queued(self, when: str, *skills: str) -> UUID:
        work = uuid7()
        terms = services.WorkTerms(work, "web", dict.fromkeys(skills, 1), queued_at=self.at(when))
        services.queue_work(self.tenant, terms)
        return work

    def given(self, when: str, work: UUID, agent: UUID) -> None:
        self.at(when)
        services.reassign_work(self.tenant, work, agent)

    def says(self, when: str, work: UUID, sender: str) -> None:
        services.note_messages(self.tenant, [Activity(work, sender, self.at(when))])

    def ends(self, when: str, work: UUID) -> None:
        self.at(when)
        services.complete_work(self.tenant, work, wrap_up=False)


@pytest.fixture
def worked(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> dict[str, UUID]:
    """The day above, through the services; who worked in it."""
    hours = Schedule.objects.create(tenant=tenant, name="Office", zone="UTC")
    for opens, closes in ((9, 12), (13, 17)):
        ScheduleHours.objects.create(
            schedule=hours, weekday=0, opens=time(opens), closes=time(closes)
        )
    policy(tenant.pk, schedule=hours, target_wait=60, target_response=60)
    with monkeypatch.context() as clock:
        day = Day(tenant.pk, clock)
        day.at("08:00:00")
        anna = make_agent(tenant.pk, "anna", capacity=3).pk
        bob = make_agent(tenant.pk, "bob", capacity=3).pk
        day.status("9:00:00", anna, "online")
        day.status("9:00:00", bob, "online")
        one, two = day.queued("9:10:00", "billing"), day.queued("9:12:00", "tax")
        day.says("9:10:10", one, "bot")
        day.given("9:10:30", one, anna)
        day.says("9:11:00", one, "agent")
        day.given("9:15:00", two, anna)
        day.says("9:15:00", one, "customer")
        day.says("9:15:20", one, "agent")
        day.says("9:16:00", two, "agent")
        day.ends("9:20:30", one)
        day.ends("9:25:00", two)
        three = day.queued("10:00:00", "billing")
        day.at("10:02:00")
        services.withdraw_work(tenant.pk, three)
        five = day.queued("10:30:00")
        day.given("10:30:20", five, bob)
        day.at("10:35:20")
        services.transfer_work(tenant.pk, five, Transfer(agent=anna))
        day.given("10:36:20", five, anna)
        day.says("10:37:20", five, "agent")
        day.ends("10:41:20", five)
        four = day.queued("11:59:00", "billing")
        day.status("12:00:00", anna, "away")
        day.status("13:00:00", anna, "online")
        day.given("13:01:00", four, bob)
        day.says("13:02:00", four, "agent")
        day.ends("13:11:00", four)
        day.status("13:30:00", bob, "offline")
        six = day.queued("14:00:00", "billing", "tax")
        day.given("14:00:10", six, anna)
        day.says("14:00:40", six, "agent")
        day.ends("14:05:10", six)
        day.status("17:00:00", anna, "offline")
    return {"anna": anna, "bob": bob}


def shown(row: Any, **expected: Any) -> None:
    """These figures are exactly so; what is not whole, to a millionth."""
    found = {name: getattr(row, name) for name in expected}
    assert found == pytest.approx(expected, rel=1e-6)


def test_every_figure_is_as_it_was_worked_out_by_hand(
    tenant: Tenant, other: Tenant, api: APIClient, worked: dict[str, UUID]
) -> None:
    """One test, since the day takes longer than all questions about it."""
    _of_all_work(tenant)
    _by_skill(tenant)
    _by_hour(tenant)
    _by_agent(tenant)
    _by_agent_and_skill(tenant, worked)
    _of_a_part_of_the_day(tenant)
    _of_another_tenant(other)
    _over_http(api)


def _of_all_work(tenant: Tenant) -> None:
    row = reports.in_all(tenant.pk, *PERIOD)
    shown(
        row,
        queued=6,
        matched=5,
        abandoned=1,
        abandonment=1 / 6,
        average_wait=(30 + 180 + 3720 + 20 + 10) / 5,
        business_wait=(30 + 180 + 120 + 20 + 10) / 5,  # 11:59 to 12:00, and 13:00 to 13:01
        first_response=(60 + 240 + 3780 + 440 + 40) / 5,
        business_first_response=(60 + 240 + 180 + 440 + 40) / 5,
        average_response=(60 + 20 + 240 + 3780 + 440 + 40) / 6,
        handle_time=(600 + 600 + 600 + (300 + 300) + 300) / 5,
        service_level=3 / 6,  # works 1, 5 and 6, of all that were matched or abandoned
        response_level=2 / 5,  # works 1 and 6
    )


def _by_skill(tenant: Tenant) -> None:
    none, billing, tax = reports.by_skill(tenant.pk, *PERIOD)
    assert [row.group for row in (none, billing, tax)] == ["", "billing", "tax"]
    shown(none, queued=1, matched=1, average_wait=20, first_response=440, handle_time=600)
    shown(
        billing,
        queued=4,
        matched=3,
        abandoned=1,
        abandonment=0.25,
        average_wait=(30 + 3720 + 10) / 3,
        business_wait=(30 + 120 + 10) / 3,
        first_response=(60 + 3780 + 40) / 3,
        average_response=(60 + 20 + 3780 + 40) / 4,
        handle_time=(600 + 600 + 300) / 3,
        service_level=2 / 4,
        response_level=2 / 3,
    )
    shown(tax, queued=2, matched=2, average_wait=95, first_response=140, handle_time=450)


def _by_hour(tenant: Tenant) -> None:
    rows = {row.group.hour: row for row in reports.by_hour(tenant.pk, *PERIOD)}
    assert {hour: row.queued for hour, row in rows.items()} == {9: 2, 10: 2, 11: 1, 14: 1}
    shown(rows[9], matched=2, average_wait=105, handle_time=600, service_level=0.5)
    shown(rows[10], matched=1, abandoned=1, abandonment=0.5, average_wait=20)
    shown(rows[11], average_wait=3720, business_wait=120, service_level=0)


def _by_agent(tenant: Tenant) -> None:
    anna, bob = reports.by_agent(tenant.pk, *PERIOD)
    shown(
        anna,
        taken=4,
        transferred=0,
        first_response=(30 + 60 + 60 + 30) / 4,
        average_response=(30 + 20 + 60 + 60 + 30) / 5,
        response_level=1,
        handle_time=(600 + 600 + 300 + 300) / 4,
        business_handle_time=(600 + 600 + 300 + 300) / 4,
        busy=(9 * 60 + 20 + 5 * 60 + 10) + 300 + 300,  # 9:10:30 to 9:25:00 is one stretch
        online=7 * 3600,
        signed_in=8 * 3600,
        utilisation=1470 / (7 * 3600),
    )
    shown(
        bob,
        taken=2,
        transferred=1,
        first_response=60,
        average_response=60,
        handle_time=(300 + 600) / 2,
        busy=900,
        online=4.5 * 3600,
        signed_in=4.5 * 3600,
        utilisation=900 / (4.5 * 3600),
    )


def _by_agent_and_skill(tenant: Tenant, worked: dict[str, UUID]) -> None:
    rows = {(row.name, row.skill): row for row in reports.by_agent_and_skill(tenant.pk, *PERIOD)}
    assert {pair: row.taken for pair, row in rows.items()} == {
        ("anna", ""): 1,
        ("anna", "billing"): 2,
        ("anna", "tax"): 2,
        ("bob", ""): 1,
        ("bob", "billing"): 1,
    }
    assert rows["anna", "tax"].agent_id == worked["anna"]
    shown(
        rows["anna", "billing"],
        first_response=30,
        average_response=(30 + 20 + 30) / 3,
        handle_time=450,
    )
    shown(rows["bob", ""], transferred=1, handle_time=300)
    assert rows["bob", ""].first_response is None


def _of_a_part_of_the_day(tenant: Tenant) -> None:
    morning = (MONDAY + timedelta(hours=9, minutes=20), MONDAY + timedelta(hours=12))
    anna, bob = reports.by_agent(tenant.pk, *morning)
    shown(anna, taken=1, busy=5 * 60 + 300, online=2 * 3600 + 40 * 60)
    shown(bob, taken=1, busy=300)
    shown(reports.in_all(tenant.pk, *morning), queued=3, matched=2, abandoned=1)


def _of_another_tenant(other: Tenant) -> None:
    assert reports.by_agent(other.pk, *PERIOD) == []
    assert reports.by_skill(other.pk, *PERIOD) == []
    assert reports.in_all(other.pk, *PERIOD).queued == 0


def _over_http(api: APIClient) -> None:
    query = "since=2026-03-02T00:00:00Z&until=2026-03-03T00:00:00Z"
    total = api.get(f"/api/v1/reports/queue?{query}").json()["total"]
    assert (total["queued"], total["business_wait"], total["handle_time"]) == (6, 72.0, 540.0)
    anna, bob = api.get(f"/api/v1/reports/agents?{query}").json()["results"]
    assert (anna["average_response"], bob["response_level"]) == (40.0, 1.0)
    skills = api.get(f"/api/v1/reports/skills?{query}").json()["results"]
    assert [(one["name"], one["skill"]) for one in skills][:2] == [
        ("anna", ""),
        ("anna", "billing"),
    ]


def queries(call: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as asked:
        call()
    return len(asked)


def test_reports_and_the_live_board_cost_the_same_for_many_as_for_few(tenant: Tenant) -> None:
    """Query counts; the board's are those of a page of agents with their skills, and of the line."""
    policy(tenant.pk, auto_accept=True)
    period = (timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1))
    calls = [
        *(
            lambda one=one: one(tenant.pk, *period)
            for one in (
                reports.by_agent,
                reports.by_agent_and_skill,
                reports.by_skill,
                reports.by_hour,
                reports.in_all,
            )
        ),
        lambda: selectors.board(tenant.pk),
        lambda: selectors.queue(tenant.pk),
    ]
    counts = []
    for number in range(3):
        make_agent(tenant.pk, f"agent{number}", status="online", capacity=2, skills={"tax": 3})
        for _ in range(4):
            queue(tenant.pk, skills={"tax": 1})
        services.look(tenant.pk)
        counts.append([queries(call) for call in calls])
    assert counts[0] == counts[1] == counts[2]
    # The policy once for targets, once for hours; then the report itself.
    assert counts[0][:5] == [3] * 5
    assert max(counts[0][5:]) <= 7
