"""Scheduled files: made once a period, whoever makes them; whole, with a checksum, told, and let go."""

import csv
import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone
from rest_framework.test import APIClient

from apps.events.models import StoredEvent
from apps.reports import selectors, services
from apps.reports.exceptions import FileNotThere, FileStays, ScheduleRefused, ScheduleTaken
from apps.reports.models import FilePart, ReportFile, Schedule
from apps.reports.periods import Every, period_at
from apps.reports.registry import report_of
from apps.reports.selectors.sheets import csv_of
from apps.reports.services import ScheduleTerms, making
from apps.reports.services.schedules import terms_of
from apps.tenants.models import Tenant
from apps.webhooks.services.collecting import matching
from tests.reports.cast import Book, deal, take
from tests.trading import cast

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def schedule(tenant: Tenant, now: datetime | None = None, **terms: Any) -> Schedule:
    given = {"name": "books", "report": "blotter", "every": "hour", **terms}
    return services.make_schedule(tenant.pk, ScheduleTerms(**given), by="key:test", now=now)[0]


def facts() -> list[tuple[str, dict[str, Any]]]:
    found = StoredEvent.objects.filter(name__startswith="reports.").order_by("recorded_at")
    return [(one.name, one.data) for one in found]


def states(row: Schedule) -> list[tuple[datetime, str]]:
    found = ReportFile.objects.filter(schedule=row).order_by("period_start")
    return [(one.period_start, one.state) for one in found]


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))


REFUSED: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
            ({"zone": "Mars/Olympus"}, [("zone", "unknown_zone")]),
            ({"zone": "../../etc/passwd"}, [("zone", "unknown_zone")]),
            ({"zone": ""}, [("zone", "unknown_zone")]),
            ({"report": "weather", "keep_days": 0},
             [("keep_days", "out_of_range"), ("report", "unknown_report")]),
            ({"name": " ", "every": "week"}, [("name", "invalid"), ("every", "invalid_choice")]),
            ({"report": "reconciliations"}, [("every", "of_days")]),
            ({"report": "statement"}, [("parameters.account", "required")]),
            ({"parameters": {"account": "NOBODY"}}, [("parameters.account", "unknown_account")]),
            ({"parameters": {"from": "2026-01-01", "state": "x"}},
             [("parameters.from", "filled_in"), ("parameters.state", "invalid_choice")]),
        ]  # fmt: skip


class TestSchedules:
    def test_the_same_terms_again_are_the_same_schedule(self, tenant: Tenant) -> None:
        assert schedule(tenant).pk == schedule(tenant).pk
        with pytest.raises(ScheduleTaken):
            schedule(tenant, report="cash")

    def test_bad_terms_are_refused_with_every_reason(self, tenant: Tenant) -> None:
        for terms, faults in REFUSED:
            with pytest.raises(ScheduleRefused) as caught:
                schedule(tenant, **terms)
            errors = caught.value.facts["errors"]
            assert isinstance(errors, list)
            assert [(one["field"], one["code"]) for one in errors] == faults

    def test_over_the_api(self, tenant: Tenant, api: APIClient) -> None:
        body = {"name": "morning", "report": "profit", "every": "day", "zone": "Europe/Berlin",
                "at": "05:30", "parameters": {"by": "instrument"}}  # fmt: skip
        made = api.post("/api/v1/reports/schedules", body, format="json")
        again = api.post("/api/v1/reports/schedules", body, format="json")
        other = api.post("/api/v1/reports/schedules", {**body, "zone": "UTC"}, format="json")
        assert (made.status_code, again.status_code, other.status_code) == (201, 200, 409)
        bad = api.post("/api/v1/reports/schedules", {"name": "x", "every": "hour"}, format="json")
        assert (bad.status_code, bad.json()["errors"][0]["field"]) == (400, "report")
        path = f"/api/v1/reports/schedules/{made.json()['id']}"
        paused = api.patch(path, {"state": "paused"}, format="json")
        assert (paused.json()["state"], api.get(path).json()["state"]) == ("paused", "paused")
        assert api.patch(path, {"state": "gone"}, format="json").status_code == 400
        listed = api.get("/api/v1/reports/schedules").json()
        assert ([one["name"] for one in listed["results"]], listed["next"]) == (["morning"], None)

    def test_another_tenant_sees_no_schedule_and_no_file(
        self, book: Book, other: Tenant, client_of: Callable[..., APIClient]
    ) -> None:
        row = schedule(book.tenant, now=book.ended)
        services.make_due(timezone.now() + 2 * HOUR)
        file = ReportFile.objects.get(schedule=row, state="ready", period_start__lte=book.ended,
                                      period_end__gt=book.ended)  # fmt: skip
        client = client_of(other)
        assert client.get("/api/v1/reports/schedules").json()["results"] == []
        assert client.get("/api/v1/reports/files").json()["results"] == []
        for path in (f"schedules/{row.pk}", f"files/{file.pk}", f"files/{file.pk}/content"):
            assert client.get(f"/api/v1/reports/{path}").status_code == 404
        assert client.post(f"/api/v1/reports/files/{file.pk}/retry").status_code == 404
        turned = client.patch(
            f"/api/v1/reports/schedules/{row.pk}", {"state": "paused"}, format="json"
        )
        assert turned.status_code == 404


