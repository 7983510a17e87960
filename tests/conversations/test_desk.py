"""Notes, tags, ratings, replies kept ready, files: over HTTP, as the desk uses them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from rest_framework.test import APIClient

from apps.conversations import selectors, services
from apps.conversations.models import Attachment, Bot, Policy
from apps.conversations.services.attachments import clean_name, kind_of
from apps.tenants.models import Tenant
from tests.conversations.cast import facts, open_one, transcript

URL = "/api/v1/conversations"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 40


@pytest.fixture(autouse=True)
def media(tmp_path: Path) -> Iterator[Path]:
    """Files of one test."""
    with override_settings(MEDIA_ROOT=tmp_path):
        yield tmp_path


def files(root: Path) -> list[Path]:
    return [one for one in root.rglob("*") if one.is_file()]


class TestNotes:
    def test_are_seen_at_the_desk_and_in_no_transcript(
        self, api: APIClient, tenant: Tenant
    ) -> None:
        one = open_one(tenant.pk)
        answer = api.post(
            f"{URL}/{one.id}/notes", {"body": "is a friend of the boss"}, format="json"
        )

        assert answer.status_code == 201
        (shown,) = api.get(f"{URL}/{one.id}/notes").json()["results"]
        assert shown == answer.json()
        assert transcript(tenant.pk, one.id) == []
        (told,) = facts(one.id, "conversations.conversation.noted")
        assert "boss" not in str(told)

    def test_say_something(self, api: APIClient, tenant: Tenant) -> None:
        one = open_one(tenant.pk)

        assert api.post(f"{URL}/{one.id}/notes", {"body": " "}, format="json").status_code == 422


class TestTags:
    def test_are_set_as_a_whole_and_once(self, api: APIClient, tenant: Tenant) -> None:
        one = open_one(tenant.pk)

        def put(*tags: str) -> Any:
            return api.put(f"{URL}/{one.id}/tags", {"tags": list(tags)}, format="json")

        assert put("vip", "billing", "vip").json()["tags"] == ["billing", "vip"]
        assert put("billing", "vip").status_code == 200
        assert len(facts(one.id, "conversations.conversation.tagged")) == 1
        assert [row["id"] for row in api.get(f"{URL}?tag=vip").json()["results"]] == [str(one.id)]
        assert put("two words").status_code == 422
        assert put().json()["tags"] == []


class TestRatings:
    def test_come_once_for_each_closing(self, api: APIClient, tenant: Tenant) -> None:
        one = open_one(tenant.pk)

        def rate(score: Any) -> int:
            return int(
                api.post(
                    f"{URL}/{one.id}/rating", {"score": score, "comment": "ok"}, format="json"
                ).status_code
            )

        assert rate(5) == 409  # it is not over
        services.close(tenant.pk, one.id, by="system")
        assert [rate(0), rate(6), rate("5"), rate(True)] == [422, 422, 400, 400]
        assert [rate(5), rate(1)] == [201, 409]
        services.reopen(tenant.pk, one.id, by="customer")
        services.close(tenant.pk, one.id, by="system")
        assert rate(2) == 201
        assert [found["score"] for found in api.get(f"{URL}/{one.id}/rating").json()] == [5, 2]
        told = facts(one.id, "conversations.conversation.rated")
        assert [(fact["closing"], fact["score"]) for fact in told] == [(1, 5), (2, 2)]


class TestCannedReplies:
    def test_are_kept_changed_and_forgotten(
        self, api: APIClient, client_of: Callable[..., APIClient], tenant: Tenant, other: Tenant
    ) -> None:
        url = "/api/v1/canned-replies"
        body = {"shortcut": "hi", "title": "Greeting", "body": "Hello!", "language": "en"}
        made = api.post(url, body, format="json")

        assert made.status_code == 201
        assert api.post(url, body | {"shortcut": "HI"}, format="json").status_code == 409
        assert (
            api.post(url, body | {"language": "de", "body": "Hallo!"}, format="json").status_code
            == 201
        )
        shown = api.get(f"{url}?language=en").json()["results"]
        assert [one["body"] for one in shown] == ["Hello!"]
        one = f"{url}/{made.json()['id']}"
        theirs = client_of(other)
        assert theirs.put(one, body, format="json").status_code == 404
        assert theirs.delete(one).status_code == 404
        assert theirs.get(url).json()["results"] == []
        assert client_of(tenant, role="agent").post(url, body, format="json").status_code == 403
        assert api.put(one, body | {"body": "Hi!"}, format="json").json()["body"] == "Hi!"
        assert api.delete(one).status_code == 204
        assert api.delete(one).status_code == 404

    def test_bad_ones_are_named(self, api: APIClient) -> None:
        answer = api.post(
            "/api/v1/canned-replies",
            {"shortcut": "a b", "title": "", "body": "", "language": "?"},
            format="json",
        )

        assert {one["field"] for one in answer.json()["errors"]} == {
            "shortcut", "title", "body", "language"
        }  # fmt: skip


class TestAttachments:
    def send(
        self, client: APIClient, one: Any, content: bytes, name: str = "a.png", key: str = "c1"
    ) -> Any:
        upload = SimpleUploadedFile(name, content, content_type="image/png")
        return client.post(
            f"{URL}/{one.id}/attachments", {"file": upload, "client_id": key}, format="multipart"
        )

    def test_are_sent_once_and_handed_out(
        self, api: APIClient, tenant: Tenant, media: Path
    ) -> None:
        one = open_one(tenant.pk)
        first, again = self.send(api, one, PNG, "../../etc/Foto 1.png"), self.send(api, one, PNG)

        assert (first.status_code, again.status_code) == (201, 200)
        shown = first.json()
        assert again.json() == shown
        assert (shown["kind"], shown["seq"]) == ("attachment", 1)
        assert shown["attachment"]["name"] == "Foto 1.png"
        assert shown["attachment"]["content_type"] == "image/png"
        assert len(files(media)) == 1
        answer = api.get(shown["attachment"]["url"])
        assert b"".join(answer.streaming_content) == PNG
        answer.close()
        assert answer["Content-Type"] == "image/png"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]

    def test_are_for_whoever_may_read_the_conversation(
        self, api: APIClient, client_of: Callable[..., APIClient], tenant: Tenant, other: Tenant
    ) -> None:
        one, two = open_one(tenant.pk), open_one(tenant.pk, "ben")
        url = self.send(api, one, PNG).json()["attachment"]["url"]

        assert client_of(other).get(url).status_code == 404
        assert api.get(url.replace(str(one.id), str(two.id))).status_code == 404
        assert APIClient().get(url).status_code == 401
        assert self.send(client_of(other), one, PNG).status_code == 404

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
            b"  \n<!DOCTYPE html><script>alert(1)</script>",
            b"hello <script>alert(1)</script>",
            b"MZ\x90\0" + b"\0" * 100,
            b"PK\x03\x04" + b"\0" * 100,
            b"\x7fELF" + b"\0" * 100,
            b"text with \0 inside",
            b"\xff\xfe not utf-8",
        ],
    )
    def test_what_is_not_on_the_list_is_refused(
        self, api: APIClient, tenant: Tenant, media: Path, content: bytes
    ) -> None:
        one = open_one(tenant.pk)
        answer = self.send(api, one, content)

        assert answer.status_code == 422
        assert answer.json()["code"] == "attachment_refused"
        assert files(media) == []
        assert transcript(tenant.pk, one.id) == []

    def test_the_bytes_decide_and_texts_are_only_saved(
        self, api: APIClient, tenant: Tenant
    ) -> None:
        one = open_one(tenant.pk)
        shown = self.send(api, one, b"plain words", "page.html").json()["attachment"]

        assert shown["content_type"] == "text/plain"
        answer = api.get(shown["url"])
        answer.close()
        assert answer["Content-Disposition"].startswith("attachment")

    def test_the_limit_is_the_tenants(self, api: APIClient, tenant: Tenant, media: Path) -> None:
        Policy.objects.create(tenant=tenant, attachment_bytes=100)
        one = open_one(tenant.pk)

        assert self.send(api, one, PNG + b"\0" * 100).status_code == 422
        assert files(media) == []

    def test_nothing_is_kept_of_what_a_closed_conversation_refuses(
        self, api: APIClient, tenant: Tenant, media: Path
    ) -> None:
        one = open_one(tenant.pk)
        services.close(tenant.pk, one.id, by="system")

        assert self.send(api, one, PNG).status_code == 409
        assert files(media) == []
        assert Attachment.objects.count() == 0

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("..\\..\\win.ini", "win.ini"),
            ("a/b/c.pdf", "c.pdf"),
            ("x\r\ny\u202egnp.exe", "xygnp.exe"),
            ("...", "file"),
            ("", "file"),
            ("n" * 500 + ".pdf", "n" * 116 + ".pdf"),
        ],
    )
    def test_a_name_is_only_shown(self, name: str, shown: str) -> None:
        assert clean_name(name) == shown

    def test_kinds(self) -> None:
        assert kind_of(b"%PDF-1.7\n...") == "application/pdf"
        assert kind_of("Grüezi".encode()) == "text/plain"


ENDPOINTS = [
    ("get", "notes", None), ("post", "notes", {"body": "x"}), ("put", "tags", {"tags": []}),
    ("post", "rating", {"score": 1}), ("get", "rating", None),
    ("get", "attachments/00000000-0000-4000-8000-000000000000", None),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body"), ENDPOINTS)
def test_another_tenants_is_not_there(
    api: APIClient, other: Tenant, method: str, path: str, body: Any
) -> None:
    theirs = open_one(other.pk, "carl")
    before = selectors.conversation_of(other.pk, theirs.id)

    assert getattr(api, method)(f"{URL}/{theirs.id}/{path}", body, format="json").status_code == 404
    assert selectors.conversation_of(other.pk, theirs.id) == before


class TestPolicy:
    def test_without_a_bot_people_answer(self, tenant: Tenant) -> None:
        assert open_one(tenant.pk, "a", owner=None).owner == "queue"
        Bot.objects.create(tenant=tenant, enabled=True)
        assert open_one(tenant.pk, "b", owner=None).owner == "bot"
        assert open_one(tenant.pk, "c", skills=["x"]).owner == "queue"

    def test_says_who_begins(self, tenant: Tenant) -> None:
        row = Policy.objects.create(tenant=tenant, starts_with="queue")
        assert open_one(tenant.pk, "a", owner=None).owner == "queue"
        row.starts_with = "bot"
        row.save()
        assert open_one(tenant.pk, "b", skills=["x"]).owner == "bot"
        assert open_one(tenant.pk, "c", owner="queue").owner == "queue"

    def test_says_how_long_an_agent_wraps_up(self, tenant: Tenant) -> None:
        Policy.objects.create(tenant=tenant, wrap_up_seconds=60)
        one, two = open_one(tenant.pk, "a"), open_one(tenant.pk, "b")
        services.assign(tenant.pk, one.id, agent=uuid4())

        assert services.close(tenant.pk, one.id, by="system").state == "wrap_up"
        assert (
            services.close(tenant.pk, two.id, by="system").state == "closed"
        )  # no agent, no wrap-up
        done = services.close(tenant.pk, one.id, by="agent:x", wrap_up=False)
        assert (done.state, done.closings) == ("closed", 1)
