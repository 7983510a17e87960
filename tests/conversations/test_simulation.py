"""Dialogues replayed over real sockets, by the product's own simulator, on both real doors.

With LOCKSTEP_DIALOGUES=<file> (JSON Lines, as `manage.py simulate_conversations` reads them) those of
the file are replayed, too.
"""

import json
import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.conversations.management import dialogues
from apps.tenants.models import Role
from apps.tenants.services import issue_key
from tests.web import servers

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


@pytest.mark.skipif("LOCKSTEP_DIALOGUES" not in os.environ, reason="LOCKSTEP_DIALOGUES is not set")
def test_dialogues_of_a_file(simulate):
    file = Path(os.environ["LOCKSTEP_DIALOGUES"])
    result = simulate(str(file), "--at-once", "8")
    assert result["faults"] == []
    assert result["conversations"] == sum(1 for _ in dialogues.read(file))


def test_a_key_that_may_not_is_told(tenant, sockets, api_port):
    _, key = issue_key(tenant, role=Role.AUDITOR, name="looks only")
    url = f"http://127.0.0.1:{api_port}"
    with pytest.raises(CommandError, match="403"):
        call_command("simulate_conversations", "--url", url, "--key", key, "--count", "1")


class TestFiles:
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
