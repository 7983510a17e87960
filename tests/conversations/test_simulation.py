"""Dialogues replayed over real sockets, by the product's own simulator, on both real doors.

Dialogues as real ones are told: `PAST`, of our own, in the forms of STAR and MultiDoGO; and some of those
data sets themselves, where they are (LOCKSTEP_DIALOGUES=<number> takes more than a few).
At the end, customers who wait for one agent and answer what they write.
"""

import asyncio
import json
import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from apps.agents.models import Agent
from apps.agents.services import AgentTerms, create_agent
from apps.conversations import selectors, services
from apps.conversations.management import callers, dialogues, simulation
from apps.conversations.management.askers import Asker, Script
from apps.conversations.management.callers import Api
from apps.conversations.models import Conversation, Message
from apps.tenants.models import Role
from apps.tenants.services import add_member, issue_key
from tests import datasets
from tests.conversations.cast import transcript
from tests.conversations.past import FORMS, lines_of, source_of
from tests.web import servers

SETS = {"star": "conversations_star", "multidogo": "conversations_multidogo"}
SHARE = int(os.environ.get("LOCKSTEP_DIALOGUES") or 12)
"""Dialogues of a set that are played, from all of its files."""
EVERY = 97 if SHARE <= 40 else 1  # lines from one that is taken to the next
pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def api_port(door, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), servers.pages(door) as port:
        yield port


@pytest.fixture
def simulate(tenant, sockets, api_port, capsys, monkeypatch):
    """Run the command; its result."""
    for module in (callers, simulation):
        monkeypatch.setattr(module, "PATIENCE", 180.0)  # a machine under test may be busy
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
    # Another tenant's agents may be simulated, too: a user's name is taken once.
    names = Agent.objects.for_tenant(tenant.pk).values_list("user__username", flat=True)
    assert set(names) == {f"simulated-{tenant.slug}-{number}" for number in (1, 2, 3)}


@pytest.mark.parametrize("form", FORMS)
def test_the_transcript_is_what_was_said_then(simulate, tenant, tmp_path, form):
    _replay(simulate, tenant, tmp_path, form, lines_of(form))


@pytest.mark.parametrize("form", FORMS)
def test_real_dialogues(simulate, tenant, tmp_path, form):
    files = datasets.files(SETS[form])
    if not files:
        pytest.skip(f"{SETS[form]} is not here; the dialogues of our own are replayed all the same")
    share = -(-SHARE // len(files))
    lines = [line for file in files for line in datasets.some_lines(file, share, every=EVERY)]
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


SCRIPTS = (
    Script("Amara", ("one", "two", "three")), Script("Amara", ("another matter",), ("billing",))
)  # fmt: skip


@pytest.fixture
def asker(tenant, sockets, api_port):
    user, _ = add_member(tenant, username="newcomer", role=Role.OWNER, password="correct-horse-7")
    create_agent(tenant.pk, AgentTerms(user.username, "You", capacity=4, skills={"billing": 3}))
    _, key = issue_key(tenant, role=Role.OWNER, name="askers")
    api = Api(f"http://127.0.0.1:{api_port}", key)
    return Asker(api, "newcomer", SCRIPTS, pause=0.0, thinking=0.0)


def open_talk(tenant):
    """The conversation that is open, and what was said in it."""
    found = selectors.inbox(tenant, selectors.Filters(states=["queued"]), limit=5)
    return [(view, transcript(tenant, view.id)) for view, _ in found]


async def in_thread(call):
    def closing():
        try:
            return call()
        finally:
            connections.close_all()

    return await asyncio.to_thread(closing)


async def until(what):
    async with asyncio.timeout(180):
        while not (found := await in_thread(what)):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
    return found


async def test_they_answer_and_come_back_with_another_matter(tenant, asker):
    def said(*bodies):
        talks = open_talk(tenant.pk)
        return bool(talks) and [body for _, _, body in talks[0][1]] == list(bodies) and talks[0][0]

    def write(view, body):
        services.send_message(tenant.pk, view.id, sender="agent", client_id=body, body=body)

    running = asyncio.create_task(asker.run())
    first = await until(lambda: said("one"))
    assert first.wanted_agent_id is not None
    await in_thread(lambda: write(first, "hello"))
    await until(lambda: said("one", "hello", "two"))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    running = asyncio.create_task(asker.run())  # started anew, it goes on where it was
    await in_thread(lambda: write(first, "anything else?"))
    await until(lambda: said("one", "hello", "two", "anything else?", "three"))
    await in_thread(lambda: services.close(tenant.pk, first.id, by="test"))
    second = await until(lambda: said("another matter"))
    assert second.id != first.id
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
