"""Calendars over HTTP: what is open, what is due when, and who decided otherwise."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.calendars.models import CalendarException
from apps.tenants.models import Tenant
from tests.settlement.cast import settle_down, settlement_of
from tests.trading.cast import ask, book, list_instrument, open_account

Clients = Callable[..., APIClient]
DAY = {"calendar": "XNYS", "day": "2026-03-10", "state": "closed", "reason": "a storm"}


def post(client: APIClient, path: str, body: dict[str, Any]) -> Any:
    return client.post(f"/api/v1/{path}", body, format="json")


def test_calendars_have_a_name_a_zone_and_a_cutoff(api: APIClient) -> None:
    found = {one["code"]: one for one in api.get("/api/v1/calendars").json()["results"]}
    assert (found["US"]["time_zone"], found["US"]["cutoff"]) == ("America/New_York", "15:10:00")
    assert found["24/7"]["closed_weekdays"] == []
    assert "XETR" in found["TARGET"]["aliases"]


def test_days_say_what_settles_what_trades_and_until_when(api: APIClient) -> None:
    span = {"from": "2025-10-10", "to": "2025-10-14"}
    found = api.get("/api/v1/calendars/NYSE", span).json()
    assert [one["settles"] for one in found["days"]] == [True, False, False, False, True]
    assert [one["trades"] for one in found["days"]] == [True, False, False, True, True]
    assert found["days"][0]["cutoff_at"] == "2025-10-10T19:10:00Z"
    assert found["days"][1]["cutoff_at"] is None
    now = api.get("/api/v1/calendars/24-7").json()
    assert (now["is_open"], now["next_settlement_day"], len(now["days"])) == (
        True, now["today"], 14,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "settles_on", "cycle", "calendars"),
    [
        ({"market": "US", "trade_date": "2025-10-10"}, "2025-10-14", "T+1", ["US"]),
        ({"market": "US", "trade_date": "2025-10-13"}, "2025-10-14", "T+1", ["US"]),
        ({"market": "DE", "trade_date": "2026-03-06"}, "2026-03-10", "T+2", ["TARGET"]),
        ({"market": "GB", "trade_date": "2026-03-06", "days": "0"}, "2026-03-06", "T+0", ["GB"]),
        ({"pair": "EUR/USD", "trade_date": "2026-03-06"}, "2026-03-10", "T+2", ["TARGET", "USD"]),
        ({"pair": "USDCAD", "trade_date": "2026-03-06"}, "2026-03-09", "T+1", ["CA", "USD"]),
        # At 17:30 in New York the next value day has begun.
        ({"pair": "EURUSD", "at": "2026-03-05T22:30:00Z"}, "2026-03-10", "T+2", ["TARGET", "USD"]),
    ],
)
def test_a_market_or_a_pair_has_a_settlement_date(
    api: APIClient, query: dict[str, str], settles_on: str, cycle: str, calendars: list[str]
) -> None:
    found = api.get("/api/v1/settlement-dates", query).json()
    assert (found["settles_on"], found["cycle"], found["calendars"]) == (
        settles_on, cycle, calendars,
    )  # fmt: skip


def test_after_the_cut_off_it_is_the_next_window_and_says_so(api: APIClient) -> None:
    query = {"market": "US", "trade_date": "2026-03-09", "days": "0"}
    before = api.get("/api/v1/settlement-dates", query | {"at": "2026-03-09T19:09:00Z"}).json()
    after = api.get("/api/v1/settlement-dates", query | {"at": "2026-03-09T19:11:00Z"}).json()
    assert (before["window"]["day"], before["window"]["is_late"]) == ("2026-03-09", False)
    assert (after["window"]["day"], after["window"]["is_late"]) == ("2026-03-10", True)
    assert after["settles_on"] == "2026-03-09"


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("calendars/MOON", {}, 404),
        ("calendars/US", {"from": "2026-02-30"}, 400),
        ("calendars/US", {"from": "9999-12-31"}, 400),
        ("calendars/US", {"from": "2026-03-02", "to": "2026-03-01"}, 422),
        ("calendars/US", {"from": "2026-01-01", "to": "2027-02-01"}, 422),
        ("calendars/US", {"from": "2150-01-01"}, 422),
        ("calendars/US", {"until": "2026-01-01"}, 400),
        ("settlement-dates", {}, 400),
        ("settlement-dates", {"market": "US", "pair": "EUR/USD"}, 400),
        ("settlement-dates", {"market": "MOON"}, 404),
        ("settlement-dates", {"pair": "EUR"}, 404),
        ("settlement-dates", {"pair": "EUR/EUR"}, 404),
        ("settlement-dates", {"market": "US", "days": "31"}, 400),
        ("settlement-dates", {"market": "US", "days": "9" * 40}, 400),
        ("settlement-dates", {"market": "US", "asset_class": "fx"}, 400),
        ("settlement-dates", {"market": "US", "at": "2026-03-02T12:00:00"}, 400),
        ("settlement-dates", {"market": "US", "trade_date": "2150-01-01"}, 422),
        ("calendar-exceptions", {"calendar": "MOON"}, 404),
    ],
)
def test_what_makes_no_sense_is_refused(
    api: APIClient, path: str, query: dict[str, str], status: int
) -> None:
    answer = api.get(f"/api/v1/{path}", query)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


def test_a_closed_day_dates_settlements_anew_and_is_on_record(
    api: APIClient, tenant: Tenant
) -> None:
    open_account(tenant.pk)
    list_instrument(tenant.pk)
    (outcome,) = book(tenant.pk, ask(executed_at="2026-03-09T15:00:00Z"))
    assert outcome.trade is not None
    settle_down()
    made, again = post(api, "calendar-exceptions", DAY), post(api, "calendar-exceptions", DAY)
    settle_down()
    assert (made.status_code, again.status_code) == (201, 200)
    assert (made.json()["calendar"], made.json()["state"]) == ("US", "closed")
    assert made.json()["decided_by"].startswith("key:")
    assert settlement_of(outcome.trade.id).due_on == date(2026, 3, 11)

    (day,) = api.get("/api/v1/calendars/US", {"from": DAY["day"], "to": DAY["day"]}).json()["days"]
    assert (day["settles"], day["reason"]) == (False, "a storm")
    assert post(api, "calendar-exceptions", DAY | {"state": "open"}).status_code == 409

    place = f"calendar-exceptions/{made.json()['id']}/withdrawal"
    for _ in range(2):
        assert post(api, place, {"reason": "it passed by"}).status_code == 204
    settle_down()
    assert settlement_of(outcome.trade.id).due_on == date(2026, 3, 10)
    assert api.get("/api/v1/calendar-exceptions").json()["results"] == []
    assert CalendarException.objects.get().withdrawn_by.startswith("key:")


def test_a_rule_of_a_tenants_own_holds_from_its_day_on(api: APIClient) -> None:
    rule = {
        "calendar": "US", "effective_from": "2026-03-09", "settlement_days": 0,
        "cutoff": "12:00", "reason": "our agent closes early",
    }  # fmt: skip
    assert post(api, "market-rules", rule).status_code == 201
    (shown,) = api.get("/api/v1/market-rules").json()["results"]
    assert (shown["settlement_days"], shown["cutoff"]) == (0, "12:00:00")
    for trade_date, settles_on in (("2026-03-06", "2026-03-09"), ("2026-03-09", "2026-03-09")):
        query = {"market": "US", "trade_date": trade_date, "at": "2026-03-06T12:00:00Z"}
        found = api.get("/api/v1/settlement-dates", query).json()
        assert found["settles_on"] == settles_on
        assert found["window"]["cutoff_at"] == "2026-03-09T16:00:00Z"


def test_every_fault_of_a_body_is_named(api: APIClient) -> None:
    answer = post(api, "calendar-exceptions", {"calendar": "US", "state": "shut", "colour": "red"})
    assert answer.status_code == 400
    assert {one["field"] for one in answer.json()["errors"]} == {"day", "state", "reason", "colour"}
    assert post(api, "calendar-exceptions", DAY | {"day": "2026-03-07"}).status_code == 422
    assert post(api, "market-rules", {"calendar": "US"}).status_code == 400


def test_who_may_not_decide_looks_and_others_have_their_own(
    api: APIClient, tenant: Tenant, other: Tenant, client_of: Clients
) -> None:
    made = post(api, "calendar-exceptions", DAY).json()
    trader, stranger = client_of(tenant, role="trader"), client_of(other)
    assert len(trader.get("/api/v1/calendar-exceptions").json()["results"]) == 1
    assert post(trader, "calendar-exceptions", DAY).status_code == 403
    assert stranger.get("/api/v1/calendar-exceptions").json()["results"] == []
    place = f"calendar-exceptions/{made['id']}/withdrawal"
    assert post(stranger, place, {"reason": "mine"}).status_code == 404
    query = {"market": "US", "trade_date": "2026-03-09"}
    dates = [
        one.get("/api/v1/settlement-dates", query).json()["settles_on"] for one in (api, stranger)
    ]
    assert dates == ["2026-03-11", "2026-03-10"]
