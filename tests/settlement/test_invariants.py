"""`verify` finds nothing where all is well, whatever is under way, and names what is not."""

import pytest
from rest_framework.test import APIClient

from apps.events.contracts import partition_of
from apps.events.services import drain
from apps.settlement.clearing.protocol import NoticeKind, Outcome
from apps.settlement.invariants import (
    INVARIANTS,
    READERS,
    open_legs_equal_open_settlements,
    returns_undo_settlements,
)
from apps.settlement.models import Settlement
from tests.ledger.cast import guards_off, sql
from tests.settlement.cast import (
    Market,
    drive,
    hear,
    settle_down,
    settlement_of,
    settlements_of,
)
from tests.settlement.clearing import ClearingHouse
from tests.settlement.test_people import amend, cancel

FEES = (("commission", "5.00"), ("exchange", "0.25"))


def broken() -> dict[str, list[str]]:
    found = [check(None) for check in INVARIANTS]
    return {one.name: list(one.failures) for one in found if not one.ok}


def test_nothing_is_wrong_whatever_is_under_way(
    market: Market, house: ClearingHouse, api: APIClient
) -> None:
    house.says.extend([Outcome.REJECTED, Outcome.UNKNOWN])
    trades = market.trades(8, fees=FEES, quantity="7", price="33.33")
    trades += market.trades(2, side="sell", fees=FEES)
    settle_down()
    drive()
    found = [one for one in settlements_of(trades) if one.state == "instructed"]
    hear(
        market,
        house.confirm(found[0].instruction_id),
        house.confirm(found[1].instruction_id, "3"),
        house.confirm(found[2].instruction_id, "3"),
        house.tell(found[3].instruction_id, NoticeKind.FAILING, code="LACK"),
    )
    cancel(api, found[0].trade_id)
    cancel(api, found[2].trade_id)
    settle_down()
    assert broken() == {}
    drive()
    returns = Settlement.objects.filter(kind="return", state="instructed")
    hear(market, *(house.confirm(one.instruction_id) for one in returns))
    assert Settlement.objects.filter(kind="return", state="settled").count() == 2
    assert broken() == {}


@pytest.mark.parametrize("ahead", READERS)
def test_open_legs_are_compared_at_one_cut(
    market: Market, house: ClearingHouse, api: APIClient, ahead: str
) -> None:
    """One of the two has read on: an opening, a cancellation, an amendment more than the other."""
    first, second, *_ = market.trades(4, fees=FEES)
    settle_down()
    drive()
    hear(market, house.confirm(settlement_of(first).instruction_id, "60"))
    cancel(api, first)
    amend(api, second)
    market.trades(2, fees=FEES, side="sell")
    assert broken() == {}
    drain(ahead, "trade", partition_of(str(market.account.pk)))
    assert broken() == {}
    assert open_legs_equal_open_settlements(None).checked == 2

    with guards_off("settlement_settlement"):  # and it is no excuse for a difference
        sql("UPDATE settlement_settlement SET quantity = 101 WHERE trade_id = %s", [first])
    assert not open_legs_equal_open_settlements(None).ok


def test_what_a_person_has_just_undone_is_no_difference(
    market: Market, house: ClearingHouse, api: APIClient
) -> None:
    trade = market.trade(fees=FEES)
    settle_down()
    one = settlement_of(trade)
    answer = api.post(
        f"/api/v1/settlements/{one.pk}/compensation", {"reason": "by mistake"}, format="json"
    )
    assert answer.json()["state"] == "cancelled"
    assert broken() == {}  # nobody has read the cancellation yet
    settle_down()
    assert broken() == {}


def test_a_return_that_leaves_something_is_named(
    market: Market, house: ClearingHouse, api: APIClient
) -> None:
    trade = market.trade(fees=FEES)
    settle_down()
    drive()
    hear(market, house.confirm(settlement_of(trade).instruction_id))
    cancel(api, trade)
    settle_down()
    drive()
    back = settlement_of(trade, kind="return")
    hear(market, house.confirm(back.instruction_id))
    assert broken() == {}
    with guards_off("settlement_settlement"):
        sql("UPDATE settlement_settlement SET parts = 0 WHERE id = %s", [back.pk])
    found = returns_undo_settlements(market.tenant.pk)
    # Units and cash, of the client and of the house: settled, unsettled, depot and nostro.
    assert (found.checked, len(found.failures)) == (1, 8)


def test_what_is_wrong_is_named(market: Market, house: ClearingHouse) -> None:
    trades = market.trades(2)
    settle_down()
    drive()
    (first, second) = settlements_of(trades)
    hear(market, house.confirm(first.instruction_id))
    with guards_off("settlement_settlement"):
        sql("UPDATE settlement_settlement SET quantity = 90 WHERE id = %s", [second.pk])
        sql("UPDATE settlement_settlement SET parts = 2 WHERE id = %s", [first.pk])
    sql("UPDATE trading_settledholding SET quantity = quantity + 1")
    found = broken()
    assert [name.split("(")[1] for name in found] == ["I5)", "I10)", "I4)"]
    assert all(len(failures) == 1 for failures in found.values())
