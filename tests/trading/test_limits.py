"""Limits that earlier trades count against: exact, however many send at once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.events.contracts import partition_of
from apps.events.services import resume
from apps.tenants.models import Tenant
from apps.trading import selectors, services
from apps.trading.models import ClientAccount, Instrument
from apps.trading.services import PriceUpdate
from tests.trading.cast import ask, book, codes, count, fold, in_threads, list_instrument, query

D = Decimal
EXPOSURE, RATE = ("quantity", "gross_exposure_limit"), ("account", "order_rate_limit")


@pytest.fixture
def scene(tenant: Tenant, account: ClientAccount, instrument: Instrument) -> int:
    """A tenant whose ACC-1 may hold 1,000 dollars' worth; XYZ stands at 10."""
    services.change_account(tenant.pk, "ACC-1", {"max_gross_exposure": D(1000)})
    services.record_prices(tenant.pk, [PriceUpdate("XYZ", D(10))], now=datetime.now(UTC))
    return tenant.pk


class TestGrossExposure:
    def test_is_what_the_position_would_be_worth(self, scene: int) -> None:
        assert book(scene, ask(quantity="100", price="50"))[0].status == 201  # valued at 10
        assert codes(book(scene, ask(quantity="1"))[0]) == [EXPOSURE]

    def test_counts_trades_that_are_not_folded_yet_and_those_that_are(self, scene: int) -> None:
        book(scene, ask(quantity="60"))
        assert codes(book(scene, ask(quantity="41"))[0]) == [EXPOSURE]
        fold()
        assert codes(book(scene, ask(quantity="41"))[0]) == [EXPOSURE]
        assert book(scene, ask(quantity="40"))[0].status == 201

    def test_counts_on_within_a_call(self, scene: int) -> None:
        outcomes = book(scene, *[ask(quantity="40") for _ in range(4)])
        assert [one.status for one in outcomes] == [201, 201, 422, 422]

    def test_counts_long_and_short_and_every_instrument(self, scene: int) -> None:
        list_instrument(scene, "ABC")
        services.record_prices(scene, [PriceUpdate("ABC", D(20))], now=datetime.now(UTC))
        outcomes = book(
            scene,
            ask(quantity="50"),
            ask(instrument="ABC", side="sell", quantity="26"),
            ask(instrument="ABC", side="sell", quantity="25"),
        )
        assert [one.status for one in outcomes] == [201, 422, 201]

    def test_counts_each_currency_by_itself(self, scene: int) -> None:
        list_instrument(scene, "EURO", currency="EUR")
        outcomes = book(
            scene,
            ask(quantity="100"),
            ask(instrument="EURO", quantity="10", price="100"),
            ask(instrument="EURO", quantity="1", price="100"),
        )
        assert [one.status for one in outcomes] == [201, 201, 422]

    def test_never_keeps_anybody_in(self, scene: int) -> None:
        book(scene, ask(quantity="100"))
        services.record_prices(
            scene, [PriceUpdate("XYZ", D(30))], now=datetime.now(UTC) + timedelta(seconds=1)
        )
        outcomes = book(
            scene,
            ask(side="sell", quantity="20"),
            ask(side="sell", quantity="200"),  # through flat, and further out than before
            ask(side="sell", quantity="80"),
        )
        assert [one.status for one in outcomes] == [201, 422, 201]

    def test_values_at_the_orders_price_where_there_is_no_last_one(self, scene: int) -> None:
        list_instrument(scene, "NEW")
        outcomes = book(
            scene,
            ask(instrument="NEW", quantity="9", price="100"),
            ask(instrument="NEW", quantity="2", price="100"),
            ask(instrument="NEW", quantity="1", price="100"),
        )
        assert [one.status for one in outcomes] == [201, 422, 201]

    def test_is_exact_with_many_at_once(self, scene: int) -> None:
        results = in_threads(
            [lambda: book(scene, ask(quantity="30"), ask(quantity="30")) for _ in range(8)]
        )
        statuses = [one.status for outcomes in results for one in outcomes]
        assert statuses.count(201) == 3  # 900 of 1,000
        assert count("trading_trade") == 3

    def test_is_exact_while_the_handler_folds(self, scene: int) -> None:
        sends = [lambda: book(scene, ask(quantity="1"))] * 12
        results = in_threads([lambda: [one()[0].status for one in sends * 5], fold, fold, fold] * 2)
        statuses = [status for one in results if one for status in one]
        assert statuses.count(201) == 100
        fold()
        (holding,) = selectors.holdings_of([selectors.account_id_of(scene, "ACC-1")])
        assert holding.quantity == 100

    def test_counts_what_waits_behind_a_parked_key(
        self, scene: int, account: ClientAccount
    ) -> None:
        key = str(account.pk)
        book(scene, ask(quantity="50"))
        query(
            """INSERT INTO events_parkedkey (handler, topic, partition, key, tenant_id, first_offset,
                                             policy, error)
               SELECT 'trading.apply_trades', topic, partition, key, tenant_id, "offset", 'hold', 'x'
               FROM events_event WHERE name = 'trading.trade.executed'"""
        )
        fold()
        assert count("trading_position") == 0
        assert codes(book(scene, ask(quantity="51"))[0]) == [EXPOSURE]
        resume("trading.apply_trades", "trade", partition_of(key), key)
        assert count("trading_position") == 1
        assert codes(book(scene, ask(quantity="51"))[0]) == [EXPOSURE]
        assert book(scene, ask(quantity="50"))[0].status == 201


class TestOrdersPerSecond:
    @pytest.fixture
    def hasty(self, scene: int) -> int:
        """ACC-1 may trade three times a second, and hold what it likes."""
        changes = {"max_gross_exposure": None, "max_orders_per_second": 3}
        services.change_account(scene, "ACC-1", changes)
        return scene

    def test_are_counted_over_the_last_second(self, hasty: int) -> None:
        start = datetime.now(UTC)
        assert book(hasty, ask(), ask(), now=start)[0].status == 201
        outcomes = book(hasty, ask(), ask(), now=start + timedelta(seconds=0.9))
        assert outcomes[0].status == 201
        assert codes(outcomes[1]) == [RATE]
        later = book(hasty, ask(), ask(), ask(), now=start + timedelta(seconds=1.1))
        assert [one.status for one in later] == [201, 201, 422]

    def test_are_exact_with_many_at_once(self, hasty: int) -> None:
        now = datetime.now(UTC)
        results = in_threads([lambda: book(hasty, ask(), now=now)] * 8)
        assert [one[0].status for one in results].count(201) == 3

    def test_are_no_matter_of_files_of_past_trades(self, hasty: int) -> None:
        outcomes = book(hasty, *[ask() for _ in range(10)], paced=False)
        assert {one.status for one in outcomes} == {201}
