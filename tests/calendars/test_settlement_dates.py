"""Settlement dates against what brokers printed and what others assert; and the rules' own cases."""

import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.calendars.calendar import (
    CYCLES,
    AssetClass,
    Changes,
    Terms,
    business_date,
    calendar_named,
    codes,
    cycle_on,
    is_settlement_day,
    next_settlement_day,
    pair_of,
    settlement_date,
    settlement_days_after,
    terms_for,
    value_day_of,
)
from apps.calendars.calendar.days import CycleFrom
from apps.calendars.exceptions import BeyondCalendar, UnknownCalendar

PUBLISHED = json.loads(
    Path(__file__).with_name("oracles").joinpath("settlement_dates.json").read_text()
)
CASES = [dict(zip(PUBLISHED["columns"], row, strict=True)) for row in PUBLISHED["rows"]]
NEW_YORK = ZoneInfo("America/New_York")


def terms_of(case, days):
    asset_class = AssetClass(case["asset_class"])
    if asset_class == AssetClass.FX:
        return Terms(asset_class, calendar_named("USD"), pair_of(case["market"]), days)
    return Terms(asset_class, calendar_named(case["market"]), None, days)


def dated(kind, currency, trade_date, symbol="XYZ", changes=Changes()):  # noqa: B008 - frozen
    terms = terms_for(kind, symbol, currency)
    return settlement_date(terms, date.fromisoformat(trade_date), changes).isoformat()


class TestPublished:
    def test_there_are_enough_of_every_kind(self):
        kinds = Counter(case["asset_class"] for case in CASES)

        assert kinds == {"security": 103, "fx": 63, "listed option": 33}
        assert sum(case["holiday_moved_it"] for case in CASES) >= 12

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_with_the_cycle_that_is_given(self, case):
        terms = terms_of(case, int(case["cycle"].removeprefix("T+")))

        found = settlement_date(terms, date.fromisoformat(case["trade_date"]))
        assert found.isoformat() == case["settles_on"]

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_with_the_markets_own_cycle_of_that_day(self, case):
        found = settlement_date(terms_of(case, None), date.fromisoformat(case["trade_date"]))

        assert found.isoformat() == case["settles_on"]


class TestUnitedStates:
    @pytest.mark.parametrize(
        ("trade_date", "settles_on"),
        [
            # R12: exchanges are open on Columbus Day and Veterans Day, and nothing settles.
            ("2025-10-10", "2025-10-14"),
            ("2025-10-13", "2025-10-14"),
            ("2025-11-10", "2025-11-12"),
            ("2025-11-11", "2025-11-12"),
            ("2025-01-08", "2025-01-10"),  # a day of mourning, closed out of turn
            ("2012-10-26", "2012-11-02"),  # a hurricane: T+3 over two closed days
            ("2025-04-17", "2025-04-21"),  # Good Friday
            ("2024-07-03", "2024-07-05"),  # a short day before Independence Day
            ("2021-12-30", "2022-01-03"),  # New Year's Day on a Saturday is not made up for
            ("2022-11-10", "2022-11-15"),  # Veterans Day on a Friday
            ("2023-11-09", "2023-11-13"),  # …and on a Saturday, when Friday is a settlement day
        ],
    )
    def test_settles_on_days_that_are_good_for_exchange_and_banks(self, trade_date, settles_on):
        assert dated("equity", "USD", trade_date) == settles_on

    @pytest.mark.parametrize(
        ("trade_date", "settles_on"),
        [
            ("2017-09-01", "2017-09-07"),  # the last day of T+3, over Labor Day
            ("2017-09-05", "2017-09-07"),  # the first day of T+2: both settle together
            ("2024-05-24", "2024-05-29"),  # the last day of T+2, over Memorial Day
            ("2024-05-28", "2024-05-29"),  # the first day of T+1
        ],
    )
    def test_cycles_change_with_the_trade_date(self, trade_date, settles_on):
        assert dated("equity", "USD", trade_date) == settles_on

    def test_options_have_a_cycle_of_their_own(self):
        assert dated("option", "USD", "2016-05-02") == "2016-05-03"
        assert dated("equity", "USD", "2016-05-02") == "2016-05-05"


