"""Alarms: a delayed message on the lane of whoever registered it, and a call when it comes."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import structlog
from django.conf import settings
from django.utils import timezone

from apps.core.exceptions import Unavailable
from apps.events import registry, tasks
from apps.events.exceptions import UnknownHandler
from apps.events.services import ring_at, waking
from apps.tenants.models import Tenant

RANG: list[str] = []


@pytest.fixture(autouse=True)
def _alarms() -> Iterator[None]:
    def wake_up(subject: str) -> None:
        RANG.append(subject)
        if subject == "away":
            raise Unavailable

    registry.alarm(queue="relays")(wake_up)
    name = next(name for name in registry._alarms if name.endswith(".wake_up"))
    registry._alarms["test.wake_up"] = registry._alarms.pop(name)
    yield
    registry._alarms.pop("test.wake_up")
    RANG.clear()


def test_an_alarm_is_a_message_with_a_time_on_its_lane(tenant: Tenant) -> None:
    for shard in (0, 1):
        waking.client().delete(f"relays.{shard}")
    due = timezone.now() + timedelta(hours=1)
    ring_at("test.wake_up", "42", due)
    found = [
        json.loads(one)
        for shard in (0, 1)
        for one in waking.client().lrange(f"relays.{shard}", 0, -1)
    ]
    for shard in (0, 1):
        waking.client().delete(f"relays.{shard}")
    assert [one["headers"]["task"] for one in found] == ["events.ring"]
    assert found[0]["headers"]["eta"] == due.isoformat()
    assert found[0]["headers"]["kwargsrepr"] == "{'alarm': 'test.wake_up', 'subject': '42'}"


def test_when_it_comes_its_function_is_called() -> None:
    tasks.ring(alarm="test.wake_up", subject="42")
    assert RANG == ["42"]


def test_what_the_world_refuses_is_left_to_the_net() -> None:
    tasks.ring(alarm="test.wake_up", subject="away")
    assert RANG == ["away"]


def test_an_unknown_alarm_is_refused_when_it_is_set() -> None:
    with pytest.raises(UnknownHandler):
        ring_at("test.nobody", "42", timezone.now())


def test_an_unknown_lane_is_refused_when_it_is_declared() -> None:
    with pytest.raises(ValueError, match="no lane"):
        registry.alarm(queue="attic")


def test_without_redis_nothing_is_raised(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(waking.current_app.conf, "broker_url", "redis://127.0.0.1:1/0")
    waking.reset()
    with structlog.testing.capture_logs() as said:
        ring_at("test.wake_up", "42", timezone.now())
    waking.reset()
    assert [one["event"] for one in said] == ["alarm not set; the sweep will see to it"]
