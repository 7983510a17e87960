"""Scheduled files by the clock itself: beat's entry, the broker, the task, the file, the back office."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery.beat import Scheduler
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.events.services import tick
from apps.reports import services
from apps.reports.models import ReportFile, Schedule
from apps.reports.periods import due
from apps.reports.services import ScheduleTerms
from apps.reports.services.schedules import terms_of
from apps.tenants.models import User
from config.celery import app
from tests.reports.cast import Book

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Beat, with the project's own schedule; what it remembers is not written anywhere."""
    beat = Scheduler(app)
    yield beat
    beat.close()


def ring(beat: Scheduler) -> tuple[str, dict[str, Any]]:
    """Let beat send its tick for reports; the message as a worker gets it from the queue."""
    entry = beat.schedule["tick-reports"]
    entry.last_run_at -= timedelta(minutes=5)
    assert entry.is_due().is_due
    sent = beat.apply_async(entry, advance=False)
    with app.connection_for_read() as broker:
        queue = app.amqp.queues["reports"](broker.channel())
        while (message := queue.get()) is not None:
            message.ack()
            if message.properties["correlation_id"] == sent.id:
                return str(message.headers["task"]), message.payload[1]
    raise AssertionError("beat's message is not in the queue that the workers of reports serve")


def work(message: tuple[str, dict[str, Any]]) -> None:
    """What a worker does with it."""
    name, given = message
    app.tasks[name].apply(kwargs=given, throw=True)


def test_files_are_made_when_due_once_and_also_after_missed_hours(
    book: Book, scheduler: Scheduler, client: Client
) -> None:
    now = timezone.now()
    asleep = now - 5 * HOUR  # since then nobody ticked
    terms = ScheduleTerms(name="books", report="blotter", every="hour")
    row, _ = services.make_schedule(book.tenant.pk, terms, by="key:test", now=asleep)

    message = ring(scheduler)
    work(message)
    files = list(ReportFile.objects.order_by("period_start"))
    made = [one.period_start for one in files]
    assert made in (starts(row, now), starts(row, timezone.now()))  # an hour may end meanwhile
    assert len(made) >= 5
    assert {one.state for one in files} == {"ready"}

    work(message)  # it came twice
    work(ring(scheduler))
    for minutes in (1, 2, 3):
        tick(now + minutes * MINUTE, queue="reports")
    services.make_due(now + HOUR)
    known = list(ReportFile.objects.order_by("period_start"))
    assert known[: len(files)] == files
    assert [one.period_start for one in known] == starts(row, now + HOUR)
    assert {one.attempts for one in known} == {1}

    client.force_login(User.objects.create_superuser("boss", password="x"))
    listed = client.get(reverse("admin:reports_reportfile_changelist")).content.decode()
    assert listed.count("blotter") > len(files)
    file = files[0]
    page = client.get(reverse("admin:reports_reportfile_change", args=[file.pk])).content.decode()
    where = reverse("admin:reports_reportfile_content", args=[file.pk])
    assert where in page
    answer = client.get(where)
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined] # it streams
    assert hashlib.sha256(content).hexdigest() == file.sha256
    assert file.name in answer["Content-Disposition"]


def starts(row: Schedule, now: datetime) -> list[datetime]:
    """Of the periods that are due."""
    return [one.start for one in due(terms_of(row), row.since, now, most=24)]


def test_files_are_downloaded_by_those_who_may_see_them(book: Book, client: Client) -> None:
    row, _ = services.make_schedule(
        book.tenant.pk, ScheduleTerms(name="b", report="blotter", every="hour"), by="key:test",
        now=timezone.now() - 2 * HOUR,
    )  # fmt: skip
    services.make_due()
    where = reverse("admin:reports_reportfile_content", args=[row.files.first().pk])
    assert client.get(where).status_code == 302  # to the sign-in
    user = User.objects.create_user("clerk", password="x", is_staff=True)
    client.force_login(user)
    assert client.get(where).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_reportfile"))
    assert client.get(where).status_code == 200
    services.forget_old_files(timezone.now() + timedelta(days=5_000))
    assert client.get(where).status_code == 404
