"""Who hears what, on which queue; what the clock starts, and what an alarm does.

@handles(TradeExecuted, queue="ledger")
def book_trades(batch: Batch) -> None: ...          # one transaction with the cursor

@handles(MessageSent, queue="nlu", calls_out=True)
async def understand(event: Recorded) -> None: ...  # calls the outside; never in a transaction
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import UUID

from django.apps import apps as installed
from django.utils.module_loading import module_has_submodule

from apps.events.contracts import Event, contract_of
from apps.events.exceptions import UnknownHandler

LANES: Final = ("positions", "ledger", "settlement", "nlu", "matching", "relays")
"""The kinds of shard queue: `<lane>.<shard>`."""
CLOCK_QUEUES: Final[Mapping[str, timedelta]] = MappingProxyType(
    {
        "housekeeping": timedelta(seconds=30),
        "settlement-windows": timedelta(seconds=2),
        "webhooks": timedelta(seconds=2),
        "snapshots": timedelta(seconds=30),
        "reconciliation": timedelta(seconds=30),
        "reports": timedelta(seconds=30),
    }
)
"""The queues of what the clock starts, and how often it ticks on each."""


class Policy(StrEnum):
    """What becomes of a key that a handler cannot get past."""

    HOLD = "hold"  # its later events wait behind it: order is kept
    SKIP = "skip"  # only the failing event is set aside: for projections that can miss one
    STOP = "stop"  # the partition stops: for errors that no single key explains, and for relays to
    # streams that take only growing offsets, where a key resumed later would be refused


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it stands in the log."""

    event: Event
    topic: str
    partition: int
    offset: int
    id: UUID
    tenant_id: int
    key: str
    name: str
    version: int
    headers: dict[str, Any]
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of some partitions, in order in each, that a handler takes in one transaction.

    A key is always in the same partition, so the events of a key are in order.
    """

    handler: str
    topic: str
    events: Sequence[Recorded]
    replaying: bool = False


BatchHandler = Callable[[Batch], None]
CallingHandler = Callable[[Recorded], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Projection:
    """Tables that a handler fills from the log alone, and how two fillings are compared.

    `comparisons` are SELECTs over those tables, without ids and times that differ at every
    filling. `rebuildable` tables may be replaced by a replay; append-only ones never.
    """

    tables: tuple[str, ...]
    comparisons: dict[str, str]
    rebuildable: bool = False


@dataclass(frozen=True, slots=True)
class Handler:
    """A named reader of the log."""

    name: str
    lane: str
    topics: tuple[str, ...]
    names: frozenset[str]
    function: Callable[..., Any]
    calls_out: bool
    policy: Policy
    projection: Projection | None
    from_head: bool


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """Work that the clock starts: once a period, whoever and however many ask for it."""

    name: str
    every: timedelta
    function: Callable[[datetime], None]
    offset: timedelta = field(default_factory=timedelta)
    catch_up: int = 24
    """How many missed periods are made up for; older ones are let go."""
    queue: str = "housekeeping"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Work that is called for a subject at a time of its own (`services.ring_at`)."""

    name: str
    lane: str
    function: Callable[[str], None]


_alarms: dict[str, Alarm] = {}
_handlers: dict[str, Handler] = {}
_jobs: dict[str, PeriodicJob] = {}
F = TypeVar("F", bound=Callable[..., Any])


def handles(
    *types: type[Event],
    queue: str,
    calls_out: bool = False,
    policy: Policy = Policy.HOLD,
    projection: Projection | None = None,
    from_head: bool = False,
) -> Callable[[F], F]:
    """Register a function as the handler `<app>.<function>` of these events on a lane.

    With `calls_out` it runs outside any transaction and may be told an event again after a crash: a
    coroutine takes one event at a time, keys side by side; a plain function takes batches in order.
    A new handler starts at the beginning of the log, or at its end with `from_head`.
    """
    if queue not in LANES:
        raise ValueError(f"there is no lane {queue!r}; lanes are {', '.join(LANES)}")
    found = [contract_of(cls) for cls in types]

    def register(function: F) -> F:
        owner = function.__module__.removeprefix("apps.").split(".")[0]
        name = f"{owner}.{function.__name__}"
        _handlers[name] = Handler(
            name=name,
            lane=queue,
            topics=tuple(dict.fromkeys(contract.topic for contract in found)),
            names=frozenset(contract.name for contract in found),
            function=function,
            calls_out=calls_out,
            policy=policy,
            projection=projection,
            from_head=from_head,
        )
        return function

    return register


def periodic(
    *,
    every: timedelta,
    offset: timedelta = timedelta(),
    catch_up: int = 24,
    queue: str = "housekeeping",
) -> Callable[[F], F]:
    """Register a function of the period's start (UTC) as a clock job `<app>.<function>`."""
    if queue not in CLOCK_QUEUES:
        raise ValueError(f"there is no clock queue {queue!r}; they are {', '.join(CLOCK_QUEUES)}")

    def register(function: F) -> F:
        owner = function.__module__.removeprefix("apps.").split(".")[0]
        name = f"{owner}.{function.__name__}"
        _jobs[name] = PeriodicJob(name, every, function, offset, catch_up, queue)
        return function

    return register


def alarm(*, queue: str) -> Callable[[F], F]:
    """Register a function of a subject (text) as the alarm `<app>.<function>` on a lane.

    It looks whether what it is about is due, and is idempotent: alarms come twice, late, or never.
    """
    if queue not in LANES:
        raise ValueError(f"there is no lane {queue!r}; lanes are {', '.join(LANES)}")

    def register(function: F) -> F:
        owner = function.__module__.removeprefix("apps.").split(".")[0]
        name = f"{owner}.{function.__name__}"
        _alarms[name] = Alarm(name, queue, function)
        return function

    return register


def alarm_of(name: str) -> Alarm:
    """The alarm of this name. Raises `UnknownHandler`."""
    try:
        return _alarms[name]
    except KeyError:
        raise UnknownHandler(handler=name, handlers=sorted(_alarms)) from None


def handler(name: str) -> Handler:
    """The handler of this name. Raises `UnknownHandler`."""
    try:
        return _handlers[name]
    except KeyError:
        raise UnknownHandler(handler=name, handlers=sorted(_handlers)) from None


def handlers() -> list[Handler]:
    """Every handler, by name."""
    return [_handlers[name] for name in sorted(_handlers)]


def handlers_of(topic: str) -> list[Handler]:
    """The handlers that read a topic."""
    return [found for found in handlers() if topic in found.topics]


def jobs() -> list[PeriodicJob]:
    """Every clock job, by name."""
    return [_jobs[name] for name in sorted(_jobs)]


def unregister(name: str) -> None:
    """Forget a handler; tests that bring handlers of their own take them away again."""
    _handlers.pop(name, None)


def load() -> None:
    """Import `events`, `handlers` and `tasks` of every app, so that all of them are registered."""
    for config in installed.get_app_configs():
        if not config.name.startswith("apps."):
            continue
        for module in ("events", "handlers", "tasks"):
            if config.module is not None and module_has_submodule(config.module, module):
                import_module(f"{config.name}.{module}")
