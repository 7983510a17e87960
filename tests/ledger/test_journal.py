"""The worked examples of double entry for trades, to the letter, and the edges around them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from apps.core.ids import uuid7
from apps.core.money import ZERO
from apps.ledger.exceptions import AmountRefused, NotReversible, TooFewLegs, Unbalanced
from apps.ledger.journal import (
    CLIENT_CODES,
    HOUSE_CODES,
    BookedEntry,
    Code,
    Delivery,
    EntryDraft,
    Kind,
    check_balanced,
    entry_for_cash_transfer,
    entry_for_delivery,
    entry_for_trade,
    reversal_of,
    unbalanced,
)
from tests.ledger.cast import ACCOUNT, NOON, leg_texts, make_draft, make_fee, make_trade


def entry(**terms: object) -> EntryDraft:
    return entry_for_trade(make_trade(**terms), tenant=7)


class TestABuy:
    def test_has_the_six_legs_of_the_worked_example(self) -> None:
        fees = (make_fee("commission", "5.00"), make_fee("exchange", "0.25"))
        assert leg_texts(entry(fees=fees).legs) == [
            ("SEC:UNSETTLED", "XYZ", "100"),
            ("STREET:SEC:UNSETTLED", "XYZ", "-100"),
            ("CASH:UNSETTLED", "USD", "-5005.250000000000"),
            ("STREET:CASH:UNSETTLED", "USD", "5000.000000000000"),
            ("FEE:COMMISSION", "USD", "5.00"),
            ("FEE:EXCHANGE", "USD", "0.25"),
        ]

    def test_gives_client_legs_to_the_client_and_all_others_to_the_house(self) -> None:
        draft = entry(fees=(make_fee("tax", "1"),))
        assert {leg.owner for leg in draft.legs if leg.code in CLIENT_CODES} == {ACCOUNT}
        assert {leg.owner for leg in draft.legs if leg.code in HOUSE_CODES} == {None}

    def test_says_where_it_comes_from(self) -> None:
        trade = make_trade(version_no=2)
        draft = entry_for_trade(trade, tenant=7)
        assert draft.source == f"trade:{trade.trade_id}:2"
        assert (draft.kind, draft.tenant, draft.owner, draft.owner_number) == (
            "TRADE",
            7,
            ACCOUNT,
            "ACC-1",
        )
        assert (draft.trade_id, draft.effective_at) == (trade.trade_id, trade.executed_at)


class TestASell:
    def test_has_the_five_legs_of_the_worked_example(self) -> None:
        draft = entry(side="sell", price="52.00", fees=(make_fee("commission", "5.20"),))
        assert leg_texts(draft.legs) == [
            ("SEC:UNSETTLED", "XYZ", "-100"),
            ("STREET:SEC:UNSETTLED", "XYZ", "100"),
            ("CASH:UNSETTLED", "USD", "5194.800000000000"),
            ("STREET:CASH:UNSETTLED", "USD", "-5200.000000000000"),
            ("FEE:COMMISSION", "USD", "5.20"),
        ]

    def test_whose_fees_eat_the_proceeds_leaves_no_leg_for_the_client(self) -> None:
        draft = entry(side="sell", quantity="1", price="5", fees=(make_fee("other", "5"),))
        assert Code.CASH_UNSETTLED not in {leg.code for leg in draft.legs}
        check_balanced(draft)


class TestFees:
    def test_go_to_the_account_of_their_kind(self) -> None:
        fees = tuple(
            make_fee(kind, "1") for kind in ("commission", "exchange", "tax", "other", "?")
        )
        legs = leg_texts(entry(fees=fees).legs)[-4:]
        assert legs == [
            ("FEE:COMMISSION", "USD", "1"),
            ("FEE:EXCHANGE", "USD", "1"),
            ("TAX", "USD", "1"),
            ("FEE:OTHER", "USD", "2"),
        ]

    def test_in_another_currency_are_paid_in_that_currency(self) -> None:
        draft = entry(fees=(make_fee("commission", "3", "EUR"),))
        assert ("CASH:UNSETTLED", "EUR", "-3") in leg_texts(draft.legs)
        assert ("CASH:UNSETTLED", "USD", "-5000.000000000000") in leg_texts(draft.legs)
        check_balanced(draft)

    def test_that_are_paid_to_the_client_turn_round(self) -> None:
        draft = entry(fees=(make_fee("exchange", "-2.5"),))
        assert ("CASH:UNSETTLED", "USD", "-4997.500000000000") in leg_texts(draft.legs)
        assert ("FEE:EXCHANGE", "USD", "-2.5") in leg_texts(draft.legs)
        check_balanced(draft)

    def test_of_zero_leave_no_leg(self) -> None:
        assert len(entry(fees=(make_fee("tax", "0"),)).legs) == 4


class TestOtherInstruments:
    def test_a_future_is_booked_at_its_contract_value(self) -> None:
        legs = leg_texts(entry(quantity="2", price="4000.5", multiplier="50").legs)
        assert ("STREET:CASH:UNSETTLED", "USD", "400050.000000000000") in legs

    def test_an_inverse_contract_credits_the_buyer_with_its_value_in_the_coin(self) -> None:
        terms = {"inverse": True, "quantity": "1000", "price": "50000", "currency": "BTC"}
        legs = {code: amount for code, _, amount in leg_texts(entry(**terms).legs)}
        assert Decimal(legs["CASH:UNSETTLED"]) == Decimal("0.02")
        assert Decimal(legs["STREET:CASH:UNSETTLED"]) == Decimal("-0.02")
        sold = {c: a for c, _, a in leg_texts(entry(side="sell", **terms).legs)}
        assert Decimal(sold["CASH:UNSETTLED"]) == Decimal("-0.02")

    def test_a_long_inverse_round_trip_earns_what_the_contract_says(self) -> None:
        terms = {"inverse": True, "quantity": "1000", "currency": "BTC"}
        legs = entry(price="40000", **terms).legs + entry(side="sell", price="50000", **terms).legs
        cash = sum(leg.amount for leg in legs if leg.code == Code.CASH_UNSETTLED)
        assert cash == Decimal("0.005")  # 1000 × (1/40000 − 1/50000)

    def test_a_value_that_rounds_to_nothing_still_moves_the_units(self) -> None:
        draft = entry(notional=Decimal(0))
        assert [leg.code for leg in draft.legs] == [Code.SEC_UNSETTLED, Code.STREET_SEC_UNSETTLED]
        check_balanced(draft)

    def test_amounts_of_38_digits_lose_none_of_them(self) -> None:
        big = Decimal("99999999999999999998.000000000001")
        draft = entry(notional=big, fees=(make_fee("commission", "0.000000000001"),))
        paid = ("CASH:UNSETTLED", "USD", "-99999999999999999998.000000000002")
        assert paid in leg_texts(draft.legs)
        check_balanced(draft)


class TestCashTransfers:
    @pytest.mark.parametrize(("amount", "other_side"), [("250.5", "-250.5"), ("-40", "40")])
    def test_move_settled_cash_against_our_bank_account(self, amount: str, other_side: str) -> None:
        draft = entry_for_cash_transfer(
            tenant=7, owner=ACCOUNT, owner_number="ACC-1", currency="USD", amount=Decimal(amount),
            reference="wire 1", effective_at=NOON,
        )  # fmt: skip
        assert leg_texts(draft.legs) == [
            ("CASH:SETTLED", "USD", amount),
            ("NOSTRO", "USD", other_side),
        ]
        assert draft.source == f"cash:{ACCOUNT}:wire 1"


class TestReversals:
    def test_negate_every_leg_at_the_original_time(self) -> None:
        original = entry(fees=(make_fee("commission", "5"),))
        booked = BookedEntry(uuid7(), NOON, original)
        undone = reversal_of(booked)
        assert undone.kind == Kind.REVERSAL
        assert (undone.reverses, undone.effective_at) == (booked.id, original.effective_at)
        assert undone.trade_id == original.trade_id
        assert not any(
            one.amount + other.amount for one, other in zip(original.legs, undone.legs, strict=True)
        )

    def test_have_one_source_per_entry_so_that_a_second_is_the_first(self) -> None:
        booked = BookedEntry(uuid7(), NOON, entry())
        assert reversal_of(booked).source == reversal_of(booked).source == f"reversal:{booked.id}"

    def test_are_not_reversed(self) -> None:
        undone = reversal_of(BookedEntry(uuid7(), NOON, entry()))
        with pytest.raises(NotReversible):
            reversal_of(BookedEntry(uuid7(), NOON, undone))


class TestCheckBalanced:
    def test_names_what_is_left_over(self) -> None:
        draft = make_draft(7, ("NOSTRO", None, "USD", "1"), ("TAX", None, "EUR", "-1"))
        with pytest.raises(Unbalanced) as caught:
            check_balanced(draft)
        assert caught.value.facts["rest"] == {"USD": "1", "EUR": "-1"}
        assert unbalanced(draft.legs) == {"USD": 1, "EUR": -1}

    def test_wants_two_legs(self) -> None:
        with pytest.raises(TooFewLegs):
            check_balanced(replace(make_draft(7), legs=make_draft(7).legs[:1]))

    @pytest.mark.parametrize("amount", ["0", "NaN", "Infinity", "-Infinity", "1e20"])
    def test_wants_amounts_that_can_be_booked(self, amount: str) -> None:
        draft = make_draft(7, ("NOSTRO", None, "USD", amount), ("TAX", None, "USD", "-1"))
        with pytest.raises(AmountRefused):
            check_balanced(draft)

    def test_wants_an_account_once_per_asset(self) -> None:
        legs = [("NOSTRO", None, "USD", "1"), ("NOSTRO", None, "USD", "-1")]
        with pytest.raises(Unbalanced, match="once per asset"):
            check_balanced(make_draft(7, *legs))


class TestDelivery:
    def test_a_buy_settles_in_eight_legs(self) -> None:
        draft = entry_for_delivery(delivery())
        assert leg_texts(draft.legs) == [
            ("SEC:UNSETTLED", "XYZ", "-100"),
            ("SEC:SETTLED", "XYZ", "100"),
            ("STREET:SEC:UNSETTLED", "XYZ", "100"),
            ("DEPOT:SEC", "XYZ", "-100"),
            ("CASH:UNSETTLED", "USD", "5005.25"),
            ("CASH:SETTLED", "USD", "-5005.25"),
            ("STREET:CASH:UNSETTLED", "USD", "-5000.00"),
            ("NOSTRO", "USD", "5000.00"),
        ]
        check_balanced(draft)

    def test_free_of_payment_moves_securities_only(self) -> None:
        draft = entry_for_delivery(replace(delivery(), cash=ZERO, client_cash={}))
        assert {leg.asset for leg in draft.legs} == {"XYZ"}
        check_balanced(draft)

    def test_a_return_puts_everything_back(self) -> None:
        part = delivery()
        back = replace(
            part, units=-part.units, cash=-part.cash, client_cash={"USD": Decimal("5005.25")}
        )
        legs = [*entry_for_delivery(part).legs, *entry_for_delivery(back).legs]
        sums: dict[tuple[str, str], Decimal] = {}
        for leg in legs:
            sums[leg.code, leg.asset] = sums.get((leg.code, leg.asset), ZERO) + leg.amount
        assert set(sums.values()) == {ZERO}


def delivery() -> Delivery:
    return Delivery(
        tenant=1,
        settlement=uuid7(),
        part=1,
        trade_id=uuid7(),
        owner=ACCOUNT,
        owner_number="ACC-1",
        symbol="XYZ",
        units=Decimal(100),
        currency="USD",
        cash=Decimal("5000.00"),
        client_cash={"USD": Decimal("-5005.25")},
        effective_at=NOON,
    )
