"""What a day of failing costs: rates per business day on what failed, at a reference price. Pure.

Rates are those of the settlement discipline regime for securities (CSDR): 0.10 bp for government
bonds to 1.0 bp for liquid shares. Whoever caused the fail pays.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from apps.core.money import exact, round_to

RATES: Final[Mapping[str, Decimal]] = MappingProxyType({"bond": Decimal("0.00001")})
RATE: Final = Decimal("0.0001")
COUNTERPARTYS: Final = frozenset({"CLAC", "CMON", "CLAT", "PRCY"})
"""ISO 20022 reasons that name the other side."""
OURS: Final = frozenset({"LACK", "MONY", "PREA", "LATE"})


def rate_for(kind: str) -> Decimal:
    """The rate per business day for an instrument of this kind."""
    return RATES.get(kind, RATE)


def penalty(quantity: Decimal, price: Decimal, rate: Decimal, scale: int) -> Decimal:
    """What a day costs: never below zero, and zero where nothing is worth anything."""
    with exact():
        return round_to(abs(quantity * price * rate), scale)


def is_ours(code: str, *, delivers: bool) -> bool:
    """Whether our client caused the fail; without a reason it is whoever had to deliver."""
    if code in OURS:
        return True
    return code not in COUNTERPARTYS and delivers
