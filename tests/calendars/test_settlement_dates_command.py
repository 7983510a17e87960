"""`manage.py settlement_dates`."""

import io
import json
from datetime import date

import pytest
from django.core.management import CommandError, call_command

from apps.calendars import services
from tests.calendars.test_settlement_dates import CASES


def answers(path, lines, *arguments):
    path.write_text(
        "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    )
    out = io.StringIO()
    call_command("settlement_dates", str(path), *arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def asked(**changes):
    terms = {
        "asset_class": "security",
        "market": "US",
        "trade_date": "2025-10-10",
        "trade_time": None,
        "cycle": "T+1",
    }
    return terms | changes


def test_answers_every_published_case_in_order(tmp_path):
    names = ("asset_class", "market", "trade_date", "trade_time", "cycle")

    found = answers(tmp_path / "f", [{name: case[name] for name in names} for case in CASES])
    assert found == [{"settles_on": case["settles_on"]} for case in CASES]


@pytest.mark.parametrize(
    ("changes", "settles_on"),
    [
        ({}, "2025-10-14"),
        ({"cycle": None}, "2025-10-14"),
        ({"cycle": None, "trade_date": "2017-09-01"}, "2017-09-07"),
        ({"asset_class": "fx", "market": "USD/CAD", "cycle": None}, "2025-10-14"),
        (
            {"asset_class": "fx", "market": "EUR/USD", "cycle": None, "trade_date": None,
             "trade_time": "2025-08-28T17:00:00-04:00"},
            "2025-09-02",
        ),
    ],
)  # fmt: skip
def test_dates(tmp_path, changes, settles_on):
    assert answers(tmp_path / "f", [asked(**changes)]) == [{"settles_on": settles_on}]


@pytest.mark.parametrize(
    "line",
    [
        "{\n",
        "[1]\n",
        "null\n",
        asked(asset_class="art"),
        asked(asset_class=7),
        asked(market="Mars"),
        asked(market=None),
        asked(market=["US"]),
        asked(trade_date="2025-13-40"),
        asked(trade_date=20251010),
        asked(trade_date=None),
        asked(trade_date=None, trade_time="2025-08-28 17:00:00"),
        asked(trade_date="2999-01-01"),
        asked(trade_date="1900-01-01"),
        asked(cycle="T+99"),
        asked(cycle=["T+1"]),
        asked(asset_class="fx", market="EURO"),
        asked(asset_class="fx", market="EUR/QQQ"),
    ],
)
def test_says_why_not_and_goes_on(tmp_path, line):
    first, second = answers(tmp_path / "f", [line, asked()])

    assert list(first) == ["error"]
    assert first["error"]
    assert second == {"settles_on": "2025-10-14"}


@pytest.mark.django_db(transaction=True)
def test_knows_a_tenants_own_days(tmp_path, tenant):
    services.close_day(
        tenant.pk, calendar="US", day=date(2025, 10, 14), reason="a storm", actor="ann"
    )

    found = answers(tmp_path / "f", [asked()], "--tenant", tenant.slug)
    assert found == [{"settles_on": "2025-10-15"}]


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(CommandError, match="nothing"):
        call_command("settlement_dates", str(tmp_path / "nothing"))
