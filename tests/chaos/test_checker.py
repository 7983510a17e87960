"""The checker itself: every anomaly that it is there to find, it finds."""

from dataclasses import replace

import pytest

from tests.chaos.checker import Call, Fact, Run, anomalies, calls_of

CALLS = [
    Call("a", (("k", 1), ("l", 2)), "ok"),
    Call("a", (("k", 3),), "failed"),
    Call("a", (("k", 4),), "unknown"),
    Call("a", (("k", 5), ("l", 6)), "unknown"),
]
LOG = [Fact(0, 1, "k", 1), Fact(0, 2, "l", 2), Fact(0, 3, "k", 5), Fact(0, 4, "l", 6)]
GOOD = Run(calls=CALLS, log=LOG, effects={"h": LOG}, spans=[(0, 4, 1, 4)])

BAD = {
    "lost: ('k', 1)": replace(GOOD, log=LOG[1:], effects={}),
    "phantom: ('k', 3) was taken back": replace(GOOD, log=[*LOG, Fact(0, 5, "k", 3)], effects={}),
    "phantom: nobody told ('x', 9)": replace(GOOD, log=[*LOG, Fact(0, 5, "x", 9)], effects={}),
    "half a unit of work": replace(GOOD, log=LOG[:3], effects={}),
    "duplicate in the log: ('l', 6)": replace(GOOD, log=[*LOG, Fact(0, 5, "l", 6)], effects={}),
    "gap: partition 0": replace(GOOD, spans=[(0, 4, 1, 5)]),
    "out of order in the log": replace(
        GOOD,
        log=[replace(LOG[0], offset=3), *LOG[1:2], replace(LOG[2], offset=1), LOG[3]],
        effects={},
    ),
    "h: twice": replace(GOOD, effects={"h": [*LOG, LOG[3]]}),
    "h: lost": replace(GOOD, effects={"h": LOG[:3]}),
    "h: effect of nothing": replace(GOOD, effects={"h": [*LOG, Fact(0, 9, "k", 9)]}),
    "h: out of order": replace(GOOD, effects={"h": [LOG[2], LOG[0], LOG[1], LOG[3]]}),
    "h: held and done": replace(GOOD, held={"h": {(0, 4)}}),
}


class TestChecker:
    def test_finds_nothing_where_nothing_is(self):
        assert anomalies(GOOD) == []

    def test_held_effects_are_not_lost(self):
        assert anomalies(replace(GOOD, effects={"h": LOG[:3]}, held={"h": {(0, 4)}})) == []

    @pytest.mark.parametrize(("anomaly", "run"), BAD.items(), ids=BAD)
    def test_finds(self, anomaly, run):
        assert any(one.startswith(anomaly) for one in anomalies(run)), anomalies(run)

    def test_what_began_and_never_ended_is_unknown(self):
        lines = [
            {"client": "a", "turn": 0, "facts": [["k", 1]], "outcome": "began"},
            {"client": "a", "turn": 0, "facts": [["k", 1]], "outcome": "ok", "seconds": 0.1},
            {"client": "a", "turn": 1, "facts": [["k", 2]], "outcome": "began"},
            {"client": "a", "turn": 2, "facts": [["k", 3]], "outcome": "unknown: lost"},
        ]
        assert [call.outcome for call in calls_of(lines)] == ["ok", "unknown", "unknown"]
