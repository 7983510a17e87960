"""A tenant's own closed days, cycles and cut-offs: decided once, told, seen by everybody who asks."""

from datetime import UTC, date, datetime, time

import pytest
from django.db import IntegrityError, connection, transaction

from apps.calendars import selectors, services
from apps.calendars.calendar import terms_for
from apps.calendars.exceptions import (
    BeyondCalendar,
    DayDecided,
    DayRefused,
    RuleRefused,
    UnknownCalendar,
    UnknownException,
)
from apps.core.ids import uuid7

pytestmark = pytest.mark.django_db(transaction=True)
MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
SHARES = terms_for("equity", "XYZ", "USD")


def close(tenant, day=TUESDAY, reason="a storm", calendar="US", actor="ann"):
    return services.close_day(tenant.pk, calendar=calendar, day=day, reason=reason, actor=actor)


def told():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenant_id, key, data FROM events_event WHERE name LIKE 'calendars.%%'"
            " ORDER BY recorded_at, id"
        )
        return cursor.fetchall()


def test_a_closed_day_moves_dates_of_its_tenant_alone(tenant, other):
    assert selectors.settlement_date(tenant.pk, SHARES, MONDAY) == TUESDAY
    close(tenant)

    assert selectors.settlement_date(tenant.pk, SHARES, MONDAY) == date(2026, 3, 4)
    assert selectors.next_settlement_day(tenant.pk, "XNYS", TUESDAY) == date(2026, 3, 4)
    assert not selectors.is_settlement_day(tenant.pk, "US", TUESDAY)
    assert selectors.settlement_date(other.pk, SHARES, MONDAY) == TUESDAY


def test_it_is_told_once_with_reason_and_name(tenant):
    _, first = close(tenant, calendar="NYSE")
    _, again = close(tenant)

    assert (first, again) == (True, False)
    ((of, key, data),) = told()
    assert (of, key) == (tenant.pk, "US")
    assert '"closed"' in str(data).replace("'", '"')
    assert "a storm" in str(data)
    assert "ann" in str(data)


def test_a_withdrawn_day_is_regular_again_and_stays_on_record(tenant, other):
    row, _ = close(tenant)
    with pytest.raises(UnknownException):
        services.withdraw_exception(other.pk, row.pk, reason="mine", actor="eve")
    for _ in range(2):
        services.withdraw_exception(tenant.pk, row.pk, reason="it passed by", actor="bob")

    assert selectors.settlement_date(tenant.pk, SHARES, MONDAY) == TUESDAY
    assert selectors.exceptions_of(tenant.pk) == []
    row.refresh_from_db()
    assert (row.withdrawn_by, row.decided_by) == ("bob", "ann")
    assert len(told()) == 2
    close(tenant)
    assert [one.day for one in selectors.exceptions_of(tenant.pk, calendar="US")] == [TUESDAY]


def test_what_changes_nothing_is_refused(tenant):
    with pytest.raises(DayRefused, match="cannot"):
        close(tenant, day=date(2026, 3, 7))
    with pytest.raises(DayRefused):
        services.open_day(tenant.pk, calendar="US", day=TUESDAY, reason="why", actor="ann")
    close(tenant)
    with pytest.raises(DayDecided):
        services.open_day(tenant.pk, calendar="US", day=TUESDAY, reason="why", actor="ann")
    assert len(told()) == 1


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "two\nlines", "nul\0"])
def test_a_reason_is_needed(tenant, reason):
    with pytest.raises(DayRefused):
        close(tenant, reason=reason)
    with pytest.raises(UnknownException):
        services.withdraw_exception(tenant.pk, uuid7(), reason="why", actor="ann")


def test_unknown_calendars_and_days_beyond_are_refused(tenant):
    with pytest.raises(UnknownCalendar):
        close(tenant, calendar="MARS")
    with pytest.raises(BeyondCalendar):
        close(tenant, day=date(2999, 1, 1))
    assert told() == []


def test_a_special_saturday_can_be_opened(tenant):
    services.open_day(
        tenant.pk, calendar="US", day=date(2026, 3, 7), reason="a make-up day", actor="ann"
    )
    found = selectors.settlement_date(tenant.pk, SHARES, date(2026, 3, 6))
    assert found == date(2026, 3, 7)