class TestMaking:
    def test_a_period_that_is_over_has_its_file(self, book: Book, api: APIClient) -> None:
        row = schedule(book.tenant, now=book.began)
        period = period_at(terms_of(row), book.began)
        assert services.make_due(period.end) == 0  # what was being booked is awaited
        assert services.make_due(period.due_at) == 1
        file = ReportFile.objects.get(schedule=row)
        (listed,) = api.get("/api/v1/reports/files").json()["results"]
        assert listed["sha256"] == file.sha256
        answer = api.get(f"/api/v1/reports/files/{file.pk}/content")
        content = b"".join(answer.streaming_content)  # type: ignore[attr-defined] # it streams
        assert hashlib.sha256(content).hexdigest() == file.sha256 == answer["ETag"].strip('"')
        assert (len(content), int(answer["Content-Length"])) == (file.size, file.size)
        assert len(rows_of(content)) == file.rows + 1
        body = api.get("/api/v1/reports/blotter", {**file.parameters, "limit": 1000}).json()
        assert len(body["results"]) == file.rows  # the same question has the same answer
        (told,) = facts()
        assert told[0] == "reports.file.ready"
        assert (told[1]["file_id"], told[1]["sha256"]) == (str(file.pk), file.sha256)

    def test_every_report_can_be_made(self, book: Book) -> None:
        for one in selectors.reports():
            given = {asked.name: "A-1" for asked in one.parameters if asked.is_required}
            row = schedule(
                book.tenant, name=one.name, report=one.name, every="day", parameters=given
            )
            period = period_at(terms_of(row), timezone.now())
            assert services.make_file(row, period), one.name
            file = ReportFile.objects.get(schedule=row)
            lines = rows_of(b"".join(selectors.content_of(file)))
            assert lines[0] == [column.name for column in one.columns]
            assert len(lines) == file.rows + 1

    def test_two_makers_make_one_file(self, book: Book) -> None:
        rows = [schedule(book.tenant, now=book.began, name=name) for name in ("one", "two")]
        later = period_at(terms_of(rows[0]), book.began).due_at
        made = cast.in_threads([lambda: services.make_due(later)] * 3)
        assert sum(made) == 2
        assert [len(states(row)) for row in rows] == [1, 1]
        assert [name for name, _ in facts()] == ["reports.file.ready"] * 2

    def test_who_lost_the_claim_keeps_nothing(
        self, book: Book, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = schedule(book.tenant, now=book.began)
        period = period_at(terms_of(row), book.began)
        write = making._write
        others: list[bool] = []

        def overtaken(*args: Any) -> Any:
            monkeypatch.setattr(making, "_write", write)
            late = timezone.now() + making.TAKE_OVER + timedelta(seconds=1)
            others.append(services.make_file(row, period, now=late))
            return write(*args)

        monkeypatch.setattr(making, "_write", overtaken)
        assert services.make_file(row, period) is False
        assert others == [True]
        file = ReportFile.objects.get(schedule=row)
        assert (file.state, file.attempts, len(facts())) == ("ready", 2, 1)
        assert FilePart.objects.filter(file=file).count() == file.parts

    def test_a_file_waits_for_books_that_are_behind(self, tenant: Tenant) -> None:
        cast.open_account(tenant.pk, "A-1")
        cast.list_instrument(tenant.pk)
        deal(tenant, ("A-1", "XYZ", "buy", "1", "1"))
        row = schedule(tenant)
        later = period_at(terms_of(row), row.since).due_at
        assert services.make_due(later) == 0
        assert states(row) == []
        take()
        assert services.make_due(later) == 1

    def test_missed_periods_are_made_up_for_up_to_a_bound(self, tenant: Tenant) -> None:
        start = datetime(2026, 3, 27, 12, tzinfo=UTC)
        row = schedule(tenant, now=start, every="day", zone="Europe/Berlin", at=time(6))
        assert services.make_due(start + 4 * DAY) == 4
        days = [at for at, _ in states(row)]
        assert [(b - a) / HOUR for a, b in pairwise(days)] == [24, 24, 23]
        assert services.make_due(start + 4 * DAY) == 0
        row.refresh_from_db()
        assert row.next_at > start + 4 * DAY
        assert services.make_due(start + 60 * DAY) == making.CATCH_UP[Every.DAY]

    def test_a_paused_schedule_makes_nothing_and_goes_on_from_now(self, tenant: Tenant) -> None:
        start = datetime(2026, 3, 2, 12, 10, tzinfo=UTC)
        row = schedule(tenant, now=start)
        services.pause(tenant.pk, row.pk)
        assert services.make_due(start + 5 * HOUR) == 0
        services.resume(tenant.pk, row.pk, now=start + 5 * HOUR)
        assert services.make_due(start + 6 * HOUR) == 1
        assert [at.hour for at, _ in states(row)] == [17]

    def test_large_files_come_in_parts(self, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(making, "PART", 64)
        row = schedule(book.tenant, now=book.began)
        services.make_due(period_at(terms_of(row), book.began).due_at)
        file = ReportFile.objects.get(schedule=row)
        assert file.parts > 3
        assert hashlib.sha256(b"".join(selectors.content_of(file))).hexdigest() == file.sha256


class TestFailing:
    @pytest.fixture
    def broken(self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Schedule:
        """A report that cannot be read."""

        def fail(*_: Any) -> Any:
            raise ZeroDivisionError("the books are on fire")

        monkeypatch.setattr(making, "csv_of", fail)
        return schedule(tenant, now=timezone.now() - 2 * HOUR)

    def test_is_tried_three_times_and_then_told(self, broken: Schedule) -> None:
        now = period_at(terms_of(broken), broken.since).due_at
        found = []
        for _ in range(5):
            services.make_due(now)
            file = ReportFile.objects.get(schedule=broken)
            found.append((file.state, file.attempts, file.retry_at is None))
            now = max(now, timezone.now()) + 30 * timedelta(minutes=1)
            Schedule.objects.update(next_at=now + DAY)
        assert found == [("failed", 1, False), ("failed", 2, False)] + [("failed", 3, True)] * 3
        (told,) = facts()
        assert told[0] == "reports.file.failed"
        assert "on fire" in told[1]["error"]

    def test_another_schedule_is_not_kept_from_its_file(
        self, broken: Schedule, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fail = making.csv_of

        def some(report: Any, asked: Any) -> Any:
            return (fail if report.name == "blotter" else csv_of)(report, asked)

        monkeypatch.setattr(making, "csv_of", some)
        sound = schedule(tenant, now=broken.since, name="sound", report="profit")
        services.make_due(period_at(terms_of(sound), broken.since).due_at)
        assert [state for _, state in states(sound)] == ["ready"]
        assert [state for _, state in states(broken)] == ["failed"]

    def test_a_person_has_it_tried_again(
        self, broken: Schedule, api: APIClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        services.make_due(period_at(terms_of(broken), broken.since).due_at)
        file = ReportFile.objects.get(schedule=broken)
        answer = api.get(f"/api/v1/reports/files/{file.pk}/content")
        assert (answer.status_code, answer.json()["code"]) == (409, "file_not_there")
        monkeypatch.undo()
        assert api.post(f"/api/v1/reports/files/{file.pk}/retry").status_code == 200
        services.make_due()
        file.refresh_from_db()
        assert (file.state, file.error) == ("ready", "")
        with pytest.raises(FileStays):
            services.make_again(broken.tenant_id, file.pk)

    def test_a_maker_that_died_is_replaced(self, tenant: Tenant) -> None:
        row = schedule(tenant, now=timezone.now() - 3 * HOUR)
        period = period_at(terms_of(row), row.since)
        died = timezone.now() - making.TAKE_OVER - timedelta(minutes=1)
        assert making._claim(row, period, row.pk, died) is not None
        Schedule.objects.update(next_at=timezone.now() + DAY)
        assert services.make_due() == 1
        assert [state for _, state in states(row)] == ["ready"]


class TestKeeping:
    @pytest.fixture
    def file(self, book: Book) -> ReportFile:
        """A file that was made."""
        row = schedule(book.tenant, now=book.began, keep_days=3)
        services.make_due(period_at(terms_of(row), book.began).due_at)
        return ReportFile.objects.get(schedule=row)

    def test_bytes_go_when_their_time_is_over_and_the_row_stays(
        self, file: ReportFile, api: APIClient
    ) -> None:
        assert services.forget_old_files(timezone.now() + 2 * DAY) == 0
        assert services.forget_old_files(timezone.now() + 4 * DAY) == 1
        assert FilePart.objects.count() == 0
        found = api.get(f"/api/v1/reports/files/{file.pk}").json()
        assert (found["state"], found["sha256"]) == ("expired", file.sha256)
        with pytest.raises(FileNotThere):
            selectors.content_of(selectors.file_of(file.tenant_id, file.pk))

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE reports_reportfile SET sha256 = repeat('0', 64)",
            "UPDATE reports_reportfile SET state = 'failed', error = 'x'",
            "UPDATE reports_filepart SET content = 'x'",
        ],
    )
    def test_what_was_made_stays_whoever_writes(self, file: ReportFile, statement: str) -> None:
        with pytest.raises(IntegrityError), connection.cursor() as cursor:
            cursor.execute(statement)

    def test_webhooks_can_be_told(self, file: ReportFile) -> None:
        told = StoredEvent.objects.get(name="reports.file.ready")
        assert matching(["reports.*"], [told])  # type: ignore[list-item] # only its name is read

    def test_files_are_listed_by_state_and_schedule(self, file: ReportFile, api: APIClient) -> None:
        def count(**query: str) -> int:
            return len(api.get("/api/v1/reports/files", query).json()["results"])

        assert (count(), count(state="ready"), count(state="failed")) == (1, 1, 0)
        assert count(schedule=str(file.schedule_id), report="blotter") == 1
        assert count(report="cash") == 0
        for query in ({"schedule": "x"}, {"after": "x"}, {"colour": "red"}):
            assert api.get("/api/v1/reports/files", query).status_code == 400


def test_the_declared_reports_are_whole() -> None:
    for one in selectors.reports():
        assert report_of(one.name) is one
