"""What an event is: a frozen, versioned fact with a name, a topic and a key. No Django here.

    @event("trading.trade.executed", topic="trade", version=1)
    class TradeExecuted(Event):
        trade_id: UUID
        price: Decimal

Fields are plain values; Decimals travel as strings, times (`Moment`) as ISO 8601. A released version never
changes incompatibly (`tests/contracts/` holds the golden schemas); a new version comes with an
upcaster that turns the older form into the newer one.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import msgspec

from apps.events.exceptions import UnknownEvent

PARTITIONS: Final = 64
"""Logical partitions of every topic. Fixed for ever: the order of a key rests on it."""

TOPICS: Final = (
    "agent",
    "conversation",
    "message",
    "session",
    "bot",
    "analytics",
    "trade",
    "position",
    "ledger",
    "settlement",
    "instrument",
)


def partition_of(key: str) -> int:
    """The logical partition of a key: CRC32 of its UTF-8 bytes modulo 64, as golden tests pin."""
    return zlib.crc32(key.encode()) % PARTITIONS


Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone: a naive one would be read as another moment elsewhere."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. Subclasses are declared with `@event`."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The promise behind an event class."""

    type: type[Event]
    name: str
    topic: str
    version: int
    decoder: msgspec.json.Decoder[Event]

    def schema(self) -> dict[str, Any]:
        """The JSON Schema (2020-12) of the event's data."""
        return msgspec.json.schema(self.type)


Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
E = TypeVar("E", bound=type[Event])

_by_type: dict[type[Event], Contract] = {}
_by_name: dict[str, Contract] = {}
_upcasters: dict[tuple[str, int], Upcaster] = {}


def event(name: str, *, topic: str, version: int = 1) -> Callable[[E], E]:
    """Declare a class as the current version of an event; `name` is dotted and in the past tense."""
    if topic not in TOPICS and not topic.startswith("test-"):
        raise ValueError(f"{name}: there is no topic {topic!r}")

    def declare(cls: E) -> E:
        if (other := _by_name.get(name)) and other.type.__qualname__ != cls.__qualname__:
            raise ValueError(f"{name} is declared twice: {other.type} and {cls}")
        contract = Contract(cls, name, topic, version, msgspec.json.Decoder(cls))
        _by_type[cls] = _by_name[name] = contract
        return cls

    return declare


def upcasts(name: str, *, from_version: int) -> Callable[[Upcaster], Upcaster]:
    """Declare how data of `from_version` becomes data of the next version."""

    def declare(function: Upcaster) -> Upcaster:
        _upcasters[name, from_version] = function
        return function

    return declare


def missing_upcasters() -> list[tuple[str, int]]:
    """Older versions (name, version) that nobody could read: their upcaster was not declared."""
    return [
        (contract.name, version)
        for contract in contracts()
        for version in range(1, contract.version)
        if (contract.name, version) not in _upcasters
    ]


def contract_of(cls: type[Event]) -> Contract:
    """The contract of an event class. Raises `TypeError` where it was never declared."""
    try:
        return _by_type[cls]
    except KeyError:
        raise TypeError(f"{cls.__name__} is not declared with @event") from None


def contracts() -> list[Contract]:
    """Every declared contract, by name."""
    return [_by_name[name] for name in sorted(_by_name)]


_encoder = msgspec.json.Encoder(decimal_format="string")


def encode(fact: Event) -> str:
    """The event's data as JSON text."""
    return _encoder.encode(fact).decode()


def decode(name: str, version: int, data: str) -> Event:
    """The event as the newest version of its class.

    Raises `UnknownEvent` where a newer release wrote it, `msgspec.ValidationError` where the data
    breaks its own contract.
    """
    contract = _by_name.get(name)
    if contract is None or version > contract.version:
        raise UnknownEvent(name=name, version=version)
    if version == contract.version:
        return contract.decoder.decode(data)
    older = msgspec.json.decode(data)
    for step in range(version, contract.version):
        older = _upcasters[name, step](older)
    return msgspec.convert(older, contract.type)
