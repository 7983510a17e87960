"""The JSON of a clearing system over HTTP, as both sides write and read it. Pure.

POST /instructions                {"instructions": [Wanted]}  → {"results": [Result]}
POST /instructions/status         {"ids": [uuid]}             → {"results": [Result]}
POST /instructions/cancellation   {"ids": [uuid]}             → {"results": [Result]}
GET  /holdings                                                → {"holdings": [Held]}
POST to us, when something happened: {"notices": [Told]}

Amounts are text. Both sides read over fields that they do not know: a clearing system adds to its notices without
asking its participants, and a fact about money must not be turned away for a word beside it.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec

from apps.settlement.clearing.protocol import NoticeKind

INSTRUCTIONS: Final = "/instructions"
STATUS: Final = "/instructions/status"
CANCELLATION: Final = "/instructions/cancellation"
HOLDINGS: Final = "/holdings"
NOTICES_MAX: Final = 500

Text = Annotated[str, msgspec.Meta(max_length=2_000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Wanted(msgspec.Struct, frozen=True):
    """An instruction."""

    id: UUID
    movement: Literal["deliver", "receive"]
    account: Name
    symbol: Name
    quantity: Decimal
    currency: Name
    amount: Decimal
    payment: Literal["against", "free"]
    trade_date: date
    settles_on: date
    counterparty: Text | None = None


class Instructions(msgspec.Struct, frozen=True):
    """A call with instructions."""

    instructions: list[Wanted]


class Ids(msgspec.Struct, frozen=True):
    """A call about instructions."""

    ids: list[UUID]


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an instruction stands."""

    id: UUID
    status: Literal["accepted", "rejected", "settled", "cancelled", "absent", "refused"]
    """`refused` answers a cancellation that comes too late or is not wanted."""
    reference: str = ""
    code: str = ""
    detail: str = ""
    quantity: Decimal | None = None
    amount: Decimal | None = None
    """What was settled under it so far."""


class Results(msgspec.Struct, frozen=True):
    """The answer to a call."""

    results: list[Result]


class Held(msgspec.Struct, frozen=True):
    """A line of the statement."""

    account: str
    asset: str
    amount: Decimal


class Holdings(msgspec.Struct, frozen=True):
    """The statement."""

    holdings: list[Held]


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fact that a clearing system tells."""

    id: Name
    instruction: Name
    kind: NoticeKind
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    quantity: Decimal | None = None
    amount: Decimal | None = None
    code: Text = ""
    detail: Text = ""


class Notices(msgspec.Struct, frozen=True):
    """A call to us."""

    notices: Annotated[list[Told], msgspec.Meta(max_length=NOTICES_MAX)]


encode = msgspec.json.Encoder(decimal_format="string").encode
