"""Splits and dividends from the announcement to the last settlement: every record says the same."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from apps.core.exceptions import DomainError
from apps.events.contracts import PARTITIONS
from apps.events.services import drain, replay
from apps.ledger import invariants as ledger
from apps.ledger import services as books
from apps.ledger.selectors.owners import HANDLER
from apps.settlement import invariants as settlement
from apps.settlement.models import UnitSplit
from apps.tenants.models import Tenant, User
from apps.trading import invariants as trading
from apps.trading import selectors, services
from apps.trading.exceptions import (
    ActionDiffers,
    ActionIsApplied,
    ActionRefused,
    BeforeCorporateAction,
    NoPriceStated,
    SecondPersonNeeded,
    UnknownAction,
    UnknownInstrument,
)
from apps.trading.models import CorporateAction, Instrument
from apps.trading.selectors.exposure import FOLDER
from apps.trading.services import ActionTerms, PriceUpdate, Revision
from tests.ledger.cast import at_once, refused, sql
from tests.settlement.cast import (
    Market,
    balances,
    drive,
    hear,
    settle_down,
    settled_units,
    settlement_of,
)
from tests.settlement.clearing import ClearingHouse
from tests.trading.cast import ask, book, codes, held, list_instrument, open_account

D = Decimal
NOW = timezone.now()
TODAY = NOW.date()
BEFORE = (NOW - timedelta(days=10)).isoformat()
EX = TODAY - timedelta(days=3)
ADDRESS = "/api/v1/corporate-actions"


def split(new: int = 2, old: int = 1, **given: Any) -> ActionTerms:
    terms = {"reference": "S-1", "instrument": "XYZ", "kind": "split", "ex_date": EX}
    return ActionTerms(**{**terms, "new_units": D(new), "old_units": D(old), **given})


def dividend(amount: str = "0.35", **given: Any) -> ActionTerms:
    terms = {"reference": "D-1", "instrument": "XYZ", "kind": "dividend", "ex_date": EX,
             "amount": D(amount), "pay_date": TODAY + timedelta(days=20)}  # fmt: skip
    return ActionTerms(**terms | given)


def announce(tenant: Tenant, terms: ActionTerms) -> CorporateAction:
    """By one person; and a second one confirms the price of fractions, if there is one."""
    row, _ = services.announce_action(tenant.pk, terms, by="user:1")
    if terms.cash_in_lieu_price is None:
        return row
    return services.confirm_price(tenant.pk, row.pk, price=terms.cash_in_lieu_price, by="user:2")


def apply(tenant: Tenant, terms: ActionTerms, *, at: datetime = NOW) -> CorporateAction:
    row = announce(tenant, terms)
    assert services.apply_actions(at) == 1, CorporateAction.objects.get(pk=row.pk).problem
    settle_down()
    row.refresh_from_db()
    return row


def everything_agrees(tenant: Tenant) -> None:
    checks = (*trading.INVARIANTS, *ledger.INVARIANTS, *settlement.INVARIANTS)
    assert [found for one in checks if not (found := one(tenant.pk)).ok] == []
    run = books.reconcile(tenant.pk, TODAY, ledger.look, by="test")
    assert [one for one in run.checks if one["found"]] == []


def position(market: Market) -> tuple[Decimal, ...]:
    """(quantity, cost, realised)"""
    return held(market.account)["XYZ"][:3]


def faults(error: DomainError) -> set[tuple[str, str]]:
    errors = error.facts["errors"]
    assert isinstance(errors, list)
    return {(one["field"], one["code"]) for one in errors}


def test_a_split_reaches_every_record_and_what_is_open_settles_in_new_units(
    market: Market, house: ClearingHouse
) -> None:
    whole = market.trade(executed_at=BEFORE)
    part = market.trade(executed_at=BEFORE, quantity="40", price="60")
    sold = market.trade(executed_at=BEFORE, quantity="30", price="70", side="sell")
    settle_down()
    drive()
    orders = {one: settlement_of(one).instruction_id for one in (whole, part, sold)}
    hear(market, house.confirm(orders[whole]), house.confirm(orders[part], "10"))
    before = position(market)
    assert (before[0], settled_units(market)) == (110, 110)

    action = apply(market.tenant, split())
    assert (action.state, action.accounts) == ("applied", 1)
    assert position(market) == (220, *before[1:])  # what it cost, and what was earned, stay
    assert settled_units(market) == 220
    held_now = balances(market)
    assert (held_now["SEC:SETTLED", "XYZ"], held_now["DEPOT:SEC", "XYZ"]) == (220, -220)
    assert ("SEC:UNSETTLED", "XYZ") not in held_now  # 30 to come and 30 to go, twice as many each
    everything_agrees(market.tenant)

    hear(market, house.confirm(orders[part], "30"))  # in the units that were instructed
    assert (settlement_of(part).state, settled_units(market)) == ("settled", 280)
    assert balances(market)["SEC:UNSETTLED", "XYZ"] == -60
    everything_agrees(market.tenant)
    hear(market, house.confirm(orders[sold]))
    assert (settlement_of(sold).state, settled_units(market)) == ("settled", 220)
    market.trade(quantity="10", price="30")
    settle_down()
    assert position(market)[0] == 230
    everything_agrees(market.tenant)
    assert UnitSplit.objects.get().open_settlements == 2
    for handler in (FOLDER, HANDLER, "settlement.open_settlements"):
        assert replay(handler).ok, handler
    assert services.apply_actions(NOW) == 0


def test_what_will_move_is_shown_beside_what_was_dealt(
    market: Market, house: ClearingHouse, api: APIClient
) -> None:
    trade = market.trade(executed_at=BEFORE, quantity="40", price="60")
    settle_down()
    drive()
    one = settlement_of(trade)
    admin = Client()
    admin.force_login(User.objects.create_superuser("boss", password="x"))
    keys = ("quantity", "settled_quantity", "open_quantity", "open_units", "settled_units")

    def shown() -> tuple[str, ...]:
        found = api.get(f"/api/v1/settlements/{one.pk}").json()
        (listed,) = api.get("/api/v1/settlements").json()["results"]
        assert {name: listed[name] for name in keys} == {name: found[name] for name in keys}
        return tuple(found[name] for name in keys)

    hear(market, house.confirm(one.instruction_id, "10"))
    assert shown() == ("40", "10", "30", "30", "10")
    apply(market.tenant, split())
    assert shown() == ("40", "10", "30", "60", "10")
    page = admin.get(reverse("admin:settlement_settlement_change", args=[one.pk]))
    assert "40 (60 of today to move)" in page.content.decode()
    hear(market, house.confirm(one.instruction_id, "30"))
    assert shown() == ("40", "40", "0", "0", "70")


@pytest.mark.parametrize("method", ["average", "fifo"])
def test_lots_are_split_and_profit_is_the_same(
    tenant: Tenant, instrument_: Instrument, method: str
) -> None:
    """100 @ 50 and 50 @ 80, split 3 for 2, 225 sold at 60: as if all had been dealt in new units."""
    account = open_account(tenant.pk, cost_method=method)
    other = open_account(tenant.pk, "ACC-2", cost_method=method)
    list_instrument(tenant.pk, "NEW")
    old = [("100", "50"), ("50", "80")]
    new = [("150", D(100) / 3), ("75", D(160) / 3)]
    book(tenant.pk, *(ask(quantity=q, price=p, executed_at=BEFORE) for q, p in old))
    settle_down()
    apply(tenant, split(3, 2))
    rounded = [(q, str(p.quantize(D("1e-18")))) for q, p in new]
    book(
        tenant.pk,
        *(ask(account="ACC-2", instrument="NEW", quantity=q, price=p) for q, p in rounded),
    )
    for number, symbol in (("ACC-1", "XYZ"), ("ACC-2", "NEW")):
        book(
            tenant.pk,
            ask(account=number, instrument=symbol, side="sell", quantity="200", price="60"),
        )
    settle_down()
    mine, theirs = held(account)["XYZ"], held(other)["NEW"]
    assert mine[0] == theirs[0] == 25
    assert abs(mine[2] - theirs[2]) < D("1e-9")  # their prices are rounded, ours are not
    everything_agrees(tenant)


@pytest.fixture
def instrument_(tenant: Tenant) -> Instrument:
    return list_instrument(tenant.pk)


def test_a_reverse_split_keeps_fractions_and_the_price_follows(market: Market) -> None:
    market.trade(executed_at=BEFORE, quantity="30")
    settle_down()
    told = [PriceUpdate("XYZ", D(50), NOW - timedelta(days=5))]
    services.record_prices(market.tenant.pk, told, now=NOW)
    apply(market.tenant, lieu(1, 4, "1"))
    assert position(market)[:2] == (D("7.5"), 1500)
    assert selectors.find_instrument(market.tenant.pk, "XYZ").last_price == 200
    everything_agrees(market.tenant)


def test_a_short_position_and_a_flat_one_are_split_too(market: Market) -> None:
    for number in ("ACC-2", "ACC-3"):
        open_account(market.tenant.pk, number)
    book(
        market.tenant.pk,
        ask(account="ACC-2", side="sell", executed_at=BEFORE),
        ask(account="ACC-3", executed_at=BEFORE),
        ask(account="ACC-3", side="sell", executed_at=BEFORE),
    )
    settle_down()
    action = apply(market.tenant, split(5))
    assert action.accounts == 2
    rows = dict(sql("SELECT a.number, p.quantity FROM trading_position p"
                    " JOIN trading_clientaccount a ON a.id = p.account_id"))  # fmt: skip
    assert rows == {"ACC-2": -500, "ACC-3": 0}
    everything_agrees(market.tenant)


def test_two_splits_one_after_the_other_before_anybody_looked(market: Market) -> None:
    market.trade(executed_at=BEFORE)
    announce(market.tenant, split(2, 1))
    announce(market.tenant, split(3, 1, reference="S-2", ex_date=EX + timedelta(days=1)))
    announce(market.tenant, dividend(ex_date=EX + timedelta(days=2)))
    assert services.apply_actions(NOW) == 3
    settle_down()
    assert position(market)[:2] == (600, 5000)
    assert balances(market)["CASH:UNSETTLED", "USD"] == -5000 + 600 * D("0.35")
    everything_agrees(market.tenant)


@pytest.mark.parametrize("ahead", [FOLDER, HANDLER, "settlement.open_settlements"])
def test_a_handler_that_lags_makes_no_false_break(market: Market, ahead: str) -> None:
    market.trade(executed_at=BEFORE)
    settle_down()
    drive()
    announce(market.tenant, split())
    assert services.apply_actions(NOW) == 1
    for partition in range(PARTITIONS):
        drain(ahead, "trade", partition)
    everything_agrees(market.tenant)
    settle_down()
    everything_agrees(market.tenant)


def test_what_was_open_goes_back_in_new_units(market: Market, house: ClearingHouse) -> None:
    """A return that is under way when the split comes."""
    trade = market.trade(executed_at=BEFORE)
    settle_down()
    drive()
    hear(market, house.confirm(settlement_of(trade).instruction_id))
    asked = Revision(trade=str(trade), reason="wrong client", key="k")
    services.cancel_trade(market.tenant.pk, "key:test", asked, now=NOW)
    settle_down()
    drive()
    apply(market.tenant, split())
    everything_agrees(market.tenant)
    hear(market, house.confirm(settlement_of(trade, kind="return").instruction_id))
    assert settled_units(market) == 0
    assert ("SEC:UNSETTLED", "XYZ") not in balances(market)
    everything_agrees(market.tenant)


def test_a_dividend_is_owed_at_the_ex_date_and_paid_on_its_day(market: Market) -> None:
    open_account(market.tenant.pk, "ACC-2")
    market.trade(executed_at=BEFORE, quantity="101")
    book(market.tenant.pk, ask(account="ACC-2", side="sell", quantity="7", executed_at=BEFORE))
    settle_down()
    row = apply(market.tenant, dividend("0.333"))
    assert position(market)[:2] == (101, 5050)
    owed = dict(sql(
        "SELECT a.owner_number, sum(p.amount) FROM ledger_posting p JOIN ledger_journalentry e"
        " ON e.id = p.entry_id JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id"
        " WHERE e.kind = 'CORPORATE_ACTION' AND a.owner IS NOT NULL GROUP BY 1"
    ))  # fmt: skip
    assert owed == {"ACC-1": D("33.63"), "ACC-2": D("-2.33")}  # in cents; who is short pays
    assert ("NOSTRO", "USD") not in balances(market)
    everything_agrees(market.tenant)

    assert services.apply_actions(NOW) == 0
    assert services.apply_actions(NOW + timedelta(days=21)) == 1
    settle_down()
    row.refresh_from_db()
    assert (row.state, balances(market)["NOSTRO", "USD"]) == ("paid", D("-31.30"))
    assert balances(market)["CASH:SETTLED", "USD"] == D("31.30")
    everything_agrees(market.tenant)
    assert replay(HANDLER).differences == {"entries": [], "legs": []}
    # Whoever bought it on the ex-date or later was owed nothing, and is paid nothing.
    market.trade(quantity="50")
    settle_down()
    everything_agrees(market.tenant)


def test_trades_are_on_their_side_of_the_ex_date(market: Market) -> None:
    old = market.trade(executed_at=BEFORE)
    announce(market.tenant, split())
    (waits,) = book(market.tenant.pk, ask())
    assert codes(waits) == [("instrument", "corporate_action_pending")]
    market.trade(executed_at=BEFORE)  # is before it, and may still come
    assert services.apply_actions(NOW) == 1
    (late,) = book(market.tenant.pk, ask(executed_at=BEFORE))
    assert codes(late) == [("trade_date", "before_corporate_action")]
    (neither,) = book(market.tenant.pk, ask(executed_at=BEFORE, trade_date=TODAY.isoformat()))
    assert codes(neither) == [("executed_at", "before_corporate_action")]
    market.trade(price="25")
    for call, terms in ((services.cancel_trade, {}), (services.amend_trade, {"price": D(49)})):
        asked = Revision(trade=str(old), reason="x", key=f"k{len(terms)}", **terms)
        with pytest.raises(BeforeCorporateAction):
            call(market.tenant.pk, "key:test", asked, now=NOW)
    settle_down()
    assert position(market)[0] == 500
    everything_agrees(market.tenant)


def test_trades_and_the_split_at_once(market: Market) -> None:
    """Whatever gets in before it is split, and whatever comes after it is not."""
    market.trade(executed_at=BEFORE)
    announce(market.tenant, split())
    done: list[bool] = []

    def trade(_: int) -> None:
        (outcome,) = book(market.tenant.pk, ask(executed_at=BEFORE, quantity="1", price="50"))
        done.append(outcome.trade is not None)

    calls: list[Callable[[], object]] = [partial(trade, number) for number in range(8)]
    errors = at_once([*calls[:4], partial(services.apply_actions, NOW), *calls[4:]])
    assert errors == [None] * 9
    settle_down()
    assert position(market)[0] == 200 + 2 * sum(done)
    everything_agrees(market.tenant)


def test_two_clocks_apply_it_once(market: Market) -> None:
    market.trade(executed_at=BEFORE)
    announce(market.tenant, split())
    assert at_once([partial(services.apply_actions, NOW)] * 4) == [None] * 4
    settle_down()
    assert position(market)[0] == 200
    assert sql("SELECT count(*) FROM events_event WHERE name = 'trading.split.applied'") == [(1,)]


def test_as_of_before_it_is_in_old_units(market: Market) -> None:
    market.trade(executed_at=BEFORE)
    settle_down()
    known = timezone.now()
    row = apply(market.tenant, split())
    instant = timedelta(microseconds=1)

    def quantity(**times: datetime) -> Decimal:
        return selectors.position_as_of(market.tenant.pk, "ACC-1", "XYZ", **times).stored.quantity

    assert quantity(effective=row.effective_at - instant) == 100
    assert quantity(effective=row.effective_at) == 200
    assert quantity(known=known) == 100
    assert quantity(effective=row.effective_at, known=known) == 100
    assert row.effective_at == datetime(EX.year, EX.month, EX.day, tzinfo=UTC) + timedelta(
        hours=row.effective_at.hour
    )


IMPOSSIBLE = [
    (split(kind="spin_off"), ("kind", "unsupported_action")),
    (split(2, 2), ("new_units", "no_change")),
    (split(0, 1), ("new_units", "not_whole")),
    (split(new_units=None), ("new_units", "not_whole")),
    (split(new_units=D("NaN")), ("new_units", "not_whole")),
    (split(amount=D(1)), ("amount", "not_wanted")),
    (split(pay_date=EX), ("pay_date", "not_wanted")),
    (split(cash_in_lieu_price=D(0)), ("cash_in_lieu_price", "out_of_range")),
    (split(cash_in_lieu_price=D(1), pay_date=EX - timedelta(days=1)), ("pay_date", "too_early")),
    (dividend(cash_in_lieu_price=D(1)), ("cash_in_lieu_price", "not_wanted")),
    (dividend("0"), ("amount", "out_of_range")),
    (dividend(pay_date=None), ("pay_date", "too_early")),
    (dividend(pay_date=EX - timedelta(days=1)), ("pay_date", "too_early")),
    (dividend(old_units=D(1)), ("old_units", "not_wanted")),
    (dividend(currency="dollars"), ("currency", "invalid_currency")),
    (split(instrument="FUT"), ("instrument", "has_no_actions")),
    (split(reference="a\x00"), ("reference", "invalid_text")),
]


def test_what_cannot_be_applied_is_refused(market: Market) -> None:
    list_instrument(market.tenant.pk, "FUT", kind="future")
    for terms, expected in IMPOSSIBLE:
        with pytest.raises(ActionRefused) as caught:
            announce(market.tenant, terms)
        assert expected in faults(caught.value)
    assert not CorporateAction.objects.exists()


def test_what_stands_against_a_day(market: Market, other: Tenant) -> None:
    traded = selectors.find_trade(market.tenant.pk, str(market.trade())).trade_date
    for terms in (split(), split(ex_date=traded)):
        with pytest.raises(ActionRefused) as caught:
            announce(market.tenant, terms)
        assert ("ex_date", "traded_since") in faults(caught.value)
    later = split(ex_date=TODAY + timedelta(days=5))
    first = announce(market.tenant, later)
    assert announce(market.tenant, later).pk == first.pk
    with pytest.raises(ActionDiffers) as differs:
        announce(market.tenant, split(3, ex_date=TODAY + timedelta(days=5)))
    assert faults(differs.value) == {("new_units", "differs")}
    with pytest.raises(ActionRefused) as caught:
        announce(market.tenant, dividend(ex_date=TODAY + timedelta(days=5)))
    assert ("ex_date", "taken") in faults(caught.value)
    with pytest.raises(UnknownAction):
        services.withdraw_action(other.pk, first.pk, by="x", reason="not mine")
    with pytest.raises(UnknownInstrument):
        announce(other, later)
    services.withdraw_action(market.tenant.pk, first.pk, by="user:1", reason="called off")
    with pytest.raises(ActionIsApplied):
        services.withdraw_action(market.tenant.pk, first.pk, by="user:1", reason="again")
    assert services.apply_actions(NOW + timedelta(days=9)) == 0
    assert selectors.find_instrument(market.tenant.pk, "XYZ").action_on is None


def test_another_tenants_instrument_of_that_name_is_not_split(
    market: Market, other: Tenant
) -> None:
    open_account(other.pk)
    list_instrument(other.pk)
    market.trade(executed_at=BEFORE)
    book(other.pk, ask(executed_at=BEFORE))
    settle_down()
    apply(market.tenant, split())
    rows = dict(sql("SELECT tenant_id, quantity FROM trading_position"))
    assert rows == {market.tenant.pk: 200, other.pk: 100}
    everything_agrees(other)


def lieu(new: int, old: int, price: str, **given: Any) -> ActionTerms:
    given = {"pay_date": TODAY + timedelta(days=20), **given}
    return split(new, old, cash_in_lieu_price=D(price), **given)


# Published examples of what a holder is left with, by hand: shares bought for how much, the ratio, the
# price of a new share; then shares, cash, cost and profit that are left.
KNOWN = {
    # thefinancebase.com, reverse splits: 100 at 15, 1 for 3, paid 25.00 for a third of a share
    "100 at 15.00, 1 for 3": ("100", "15", 1, 3, "75", 33, "25.00", "1485", "10"),
    # a holder of 227 for 5,000, 1 for 3: 75 2/3 shares; two thirds of one cost 2/227 of it
    "227 for 5,000.00, 1 for 3": (
        "227", "22.026431718061674009", 1, 3, "90", 75, "60.00", "4955.947136563877", "15.947136563877",
    ),
    # Chesapeake Energy, April 2020, 1 for 200: 100 for 551, half a share paid 7.36, none left
    "100 for 551.00, 1 for 200": ("100", "5.51", 1, 200, "14.72", 0, "7.36", "0", "-543.64"),
    # 2 for 3 of 100: 66 2/3; two thirds of a new share are one old one
    "100 at 15.00, 2 for 3": ("100", "15", 2, 3, "24", 66, "16.00", "1485", "1"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "side"), [*((name, "buy") for name in KNOWN), ("227 for 5,000.00, 1 for 3", "sell")]
)
def test_fractions_are_paid_as_in_known_examples(
    market: Market, house: ClearingHouse, name: str, side: str
) -> None:
    quantity, price, new, old, paid_at, units, *amounts = KNOWN[name]
    sign = 1 if side == "buy" else -1
    cash, cost, profit = (sign * D(one) for one in amounts)
    set_lot(market)
    trade = market.trade(side=side, quantity=quantity, price=price, executed_at=BEFORE)
    settle_down()
    drive()
    row = apply(market.tenant, lieu(new, old, paid_at))
    assert position(market) == (sign * units, cost, profit)
    owed = cash_of_actions("CASH:UNSETTLED")
    assert (row.state, services.apply_actions(NOW), owed) == ("applied", 0, cash)
    everything_agrees(market.tenant)

    assert services.apply_actions(NOW + timedelta(days=21)) == 1
    settle_down()
    row.refresh_from_db()
    assert (row.state, cash_of_actions("CASH:UNSETTLED")) == ("paid", 0)
    assert cash_of_actions("CASH:SETTLED") == cash
    hear(market, house.confirm(settlement_of(trade).instruction_id))
    assert settled_units(market) == sign * units
    assert balances(market).get(("DEPOT:SEC", "XYZ"), 0) == -sign * units
    everything_agrees(market.tenant)


def set_lot(market: Market, size: int = 1) -> None:
    services.change_instrument(market.tenant.pk, "XYZ", {"lot_size": D(size)})


def cash_of_actions(code: str) -> Decimal:
    """What corporate actions did to clients' cash."""
    ((found,),) = sql(
        "SELECT coalesce(sum(p.amount), 0) FROM ledger_posting p JOIN ledger_journalentry e"
        " ON e.id = p.entry_id JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id"
        " WHERE e.kind = 'CORPORATE_ACTION' AND a.code = %s",
        [code],
    )
    return found


