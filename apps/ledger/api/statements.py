"""Statements as files."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework.renderers import BaseRenderer

from apps.core.money import plain
from apps.core.problems import dumps
from apps.ledger import selectors
from apps.ledger.selectors import Balance, Line, Moment

COLUMNS = ("booked_at", "effective_at", "entry", "kind", "source", "account", "asset", "side",
           "amount", "balance")  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CsvRenderer(BaseRenderer):
    """Lets `?format=csv` and `Accept: text/csv` be asked for; the view streams the file itself."""

    media_type = "text/csv"
    format = "csv"
    charset: str | None = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Only a problem comes here, and a problem is JSON."""
        return dumps(data)


class PdfRenderer(CsvRenderer):
    """Lets `?format=pdf` and `Accept: application/pdf` be asked for; the view makes the file."""

    media_type = "application/pdf"
    format = "pdf"
    charset = None


class _Echo:
    """A file that gives each row back instead of keeping it."""

    def write(self, row: str) -> str:
        return row


def csv_of(tenant: int, owner: UUID, *, since: datetime, until: datetime) -> Iterator[str]:
    """The statement of a period, row by row: opening balances, postings, closing balances."""
    write = csv.writer(_Echo()).writerow
    yield write(COLUMNS)
    opening = selectors.balances(tenant, owner, as_of=Moment.just_before(since))
    yield from (write(_balance_row("OPENING", one)) for one in opening)
    for line in selectors.statement_lines(tenant, owner, since=since, until=until):
        yield write(_line_row(line))
    closing = selectors.balances(tenant, owner, as_of=Moment.just_before(until))
    yield from (write(_balance_row("CLOSING", one)) for one in closing)


def _line_row(line: Line) -> Sequence[str]:
    return (
        line.booked_at.isoformat(),
        line.effective_at.isoformat(),
        str(line.entry),
        line.kind,
        _as_text(line.source),
        line.account,
        _as_text(line.asset),
        line.side,
        plain(line.amount.copy_abs()),
        plain(line.balance),
    )


def _balance_row(kind: str, one: Balance) -> Sequence[str]:
    return "", "", "", kind, "", one.account, _as_text(one.asset), "", "", plain(one.amount)


def _as_text(value: str) -> str:
    """What others wrote must not become a formula in a spreadsheet."""
    return f"'{value}" if value.startswith(_FORMULA) else value
