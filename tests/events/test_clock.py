"""The clock: once a period, however many tick; missed periods are made up for."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from apps.events import registry, tasks
from apps.events.registry import PeriodicJob, periodic
from apps.events.services import clock, due_periods, forget_old_runs, tick
from tests.events.helpers import in_threads, query
from tests.waiting import wait_until

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def jobs(transactional_db, monkeypatch):
    """No jobs but the test's own."""
    monkeypatch.setattr(registry, "_jobs", {})
    return registry._jobs


@pytest.fixture
def hourly(jobs):
    """An hourly job that notes its periods, and fails for as long as `hourly.error` is set."""

    class Hourly:
        runs: list[datetime] = []
        error: Exception | None = None

    Hourly.runs, Hourly.error = [], None

    def run(period):
        Hourly.runs.append(period)
        if Hourly.error:
            raise Hourly.error

    periodic(every=HOUR, catch_up=5)(run)
    return Hourly


def rows() -> list[tuple]:
    return query("SELECT period, finished_at IS NOT NULL, error FROM events_jobrun ORDER BY period")


class TestTick:
    """R16: every job runs once a period, whoever asks."""

    def test_runs_what_is_due_once(self, hourly):
        assert tick(NOON + timedelta(minutes=5)) == ["tests.run 2026-03-01T12:00Z"]
        assert tick(NOON + timedelta(minutes=59)) == []
        assert tick(NOON + HOUR) == ["tests.run 2026-03-01T13:00Z"]
        assert hourly.runs == [NOON, NOON + HOUR]

    def test_a_queue_runs_its_own_jobs_only(self, hourly):
        periodic(every=HOUR, queue="snapshots")(lambda _: None)

        assert tick(NOON, queue="snapshots") == ["tests.<lambda> 2026-03-01T12:00Z"]
        assert hourly.runs == []
        assert tick(NOON, queue="housekeeping") == ["tests.run 2026-03-01T12:00Z"]

    def test_a_queue_that_nobody_serves_is_refused(self, jobs):
        with pytest.raises(ValueError, match="no clock queue 'attic'"):
            periodic(every=HOUR, queue="attic")

    def test_two_at_once_have_one_effect(self, jobs):
        runs = []

        def run(period):
            runs.append(period)

        periodic(every=HOUR)(run)
        results = in_threads(*[lambda: tick(NOON)] * 6)
        assert runs == [NOON]
        assert sorted(map(len, results)) == [0, 0, 0, 0, 0, 1]

    def test_a_job_in_its_run_is_not_started_again(self, jobs):
        inside = []

        def run(period):
            inside.append(in_threads(lambda: tick(NOON + timedelta(minutes=1)))[0])

        periodic(every=HOUR)(run)
        tick(NOON)
        assert inside == [[]]

    def test_missed_periods_are_made_up_for_in_order(self, hourly):
        tick(NOON)
        tick(NOON + 4 * HOUR)
        assert hourly.runs == [NOON + index * HOUR for index in range(5)]

    def test_but_not_more_than_it_says(self, hourly):
        tick(NOON)
        tick(NOON + 100 * HOUR)
        assert hourly.runs == [NOON, *(NOON + index * HOUR for index in range(95, 101))]

    def test_a_job_that_never_ran_starts_now(self, hourly):
        tick(NOON)
        assert hourly.runs == [NOON]

    def test_an_offset_moves_the_periods(self, jobs):
        runs = []

        def nightly(period):
            runs.append(period)

        periodic(every=timedelta(days=1), offset=timedelta(hours=22))(nightly)
        tick(NOON)
        assert runs == [datetime(2026, 2, 28, 22, tzinfo=UTC)]

    def test_a_changed_offset_keeps_to_the_new_grid(self, jobs):
        runs = []

        def job(period):
            runs.append(period)

        periodic(every=HOUR, catch_up=3)(job)
        tick(NOON)
        jobs.clear()
        periodic(every=HOUR, offset=timedelta(minutes=15), catch_up=3)(job)
        tick(NOON + 2 * HOUR)
        assert runs[1:] == [NOON + timedelta(minutes=15), NOON + timedelta(minutes=75)]

    def test_the_task_ticks(self, hourly):
        tasks.tick(anything="of a later release")
        assert len(hourly.runs) == 1


