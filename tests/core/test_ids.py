"""Identifiers: standard UUIDv7, in the order in which they were made, unique across threads."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest

from apps.core import ids
from apps.core.ids import uuid7


def made_at(uid: UUID) -> datetime:
    """RFC 9562, 5.7: the first 48 bits are milliseconds since 1970."""
    return datetime.fromtimestamp((uid.int >> 80) / 1000, UTC)


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The clock shows one instant, an hour ahead of every id made so far."""
    now = time.time_ns() + 3_600 * 10**9
    monkeypatch.setattr(ids.time, "time_ns", lambda: now)
    return datetime.fromtimestamp(now / 10**9, UTC)


@pytest.fixture(autouse=True)
def _own_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that move the clock ahead must not move later ids with it."""
    monkeypatch.setattr(ids, "_last", 0)


def test_an_id_is_a_version_7_uuid_of_the_standard_variant() -> None:
    uid = uuid7()

    assert uid.version == 7
    assert uid.variant == RFC_4122
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", str(uid)
    )


def test_an_id_tells_when_it_was_made() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)

    uid = uuid7()

    assert before <= made_at(uid) <= datetime.now(UTC)


def test_each_id_is_greater_than_the_one_before_as_number_and_as_text() -> None:
    made = [uuid7() for _ in range(10_000)]

    assert all(earlier < later for earlier, later in pairwise(made))
    assert sorted(map(str, made)) == list(map(str, made))


def test_ids_of_one_millisecond_stay_in_order_beyond_the_counters_4096(
    stopped_clock: datetime,
) -> None:
    made = [uuid7() for _ in range(5_000)]

    assert all(earlier < later for earlier, later in pairwise(made))
    assert made_at(made[0]) <= stopped_clock
    assert made_at(made[-1]) <= stopped_clock + timedelta(milliseconds=2)


def test_a_clock_that_is_set_back_does_not_set_ids_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = uuid7()

    monkeypatch.setattr(ids.time, "time_ns", lambda: 0)

    assert uuid7() > before


def test_threads_never_get_the_same_id() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: uuid7(), range(20_000)))

    assert len(set(made)) == len(made)


def test_the_tail_is_random(stopped_clock: datetime) -> None:
    tails = {uuid7().int & 0x3FFF_FFFF_FFFF_FFFF for _ in range(1_000)}

    assert len(tails) == 1_000
