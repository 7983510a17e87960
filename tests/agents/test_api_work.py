"""Offers, the line, supervisors, rules and reports over HTTP."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from apps.agents import services
from apps.tenants.models import Tenant
from apps.tenants.services import add_member
from tests.agents.cast import make_agent, policy, queue


def signed_in(user: object) -> APIClient:
    client = APIClient()
    client.raise_request_exception = False
    client.force_login(user)
    return client


def test_an_agent_accepts_and_declines_what_they_are_asked(tenant: Tenant) -> None:
    anna = make_agent(tenant.pk, "anna", status="online")
    yes, no = queue(tenant.pk, ago=5), queue(tenant.pk)
    services.look(tenant.pk)
    desk = signed_in(anna.user)
    shown = desk.get("/api/v1/agents/me/offers").json()["results"]
    assert [one["conversation"] for one in shown] == [str(yes), str(no)]
    fence = shown[0]["fence"]
    took = desk.post(f"/api/v1/offers/{yes}/acceptance", {"fence": fence}, format="json")
    assert (took.status_code, took.json()["agent"]) == (200, str(anna.pk))
    refused = desk.post(f"/api/v1/offers/{no}/refusal", {"reason": "lunch"}, format="json")
    assert refused.status_code == 204
    again = desk.post(f"/api/v1/offers/{no}/refusal", format="json")
    assert (again.status_code, again.json()["code"]) == (409, "offer_gone")
    mine = desk.get("/api/v1/agents/me/work").json()
    assert (mine["load"], [one["state"] for one in mine["results"]]) == (1000, ["assigned"])


def test_nobody_answers_for_somebody_else(tenant: Tenant) -> None:
    anna = make_agent(tenant.pk, "anna", status="online")
    bob = make_agent(tenant.pk, "bob")
    work = queue(tenant.pk)
    services.look(tenant.pk)
    other = signed_in(bob.user)
    answer = other.post(f"/api/v1/offers/{work}/acceptance", {"agent": str(anna.pk)}, format="json")
    assert answer.status_code == 403
    assert other.post(f"/api/v1/offers/{work}/acceptance").status_code == 409
    assert other.get("/api/v1/agents/anna/offers").status_code == 403


def test_a_supervisor_reassigns_takes_over_and_hurries(tenant: Tenant, api: APIClient) -> None:
    policy(tenant.pk, auto_accept=True)
    make_agent(tenant.pk, "anna", status="online")
    bob = make_agent(tenant.pk, "bob", status="away", capacity=1)
    add_member(tenant, username="boss", role="supervisor")
    boss = make_agent(tenant.pk, "boss", status="busy")
    work = queue(tenant.pk)
    services.look(tenant.pk)
    given = api.post(f"/api/v1/queue/{work}/assignment", {"agent": "bob"}, format="json")
    assert (given.status_code, given.json()["agent"]) == (200, str(bob.pk))
    full = api.post(f"/api/v1/queue/{queue(tenant.pk)}/assignment", {"agent": "bob"}, format="json")
    assert (full.status_code, full.json()["errors"][0]["code"]) == (422, "no_room")
    took = signed_in(boss.user).post(f"/api/v1/queue/{work}/takeover", format="json")
    assert (took.status_code, took.json()["how"]) == (200, "taken_over")
    hurried = api.put(f"/api/v1/queue/{work}/priority", {"priority": 9}, format="json")
    assert hurried.json()["priority"] == 9
    beyond = api.put(f"/api/v1/queue/{work}/priority", {"priority": 101}, format="json")
    assert beyond.status_code == 422
    board = api.get("/api/v1/queue/board").json()
    seats = {
        one["user"]: [each["conversation"] for each in one["works"]] for one in board["agents"]
    }
    assert seats["boss"] == [str(work)]


def test_work_is_transferred_by_whoever_has_it(tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    anna = make_agent(tenant.pk, "anna", status="online")
    bob = make_agent(tenant.pk, "bob")
    work = queue(tenant.pk)
    services.look(tenant.pk)
    address = f"/api/v1/queue/{work}/transfer"
    assert signed_in(bob.user).post(address, {"agent": "bob"}, format="json").status_code == 403
    nowhere = signed_in(anna.user).post(address, {}, format="json")
    assert nowhere.status_code == 422
    given = signed_in(anna.user).post(address, {"agent": "bob"}, format="json")
    assert (given.status_code, given.json()["state"]) == (200, "waiting")


def test_rules_and_hours_are_read_and_changed(api: APIClient) -> None:
    hours = {
        "name": "Office",
        "zone": "Europe/Berlin",
        "hours": [{"weekday": 0, "opens": "09:00", "closes": "12:00"}],
        "exceptions": [{"day": "2026-12-25"}],
    }
    shown = api.put("/api/v1/schedules", hours, format="json")
    assert (shown.status_code, shown.json()["zone"]) == (200, "Europe/Berlin")
    assert api.get("/api/v1/schedules").json()["results"] == [shown.json()]
    changes = {"strategy": "best_skill", "schedule": "Office", "relax": [{"after": 5, "drop": 1}]}
    changed = api.patch("/api/v1/routing-policy", changes, format="json")
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in changes} == changes
    assert api.get("/api/v1/routing-policy").json() == changed.json()


@pytest.mark.parametrize(
    "bad",
    [
        {"strategy": "luck"},
        {"offer_time": 0},
        {"relax": [{"after": -1, "drop": 1}]},
        {"relax": [{"after": 1, "drop": 6}]},
        {"channel_costs": {"web": -1}},
        {"inactive_weight": 1001},
        {"schedule": "nobody's"},
        {"unknown": 1},
    ],
)
def test_a_bad_rule_is_refused(api: APIClient, bad: dict[str, object]) -> None:
    assert api.patch("/api/v1/routing-policy", bad, format="json").status_code in (400, 404, 422)


@pytest.mark.parametrize(
    "bad",
    [
        {"zone": "Mars/Base"},
        {"hours": [{"weekday": 7, "opens": "09:00", "closes": "10:00"}]},
        {"hours": [{"weekday": 1, "opens": "09:00"}]},
        {"hours": [{"weekday": 1, "opens": "9 o'clock", "closes": "10:00"}]},
        {"hours": [{"weekday": 1, "opens": "09:00", "closes": "10:00"}] * 2},
        {"exceptions": [{"day": "2026-02-30"}]},
    ],
)
def test_bad_hours_are_refused(api: APIClient, bad: dict[str, object]) -> None:
    body = {"name": "Office", "zone": "UTC"} | bad
    assert api.put("/api/v1/schedules", body, format="json").status_code in (400, 422)


def test_reports_answer_and_bad_periods_are_refused(api: APIClient, tenant: Tenant) -> None:
    policy(tenant.pk, auto_accept=True)
    make_agent(tenant.pk, status="online")
    queue(tenant.pk, skills={"billing": 1}, ago=200)
    services.look(tenant.pk)
    gone = queue(tenant.pk, ago=10, skills={"tax": 5}, team="")
    services.withdraw_work(tenant.pk, gone)
    total = api.get("/api/v1/reports/queue").json()
    assert (total["total"]["queued"], total["total"]["abandonment"]) == (2, 0.5)
    assert [one["group"] for one in total["skills"]] == ["billing", "tax"]
    (row,) = api.get("/api/v1/reports/agents").json()["results"]
    assert (row["taken"], row["name"]) == (1, "anna")
    assert sum(one["queued"] for one in api.get("/api/v1/reports/hours").json()["results"]) == 2
    for bad in ("since=x", "since=2026-01-02T00:00Z&until=2026-01-01T00:00Z", "day=1"):
        assert api.get(f"/api/v1/reports/queue?{bad}").status_code == 400


def test_another_tenants_work_is_not_there(
    tenant: Tenant, other: Tenant, client_of: Callable[..., APIClient]
) -> None:
    agent = make_agent(tenant.pk, status="online")
    work = queue(tenant.pk)
    services.look(tenant.pk)
    theirs = client_of(other)
    make_agent(other.pk, "zoe", status="online")
    for work_id in (work, uuid4()):
        assert theirs.get(f"/api/v1/queue/{work_id}").status_code == 404
        body = {"agent": "zoe"}
        for verb in ("assignment", "takeover", "transfer"):
            answer = theirs.post(f"/api/v1/queue/{work_id}/{verb}", body, format="json")
            assert answer.status_code == 404
        for verb in ("acceptance", "refusal"):
            answer = theirs.post(f"/api/v1/offers/{work_id}/{verb}", body, format="json")
            assert answer.status_code == 404
    answer = theirs.get(f"/api/v1/agents/{agent.pk}/offers")
    assert answer.status_code == 404
    assert theirs.get("/api/v1/queue/board").json()["waiting"] == 0
