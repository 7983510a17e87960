"""Everything that can go wrong between a message and a screen, on real processes.

Screens keep what they were sent. Whatever was lost, doubled, late, killed or frozen on the way: at the
end each has 1, 2, 3 … once each, and it is what the database has.
"""

import asyncio
import random
import secrets
import socket
import statistics
import time
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from django.db import connections
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from apps.conversations import selectors, services
from apps.events.services import waking
from apps.sockets import broadcasts, redis_client
from apps.sockets.exceptions import TicketsUnavailable
from apps.sockets.tickets import CHAT, Claim, issue
from tests.conversations import cast
from tests.conversations.badwire import bad_wire
from tests.conversations.doors import Door, OwnRedis
from tests.conversations.screens import Screen
from tests.patience import OF_PRODUCT
from tests.seeds import SEED
from tests.waiting import wait_until
from tests.web import servers

pytestmark = pytest.mark.processes
GONE = (ConnectionClosed, OSError, InvalidHandshake, TimeoutError, EOFError, TicketsUnavailable)
"""What a client comes back from: "come back later" is one of them."""


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory):
    store = OwnRedis(tmp_path_factory.mktemp("redis"))
    store.start()
    yield store
    store.valkey.stop()


@pytest.fixture(scope="module")
def wire(own_redis):
    with bad_wire(own_redis.place.port, SEED) as wire:
        yield wire


