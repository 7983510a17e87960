"""Questions about trading that no door asks in the same way."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from apps.tenants.models import Tenant
from apps.trading import selectors, services
from apps.trading.exceptions import UnknownTrade
from apps.trading.models import ClientAccount, Instrument
from apps.trading.selectors.reference import account_id_of
from apps.trading.services import PriceUpdate
from tests.trading.cast import ask, book, fold, list_instrument, open_account

D = Decimal


@pytest.fixture
def scene(tenant: Tenant, account: ClientAccount, instrument: Instrument) -> int:
    """A tenant with ACC-1 and XYZ; its id."""
    return tenant.pk


class TestTrades:
    def test_are_counted_by_the_second(self, scene: int, other: Tenant) -> None:
        # Ids are made now, so the seconds are those that have just passed.
        now = datetime.now(UTC).replace(microsecond=500_000) - timedelta(seconds=1)
        for seconds in (2, 1, 1, 0):
            book(scene, ask(), now=now - timedelta(seconds=seconds))
        last = int(now.timestamp())
        since = now.replace(microsecond=0) - timedelta(seconds=1)
        assert selectors.trades_by_second(scene, since) == {last - 1: 2, last: 1}
        assert selectors.trades_by_second(other.pk, since) == {}

    def test_are_found_by_id_in_their_tenant(self, scene: int, other: Tenant) -> None:
        (outcome,) = book(scene, ask())
        assert outcome.trade is not None
        uid = outcome.trade.id
        assert selectors.trades_by_id(scene, [uid]) == {uid: outcome.trade}
        assert selectors.trades_by_id(other.pk, [uid]) == {}
        with pytest.raises(UnknownTrade):
            selectors.find_trade(other.pk, str(uid))


class TestHoldings:
    def test_are_positions_and_what_these_do_not_know_yet(
        self, scene: int, account: ClientAccount
    ) -> None:
        list_instrument(scene, "ABC")
        book(scene, ask(), ask(instrument="ABC", side="sell", quantity="7"))
        fold()
        book(scene, ask(quantity="11"))
        found = {one.instrument_id: one for one in selectors.holdings_of([account.pk])}
        assert sorted(one.quantity for one in found.values()) == [-7, 111]
        assert sorted(one.book for one in found.values()) == [350, 5550]

    def test_of_several_accounts_come_in_one_question(
        self, scene: int, account: ClientAccount
    ) -> None:
        second = open_account(scene, "ACC-2")
        book(scene, ask(), ask(account="ACC-2", side="sell"))
        fold()
        book(scene, ask(account="ACC-2"))
        found = {
            one.account_id: one.quantity for one in selectors.holdings_of([account.pk, second.pk])
        }
        assert found == {account.pk: 100, second.pk: 0}

    def test_add_up_to_gross_exposure_by_currency(self, scene: int, account: ClientAccount) -> None:
        list_instrument(scene, "SHORT")
        list_instrument(scene, "EURO", currency="EUR")
        book(
            scene,
            ask(quantity="10"),
            ask(instrument="SHORT", side="sell", quantity="3", price="20"),
            ask(instrument="EURO", quantity="1", price="7"),
        )
        prices = [PriceUpdate("XYZ", D(60)), PriceUpdate("EURO", D(9))]
        services.record_prices(scene, prices, now=datetime.now(UTC))
        exposure = selectors.gross_exposure(selectors.holdings_of([account.pk]))
        assert exposure == {"USD": 660, "EUR": 9}


def test_position_quantities_are_of_one_tenant_or_all(
    scene: int, account: ClientAccount, other: Tenant
) -> None:
    theirs = open_account(other.pk)
    list_instrument(other.pk)
    book(scene, ask())
    book(other.pk, ask(quantity="3"))
    fold()
    mine, all_of_them = selectors.position_quantities(scene), selectors.position_quantities(None)
    assert mine == [(scene, account.pk, "XYZ", D(100))]
    assert sorted(all_of_them) == sorted([*mine, (other.pk, theirs.pk, "XYZ", D(3))])


def test_an_accounts_id_is_asked_once(scene: int, account: ClientAccount) -> None:
    assert account_id_of(scene, "ACC-1") == account.pk
    with connection.execute_wrapper(_refuse):
        assert account_id_of(scene, "ACC-1") == account.pk


def _refuse(*_: object) -> None:
    raise AssertionError("the database was asked")
