"""The event feed over HTTP, and the schemas of what it tells."""

import json
import threading
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.core.turns import Turns
from apps.events.api.schemas import schema_id
from apps.events.contracts import contracts, partition_of
from apps.events.selectors import feed
from apps.events.services import unit_of_work
from apps.tenants.models import Tenant
from apps.trading.events import AccountFrozen
from tests.events.helpers import keys_in, query

FEED = "/api/v1/events"
SCHEMAS = "/api/v1/events/schemas"


def tell(tenant: Tenant, *keys: str) -> None:
    """One fact a key, all in one transaction."""
    with unit_of_work() as work:
        for key in keys:
            fact = AccountFrozen(account_id=uuid4(), number=key, by="own", version=None)
            work.publish(fact, tenant=tenant.pk, key=key)


def read(client: APIClient, **asked: object) -> dict[str, Any]:
    answer = client.get(FEED, asked)
    assert answer.status_code == 200, answer.json()
    found: dict[str, Any] = answer.json()
    return found


def read_all(client: APIClient, limit: int) -> list[dict[str, Any]]:
    """Page by page, until nothing is left."""
    found: list[dict[str, Any]] = []
    page = read(client, topic="trade", limit=limit)
    while page["results"] or page["has_more"]:
        assert len(page["results"]) <= limit
        found += page["results"]
        page = read(client, topic="trade", limit=limit, after=page["next"])
    return found


def test_an_event_is_told_as_webhooks_tell_it(api: APIClient, tenant: Tenant) -> None:
    tell(tenant, "A-1")
    (one,) = read(api, topic="trade")["results"]
    assert (one["name"], one["type"]) == ("trading.account.frozen", "trading.account.frozen")
    assert (one["topic"], one["partition"], one["offset"]) == ("trade", partition_of("A-1"), 1)
    assert (one["key"], one["version"], one["data"]["number"]) == ("A-1", 1, "A-1")
    ((told,),) = query("SELECT id FROM events_event")
    assert one["id"] == str(told)
    assert read(api)["results"] == [one]  # all topics
    assert read(api, topic="ledger")["results"] == []


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_every_event_is_read_once_and_keys_in_order(
    api: APIClient, tenant: Tenant, limit: int
) -> None:
    keys = [f"A-{number}" for number in range(9)] + keys_in(5, 3)
    for _ in range(3):
        tell(tenant, *keys)
    found = read_all(api, limit)
    places = [(one["partition"], one["offset"]) for one in found]
    assert len(set(places)) == len(places) == 3 * len(keys)
    for key in keys:
        offsets = [one["offset"] for one in found if one["key"] == key]
        assert offsets == sorted(offsets)


def test_a_cursor_goes_on_where_it_ended(api: APIClient, tenant: Tenant) -> None:
    tell(tenant, "A-1", "A-2")
    first = read(api, topic="trade")
    assert read(api, topic="trade", after=first["next"])["results"] == []
    tell(tenant, "A-2", "A-77")
    again = read(api, topic="trade", after=first["next"])
    assert sorted(one["key"] for one in again["results"]) == ["A-2", "A-77"]
    wide = read(api, after=first["next"])  # of one topic, used for all
    assert sorted(one["key"] for one in wide["results"]) == ["A-2", "A-77"]


def test_another_tenants_events_are_passed_over(
    api: APIClient, tenant: Tenant, other: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "WINDOW", 3)
    monkeypatch.setattr(feed, "ROUNDS", 2)
    tell(other, *["A-1"] * 20)
    tell(tenant, "A-1")
    assert [one["key"] for one in read_all(api, 100)] == ["A-1"]
    first = read(api, topic="trade")  # two windows of three of the others': nothing, but more
    assert (first["results"], first["has_more"]) == ([], True)
    assert first["next"] == f"trade.{partition_of('A-1')}-6"


