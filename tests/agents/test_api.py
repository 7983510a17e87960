"""Agents over HTTP: the answers, the refusals, and another tenant's ids."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from apps.agents.models import Agent, StatusChange
from apps.tenants.models import Tenant
from apps.tenants.services import add_member
from tests.agents.cast import make_agent, queue


def test_a_person_becomes_an_agent_once(api: APIClient) -> None:
    body = {"user": "anna", "capacity": 2, "skills": [{"skill": "billing", "level": 4}]}
    first = api.post("/api/v1/agents", body, format="json")
    again = api.post("/api/v1/agents", body, format="json")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["skills"] == [{"skill": "billing", "level": 4}]
    assert first.json()["status"] == "offline"


@pytest.mark.parametrize(
    ("skills", "shown"),
    [
        (["a"], [{"skill": "a", "level": 3}]),
        ({"a": 5}, [{"skill": "a", "level": 5}]),
        ([{"name": "a", "proficiency": 1}], [{"skill": "a", "level": 1}]),
    ],
)
def test_skills_come_in_three_forms(api: APIClient, skills: object, shown: object) -> None:
    answer = api.post("/api/v1/agents", {"user": "anna", "skills": skills}, format="json")
    assert answer.json()["skills"] == shown


@pytest.mark.parametrize(
    "bad",
    [
        {"capacity": 0},
        {"capacity": 101},
        {"skills": {"a": 6}},
        {"skills": {"a": "high"}},
        {"skills": {"a": True}},
        {"skills": [["a"]]},
        {"skills": ["a", "a"]},
        {"skills": {"": 1}},
        {"weight": 0},
        {"languages": [""]},
        {"team": "nobody"},
        {"schedule": "nobody"},
        {"name": "\u0007"},
        {"more": 1},
    ],
)
def test_bad_terms_are_refused_with_reasons(api: APIClient, bad: dict[str, object]) -> None:
    answer = api.post("/api/v1/agents", {"user": "anna"} | bad, format="json")
    assert answer.status_code in (400, 404, 422)
    assert answer["Content-Type"] == "application/problem+json"
    assert not Agent.objects.exists()


def test_a_name_of_another_tenant_is_not_taken_in(api: APIClient, other: Tenant) -> None:
    add_member(other, username="zoe", role="owner")
    answer = api.post("/api/v1/agents", {"user": "zoe"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "user_elsewhere")


def test_a_status_has_a_history(api: APIClient) -> None:
    uid = api.post("/api/v1/agents", {"user": "anna"}, format="json").json()["id"]
    for status in ("online", "away", "away", "offline"):
        answer = api.put(f"/api/v1/agents/{uid}/status", {"status": status}, format="json")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    shown = api.get(f"/api/v1/agents/{uid}/statuses").json()["results"]
    assert [one["status"] for one in shown] == ["offline", "away", "online", "offline"]
    assert [one["until"] is None for one in shown] == [True, False, False, False]


def test_an_unknown_status_is_refused(api: APIClient, tenant: Tenant) -> None:
    uid = make_agent(tenant.pk).pk
    answer = api.put(f"/api/v1/agents/{uid}/status", {"status": "asleep"}, format="json")
    assert answer.status_code == 400
    assert StatusChange.objects.count() == 1


def test_only_leaders_admit_agents(tenant: Tenant, client_of: Callable[..., APIClient]) -> None:
    for role, expected in {"supervisor": 201, "agent": 403, "trader": 403, "auditor": 403}.items():
        answer = client_of(tenant, role).post("/api/v1/agents", {"user": role}, format="json")
        assert answer.status_code == expected


def test_an_agent_speaks_only_for_themselves(tenant: Tenant, client: APIClient) -> None:
    anna, bob = make_agent(tenant.pk, "anna"), make_agent(tenant.pk, "bob")
    web = APIClient()
    web.force_login(anna.user)
    own = web.put(f"/api/v1/agents/{anna.pk}/status", {"status": "online"}, format="json")
    me = web.put("/api/v1/agents/me/status", {"status": "away"}, format="json")
    theirs = web.put(f"/api/v1/agents/{bob.pk}/status", {"status": "away"}, format="json")
    assert (own.status_code, me.json()["status"], theirs.status_code) == (200, "away", 403)


def test_the_queue_shows_who_waits_and_where(api: APIClient, tenant: Tenant) -> None:
    second, first = queue(tenant.pk, ago=10), queue(tenant.pk, ago=20)
    urgent = queue(tenant.pk, priority=5)
    shown = api.get("/api/v1/queue").json()
    assert shown["waiting"] == 3
    assert [one["conversation"] for one in shown["results"]] == [
        str(urgent),
        str(first),
        str(second),
    ]
    assert [one["position"] for one in shown["results"]] == [1, 2, 3]
    page = api.get("/api/v1/queue?limit=1").json()
    assert (page["next"], len(page["results"])) == ("1", 1)
    rest = api.get("/api/v1/queue?after=1").json()
    assert [one["position"] for one in rest["results"]] == [2, 3]


@pytest.mark.parametrize("query", ["limit=0", "after=x", "after=-1", "order=1"])
def test_a_bad_page_is_refused(api: APIClient, query: str) -> None:
    assert api.get(f"/api/v1/queue?{query}").status_code == 400


def test_another_tenants_agents_and_queue_are_not_seen(
    tenant: Tenant, other: Tenant, client_of: Callable[..., APIClient]
) -> None:
    agent = make_agent(other.pk, "zoe")
    queue(other.pk)
    ours = client_of(tenant)
    assert ours.get("/api/v1/agents").json()["results"] == []
    assert ours.get("/api/v1/queue").json()["results"] == []
    for name in (agent.pk, "zoe", uuid4()):
        assert ours.get(f"/api/v1/agents/{name}").status_code == 404
        changed = ours.patch(f"/api/v1/agents/{name}", {"capacity": 1}, format="json")
        assert changed.status_code == 404
        status = ours.put(f"/api/v1/agents/{name}/status", {"status": "online"}, format="json")
        assert status.status_code == 404
