"""Reports about trading: blotter, profit, exposure, volumes."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from apps.reports import figures, registry
from apps.reports.exceptions import ReportTooLarge
from apps.reports.figures import Holding
from apps.reports.registry import Ask, Asked, Chart, Column, Kind, Page, Parameter, Report
from apps.reports.selectors.reading import ROWS_MAX, bad_cursor
from apps.trading.selectors.blotter import Line, Wanted, blotter
from apps.trading.selectors.book import Held, book_of
from apps.trading.selectors.volumes import volumes

POSITIONS_MAX: Final = 100_000
"""Positions of a book that are added up for one report."""
STATES: Final = ("executed", "amended", "cancelled")
CURRENCY: Final = Column("currency", "Currency")


def _blotter(asked: Asked) -> Page:
    wanted = Wanted(
        account=asked["account"],
        instrument=asked["instrument"],
        state=asked["state"] or "",
        newest_only=asked["versions"] == "newest",
    )
    lines = blotter(
        asked.tenant,
        asked["from"],
        asked["to"],
        wanted,
        limit=asked.limit + 1,
        before=_line(asked.after),
    )
    shown = lines[: asked.limit]
    return Page(
        [_columns(one) for one in shown], str(shown[-1].line) if len(lines) > len(shown) else None
    )


def _line(after: str | None) -> UUID | None:
    try:
        return UUID(after) if after else None
    except ValueError:
        raise bad_cursor() from None


def _columns(one: Line) -> Sequence[object]:
    return tuple(getattr(one, column.name) for column in BLOTTER.columns)


BLOTTER: Final = registry.register(
    Report(
        name="blotter",
        title="Trade blotter",
        group="trading",
        about="Every version of every trade that was booked, the newest first. A line never changes:"
        " a correction is a line of its own.",
        columns=(
            Column("booked_at", "Booked", Kind.TIME),
            Column("executed_at", "Dealt", Kind.TIME),
            Column("trade", "Trade"),
            Column("version", "Version", Kind.COUNT),
            Column("state", "State"),
            Column("account", "Account"),
            Column("instrument", "Instrument"),
            Column("side", "Side"),
            Column("quantity", "Quantity", Kind.AMOUNT),
            Column("price", "Price", Kind.AMOUNT),
            Column("notional", "Notional", Kind.AMOUNT),
            CURRENCY,
            Column("fees", "Fees", Kind.AMOUNT, "The client pays them, where above zero."),
            Column("trade_date", "Trade date", Kind.DAY),
            Column("settles_on", "Settles on", Kind.DAY),
            Column("counterparty", "Counterparty"),
            Column("source", "Source"),
            Column("external_id", "External id"),
            Column("reason", "Reason", about="Why it was amended or cancelled."),
        ),
        parameters=(
            registry.SINCE,
            registry.UNTIL,
            registry.ACCOUNT,
            registry.INSTRUMENT,
            Parameter("state", "State", Ask.CHOICE, ("", *STATES), about="Of the line."),
            Parameter(
                "versions", "Versions", Ask.CHOICE, ("all", "newest"),
                about="`newest`: without lines that a later one has replaced by now.",
            ),
        ),
        reads=_blotter,
        is_paged=True,
    )
)  # fmt: skip


def _book(asked: Asked) -> Sequence[Holding]:
    return [_holding(one) for one in _held(asked)]


def _held(asked: Asked) -> Sequence[Held]:
    held = book_of(
        asked.tenant,
        limit=POSITIONS_MAX + 1,
        account=asked["account"],
        instrument=asked["instrument"],
        effective=asked["as_of"],
        known=asked["known_at"],
    )
    if len(held) > POSITIONS_MAX:
        raise ReportTooLarge("There are too many positions; ask for one account or instrument.")
    return held


def _holding(one: Held) -> Holding:
    return Holding(
        account=one.account,
        instrument=one.instrument,
        kind=one.kind,
        currency=one.currency,
        quantity=one.quantity,
        realised=one.realised_pnl,
        fees=one.fees,
        cost=one.cost,
        value=one.value,
        unrealised=one.unrealised_pnl,
    )


def _profit(asked: Asked) -> Page:
    return Page(figures.profit(_book(asked), asked["by"])[: ROWS_MAX + 1])


PROFIT: Final = registry.register(
    Report(
        name="profit",
        title="Profit",
        group="trading",
        about="What was realised since the first trade, and what closing at the newest price would"
        " bring; by account, instrument, position or in all, each currency by itself.",
        columns=(
            Column("account", "Account"),
            Column("instrument", "Instrument"),
            CURRENCY,
            Column("realised", "Realised", Kind.AMOUNT, "Before fees."),
            Column("fees", "Fees", Kind.AMOUNT),
            Column("net", "Realised, net", Kind.AMOUNT, "Less fees."),
            Column("unrealised", "Unrealised", Kind.AMOUNT, "Of positions that have a price."),
            Column("positions", "Open positions", Kind.COUNT),
            Column("unpriced", "Without a price", Kind.COUNT, "Open ones, not in `unrealised`."),
        ),
        parameters=(
            Parameter("by", "By", Ask.CHOICE, ("account", "instrument", "position", "tenant")),
            registry.ACCOUNT,
            registry.INSTRUMENT,
            registry.AS_OF,
            registry.KNOWN_AT,
        ),
        reads=_profit,
        chart=Chart("bars", ("account", "instrument"), ("net", "unrealised"), split="currency"),
    )
)


def _positions(asked: Asked) -> Page:
    held = sorted(_held(asked), key=lambda one: (one.account, one.instrument))
    return Page(
        [
            (one.account, one.instrument, one.currency, one.quantity, one.cost, one.realised_pnl,
             one.fees, one.mark, one.value, one.unrealised_pnl)
            for one in held[: ROWS_MAX + 1]
        ]
    )  # fmt: skip


POSITIONS: Final = registry.register(
    Report(
        name="positions",
        title="Positions",
        group="trading",
        about="What every account holds, or held as of a time and as it was known at a time, with the"
        " prices of then; closed positions, too.",
        columns=(
            Column("account", "Account"),
            Column("instrument", "Instrument"),
            CURRENCY,
            Column("quantity", "Quantity", Kind.AMOUNT, "Long above zero, short below."),
            Column("cost", "Cost", Kind.AMOUNT, "Total, signed like the quantity."),
            Column("realised", "Realised", Kind.AMOUNT, "Before fees."),
            Column("fees", "Fees", Kind.AMOUNT),
            Column("price", "Price", Kind.AMOUNT, "The newest one that was known; empty: none."),
            Column("value", "Value", Kind.AMOUNT, "At that price."),
            Column("unrealised", "Unrealised", Kind.AMOUNT, "At that price, before fees."),
        ),
        parameters=(
            registry.ACCOUNT, registry.INSTRUMENT, registry.AS_OF, registry.KNOWN_AT,
        ),
        reads=_positions,
    )
)  # fmt: skip


def _exposure(asked: Asked) -> Page:
    return Page(figures.exposure(_book(asked), asked["by"])[: ROWS_MAX + 1])


EXPOSURE: Final = registry.register(
    Report(
        name="exposure",
        title="Exposure",
        group="trading",
        about="What open positions are worth at the newest prices: long, short, gross and net; by"
        " instrument, kind of asset, account or in all, each currency by itself.",
        columns=(
            Column("what", "What"),
            CURRENCY,
            Column("long", "Long", Kind.AMOUNT),
            Column("short", "Short", Kind.AMOUNT, "Not negative."),
            Column("gross", "Gross", Kind.AMOUNT, "Long and short together."),
            Column("net", "Net", Kind.AMOUNT, "Long less short."),
            Column("positions", "Positions", Kind.COUNT),
            Column("at_cost", "At cost", Kind.COUNT, "Without a price: valued at what they cost."),
        ),
        parameters=(
            Parameter("by", "By", Ask.CHOICE, ("instrument", "asset", "account", "tenant")),
            registry.ACCOUNT,
            registry.INSTRUMENT,
            registry.AS_OF,
            registry.KNOWN_AT,
        ),
        reads=_exposure,
        chart=Chart("bars", ("what",), ("long", "short"), split="currency"),
    )
)


def _volumes(asked: Asked) -> Page:
    found = volumes(asked.tenant, asked["from"], asked["to"], unit=asked["by"], limit=asked.limit)
    return Page(
        [
            (one.at, one.currency, one.trades, one.buys, one.sells, one.notional, one.amended,
             one.cancelled, one.rejected)
            for one in found
        ]
    )  # fmt: skip


VOLUMES: Final = registry.register(
    Report(
        name="volumes",
        title="Volumes",
        group="trading",
        about="How much was booked in each hour or day (UTC), each currency by itself. What was"
        " refused before its instrument was known has no currency.",
        columns=(
            Column("at", "From", Kind.TIME),
            CURRENCY,
            Column("trades", "Trades", Kind.COUNT),
            Column("buys", "Buys", Kind.COUNT),
            Column("sells", "Sells", Kind.COUNT),
            Column("notional", "Notional", Kind.AMOUNT),
            Column("amended", "Amended", Kind.COUNT),
            Column("cancelled", "Cancelled", Kind.COUNT),
            Column("rejected", "Rejected", Kind.COUNT),
        ),
        parameters=(
            registry.SINCE,
            registry.UNTIL,
            Parameter("by", "By", Ask.CHOICE, ("hour", "day")),
        ),
        reads=_volumes,
        chart=Chart("line", ("at",), ("trades",), split="currency"),
    )
)
