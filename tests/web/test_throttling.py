"""Guessing passwords stops after ten failures, with Redis and without."""

import pytest

from apps.sockets import limits
from apps.web.throttling import FAILURES_MAX, WINDOW_SECONDS, attempt, succeeded

HERE, ADA = "203.0.113.7", "ada"


@pytest.fixture(params=["redis", "memory"])
def kept_in(request):
    if request.param == "memory":
        request.getfixturevalue("no_redis")
    return request.param


def test_ten_attempts_are_free_and_the_next_waits(kept_in):
    assert [attempt(HERE, ADA) for _ in range(FAILURES_MAX)] == [0] * FAILURES_MAX
    assert WINDOW_SECONDS - 60 <= attempt(HERE, ADA) <= WINDOW_SECONDS + 1


def test_other_names_and_other_addresses_do_not_wait(kept_in):
    for _ in range(FAILURES_MAX + 1):
        attempt(HERE, ADA)
    assert attempt(HERE, "grace") == 0
    assert attempt("203.0.113.8", ADA) == 0


def test_a_name_is_the_same_however_it_is_written(kept_in):
    for _ in range(FAILURES_MAX):
        attempt(HERE, ADA)
    assert attempt(HERE, " ADA ") > 0


def test_success_forgets_the_failures(kept_in):
    for _ in range(FAILURES_MAX):
        attempt(HERE, ADA)
    succeeded(HERE, ADA)
    assert attempt(HERE, ADA) == 0


def test_waiting_does_not_make_the_wait_longer(kept_in):
    for _ in range(FAILURES_MAX + 1):
        attempt(HERE, ADA)
    assert attempt(HERE, ADA) <= WINDOW_SECONDS + 1


def test_the_window_ends(no_redis, monkeypatch):
    now = 1_000.0
    monkeypatch.setattr(limits.time, "monotonic", lambda: now)
    for _ in range(FAILURES_MAX + 1):
        attempt(HERE, ADA)
    now += WINDOW_SECONDS
    assert attempt(HERE, ADA) == 0


def test_memory_is_bounded(no_redis, monkeypatch):
    monkeypatch.setattr(limits, "REMEMBERED", 10)
    now = 1_000.0
    monkeypatch.setattr(limits.time, "monotonic", lambda: now)
    for number in range(50):
        now += WINDOW_SECONDS / 5
        attempt(HERE, f"user-{number}")
    assert len(limits._memory.counts) <= 10
