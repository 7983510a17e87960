"""Months of the ledger, and what a file of one month's postings is. Pure.

A file holds the rows of the month's table as PostgreSQL's COPY writes them, ordered by entry and leg, in
one gzip stream without a name or a time: the same month always makes the same file.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Self

MONTHS: Final = 12


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in UTC."""

    first: date

    @classmethod
    def of(cls, day: date) -> Self:
        """The month that a day is in."""
        return cls(day.replace(day=1))

    @classmethod
    def parse(cls, text: str) -> Self:
        """`2026-01`. Raises ValueError."""
        return cls(datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date())

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"

    def later(self, months: int) -> "Month":
        """The month so many months later (earlier below zero)."""
        years, month = divmod(self.first.year * MONTHS + self.first.month - 1 + months, MONTHS)
        return Month(date(years, month + 1, 1))

    @property
    def starts_at(self) -> datetime:
        """Its first moment."""
        return datetime(self.first.year, self.first.month, 1, tzinfo=UTC)

    @property
    def ends_at(self) -> datetime:
        """The first moment after it."""
        return self.later(1).starts_at

    @property
    def table(self) -> str:
        """The name of the table of its postings."""
        return f"ledger_posting_{self.first:%Y%m}"

    @property
    def file(self) -> str:
        """The name of the file of its postings."""
        return f"{self.table}.copy.gz"

    @property
    def manifest(self) -> str:
        """The name of the manifest beside that file."""
        return f"{self.table}.json"
