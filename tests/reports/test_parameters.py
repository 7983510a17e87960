"""Parameters: read from text, all faults at once, ranges within bounds."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.reports import parameters
from apps.reports.exceptions import BadParameters
from apps.reports.periods import Every, Terms, period_at
from apps.reports.registry import Ask
from apps.reports.selectors import report_of, reports

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEXTS = st.text(max_size=30) | st.sampled_from(
    ["2026-03-01", "2026-03-01T10:00:00+05:30", "0001-01-01", "9999-12-31T23:59:59-12:00", "all"]
)


def faults(report: str, **given: str) -> list[tuple[str, str]]:
    with pytest.raises(BadParameters) as caught:
        parameters.read(report_of(report), {k.rstrip("_"): v for k, v in given.items()}, NOW)
    errors = caught.value.facts["errors"]
    assert isinstance(errors, list)
    return [(one["field"], one["code"]) for one in errors]


def test_what_is_not_said_is_usual() -> None:
    assert parameters.read(report_of("blotter"), {}, NOW) == {
        "from": NOW - timedelta(days=1), "to": NOW, "state": "", "versions": "all",
    }  # fmt: skip
    assert parameters.read(report_of("reconciliations"), {}, NOW) == {
        "from": date(2026, 1, 31), "to": date(2026, 3, 2),
    }  # fmt: skip
    assert parameters.read(report_of("profit"), {}, NOW) == {"by": "account"}


def test_a_date_as_an_end_includes_the_day() -> None:
    found = parameters.read(report_of("blotter"), {"from": "2026-03-01", "to": "2026-03-01"}, NOW)
    assert (found["from"], found["to"]) == (
        datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    )  # fmt: skip
    as_of = parameters.read(report_of("profit"), {"as_of": "2026-03-01"}, NOW)["as_of"]
    assert as_of == datetime(2026, 3, 2, tzinfo=UTC) - timedelta(microseconds=1)


def test_every_fault_is_told_at_once() -> None:
    assert faults("blotter", from_="yesterday", state="gone", color="red", account="a\nb") == [
        ("color", "unknown_parameter"),
        ("from", "invalid"),
        ("account", "bad_characters"),
        ("state", "invalid_choice"),
    ]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"from_": "2026-03-02", "to": "2026-03-01"}, "out_of_range"),
        ({"from_": "2026-01-01", "to": "2026-03-01"}, "range_too_wide"),
        ({"from_": "2030-01-01"}, "out_of_range"),
        ({"to": "0001-01-01"}, "out_of_range"),
    ],
)
def test_ranges_are_bounded(given: dict[str, str], code: str) -> None:
    assert faults("blotter", **given) == [("to", code)]


def test_what_is_required_is_asked_for() -> None:
    assert faults("statement") == [("account", "required")]


@settings(max_examples=40)
@given(st.sampled_from(reports()), st.data())
def test_anything_is_read_or_refused_and_what_is_read_is_written_again(report, data) -> None:
    names = [one.name for one in report.parameters]
    given_ = data.draw(st.dictionaries(st.sampled_from(names) | st.text(max_size=5), TEXTS))
    try:
        found = parameters.read(report, given_, NOW)
    except BadParameters:
        return
    assert parameters.read(report, parameters.written(found), NOW) == found


@settings(max_examples=40)
@given(st.sampled_from(reports()), st.sampled_from(list(Every)))
def test_a_period_fills_in_every_time_and_can_be_asked_again(report, every: Every) -> None:
    period = period_at(Terms(every, "Europe/Berlin"), NOW - timedelta(days=2))
    said = {"account": "A-1"} if report.parameter(Ask.ACCOUNT) else {}
    found = parameters.of_period(report, said, period, "Europe/Berlin", NOW)
    again = parameters.read(report, parameters.written(found), NOW + timedelta(days=9))
    assert again == found
    for one in report.parameters:
        assert one.ask not in parameters.FILLED_IN or one.name in found
