"""A crowd of sockets, in a process of its own: it opens them, talks, and tells what it saw.

    echo '{"way": "ours|room|redis", "url": …, "rooms": […], "rate": …, …}' | python -m benchmarks.crowd

Two sockets a room. With `rate`, messages are offered evenly over the rooms at fixed times, however slow the
answers are; each is timed from the time at which it was *due* until the other socket of its room has it, so
that a stall is charged for every message that it held up. With `flat_out`, each room says the next as soon
as the other socket has the last. Without either, sockets only stay. The result is a line of JSON.
"""

import asyncio
import itertools
import json
import os
import sys
import time
from contextlib import suppress
from typing import Any

import redis.asyncio
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

OPENING = 40  # handshakes at once
LOST = 10.0  # seconds; what is not here by then is lost
BODY = "about a line of text " * 3


class Crowd:
    """The sockets of one run."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.pairs: dict[str, list[ClientConnection]] = {}
        self.delays: list[float] = []
        self.seqs: dict[int, list[int]] = {}
        self.places: dict[int, int] = {}
        """By socket: the last message of its room when it came."""
        self.heard: dict[int, asyncio.Event] = {}
        """By sender: the other socket has the last."""
        self.sent = 0
        self.got = 0
        self.readers: list[asyncio.Task[None]] = []
        self.opened_in = 0.0
        self.publisher: redis.asyncio.Redis

    async def run(self) -> dict[str, Any]:
        await self.open()
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.readline)  # whoever measures says when
        # A few connections, waited for: a publish for each would open one for each.
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            os.environ["BENCH_REDIS_URL"], max_connections=16, timeout=None
        )
        async with redis.asyncio.Redis.from_pool(pool) as self.publisher:
            if self.asked.get("flat_out"):
                await self.chatter()
            elif self.asked["rate"]:
                await self.talk()
            else:
                await asyncio.sleep(self.asked["seconds"])
        recovered, missed = await self.storm() if self.asked.get("storm") else (0.0, 0)
        for reader in self.readers:
            reader.cancel()
        return {
            "sent": self.sent,
            "got": self.got,
            "disorder": sum(map(self.is_disordered, self.seqs)),
            "delays": self.delays,
            "opened_in": self.opened_in,
            "recovered_in": recovered,
            "missed": missed,
        }

    def is_disordered(self, socket: int) -> bool:
        """Whether a socket saw a double, disorder, or a gap after the first; ours only have numbers."""
        seqs = self.seqs[socket]
        return bool(seqs) and seqs != list(range(seqs[0], seqs[0] + len(seqs)))

    async def open(self) -> None:
        began, few = time.perf_counter(), asyncio.Semaphore(OPENING)
        names = [name for name in self.asked["rooms"] for _ in range(2)]
        sockets = await asyncio.gather(*(self.enter(name, few) for name in names))
        for name, socket in zip(names, sockets, strict=True):
            self.pairs.setdefault(name, []).append(socket)
        self.opened_in = time.perf_counter() - began

    async def enter(
        self, room: str, few: asyncio.Semaphore, last_seq: int | None = None
    ) -> ClientConnection:
        async with few:
            url = await self.address(room)
            socket = await connect(url, compression=None, ping_interval=None, open_timeout=60)
            if self.asked["way"] == "ours":
                place = {} if last_seq is None else {"last_seq": last_seq}
                await socket.send(json.dumps({"type": "hello", **place}))
                while (frame := json.loads(await socket.recv()))["type"] != "welcome":
                    pass
                self.places[id(socket)] = frame["last_seq"]
        self.readers.append(asyncio.ensure_future(self.read(socket)))
        return socket

    async def address(self, room: str) -> str:
        if self.asked["way"] != "ours":
            return f"{self.asked['url']}/{room}"
        from benchmarks.tickets import ticket  # noqa: PLC0415 - Django, only for ours

        return await asyncio.to_thread(ticket, *room.split("/"))

    async def read(self, socket: ClientConnection) -> None:
        seqs = self.seqs.setdefault(id(socket), [])
        with suppress(ConnectionClosed):
            async for text in socket:
                now = time.perf_counter()
                frame = json.loads(text)
                if frame["type"] != "message":
                    continue
                self.got += 1
                if "seq" in frame and self.asked["way"] == "ours":
                    seqs.append(frame["seq"])
                sender, at = frame["client_id"].split("|")[:2]
                if int(sender) != id(socket):
                    self.delays.append(now - float(at))
                    if heard := self.heard.get(int(sender)):
                        heard.set()

    async def talk(self) -> None:
        rooms = itertools.cycle(self.pairs.items())
        began, rate = time.perf_counter(), self.asked["rate"]
        total = int(rate * self.asked["seconds"])
        for number in range(total):
            due = began + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            room, (socket, _) = next(rooms)
            await self.say(room, socket, f"{due}|{number}")
        for _ in range(int(LOST / 0.05)):
            if self.got >= 2 * total:
                break
            await asyncio.sleep(0.05)

    async def say(self, room: str, socket: ClientConnection, name: str) -> None:
        frame = {"type": "message.send", "client_id": f"{id(socket)}|{name}", "body": BODY}
        if self.asked["way"] == "redis":
            frame["type"] = "message"
            await self.publisher.publish(f"room:{room}", json.dumps(frame))
        else:
            await socket.send(json.dumps(frame))
        self.sent += 1

    async def chatter(self) -> None:
        end = time.perf_counter() + self.asked["seconds"]
        rooms = ((room, pair[0]) for room, pair in self.pairs.items())
        await asyncio.gather(*(self.chat(room, socket, end) for room, socket in rooms))

    async def chat(self, room: str, socket: ClientConnection, end: float) -> None:
        heard = self.heard[id(socket)] = asyncio.Event()
        with suppress(TimeoutError):  # a message was lost, and the room is silent from now on
            for number in itertools.count():
                if (now := time.perf_counter()) > end:
                    break
                heard.clear()
                await self.say(room, socket, f"{now}|{number}")
                await asyncio.wait_for(heard.wait(), LOST)

    async def storm(self) -> tuple[float, int]:
        """So many connections break at once, and each room is told something meanwhile.

        Seconds until everybody is back where they were, and how many missed it or had it twice.
        """
        broken = dict(itertools.islice(self.pairs.items(), self.asked["storm"] // 2))
        names = [name for name, pair in broken.items() for _ in pair]
        lasts = [
            (self.seqs.get(id(one)) or [self.places[id(one)]])[-1]
            for pair in broken.values()
            for one in pair
        ]
        for pair in broken.values():
            for socket in pair:
                socket.transport.abort()
        few, began = asyncio.Semaphore(200), time.perf_counter()
        telling = asyncio.ensure_future(self.tell(list(broken)))
        back = await asyncio.gather(
            *(self.enter(name, few, last) for name, last in zip(names, lasts, strict=True))
        )
        recovered = time.perf_counter() - began
        await telling
        expected = {id(socket): [last + 1] for socket, last in zip(back, lasts, strict=True)}
        for _ in range(int(LOST / 0.05)):
            missed = sum(self.seqs[one] != seqs for one, seqs in expected.items())
            if not missed:
                break
            await asyncio.sleep(0.05)
        return recovered, missed

    async def tell(self, rooms: list[str]) -> None:
        """A message in each room from outside, while its screens are away."""
        from benchmarks.tickets import say  # noqa: PLC0415 - Django, only for ours

        await asyncio.to_thread(say, [room.split("/") for room in rooms], BODY)


if __name__ == "__main__":
    asked = json.loads(sys.stdin.readline())  # thousands of rooms are too long for an argument
    if asked["way"] == "ours":
        import django

        django.setup()
    print(json.dumps(uvloop.run(Crowd(asked).run())), flush=True)
