"""`verify` finds nothing where all is well, whatever is under way, and names what is not."""

from rest_framework.test import APIClient

from apps.settlement.clearing.protocol import NoticeKind, Outcome
from apps.settlement.invariants import INVARIANTS
from apps.settlement.models import Settlement
from tests.ledger.cast import guards_off, sql
from tests.settlement.cast import Market, drive, hear, settle_down, settlements_of
from tests.settlement.clearing import ClearingHouse
from tests.settlement.test_people import cancel

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