def test_first_in_is_what_a_fraction_is_sold_of(tenant: Tenant, instrument_: Instrument) -> None:
    """50 at 10 and 50 at 40, 1 for 3: a third is one old unit of the first lot, which cost 10."""
    account = open_account(tenant.pk, cost_method="fifo")
    services.change_instrument(tenant.pk, "XYZ", {"lot_size": D(1)})
    book(tenant.pk, *(ask(quantity="50", price=p, executed_at=BEFORE) for p in ("10", "40")))
    settle_down()
    apply(tenant, lieu(1, 3, "90"))
    assert held(account)["XYZ"][:3] == (33, 2490, 20)
    ((lots,),) = sql("SELECT lots FROM trading_position")
    sizes = [(D(one[0]).quantize(D("1e-15")), D(one[1])) for one in json.loads(lots)]
    assert sizes == [(D("16.333333333333333"), 490), (D("16.666666666666667"), 2000)]
    book(tenant.pk, ask(side="sell", quantity="33", price="90"))
    settle_down()
    assert held(account)["XYZ"][:3] == (0, 0, 33 * 90 + 30 - 2500)
    everything_agrees(tenant)


def test_what_is_open_settles_in_whole_units_that_add_up(
    market: Market, house: ClearingHouse
) -> None:
    """Settled, half settled, bought, sold, and on its way back, when 2 for 3 comes."""
    set_lot(market)
    whole = market.trade(executed_at=BEFORE, quantity="102")
    part = market.trade(executed_at=BEFORE, quantity="40")
    sold = market.trade(executed_at=BEFORE, quantity="31", side="sell")
    wrong = market.trade(executed_at=BEFORE, quantity="11")
    small = market.trade(executed_at=BEFORE, quantity="1")
    settle_down()
    drive()
    orders = {one: settlement_of(one).instruction_id for one in (whole, part, sold, wrong, small)}
    confirmed = house.confirm(orders[whole]), house.confirm(orders[part], "10")
    hear(market, *confirmed, house.confirm(orders[wrong]))
    asked = Revision(trade=str(wrong), reason="wrong client", key="k")
    services.cancel_trade(market.tenant.pk, "key:test", asked, now=NOW)
    settle_down()
    drive()
    back = settlement_of(wrong, kind="return").instruction_id
    hear(market, house.confirm(back, "3"))
    apply(market.tenant, lieu(2, 3, "30"))
    assert position(market)[0] == 74  # of 112: 102 + 40 - 31 + 1; each by itself would be 75
    everything_agrees(market.tenant)
    hear(market, house.confirm(orders[part], "7"))
    everything_agrees(market.tenant)
    hear(market, house.confirm(orders[part], "23"), house.confirm(orders[sold]))
    hear(market, house.confirm(back, "8"))
    hear(market, house.confirm(orders[small]))
    assert settled_units(market) == 74
    assert ("SEC:UNSETTLED", "XYZ") not in balances(market)
    assert sql("SELECT count(*) FROM settlement_settlement WHERE done_units % 1 <> 0") == [(0,)]
    everything_agrees(market.tenant)
    for handler in (FOLDER, HANDLER, "settlement.open_settlements"):
        assert replay(handler).ok, handler


