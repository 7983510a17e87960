"""From a trade to finality: released, instructed, confirmed, posted; and whatever goes wrong on the way."""

from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from apps.events.contracts import partition_of
from apps.events.services import drain
from apps.resilience.services import Policy
from apps.settlement.clearing import breaker
from apps.settlement.clearing.protocol import NoticeKind, Outcome
from apps.settlement.models import ClearingNotice, Settlement
from apps.settlement.selectors.board import board
from tests.ledger.cast import refused, sql
from tests.settlement.cast import (
    Market,
    balances,
    drive,
    hear,
    settle_down,
    settled_units,
    settlement_of,
    settlements_of,
    steps_of,
)
from tests.settlement.clearing import ClearingHouse
from tests.settlement.test_people import cancel
from tests.trading.cast import list_instrument

FEES = (("commission", "5.00"), ("exchange", "0.25"))


@pytest.fixture
def stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A breaker that is open stays open, however long the test takes."""
    policy = Policy(failures=breaker.POLICY.failures, open_for=3_600, open_max=3_600)
    monkeypatch.setattr(breaker, "POLICY", policy)


def instructed(market: Market, **terms: object) -> Settlement:
    """A settlement that clearing has taken."""
    trade = market.trade(**terms)
    settle_down()
    drive()
    found = settlement_of(trade)
    assert found.state == "instructed", found.detail
    return found


def test_straight_through_to_ledger_and_position(market: Market, house: ClearingHouse) -> None:
    found = instructed(market, fees=FEES)
    assert balances(market)["SEC:UNSETTLED", "XYZ"] == 100
    hear(market, house.confirm(found.instruction_id))

    found.refresh_from_db()
    assert (found.state, found.settled, found.parts) == ("settled", 100, 1)
    assert balances(market) == {
        ("SEC:SETTLED", "XYZ"): 100,
        ("DEPOT:SEC", "XYZ"): -100,
        ("CASH:SETTLED", "USD"): Decimal("-5005.25"),
        ("NOSTRO", "USD"): 5000,
        ("FEE:COMMISSION", "USD"): 5,
        ("FEE:EXCHANGE", "USD"): Decimal("0.25"),
    }
    assert settled_units(market) == 100
    assert steps_of(found) == [
        ("validate", "validating", "instructing"),
        ("instruct", "instructing", "instructed"),
        ("notice", "instructed", "confirmed"),
        ("post", "confirmed", "settled"),
    ]
    names = [name for (name,) in sql("SELECT name FROM events_event WHERE topic = 'settlement'")]
    assert "settlement.settlement.settled" in names


def test_the_last_of_the_parts_takes_what_is_left(market: Market, house: ClearingHouse) -> None:
    found = instructed(market, fees=FEES, quantity="3", price="33.33")
    hear(market, house.confirm(found.instruction_id, "1"))
    assert settlement_of(found.trade_id).state == "instructed"
    assert settled_units(market) == 1
    hear(market, house.confirm(found.instruction_id, "1"), house.confirm(found.instruction_id, "1"))
    assert settlement_of(found.trade_id).state == "settled"
    left = balances(market)
    assert not [code for code, _ in left if "UNSETTLED" in code]
    assert left["CASH:SETTLED", "USD"] == Decimal("-105.24")


def test_a_notice_that_comes_twice_settles_once(market: Market, house: ClearingHouse) -> None:
    found = instructed(market)
    notice = house.confirm(found.instruction_id)
    hear(market, notice, notice)
    hear(market, notice)
    assert settlement_of(found.trade_id).parts == 1
    assert ClearingNotice.objects.count() == 1


def test_another_notice_for_what_is_settled_is_suspended(
    market: Market, house: ClearingHouse
) -> None:
    found = instructed(market)
    hear(market, house.confirm(found.instruction_id))
    house.settled.clear()
    hear(market, house.confirm(found.instruction_id))
    assert settlement_of(found.trade_id).parts == 1
    assert list(ClearingNotice.objects.order_by("id").values_list("state", flat=True)) == [
        "taken",
        "suspended",
    ]


def test_a_notice_for_what_was_cancelled_is_suspended(
    market: Market, house: ClearingHouse, api: APIClient
) -> None:
    found = instructed(market)
    cancel(api, found.trade_id)
    settle_down()
    drive(due=None)
    assert settlement_of(found.trade_id).state == "compensated"
    hear(market, house.confirm(found.instruction_id))
    assert settlement_of(found.trade_id).settled == 0
    assert ClearingNotice.objects.get().state == "suspended"
    assert balances(market) == {}


@pytest.mark.usefixtures("stays_open")
def test_a_breaker_that_is_open_stops_no_confirmation(market: Market, house: ClearingHouse) -> None:
    found = instructed(market)
    house.is_down = True
    waiting = market.trade()
    settle_down()
    for ahead in (0, 10, 30):
        drive(ahead=ahead)
    assert breaker.state(market.tenant.pk, "simulator").state == "open"
    hear(market, house.confirm(found.instruction_id))
    assert settlement_of(found.trade_id).state == "settled"
    assert settlement_of(waiting).state == "retrying"


def test_one_id_with_two_contents_is_a_contradiction(market: Market, house: ClearingHouse) -> None:
    found = instructed(market)
    notice = house.confirm(found.instruction_id)
    other = house.confirm(found.instruction_id, id=notice.id, amount=Decimal(1))
    hear(market, notice)
    hear(market, other)
    hear(market, other)
    assert [one.state for one in ClearingNotice.objects.order_by("id")] == ["taken", "suspended"]


@pytest.mark.parametrize(
    "wrong", [{"amount": Decimal("4999.99")}, {"quantity": Decimal(101)}, {"amount": None}]
)
def test_a_confirmation_of_something_else_is_a_break(
    market: Market, house: ClearingHouse, wrong: dict[str, Decimal | None]
) -> None:
    found = instructed(market)
    before = balances(market)
    hear(market, house.confirm(found.instruction_id, **wrong))
    found.refresh_from_db()
    assert (found.state, found.settled) == ("manual", 0)
    assert found.attention_at is not None
    assert ClearingNotice.objects.get().state == "suspended"
    assert balances(market) == before


def test_a_notice_of_nothing_of_ours_is_suspended(market: Market, house: ClearingHouse) -> None:
    for unknown in ("not-an-id", "0190c0de-0000-7000-8000-00000000dead"):
        hear(market, house.tell(unknown, NoticeKind.SETTLED, quantity=Decimal(1)))
    assert {one.state for one in ClearingNotice.objects.all()} == {"suspended"}
    assert sql("SELECT count(*) FROM events_event WHERE name LIKE '%%needs_attention'") == [(2,)]


def test_a_notice_of_another_clearing_system_is_not_believed(
    market: Market, house: ClearingHouse
) -> None:
    found = instructed(market)
    hear(market, house.confirm(found.instruction_id), system="stranger")
    assert settlement_of(found.trade_id).state == "instructed"


def test_a_lost_answer_is_asked_about_and_nothing_is_sent_twice(
    market: Market, house: ClearingHouse
) -> None:
    house.loses_answers = True
    trade = market.trade()
    settle_down()
    drive()
    assert settlement_of(trade).state == "retrying"
    drive(ahead=10)
    assert settlement_of(trade).state == "instructed"
    assert house.calls == [("instruct", 1), ("ask", 1)]


def test_what_never_arrived_is_sent_again_under_the_same_id(
    market: Market, house: ClearingHouse
) -> None:
    house.says.append(Outcome.UNKNOWN)
    trade = market.trade()
    settle_down()
    drive()
    drive(ahead=10)
    assert settlement_of(trade).state == "instructed"
    assert [name for name, _ in house.calls] == ["instruct", "ask", "instruct"]
    assert len(house.taken) == 1


def test_three_tries_and_then_a_person(market: Market, house: ClearingHouse) -> None:
    unavailable = Outcome.UNAVAILABLE
    house.says.extend([unavailable, Outcome.ACCEPTED, unavailable, unavailable])
    trades = market.trades(2)
    settle_down()
    for ahead in (0, 10, 30, 60):
        drive(ahead=ahead)
    (found,) = [one for one in settlements_of(trades) if one.state != "instructed"]
    assert (found.state, found.tries) == ("manual", 3)
    assert house.calls == [("instruct", 2), ("instruct", 1), ("instruct", 1)]
    assert "unavailable" in found.steps.filter(step="instruct").last().note


@pytest.mark.usefixtures("stays_open")
@pytest.mark.parametrize("loses", [True, False], ids=["nobody knows", "certainly not taken"])
def test_an_outage_is_nobodys_failed_try(
    market: Market, house: ClearingHouse, *, loses: bool
) -> None:
    """One settlement alone, and it still waits: the third call without an answer opens the breaker."""
    house.says.append(Outcome.UNKNOWN if loses else Outcome.UNAVAILABLE)
    trade = market.trade()
    settle_down()
    drive()
    house.is_down = True
    for ahead in (10, 30, 60, 120, 240):
        drive(ahead=ahead)
    found = settlement_of(trade)
    assert (found.state, found.may_be_out) == ("retrying", loses)
    assert found.next_at is not None
    (state,) = [one for one in board(market.tenant.pk).breakers if one.code == "simulator"]
    assert state.state == "open"
    # Nothing is instructed any more; what may have been taken is asked about, as often as it is due.
    assert [name for name, _ in house.calls].count("instruct") == (1 if loses else 3)


@pytest.mark.usefixtures("stays_open")
def test_where_nobody_answers_one_question_is_enough(market: Market, house: ClearingHouse) -> None:
    house.loses_answers, house.bulk_max = True, 2
    market.trades(6)
    settle_down()
    drive()
    assert house.calls == [("instruct", 2)] * 3
    house.is_down = True
    drive(ahead=10)
    assert house.calls[3:] == [("ask", 2)]


def test_a_refusal_fails_with_its_reason(market: Market, house: ClearingHouse) -> None:
    house.says.append(Outcome.REJECTED)
    trade = market.trade()
    settle_down()
    drive()
    assert settlement_of(trade).state == "failed"
    assert sql("SELECT count(*) FROM events_event WHERE name LIKE '%%settlement.failed'") == [(1,)]


def test_what_is_failing_may_still_settle(market: Market, house: ClearingHouse) -> None:
    found = instructed(market)
    hear(market, house.tell(found.instruction_id, NoticeKind.FAILING, code="LACK"))
    found.refresh_from_db()
    assert (found.state, found.code) == ("failed", "LACK")
    hear(market, house.confirm(found.instruction_id))
    assert settlement_of(found.trade_id).state == "settled"


def test_silence_is_asked_about_and_a_lost_confirmation_is_found(
    market: Market, house: ClearingHouse
) -> None:
    found = instructed(market)
    late = house.confirm(found.instruction_id)
    drive(ahead=150, due=None)
    settle_down()
    assert settlement_of(found.trade_id).state == "settled"
    hear(market, late)  # it was only late: it says nothing new, and is nobody's work
    assert settlement_of(found.trade_id).parts == 1
    assert [one.state for one in ClearingNotice.objects.order_by("id")] == ["taken", "resolved"]


def test_a_worker_that_died_with_the_answer_is_made_good_by_asking(
    market: Market, house: ClearingHouse
) -> None:
    found = instructed(market)
    sql("UPDATE settlement_settlement SET state = 'instructing', next_at = now()")
    drive(due=None)
    assert settlement_of(found.trade_id).state == "instructed"
    assert house.calls == [("instruct", 1), ("ask", 1)]


def test_nothing_is_instructed_before_the_ledger_has_it(
    market: Market, house: ClearingHouse
) -> None:
    trade = market.trade()
    drain("settlement.open_settlements", "trade", partition_of(str(market.account.pk)))
    drive()
    assert (settlement_of(trade).state, house.calls) == ("validating", [])
    settle_down()
    drive(ahead=5)
    assert settlement_of(trade).state == "instructed"


def test_a_batch_is_instructed_in_bulk_with_few_statements(
    market: Market, house: ClearingHouse
) -> None:
    trades = market.trades(250)
    settle_down()
    drive()
    assert house.calls == [("instruct", 100), ("instruct", 100), ("instruct", 50)]
    hear(market, *(house.confirm(one.instruction_id) for one in settlements_of(trades)))
    assert {one.state for one in settlements_of(trades)} == {"settled"}
    assert settled_units(market) == 25_000


def test_what_settles_in_our_own_books_asks_nobody(market: Market, house: ClearingHouse) -> None:
    list_instrument(market.tenant.pk, "COIN", settlement_calendar="NONE", settlement_days=0)
    trade = market.trade(instrument="COIN")
    settle_down()
    drive()
    assert settlement_of(trade).state == "settled"
    assert house.calls == []


def test_the_database_believes_nobody_alone(market: Market, house: ClearingHouse) -> None:
    found = instructed(market)
    hear(market, house.confirm(found.instruction_id))
    with refused("final_settlement_stays_final"):
        sql("UPDATE settlement_settlement SET state = 'manual', attention_at = now()")
    with refused("settlement_goes_forward"):
        sql("UPDATE settlement_settlement SET settled = 50")
    with refused("record_is_append_only"):
        sql("UPDATE settlement_settlementstep SET note = 'never mind'")
    with refused("record_is_append_only"):
        sql("UPDATE settlement_clearingnotice SET amount = 1")