class TestOtherMarkets:
    @pytest.mark.parametrize(
        ("currency", "trade_date", "settles_on"),
        [
            ("CAD", "2024-05-24", "2024-05-28"),  # Canada's last day of T+2
            ("CAD", "2024-05-27", "2024-05-28"),  # Memorial Day, a day before the United States
            ("CAD", "2025-11-10", "2025-11-12"),  # Remembrance Day: the exchange is open
            ("EUR", "2027-10-08", "2027-10-12"),  # the last day of T+2…
            ("EUR", "2027-10-11", "2027-10-12"),  # …and the first one of T+1, in three markets
            ("GBP", "2027-10-11", "2027-10-12"),
            ("CHF", "2027-10-11", "2027-10-12"),
            ("EUR", "2025-12-22", "2025-12-24"),  # Xetra is closed on the 24th
            ("EUR", "2025-12-30", "2026-01-02"),
            ("CHF", "2025-12-30", "2026-01-05"),  # and 2 January is Berchtold's
            ("GBP", "2014-10-03", "2014-10-08"),  # T+3
            ("GBP", "2014-10-06", "2014-10-08"),  # T+2
            ("GBP", "2022-09-16", "2022-09-21"),  # a state funeral
            ("AUD", "2016-03-04", "2016-03-09"),
            ("AUD", "2016-03-07", "2016-03-09"),
            ("AUD", "2022-09-20", "2022-09-23"),  # a day of mourning
            ("USDT", "2026-03-06", "2026-03-10"),  # a coin's own market never rests
        ],
    )
    def test_settle_by_their_own_days(self, currency, trade_date, settles_on):
        if currency == "USDT":
            assert dated("crypto", currency, trade_date, "BTC-USDT") == trade_date
        else:
            assert dated("equity", currency, trade_date) == settles_on

    def test_a_currency_of_no_country_counts_weekdays(self):
        assert dated("equity", "QQQ", "2026-12-24") == "2026-12-28"


class TestCurrencies:
    @pytest.mark.parametrize(
        ("pair", "trade_date", "settles_on"),
        [
            ("USD/CAD", "2026-03-02", "2026-03-03"),
            ("CAD/USD", "2026-03-02", "2026-03-03"),
            ("CAD/JPY", "2026-03-02", "2026-03-04"),  # T+1 is against the dollar only
            ("EUR/USD", "2025-11-10", "2025-11-12"),  # the dollar may rest on the day between…
            ("USD/MXN", "2025-11-10", "2025-11-13"),  # …but not against some pesos
            ("EUR/USD", "2025-11-07", "2025-11-12"),  # and never on the spot date
            ("EUR/JPY", "2025-05-22", "2025-05-27"),  # nor against another currency
            ("EUR/USD", "2023-06-16", "2023-06-20"),  # Juneteenth
            ("EUR/USD", "2026-04-30", "2026-05-05"),  # the first of May counts for the euro
            ("USD/SGD", "2017-01-27", "2017-02-01"),
            ("USD/ILS", "2026-07-01", "2026-07-06"),  # rests on Fridays; the 3rd is no US holiday
        ],
    )
    def test_spot(self, pair, trade_date, settles_on):
        assert dated("fx", pair.split("/")[1], trade_date, pair) == settles_on

    @pytest.mark.parametrize(
        ("at", "expected"),
        [
            (datetime(2025, 8, 28, 16, 59, 59, tzinfo=NEW_YORK), "2025-08-28"),
            (datetime(2025, 8, 28, 17, 0, tzinfo=NEW_YORK), "2025-08-29"),
            (datetime(2025, 11, 7, 23, 0, 33, tzinfo=NEW_YORK), "2025-11-10"),  # over the weekend
            (datetime(2025, 11, 9, 12, tzinfo=NEW_YORK), "2025-11-10"),
            (datetime(2025, 11, 26, 22, tzinfo=NEW_YORK), "2025-11-27"),  # into Thanksgiving
            # The nights on which New York's clock is set: 17:00 is 22:00 UTC, then 21:00.
            (datetime(2026, 3, 6, 21, 30, tzinfo=UTC), "2026-03-06"),
            (datetime(2026, 3, 9, 21, 30, tzinfo=UTC), "2026-03-10"),
            (datetime(2026, 10, 30, 21, 30, tzinfo=UTC), "2026-11-02"),
            (datetime(2026, 11, 2, 21, 30, tzinfo=UTC), "2026-11-02"),
        ],
    )
    def test_the_day_begins_at_five_in_new_york(self, at, expected):
        assert value_day_of(at).isoformat() == expected
        assert business_date(terms_for("fx", "EUR/USD", "USD"), at).isoformat() == expected

    @pytest.mark.parametrize("symbol", ["EUR/USD", "EURUSD", "EUR.USD", "EUR-USD", "EURUSD=X"])
    def test_a_symbol_names_a_pair(self, symbol):
        assert pair_of(symbol, "USD") == pair_of(symbol) == ("EUR", "USD")

    @pytest.mark.parametrize("symbol", ["", "X", "EUR", "EUR/", "1/2", "EURUSDX", "EU RUSD"])
    def test_no_pair_is_refused(self, symbol):
        with pytest.raises(UnknownCalendar):
            pair_of(symbol)


class TestTheBusinessDay:
    @pytest.mark.parametrize(
        ("currency", "at", "expected"),
        [
            ("USD", "2026-03-03T03:00:00Z", "2026-03-02"),
            ("AUD", "2026-03-02T22:00:00Z", "2026-03-03"),
            ("EUR", "2026-03-02T23:30:00Z", "2026-03-03"),
            # Berlin's clock goes forward at 01:00 UTC: midnight moves from 23:00 to 22:00 UTC.
            ("EUR", "2026-03-28T22:30:00Z", "2026-03-28"),
            ("EUR", "2026-03-29T22:30:00Z", "2026-03-30"),
            ("QQQ", "2026-03-02T23:30:00Z", "2026-03-02"),
        ],
    )
    def test_is_the_markets_own(self, currency, at, expected):
        terms = terms_for("equity", "XYZ", currency)

        assert business_date(terms, datetime.fromisoformat(at)).isoformat() == expected