def test_a_fraction_without_a_price_stops_the_split_until_one_is_stated(market: Market) -> None:
    list_instrument(market.tenant.pk, "ABC")
    list_instrument(market.tenant.pk, "DEF", lot_size=D(1))
    market.trade(executed_at=BEFORE, quantity="0.000000000000000001", price="1000000")
    settle_down()
    with pytest.raises(ActionRefused) as caught:
        announce(market.tenant, split(1, 2))
    assert faults(caught.value) == {("cash_in_lieu_price", "required")}
    stuck = announce(market.tenant, split(1, 2, instrument="DEF"))
    announce(market.tenant, split(3, 2, reference="S-2", instrument="ABC"))
    book(market.tenant.pk, ask(instrument="DEF", executed_at=BEFORE, quantity="3"))
    assert services.apply_actions(NOW) == 1  # it stands in nobody else's way
    stuck.refresh_from_db()
    assert "have yet to take 1 facts" in stuck.problem
    settle_down()
    assert services.apply_actions(NOW) == 0
    stuck.refresh_from_db()
    assert (stuck.state, "State the price" in stuck.problem) == ("announced", True)

    price_of(market, stuck, "7")
    assert services.apply_actions(NOW) == 0
    stuck.refresh_from_db()
    assert "A second person has to confirm the price 7" in stuck.problem
    confirm(market, stuck, "7")
    assert services.apply_actions(NOW) == 2  # applied, and paid
    settle_down()
    assert held(market.account)["DEF"][0] == 1
    everything_agrees(market.tenant)


