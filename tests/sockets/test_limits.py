"""Counters that all processes share, on a real Redis, and without one."""

import pytest

from apps.sockets import limits, redis_client
from apps.sockets.limits import Limit

LIMIT = Limit("calls", most=3, seconds=60)


@pytest.fixture(params=["redis", "memory"], autouse=True)
def kept_in(request):
    limits.forget_all()
    if request.param == "memory":
        request.getfixturevalue("no_redis")
    yield request.param
    limits.forget_all()


def test_so_many_pass_and_the_next_waits():
    assert [LIMIT.count("a", "b") for _ in range(3)] == [0, 0, 0]
    assert 1 <= LIMIT.count("a", "b") <= 61


def test_everybody_and_every_limit_counts_alone():
    for _ in range(4):
        LIMIT.count("a", "b")
    assert LIMIT.count("a", "c") == 0
    assert LIMIT.count("a") == 0
    assert Limit("others", 3, 60).count("a", "b") == 0


def test_forgotten_it_begins_anew():
    for _ in range(4):
        LIMIT.count("a")
    LIMIT.forget("a")
    assert LIMIT.count("a") == 0


@pytest.mark.parametrize("who", ["\0", "\ud83d", "x" * 100_000, ""])
def test_anything_is_somebody(who):
    assert LIMIT.count(who) == 0


def test_what_is_counted_ends_by_itself_and_names_nobody(kept_in):
    LIMIT.count("203.0.113.7")
    if kept_in == "redis":
        (name,) = redis_client.client().keys(redis_client.key("limit", "*"))
        assert 0 < redis_client.client().ttl(name) <= 60
        assert b"203.0.113.7" not in name
