"""The judgement: facts in, a word and sentences out."""

import pytest

from apps.web.status import Clock, Facts, Reader, State, duration, judge


def codes(facts: Facts) -> list[str]:
    return [reason.code for reason in judge(facts).reasons]


def test_nothing_wrong_is_healthy():
    status = judge(Facts(readers=[Reader("ledger.book_trades", 0.4)], clocks=[Clock("a.b", 100)]))
    assert (status.state, list(status.reasons)) == (State.HEALTHY, [])


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        (0.0, State.HEALTHY),
        (1.9, State.HEALTHY),
        (2.0, State.CATCHING_UP),
        (29.9, State.CATCHING_UP),
        (30.0, State.DEGRADED),
    ],
)
def test_lag_decides_between_the_three(seconds, state):
    assert judge(Facts(readers=[Reader("a.b", seconds)])).state is state


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (Facts(unbalanced=["USD"]), "ledger_unbalanced"),
        (Facts(readers=[Reader("a.b", 0, stopped=[3])]), "stopped"),
        (Facts(readers=[Reader("a.b", 0, failing=[3], error="no route")]), "failing"),
        (Facts(parked=1), "parked"),
        (Facts(redis_answers=False), "redis"),
        (Facts(unserved=["ledger.0"]), "unserved"),
        (Facts(oldest_snapshot_seconds=300), "old_snapshot"),
        (Facts(clocks=[Clock("a.b", 0, "ValueError: no")]), "clock_failed"),
        (Facts(clocks=[Clock("a.b", 121)]), "clock_late"),
    ],
)
def test_each_of_these_degrades(facts, code):
    assert judge(facts).state is State.DEGRADED
    assert codes(facts) == [code]


def test_the_gravest_comes_first_and_what_is_merely_late_last():
    facts = Facts(readers=[Reader("a.b", 5, stopped=[1])], parked=2, unbalanced=["USD"])
    assert codes(facts) == ["ledger_unbalanced", "stopped", "parked", "behind"]
    assert judge(facts).sentence == "3 things need attention."


def test_sentences_name_what_is_wrong_and_stay_short():
    reader = Reader("a.b", 0, stopped=range(10), failing=[7], error="no route to host")
    details = [one.detail for one in judge(Facts(readers=[reader], parked=1)).reasons]
    assert details == [
        "a.b is stopped in partitions 0, 1, 2 and 7 more.",
        "a.b meets errors in partition 7: no route to host",
        "One key is parked: later events wait behind until someone resumes.",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (119, "119 s"),
        (180, "3 min"),
        (7_200, "2 h"),
        (345_600, "4 days"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds, text):
    assert duration(seconds) == text