@pytest.fixture(scope="module")
def door(own_redis, wire, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        door = Door(own_redis.url(wire.port))
        door.start()
    yield door
    door.end()


@pytest.fixture
def place(door, settings):
    """This process talks over the same wire."""
    print(f"CHAOS_SEED={SEED}")  # noqa: T201 - pytest shows it with a failure
    settings.REDIS_URL = door.redis_url
    settings.REDIS_PREFIX = servers.redis_prefix()
    settings.SOCKETS_URL = f"ws://127.0.0.1:{door.port}"
    for one in (redis_client.client.forget, broadcasts.reset, waking.reset):
        one()
    yield settings
    for one in (redis_client.client.forget, broadcasts.reset, waking.reset):
        one()


@pytest.fixture
def brisk(place, monkeypatch):
    """Who writes in this process waits for a frozen Redis no longer than the product does."""
    for module in (broadcasts, waking):
        monkeypatch.setattr(module, "TIMEOUT", OF_PRODUCT[module.__name__])
        module.reset()


def ticket(tenant, view):
    facts = {"conversation": str(view.id), "customer": str(view.customer_id)}
    return lambda: issue(Claim(CHAT, tenant.pk, f"visitor:{view.customer_id}", facts)).url


async def in_database(call):
    def run():
        try:
            return call()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


class Customer(Screen):
    """A screen that comes back by itself, and sends again what was not acknowledged."""

    def __init__(self, *args):
        super().__init__(*args)
        self.reloads = 0
        self.is_over = False

    async def stay(self):
        """Be connected until it is over."""
        while not self.is_over:
            with suppress(*GONE):
                welcome = await self.connect(last_seq=0)
                if not welcome["recovered"]:
                    self.reloads += 1
                    self.log.clear()  # what a client does; the next connection begins anew
                    await self.leave()
                    continue
                while not (self.code or self.is_over):
                    with suppress(TimeoutError):  # nothing happens for a while; it is still there
                        await self.until(lambda: self.code or self.is_over)
            self.cut()  # never two connections of one screen
            await asyncio.sleep(random.uniform(0.02, 0.2))

    async def insist(self, body):
        """Send a message until it is acknowledged: the same one, by its name."""
        name = f"{id(self)}:{body}"
        while True:
            with suppress(*GONE, AssertionError):
                await self.write(body, client_id=name)
                async with asyncio.timeout(1.5):
                    answer = await self.acked(name)
                if answer["type"] == "ack":
                    return answer["seq"]
                self.frames.remove(answer)
            await asyncio.sleep(0.05)


WRITTEN_BETWEEN = 30
"""Messages from one fault to the next, so that each befalls a conversation and is outlived by it."""


async def rage(door, store, wire, screens, dice, written):
    """Faults, one after the other, while `written()` messages grow in number."""

    def go_on():
        before = written()
        wait_until(lambda: written() >= before + WRITTEN_BETWEEN)

    def restart_empty():
        store.restart_empty()
        wire.to = store.place.port

    def kill():
        door.kill()
        door.start()

    def freeze():
        with store.frozen():
            go_on()

    faults = [store.flush, restart_empty, kill, freeze, lambda: [one.cut() for one in screens]]
    dice.shuffle(faults)
    for fault in faults:
        for screen in dice.sample(screens, 3):
            screen.cut()
        await asyncio.to_thread(go_on)
        await asyncio.to_thread(fault)
        await asyncio.to_thread(go_on)


async def test_whatever_happens_every_screen_ends_with_the_transcript(
    door, own_redis, wire, brisk, tenant
):
    dice = random.Random(SEED)
    views = [await in_database(lambda n=n: cast.open_one(tenant.pk, f"c{n}")) for n in range(4)]
    screens = [Customer(ticket(tenant, view), str(view.id)) for view in views for _ in range(3)]
    staying = [asyncio.ensure_future(one.stay()) for one in screens]
    acked: dict[str, dict[int, str]] = {str(view.id): {} for view in views}

    def written():
        return sum(map(len, acked.values()))

    raging = asyncio.ensure_future(rage(door, own_redis, wire, screens, dice, written))

    async def talk(screen, number):
        count = 0
        while not raging.done() or count < 10:
            count += 1
            body = f"{number}.{count}"
            acked[screen.conversation][await screen.insist(body)] = body
            await asyncio.sleep(dice.uniform(0, 0.05))

    async def post(view):
        count = 0
        while not raging.done():
            count += 1
            body = f"api.{count}"
            sent = await in_database(lambda body=body: cast.say(tenant.pk, view.id, body))
            acked[str(view.id)][sent.the_message.seq] = body
            await asyncio.sleep(0.05)

    talking = [talk(one, number) for number, one in enumerate(screens)]
    async with asyncio.timeout(300):  # processes are started again meanwhile
        await asyncio.gather(raging, *talking, *map(post, views))

    truth = {}
    for view in views:
        found = await in_database(lambda view=view: cast.transcript(tenant.pk, view.id))
        truth[str(view.id)] = [body for _, _, body in found]
        assert {seq: body for seq, _, body in found} == acked[str(view.id)]
    for screen in screens:
        await screen.has(*truth[screen.conversation])
        screen.judge()
        screen.is_over = True
    for screen in screens:
        screen.cut()
    await asyncio.gather(*staying)
    assert min(wire.lost, wire.doubled, wire.late) > 0
    assert sum(one.reloads for one in screens) == 0


def never_reads(url):
    """A client that says hello and takes nothing, with little room on its side."""
    where = urlsplit(url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect((where.hostname, where.port))
    client.sendall(
        f"GET {where.path}?{where.query} HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert b" 101 " in client.recv(4_096)
    hello = b'{"type":"hello","last_seq":0}'
    client.sendall(bytes([0x81, 0x80 | len(hello)]) + bytes(4) + hello)
    return client


def is_cut(client):
    """Whether the server has hung up, however much it had sent before."""
    client.settimeout(120)
    with suppress(ConnectionError):
        while client.recv(65_536):
            pass
    return True


async def test_two_hundred_that_never_read_cost_bounded_memory_and_nobody_elses_time(
    door, wire, place, tenant, settings
):
    wire.is_bad = False
    quiet, busy = [
        await in_database(lambda n=n: cast.open_one(tenant.pk, n)) for n in ("quiet", "busy")
    ]
    screen = Screen(ticket(tenant, quiet), str(quiet.id))

    async def ping(count):
        took = []
        for number in range(count):
            began = time.perf_counter()
            name = await screen.write(f"ping {number}", client_id=secrets.token_hex(8))
            await screen.frame("message", client_id=name)
            took.append(time.perf_counter() - began)
        return statistics.quantiles(took, n=20)[-1]

    async with screen:
        before = await ping(40)
        silent = [
            await asyncio.to_thread(never_reads, await asyncio.to_thread(ticket(tenant, busy)))
            for _ in range(200)
        ]
        memory = door.memory()
        flood = [
            services.Draft(busy.id, "customer", f"f{n}", "x" * 8_000, str(busy.customer_id))
            for n in range(400)
        ]

        async def pour():
            for at in range(0, len(flood), 20):
                some = flood[at : at + 20]
                await in_database(lambda some=some: services.send_messages(tenant.pk, some))

        pouring = asyncio.ensure_future(pour())
        during = await ping(60)
        await pouring
        grown = door.memory() - memory
        # 400 messages of 8 kB for 200 sockets are 640 MB. Each may hold half its outbox and its
        # transport's buffer (140 kB), and a call to the store reads 64 pages of 64 messages.
        assert grown < 100_000_000, f"{grown / 1e6:.0f} MB"
        # Without the bounds it would be tens of seconds; how few milliseconds it is, P6 measures.
        assert during < max(4 * before, 10.0), (before, during)
        cut = await asyncio.gather(*(asyncio.to_thread(is_cut, one) for one in silent))
        assert all(cut)
        await screen.write("still here", client_id="last")
        assert (await screen.acked("last"))["type"] == "ack"
    for one in silent:
        one.close()


async def test_a_storm_of_reconnects_ends_with_everybody_where_they_were(
    door, wire, place, tenant, settings
):
    wire.is_bad = False
    views = [await in_database(lambda n=n: cast.open_one(tenant.pk, f"s{n}")) for n in range(20)]
    screens = [Screen(ticket(tenant, view), str(view.id)) for view in views for _ in range(10)]
    few = asyncio.Semaphore(8)  # tickets are asked for in this process' threads

    async def enter(screen):
        for _ in range(5):
            with suppress(*GONE):
                async with few:
                    await screen.connect(last_seq=0)
                return

    await asyncio.gather(*map(enter, screens))
    for one in screens:
        one.cut()
    for view in views:
        await in_database(lambda view=view: cast.say(tenant.pk, view.id, "while you were away"))
    await asyncio.gather(*map(enter, screens))
    await asyncio.gather(*(one.has("while you were away") for one in screens))
    await asyncio.gather(*(one.leave() for one in screens))
    position = await in_database(lambda: selectors.position_of(tenant.pk, views[0].id))
    assert position == (1, 1)