def price_of(market: Market, row: CorporateAction, price: str, **given: Any) -> CorporateAction:
    said = {"price": D(price), "by": "user:1", **given}
    return services.price_fractions(market.tenant.pk, row.pk, **said)


def confirm(market: Market, row: CorporateAction, price: str, **given: Any) -> CorporateAction:
    said = {"price": D(price), "by": "user:2", **given}
    return services.confirm_price(market.tenant.pk, row.pk, **said)


def test_the_price_of_fractions_takes_two_people(market: Market) -> None:
    row, _ = services.announce_action(
        market.tenant.pk, lieu(1, 3, "70", ex_date=TODAY + timedelta(days=3)), by="user:1"
    )
    assert (row.cash_in_lieu_price, row.currency, row.pay_date) == (None, "", None)
    with pytest.raises(ActionRefused):
        price_of(market, row, "0")
    assert price_of(market, row, "7", by="user:2").stated_price.proposed_by == "user:2"  # a slip
    for by, error in (("user:2", SecondPersonNeeded), ("user:1", ActionDiffers)):
        with pytest.raises(error):
            confirm(market, row, "7" if by == "user:2" else "70", by=by)
    services.withdraw_price(market.tenant.pk, row.pk, by="user:1", reason="not what was told")
    with pytest.raises(NoPriceStated):
        confirm(market, row, "7", by="user:1")
    given = {"pay_date": TODAY + timedelta(days=4)}
    price_of(market, row, "7.5", **given)
    price_of(market, row, "7.5", by="user:3", **given)  # changes nothing, and is no confirmation
    with pytest.raises(ActionDiffers):
        confirm(market, row, "7.5", pay_date=TODAY + timedelta(days=5))
    row = confirm(market, row, "7.5", **given)
    assert (row.cash_in_lieu_price, row.currency, row.pay_date) == (
        D("7.5"),
        "USD",
        given["pay_date"],
    )
    confirm(market, row, "7.5")
    for call in (price_of, confirm):
        with pytest.raises(ActionDiffers):
            call(market, row, "8")
    with pytest.raises(NoPriceStated):
        services.withdraw_price(market.tenant.pk, row.pk, by="user:2", reason="too late")
    same = lieu(1, 3, "70", ex_date=TODAY + timedelta(days=3))
    assert services.announce_action(market.tenant.pk, same, by="user:1") == (row, False)
    states = list(row.prices.order_by("proposed_at").values_list("state", "price", "reason"))
    assert states == [
        ("withdrawn", 70, "Another price was stated."), ("withdrawn", 7, "not what was told"),
        ("confirmed", D("7.5"), ""),
    ]  # fmt: skip
    told = sql("SELECT data ->> 'state' FROM events_event WHERE name = 'trading.cash_in_lieu.priced'"
               ' ORDER BY "offset"')  # fmt: skip
    assert [one for (one,) in told] == [
        "proposed", "withdrawn", "proposed", "withdrawn", "proposed", "confirmed",
    ]  # fmt: skip


