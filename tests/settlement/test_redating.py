"""A day that is closed out of turn moves what is open, and says so."""

from datetime import date

from apps.calendars import services as calendars
from apps.settlement.models import Settlement
from apps.tenants.models import Tenant
from tests.settlement.cast import Market, drive, settle_down, settlement_of, steps_of
from tests.settlement.clearing import ClearingHouse

FRIDAY = "2026-03-06T15:00:00Z"
MONDAY = date(2026, 3, 9)


def close(tenant: Tenant, calendar: str = "US", day: date = MONDAY) -> None:
    calendars.close_day(tenant.pk, calendar=calendar, day=day, reason="a storm", actor="ann")
    settle_down()


def test_what_waits_for_its_date_gets_another_with_a_record(market: Market) -> None:
    trade = market.trade(executed_at=FRIDAY)
    settle_down()
    assert settlement_of(trade).due_on == MONDAY
    close(market.tenant)

    found = settlement_of(trade)
    assert found.due_on == date(2026, 3, 10)
    assert found.next_at == found.window_at
    ((_, before, after),) = [one for one in steps_of(found) if one[0] == "redate"]
    assert (before, after) == ("awaiting_date", "awaiting_date")
    record = found.steps.get(step="redate")
    assert record.note == "2026-03-09 → 2026-03-10: US is closed on 2026-03-09: a storm"
    assert record.by == "ann"


def test_a_withdrawn_closure_moves_it_back(market: Market) -> None:
    trade = market.trade(executed_at=FRIDAY)
    settle_down()
    close(market.tenant)
    row = calendars.selectors.exceptions_of(market.tenant.pk)[0]
    calendars.withdraw_exception(market.tenant.pk, row.pk, reason="it passed by", actor="bob")
    settle_down()

    assert settlement_of(trade).due_on == MONDAY
    assert settlement_of(trade).steps.filter(step="redate").count() == 2


def test_other_markets_other_tenants_and_other_days_stay(market: Market, other: Tenant) -> None:
    trade = market.trade(executed_at=FRIDAY)
    settle_down()
    close(market.tenant, calendar="TARGET")
    close(market.tenant, day=date(2026, 3, 11))
    close(other)

    assert settlement_of(trade).due_on == MONDAY
    assert not settlement_of(trade).steps.filter(step="redate").exists()


def test_what_is_settled_stays(market: Market, house: ClearingHouse) -> None:
    trade = market.trade(executed_at=FRIDAY)
    settle_down()
    drive()
    found = settlement_of(trade)
    assert found.state == "instructed"
    Settlement.objects.filter(pk=found.pk).update(state="cancelled", next_at=None)
    close(market.tenant)

    assert settlement_of(trade).due_on == MONDAY


def test_what_is_at_clearing_keeps_its_instruction(market: Market, house: ClearingHouse) -> None:
    trade = market.trade(executed_at=FRIDAY)
    settle_down()
    drive()
    before = settlement_of(trade)
    close(market.tenant)

    after = settlement_of(trade)
    assert (after.state, after.instruction_id) == ("instructed", before.instruction_id)
    assert (after.due_on, after.next_at) == (date(2026, 3, 10), before.next_at)


def test_a_trade_of_the_seconds_after_a_closure_is_dated_right_when_it_opens(
    market: Market,
) -> None:
    """Intake trusts what it read for some seconds; settlement asks afresh."""
    market.trade(executed_at=FRIDAY)  # intake has read the calendar
    calendars.selectors._known[market.tenant.pk].read_at += 3600
    known = calendars.selectors._known[market.tenant.pk]
    calendars.close_day(market.tenant.pk, calendar="US", day=MONDAY, reason="a storm", actor="ann")
    calendars.selectors._known[market.tenant.pk] = known
    trade = market.trade(executed_at=FRIDAY)
    settle_down()

    assert settlement_of(trade).due_on == date(2026, 3, 10)