@pytest.mark.parametrize(
    ("asked", "field", "code"),
    [
        ({"topic": "gossip"}, "topic", "invalid_choice"),
        ({"after": "x"}, "after", "invalid"),
        ({"after": "trade.64-1"}, "after", "invalid"),
        ({"after": "trade.1-"}, "after", "invalid"),
        ({"after": "gossip.1-1"}, "after", "invalid"),
        ({"after": "trade.1-1" * 2_000}, "after", "invalid"),
        ({"wait": "31"}, "wait", "out_of_range"),
        ({"wait": "soon"}, "wait", "invalid"),
        ({"limit": "0"}, "limit", "out_of_range"),
    ],
)
def test_a_bad_question_is_named(
    api: APIClient, asked: dict[str, str], field: str, code: str
) -> None:
    answer = api.get(FEED, asked)
    assert answer.status_code == 400
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


def test_a_place_that_a_restored_log_does_not_have_is_said(api: APIClient, tenant: Tenant) -> None:
    tell(tenant, "A-1")
    answer = api.get(FEED, {"topic": "trade", "after": f"trade.{partition_of('A-1')}-2"})
    assert (answer.status_code, answer.json()["code"]) == (409, "beyond_the_log")
    assert answer.json()["places"] == [f"trade/{partition_of('A-1')}"]


def test_a_wait_ends_with_the_first_event(api: APIClient, tenant: Tenant) -> None:
    found: list[dict[str, Any]] = []

    def wait() -> None:
        try:
            found.append(read(api, topic="trade", wait=30))
        finally:
            connection.close()

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    tell(tenant, "A-1")  # before the first look or after it: it is told either way
    waiting.join(60)
    assert not waiting.is_alive()
    assert [one["key"] for one in found[0]["results"]] == ["A-1"]


def test_a_wait_is_over_when_it_is_over(api: APIClient) -> None:
    assert read(api, topic="trade", wait=1) == {
        "results": [], "next": "trade", "has_more": False,
    }  # fmt: skip


def test_who_may_not_wait_is_answered_at_once(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Turns(waiters=0)
    monkeypatch.setattr("apps.events.api.feed.aside", turns.aside)
    with turns.turn():
        answer = api.get(FEED, {"topic": "trade", "wait": 30})
    assert (answer.json()["results"], answer.headers["Retry-After"]) == ([], "1")


def test_the_questions_are_few(api: APIClient, tenant: Tenant) -> None:
    tell(tenant, *(f"A-{number}" for number in range(200)))
    with CaptureQueriesContext(connection) as captured:
        assert len(read(api, topic="trade", limit=1000)["results"]) == 200
    asked = [one["sql"] for one in captured.captured_queries if "events_event" in one["sql"]]
    assert len(asked) == 2  # where the log ends, and what is next


def test_schemas_have_the_registrys_form(api: APIClient) -> None:
    subjects = api.get(f"{SCHEMAS}/subjects").json()
    assert "trading.trade.executed" in subjects
    assert subjects == sorted(subjects)
    assert not [name for name in subjects if name.startswith("test")]
    of = f"{SCHEMAS}/subjects/trading.trade.executed/versions"
    (version,) = api.get(of).json()
    latest = api.get(f"{of}/latest").json()
    assert latest == api.get(f"{of}/{version}").json()
    assert (latest["subject"], latest["version"], latest["schemaType"]) == (
        "trading.trade.executed", version, "JSON",
    )  # fmt: skip
    by_id = api.get(f"{SCHEMAS}/schemas/ids/{latest['id']}").json()
    assert by_id == {"schemaType": "JSON", "schema": latest["schema"]}
    assert "quantity" in json.dumps(msgspec.json.decode(latest["schema"]))
    assert latest in api.get(SCHEMAS).json()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("subjects/gossip/versions", 40401),
        ("subjects/gossip/versions/1", 40401),
        ("subjects/trading.trade.executed/versions/99", 40402),
        ("schemas/ids/1", 40403),
    ],
)
def test_a_schema_that_is_not_there_is_404(api: APIClient, path: str, code: int) -> None:
    answer = api.get(f"{SCHEMAS}/{path}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, code)


def test_ids_of_schemas_are_different_and_never_change() -> None:
    ids = {schema_id(one) for one in contracts()}
    assert len(ids) == len(contracts())
    executed = next(one for one in contracts() if one.name == "trading.trade.executed")
    assert schema_id(executed) == EXECUTED_ID


EXECUTED_ID = 1131252893
