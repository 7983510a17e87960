"""The log over HTTP, and its commands."""

import pytest
from django.core.management import CommandError, call_command

from apps.events.management.commands import settle_down
from apps.events.services import drain, stop_partition
from tests.events.conftest import note_effects, seen
from tests.events.helpers import HERE, KEY, TOPIC, append, keys_in, query


@pytest.fixture
def bad_numbers():
    return {13}


@pytest.fixture
def handler(make_handler, bad_numbers):
    def refuse(batch):
        for one in batch.events:
            if one.event.number in bad_numbers:
                raise ValueError(f"cannot take {one.event.number}")
        note_effects(batch)

    return make_handler(refuse)


@pytest.fixture
def parked(handler, tenant):
    append(13, 14)
    drain(handler.name, TOPIC, HERE)
    query("UPDATE events_parkedkey SET tenant_id = %s", tenant.pk)
    [(number,)] = query("SELECT id FROM events_parkedkey")
    return number


class TestLag:
    def test_shows_who_is_behind(self, api, handler):
        append(1, 2)
        [lag] = api.get("/api/v1/events/lag").json()["results"]
        assert (lag["handler"], lag["topic"], lag["partition"]) == (handler.name, TOPIC, HERE)
        assert (lag["offset"], lag["head"], lag["events"]) == (0, 2, 2)
        assert lag["seconds"] > 0
        drain(handler.name, TOPIC, HERE)
        [lag] = api.get("/api/v1/events/lag").json()["results"]
        assert (lag["events"], lag["seconds"]) == (0, 0)

    def test_shows_who_stands_still(self, api, handler):
        stop_partition(handler.name, TOPIC, HERE, reason="maintenance")
        [lag] = api.get("/api/v1/events/lag").json()["results"]
        assert (lag["state"], lag["error"]) == ("stopped", "maintenance")


class TestParked:
    def test_are_listed_for_their_tenant_alone(self, api, client_of, other, parked):
        [one] = api.get("/api/v1/events/parked").json()["results"]
        assert (one["id"], one["key"], one["error"]) == (parked, KEY, "ValueError: cannot take 13")
        assert client_of(other).get("/api/v1/events/parked").json()["results"] == []

    def test_resumption(self, api, parked, bad_numbers):
        address = f"/api/v1/events/parked/{parked}/resumption"
        refused = api.post(address)
        assert refused.status_code == 409
        assert refused.json()["error"] == "ValueError: cannot take 13"
        bad_numbers.clear()
        assert api.post(address).json() == {"key": KEY, "replayed": 2}
        assert seen() == [13, 14]
        assert api.post(address).status_code == 404

    def test_resumption_by_others_is_refused(self, client_of, tenant, other, parked):
        address = f"/api/v1/events/parked/{parked}/resumption"
        assert client_of(other).post(address).status_code == 404
        assert client_of(tenant, role="auditor").post(address).status_code == 403
        assert query("SELECT count(*) FROM events_parkedkey") == [(1,)]


class TestSettleDown:
    def test_drains_what_no_worker_takes(self, handler, capsys, monkeypatch):
        monkeypatch.setattr(settle_down, "PATIENCE_SECONDS", 0.2)
        append(1, 2)
        append(13, key=keys_in(HERE, 1)[0])
        call_command("settle_down", "--timeout", "60")
        assert seen() == [1, 2]
        assert "settled; 1 keys are parked" in capsys.readouterr().out

    def test_says_what_does_not_settle(self, handler):
        append(1)
        stop_partition(handler.name, TOPIC, HERE, reason="maintenance")
        with pytest.raises(CommandError, match=r"1 events.*stopped, maintenance"):
            call_command("settle_down", "--timeout", "1")


class TestReshard:
    def test_changes_the_map(self, handler, capsys):
        call_command("reshard", "5", "--force")
        assert query("SELECT count(DISTINCT queue_shard) FROM events_partition") == [(5,)]

    def test_refuses_shards_that_nobody_serves(self, handler):
        with pytest.raises(CommandError, match=r"No worker serves .*positions.0"):
            call_command("reshard", "1")

    def test_has_limits(self, handler):
        with pytest.raises(CommandError, match="between 1 and 64"):
            call_command("reshard", "65", "--force")