def test_an_unconfirmed_price_ends_with_its_split(market: Market) -> None:
    """Where nobody is left a fraction nothing waits for a second person; neither where it is called off."""
    market.trade(executed_at=BEFORE, quantity="30")
    settle_down()
    set_lot(market)
    whole, _ = services.announce_action(market.tenant.pk, lieu(1, 3, "70"), by="user:1")
    off, _ = services.announce_action(
        market.tenant.pk, lieu(1, 7, "70", reference="S-2", ex_date=TODAY), by="user:1"
    )
    services.withdraw_action(market.tenant.pk, off.pk, by="user:1", reason="called off")
    assert services.apply_actions(NOW) == 1
    settle_down()
    assert position(market)[0] == 10
    assert [row.stated_price.state for row in (whole, off)] == ["withdrawn"] * 2
    with pytest.raises(ActionIsApplied):
        confirm(market, whole, "70")
    everything_agrees(market.tenant)


def test_as_of_goes_across_a_split_with_fractions(tenant: Tenant, instrument_: Instrument) -> None:
    """Snapshots, the past and a late fill behind the split fold it as it was."""
    account = open_account(tenant.pk, cost_method="fifo")
    services.change_instrument(tenant.pk, "XYZ", {"lot_size": D(1)})
    services.take_snapshot(NOW - timedelta(hours=2))
    for quantity in ("50", "51"):
        book(tenant.pk, ask(quantity=quantity, price="30", executed_at=BEFORE))
    settle_down()
    services.take_snapshot(NOW - timedelta(hours=1))
    row = apply(tenant, lieu(2, 3, "45"))
    book(tenant.pk, ask(quantity="10", price="46"))
    (early,) = book(tenant.pk, ask(quantity="5", price="44", executed_at=later_on_the_ex_date(row)))
    settle_down()
    assert services.take_snapshot(NOW).faults == []
    assert early.trade is not None
    asked = Revision(trade=str(early.trade.id), reason="wrong", key="k", quantity=D(6))
    services.amend_trade(tenant.pk, "key:test", asked, now=NOW)
    settle_down()

    def at(effective: datetime) -> tuple[Decimal, ...]:
        found = selectors.position_as_of(tenant.pk, "ACC-1", "XYZ", effective=effective).stored
        return found.quantity, found.cost, found.realised_pnl

    instant = timedelta(microseconds=1)
    assert at(row.effective_at - instant) == (101, 3030, 0)
    assert at(row.effective_at) == (67, 3015, 0)  # a third of a unit for 15.00, which it had cost
    assert at(later_on_the_ex_date(row, as_time=True))[0] == 73
    assert held(account)["XYZ"][:2] == (83, 3015 + 6 * 44 + 460)
    everything_agrees(tenant)
    assert replay(FOLDER).ok


