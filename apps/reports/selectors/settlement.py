"""Reports about settlement: how much arrives on its date, and what does not."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from apps.reports import registry
from apps.reports.registry import Ask, Asked, Chart, Column, Kind, Page, Parameter, Report
from apps.settlement.selectors.efficiency import GROUPS, efficiency, fails
from apps.trading.selectors import find_account

YEAR: Final = timedelta(days=400)
MONTH: Final = timedelta(days=30)


def _efficiency(asked: Asked) -> Page:
    found = efficiency(asked.tenant, asked["from"], asked["to"], by=asked["by"], limit=asked.limit)
    return Page(
        [
            (one.what, one.currency, one.due, one.on_time, one.late, one.failing, one.pending,
             one.share, one.value, one.value_on_time, one.value_share)
            for one in found
        ]
    )  # fmt: skip


EFFICIENCY: Final = registry.register(
    Report(
        name="settlement-efficiency",
        title="Settlement efficiency",
        group="settlement",
        about="What was due in a time, and how much of it was wholly settled before its day ended"
        " where its market is. Cancelled settlements are not judged, nor those whose day goes on.",
        columns=(
            Column("what", "What"),
            Column("currency", "Currency"),
            Column("due", "Due", Kind.COUNT),
            Column("on_time", "On time", Kind.COUNT),
            Column("late", "Late", Kind.COUNT, "Settled after their day."),
            Column("failing", "Failing", Kind.COUNT, "Not settled, and their day is over."),
            Column("pending", "Pending", Kind.COUNT, "Their day goes on."),
            Column("share", "On time, share", Kind.SHARE, "Of those that are judged."),
            Column("value", "Value", Kind.AMOUNT, "Cash of those that are judged."),
            Column("value_on_time", "Value on time", Kind.AMOUNT),
            Column("value_share", "Value on time, share", Kind.SHARE),
        ),
        parameters=(
            registry.FIRST_DAY,
            registry.LAST_DAY,
            Parameter("by", "By", Ask.CHOICE, tuple(GROUPS)),
        ),
        reads=_efficiency,
        chart=Chart("bars", ("what",), ("on_time", "late", "pending", "failing"), split="currency"),
        longest=YEAR,
        usual=MONTH,
    )
)


def _fails(asked: Asked) -> Page:
    on = asked["on"] or timezone.now().date()
    name = asked["account"]
    number = find_account(asked.tenant, name).number if name else ""
    found = fails(asked.tenant, on, limit=asked.limit, account=number)
    return Page(
        [
            (one.age, one.currency, one.fails, one.needing_person, one.value, one.oldest,
             one.penalties)
            for one in found
        ]
    )  # fmt: skip


FAILS: Final = registry.register(
    Report(
        name="settlement-fails",
        title="Settlement fails",
        group="settlement",
        about="What was due and had not settled at the end of a day (UTC), by how many days it was"
        " late, with its cash and the penalties so far.",
        columns=(
            Column("age", "Days late"),
            Column("currency", "Currency"),
            Column("fails", "Fails", Kind.COUNT),
            Column("needing_person", "With a person", Kind.COUNT, "By now."),
            Column("value", "Value", Kind.AMOUNT, "Cash of the whole settlements."),
            Column("oldest", "Oldest due date", Kind.DAY),
            Column("penalties", "Penalties", Kind.AMOUNT),
        ),
        parameters=(
            Parameter("on", "On", Ask.DAY, about="Today unless said."),
            registry.ACCOUNT,
        ),
        reads=_fails,
        chart=Chart("bars", ("age",), ("fails",), split="currency"),
    )
)
