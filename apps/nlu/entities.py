"""Names of things in a text: dates, amounts, account and order numbers, mail addresses, and lists.

Pure. Patterns first come, first served: what one has taken, a later one does not take again.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from apps.nlu.interpretation import Entity

_CURRENCY: Final = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_CODES = "USD|EUR|GBP|CHF|JPY|CAD|AUD|dollars?|euros?|pounds?|francs?"
_NAMES: Final = {"dollar": "USD", "euro": "EUR", "pound": "GBP", "franc": "CHF"}
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july",
         "aug august", "sep sept september", "oct october", "nov november", "dec december"), 1
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"


def _amount(found: re.Match[str]) -> str | None:
    given = found.groupdict()
    sign, code = given.get("sign"), (given.get("code") or "").casefold().rstrip("s")
    currency = _CURRENCY[sign] if sign else _NAMES.get(code, code.upper())
    try:
        return f"{Decimal(given['number'].replace(',', ''))} {currency}"
    except InvalidOperation:
        return None


def _iso_date(found: re.Match[str]) -> str | None:
    return _date(found["year"], found["month"], found["day"])


def _named_date(found: re.Match[str]) -> str | None:
    month = _MONTHS[found["month"].casefold()]
    if found["year"]:
        return _date(found["year"], month, found["day"])
    return f"--{month:02}-{int(found['day']):02}" if 1 <= int(found["day"]) <= 31 else None  # noqa: PLR2004 - a calendar's days


def _date(year: str, month: str | int, day: str) -> str | None:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


def _upper(found: re.Match[str]) -> str:
    return found["value"].upper()


def _as_is(found: re.Match[str]) -> str:
    return found["value"].casefold()


Reading = Callable[[re.Match[str]], str | None]
_PATTERNS: Final[Sequence[tuple[str, str, Reading]]] = (
    ("email", r"(?P<value>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)", _as_is),
    ("date", r"\b(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})\b", _iso_date),
    ("date", r"\b(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})\b", _iso_date),
    ("date", rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{_MONTH})\b(?:,? (?P<year>\d{{4}}))?", _named_date),
    ("date", rf"\b(?P<month>{_MONTH}) (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<year>\d{{4}}))?", _named_date),
    ("date", r"\b(?P<value>today|tomorrow|yesterday)\b", _as_is),
    ("amount", rf"(?P<sign>[$€£¥]) ?(?P<number>{_NUMBER})", _amount),
    ("amount", rf"\b(?P<number>{_NUMBER}) ?(?P<sign>[$€£¥])", _amount),
    ("amount", rf"\b(?P<number>{_NUMBER}) ?(?P<code>{_CODES})\b", _amount),
    ("amount", rf"\b(?P<code>USD|EUR|GBP|CHF|JPY|CAD|AUD) ?(?P<number>{_NUMBER})", _amount),
    ("account_number", r"\b(?P<value>(?:ACC|DEMO)-\d{3,12})\b", _upper),
    ("account_number", r"\b(?:account|acct|konto)(?: (?:number|no\.?|nr\.?))?:? #?(?P<value>\d{4,16})\b", _upper),
    ("order_number", r"\b(?P<value>(?:ORD|ORDER|PO)-?\d{3,16})\b", _upper),
    ("order_number", r"\b(?:order|booking|ticket)(?: (?:number|no\.?|nr\.?))?:? #?(?P<value>\d{3,16})\b", _upper),
    ("order_number", r"#(?P<value>\d{3,16})\b", _upper),
)  # fmt: skip
KINDS: Final = frozenset(kind for kind, _, _ in _PATTERNS)
"""What the patterns find."""
_COMPILED = [(kind, re.compile(text, re.IGNORECASE), reading) for kind, text, reading in _PATTERNS]


def entities_of(
    text: str, lists: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[Entity, ...]:
    """The entities of a text, in the order of their place.

    `lists` holds a tenant's own: kind → synonym → value ("card" → "debit card" → "CARD-DEBIT").
    """
    taken: list[Entity] = []
    for one in (*_by_lists(text, lists or {}), *_by_patterns(text)):
        assert one.start is not None
        assert one.end is not None
        if all(one.end <= (other.start or 0) or (other.end or 0) <= one.start for other in taken):
            taken.append(one)
    return tuple(sorted(taken, key=lambda one: one.start or 0))


def _by_patterns(text: str) -> Iterator[Entity]:
    for kind, pattern, reading in _COMPILED:
        for found in pattern.finditer(text):
            value = reading(found)
            if value is not None:
                yield Entity(kind, value, found[0], found.start(), found.end())


def _by_lists(text: str, lists: Mapping[str, Mapping[str, str]]) -> Iterator[Entity]:
    found = [
        (synonym, kind, value)
        for kind, values in lists.items()
        for synonym, value in values.items()
        if synonym.strip()
    ]
    # Longest first, so that "debit card" is not taken for "card".
    for synonym, kind, value in sorted(found, key=lambda one: (-len(one[0]), one)):
        pattern = rf"(?<!\w){re.escape(synonym.strip())}(?!\w)"
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield Entity(kind, value, match[0], match.start(), match.end())