def later_on_the_ex_date(row: CorporateAction, *, as_time: bool = False) -> Any:
    found = row.effective_at + timedelta(hours=15)
    return found if as_time else found.isoformat()


def test_reports_are_in_the_units_and_prices_of_their_time(market: Market, api: APIClient) -> None:
    market.trade(executed_at=BEFORE)
    settle_down()
    services.record_prices(
        market.tenant.pk, [PriceUpdate("XYZ", D(60), NOW - timedelta(days=5))], now=NOW
    )
    known = timezone.now()
    row = apply(market.tenant, split())

    def unrealised(**times: datetime) -> tuple[str, str]:
        asked = {name: at.isoformat() for name, at in times.items()}
        (profit,) = api.get("/api/v1/reports/profit", asked | {"by": "position"}).json()["results"]
        (exposed,) = api.get("/api/v1/reports/exposure", asked).json()["results"]
        return profit["unrealised"], exposed["long"]

    instant = timedelta(microseconds=1)
    times: list[dict[str, datetime]] = [
        {}, {"as_of": row.effective_at}, {"as_of": row.effective_at - instant},
        {"known_at": known}, {"as_of": NOW, "known_at": known},
    ]  # fmt: skip
    for one in times:
        assert unrealised(**one) == ("1000", "6000"), one
    services.record_prices(market.tenant.pk, [PriceUpdate("XYZ", D(28))], now=timezone.now())
    assert unrealised() == ("600", "5600")
    for one in times[1:]:
        assert unrealised(**one) == ("1000", "6000"), one


