"""Settlements are opened for what was traded: a batch with few statements, once a trade version."""

from datetime import UTC, date, datetime
from decimal import Decimal

from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.events.registry import Batch, Recorded
from apps.events.services import unit_of_work
from apps.events.services.replaying import replay
from apps.settlement.api.serializers import settlement_out
from apps.settlement.handlers import open_settlements
from apps.settlement.models import Settlement
from tests.ledger.cast import make_fee, make_trade, refused, sql
from tests.settlement.cast import Market, settle_down, settlement_of
from tests.trading.cast import list_instrument

FRIDAY = "2026-03-06T15:00:00Z"


def as_batch(market: Market, count: int, **terms: object) -> Batch:
    trades = [
        make_trade(account_id=market.account.pk, instrument_id=market.instrument.pk, **terms)
        for _ in range(count)
    ]
    recorded = [
        Recorded(
            trade, "trade", 1, number, trade.trade_id, market.tenant.pk, str(market.account.pk),
            "trading.trade.executed", 1, {}, trade.executed_at, trade.executed_at,
        )
        for number, trade in enumerate(trades, 1)
    ]  # fmt: skip
    return Batch("settlement.open_settlements", "trade", recorded)


def cash(found: Settlement) -> dict[str, Decimal]:
    return {currency: Decimal(amount) for currency, amount in found.client_cash.items()}


def test_a_trade_opens_its_settlement_with_its_date(market: Market) -> None:
    trade = market.trade(executed_at=FRIDAY, fees=(("commission", "5.00"), ("exchange", "0.25")))
    settle_down()
    found = settlement_of(trade)
    assert (found.state, found.movement, found.quantity) == ("awaiting_date", "receive", 100)
    assert (found.due_on, found.next_at) == (date(2026, 3, 9), found.window_at)
    assert found.amount == 5000
    assert cash(found) == {"USD": Decimal("-5005.25")}
    assert settlement_out(found)["client_cash"] == {"USD": "-5005.25"}
    ((data,),) = sql("SELECT data->'settlements' FROM events_event WHERE topic = 'settlement'")
    assert str(found.pk) in str(data)


def test_a_sale_delivers_and_brings_cash_less_fees(market: Market) -> None:
    trade = market.trade(side="sell", price="52", fees=(("commission", "5.20"),))
    settle_down()
    found = settlement_of(trade)
    assert (found.movement, found.amount) == ("deliver", 5200)
    assert cash(found) == {"USD": Decimal("5194.8")}


def test_an_inverse_instruments_value_goes_with_its_units(market: Market) -> None:
    with unit_of_work():
        open_settlements(as_batch(market, 1, inverse=True, price="50", quantity="100"))
    found = Settlement.objects.get()
    assert (found.movement, found.amount) == ("receive", Decimal(-2))


def test_what_missed_its_window_takes_the_next_one_and_says_so(market: Market) -> None:
    list_instrument(market.tenant.pk, "TODAY", settlement_days=0)
    trade = market.trade(instrument="TODAY", executed_at=FRIDAY)
    settle_down()
    found = settlement_of(trade)
    assert (found.due_on, found.is_late, found.code) == (date(2026, 3, 6), True, "CYCL")
    assert found.detail.startswith("The window of 2026-03-06 was missed; it takes that of ")
    assert found.window_at is not None
    assert found.window_at > datetime(2026, 3, 7, tzinfo=UTC)
    ((told,),) = sql(
        "SELECT data->'settlements'->0->>'is_late' FROM events_event"
        " WHERE name = 'settlement.settlements.opened'"
    )
    assert told == "true"


def test_a_batch_that_is_taken_again_opens_nothing_twice(market: Market) -> None:
    batch = as_batch(market, 5, fees=(make_fee("commission", "1"),))
    for _ in range(2):
        with unit_of_work():
            open_settlements(batch)
    assert Settlement.objects.count() == 5
    assert sql("SELECT count(*) FROM events_event WHERE topic = 'settlement'") == [(1,)]


def test_statements_do_not_grow_with_the_batch(market: Market) -> None:
    def statements(size: int) -> int:
        with CaptureQueriesContext(connection) as caught, unit_of_work():
            open_settlements(as_batch(market, size))
        return len([one for one in caught if "SAVEPOINT" not in one["sql"]])

    assert statements(1) == statements(150) <= 6


def test_what_was_opened_can_be_proven_from_the_log(market: Market) -> None:
    market.trades(3)
    settle_down()
    found = replay("settlement.open_settlements")
    assert (found.ok, found.differences) == (True, {"settlements": []})


def test_a_settlement_keeps_its_terms_and_is_never_deleted(market: Market) -> None:
    trade = market.trade()
    settle_down()
    found = settlement_of(trade)
    with refused("settlement_keeps_its_terms"):
        sql("UPDATE settlement_settlement SET quantity = 7 WHERE id = %s", [found.pk])
    with refused("record_is_append_only"):
        sql("DELETE FROM settlement_settlement")
    with refused("settlement_has_a_next_step"):
        sql("UPDATE settlement_settlement SET next_at = NULL")
    with refused("confirmed_by_somebody"):
        sql("UPDATE settlement_settlement SET settled = quantity, parts = 1, state = 'settled',"
            " next_at = NULL")  # fmt: skip
