"""What calendars take and show over HTTP. Cut-offs are on the market's clock, moments are UTC."""

import re
from datetime import date, datetime
from typing import Any, Final

from rest_framework import serializers

from apps.calendars.calendar import AssetClass, Calendar
from apps.calendars.selectors import Dating, Outlook
from apps.calendars.services import DAYS_MAX, REASON_MAX
from apps.tenants.forms import NameField, NumberField, Query, StrictForm, TimeField

WEEKDAYS: Final = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip
YEARS: Final = range(1970, 2200)
_ZONED: Final = re.compile(r"(?:[Zz]|[ +-]\d\d(?::?\d\d)?)$")
CLASSES: Final = [one.value for one in AssetClass]


class DayField(serializers.DateField):
    """A day of a query, within the years that calendars speak of."""

    def to_internal_value(self, value: Any) -> date:
        """The day."""
        found = super().to_internal_value(value)
        if found.year not in YEARS:
            detail = f"A day of {YEARS.start} to {YEARS.stop - 1}."
            raise serializers.ValidationError(detail, code="out_of_range")
        return found


class MomentField(TimeField):
    """A time of a query with its zone: without one, a cut-off cannot be told."""

    def to_internal_value(self, value: Any) -> datetime:
        """The time, aware."""
        found = super().to_internal_value(value)
        if not _ZONED.search(str(value).strip()):
            detail = "A time with its zone, such as 2026-03-09T14:00:00Z."
            raise serializers.ValidationError(detail, code="invalid")
        if found.year not in YEARS:
            detail = f"A time of {YEARS.start} to {YEARS.stop - 1}."
            raise serializers.ValidationError(detail, code="out_of_range")
        return found


class CalendarQuery(Query):
    """Which days of a calendar."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """By hand, because `from` is a word of Python."""
        return {
            "from": DayField(required=False, help_text="Today, unless said."),
            "to": DayField(required=False, help_text="Two weeks later, unless said."),
        }


class DatingQuery(Query):
    """Which trade is dated: of a market, or of a pair of currencies."""

    market = NameField(required=False, help_text="A calendar; or `pair`.")
    pair = NameField(required=False, help_text="Two currencies, such as EUR/USD.")
    asset_class = serializers.ChoiceField(CLASSES[:2], default=CLASSES[0])
    days = NumberField(
        required=False,
        min_value=0,
        max_value=DAYS_MAX,
        help_text="T+n; without it the market's cycle.",
    )
    trade_date = DayField(required=False, help_text="Without it the business day of `at`.")
    at = MomentField(required=False, help_text="When it is asked for; without it now.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Either of the two."""
        if ("market" in attrs) == ("pair" in attrs):
            detail = "Either a market, or a pair of currencies."
            raise serializers.ValidationError({"market": [detail]}, code="required")
        return attrs


class ExceptionsQuery(Query):
    """Which exceptions."""

    calendar = NameField(required=False, help_text="Its code, market or currency.")
    since = DayField(required=False, help_text="The first day.")


class CalendarOut(serializers.Serializer[Any]):
    """A settlement calendar."""

    code = serializers.CharField()
    name = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField(), help_text="May be used, too.")
    time_zone = serializers.CharField()
    closed_weekdays = serializers.ListField(child=serializers.ChoiceField(WEEKDAYS))
    cutoff = serializers.TimeField(help_text="On the market's own clock.")


class CalendarListOut(serializers.Serializer[Any]):
    """All calendars."""

    results = CalendarOut(many=True)
    next = serializers.CharField(allow_null=True)


class DayOut(serializers.Serializer[Any]):
    """One day."""

    day = serializers.DateField(source="on")
    settles = serializers.BooleanField()
    cutoff_at = serializers.DateTimeField(allow_null=True)
    trades = serializers.BooleanField(
        allow_null=True, help_text="Whether its exchange is open; null where we know none."
    )
    reason = serializers.CharField(help_text="Why it was closed or opened out of turn.")