def test_a_price_of_the_ex_date_is_in_new_units_already(market: Market) -> None:
    """Announced late: the market quoted new units since the ex-date."""
    market.trade(executed_at=BEFORE)
    services.record_prices(market.tenant.pk, [PriceUpdate("XYZ", D(25), NOW)], now=NOW)
    apply(market.tenant, split())
    assert selectors.find_instrument(market.tenant.pk, "XYZ").last_price == 25


def test_a_price_of_before_a_split_is_no_news_behind_it(market: Market) -> None:
    """Though it is the first that anybody tells."""
    market.trade(executed_at=BEFORE)
    apply(market.tenant, split())
    early, late = (NOW - timedelta(days=ago) for ago in (5, 1))
    for price, at, news in ((50, early, 0), (26, late, 1), (50, early, 0)):
        told = [PriceUpdate("XYZ", D(price), at)]
        assert services.record_prices(market.tenant.pk, told, now=NOW) == news
    assert selectors.find_instrument(market.tenant.pk, "XYZ").last_price == 26


def test_what_was_answered_before_a_split_is_answered_so_again(market: Market) -> None:
    trade = market.trade(executed_at=BEFORE)
    gone = market.trade(executed_at=BEFORE)
    amended = Revision(trade=str(trade), reason="wrong", key="a", quantity=D(90))
    cancelled = Revision(trade=str(gone), reason="wrong", key="c")
    services.amend_trade(market.tenant.pk, "key:test", amended, now=NOW)
    services.cancel_trade(market.tenant.pk, "key:test", cancelled, now=NOW)
    apply(market.tenant, split())
    assert services.amend_trade(market.tenant.pk, "key:test", amended, now=NOW).replayed
    assert services.cancel_trade(market.tenant.pk, "key:test", cancelled, now=NOW).replayed
    assert position(market)[0] == 180
    after = market.trade(price="25")
    for key, call in (("x", services.amend_trade), ("y", services.cancel_trade)):
        terms = {"quantity": D(50)} if key == "x" else {}
        asked = Revision(trade=str(after), reason="wrong", key=key, **terms)
        call(market.tenant.pk, "key:test", asked, now=timezone.now())
    settle_down()
    assert position(market)[:2] == (180, 4500)
    everything_agrees(market.tenant)


COPY = """
INSERT INTO trading_positionchange SELECT (jsonb_populate_record(
    c, '{"offset": 99, "place": 99, "version": 99, "split_factor": null}')).*
FROM trading_positionchange c WHERE kind = 'split'
"""


def test_the_database_keeps_what_was_announced_and_applied(market: Market) -> None:
    market.trade(executed_at=BEFORE)
    settle_down()
    apply(market.tenant, split())
    for rule, statement in (
        ("action_keeps_its_terms", "UPDATE trading_corporateaction SET new_units = 3"),
        (
            "action_is_applied_once",
            "UPDATE trading_corporateaction SET state = 'announced', applied_at = NULL",
        ),
        ("action_stays_on_record", "DELETE FROM trading_corporateaction"),
        ("record_is_append_only", "DELETE FROM settlement_unitsplit"),
        ("splits_and_only_they_have_a_factor", COPY),
    ):
        with refused(rule), transaction.atomic():
            sql(statement)


STATED = """
INSERT INTO trading_cashinlieuprice (id, tenant_id, action_id, price, pay_date, state, proposed_by,
    proposed_at, decided_by, decided_at, reason)
SELECT gen_random_uuid(), tenant_id, id, 5, ex_date, 'confirmed', 'user:1', now(), 'user:2', now(), ''
FROM trading_corporateaction
"""
CONFIRMED = (
    "UPDATE trading_cashinlieuprice SET state = 'confirmed', decided_at = now(), decided_by = "
)
PRICED = """
UPDATE trading_corporateaction
SET cash_in_lieu_price = 70, currency = 'USD', pay_date = ex_date, pay_at = now()
"""
ALONE = """
INSERT INTO trading_corporateaction SELECT (jsonb_populate_record(a, jsonb_build_object(
    'id', gen_random_uuid(), 'reference', 'S-2', 'ex_date', a.ex_date + 1, 'cash_in_lieu_price', 70,
    'currency', 'USD', 'pay_date', a.ex_date + 1, 'pay_at', now()))).* FROM trading_corporateaction a
"""


def test_the_database_takes_two_people_for_a_price(market: Market) -> None:
    row, _ = services.announce_action(market.tenant.pk, lieu(1, 3, "70"), by="user:1")
    for rule, statement in (
        ("two_people_price_fractions", PRICED),
        ("two_people_price_fractions", ALONE),
        ("two_people_price_fractions", CONFIRMED + "'user:1'"),
        ("price_begins_as_a_proposal", STATED),
        ("price_stays_as_stated", "UPDATE trading_cashinlieuprice SET price = 71"),
        ("price_stays_as_stated", "DELETE FROM trading_cashinlieuprice"),
        ("split_has_one_price_of_fractions", STATED.replace("confirmed", "proposed")
            .replace("'user:2', now()", "NULL, NULL")),
    ):  # fmt: skip
        with refused(rule), transaction.atomic():
            sql(statement)
    confirm(market, row, "70")
    for rule, statement in (
        ("action_keeps_its_terms", PRICED.replace("70", "71")),
        ("price_stays_as_stated", "UPDATE trading_cashinlieuprice SET state = 'withdrawn'"),
    ):
        with refused(rule), transaction.atomic():
            sql(statement)


