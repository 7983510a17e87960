"""The back office sees the log, and its buttons stop, start and resume."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.events import registry
from apps.events.admin.events import place_of
from apps.events.contracts import partition_of
from apps.events.models import Cursor, ParkedKey
from apps.events.services import drain
from apps.tenants.models import Tenant, User
from tests.events import helpers
from tests.events.conftest import note_effects, seen

KEY = "account-7"
PARTITION = partition_of(KEY)
TOPIC = "test-things"


@pytest.fixture
def desk(tenant: Tenant, client: Client) -> Client:
    """Someone who may do everything."""
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


@pytest.fixture
def stubborn(make_handler):
    """A handler that fails at number 2 until its `mended` is set."""
    state = {"mended": False}

    def stubborn(batch):
        if not state["mended"] and any(one.event.number == 2 for one in batch.events):
            raise ValueError("number 2 is not for me")
        note_effects(batch)

    make_handler(stubborn)
    return state


@pytest.fixture
def parked(stubborn, desk) -> ParkedKey:
    """A key that is parked at its second event, with a third behind it."""
    helpers.append(1, 2, 3, key=KEY)
    drain("tests.stubborn", TOPIC, PARTITION)
    assert seen(KEY) == [1]
    return ParkedKey.objects.get()


def text(desk: Client, name: str, /, *args: object, **filters: object) -> str:
    answer = desk.get(reverse(f"admin:events_{name}", args=args), filters)
    assert answer.status_code == 200
    return answer.content.decode()


def press(desk: Client, model: str, action: str, *rows: object) -> str:
    where = reverse(f"admin:events_{model}_changelist")
    data = {"action": action, "_selected_action": [str(row) for row in rows]}
    answer = desk.post(where, data, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


class TestEvents:
    def test_the_newest_come_first_without_a_count(self, desk, make_handler):
        make_handler()
        helpers.append(*range(60), key=KEY)
        with CaptureQueriesContext(connection) as queries:
            page = text(desk, "eventrecord_changelist")
        assert page.index(f"{TOPIC}/{PARTITION}/60") < page.index(f"{TOPIC}/{PARTITION}/59")
        assert not [
            one for one in queries if "COUNT(" in one["sql"] and "eventrecord" in one["sql"]
        ]

    def test_without_a_search_a_partition_shows_its_last_fifty(self, desk, make_handler):
        make_handler()
        helpers.append(*range(60), key=KEY)
        second = text(desk, "eventrecord_changelist", p=2)
        assert f"{TOPIC}/{PARTITION}/10<" not in second

    def test_a_key_shows_its_whole_history(self, desk, make_handler):
        make_handler()
        helpers.append(*range(60), key=KEY)
        helpers.append(1, key="another")
        page = text(desk, "eventrecord_changelist", q=KEY, p=2)
        assert f"{TOPIC}/{PARTITION}/1<" in page
        assert "another" not in text(desk, "eventrecord_changelist", q=KEY)

    def test_an_address_finds_one_event(self, desk, make_handler):
        make_handler()
        helpers.append(1, 2, key=KEY)
        page = text(desk, "eventrecord_changelist", q=f"{TOPIC}/{PARTITION}/2")
        assert f"{TOPIC}/{PARTITION}/2<" in page
        assert f"{TOPIC}/{PARTITION}/1<" not in page

    def test_filters_know_what_there_is(self, desk, make_handler):
        make_handler()
        helpers.append(1, key=KEY)
        page = text(desk, "eventrecord_changelist", name="trading.trade.executed")
        assert f"{TOPIC}/{PARTITION}/1<" not in page
        page = text(desk, "eventrecord_changelist", name="test.thing.added", tenant="1")
        assert f"{TOPIC}/{PARTITION}/1<" in page
        page = text(desk, "eventrecord_changelist", topic="trade")
        assert f"{TOPIC}/{PARTITION}/1<" not in page

    def test_an_event_opens_with_its_data_and_who_has_taken_it(self, desk, make_handler):
        handler = make_handler()
        helpers.append(1, 2, key=KEY)
        address = f"{TOPIC}/{PARTITION}/1"
        page = text(desk, "eventrecord_change", address)
        assert "&quot;number&quot;: 1" in page
        assert (handler.name in page, "not yet" in page) == (True, True)
        drain(handler.name, TOPIC, PARTITION)
        assert "taken" in text(desk, "eventrecord_change", address).split("Taken by")[1]

    def test_data_cannot_become_markup(self, desk, make_handler):
        make_handler()
        helpers.append(1, key="<script>alert(1)</script>")
        assert "<script>alert(1)" not in text(desk, "eventrecord_changelist")

    @pytest.mark.parametrize(
        "address", ["trade/1", "trade/x/1", "trade/1/99999999999999999999", "trade/99999/1", "/"]
    )
    def test_nonsense_is_no_address(self, desk, address):
        assert place_of(address) is None
        answer = desk.get(reverse("admin:events_eventrecord_change", args=[address]))
        assert answer.status_code == 302  # Django's way to say: there is none

    def test_one_event_is_read_by_the_logs_key(self, desk, make_handler):
        make_handler()
        for key in helpers.keys_in(PARTITION, 100):  # of one key another index would do as well
            helpers.append(1, key=key)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE events_event")
            cursor.execute("SET enable_seqscan = off")
            cursor.execute(
                "EXPLAIN SELECT * FROM events_eventrecord"
                ' WHERE topic = %s AND partition = %s AND "offset" = %s',
                [TOPIC, PARTITION, 1],
            )
            plan = "\n".join(row for (row,) in cursor.fetchall())
            cursor.execute("RESET enable_seqscan")
        assert "events_event_pkey" in plan

    @pytest.mark.parametrize("model", ["eventrecord", "cursorrecord", "parkedkey", "jobrecord"])
    def test_nothing_is_added_or_deleted(self, desk, model):
        assert desk.get(reverse(f"admin:events_{model}_add")).status_code == 403


class TestCursors:
    def address(self, handler):
        return f"{handler.name}/{TOPIC}/{PARTITION}"

    def state(self, handler):
        return Cursor.objects.get(handler=handler.name, partition=PARTITION)

    def test_those_behind_come_first_with_their_lag(self, desk, make_handler):
        handler = make_handler()
        helpers.append(1, 2, 3, key=KEY)
        page = text(desk, "cursorrecord_changelist", condition="behind")
        assert page.count(handler.name) >= 1
        assert ">3<" in page
        assert "3" in text(desk, "cursorrecord_change", self.address(handler))

    def test_stop_and_go_on(self, desk, make_handler):
        handler = make_handler()
        assert "Stopped: 1 of 1." in press(desk, "cursorrecord", "stop", self.address(handler))
        assert (self.state(handler).state, self.state(handler).error) == (
            "stopped",
            "stopped by boss",
        )
        helpers.append(1, key=KEY)
        drain(handler.name, TOPIC, PARTITION)
        assert seen(KEY) == []
        assert handler.name in text(desk, "cursorrecord_changelist", condition="stopped")

        assert "Goes on: 1 of 1." in press(desk, "cursorrecord", "let_go_on", self.address(handler))
        drain(handler.name, TOPIC, PARTITION)
        assert seen(KEY) == [1]
        assert [one.change_message for one in LogEntry.objects.order_by("pk")] == [
            "Stopped",
            "Goes on",
        ]

    def test_a_handler_of_another_release_is_told_not_crashed(self, desk, make_handler):
        handler = make_handler()
        address = self.address(handler)
        registry.unregister(handler.name)
        page = press(desk, "cursorrecord", "stop", address)
        assert "There is no handler of this name." in page


class TestParkedKeys:
    def test_the_reason_is_shown(self, desk, parked):
        assert "number 2 is not for me" in text(desk, "parkedkey_changelist")
        page = text(desk, "parkedkey_change", parked.pk)
        assert "ValueError: number 2 is not for me" in page
        assert f"{TOPIC}/{PARTITION}/2" in page

    def test_resume_asks_first_and_then_replays_in_order(self, desk, parked, stubborn):
        where = reverse("admin:events_parkedkey_resume", args=[parked.pk])
        assert "Replay this key now?" in desk.get(where).content.decode()
        assert ParkedKey.objects.exists()

        stubborn["mended"] = True
        answer = desk.post(where, {"_form_submitted": "True"}, follow=True)
        assert f"{KEY} goes on: 2 events were replayed." in answer.content.decode()
        assert seen(KEY) == [1, 2, 3]
        assert not ParkedKey.objects.exists()
        assert "Resumed: 2 events" in LogEntry.objects.get().change_message

    def test_from_the_dialog_the_whole_page_moves_on(self, desk, parked, stubborn):
        stubborn["mended"] = True
        where = reverse("admin:events_parkedkey_resume", args=[parked.pk])
        answer = desk.post(where, {"_form_submitted": "True"}, headers={"HX-Request": "true"})
        assert answer["HX-Redirect"] == reverse("admin:events_parkedkey_changelist")

    def test_what_fails_again_stays_parked_and_is_told(self, desk, parked):
        page = press(desk, "parkedkey", "resume_selected", parked.pk)
        assert "stays parked: 0 replayed, then: ValueError: number 2 is not for me" in page
        assert ParkedKey.objects.get().attempts == 2
        assert "Resumed in vain" in LogEntry.objects.get().change_message

    def test_many_are_resumed_at_once(self, desk, parked, stubborn):
        stubborn["mended"] = True
        assert "goes on: 2 events" in press(desk, "parkedkey", "resume_selected", parked.pk)
        assert seen(KEY) == [1, 2, 3]

    def test_one_that_somebody_else_resumed_is_no_error(self, desk, parked):
        where = reverse("admin:events_parkedkey_resume", args=[parked.pk])
        ParkedKey.objects.all().delete()
        answer = desk.post(where, {"_form_submitted": "True"}, follow=True)
        assert "not parked any more" in answer.content.decode()

    def test_looking_is_not_resuming(self, desk, parked, client, tenant):
        auditor = User.objects.create_user("auditor", password="x", is_staff=True)
        auditor.user_permissions.set(
            Permission.objects.filter(
                content_type__app_label="events", codename__startswith="view_"
            )
        )
        client.force_login(auditor)
        assert "number 2" in text(client, "parkedkey_changelist")
        where = reverse("admin:events_parkedkey_resume", args=[parked.pk])
        assert client.post(where, {"_form_submitted": "True"}).status_code == 403
        press(client, "parkedkey", "resume_selected", parked.pk)
        press(client, "cursorrecord", "stop", f"tests.stubborn/{TOPIC}/{PARTITION}")
        assert ParkedKey.objects.get().attempts == 1
        assert not Cursor.objects.filter(state="stopped").exists()

    def test_resuming_by_a_link_is_impossible(self, desk, parked, stubborn):
        stubborn["mended"] = True
        desk.get(reverse("admin:events_parkedkey_resume", args=[parked.pk]), {"_form_submitted": 1})
        assert seen(KEY) == [1]


class TestClock:
    @pytest.fixture(autouse=True)
    def _runs(self, desk):
        with connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO events_jobrun (job, period, claimed_at, finished_at, error) VALUES
                   ('a.good', '2026-03-01T00:00Z', now(), now(), ''),
                   ('b.bad', '2026-03-02T00:00Z', now(), NULL, 'ValueError: no tape')"""
            )

    def test_runs_are_listed_newest_first_and_opened(self, desk):
        page = text(desk, "jobrecord_changelist")
        assert page.index("b.bad") < page.index("a.good")
        assert "ValueError: no tape" in text(desk, "jobrecord_change", "b.bad@1772409600")

    def test_failures_are_found(self, desk):
        page = text(desk, "jobrecord_changelist", outcome="failed")
        assert ("b.bad" in page, "a.good" in page) == (True, False)

    @pytest.mark.parametrize("address", ["b.bad", "b.bad@x", "b.bad@99999999999999", "@1"])
    def test_nonsense_is_no_run(self, desk, address):
        answer = desk.get(reverse("admin:events_jobrecord_change", args=[address]))
        assert answer.status_code == 302


def test_the_menu_leads_to_every_page_that_one_may_see(desk, tenant):
    page = desk.get("/admin/").content.decode()
    for model in ("parkedkey", "cursorrecord", "eventrecord", "jobrecord"):
        assert reverse(f"admin:events_{model}_changelist") in page
    assert 'href="/"' in page
