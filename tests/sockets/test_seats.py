"""How many sockets a tenant has, over all processes; on a real Redis."""

import asyncio
from dataclasses import dataclass, field

import pytest

from apps.sockets import redis_client, seats, warden
from apps.sockets.frames import TOO_MANY, Farewell
from apps.sockets.seats import take, taken, tell
from apps.sockets.tickets import BOARD, Claim


def test_processes_share_the_seats_of_a_tenant():
    assert [take(one, 7, 3) for one in "abab"] == [True, True, True, False]
    assert taken(7) == 3
    assert take("a", 8, 3)


def test_what_a_process_says_it_has_is_true():
    for _ in range(3):
        take("a", 7, 3)
    tell("a", {7: 1})
    assert taken(7) == 1
    assert take("b", 7, 3)
    tell("a", {7: 0})
    tell("b", {7: 0})
    assert taken(7) == 0
    assert redis_client.client().keys(redis_client.key("seats", "*")) == []


def test_a_killed_process_gives_its_seats_back():
    client = redis_client.client()
    for _ in range(3):
        take("killed", 7, 3)
    take("alive", 8, 3)
    assert not take("b", 7, 3)
    client.zadd(seats._keys(7)[0], {"killed": client.time()[0] - 1})
    assert take("b", 7, 3)
    assert taken(7) == 1
    assert taken(8) == 1


def test_nothing_is_kept_for_ever():
    take("a", 7, 3)
    tell("b", {7: 2})
    assert all(0 < redis_client.client().ttl(key) <= seats.TTL for key in seats._keys(7))


@dataclass(eq=False)
class Guest:
    """A socket that sits still."""

    claim: Claim = field(default_factory=lambda: Claim(BOARD, 7, "user:1"))
    check_at: float = 0.0
    hello_by: float | None = None
    stuck_since: float | None = None


async def test_wardens_of_two_processes_admit_together_what_one_would(settings, monkeypatch):
    settings.SOCKETS_PER_TENANT = 3
    monkeypatch.setattr(warden, "ROUND_SECONDS", 0.01)

    one, two = warden.Warden(), warden.Warden()
    here = [Guest() for _ in range(3)]
    for process, who in zip((one, two, one), here, strict=True):
        await process.admit(who)
    late = Guest()
    with pytest.raises(Farewell) as refused:
        await two.admit(late)
    assert refused.value.code == TOO_MANY
    assert late not in two.guests
    one.release(here[0])
    async with asyncio.timeout(60):
        while taken(7) != 2:  # noqa: ASYNC110 - told by rounds, in a thread
            await asyncio.sleep(0.01)
    await two.admit(late)
    for process, who in ((one, here[2]), (two, here[1]), (two, late)):
        process.release(who)
    async with asyncio.timeout(60):
        await asyncio.gather(one._rounds, two._rounds)
    assert taken(7) == 0


async def test_without_redis_a_process_counts_alone(settings, no_redis):
    settings.SOCKETS_PER_TENANT = 1
    seats._script.cache_clear()

    process = warden.Warden()
    await process.admit(Guest())
    with pytest.raises(Farewell):
        await process.admit(Guest())
    seats._script.cache_clear()
