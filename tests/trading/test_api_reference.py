"""Accounts, counterparties, instruments and prices over HTTP."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.core.ids import uuid7
from apps.tenants.models import Tenant
from apps.trading.models import ClientAccount, Instrument
from tests.trading.cast import (
    ask,
    book,
    count,
    fold,
    in_threads,
    list_instrument,
    open_account,
    query,
)

ACCOUNT = {"number": "ACC-1", "name": "Nordlicht", "base_currency": "EUR"}
INSTRUMENT = {"symbol": "XYZ", "name": "Xyz plc", "kind": "equity", "currency": "GBP"}


def post(client: APIClient, what: str, body: Any) -> Any:
    return client.post(f"/api/v1/{what}", body, format="json")


def patch(client: APIClient, what: str, body: Any) -> Any:
    return client.patch(f"/api/v1/{what}", body, format="json")


def faults(answer: Any) -> set[tuple[str, str]]:
    return {(one["field"], one["code"]) for one in answer.json()["errors"]}


def told(name: str) -> list[str]:
    return [key for (key,) in query("SELECT key FROM events_event WHERE name = %s", name)]


class TestAccounts:
    def test_are_opened_and_shown(self, api: APIClient) -> None:
        answer = post(
            api, "accounts", ACCOUNT | {"cost_method": "fifo", "max_order_notional": "1e6"}
        )
        assert answer.status_code == 201
        body = dict(answer.json())
        uid = body.pop("id")
        body.pop("opened_at")
        assert body == ACCOUNT | {
            "status": "open",
            "cost_method": "fifo",
            "max_order_notional": "1000000",
            "max_gross_exposure": None,
            "max_orders_per_second": None,
        }
        for name in (uid, "ACC-1"):
            assert api.get(f"/api/v1/accounts/{name}").json() == answer.json()
        assert told("trading.account.opened") == [uid]

    def test_again_are_the_same_account(self, api: APIClient) -> None:
        first, again = post(api, "accounts", ACCOUNT), post(api, "accounts", ACCOUNT)
        assert (again.status_code, again.json()) == (200, first.json())
        assert len(told("trading.account.opened")) == 1

    def test_again_with_other_terms_are_a_conflict_by_name(self, api: APIClient) -> None:
        post(api, "accounts", ACCOUNT)
        answer = post(api, "accounts", ACCOUNT | {"name": "Else", "cost_method": "fifo"})
        assert (answer.status_code, answer.json()["code"]) == (409, "account_differs")
        assert faults(answer) == {("name", "differs"), ("cost_method", "differs")}

    def test_at_the_same_time_are_opened_once(self, api: APIClient) -> None:
        answers = in_threads([lambda: post(api, "accounts", ACCOUNT)] * 8)
        assert sorted(one.status_code for one in answers) == [200] * 7 + [201]
        assert count("trading_clientaccount") == len(told("trading.account.opened")) == 1

    def test_refused_say_everything(self, api: APIClient) -> None:
        form = post(api, "accounts", {"number": 7, "limit": "1", "max_order_notional": 1.5})
        assert form.status_code == 400
        assert faults(form) == {
            ("number", "invalid"),
            ("name", "required"),
            ("base_currency", "required"),
            ("limit", "unknown_field"),
            ("max_order_notional", "float_refused"),
        }
        rules = post(api, "accounts", {
            "number": str(uuid7()), "name": " ", "base_currency": "dollar", "cost_method": "lifo",
            "max_order_notional": "0", "max_orders_per_second": -1,
        })  # fmt: skip
        assert (rules.status_code, rules.json()["code"]) == (422, "terms_refused")
        assert faults(rules) == {
            ("number", "invalid_name"),
            ("name", "invalid_text"),
            ("base_currency", "invalid_currency"),
            ("cost_method", "invalid_choice"),
            ("max_order_notional", "not_positive"),
            ("max_orders_per_second", "not_positive"),
        }

    @pytest.mark.parametrize("number", ["", "a/b", "-a", "a b", "ä", "x" * 65, "a\u0000", "a\n"])
    def test_have_numbers_that_fit_an_address(self, api: APIClient, number: str) -> None:
        assert post(api, "accounts", ACCOUNT | {"number": number}).status_code in {400, 422}

    def test_change_what_may_change(self, api: APIClient, account: ClientAccount) -> None:
        answer = patch(api, "accounts/ACC-1", {"status": "frozen", "max_gross_exposure": "5.50"})
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["max_gross_exposure"]) == ("frozen", "5.5")
        answer = patch(
            api, f"accounts/{account.pk}", {"max_gross_exposure": None, "status": "open"}
        )
        assert answer.json()["max_gross_exposure"] is None
        assert told("trading.account.changed") == [str(account.pk)] * 2
        patch(api, "accounts/ACC-1", {"status": "open"})
        assert len(told("trading.account.changed")) == 2  # nothing changed, nothing told

    def test_keep_what_may_not(self, api: APIClient, account: ClientAccount) -> None:
        answer = patch(
            api, "accounts/ACC-1", {"number": "X", "cost_method": "fifo", "status": "odd"}
        )
        assert answer.status_code == 422
        assert faults(answer) == {
            ("number", "fixed"), ("cost_method", "fixed"), ("status", "invalid_choice")
        }  # fmt: skip

    def test_are_closed_when_they_are_flat_and_stay_closed(
        self, api: APIClient, tenant: Tenant, account: ClientAccount, instrument: Instrument
    ) -> None:
        book(tenant.pk, ask())
        assert faults(patch(api, "accounts/ACC-1", {"status": "closed"})) == {
            ("status", "not_flat")
        }
        book(tenant.pk, ask(side="sell"))
        fold()
        assert patch(api, "accounts/ACC-1", {"status": "closed"}).status_code == 200
        assert faults(patch(api, "accounts/ACC-1", {"status": "open"})) == {("status", "closed")}

    def test_are_listed_by_number(self, api: APIClient, tenant: Tenant) -> None:
        for number in ("B", "C", "A"):
            open_account(tenant.pk, number)
        patch(api, "accounts/B", {"status": "frozen"})
        page = api.get("/api/v1/accounts", {"limit": 2}).json()
        assert ([one["number"] for one in page["results"]], page["next"]) == (["A", "B"], "B")
        rest = api.get("/api/v1/accounts", {"limit": 2, "after": "B"}).json()
        assert ([one["number"] for one in rest["results"]], rest["next"]) == (["C"], None)
        frozen = api.get("/api/v1/accounts", {"status": "frozen"}).json()
        assert [one["number"] for one in frozen["results"]] == ["B"]

    def test_are_the_tenants_own(
        self, api: APIClient, account: ClientAccount, other: Tenant, client_of: Any
    ) -> None:
        stranger = client_of(other)
        assert stranger.get("/api/v1/accounts").json()["results"] == []
        for name in ("ACC-1", account.pk):
            assert stranger.get(f"/api/v1/accounts/{name}").status_code == 404
            assert patch(stranger, f"accounts/{name}", {"status": "frozen"}).status_code == 404
        assert post(stranger, "accounts", ACCOUNT).status_code == 201

    def test_are_opened_by_operations_and_not_by_traders(
        self, tenant: Tenant, client_of: Any
    ) -> None:
        assert post(client_of(tenant, "trader"), "accounts", ACCOUNT).status_code == 403
        assert post(client_of(tenant, "operations"), "accounts", ACCOUNT).status_code == 201


class TestInstruments:
    def test_are_listed_and_shown(self, api: APIClient) -> None:
        answer = post(api, "instruments", INSTRUMENT | {"lot_size": "1.0", "tick_size": "0.01"})
        assert answer.status_code == 201
        body = dict(answer.json())
        uid = body.pop("id")
        assert body == INSTRUMENT | {
            "lot_size": "1",
            "tick_size": "0.01",
            "multiplier": "1",
            "inverse": False,
            "price_band": None,
            "settlement_days": 2,  # the United Kingdom's cycle
            "settlement_calendar": "",
            "status": "active",
            "last_price": None,
            "last_price_at": None,
        }
        for name in (uid, "XYZ"):
            assert api.get(f"/api/v1/instruments/{name}").json() == answer.json()
        assert told("trading.instrument.changed") == [uid]

    def test_may_be_pairs_with_a_slash(self, api: APIClient) -> None:
        body = {"symbol": "EUR/USD", "kind": "fx", "currency": "USD"}
        assert post(api, "instruments", body).json()["settlement_days"] == 2
        for name in ("EUR/USD", "EUR%2FUSD"):
            assert api.get(f"/api/v1/instruments/{name}").json()["name"] == "EUR/USD"

    def test_settle_by_a_pair_only_where_currencies_are_exchanged(self, api: APIClient) -> None:
        body = {"symbol": "EUR.USD", "kind": "fx", "currency": "USD"}
        for name in ("EUR/USD", "24/7", "DE"):
            answer = post(
                api, "instruments", body | {"symbol": name[:2], "settlement_calendar": name}
            )
            assert (answer.status_code, answer.json()["settlement_calendar"]) == (201, name)
        answer = post(api, "instruments", INSTRUMENT | {"settlement_calendar": "EURUSD"})
        assert faults(answer) == {("settlement_calendar", "unknown_calendar")}
        assert post(api, "instruments", INSTRUMENT).status_code == 201
        patched = api.patch(
            "/api/v1/instruments/XYZ", {"settlement_calendar": "EUR/USD"}, format="json"
        )
        assert faults(patched) == {("settlement_calendar", "unknown_calendar")}
        assert len(api.get("/api/v1/instruments").json()["results"]) == 4

    def test_again_are_the_same_or_a_conflict(self, api: APIClient) -> None:
        first = post(api, "instruments", INSTRUMENT)
        again = post(api, "instruments", INSTRUMENT | {"multiplier": "1.000"})
        assert (again.status_code, again.json()) == (200, first.json())
        other = post(api, "instruments", INSTRUMENT | {"multiplier": "10", "kind": "etf"})
        assert (other.status_code, other.json()["code"]) == (409, "instrument_differs")
        assert faults(other) == {("multiplier", "differs"), ("kind", "differs")}

    def test_refused_say_everything(self, api: APIClient) -> None:
        answer = post(api, "instruments", {
            "symbol": "USD", "name": "", "kind": "house", "currency": "x", "lot_size": "0",
            "tick_size": "-1", "multiplier": "0", "price_band": "0", "settlement_calendar": "no name",
        })  # fmt: skip
        assert answer.status_code == 400  # a blank name is a fault of form
        answer = post(api, "instruments", {
            "symbol": "USD", "kind": "house", "currency": "x", "lot_size": "0", "tick_size": "-1",
            "multiplier": "0", "price_band": "0", "settlement_calendar": "no name",
        })  # fmt: skip
        assert answer.status_code == 422
        assert faults(answer) == {
            ("symbol", "is_a_currency"),
            ("kind", "invalid_choice"),
            ("currency", "invalid_currency"),
            ("lot_size", "not_positive"),
            ("tick_size", "not_positive"),
            ("multiplier", "not_positive"),
            ("price_band", "not_positive"),
            ("settlement_calendar", "unknown_calendar"),
        }

    def test_have_names_that_no_currency_has(self, api: APIClient) -> None:
        post(api, "instruments", INSTRUMENT | {"symbol": "COIN", "currency": "WEIRD"})
        answer = post(api, "instruments", INSTRUMENT | {"symbol": "WEIRD"})
        assert faults(answer) == {("symbol", "is_a_currency")}
        answer = post(api, "instruments", INSTRUMENT | {"currency": "COIN"})
        assert faults(answer) == {("currency", "is_an_instrument")}

    def test_change_what_may_change(self, api: APIClient, instrument: Instrument) -> None:
        answer = patch(
            api, "instruments/XYZ", {"status": "halted", "price_band": "5", "name": "New"}
        )
        assert [answer.json()[name] for name in ("status", "price_band", "name")] == [
            "halted", "5", "New"
        ]  # fmt: skip
        answer = patch(api, "instruments/XYZ", {"multiplier": "2", "symbol": "A", "status": "odd"})
        assert answer.status_code == 422
        assert faults(answer) == {
            ("multiplier", "fixed"), ("symbol", "fixed"), ("status", "invalid_choice")
        }  # fmt: skip

    def test_are_filtered(self, api: APIClient, tenant: Tenant) -> None:
        list_instrument(tenant.pk, "A")
        list_instrument(tenant.pk, "B", kind="crypto")
        found = api.get("/api/v1/instruments", {"kind": "crypto"}).json()["results"]
        assert [one["symbol"] for one in found] == ["B"]
        assert api.get("/api/v1/instruments", {"status": "halted"}).json()["results"] == []

    def test_are_the_tenants_own(
        self, instrument: Instrument, other: Tenant, client_of: Any
    ) -> None:
        stranger = client_of(other)
        for name in ("XYZ", instrument.pk):
            assert stranger.get(f"/api/v1/instruments/{name}").status_code == 404
            assert patch(stranger, f"instruments/{name}", {"status": "halted"}).status_code == 404


class TestCounterparties:
    def test_are_registered_changed_and_listed(self, api: APIClient) -> None:
        body = {"code": "BANK", "name": "A bank"}
        first, again = post(api, "counterparties", body), post(api, "counterparties", body)
        assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
        other = post(api, "counterparties", body | {"name": "Another"})
        assert (other.status_code, other.json()["code"]) == (409, "counterparty_differs")
        assert (
            patch(api, "counterparties/BANK", {"status": "inactive"}).json()["status"] == "inactive"
        )
        assert faults(patch(api, "counterparties/BANK", {"code": "X"})) == {("code", "fixed")}
        assert api.get(f"/api/v1/counterparties/{first.json()['id']}").status_code == 200
        found = api.get("/api/v1/counterparties", {"status": "inactive"}).json()["results"]
        assert [one["code"] for one in found] == ["BANK"]
        assert api.get("/api/v1/counterparties/NOBODY").json()["code"] == "unknown_counterparty"

    def test_are_the_tenants_own(self, api: APIClient, other: Tenant, client_of: Any) -> None:
        post(api, "counterparties", {"code": "BANK", "name": "A bank"})
        assert client_of(other).get("/api/v1/counterparties/BANK").status_code == 404


class TestPrices:
    def test_are_recorded_and_told(self, api: APIClient, instrument: Instrument) -> None:
        body = {"prices": [{"instrument": "XYZ", "price": "50.10", "at": "2026-03-02T12:00:00Z"}]}
        assert post(api, "prices", body).json() == {"received": 1, "recorded": 1}
        shown = api.get("/api/v1/instruments/XYZ").json()
        assert (shown["last_price"], shown["last_price_at"]) == ("50.1", "2026-03-02T12:00:00Z")
        assert told("trading.price.changed") == [str(instrument.pk)]
        assert post(api, "prices", body).json() == {"received": 1, "recorded": 0}
        assert len(told("trading.price.changed")) == 1

    def test_an_older_price_changes_nothing(self, api: APIClient, instrument: Instrument) -> None:
        rows = [
            {"instrument": "XYZ", "price": "2", "at": "2026-03-02T12:00:02Z"},
            {"instrument": str(instrument.pk), "price": "1", "at": "2026-03-02T12:00:01Z"},
        ]
        assert post(api, "prices", {"prices": rows}).json() == {"received": 2, "recorded": 1}
        assert post(api, "prices", {"prices": rows[1:]}).json() == {"received": 1, "recorded": 0}
        instrument.refresh_from_db()
        assert instrument.last_price == 2

    def test_are_recorded_all_or_none(self, api: APIClient, instrument: Instrument) -> None:
        soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
        answer = post(api, "prices", {"prices": [
            {"instrument": "XYZ", "price": "1"},
            {"instrument": "NOTHING", "price": "1"},
            {"instrument": "XYZ", "price": "0"},
            {"instrument": "XYZ", "price": "1", "at": soon},
        ]})  # fmt: skip
        assert answer.status_code == 422
        assert faults(answer) == {
            ("prices.1.instrument", "unknown_instrument"),
            ("prices.2.price", "not_positive"),
            ("prices.3.at", "in_the_future"),
        }
        instrument.refresh_from_db()
        assert instrument.last_price is None

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"prices": []},
            {"prices": [{"instrument": "XYZ", "price": 1.5}]},
            {"prices": [{"instrument": "XYZ", "price": "1", "bid": "1"}]},
            {"prices": [{"instrument": "XYZ", "price": "NaN"}]},
            {"prices": [{"instrument": "XYZ", "price": "1"}] * 1_001},
        ],
    )
    def test_have_a_form(self, api: APIClient, instrument: Instrument, body: Any) -> None:
        assert post(api, "prices", body).status_code == 400

    def test_in_any_order_at_once_do_not_deadlock(self, api: APIClient, tenant: Tenant) -> None:
        symbols = [f"S-{index}" for index in range(20)]
        for symbol in symbols:
            list_instrument(tenant.pk, symbol)
        orders = [symbols, symbols[::-1], symbols[10:] + symbols[:10]] * 2
        answers = in_threads(
            [
                lambda order=order: post(
                    api, "prices", {"prices": [{"instrument": one, "price": "1"} for one in order]}
                )
                for order in orders
            ]
        )
        assert {one.status_code for one in answers} == {200}

    def test_are_the_tenants_own(
        self, instrument: Instrument, other: Tenant, client_of: Any
    ) -> None:
        rows = [{"instrument": name, "price": "1"} for name in ("XYZ", str(instrument.pk))]
        answer = post(client_of(other), "prices", {"prices": rows})
        assert {code for _, code in faults(answer)} == {"unknown_instrument"}

    def test_feed_the_price_band(
        self, api: APIClient, tenant: Tenant, account: ClientAccount
    ) -> None:
        list_instrument(tenant.pk, price_band=Decimal(10))
        post(api, "prices", {"prices": [{"instrument": "XYZ", "price": "50"}]})
        outcomes = book(tenant.pk, ask(price="55"), ask(price="55.01"), ask(price="44.99"))
        assert [one.status for one in outcomes] == [201, 422, 422]
