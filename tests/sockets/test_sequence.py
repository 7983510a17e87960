"""A screen's place in a stream: whatever the fan-out does, 1, 2, 3 … leaves, once each."""

from hypothesis import given
from hypothesis import strategies as st

from apps.sockets import sequence
from apps.sockets.sequence import Sequence


def text(seq: int) -> str:
    return f"frame {seq}"


def test_what_comes_in_its_turn_leaves_at_once():
    one = Sequence(last=4)
    assert one.take(5, "e") == ["e"]
    assert not one.is_behind


def test_what_comes_early_waits_and_what_comes_twice_is_dropped():
    one = Sequence(last=0)
    assert one.take(3, "c") == []
    assert one.is_behind
    assert one.take(1, "a") == ["a"]
    assert one.take(1, "a") == []
    assert one.take(2, "b") == ["b", "c"]
    assert not one.is_behind


def test_a_number_heard_of_is_missing_until_it_comes():
    one = Sequence(last=7)
    one.learn(9)
    assert one.is_behind
    assert one.take_all([(8, "h"), (9, "i")]) == ["h", "i"]
    assert not one.is_behind


def test_what_waits_is_bounded_and_not_forgotten():
    one = Sequence(last=0)
    for seq in range(2, 10 * sequence.AHEAD_MAX):
        assert one.take(seq, text(seq)) == []
    assert len(one._ahead) == sequence.AHEAD_MAX
    assert len(one.take(1, text(1))) == sequence.AHEAD_MAX + 1
    assert one.is_behind


@given(
    last=st.integers(0, 5),
    count=st.integers(0, 40),
    data=st.data(),
)
def test_any_fan_out_and_a_store_make_a_stream_without_gap_double_or_disorder(last, count, data):
    numbers = range(last + 1, last + count + 1)
    arrivals = data.draw(st.lists(st.sampled_from(numbers), max_size=120)) if count else []
    pulls = data.draw(st.lists(st.integers(0, 120), max_size=4))
    one = Sequence(last=last)
    sent: list[str] = []
    for at, seq in enumerate(arrivals):
        sent += one.take(seq, text(seq))
        if at in pulls:  # the store answers with what there was, while more came
            sent += one.take_all((seq, text(seq)) for seq in numbers if seq > last)
        assert sent == [text(seq) for seq in range(last + 1, one.last + 1)]
        assert one.is_behind == (one.head > one.last)
        assert one.head == max([last, one.last, *arrivals[: at + 1]])
    one.learn(last + count)
    sent += one.take_all((seq, text(seq)) for seq in numbers if seq > one.last)
    assert sent == [text(seq) for seq in numbers]
    assert not one.is_behind
