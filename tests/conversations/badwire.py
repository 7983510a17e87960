"""A bad wire between a socket process and its Redis: broadcasts are lost, doubled, late and shuffled.

Everything else passes as it is. What happens is drawn from a seed.
"""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

MESSAGE = b"*3\r\n$7\r\nmessage\r\n"
HELD = 6  # broadcasts that are kept back, to come later in another order


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole replies of RESP2 that `data` begins with, and the rest."""
    whole: list[bytes] = []
    start = 0
    while (end := _end_of(data, start)) is not None:
        whole.append(data[start:end])
        start = end
    return whole, data[start:]


def _end_of(data: bytes, start: int) -> int | None:
    line = data.find(b"\r\n", start)
    if line < 0:
        return None
    kind, text, end = data[start : start + 1], data[start + 1 : line], line + 2
    if kind == b"$" and text != b"-1":
        end += int(text) + 2
    elif kind == b"*":
        for _ in range(max(int(text), 0)):
            found = _end_of(data, end)
            if found is None:
                return None
            end = found
    return end if end <= len(data) else None


class BadWire:
    """Listens on a port of its own and passes to the real one."""

    def __init__(self, port: int, seed: int) -> None:
        self.to = port
        self.port = 0
        self.dice = random.Random(seed)
        self.lost = self.doubled = self.late = 0
        self.is_bad = True
        self._loop = asyncio.new_event_loop()
        self._held: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            with suppress(OSError, asyncio.CancelledError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
                ends.append(far_writer)
                out = asyncio.ensure_future(self._pass(reader, far_writer))
                back = asyncio.ensure_future(self._spoil(far_reader, writer))
                try:
                    await asyncio.wait([out, back], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    out.cancel()
                    back.cancel()
        finally:
            for end in ends:
                end.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()

    async def _spoil(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest = b""
        with suppress(OSError):
            while data := await reader.read(65_536):
                replies, rest = split(rest + data)
                for reply in replies:
                    for one in self._fate(reply):
                        writer.write(one)
                await writer.drain()

    def _fate(self, reply: bytes) -> list[bytes]:
        if not self.is_bad or not reply.startswith(MESSAGE):
            return [reply]
        drawn = self.dice.random()
        if drawn < 0.15:
            self.lost += 1
            return []
        if drawn < 0.3:
            self.doubled += 1
            return [reply, reply]
        if drawn < 0.5:
            self.late += 1
            self._held.append(reply)
            if len(self._held) < HELD:
                return []
            self.dice.shuffle(self._held)
            released, self._held = self._held, []
            return released
        return [reply]

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await server.serve_forever()

    def run(self, ready: threading.Event) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serve(ready))
        # Everybody hangs up before the wire is gone.
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left, timeout=5))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def stop(self) -> None:
        def cancel() -> None:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()

        self._loop.call_soon_threadsafe(cancel)


@contextmanager
def bad_wire(port: int, seed: int) -> Iterator[BadWire]:
    """A bad wire to a port, until the block ends."""
    wire, ready = BadWire(port, seed), threading.Event()
    thread = threading.Thread(target=wire.run, args=(ready,), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield wire
    finally:
        wire.stop()
        thread.join(10)
