"""Frames in, frames out, and frames between processes."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.sockets.frames import Farewell, Position, encode, error_frame, pack, parse, unpack

positions = st.none() | st.builds(Position, st.integers(0, 2**40), st.integers(0, 2**40))
objects = st.dictionaries(st.text(), st.text() | st.integers(-(2**50), 2**50), max_size=4)


@given(st.lists(st.tuples(positions, objects), min_size=1))
def test_a_broadcast_is_unpacked_as_it_was_packed(frames):
    told = [(position, encode(frame)) for position, frame in frames]
    assert list(unpack(pack(told))) == told


def test_a_frame_of_many_lines_is_the_same_frame():
    told = json.dumps({"type": "x", "body": "two\nlines"}, indent=2)
    ((position, text),) = unpack(pack([(Position(1, 2), told)]))
    assert position == (1, 2)
    assert json.loads(text) == json.loads(told)


@pytest.mark.parametrize("broadcast", [b"", b"{}", b"1 {}", b"x.y {}", b"\xff"])
def test_what_is_no_broadcast_is_refused(broadcast):
    with pytest.raises(ValueError):  # noqa: PT011 - UnicodeDecodeError is one, too
        list(unpack(broadcast))


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", "7", '"x"', "{}", '{"type":7}', '{"type":null}', "[" * 90_000, "x" * 99],
    ids=lambda text: (text or "nothing")[:12],
)
def test_what_is_no_frame_ends_the_connection(text):
    with pytest.raises(Farewell) as caught:
        parse(text, longest=100 if text and len(text) < 100 else 100_000)
    assert caught.value.code == 4400


def test_a_frame_that_is_too_long_ends_the_connection():
    assert parse('{"type":"hello"}', longest=16) == {"type": "hello"}
    with pytest.raises(Farewell):
        parse('{"type":"hello"}', longest=15)


@given(st.text() | objects.map(json.dumps))
def test_nothing_a_client_sends_is_more_than_a_farewell(text):
    with suppress(Farewell):
        assert isinstance(parse(text, longest=10_000)["type"], str)


def test_an_error_says_what_it_is_about():
    assert json.loads(error_frame("closed", "It is over.", client_id="c1")) == {
        "type": "error",
        "code": "closed",
        "detail": "It is over.",
        "client_id": "c1",
    }
