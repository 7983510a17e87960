"""What a report is asked, read from text: every fault at once, ranges within bounds. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from apps.core.exceptions import Fault, fault, shown
from apps.reports.exceptions import BadParameters
from apps.reports.periods import Period
from apps.reports.registry import Ask, Parameter, Report

LENGTH_MAX: Final = 200
FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
TICK: Final = timedelta(microseconds=1)
# A "+" that was not escaped in an address arrives as a space.
_LOST_PLUS: Final = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$")
_BAD_TIME: Final = "A date, or a time in ISO 8601, such as 2026-03-02T12:00:00Z."


def read(report: Report, given: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """The values by name: times aware, days dates, names text; what was not said and has no default
    is not there. Raises `BadParameters` with every fault.
    """
    known = {one.name: one for one in report.parameters}
    faults = [
        fault(shown(name), "unknown_parameter", "There is no such parameter here.")
        for name in given
        if name not in known
    ]
    values: dict[str, Any] = {}
    for name, parameter in known.items():
        text = str(given.get(name) or "").strip()
        try:
            value = _value(parameter, text)
        except _Bad as bad:
            faults.append(fault(name, bad.code, str(bad)))
        else:
            if value is not None:
                values[name] = value
    if not faults:
        faults = _settle_range(report, values, now)
    if faults:
        raise BadParameters(errors=faults)
    return values


def written(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as text that `read` reads again to the same."""
    return {
        name: value.isoformat() if isinstance(value, date) else str(value)
        for name, value in values.items()
    }


FILLED_IN: Final = frozenset(
    {Ask.SINCE, Ask.UNTIL, Ask.MOMENT, Ask.DAY, Ask.FIRST_DAY, Ask.LAST_DAY}
)
"""What a schedule's period says by itself."""


def of_period(
    report: Report, given: Mapping[str, str], period: Period, zone: str, now: datetime
) -> dict[str, Any]:
    """The values of a report over a period; as known now, which is said, so that the same question
    gets the same answer later. Raises `BadParameters`.
    """
    day = period.start.astimezone(ZoneInfo(zone)).date()
    moments = {
        Ask.SINCE: period.start,
        Ask.UNTIL: period.end,
        Ask.DAY: day,
        Ask.FIRST_DAY: day,
        Ask.LAST_DAY: day,
    }
    times = {
        one.name: moments[one.ask].isoformat() for one in report.parameters if one.ask in moments
    }
    for name, moment in (("as_of", period.end - TICK), ("known_at", now)):
        if any(one.name == name for one in report.parameters):
            times[name] = moment.isoformat()
    return read(report, {**given, **times}, now)


class _Bad(ValueError):
    """A value that cannot be read."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def _value(parameter: Parameter, text: str) -> Any:
    if not text:
        if parameter.is_required:
            raise _Bad("required", "This parameter is required.")
        return parameter.choices[0] if parameter.ask is Ask.CHOICE else None
    if len(text) > LENGTH_MAX or not text.isprintable():
        raise _Bad("bad_characters", f"At most {LENGTH_MAX} printable characters.")
    return _READ[parameter.ask](parameter, text)


def _choice(parameter: Parameter, text: str) -> str:
    if text not in parameter.choices:
        raise _Bad("invalid_choice", f"One of: {', '.join(parameter.choices)}.")
    return text


def _name(_parameter: Parameter, text: str) -> str:
    return text


def _day(_parameter: Parameter, text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise _Bad("invalid", "A date, such as 2026-03-02.") from None
    return _within(datetime.combine(found, time(), UTC)).date()


def _since(_parameter: Parameter, text: str) -> datetime:
    return _within(_time(text))


def _until(_parameter: Parameter, text: str) -> datetime:
    found = _within(_time(text))
    return found + DAY if _is_date(text) else found


def _moment(_parameter: Parameter, text: str) -> datetime:
    found = _within(_time(text))
    return found + DAY - TICK if _is_date(text) else found


_READ: Final[Mapping[Ask, Callable[[Parameter, str], Any]]] = {
    Ask.SINCE: _since,
    Ask.UNTIL: _until,
    Ask.MOMENT: _moment,
    Ask.DAY: _day,
    Ask.FIRST_DAY: _day,
    Ask.LAST_DAY: _day,
    Ask.CHOICE: _choice,
    Ask.ACCOUNT: _name,
    Ask.INSTRUMENT: _name,
}


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Bad("invalid", _BAD_TIME) from None


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _within(found: datetime) -> datetime:
    if not FIRST <= found < LAST:
        raise _Bad("out_of_range", "A time between 1970 and 9998.")
    return found


def _settle_range(report: Report, values: dict[str, Any], now: datetime) -> list[Fault]:
    """Fill in a range's ends, and say where it is empty or too wide."""
    first, last = report.parameter(Ask.FIRST_DAY), report.parameter(Ask.LAST_DAY)
    if first is not None and last is not None:
        return _bounds(report, (first.name, last.name), values, now.astimezone(UTC).date())
    since, until = report.parameter(Ask.SINCE), report.parameter(Ask.UNTIL)
    if since is not None and until is not None:
        return _bounds(report, (since.name, until.name), values, now)
    return []


def _bounds(
    report: Report, names: tuple[str, str], values: dict[str, Any], now: date | datetime
) -> list[Fault]:
    low, high = names
    end = values.setdefault(high, now)
    begin = values.setdefault(low, end - report.usual)
    if begin > end or (isinstance(end, datetime) and begin == end):
        return [fault(high, "out_of_range", "It ends after it begins.")]
    if end - begin > report.longest:
        return [fault(high, "range_too_wide", f"At most {report.longest.days} days after `{low}`.")]
    return []
