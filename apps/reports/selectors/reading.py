"""How a report is read: a page of it, or all of it row by row, with time and size bounded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from django.db import OperationalError, connection
from psycopg.errors import QueryCanceled

from apps.core.exceptions import fault
from apps.reports.exceptions import BadParameters, ReportTooLarge
from apps.reports.registry import Asked, Page, Report, Row

ROWS_MAX: Final = 20_000
"""Rows of a report that comes at once."""
SECONDS_MAX: Final = 20
"""A statement's; whoever asks waits for it, and so does a thread of the door."""
TIMEOUT: Final = "statement_timeout"
CHUNK: Final = 1_000
"""Rows of a page, where all of a report is read."""


def read_page(report: Report, asked: Asked) -> Page:
    """A page of a report, or all of one that has no pages. Raises `ReportTooLarge` where that is
    too much, or takes too long.
    """
    if not report.is_paged:
        asked = replace(asked, after=None, limit=ROWS_MAX + 1)
    try:
        with _bounded():
            page = report.reads(asked)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise ReportTooLarge(
                "It takes too long; narrow it, or ask for a shorter time."
            ) from error
        raise
    if not report.is_paged and len(page.rows) > ROWS_MAX:
        raise ReportTooLarge(rows_max=ROWS_MAX)
    return page


@contextmanager
def _bounded() -> Iterator[None]:
    """A while in which the database gives up on what takes it longer than `SECONDS_MAX`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting(%s), set_config(%s, %s, false)",
            [TIMEOUT, TIMEOUT, f"{SECONDS_MAX * 1000:.0f}"],
        )
        before = cursor.fetchone()[0]
        try:
            yield
        finally:
            cursor.execute("SELECT set_config(%s, %s, false)", [TIMEOUT, before])


def read_rows(report: Report, asked: Asked) -> Iterator[Row]:
    """Every row of a report, read in pages; memory does not grow with it.

    Before the first row is given, its first page was read: what is refused is refused at once.
    """
    page = read_page(report, replace(asked, after=None, limit=CHUNK))
    return _rest(report, asked, page)


def _rest(report: Report, asked: Asked, page: Page) -> Iterator[Row]:
    while True:
        yield from page.rows
        if page.next is None:
            return
        page = read_page(report, replace(asked, after=page.next, limit=CHUNK))


def bad_cursor() -> BadParameters:
    """For an `after` that is none of ours."""
    detail = "This is no `next` of a page before."
    return BadParameters(errors=[fault("after", "invalid", detail)])
