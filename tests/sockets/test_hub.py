"""The hub on a real Redis: who joined hears, and whoever may have missed something is told."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import pytest
import redis as sync_redis
from django.conf import settings

from apps.sockets import broadcasts
from apps.sockets import hub as hubs
from apps.sockets.broadcasts import Broadcast, group
from apps.sockets.hub import Hub
from tests.sockets.cutting import cut
from tests.waiting import wait_until

ROOM = ("room", 1)


class Ear:
    def __init__(self):
        self.frames = []
        self.resyncs = 0
        self.news = asyncio.Event()

    def hear(self, group, position, frame):
        self.frames.append((position, frame))
        self.news.set()

    def resync(self):
        self.resyncs += 1
        self.news.set()

    async def until(self, condition):
        async with asyncio.timeout(60):
            while not condition():
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def running():
    one = Hub()
    try:
        yield one
    finally:
        await one.stop()


async def tell(*frames, name=1):
    told = [Broadcast(group(7, "room", name), text, place) for text, place in frames]
    await asyncio.to_thread(broadcasts.publish_many, told)


async def test_who_joined_hears_from_then_on():
    async with running() as hub:
        ear, other = Ear(), Ear()
        assert await hub.join(group(7, *ROOM), ear)
        assert await hub.join(group(7, "room", 2), other)
        await tell(("a", (1, 1)), ("b", None))
        await ear.until(lambda: len(ear.frames) == 2)
        assert ear.frames == [((1, 1), "a"), (None, "b")]
        assert other.frames == []


async def test_many_join_at_once_with_few_commands():
    async with running() as hub:
        ears = [Ear() for _ in range(1_200)]
        joined = await asyncio.gather(
            *(hub.join(group(7, "room", number), ear) for number, ear in enumerate(ears))
        )
        assert all(joined)
        await tell(("x", None), name=1_199)
        await ears[-1].until(lambda: ears[-1].frames)
        assert hub.groups == 1_200


async def test_who_left_hears_nothing_and_redis_is_told():
    async with running() as hub:
        ear, stays = Ear(), Ear()
        await hub.join(group(7, *ROOM), ear)
        await hub.join(group(7, "room", 2), stays)
        hub.leave(group(7, *ROOM), ear)
        hub.leave(group(7, *ROOM), ear)
        client = sync_redis.Redis.from_url(settings.REDIS_URL)
        left = partial(wait_until, lambda: client.pubsub_numsub(group(7, *ROOM))[0][1] == 0)
        await asyncio.to_thread(left)
        await tell(("x", None))
        await tell(("y", None), name=2)
        await stays.until(lambda: stays.frames)
        assert ear.frames == []


async def test_leaving_and_joining_in_one_breath_misses_nothing():
    async with running() as hub:
        first, second = Ear(), Ear()
        await hub.join(group(7, *ROOM), first)
        for _ in range(50):
            hub.leave(group(7, *ROOM), first)
            await asyncio.sleep(0)
            assert await hub.join(group(7, *ROOM), first)
        assert await hub.join(group(7, *ROOM), second)
        await tell(("x", None))
        await second.until(lambda: second.frames)
        assert first.frames == [(None, "x")]


async def test_after_a_lost_connection_everybody_is_told_to_look_again():
    async with running() as hub:
        ear = Ear()
        await hub.join(group(7, *ROOM), ear)
        await ear.until(lambda: ear.resyncs == 1)  # the first connection
        await asyncio.to_thread(cut, hub)
        await ear.until(lambda: ear.resyncs == 2)
        await tell(("after", (1, 2)))
        await ear.until(lambda: ear.frames)


async def test_without_redis_a_join_ends_and_the_listener_is_told_when_it_is_back(monkeypatch):
    monkeypatch.setattr(hubs, "JOIN_SECONDS", 0.1)
    real = settings.REDIS_URL
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
    async with running() as hub:
        ear = Ear()
        assert not await hub.join(group(7, *ROOM), ear)
        monkeypatch.setattr(settings, "REDIS_URL", real)
        await ear.until(lambda: ear.resyncs)
        await tell(("x", None))
        await ear.until(lambda: ear.frames)


async def test_a_silent_redis_is_left(monkeypatch):
    monkeypatch.setattr(hubs, "PING_SECONDS", 0.05)
    monkeypatch.setattr(hubs, "JOIN_SECONDS", 0.1)
    silent_for = []

    async def silence(reader, writer):
        silent_for.append(writer)
        await reader.read()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    real = settings.REDIS_URL
    port = server.sockets[0].getsockname()[1]
    # Database 0 and no password: nothing is asked before the first SUBSCRIBE.
    monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{port}/0?lib_name=&lib_version=")
    async with running() as hub:
        ear = Ear()
        await hub.join(group(7, *ROOM), ear)
        monkeypatch.setattr(settings, "REDIS_URL", real)
        await ear.until(lambda: ear.resyncs)
        assert silent_for
        for writer in silent_for:
            writer.close()
    server.close()


async def test_what_is_no_broadcast_harms_nobody():
    async with running() as hub:
        ear = Ear()
        await hub.join(group(7, *ROOM), ear)
        client = sync_redis.Redis.from_url(settings.REDIS_URL)
        client.publish(group(7, *ROOM), b"\xff\xfe nonsense")
        await tell(("x", None))
        await ear.until(lambda: ear.frames)
        assert ear.frames == [(None, "x")]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(hubs, "RETRY_SECONDS", (0.01, 0.05))
    monkeypatch.setattr(hubs, "JOIN_SECONDS", 60.0)  # on a busy machine, too
