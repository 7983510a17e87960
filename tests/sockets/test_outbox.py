"""The outbox of a socket: in order, bounded, and nothing of it left when nothing waits."""

import asyncio

from apps.sockets import outbox
from apps.sockets.outbox import Outbox


class Client:
    """Takes frames while it is reading."""

    def __init__(self):
        self.got = []
        self.reading = asyncio.Event()
        self.reading.set()

    async def take(self, frame):
        await self.reading.wait()
        self.got.append(frame)


async def settled(box):
    async with asyncio.timeout(60):
        while box._sender is not None:
            await asyncio.wait([box._sender])


async def test_frames_leave_in_their_order_and_no_task_stays():
    client = Client()
    box = Outbox(client.take)
    assert all(box.put(str(number)) for number in range(100))
    await settled(box)
    assert client.got == [str(number) for number in range(100)]
    assert box._sender is None
    assert box.sending_since is None


async def test_a_reader_that_stops_costs_no_more_than_the_bound():
    client = Client()
    client.reading.clear()
    box = Outbox(client.take)
    taken = [box.put("x" * 1_000) for _ in range(10_000)]
    assert 0 < taken.count(True) <= outbox.CHARACTERS_MAX // 1_000 + 1
    assert not any(taken[taken.count(True) :])
    await asyncio.sleep(0)
    assert box.sending_since is not None
    box.close()
    assert box._size == 0 or not box._frames


async def test_many_small_frames_are_bounded_too():
    client = Client()
    client.reading.clear()
    box = Outbox(client.take)
    assert [box.put("x") for _ in range(outbox.FRAMES_MAX * 2)].count(True) == outbox.FRAMES_MAX
    box.close()


async def test_a_large_frame_passes_where_nothing_waits():
    client = Client()
    box = Outbox(client.take)
    assert box.put("x" * (outbox.CHARACTERS_MAX + 1))
    await settled(box)
    assert len(client.got) == 1


async def test_of_a_kind_only_the_newest_is_kept():
    client = Client()
    client.reading.clear()
    box = Outbox(client.take)
    for number in range(1_000):
        box.put_latest("board", f"board {number}")
        if number == 500:
            box.put("between")
    client.reading.set()
    await settled(box)
    assert client.got == ["board 999", "between"]


async def test_it_calls_when_it_is_empty():
    client = Client()
    box = Outbox(client.take)
    box.put("a")
    called = []
    box.when_empty(lambda: called.append(list(client.got)))
    await settled(box)
    assert called == [["a"]]


async def test_a_client_that_is_gone_ends_the_sending():
    async def gone(_frame):
        raise ConnectionResetError

    box = Outbox(gone)
    box.put("a")
    await settled(box)
    assert box.sending_since is None
