"""A crowd of sockets, in a process of its own: it opens them, talks, and tells what it saw.

    python -m benchmarks.crowd '{"way": "ours|room|redis", "url": …, "rooms": […], "rate": …, …}'

Two sockets a room. With `rate`, messages are sent evenly over the rooms; each is timed until the
*other* socket of its room has it. Without, sockets only stay. The result is a line of JSON.
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


class Crowd:
    """The sockets of one run."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.pairs: dict[str, list[ClientConnection]] = {}
        self.delays: list[float] = []
        self.seqs: dict[int, list[int]] = {}
        self.sent = 0
        self.got = 0
        self.readers: list[asyncio.Task[None]] = []
        self.opened_in = 0.0

    async def run(self) -> dict[str, Any]:
        await self.open()
        print("open", flush=True)
        sys.stdin.readline()  # whoever measures says when
        if self.asked["rate"]:
            await self.talk()
        else:
            await asyncio.sleep(self.asked["seconds"])
        recovered = await self.storm() if self.asked.get("storm") else 0.0
        for reader in self.readers:
            reader.cancel()
        return {
            "sent": self.sent,
            "got": self.got,
            "disorder": sum(seqs != sorted(set(seqs)) for seqs in self.seqs.values()),
            "delays": self.delays,
            "opened_in": self.opened_in,
            "recovered_in": recovered,
        }

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
                while json.loads(await socket.recv())["type"] != "welcome":
                    pass
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

    async def talk(self) -> None:
        rooms = itertools.cycle(self.pairs.items())
        publisher = redis.asyncio.Redis.from_url(os.environ["BENCH_REDIS_URL"])
        began, rate = time.perf_counter(), self.asked["rate"]
        total = int(rate * self.asked["seconds"])
        for number in range(total):
            wait = began + number / rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            room, (socket, _) = next(rooms)
            name = f"{id(socket)}|{time.perf_counter()}|{number}"
            frame = {"type": "message.send", "client_id": name, "body": "about a line of text " * 3}
            if self.asked["way"] == "redis":
                frame["type"] = "message"
                await publisher.publish(f"room:{room}", json.dumps(frame))
            else:
                await socket.send(json.dumps(frame))
            self.sent += 1
        for _ in range(200):  # what is not here after ten seconds is lost
            if self.got >= 2 * total:
                break
            await asyncio.sleep(0.05)
        await publisher.aclose()

    async def storm(self) -> float:
        """All connections break at once; until everybody is back where they were."""
        names = [name for name, pair in self.pairs.items() for _ in pair]
        lasts = [
            (self.seqs.get(id(one)) or [0])[-1] for pair in self.pairs.values() for one in pair
        ]
        for pair in self.pairs.values():
            for socket in pair:
                socket.transport.abort()
        few, began = asyncio.Semaphore(200), time.perf_counter()
        await asyncio.gather(
            *(self.enter(name, few, last) for name, last in zip(names, lasts, strict=True))
        )
        return time.perf_counter() - began


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    if asked["way"] == "ours":
        import django

        django.setup()
    print(json.dumps(uvloop.run(Crowd(asked).run())), flush=True)
