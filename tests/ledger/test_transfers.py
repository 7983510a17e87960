"""Cash in and out: covered, once per reference, told."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from apps.core.ids import uuid7
from apps.events.contracts import partition_of
from apps.events.services import drain, unit_of_work
from apps.ledger import services
from apps.ledger.exceptions import (
    InsufficientFunds,
    ReferenceTaken,
    TransferRefused,
    UnknownOwner,
)
from apps.ledger.journal import Code, entry_for_trade
from apps.ledger.models import JournalEntry
from apps.ledger.selectors.owners import HANDLER
from apps.ledger.services import Transfer
from apps.tenants.models import Tenant
from apps.trading.events import AccountOpened
from tests.ledger.cast import ACCOUNT, at_once, make_trade, post, sql

BalanceOf = Callable[..., Decimal]


@pytest.fixture
def move(tenant: Tenant) -> Callable[..., Transfer]:
    """Transfers on an account that the ledger has heard of."""
    services.open_client_accounts([(tenant.pk, ACCOUNT, "ACC-1")])

    def transfer(amount: str, reference: str = "", **given: str) -> Transfer:
        terms = {"account": "ACC-1", "currency": "USD"} | given
        reference = reference or f"wire {uuid7()}"
        return services.transfer_cash(
            tenant.pk, amount=Decimal(amount), reference=reference, **terms
        )

    return transfer


def test_a_deposit_is_settled_at_once(move: Callable[..., Transfer], balance_of: BalanceOf) -> None:
    transfer = move("1000.25", "wire 1")
    assert balance_of() == Decimal("1000.25")
    assert [(leg.account, leg.side, leg.amount) for leg in transfer.entry.legs] == [
        ("CASH:SETTLED", "debit", Decimal("1000.25")),
        ("NOSTRO", "credit", Decimal("-1000.25")),
    ]
    assert not transfer.is_replay


@pytest.mark.parametrize("name", ["ACC-1", str(ACCOUNT)], ids=["its number", "its id"])
def test_an_account_goes_by(
    move: Callable[..., Transfer], balance_of: BalanceOf, name: str
) -> None:
    move("5", account=name)
    assert balance_of() == 5


def test_a_withdrawal_takes_no_more_than_is_settled(
    move: Callable[..., Transfer], balance_of: BalanceOf
) -> None:
    move("100")
    move("-60")
    with pytest.raises(InsufficientFunds) as caught:
        move("-40.000000000001")
    assert caught.value.facts["available"] == "40"
    move("-40")
    assert balance_of() == 0
    assert JournalEntry.objects.count() == 3


def test_what_a_trade_will_bring_is_not_settled(
    tenant: Tenant, move: Callable[..., Transfer], balance_of: BalanceOf
) -> None:
    post(entry_for_trade(make_trade(side="sell"), tenant=tenant.pk))
    assert balance_of(Code.CASH_UNSETTLED) == 5000
    with pytest.raises(InsufficientFunds):
        move("-1")


class TestAReference:
    def test_used_again_for_the_same_is_the_same_entry(
        self, move: Callable[..., Transfer], balance_of: BalanceOf
    ) -> None:
        first, again = move("100", "wire 1"), move("100.00", "wire 1")
        assert again.entry == first.entry
        assert (first.is_replay, again.is_replay) == (False, True)
        assert balance_of() == 100

    @pytest.mark.parametrize(
        ("change", "field"),
        [({"amount": "101"}, "amount"), ({"currency": "EUR"}, "currency")],
        ids=["another amount", "another currency"],
    )
    def test_used_again_for(
        self, move: Callable[..., Transfer], change: dict[str, str], field: str
    ) -> None:
        move("100", "wire 1")
        with pytest.raises(ReferenceTaken) as caught:
            move(**{"amount": "100", "reference": "wire 1"} | change)
        assert caught.value.facts["field"] == field

    def test_is_each_accounts_own(
        self, tenant: Tenant, move: Callable[..., Transfer], balance_of: BalanceOf
    ) -> None:
        second = uuid7()
        services.open_client_accounts([(tenant.pk, second, "ACC-2")])
        move("1", "wire 1")
        move("2", "wire 1", account="ACC-2")
        assert (balance_of(), balance_of(owner=second)) == (1, 2)

    def test_of_a_refused_withdrawal_is_free_again(self, move: Callable[..., Transfer]) -> None:
        with pytest.raises(InsufficientFunds):
            move("-5", "out 1")
        move("5")
        assert move("-5", "out 1").entry.legs[0].amount == -5


def test_every_reason_is_named_at_once(move: Callable[..., Transfer]) -> None:
    with pytest.raises(TransferRefused) as caught:
        move("0", "x" * 201, currency="MOON")
    errors = caught.value.facts["errors"]
    assert [(one["field"], one["code"]) for one in errors] == [
        ("currency", "unknown_currency"),
        ("amount", "out_of_range"),
        ("reference", "bad_reference"),
    ]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e20", "-1e20", "1e-13"])
def test_an_amount_that_cannot_be_booked_is_refused(
    move: Callable[..., Transfer], amount: str
) -> None:
    with pytest.raises(TransferRefused):
        move(amount)


class TestAnAccountJustOpened:
    """The ledger's handler has not heard of it yet."""

    def tell(self, tenant: Tenant) -> None:
        fact = AccountOpened(
            account_id=ACCOUNT, number="ACC-1", name="A", base_currency="USD", cost_method="fifo"
        )
        with unit_of_work() as work:
            work.publish(fact, tenant=tenant.pk, key=str(ACCOUNT))

    @pytest.mark.parametrize("name", ["ACC-1", str(ACCOUNT)], ids=["its number", "its id"])
    def test_takes_cash_by(self, tenant: Tenant, balance_of: BalanceOf, name: str) -> None:
        self.tell(tenant)
        services.transfer_cash(
            tenant.pk, account=name, currency="USD", amount=Decimal(5), reference="r"
        )
        assert balance_of() == 5
        drain(HANDLER, "trade", partition_of(str(ACCOUNT)))
        numbers = {number for (number,) in sql("SELECT owner_number FROM ledger_ledgeraccount "
                                               "WHERE owner IS NOT NULL")}  # fmt: skip
        assert numbers == {"ACC-1"}

    def test_is_nobody_elses(self, tenant: Tenant, other: Tenant) -> None:
        self.tell(tenant)
        for name in ("ACC-1", str(ACCOUNT)):
            with pytest.raises(UnknownOwner):
                services.transfer_cash(
                    other.pk, account=name, currency="USD", amount=Decimal(5), reference="r"
                )


def test_an_account_that_nobody_opened_is_unknown(move: Callable[..., Transfer]) -> None:
    for name in ("NOBODY", str(uuid7())):
        with pytest.raises(UnknownOwner):
            move("5", account=name)


def test_the_house_is_told(move: Callable[..., Transfer]) -> None:
    move("100", "wire 1")
    move("100", "wire 1")
    told = sql("SELECT name, data->>'amount', data->>'reference' FROM events_event "
               "WHERE topic = 'ledger' ORDER BY \"offset\"")  # fmt: skip
    assert told == [
        ("ledger.entries.posted", None, None),
        ("ledger.cash.transferred", "100", "wire 1"),
    ]


def test_withdrawals_at_once_share_what_there_is(
    move: Callable[..., Transfer], balance_of: BalanceOf
) -> None:
    move("100")
    raised = at_once([lambda: move("-30")] * 8)
    assert [type(error) for error in raised].count(InsufficientFunds) == 5
    assert raised.count(None) == 3
    assert balance_of() == 10
