"""Telling never fails the caller, and never keeps it for long."""

import socket
import time

import pytest
import structlog

from apps.sockets import broadcasts, redis_client
from apps.sockets.broadcasts import Broadcast, group, publish, publish_many
from apps.sockets.frames import unpack
from tests.patience import OF_PRODUCT


@pytest.fixture
def heard():
    """What a group of tenant 7 is told."""
    with redis_client.client().pubsub() as ears:
        ears.subscribe(group(7, "room", 1))
        ears.get_message(timeout=60)

        def listen():
            while True:
                found = ears.get_message(timeout=60)
                if found and found["type"] == "message":
                    return list(unpack(found["data"]))

        yield listen


def test_a_frame_reaches_its_group(heard):
    publish(group(7, "room", 1), b'{"type":"x"}', position=(3, 9))
    assert heard() == [((3, 9), '{"type":"x"}')]


def test_many_take_one_message_a_group_and_stay_in_order(heard):
    publish_many(
        Broadcast(group(7, "room", number % 2), f'{{"n":{number}}}', (1, number))
        for number in range(6)
    )
    assert heard() == [((1, number), f'{{"n":{number}}}') for number in (1, 3, 5)]


def test_groups_of_tenants_are_apart(settings):
    names = {group(tenant, kind, name) for tenant in (1, 2) for kind in "ab" for name in (1, 2)}
    assert len(names) == 8
    assert all(name.startswith(settings.REDIS_PREFIX) for name in names)


def test_without_redis_nothing_is_raised_and_it_is_said_once(no_redis):
    with structlog.testing.capture_logs() as said:
        publish(group(7, "room"), "{}")
        publish(group(7, "room"), "{}")  # not tried: the breaker is open
    assert [one["event"] for one in said] == ["screens not told; they will ask"]


def test_a_frozen_redis_keeps_the_caller_for_a_third_of_a_second_and_then_not_at_all(
    settings, monkeypatch
):
    limit = OF_PRODUCT[broadcasts.__name__]
    monkeypatch.setattr(broadcasts, "TIMEOUT", limit)
    monkeypatch.setattr(broadcasts, "BREAK_SECONDS", 60)  # however slow this machine is
    with socket.create_server(("127.0.0.1", 0)) as frozen:  # takes connections, says nothing
        settings.REDIS_URL = f"redis://127.0.0.1:{frozen.getsockname()[1]}/0"
        frozen.settimeout(60)
        began = time.monotonic()
        publish(group(7, "room"), "{}")
        assert limit <= time.monotonic() - began < 30
        waits = broadcasts.client().connection_pool.connection_kwargs
        assert waits["socket_timeout"] + waits["socket_connect_timeout"] < 0.3
        assert waits["retry"].get_retries() == 0
        frozen.accept()[0].close()
        publish(group(7, "room"), "{}")
        frozen.setblocking(False)
        with pytest.raises(BlockingIOError):  # it was not even called
            frozen.accept()


def test_it_tries_again_after_a_pause(heard, settings, monkeypatch):
    real = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    broadcasts.client.forget()
    publish(group(7, "room", 1), "1")
    settings.REDIS_URL = real
    broadcasts.client.forget()
    publish(group(7, "room", 1), "2")  # the breaker is open
    monkeypatch.setattr(broadcasts, "_broken_until", 0.0)
    publish(group(7, "room", 1), "3")
    assert heard() == [(None, "3")]
