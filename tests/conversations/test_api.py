"""Conversations over HTTP: the contract's shapes and statuses, and who may not."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from rest_framework.test import APIClient

from apps.conversations import selectors
from apps.tenants.models import Tenant
from tests.conversations.cast import open_one, queries, say

URL = "/api/v1/conversations"


def post(client: APIClient, path: str, **body: Any) -> Any:
    return client.post(f"{URL}{path}", body, format="json")


class TestConversations:
    def test_is_opened_once(self, api: APIClient) -> None:
        body = {
            "customer": {"external_id": "anna", "name": "Anna"}, "channel": "web",
            "skills": ["billing"], "language": "de", "priority": 3,
        }  # fmt: skip
        first, again = post(api, "", **body), post(api, "", **body)

        assert (first.status_code, again.status_code) == (201, 200)
        shown = first.json()
        assert again.json() == shown
        assert shown["customer"]["external_id"] == "anna"
        assert (shown["state"], shown["owner"], shown["agent"]) == ("queued", "queue", None)
        assert (shown["skills"], shown["skill_levels"]) == (["billing"], {"billing": 1})
        assert (shown["epoch"], shown["last_seq"], shown["priority"]) == (1, 0, 3)
        assert UUID(shown["id"]).version == 7
        one = api.get(f"{URL}/{shown['id']}").json()
        assert [found["sender"] for found in one.pop("participants")] == ["customer"]
        assert one["queue"]["position"] == 1
        assert one == shown

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "customer"),
            ({"customer": {"external_id": "a"}}, "channel"),
            ({"customer": {"external_id": "a"}, "channel": "fax"}, "channel"),
            ({"customer": {"external_id": ""}, "channel": "web"}, "customer.external_id"),
            ({"customer": {"external_id": 7}, "channel": "web"}, "customer.external_id"),
            ({"customer": {"external_id": "a\0"}, "channel": "web"}, "customer.external_id"),
            ({"customer": {"external_id": "a"}, "channel": "web", "x": 1}, "x"),
            ({"customer": {"external_id": "a"}, "channel": "web", "skills": "x"}, "skills"),
            ({"customer": {"external_id": "a"}, "channel": "web", "skills": [1]}, "skills"),
            ({"customer": {"external_id": "a"}, "channel": "web", "skills": {"x": "1"}}, "skills"),
            ({"customer": {"external_id": "a"}, "channel": "web", "skills": {"x": True}}, "skills"),
            ({"customer": {"external_id": "a"}, "channel": "web", "priority": True}, "priority"),
            ({"customer": {"external_id": "a"}, "channel": "web", "priority": 10**30}, "priority"),
            ({"customer": "anna", "channel": "web"}, "customer"),
        ],
    )  # fmt: skip
    def test_bad_input_is_named(self, api: APIClient, body: dict[str, Any], field: str) -> None:
        answer = api.post(URL, body, format="json")

        assert answer.status_code in (400, 422), answer.content
        assert field in {one["field"] for one in answer.json()["errors"]}

    def test_are_listed_by_page_with_the_newest_message(
        self, api: APIClient, tenant: Tenant
    ) -> None:
        views = [open_one(tenant.pk, f"c{number}") for number in range(5)]
        say(tenant.pk, views[0].id, "first")
        say(tenant.pk, views[0].id, "last")
        first = api.get(f"{URL}?limit=3").json()
        second = api.get(f"{URL}?limit=3&after={first['next']}").json()

        found = [*first["results"], *second["results"]]
        assert [one["id"] for one in found] == [str(view.id) for view in reversed(views)]
        assert second["next"] is None
        assert found[-1]["last_message"]["body"] == "last"
        assert found[0]["last_message"] is None
        sent = queries(lambda: api.get(f"{URL}?limit=3"))
        assert len([one for one in sent if "conversations_" in one]) <= 2

    def test_are_filtered(self, api: APIClient, tenant: Tenant) -> None:
        bot, queued = (
            open_one(tenant.pk, "a"),
            open_one(tenant.pk, "b", owner="queue", channel="api"),
        )

        def ids(query: str) -> set[str]:
            return {one["id"] for one in api.get(f"{URL}?{query}").json()["results"]}

        assert ids("state=bot") == {str(bot.id)}
        assert ids("state=open") == {str(bot.id), str(queued.id)}
        assert ids("state=bot,queued&channel=api") == {str(queued.id)}
        assert ids(f"customer={bot.customer_id}") == {str(bot.id)}
        assert ids(f"agent={uuid4()}") == set()

    @pytest.mark.parametrize(
        "query", ["state=lost", "after=x", "customer=1", "agent=%00", "limit=0", "nothing=1"]
    )
    def test_a_bad_question_is_named(self, api: APIClient, query: str) -> None:
        assert api.get(f"{URL}?{query}").status_code == 400


class TestMessages:
    def test_are_sent_once_and_read_in_order(self, api: APIClient, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        path = f"/{one.id}/messages"
        first = post(api, path, client_id="c1", body="hello")
        again = post(api, path, client_id="c1", body="hello")
        post(api, path, client_id="c1", body="hi, Anna", sender="agent")

        assert (first.status_code, again.status_code) == (201, 200)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json() == first.json()
        assert first.json() == {
            "id": first.json()["id"], "conversation": str(one.id), "seq": 1, "client_id": "c1",
            "sender": "customer", "sender_id": str(one.customer_id), "kind": "text",
            "body": "hello", "sent_at": first.json()["sent_at"],
        }  # fmt: skip
        page = api.get(f"{URL}{path}").json()
        assert [message["body"] for message in page["results"]] == ["hello", "hi, Anna"]
        assert (page["next"], page["epoch"], page["last_seq"]) == (None, 1, 2)

    def test_are_paged_by_seq(self, api: APIClient, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        for number in range(1, 8):
            say(tenant.pk, one.id, f"m{number}")

        def seqs(query: str) -> list[int]:
            found = api.get(f"{URL}/{one.id}/messages?{query}").json()["results"]
            return [message["seq"] for message in found]

        assert seqs("after_seq=2&limit=3") == [3, 4, 5]
        assert api.get(f"{URL}/{one.id}/messages?after_seq=2&limit=3").json()["next"] == 5
        assert seqs("after_seq=7") == []
        assert seqs("before_seq=4&limit=2") == [2, 3]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 400),
            ({"client_id": "c", "body": 1}, 400),
            ({"client_id": "c", "body": ""}, 422),
            ({"client_id": "", "body": "x"}, 422),
            ({"client_id": "c" * 101, "body": "x"}, 422),
            ({"client_id": "c", "body": "x", "sender": "god"}, 422),
            ({"client_id": "c", "body": "x\0"}, 400),
            ({"client_id": "c", "body": "x", "seq": 9}, 400),
        ],
    )
    def test_bad_input_is_named(
        self, api: APIClient, tenant: Tenant, body: dict[str, Any], status: int
    ) -> None:
        one = open_one(tenant.pk)
        answer = post(api, f"/{one.id}/messages", **body)

        assert answer.status_code == status
        assert answer.json()["errors"]
        assert selectors.position_of(tenant.pk, one.id) == (1, 0)

    @pytest.mark.parametrize("query", ["after_seq=-1", "after_seq=x", "limit=0", "limit=9999", "a=b",
                                       f"after_seq={10**30}"])  # fmt: skip
    def test_a_bad_question_is_named(self, api: APIClient, tenant: Tenant, query: str) -> None:
        one = open_one(tenant.pk)

        assert api.get(f"{URL}/{one.id}/messages?{query}").status_code == 400

    def test_people_write_as_agents_only(
        self, client_of: Callable[..., APIClient], tenant: Tenant
    ) -> None:
        one = open_one(tenant.pk)
        agent = client_of(tenant, role="agent")

        assert (
            post(agent, f"/{one.id}/messages", client_id="1", body="hi").json()["sender"] == "agent"
        )
        forged = post(agent, f"/{one.id}/messages", client_id="2", body="I pay", sender="customer")
        assert (forged.status_code, forged.json()["code"]) == (403, "not_your_voice")


class TestMoves:
    def test_hold_and_transfer_and_closure(self, api: APIClient, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        refused = post(api, f"/{one.id}/hold")
        assert (refused.status_code, refused.json()["code"]) == (409, "illegal_move")

        moved = post(api, f"/{one.id}/transfer", skills=["tech"])
        assert (moved.status_code, moved.json()["state"]) == (200, "queued")
        closed = post(api, f"/{one.id}/closure", reason="solved")
        assert (closed.json()["state"], closed.json()["closing_reason"]) == ("closed", "solved")
        assert post(api, f"/{one.id}/closure").json() == closed.json()
        late = post(api, f"/{one.id}/messages", client_id="x", body="wait!")
        assert (late.status_code, late.json()["code"]) == (409, "conversation_closed")
        assert post(api, f"/{one.id}/reopening").json()["state"] == "queued"

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("closure", {"reason": "Because of Anna"}),
            ("transfer", {}),
            ("transfer", {"agent": "x"}),
            ("transfer", {"skills": ["x"], "fallback_seconds": -1}),
            ("hold", {"on": "perhaps"}),
            ("receipts", {"read_seq": "x"}),
            ("receipts", {"read_seq": -1}),
            ("receipts", {"read_seq": 2**70}),
            ("receipts", {"read_seq": 1, "sender": "somebody else"}),
            ("receipts", {"read_seq": 1, "sender": "<script>"}),
        ],
    )
    def test_bad_input_is_named(
        self, api: APIClient, tenant: Tenant, path: str, body: dict[str, Any]
    ) -> None:
        one = open_one(tenant.pk)
        answer = post(api, f"/{one.id}/{path}", **body)

        assert answer.status_code in (400, 422)
        assert answer.json()["errors"]

    def test_receipts(self, api: APIClient, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        say(tenant.pk, one.id, "hello")
        answer = post(api, f"/{one.id}/receipts", read_seq=1)

        assert answer.status_code == 200
        assert [(found["sender"], found["read_seq"]) for found in answer.json()] == [
            ("customer", 1)
        ]


ENDPOINTS = [
    ("get", "", None),
    ("get", "/messages", None),
    ("post", "/messages", {"client_id": "c", "body": "x"}),
    ("post", "/receipts", {"read_seq": 1}),
    ("post", "/closure", {}),
    ("post", "/transfer", {"skills": ["x"]}),
    ("post", "/hold", {}),
    ("post", "/reopening", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), ENDPOINTS)
def test_another_tenants_is_not_there(
    api: APIClient, tenant: Tenant, other: Tenant, method: str, path: str, body: Any
) -> None:
    theirs = open_one(other.pk, "carl")
    before = selectors.conversation_of(other.pk, theirs.id)
    answer = getattr(api, method)(f"{URL}/{theirs.id}{path}", body, format="json")

    assert answer.status_code == 404
    assert answer.json()["code"] == "unknown_conversation"
    assert selectors.conversation_of(other.pk, theirs.id) == before


@pytest.mark.parametrize(("method", "path", "body"), [one for one in ENDPOINTS if one[0] == "post"])
def test_whoever_only_looks_changes_nothing(
    client_of: Callable[..., APIClient], tenant: Tenant, method: str, path: str, body: Any
) -> None:
    one = open_one(tenant.pk)

    for role in ("auditor", "trader", "operations"):
        answer = getattr(client_of(tenant, role=role), method)(
            f"{URL}/{one.id}{path}", body, format="json"
        )
        assert answer.status_code == 403
