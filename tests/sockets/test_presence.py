"""Presence on a real Redis: two tabs are one person, and nobody stays for ever."""

import pytest
import redis

from apps.sockets import presence, redis_client
from apps.sockets.presence import Visit, present

ROOM = "t:7:room"


def visit(person="customer:1", connection="a", place=ROOM):
    return Visit(place, person, connection)


def arrive(visits):
    return [moved.is_news for moved in presence.arrive(visits)]


def leave(visits):
    return [moved.is_news for moved in presence.leave(visits)]


def test_two_tabs_are_one_person():
    assert arrive([visit(), visit(connection="b")]) == [True, False]
    assert present([ROOM]) == [["customer:1"]]
    assert leave([visit()]) == [False]
    assert present([ROOM]) == [["customer:1"]]
    assert leave([visit(connection="b")]) == [True]
    assert present([ROOM]) == [[]]


def test_telling_again_or_leaving_twice_changes_nothing():
    assert arrive([visit(), visit()]) == [True, False]
    assert leave([visit(), visit()]) == [True, False]


def test_people_and_places_are_apart():
    people = [visit("agent:9"), visit("agent:99"), visit("agent:9", place="t:8:room")]
    assert arrive(people) == [True, True, True]
    assert present([ROOM, "t:8:room", "t:9:room"]) == [["agent:9", "agent:99"], ["agent:9"], []]
    assert leave([visit("agent:9")]) == [True]


def test_a_connection_whose_process_died_is_forgotten(monkeypatch):
    monkeypatch.setattr(presence, "TTL", 0)
    arrive([visit()])
    monkeypatch.undo()
    assert present([ROOM]) == [[]]
    assert arrive([visit(connection="b")]) == [True]
    assert redis_client.client().ttl(presence._key(ROOM)) > 0


def test_who_lapsed_is_told_once_and_only_of_their_last_connection():
    _lapse("customer:1|dead-1", "customer:1|dead-2", "agent:|9||dead-3", "agent:2|dead-4")
    (first,) = presence.arrive([visit("agent:2", "alive")])
    (then,) = presence.arrive([visit("agent:2", "alive")])
    assert first == (True, ["agent:|9|", "customer:1"])
    assert then == (False, [])


def test_leaving_finds_who_lapsed_too():
    arrive([visit("agent:2")])
    _lapse("customer:1|dead", "agent:2|dead")
    assert presence.leave([visit("agent:2")]) == [(True, ["customer:1"])]


def _lapse(*connections):
    """Connections of killed processes, whose time is over."""
    client = redis_client.client()
    over = client.time()[0] - 1
    client.zadd(presence._key(ROOM), dict.fromkeys(connections, over))


def test_an_outage_is_said(no_redis):
    presence._script.cache_clear()
    with pytest.raises(redis.RedisError):
        arrive([visit()])
    presence._script.cache_clear()
