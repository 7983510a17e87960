"""Rows as they leave the house: JSON objects and CSV lines. Amounts are text, times ISO 8601, UTC."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from apps.core.money import plain
from apps.core.sheets import as_text, csv_writer
from apps.reports.registry import Asked, Column, Kind, Report, Row
from apps.reports.selectors.reading import read_rows


def json_row(report: Report, row: Row) -> dict[str, Any]:
    """A row as an object, by the names of the columns."""
    return {
        column.name: _json(column, value) for column, value in zip(report.columns, row, strict=True)
    }


def csv_of(report: Report, asked: Asked) -> Iterator[str]:
    """A whole report, line by line, with a head. What is refused is refused before the first line."""
    rows = read_rows(report, asked)
    return _lines(report, rows)


def _lines(report: Report, rows: Iterator[Row]) -> Iterator[str]:
    write = csv_writer()
    yield write([column.name for column in report.columns])
    for row in rows:
        yield write([_text(*cell) for cell in zip(report.columns, row, strict=True)])


def _json(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.kind in {Kind.AMOUNT, Kind.SHARE}:
        return plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value if column.kind in {Kind.COUNT, Kind.FLAG, Kind.TIME, Kind.DAY} else str(value)


def _text(column: Column, value: Any) -> str:
    if value is None:
        return ""
    if column.kind in {Kind.AMOUNT, Kind.SHARE}:
        return plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    return as_text(text) if column.kind is Kind.TEXT else text
