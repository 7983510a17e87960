"""What an account system and we say to each other: JSON over HTTP, signed both ways.

It is asked (`GET /accounts?since=<cursor>`), and it tells (our webhook). Either way it sends accounts as
they are now, each with a version that only grows: of two that it said, the one of the higher version
counts, however late the other one arrives.

A message is signed as the Standard Webhooks specification says (`webhook-id`, `webhook-timestamp`,
`webhook-signature`); the content of a call without a body is its path and query. Each tenant has a
secret of its own, derived from the one that the environment gives.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from apps.core.exceptions import Fault, fault
from apps.core.money import parse_amount

CHANGES: Final = "/accounts"
TENANT: Final = "x-tenant"
MOST: Final = 1_000  # accounts in one message
ORDERS_MAX: Final = 1_000_000

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


# Strict, other than with clearing systems: a limit that we do not know would be a limit that we do not hold.
class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An account as it is now. No limit: null."""

    number: Text
    version: Annotated[int, msgspec.Meta(ge=1, le=2**62)]
    status: Literal["open", "frozen", "closed"]
    max_order_notional: str | None = None
    max_gross_exposure: str | None = None
    max_orders_per_second: Annotated[int, msgspec.Meta(ge=1, le=ORDERS_MAX)] | None = None

    @property
    def limits(self) -> dict[str, Decimal | int | None]:
        """Its limits, by the names that accounts have for them."""
        return {
            "max_order_notional": _amount(self.max_order_notional),
            "max_gross_exposure": _amount(self.max_gross_exposure),
            "max_orders_per_second": self.max_orders_per_second,
        }


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is pushed."""

    accounts: Annotated[list[Told], msgspec.Meta(min_length=1, max_length=MOST)]


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is answered: accounts that changed after a cursor, oldest change first."""

    accounts: Annotated[list[Told], msgspec.Meta(max_length=MOST)]
    cursor: Number
    more: bool


def faults(told: list[Told]) -> Iterator[Fault]:
    """What JSON types cannot say: texts that the database takes, limits above zero."""
    for number, one in enumerate(told):
        if not one.number.isprintable():
            yield _fault(number, "number", "invalid_text", "Printable characters only.")
        for name in ("max_order_notional", "max_gross_exposure"):
            try:
                amount = _amount(getattr(one, name))
            except ValueError as error:
                yield _fault(number, name, "invalid_amount", f"{error}.")
                continue
            if amount is not None and amount <= 0:
                yield _fault(number, name, "not_positive", "It is greater than 0, or null.")


def secret_of(secret: str, tenant: int) -> str:
    """What a tenant and the account system sign with, both ways."""
    key = hmac.digest(secret.encode(), f"account-system:{tenant}".encode(), hashlib.sha256)
    return "whsec_" + base64.b64encode(key).decode()


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else parse_amount(text)


def _fault(number: int, name: str, code: str, detail: str) -> dict[str, str]:
    return fault(f"accounts.{number}.{name}", code, detail)
