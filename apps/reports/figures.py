"""Profit and exposure of holdings, added up by account, instrument or tenant. Pure.

Amounts are added within a currency only: there is a row for each. What has no price is counted and
never valued at nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from apps.core.money import ZERO, exact


@dataclass(frozen=True, slots=True)
class Holding:
    """A position as it is counted: amounts in `currency`."""

    account: str
    instrument: str
    kind: str
    currency: str
    quantity: Decimal
    realised: Decimal
    fees: Decimal
    cost: Decimal
    """Signed like the quantity."""
    value: Decimal | None
    """The contract value at the mark, signed like the quantity; none without a mark."""
    unrealised: Decimal | None


Key = tuple[str, ...]
"""What is grouped by: names of a holding's members; "" stands for all."""

BY: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "account": ("account", ""),
        "instrument": ("", "instrument"),
        "position": ("account", "instrument"),
        "tenant": ("", ""),
    }
)
EXPOSED_BY: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "instrument": ("instrument",),
        "asset": ("kind",),
        "account": ("account",),
        "tenant": ("",),
    }
)


def profit(holdings: Iterable[Holding], by: str) -> list[tuple[str | Decimal | int, ...]]:
    """(account, instrument, currency, realised, fees, net, unrealised, positions, unpriced), sorted.

    `net` is realised less fees. `unrealised` is of the priced positions; `unpriced` counts the open
    others.
    """
    rows: list[tuple[str | Decimal | int, ...]] = []
    for (*key, currency), group in _grouped(holdings, BY[by]):
        with exact():
            realised = sum((one.realised for one in group), ZERO)
            fees = sum((one.fees for one in group), ZERO)
            unrealised = sum((one.unrealised for one in group if one.unrealised is not None), ZERO)
            net = realised - fees
        held = [one for one in group if one.quantity]
        unpriced = sum(one.unrealised is None for one in held)
        rows.append((*key, currency, realised, fees, net, unrealised, len(held), unpriced))
    return rows


def exposure(holdings: Iterable[Holding], by: str) -> list[tuple[str | Decimal | int, ...]]:
    """(what, currency, long, short, gross, net, positions, at_cost), sorted.

    Contract values at marks: `long` and `short` are not negative, gross is their sum, net their
    difference. A position without a mark counts at what it cost, and in `at_cost`.
    """
    rows: list[tuple[str | Decimal | int, ...]] = []
    for (*key, currency), group in _grouped(holdings, EXPOSED_BY[by]):
        held = [one for one in group if one.quantity]
        if not held:
            continue
        values = [one.cost if one.value is None else one.value for one in held]
        with exact():
            long = sum((value for value in values if value > 0), ZERO)
            short = sum((value.copy_negate() for value in values if value < 0), ZERO)
            gross, net = long + short, long - short
        at_cost = sum(one.value is None for one in held)
        rows.append((*key, currency, long, short, gross, net, len(held), at_cost))
    return rows


def _grouped(
    holdings: Iterable[Holding], key: Key
) -> Iterable[tuple[tuple[str, ...], Sequence[Holding]]]:
    groups: dict[tuple[str, ...], list[Holding]] = {}
    for one in holdings:
        place = [getattr(one, name) if name else "" for name in key]
        groups.setdefault((*place, one.currency), []).append(one)
    return sorted(groups.items())