class OutlookOut(CalendarOut):
    """A calendar, how it stands now, and some days of it."""

    today = serializers.DateField()
    is_open = serializers.BooleanField(help_text="Whether a settlement is still taken today.")
    next_settlement_day = serializers.DateField(help_text="Whose cut-off has not passed.")
    days = DayOut(many=True)


class WindowOut(serializers.Serializer[Any]):
    """When a settlement is handed to its market."""

    day = serializers.DateField()
    opens_at = serializers.DateTimeField()
    cutoff_at = serializers.DateTimeField()
    is_late = serializers.BooleanField(help_text="The intended day's cut-off has passed.")


class DatingOut(serializers.Serializer[Any]):
    """When a trade is settled."""

    trade_date = serializers.DateField()
    cycle = serializers.CharField(help_text="Such as T+1.")
    settles_on = serializers.DateField()
    calendars = serializers.ListField(
        child=serializers.CharField(), help_text="All that have to be open on that day."
    )
    window = WindowOut()


class DayIn(StrictForm):
    """Close a day, or open one that the calendar closes."""

    calendar = serializers.CharField(max_length=40)
    day = serializers.DateField()
    state = serializers.ChoiceField(["closed", "open"])
    reason = serializers.CharField(max_length=REASON_MAX)


class WithdrawalIn(StrictForm):
    """Why."""

    reason = serializers.CharField(max_length=REASON_MAX)


class ExceptionOut(serializers.Serializer[Any]):
    """A day that is closed or open against the calendar."""

    id = serializers.UUIDField()
    calendar = serializers.CharField()
    day = serializers.DateField()
    state = serializers.SerializerMethodField()
    reason = serializers.CharField()
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField()
    withdrawn_by = serializers.CharField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)

    def get_state(self, row: Any) -> str:
        """In a word."""
        return "open" if row.is_open else "closed"


class ExceptionListOut(serializers.Serializer[Any]):
    """A tenant's exceptions."""

    results = ExceptionOut(many=True)
    next = serializers.CharField(allow_null=True)


class RuleIn(StrictForm):
    """A cycle, a cut-off or both, from a day on."""

    calendar = serializers.CharField(max_length=40)
    asset_class = serializers.ChoiceField(CLASSES, default=AssetClass.SECURITY.value)
    effective_from = serializers.DateField()
    settlement_days = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=DAYS_MAX
    )
    cutoff = serializers.TimeField(required=False, allow_null=True, default=None)
    reason = serializers.CharField(max_length=REASON_MAX)


class RuleOut(serializers.Serializer[Any]):
    """A tenant's own cycle or cut-off."""

    id = serializers.UUIDField()
    calendar = serializers.CharField()
    asset_class = serializers.ChoiceField(CLASSES)
    effective_from = serializers.DateField()
    settlement_days = serializers.IntegerField(allow_null=True)
    cutoff = serializers.TimeField(allow_null=True)
    reason = serializers.CharField()
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField()


class RuleListOut(serializers.Serializer[Any]):
    """A tenant's rules."""

    results = RuleOut(many=True)
    next = serializers.CharField(allow_null=True)


def calendar_out(one: Calendar) -> dict[str, Any]:
    """A calendar as it is shown."""
    return {
        "code": one.code,
        "name": one.name,
        "aliases": list(one.aliases),
        "time_zone": one.zone,
        "closed_weekdays": [WEEKDAYS[number] for number in sorted(one.weekend)],
        "cutoff": one.cutoff,
    }


def outlook_out(found: Outlook) -> dict[str, Any]:
    """A calendar with its days as it is shown."""
    return calendar_out(found.calendar) | {
        "today": found.today,
        "is_open": found.is_open,
        "next_settlement_day": found.next_day,
        "days": DayOut(found.days, many=True).data,
    }


def dating_out(found: Dating) -> dict[str, Any]:
    """A settlement date as it is shown."""
    return {
        "trade_date": found.trade_date,
        "cycle": f"T+{found.days}",
        "settles_on": found.settles_on,
        "calendars": sorted({one.code for one in found.terms.calendars}),
        "window": found.window._asdict(),
    }