class TestReach:
    def test_beyond_the_end_nothing_is_said(self):
        changes = Changes(until=date(2027, 12, 31))

        assert dated("equity", "USD", "2027-12-30", changes=changes) == "2027-12-31"
        with pytest.raises(BeyondCalendar, match=r"2027-12-31, not to 2028-01-01"):
            dated("equity", "USD", "2027-12-31", changes=changes)

    def test_nor_before_the_beginning(self):
        with pytest.raises(BeyondCalendar):
            dated("equity", "EUR", "1998-03-02")

    def test_a_calendar_without_holidays_reaches_everywhere(self):
        changes = Changes(until=date(2027, 12, 31))

        assert dated("crypto", "USDT", "2999-01-01", changes=changes) == "2999-01-01"

    @pytest.mark.parametrize("name", ["", "us equities", "ZZ", "XXXX", "ZZZ"])
    def test_an_unknown_name_is_refused(self, name):
        with pytest.raises(UnknownCalendar):
            calendar_named(name)


class TestChanges:
    CLOSED = Changes(closed=frozenset({("US", date(2026, 3, 3))}))

    def test_a_closed_day_moves_what_would_settle_on_it(self):
        assert dated("equity", "USD", "2026-03-02", changes=self.CLOSED) == "2026-03-04"
        assert dated("equity", "CAD", "2026-03-02", changes=self.CLOSED) == "2026-03-03"

    def test_an_opened_day_counts(self):
        changes = Changes(opened=frozenset({("US", date(2026, 3, 7))}))

        assert dated("equity", "USD", "2026-03-06", changes=changes) == "2026-03-07"

    def test_a_rule_goes_before_the_markets_cycle_from_its_day_on(self):
        changes = Changes(cycles=(CycleFrom("US", "security", date(2026, 3, 3), 0),))

        assert dated("equity", "USD", "2026-03-02", changes=changes) == "2026-03-03"
        assert dated("equity", "USD", "2026-03-03", changes=changes) == "2026-03-03"
        assert dated("option", "USD", "2026-03-03", changes=changes) == "2026-03-04"


DAYS = st.dates(date(2014, 1, 1), date(2027, 6, 30))
KNOWN = st.sampled_from([calendar_named(code) for code in codes()])


class TestProperties:
    @given(KNOWN, DAYS, st.integers(0, 5))
    def test_the_nth_day_has_n_good_days_up_to_it(self, calendar, day, count):
        found = settlement_days_after([calendar], day, count)
        between = [
            date.fromordinal(number)
            for number in range(day.toordinal() + 1, found.toordinal() + 1)
            if is_settlement_day(calendar, date.fromordinal(number))
        ]

        assert is_settlement_day(calendar, found)
        assert len(between) == count or (count == 0 and len(between) <= 1)

    @given(st.lists(KNOWN, min_size=1, max_size=3), DAYS)
    def test_the_next_day_is_good_everywhere_and_none_before_it_is(self, calendars, day):
        found = next_settlement_day(calendars, day)

        assert all(is_settlement_day(one, found) for one in calendars)
        for number in range(day.toordinal(), found.toordinal()):
            assert not all(is_settlement_day(one, date.fromordinal(number)) for one in calendars)

    @given(
        st.sampled_from(["EUR/USD", "USD/CAD", "GBP/JPY", "EUR/CHF", "USD/MXN", "AUD/NZD"]), DAYS
    )
    def test_spot_is_good_for_both_and_for_the_dollar(self, pair, day):
        found = settlement_date(terms_for("fx", pair, pair.split("/")[1]), day)

        assert found > day
        for currency in (*pair.split("/"), "USD"):
            assert is_settlement_day(calendar_named(currency), found)

    @given(st.sampled_from(["US", "TARGET", "GB", "CH", "AU", "CA"]), DAYS, st.integers(1, 10))
    def test_later_trades_settle_no_earlier_within_a_cycle(self, code, day, more):
        later = date.fromordinal(day.toordinal() + more)
        terms = Terms(AssetClass.SECURITY, calendar_named(code))
        same = {cycle_on(code, AssetClass.SECURITY, one) for one in (day, later)}

        if len(same) == 1:
            assert settlement_date(terms, day) <= settlement_date(terms, later)

    @given(KNOWN, DAYS, st.integers(0, 5))
    def test_a_closed_day_never_brings_a_date_forward(self, calendar, day, count):
        regular = settlement_days_after([calendar], day, count)
        closed = Changes(closed=frozenset({(calendar.code, regular)}))

        assert settlement_days_after([calendar], day, count, closed) > regular

    def test_cycles_get_shorter(self):
        for steps in CYCLES.values():
            assert [days for _, days in steps] == sorted((days for _, days in steps), reverse=True)
