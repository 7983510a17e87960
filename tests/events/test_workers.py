"""Workers say that they are there: a hint that may be lost, and never stands in the way."""

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import redis

from apps.events import selectors, services
from apps.events.selectors import heartbeats
from apps.events.services import waking
from config.celery import PRESENCE_SECONDS, Presence


@pytest.fixture(autouse=True)
def _nobody(_own_redis_keys: None) -> None:
    waking.client().delete(heartbeats.workers_key())


@pytest.fixture
def no_redis(settings) -> Iterator[None]:
    waking.reset()
    settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    yield
    waking.reset()


def names() -> list[tuple[str, bool]]:
    return [(one.name, one.online) for one in selectors.workers()]


def test_what_is_announced_is_seen():
    services.announce("b@here", ["ledger.0"], 12)
    services.announce("a@here", ["positions.1", "ledger.1"], 11)
    first, second = selectors.workers()
    assert (first.name, first.queues, first.pid) == ("a@here", ("ledger.1", "positions.1"), 11)
    assert second.name == "b@here"
    assert 0 <= first.silent_seconds < 60


def test_silence_is_first_shown_and_then_forgotten(monkeypatch):
    services.announce("a@here", ["ledger.0"], 11)
    now = time.time()
    monkeypatch.setattr(heartbeats.time, "time", lambda: now + heartbeats.ALIVE_SECONDS + 1)
    assert names() == [("a@here", False)]
    monkeypatch.setattr(heartbeats.time, "time", lambda: now + heartbeats.FORGOTTEN_SECONDS + 1)
    assert names() == []


def test_a_clock_that_is_ahead_is_not_silence():
    ahead = heartbeats.msgspec.json.encode(heartbeats.Heartbeat(time.time() + 60, ("ledger.0",), 1))
    waking.client().hset(heartbeats.workers_key(), "a@here", ahead)
    assert names() == [("a@here", True)]


def test_who_leaves_sweeps_up_after_those_long_gone():
    old = time.time() - heartbeats.FORGOTTEN_SECONDS - 1
    gone = heartbeats.msgspec.json.encode(heartbeats.Heartbeat(old, ("ledger.0",), 1))
    waking.client().hset(heartbeats.workers_key(), "long-gone@there", gone)
    services.announce("a@here", ["ledger.0"], 11)
    services.announce("b@here", ["ledger.1"], 12)
    services.take_leave("a@here")
    assert waking.client().hkeys(heartbeats.workers_key()) == [b"b@here"]


def test_without_redis_nothing_is_raised_and_nobody_is_seen(no_redis):
    services.announce("a@here", ["ledger.0"], 11)
    services.take_leave("a@here")
    with pytest.raises(redis.RedisError):
        selectors.workers()


def test_queues_are_counted_on_a_redis_broker_only(settings):
    waking.client().delete("test-queue")
    waking.client().rpush("test-queue", "one", "two")
    assert selectors.queue_lengths(["test-queue", "none"]) == {"test-queue": 2, "none": 0}
    waking.client().delete("test-queue")
    settings.CELERY_BROKER_URL = "amqp://guest@127.0.0.1//"
    assert selectors.queue_lengths(["test-queue"]) == {}


def test_every_worker_announces_itself_from_start_to_stop():
    beats = []
    timer = SimpleNamespace(
        call_repeatedly=lambda every, call, args: (
            beats.append((every, call, args)) or SimpleNamespace(cancel=beats.clear)
        )
    )
    queues = SimpleNamespace(consume_from={"ledger.0": None, "positions.0": None})
    worker = SimpleNamespace(
        hostname="a@here", timer=timer, app=SimpleNamespace(amqp=SimpleNamespace(queues=queues))
    )
    step = Presence(worker)
    step.start(worker)
    assert names() == [("a@here", True)]
    assert [(every, call) for every, call, _ in beats] == [(PRESENCE_SECONDS, services.announce)]
    step.stop(worker)
    assert (names(), beats) == ([], [])
