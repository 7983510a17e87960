"""Dialogues replayed over real sockets, by the product's own simulator, on both real doors.

Dialogues as real ones are told: `PAST`, of our own, in the forms of STAR and MultiDoGO; and some of those
data sets themselves, where they are (LOCKSTEP_DIALOGUES=<number> takes more of each file than a few).
"""

import json
import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.conversations.management import dialogues
from apps.conversations.models import Conversation, Message
from apps.tenants.models import Role
from apps.tenants.services import issue_key
from tests import datasets
from tests.conversations.past import FORMS, lines_of, source_of
from tests.web import servers

SETS = {"star": "conversations_star", "multidogo": "conversations_multidogo"}
SHARE = int(os.environ.get("LOCKSTEP_DIALOGUES") or 2)
EVERY = 97  # lines from one that is taken to the next
pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def api_port(door, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), servers.pages(door) as port:
        yield port


@pytest.fixture
def simulate(tenant, sockets, api_port, capsys):
    """Run the command; its result."""
    _, key = issue_key(tenant, role=Role.OWNER, name="simulation")

    def run(*arguments):
        url = f"http://127.0.0.1:{api_port}"
        call_command(
            "simulate_conversations", *arguments, "--tenant", tenant.slug, "--url", url,
            "--key", key, "--speed", "0", "--json",
        )  # fmt: skip
        return json.loads(capsys.readouterr().out)

    return run


def test_every_message_is_on_every_screen_once_and_in_order(simulate, tenant):
    result = simulate("--count", "8", "--at-once", "4")
    played = list(dialogues.read(dialogues.BUILT_IN))
    assert result["faults"] == []
    assert result["conversations"] == 8
    assert result["messages"] == sum(len(played[n % len(played)].turns) for n in range(8))
    assert result["deliveries"] >= 3 * result["messages"]


@pytest.mark.parametrize("form", FORMS)
def test_the_transcript_is_what_was_said_then(simulate, tenant, tmp_path, form):
    _replay(simulate, tenant, tmp_path, form, lines_of(form))


@pytest.mark.parametrize("form", FORMS)
def test_real_dialogues(simulate, tenant, tmp_path, form):
    files = datasets.files(SETS[form])
    if not files:
        pytest.skip(f"{SETS[form]} is not here; the dialogues of our own are replayed all the same")
    lines = [line for file in files for line in datasets.some_lines(file, SHARE, every=EVERY)]
    _replay(simulate, tenant, tmp_path, form, lines)


def _replay(simulate, tenant, tmp_path: Path, form: str, lines: list[str]) -> None:
    """Play them all at once; what every screen got the simulator judges, what is kept is judged here."""
    file = tmp_path / "past.jsonl"
    file.write_text("\n".join(lines))
    spoken = [said for line in lines if (said := source_of(form, json.loads(line)))]
    result = simulate(str(file), "--form", form, "--at-once", "32")

    assert result["faults"] == []
    assert result["conversations"] == len(spoken)
    assert result["messages"] == sum(map(len, spoken))
    kept = {}
    for row in Message.objects.for_tenant(tenant.pk).order_by("conversation_id", "seq"):
        if row.sender in ("customer", "agent"):
            kept.setdefault(row.conversation_id, []).append((row.sender, row.body))
    assert sorted(kept.values()) == sorted(spoken)
    assert Conversation.objects.for_tenant(tenant.pk).count() == len(spoken)


def test_a_key_that_may_not_is_told(tenant, sockets, api_port):
    _, key = issue_key(tenant, role=Role.AUDITOR, name="looks only")
    url = f"http://127.0.0.1:{api_port}"
    with pytest.raises(CommandError, match="403"):
        call_command("simulate_conversations", "--url", url, "--key", key, "--count", "1")


class TestFiles:
    @pytest.mark.parametrize("form", FORMS)
    def test_pauses_and_order_are_those_of_the_past(self, form):
        played = list(dialogues.parse(lines_of(form), form))
        spoken = [source_of(form, json.loads(line)) for line in lines_of(form)]
        assert [[(turn.by, turn.text) for turn in one.turns] for one in played] == [
            said for said in spoken if said
        ]
        assert all(one.turns[0].after == 0 for one in played)
        if form == "star":
            assert [turn.after for turn in played[0].turns] == [0, 17, 5, 0, 43]

    def test_a_line_of_another_form_is_named(self):
        with pytest.raises(ValueError, match="line 1"):
            list(dialogues.parse(lines_of("star"), "multidogo"))

    def test_a_line_that_is_no_dialogue_is_named(self, tmp_path):
        file = tmp_path / "d.jsonl"
        file.write_text(
            '{"id":"a","turns":[{"by":"customer","text":"hi"}]}\n\n{"id":"b","turns":[]}\n'
        )
        with pytest.raises(CommandError, match="line 3"):
            call_command("simulate_conversations", str(file))

    def test_a_file_that_is_not_there_is_told(self, tmp_path):
        with pytest.raises(CommandError, match="none"):
            call_command("simulate_conversations", str(tmp_path / "none.jsonl"))

    def test_what_is_built_in_can_be_read(self):
        found = list(dialogues.read(dialogues.BUILT_IN))
        assert len({one.id for one in found}) == len(found) >= 5
        assert {turn.by for one in found for turn in one.turns} == {"customer", "agent"}