def body(**changes: Any) -> dict[str, Any]:
    return {
        "reference": "S-1", "instrument": "XYZ", "kind": "split", "ex_date": EX.isoformat(),
        "new_units": "2", "old_units": "1",
    } | changes  # fmt: skip


def test_over_http(market: Market, other: Tenant, client_of: Any) -> None:
    api: APIClient = client_of(market.tenant, role="operations")
    made = api.post(ADDRESS, body(), format="json")
    assert (made.status_code, made.json()["state"]) == (201, "announced")
    assert api.post(ADDRESS, body(), format="json").status_code == 200
    here = f"{ADDRESS}/{made.json()['id']}"
    assert client_of(other).get(here).status_code == 404
    assert client_of(market.tenant, role="trader").post(ADDRESS, body()).status_code == 403
    listed = api.get(ADDRESS, {"instrument": "XYZ", "state": "announced"}).json()["results"]
    assert [one["id"] for one in listed] == [made.json()["id"]]
    priced = api.post(f"{here}/cash-in-lieu", {"price": "7.26"}, format="json")
    assert (priced.status_code, priced.json()["cash_in_lieu_price"]) == (200, None)
    assert priced.json()["cash_in_lieu"]["state"] == "proposed"
    assert api.post(f"{here}/cash-in-lieu", {"price": 7.25}, format="json").status_code == 400
    wrong = api.post(f"{here}/cash-in-lieu/withdrawal", {"reason": "a slip"}, format="json")
    assert wrong.json()["cash_in_lieu"]["reason"] == "a slip"
    api.post(f"{here}/cash-in-lieu", {"price": "7.25"}, format="json")
    alone = api.post(f"{here}/cash-in-lieu/confirmation", {"price": "7.25"}, format="json")
    assert (alone.status_code, alone.json()["code"]) == (403, "second_person_needed")
    second: APIClient = client_of(market.tenant, role="operations")
    assert second.post(f"{here}/cash-in-lieu/confirmation", {}, format="json").status_code == 400
    done = second.post(f"{here}/cash-in-lieu/confirmation", {"price": "7.25"}, format="json").json()
    assert (done["cash_in_lieu_price"], done["pay_date"]) == ("7.25", EX.isoformat())
    assert done["cash_in_lieu"]["decided_by"] != done["cash_in_lieu"]["proposed_by"]
    assert api.post(f"{here}/cash-in-lieu", {"price": "7.26"}, format="json").status_code == 409
    gone = api.post(f"{here}/withdrawal", {"reason": "called off"}, format="json")
    assert (gone.status_code, gone.json()["state"]) == (200, "withdrawn")
    assert api.post(f"{here}/withdrawal", {"reason": "x"}, format="json").status_code == 409


MALFORMED: list[dict[str, Any]] = [
        {"kind": "rights_issue"}, {"new_units": 1.5}, {"new_units": "two"}, {"ex_date": "soon"},
        {"instrument": "a\x00"}, {"surprise": 1}, {"reference": ""}, {"cash_in_lieu_price": "-3"},
        {"ex_date": date(1, 1, 1).isoformat(), "old_units": None},
    ]  # fmt: skip


def test_what_is_not_well_formed_is_refused(market: Market, client_of: Any) -> None:
    api = client_of(market.tenant)
    for wrong in MALFORMED:
        answer = api.post(ADDRESS, body(**wrong), format="json")
        assert 400 <= answer.status_code < 500, wrong
        assert answer["content-type"] == "application/problem+json"


def test_in_the_back_office(market: Market, client: Client) -> None:
    client.force_login(User.objects.create_superuser("boss", password="x"))
    form = {
        "tenant": market.tenant.pk, "reference": "S-9", "instrument": str(market.instrument.pk),
        "kind": "split", "ex_date": EX.isoformat(), "new_units": "1", "old_units": "3",
        "amount": "", "currency": "", "pay_date": "", "cash_in_lieu_price": "-1",
    }  # fmt: skip
    add = reverse("admin:trading_corporateaction_add")
    assert client.get(add).status_code == 200
    assert "Per new unit, above 0" in client.post(add, form).content.decode()
    assert client.post(add, form | {"cash_in_lieu_price": "12.5"}).status_code == 302
    row = CorporateAction.objects.get()
    page = client.get(reverse("admin:trading_corporateaction_change", args=[row.pk]))
    assert "S-9" in page.content.decode()
    second = Client()
    second.force_login(User.objects.create_superuser("bob", password="x"))

    def act(desk: Client, action: str, **given: str) -> CorporateAction:
        form = {"action": action, "_selected_action": [str(row.pk)], **given}
        desk.post(reverse("admin:trading_corporateaction_changelist"), form)
        row.refresh_from_db()
        return row

    assert act(client, "state_price", price="13").cash_in_lieu_price is None
    for given in ({}, {"price": "12.5"}, {"price": "x"}, {"price": "13", "pay_date": "never"}):
        assert act(second, "confirm_price", **given).cash_in_lieu_price is None
    assert act(client, "confirm_price", price="13").cash_in_lieu_price is None
    act(second, "withdraw_price", reason="12.6 is right")
    act(second, "state_price", price="12.6", pay_date=TODAY.isoformat())
    assert act(client, "confirm_price", price="12.6").cash_in_lieu_price == D("12.6")
    page = client.get(reverse("admin:trading_corporateaction_change", args=[row.pk]))
    assert "12.6 is right" in page.content.decode()
    assert act(client, "withdraw").state == "withdrawn"
