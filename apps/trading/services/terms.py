"""What accounts, instruments and counterparties have in common: names, comparisons, changes."""

import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from django.db import models

from apps.core.exceptions import Fault, fault
from apps.trading.exceptions import TermsRefused
from apps.trading.selectors.reference import as_uuid

NATURAL: Final = re.compile(r"[A-Za-z0-9^][A-Za-z0-9._:&=^+-]{0,63}")
SYMBOL: Final = re.compile(r"(?=.{1,64}$)[A-Za-z0-9^](?: ?[A-Za-z0-9._:&=^+/-])*")
CURRENCY: Final = re.compile(r"[A-Z0-9]{2,12}")
NAME_MAX: Final = 200


def natural_name_faults(field: str, name: str, form: re.Pattern[str] = NATURAL) -> Iterator[Fault]:
    """Why this cannot be a number, symbol or code, which stands in addresses in place of an id."""
    if not form.fullmatch(name):
        signs = "._:&=^+-/ and single spaces" if form is SYMBOL else "._:&=^+-"
        detail = f"Up to 64 of: letters, digits, {signs}; a letter, digit or ^ first."
        yield fault(field, "invalid_name", detail)
    elif as_uuid(name) is not None:
        yield fault(field, "invalid_name", "It looks like an id; choose a name that cannot be one.")


def text_faults(field: str, text: str) -> Iterator[Fault]:
    """Why this cannot be shown to people as a name."""
    if not 1 <= len(text.strip()) <= NAME_MAX or not text.isprintable():
        yield fault(field, "invalid_text", f"1 to {NAME_MAX} printable characters.")


def currency_faults(field: str, currency: str) -> Iterator[Fault]:
    """Why this cannot be a currency's code."""
    if not CURRENCY.fullmatch(currency):
        yield fault(field, "invalid_currency", "2 to 12 capital letters and digits, such as USD.")


def choice_faults(field: str, value: str, values: Collection[str]) -> Iterator[Fault]:
    """Why this is none of the choices."""
    if value not in values:
        yield fault(field, "invalid_choice", f"One of {', '.join(values)}.")


def positive_faults(field: str, amount: Decimal | int | None) -> Iterator[Fault]:
    """Why this cannot be a size or a limit; none is always allowed."""
    if amount is not None and amount <= 0:
        yield fault(field, "not_positive", "It is greater than 0, or null.")


def refuse(faults: list[Fault]) -> None:
    """Raise `TermsRefused` if there is any reason to."""
    if faults:
        raise TermsRefused(errors=faults)


def differing(row: models.Model, terms: Mapping[str, Any]) -> list[Fault]:
    """The terms in which a row that is there already is another one."""
    return [
        fault(name, "differs", f"It exists with another {name}.")
        for name, value in terms.items()
        if getattr(row, name) != value
    ]


def fixed_faults(changes: Mapping[str, Any], changeable: Collection[str]) -> list[Fault]:
    """A fault for every change of what never changes."""
    return [
        fault(name, "fixed", f"It cannot be changed; what can is {', '.join(changeable)}.")
        for name in changes
        if name not in changeable
    ]


def assign(row: models.Model, changes: Mapping[str, Any]) -> list[str]:
    """Put changes into a row; the names of those that were any."""
    changed = [name for name, value in changes.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, changes[name])
    return changed
