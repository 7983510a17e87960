"""The breaker as a machine: what holds for any order of calls, answers and waiting."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from apps.resilience.breaker import CLOSED, Phase, Policy, Record, admit, report

POLICY = Policy(failures=3, open_for=5, open_max=20, probe_for=30)


def failing(record, times, now=0.0, caller=""):
    for _ in range(times):
        record = report(record, POLICY, now, caller, ok=False)
    return record


def test_opens_after_so_many_failures_in_a_row():
    assert failing(CLOSED, 2).phase is Phase.CLOSED
    assert failing(report(failing(CLOSED, 2), POLICY, 0, "", ok=True), 2).phase is Phase.CLOSED
    opened = failing(CLOSED, 3, now=100)
    assert (opened.phase, opened.since, opened.retry_at) == (Phase.OPEN, 100, 105)


def test_lets_nothing_out_while_open_and_one_call_after_it():
    opened = failing(CLOSED, 3)

    assert admit(opened, POLICY, 4.9, "a") == (opened, (False, False, 5))
    probing, first = admit(opened, POLICY, 5, "a")
    assert first == (True, True, 5)
    again, second = admit(probing, POLICY, 6, "b")
    assert (again, second.allowed, second.retry_at) == (probing, False, 11)


def test_the_probe_decides_and_nobody_else_does():
    probing, _ = admit(failing(CLOSED, 3), POLICY, 5, "a")

    assert report(probing, POLICY, 6, "b", ok=True) == probing
    assert report(probing, POLICY, 6, "b", ok=False) == probing
    assert report(probing, POLICY, 6, "a", ok=True).phase is Phase.CLOSED
    failed = report(probing, POLICY, 6, "a", ok=False)
    assert (failed.phase, failed.retry_at) == (Phase.OPEN, 16)  # twice as long


def test_a_late_success_of_a_call_from_before_does_not_close_it():
    opened = failing(CLOSED, 3)

    assert report(opened, POLICY, 1, "", ok=True) == opened


def test_a_dead_probe_is_followed_by_another():
    probing, _ = admit(failing(CLOSED, 3), POLICY, 5, "a")
    after, admission = admit(probing, POLICY, 35, "b")

    assert admission.is_probe
    assert after.probe == "b"
    assert report(after, POLICY, 36, "a", ok=True) == after


def test_pauses_grow_to_their_most():
    record, now, pauses = failing(CLOSED, 3), 0.0, []
    for number in range(5):
        pauses.append(record.retry_at - now)
        now = record.retry_at
        record, _ = admit(record, POLICY, now, str(number))
        record = report(record, POLICY, now, str(number), ok=False)
    assert pauses == [5, 10, 20, 20, 20]


STEPS = st.lists(
    st.tuples(st.sampled_from(["admit", "ok", "failed"]), st.sampled_from("abc"), st.floats(0, 40)),
    max_size=60,
)


@given(STEPS)
def test_never_two_probes_at_once_and_never_a_record_that_waits_for_ever(steps):
    record, now, sent_at = CLOSED, 0.0, None
    for what, caller, passed in steps:
        now += passed
        if what == "admit":
            record, admission = admit(record, POLICY, now, caller)
            if admission.is_probe:
                assert sent_at is None or now >= sent_at + POLICY.probe_for
                sent_at = now
            if not admission.allowed:
                assert now < admission.retry_at <= now + max(POLICY.probe_for, POLICY.open_max)
        else:
            before = record
            record = report(record, POLICY, now, caller, ok=what == "ok")
            if before.phase is Phase.HALF_OPEN and record.phase is not Phase.HALF_OPEN:
                assert before.probe == caller
                sent_at = None
        later, admission = admit(record, POLICY, now + 100, "z")
        assert admission.allowed
        assert later.phase is not Phase.OPEN


@given(STEPS)
def test_a_record_travels_as_json(steps):
    record = CLOSED
    for what, caller, passed in steps:
        if what == "admit":
            record, _ = admit(record, POLICY, passed, caller)
        else:
            record = report(record, POLICY, passed, caller, ok=what == "ok")
        assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record
