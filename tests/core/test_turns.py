"""Turns: one at a time, in order; who waits steps aside, as many as may."""

import threading
from collections.abc import Callable

from apps.core.turns import Turns

PATIENCE = 30  # seconds; nothing here takes that long


def started(*calls: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def ended(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_one_is_alone() -> None:
    turns, inside, most = Turns(waiters=0), [0], [0]

    def work() -> None:
        for _ in range(200):
            with turns.turn():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    ended(started(*[work] * 8))
    assert (inside, most) == ([0], [1])


def test_who_waits_lets_the_next_one_go_on() -> None:
    turns, news, aside = Turns(waiters=1), threading.Event(), threading.Event()
    seen: list[str] = []

    def wait() -> None:
        with turns.turn():
            with turns.aside() as may_wait:
                assert may_wait
                aside.set()
                assert news.wait(PATIENCE)
            seen.append("told")

    def work() -> None:
        assert aside.wait(PATIENCE)
        with turns.turn():
            seen.append("worked")
        news.set()

    ended(started(wait, work))
    assert seen == ["worked", "told"]


def test_no_more_stand_aside_than_there_are_threads() -> None:
    turns = Turns(waiters=1)
    answers: list[bool] = []

    def second() -> None:
        with turns.turn(), turns.aside() as may_wait:
            answers.append(may_wait)

    with turns.turn():
        with turns.aside() as may_wait:
            assert may_wait
            ended(started(second))
        with turns.aside() as may_wait:  # there is room again
            assert may_wait
    assert answers == [False]


def test_an_error_gives_the_turn_back() -> None:
    turns = Turns(waiters=1)
    for _ in range(2):
        try:
            with turns.turn(), turns.aside():
                raise LookupError
        except LookupError:
            continue
    done: list[bool] = []

    def work() -> None:
        with turns.turn():
            done.append(True)

    ended(started(work))
    assert done == [True]


def test_without_turns_everybody_may_wait() -> None:
    with Turns(waiters=0).aside() as may_wait:
        assert may_wait
