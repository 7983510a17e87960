"""CSV files over HTTP: written line by line, and harmless in a spreadsheet."""

import csv
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rest_framework.renderers import BaseRenderer

from apps.core.problems import dumps

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


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


class _Echo:
    """A file that gives each row back instead of keeping it."""

    def write(self, row: str) -> str:
        return row


def csv_writer() -> Callable[[Sequence[str]], str]:
    """What makes a line of a row."""
    return csv.writer(_Echo()).writerow


def as_text(value: str) -> str:
    """A cell that stays text: what others wrote must not become a formula in a spreadsheet."""
    return f"'{value}" if value.startswith(_FORMULA) else value