class TestRules:
    def rule(self, tenant, **changes):
        terms = {
            "calendar": "US",
            "asset_class": "security",
            "effective_from": TUESDAY,
            "settlement_days": 0,
            "cutoff": time(11),
            "stated": ("T+0 begins", "ann"),
        }
        return services.set_rule(tenant.pk, **(terms | changes))

    def test_hold_from_their_day_on(self, tenant, other):
        self.rule(tenant)

        assert selectors.settlement_date(tenant.pk, SHARES, MONDAY) == TUESDAY
        assert selectors.settlement_date(tenant.pk, SHARES, TUESDAY) == TUESDAY
        assert selectors.settlement_date(other.pk, SHARES, TUESDAY) == date(2026, 3, 4)
        assert selectors.days_of(tenant.pk, SHARES, TUESDAY) == 0
        at = selectors.cutoff_at(tenant.pk, "US", MONDAY)
        assert at == datetime(2026, 3, 2, 20, 10, tzinfo=UTC)
        at = selectors.cutoff_at(tenant.pk, "US", TUESDAY)
        assert at == datetime(2026, 3, 3, 16, 0, tzinfo=UTC)

    def test_of_a_day_are_replaced_and_told(self, tenant):
        self.rule(tenant)
        self.rule(tenant, settlement_days=1, cutoff=None)

        (row,) = selectors.rules_of(tenant.pk)
        assert (row.settlement_days, row.cutoff) == (1, None)
        assert len(told()) == 2

    def test_that_say_nothing_are_refused_with_every_reason(self, tenant):
        with pytest.raises(RuleRefused) as refusal:
            self.rule(
                tenant, asset_class="art", settlement_days=None, cutoff=None, stated=("", "ann")
            )

        fields = {fault["field"] for fault in refusal.value.facts["errors"]}
        assert fields == {"asset_class", "settlement_days", "reason"}
        with pytest.raises(RuleRefused):
            self.rule(tenant, settlement_days=31)

    @pytest.mark.parametrize(
        ("column", "value", "constraint"),
        [
            ("settlement_days", "99", "market_rule_days_are_sane"),
            ("asset_class", "'art'", "market_rule_asset_class_is_known"),
            ("reason", "''", "market_rule_has_a_reason"),
        ],
    )
    def test_the_database_refuses_others(self, tenant, column, value, constraint):
        self.rule(tenant)
        with (
            pytest.raises(IntegrityError, match=constraint),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE calendars_marketrule SET {column} = {value}")


class TestWindows:
    @pytest.mark.parametrize(
        ("now", "day", "is_late"),
        [
            ("2026-03-03T15:00:00Z", "2026-03-03", False),  # 10:00 in New York
            ("2026-03-03T20:10:00Z", "2026-03-03", False),  # at the cut-off
            ("2026-03-03T20:10:01Z", "2026-03-04", True),
            ("2026-03-06T21:00:00Z", "2026-03-09", True),  # Friday evening
            ("2026-03-09T19:30:00Z", "2026-03-10", True),  # New York's clock went forward
            ("2026-02-20T12:00:00Z", "2026-03-03", False),  # long before
        ],
    )
    def test_what_comes_late_takes_the_next_one_and_says_so(self, tenant, now, day, is_late):
        found = selectors.window_of(tenant.pk, SHARES, TUESDAY, datetime.fromisoformat(now))

        assert (found.day.isoformat(), found.is_late) == (day, is_late)
        assert found.cutoff_at >= datetime.fromisoformat(now)
        assert (
            found.opens_at.isoformat()
            == f"{day}T{'04' if day > '2026-03-08' else '05'}:00:00+00:00"
        )

    def test_of_currencies_close_with_the_first_of_them(self, tenant):
        euros = terms_for("fx", "EUR/USD", "USD")
        now = datetime(2026, 3, 3, 15, 30, tzinfo=UTC)  # half past four in Frankfurt

        found = selectors.window_of(tenant.pk, euros, TUESDAY, now)
        assert (found.day, found.is_late) == (date(2026, 3, 4), True)
        assert found.cutoff_at == datetime(2026, 3, 4, 15, 0, tzinfo=UTC)


def test_other_processes_see_a_change_within_seconds(tenant, monkeypatch):
    selectors.settlement_date(tenant.pk, SHARES, MONDAY)
    with connection.cursor() as cursor:  # somebody else's process
        cursor.execute(
            "INSERT INTO calendars_calendarexception"
            " (id, tenant_id, calendar, day, is_open, reason, decided_by, withdrawn_by)"
            " VALUES (gen_random_uuid(), %s, 'US', %s, false, 'a storm', 'ann', '')",
            [tenant.pk, TUESDAY],
        )

    assert selectors.settlement_date(tenant.pk, SHARES, MONDAY) == TUESDAY
    found = selectors.settlement_date(tenant.pk, SHARES, MONDAY, fresh=True)
    assert found == date(2026, 3, 4)
    monkeypatch.setattr(selectors, "TRUSTED_SECONDS", 0)
    assert selectors.settlement_date(tenant.pk, SHARES, MONDAY) == date(2026, 3, 4)
