"""Dialogues of the past: the forms they come in, what is refused of them, and that a second run changes nothing."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.conversations import invariants, selectors
from apps.conversations.dialogues import Dialogue, from_multidogo, from_star, read
from apps.conversations.models import Conversation, Message
from apps.tenants.models import Tenant
from tests.conversations.cast import facts, transcript

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "id": "d-1",
    "customer": {"external_id": "anna", "name": "Anna"},
    "tags": ["billing"],
    "opened_at": "2024-03-01T10:00:00Z",
    "messages": [
        {"sender": "customer", "body": "Hello", "sent_at": "2024-03-01T10:00:05+00:00"},
        {"sender": "agent", "body": "Hi, Anna"},
        {"sender": "customer", "body": "Late clock", "sent_at": "2024-03-01T09:00:00Z"},
    ],
}
STAR: dict[str, Any] = {
    "dialogue_id": 7, "customer_id": "c", "agent_id": "a", "tasks": ["bank_balance"],
    "events": [
        {"by": "customer", "action": "utter", "text": "Hi", "unix_time": 1589375697},
        {"by": "agent", "action": "query", "api": "bank", "unix_time": 1589375755},
        {"by": "system", "action": "return_item", "api": "bank", "item": {"Message": "x"}},
        {"by": "agent", "action": "pick_suggestion", "text": "Hello", "unix_time": 1589375820},
        {"by": "customer", "action": "complete", "unix_time": 1589375965},
    ],
}  # fmt: skip
MULTIDOGO: dict[str, Any] = {
    "conversation_id": "x-1", "domain": "finance",
    "customer_turns": [
        {"turn": 4, "text": "second", "intents": [], "slots": []},
        {"turn": 0, "text": "first", "intents": [], "slots": []},
        {"turn": 5, "text": " ", "intents": [], "slots": []},
    ],
}  # fmt: skip


class TestForms:
    def test_the_neutral_one(self) -> None:
        found = read(GOOD, now=NOW)

        assert isinstance(found, Dialogue)
        assert [line.body for line in found.messages] == ["Hello", "Hi, Anna", "Late clock"]
        times = [line.sent_at for line in found.messages]
        assert times == sorted(times)  # the order of the lines counts, not a clock
        assert times[1] - times[0] == timedelta(seconds=1)
        assert found.opened_at < times[0]
        assert found.closed_at == times[-1]

    def test_without_times_it_ended_now(self) -> None:
        found = read({"id": 1, "customer": {"external_id": "a"}, "messages": [
            {"sender": "customer", "body": "x"}, {"sender": "bot", "body": "y"}]}, now=NOW)  # fmt: skip

        assert isinstance(found, Dialogue)
        assert found.closed_at == NOW
        assert found.name == "1"

    def test_times_begin_with_the_first_that_is_told(self) -> None:
        rows = [
            {"sender": "customer", "body": "x"},
            {"sender": "bot", "body": "y", "sent_at": "2020-01-01T00:00:09Z"},
        ]
        found = read({"id": 1, "customer": {"external_id": "a"}, "messages": rows}, now=NOW)

        assert isinstance(found, Dialogue)
        assert [f"{line.sent_at:%Y-%m-%d %S}" for line in found.messages] == [
            "2020-01-01 08",
            "2020-01-01 09",
        ]

    def test_star(self) -> None:
        found = read(from_star(STAR), now=NOW)

        assert isinstance(found, Dialogue)
        assert [(line.sender, line.body) for line in found.messages] == [
            ("customer", "Hi"), ("agent", "Hello")
        ]  # fmt: skip
        assert found.tags == ("bank_balance",)
        assert [line.sent_at.timestamp() for line in found.messages] == [1589375697, 1589375820]
        assert found.opened_at.timestamp() == 1589375697
        assert found.closed_at.timestamp() == 1589375820

    def test_multidogo(self) -> None:
        found = read(from_multidogo(MULTIDOGO), now=NOW)

        assert isinstance(found, Dialogue)
        assert [line.body for line in found.messages] == ["first", "second"]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"id": ""}, "id"),
            ({"id": None}, "id"),
            ({"id": True}, "id"),
            ({"customer": "anna"}, "customer.external_id"),
            ({"customer": {"external_id": "a\nb"}}, "customer.external_id"),
            ({"channel": "fax"}, "channel"),
            ({"tags": ["two words"]}, "tags"),
            ({"tags": [[]]}, "tags"),
            ({"opened_at": "2024-03-01T10:00:00"}, "opened_at"),
            ({"opened_at": 7}, "opened_at"),
            ({"messages": []}, "messages"),
            ({"messages": {}}, "messages"),
            ({"messages": ["x"]}, "messages.0"),
            ({"messages": [{"sender": "god", "body": "x"}]}, "messages.0.sender"),
            ({"messages": [{"sender": "bot", "body": ""}]}, "messages.0.body"),
            ({"messages": [{"sender": "bot", "body": "a\0"}]}, "messages.0.body"),
            ({"messages": [{"sender": "bot", "body": "\ud83d"}]}, "messages.0.body"),
            ({"messages": [{"sender": "bot", "body": "x", "sent_at": "?"}]}, "messages.0.sent_at"),
        ],
    )
    def test_what_is_wrong_is_named(self, change: dict[str, Any], field: str) -> None:
        found = read(GOOD | change, now=NOW)

        assert isinstance(found, list)
        assert field in {fault["field"] for fault in found}

    @settings(max_examples=50)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "customer", "external_id", "messages", "sender", "body",
                                 "sent_at", "tags", "opened_at", "language"]),
                inner, max_size=6,
            ),
            max_leaves=12,
        )
    )  # fmt: skip
    def test_anything_is_a_dialogue_or_faults(self, found: Any) -> None:
        result = read(found, now=NOW)

        assert isinstance(result, Dialogue) or (result and all("detail" in one for one in result))


class TestCommand:
    def run(self, file: Path, **options: Any) -> dict[str, Any]:
        out = StringIO()
        call_command(
            "import_conversations", str(file), tenant="acme", json=True, stdout=out, **options
        )
        return dict(json.loads(out.getvalue()))

    def test_takes_over_once_and_puts_the_bad_aside(self, tenant: Tenant, tmp_path: Path) -> None:
        file, rejects = tmp_path / "past.jsonl.gz", tmp_path / "rejects.jsonl"
        lines = [json.dumps(GOOD), "{broken", "", json.dumps(GOOD | {"id": "d-2", "messages": []}),
                 json.dumps(GOOD | {"id": "d-3"}), json.dumps(GOOD)]  # fmt: skip
        file.write_bytes(gzip.compress("\n".join(lines).encode()))

        first = self.run(file, rejects=rejects)
        again = self.run(file)

        assert first == {"accepted": 2, "replayed": 1, "rejected": 2, "messages": 6}
        assert again == {"accepted": 0, "replayed": 3, "rejected": 2, "messages": 0}
        aside = [json.loads(line) for line in rejects.read_text().splitlines()]
        assert [one["line"] for one in aside] == [2, 4]
        assert all(one["errors"] for one in aside)
        assert Conversation.objects.count() == 2
        assert Message.objects.count() == 6
        assert all(check(tenant.pk).ok for check in invariants.INVARIANTS)

    def test_a_conversation_of_the_past_is_closed_and_whole(
        self, tenant: Tenant, tmp_path: Path
    ) -> None:
        file = tmp_path / "star.jsonl"
        file.write_text(json.dumps(STAR) + "\n")
        self.run(file, form="star")

        (row,) = Conversation.objects.all()
        view = selectors.conversation_of(tenant.pk, row.pk)
        assert (view.state, view.closing_reason, view.last_seq) == ("closed", "imported", 2)
        assert [body for _, _, body in transcript(tenant.pk, row.pk)] == ["Hi", "Hello"]
        (told,) = facts(row.pk)
        assert told["name"] == "conversations.conversation.imported"

    def test_another_form_is_refused_line_by_line(self, tenant: Tenant, tmp_path: Path) -> None:
        file = tmp_path / "x.jsonl"
        file.write_text(json.dumps(GOOD) + "\n[1]\n")

        assert self.run(file, form="star")["rejected"] == 2

    def test_a_missing_file_and_tenant_are_named(self, tenant: Tenant, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="no file"):
            self.run(tmp_path / "x")
        with pytest.raises(CommandError, match="tenant"):
            call_command("import_conversations", str(tmp_path / "x"), tenant="nobody")
