"""The limits of P6 and P7: a server of the `websockets` library that hands frames on and keeps nothing.

python -m benchmarks.bare PORT echo       a frame goes to everybody in its room
python -m benchmarks.bare PORT redis      what Redis publishes for a room goes to its sockets
"""

import asyncio
import json
import os
import sys
from collections import defaultdict

import redis.asyncio
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

rooms: dict[str, set[ServerConnection]] = defaultdict(set)


async def meet(socket: ServerConnection) -> None:
    assert socket.request is not None
    room = socket.request.path.rpartition("/")[2]
    rooms[room].add(socket)
    try:
        async for text in socket:
            frame = json.loads(text)
            if frame["type"] == "message.send":
                told = {"type": "message", "client_id": frame["client_id"], "body": frame["body"]}
                broadcast(rooms[room], json.dumps(told))
    finally:
        rooms[room].discard(socket)


async def listen() -> None:
    client = redis.asyncio.Redis.from_url(os.environ["BENCH_REDIS_URL"])
    async with client.pubsub() as ears:
        await ears.psubscribe("room:*")
        async for message in ears.listen():
            if message["type"] == "pmessage":
                room = message["channel"].decode().rpartition(":")[2]
                broadcast(rooms[room], message["data"].decode())


async def main(port: int, kind: str) -> None:
    async with serve(meet, "127.0.0.1", port, compression=None, ping_interval=None):
        if kind == "redis":
            await listen()
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