class TestFailures:
    def test_are_noted_and_tried_again_later(self, hourly):
        hourly.error = ValueError("no")
        assert tick(NOON) == []
        assert rows() == [(NOON, False, "ValueError: no")]
        assert tick(NOON + timedelta(minutes=5)) == []  # not at every tick
        hourly.error = None
        assert tick(NOON + clock.TAKE_OVER + timedelta(seconds=1)) == [
            "tests.run 2026-03-01T12:00Z"
        ]
        assert rows() == [(NOON, True, "")]

    def test_of_one_job_do_not_keep_the_others_from_running(self, hourly):
        runs = []

        def zealous(period):
            runs.append(period)

        periodic(every=HOUR)(zealous)
        hourly.error = ValueError("no")
        tick(NOON)
        assert runs == [NOON]

    def test_a_failed_period_is_made_up_for_with_the_next(self, hourly):
        hourly.error = ValueError("no")
        tick(NOON)
        hourly.error = None
        tick(NOON + HOUR)
        assert hourly.runs == [NOON, NOON, NOON + HOUR]

    def test_a_run_that_died_is_taken_over(self, hourly):
        query(
            "INSERT INTO events_jobrun (job, period, claimed_at, error)"
            " VALUES ('tests.run', %s, %s, '')",
            NOON,
            NOON,
        )
        assert tick(NOON + clock.TAKE_OVER) == []
        assert tick(NOON + clock.TAKE_OVER + timedelta(seconds=1)) == [
            "tests.run 2026-03-01T12:00Z"
        ]

    def test_two_take_over_once(self, jobs):
        runs = []

        def run(period):
            runs.append(period)

        periodic(every=HOUR)(run)
        query(
            "INSERT INTO events_jobrun (job, period, claimed_at, error)"
            " VALUES ('tests.run', %s, %s, '')",
            NOON,
            NOON,
        )
        in_threads(*[lambda: tick(NOON + timedelta(minutes=11))] * 4)
        assert runs == [NOON]

    def test_a_job_that_loses_the_database_is_noted_as_failed(self, jobs):
        def run(period):
            with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
                pid = connection.connection.info.backend_pid
                other.execute("SELECT pg_terminate_backend(%s)", [pid])
                wait_until(
                    lambda: (
                        not other.execute(
                            "SELECT FROM pg_stat_activity WHERE pid = %s", [pid]
                        ).rowcount
                    )
                )
            query("SELECT 1")

        periodic(every=HOUR)(run)
        assert tick(NOON) == []
        [(_, finished, error)] = rows()
        assert not finished
        assert "OperationalError" in error


class TestHistory:
    def test_old_periods_are_forgotten(self, hourly):
        tick(NOON)
        tick(NOON + HOUR)
        forget_old_runs(NOON + clock.KEPT + timedelta(minutes=1))
        assert [period for period, _, _ in rows()] == [NOON + HOUR]

    def test_periods_of_seconds_are_kept_for_a_day(self, hourly):
        periodic(every=timedelta(seconds=2))(lambda _: None)
        tick(NOON)
        forget_old_runs(NOON + timedelta(days=1, seconds=1))
        assert query("SELECT job FROM events_jobrun") == [("tests.run",)]


class TestPeriods:
    @given(
        now=st.datetimes(datetime(2021, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis wants naive bounds
        every=st.integers(1, 100_000).map(lambda seconds: timedelta(seconds=seconds)),
        offset=st.integers(0, 100_000).map(lambda seconds: timedelta(seconds=seconds)),
    )
    def test_the_present_one_is_the_newest_that_has_come(self, now, every, offset):
        job = PeriodicJob("any", every, print, offset)
        period = clock.current_period(job, now)
        assert period <= now < period + every
        assert (period - clock.EPOCH - offset) % every == timedelta()

    def test_none_is_due_twice(self, hourly):
        [job] = registry.jobs()
        tick(NOON)
        assert due_periods(job, NOON) == []
        assert due_periods(job, NOON + 2 * HOUR) == [NOON + HOUR, NOON + 2 * HOUR]
