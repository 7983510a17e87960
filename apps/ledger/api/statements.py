"""Statements as files."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from apps.core.money import plain
from apps.core.sheets import CsvRenderer, as_text, csv_writer
from apps.ledger import selectors
from apps.ledger.selectors import Balance, Line, Moment

COLUMNS = ("booked_at", "effective_at", "entry", "kind", "source", "account", "asset", "side",
           "amount", "balance")  # fmt: skip


class PdfRenderer(CsvRenderer):
    """Lets `?format=pdf` and `Accept: application/pdf` be asked for; the view makes the file."""

    media_type = "application/pdf"
    format = "pdf"
    charset = None


def csv_of(tenant: int, owner: UUID, *, since: datetime, until: datetime) -> Iterator[str]:
    """The statement of a period, row by row: opening balances, postings, closing balances."""
    write = csv_writer()
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
        as_text(line.source),
        line.account,
        as_text(line.asset),
        line.side,
        plain(line.amount.copy_abs()),
        plain(line.balance),
    )


def _balance_row(kind: str, one: Balance) -> Sequence[str]:
    return "", "", "", kind, "", one.account, as_text(one.asset), "", "", plain(one.amount)
