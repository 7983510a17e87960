"""`manage.py verify` of report files: sound ones pass, each kind of damage is named."""

import pytest
from django.db import connection

from apps.reports import invariants, services
from apps.reports.models import ReportFile
from apps.reports.periods import period_at
from apps.reports.services import ScheduleTerms
from apps.reports.services.schedules import terms_of
from tests.reports.cast import Book


@pytest.fixture
def file(book: Book) -> ReportFile:
    """A file that was made."""
    terms = ScheduleTerms(name="books", report="blotter", every="hour")
    row, _ = services.make_schedule(book.tenant.pk, terms, by="test", now=book.began)
    assert services.make_file(row, period_at(terms_of(row), book.began))
    return ReportFile.objects.get(schedule=row)


def failures(tenant: int) -> list[str]:
    return [fault for check in invariants.INVARIANTS for fault in check(tenant).failures]


def test_a_sound_file_passes(file: ReportFile, book: Book) -> None:
    checks = [check(None) for check in invariants.INVARIANTS]
    assert [(one.ok, one.checked) for one in checks] == [(True, 1), (True, 1)]
    assert failures(book.tenant.pk) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE reports_filepart SET content = '\\x00000000'", "cannot be read"),
        ("DELETE FROM reports_filepart", "a part is missing"),
        ("UPDATE reports_reportfile SET sha256 = repeat('0', 64)", "another checksum"),
        ("UPDATE events_event SET name = 'x' WHERE name = 'reports.file.ready'", "in no event"),
    ],
)
def test_damage_behind_the_triggers_is_named(
    file: ReportFile, book: Book, statement: str, said: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET session_replication_role = origin")
    found = failures(book.tenant.pk)
    assert any(said in fault and str(file.pk) in fault for fault in found), found
