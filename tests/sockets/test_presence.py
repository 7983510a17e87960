"""Presence on a real Redis: two tabs are one person, and nobody stays for ever."""

import pytest
import redis

from apps.sockets import presence, redis_client
from apps.sockets.presence import Visit, arrive, leave, present

ROOM = "t:7:room"


def visit(person="customer:1", connection="a", place=ROOM):
    return Visit(place, person, connection)


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


def test_an_outage_is_said(no_redis):
    presence._script.cache_clear()
    with pytest.raises(redis.RedisError):
        arrive([visit()])
    presence._script.cache_clear()
