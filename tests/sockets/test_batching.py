"""Batches: few calls for many items, in order, and one bad item costs only itself."""

import asyncio
import threading

import pytest
from django.db import OperationalError

from apps.sockets import batching
from apps.sockets.batching import Batcher, TooBusy


async def test_what_comes_while_a_call_runs_goes_into_the_next_together():
    gate, calls = threading.Event(), []

    def call(items):
        calls.append(items)
        gate.wait(60)
        return [item * 10 for item in items]

    batcher = Batcher(call)
    first = batcher.submit(0)
    await asyncio.sleep(0)  # its call begins
    rest = [batcher.submit(number) for number in range(1, 100)]
    gate.set()
    assert await asyncio.gather(first, *rest) == [number * 10 for number in range(100)]
    assert calls == [[0], list(range(1, 100))]
    assert (batcher.calls, batcher.items) == (2, 100)


async def test_a_call_gets_no_more_than_it_takes():
    sizes = []
    batcher = Batcher(lambda items: sizes.append(len(items)) or items, at_once=7)
    await asyncio.gather(*(batcher.submit(number) for number in range(20)))
    assert sizes == [7, 7, 6]


async def test_items_of_one_key_stay_in_their_order_while_keys_go_side_by_side():
    done, gate = [], threading.Barrier(2, timeout=60)

    def call(items):
        if len(done) < 2:
            gate.wait()  # both lanes are at work at the same time, or this fails
        done.extend(items)
        return items

    batcher = Batcher(call, lanes=2, at_once=3)
    waiting = [batcher.submit((key, number), key=key) for number in range(9) for key in (0, 1)]
    await asyncio.gather(*waiting)
    for key in (0, 1):
        assert [number for own, number in done if own == key] == list(range(9))


async def test_one_bad_item_costs_only_itself():
    def call(items):
        if 3 in items:
            raise ZeroDivisionError
        return items

    batcher = Batcher(call)
    outcomes = await asyncio.gather(
        *(batcher.submit(number) for number in range(6)), return_exceptions=True
    )
    assert [type(one) for one in outcomes] == [int, int, int, ZeroDivisionError, int, int]


async def test_an_outage_is_everybodys_and_is_not_tried_again_for_each():
    calls = []

    def call(items):
        calls.append(items)
        raise OperationalError("no route")

    batcher = Batcher(call)
    outcomes = await asyncio.gather(*map(batcher.submit, "abc"), return_exceptions=True)
    assert [type(one) for one in outcomes] == [OperationalError] * 3
    assert len(calls) == 1


async def test_more_than_can_be_worked_on_is_refused(monkeypatch):
    monkeypatch.setattr(batching, "WAITING_MAX", 3)
    batcher = Batcher(lambda items: items)
    waiting = [batcher.submit(number) for number in range(3)]
    with pytest.raises(TooBusy):
        batcher.submit(3)
    assert await asyncio.gather(*waiting) == [0, 1, 2]
    assert await batcher.submit(4) == 4


async def test_who_went_away_disturbs_nobody():
    batcher = Batcher(lambda items: items)
    gone, stays = batcher.submit(1), batcher.submit(2)
    gone.cancel()
    assert await stays == 2
