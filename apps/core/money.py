"""Exact amounts: the one rounding, the scales of currencies, canonical text, shares that add up.

Amounts are `Decimal`, never float: |x| < 1e20 with at most 18 decimals, as NUMERIC(38,18) holds in
the database. Sums and products, even a minus sign, belong inside `exact()`: Python's own context of
28 digits would round a 38-digit amount without a word.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import (
    ROUND_05UP,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    InvalidOperation,
    Overflow,
    localcontext,
)
from types import MappingProxyType
from typing import Final

SCALE_MAX: Final = 18
AMOUNT_LIMIT: Final = Decimal("1e20")
FIAT_SCALE: Final = 12
ZERO: Final = Decimal(0)

# ISO 4217 list one (2026-01-01) by number of minor units. Last in the row of two: codes withdrawn
# lately, which older trades still carry. Codes without minor units (XAU, XDR, ...) are left out.
_ISO_4217 = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
        CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL
        GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR
        LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD
        PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC
        SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR
        ZMW ZWG ANG BGN CUC HRK SLL ZWL""",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
# The smallest unit of each coin's own chain (of the contract for the tokens), capped at SCALE_MAX.
_COINS = {
    6: "ADA ALGO ATOM TRX USDC USDT XRP XTZ",
    7: "XLM",
    8: "APT BCH BTC DASH DOGE HBAR LTC WBTC XBT ZEC",
    9: "SOL SUI TON",
    10: "DOT",
    12: "XMR",
    18: "AVAX BNB DAI ETC ETH FIL LINK NEAR POL SHIB UNI",
}


def _by_code(rows: Mapping[int, str]) -> Mapping[str, int]:
    return MappingProxyType(
        {code: units for units, codes in rows.items() for code in codes.split()}
    )


FIAT: Final = _by_code(_ISO_4217)
COINS: Final = _by_code(_COINS)
CURRENCIES: Final[Mapping[str, int]] = MappingProxyType({**COINS, **FIAT})

# 120 digits hold the product of three 38-digit amounts whole. A quotient may not end: ROUND_05UP
# leaves a trace of what was cut, so that `round_to` after it is right as if it saw every digit.
_EXACT = Context(
    prec=120,
    rounding=ROUND_05UP,
    Emin=-999_999,
    Emax=999_999,
    traps=[InvalidOperation, DivisionByZero, Overflow, FloatOperation],
)
_UNITS = tuple(Decimal((0, (1,), -scale)) for scale in range(SCALE_MAX + 1))
_TEXT_MAX = 64  # longer than any amount that fits, shorter than anything that costs time to parse
_AMOUNT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")


def exact() -> AbstractContextManager[Context]:
    """A block in which sums and products of amounts lose no digit, and a float is refused.

    Quotients made inside must go through `round_to`. Raises decimal.InvalidOperation on NaN and
    decimal.DivisionByZero inside the block.
    """
    return localcontext(_EXACT)


def round_to(value: Decimal, scale: int) -> Decimal:
    """`value` with `scale` decimals, half to even: the only rounding in the system. Never "-0".

    Raises ValueError where `value` is not finite or `scale` is not within 0..18.
    """
    if not 0 <= scale <= SCALE_MAX:
        raise ValueError(f"a scale is between 0 and {SCALE_MAX}, not {scale}")
    if not value.is_finite():
        raise ValueError(f"{value} is not an amount")
    rounded = value.quantize(_UNITS[scale], ROUND_HALF_EVEN, _EXACT)
    return rounded or rounded.copy_abs()


def scale_of(currency: str) -> int:
    """Decimals with which amounts of a currency or asset are booked: fiat 12, anything else 18."""
    return FIAT_SCALE if currency in FIAT else SCALE_MAX


def minor_units(currency: str) -> int:
    """Decimals with which it is paid and shown: USD 2, JPY 0, BTC 8; 18 where nothing is known."""
    return CURRENCIES.get(currency, SCALE_MAX)


def plain(value: Decimal) -> str:
    """The canonical text of an amount: no exponent, no trailing zeros, no "-0".

    Raises ValueError where `value` is not finite.
    """
    if not value.is_finite():
        raise ValueError(f"{value} is not an amount")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if value else "0"


def parse_amount(text: object, *, scale: int = SCALE_MAX) -> Decimal:
    """The amount that `text` (or an int, or a Decimal) states, without loss or rounding.

    Raises ValueError, with a sentence for the sender, for a float (its digits are not what was
    typed), NaN, infinity, an exponent of three digits or more, |x| >= 1e20, more than `scale`
    decimals, and anything that is not a number in plain ASCII.
    """
    value = _read(text)
    if not value:
        return ZERO
    if value.adjusted() >= AMOUNT_LIMIT.adjusted():
        raise ValueError("an amount must be below 100000000000000000000 (1e20)")
    if round_to(value, scale) != value:
        raise ValueError(f"an amount has at most {scale} decimals here")
    exponent = value.as_tuple().exponent
    # Digits stay as they were typed ("5.00"); only an exponent ("1e3") is written out.
    if isinstance(exponent, int) and -scale <= exponent <= 0:
        return value
    return Decimal(plain(value))


def _read(text: object) -> Decimal:
    if isinstance(text, Decimal):
        if not text.is_finite():
            raise ValueError("an amount must be a finite number")
        return text
    if isinstance(text, bool | float):
        raise ValueError('an amount is sent as text, such as "12.50", never as a float')
    if isinstance(text, int):
        if text.bit_length() > AMOUNT_LIMIT.adjusted() * 4:  # before any digit is made of it
            raise ValueError("an amount must be below 100000000000000000000 (1e20)")
        return Decimal(text)
    if not isinstance(text, str):
        raise ValueError('an amount is sent as text, such as "12.50"')
    if len(text) > _TEXT_MAX:
        raise ValueError(f"an amount has at most {_TEXT_MAX} characters")
    if not _AMOUNT.fullmatch(text):
        raise ValueError('an amount is a decimal number, such as "-12.50"')
    return Decimal(text)


def allocate(total: Decimal, weights: Sequence[Decimal], scale: int) -> list[Decimal]:
    """Shares of `total` in proportion to `weights`, which add up to `total` exactly.

    What is rounded to `scale` is the running sum, not each share: so every share is within one unit
    of its exact value, none has the wrong sign, and the last takes what is left (with whatever
    `total` has beyond `scale`). Raises ValueError on no weights, a negative one, or a sum of 0.
    """
    with exact():
        whole = sum(weights, ZERO)
        if whole <= 0 or min(weights) < 0:
            raise ValueError("weights must not be negative and must not all be 0")
        shares, given, weight = [], ZERO, ZERO
        for part in weights[:-1]:
            weight += part
            reached = round_to(total * weight / whole, scale)
            shares.append(reached - given)
            given = reached
        return [*shares, total - given]
