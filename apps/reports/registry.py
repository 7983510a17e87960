"""What a report is: columns, parameters, a chart, and the question that fills it. No Django here.

    BLOTTER = register(Report(name="blotter", columns=(…), parameters=(…), reads=_read, …))

A report is declared once and is then an address of the API, a page with its chart, a CSV file and
something to be scheduled. Amounts are Decimals until the edge; of different currencies they stand
in different rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from apps.reports.exceptions import UnknownReport

Row = Sequence[Any]
GROUPS: Final = ("trading", "ledger", "settlement")


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    AMOUNT = "amount"  # Decimal; text on the wire
    COUNT = "count"
    SHARE = "share"  # Decimal of 1; text on the wire
    TIME = "time"
    DAY = "day"
    FLAG = "flag"


class Ask(StrEnum):
    """What a parameter holds."""

    SINCE = "since"  # a time, inclusive; with UNTIL it bounds the report
    UNTIL = "until"  # a time, exclusive; a date alone includes that day
    MOMENT = "moment"  # a time, inclusive; a date alone means the end of that day
    FIRST_DAY = "first_day"  # inclusive; with LAST_DAY it bounds the report
    LAST_DAY = "last_day"  # inclusive
    DAY = "day"
    CHOICE = "choice"
    ACCOUNT = "account"  # id or number
    INSTRUMENT = "instrument"  # id or symbol


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `about` explains it to people, where its title does not."""

    name: str
    title: str
    kind: Kind = Kind.TEXT
    about: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something that may be asked."""

    name: str
    title: str
    ask: Ask
    choices: tuple[str, ...] = ()
    """Of a choice; the first is meant where nothing is said."""
    is_required: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """How a person would rather see it: `y` over `x`, a picture for each value of `split`."""

    shape: str  # bars | line
    x: tuple[str, ...]
    """Columns that together name a place."""
    y: tuple[str, ...]
    split: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A report's question, as it was read: values by name, where a page begins, how long it is."""

    tenant: int
    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    after: str | None = None
    limit: int = 0

    def __getitem__(self, name: str) -> Any:
        """What was said; nothing where nothing was."""
        return self.values.get(name)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and where the next page begins: nowhere where these are all."""

    rows: Sequence[Row]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A report."""

    name: str
    title: str
    group: str
    about: str
    columns: tuple[Column, ...]
    parameters: tuple[Parameter, ...]
    reads: Callable[[Asked], Page]
    chart: Chart | None = None
    longest: timedelta = timedelta(days=31)
    """Of a report between two times or days."""
    usual: timedelta = timedelta(days=1)
    """Between the two, where the first is not said."""
    is_paged: bool = False
    """Whether it comes in pages; otherwise all of it comes at once, or is refused."""

    def parameter(self, ask: Ask) -> Parameter | None:
        """The parameter that asks for this."""
        return next((one for one in self.parameters if one.ask is ask), None)


_reports: dict[str, Report] = {}

SINCE: Final = Parameter("from", "From", Ask.SINCE, about="Inclusive.")
UNTIL: Final = Parameter("to", "To", Ask.UNTIL, about="Exclusive; a date alone includes that day; now unless said.")  # fmt: skip
FIRST_DAY: Final = Parameter("from", "From", Ask.FIRST_DAY, about="Inclusive.")
LAST_DAY: Final = Parameter("to", "To", Ask.LAST_DAY, about="Inclusive; today (UTC) unless said.")
ACCOUNT: Final = Parameter("account", "Account", Ask.ACCOUNT, about="Id or number.")
INSTRUMENT: Final = Parameter("instrument", "Instrument", Ask.INSTRUMENT, about="Id or symbol.")
AS_OF: Final = Parameter("as_of", "As of", Ask.MOMENT, about="Of what was dealt up to then (inclusive).")  # fmt: skip
KNOWN_AT: Final = Parameter("known_at", "Known at", Ask.MOMENT, about="As we knew it then (inclusive).")  # fmt: skip


def register(report: Report) -> Report:
    """Make a report known. Raises `ValueError` where its parts do not fit together."""
    names = [column.name for column in report.columns]
    if report.group not in GROUPS or len(set(names)) < len(names):
        raise ValueError(f"{report.name}: an unknown group, or a column twice")
    if report.chart is not None:
        drawn = {*report.chart.x, *report.chart.y, *filter(None, [report.chart.split])}
        if drawn - set(names):
            raise ValueError(f"{report.name}: the chart draws what is no column")
    if (known := _reports.get(report.name)) is not None and known is not report:
        raise ValueError(f"{report.name} is registered twice")
    _reports[report.name] = report
    return report


def report_of(name: str) -> Report:
    """The report of this name. Raises `UnknownReport`."""
    try:
        return _reports[name]
    except KeyError:
        raise UnknownReport(report=name, reports=sorted(_reports)) from None


def reports() -> list[Report]:
    """Every report, by group, in the order in which they were registered."""
    return sorted(_reports.values(), key=lambda one: GROUPS.index(one.group))
