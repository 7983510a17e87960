"""Publish: collect facts in a unit of work, append them as its last act, wake the readers after."""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec
import structlog
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from apps.core.ids import uuid7
from apps.core.problems import dumps
from apps.events.contracts import Event, contract_of, encode, partition_of
from apps.events.services import waking
from apps.events.services.barriers import barrier

log = structlog.get_logger(__name__)

NO_HEADERS = msgspec.Raw(b"{}")
_encode = msgspec.json.Encoder().encode

# One JSON text for many facts: parsed faster than ten arrays, on both sides (measured: 2.4 times).
APPEND = "SELECT events_append(%s::text[], %s::smallint[], %s::json)"
ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # but not an escaped backslash and "u0000"


class Publication(msgspec.Struct, frozen=True, gc=False):
    """A fact on its way into the log: a row, by the names of its columns."""

    topic: str
    partition: int
    id: UUID
    tenant_id: int
    key: str
    name: str
    version: int
    data: msgspec.Raw
    headers: msgspec.Raw
    occurred_at: datetime


@dataclass(slots=True)
class UnitOfWork:
    """What one transaction has to tell: facts for the log, and calls for after the commit."""

    muted: bool = False
    """A replay: facts were told long ago, and screens and caches hear nothing."""
    publications: list[Publication] = field(default_factory=list)
    callbacks: list[Callable[[], None]] = field(default_factory=list)
    ended: bool = False
    """Its transaction is over: what is told now would reach nobody."""

    def publish(
        self, fact: Event, *, tenant: int, key: str, occurred_at: datetime | None = None
    ) -> None:
        """Tell a fact of an entity (`key`); it enters the log with this transaction, or not at all.

        Raises `RuntimeError` after the end of the unit of work, `TypeError` for an event that was
        never declared, `ValueError` for text that PostgreSQL cannot store.
        """
        self._must_go_on()
        if self.muted:
            return
        contract = contract_of(type(fact))
        data = encode(fact)
        if "\0" in key or ("\\u0000" in data and ESCAPED_NUL.search(data)):
            # Found here, this is the fault of one fact; at the append it would be everybody's.
            raise ValueError(f"{contract.name}: a NUL character cannot be stored")
        self.publications.append(
            Publication(
                topic=contract.topic,
                partition=partition_of(key),
                id=uuid7(),
                tenant_id=tenant,
                key=key,
                name=contract.name,
                version=contract.version,
                data=msgspec.Raw(data.encode()),
                headers=_headers(),
                occurred_at=occurred_at or timezone.now(),
            )
        )

    def after_commit(self, call: Callable[[], None]) -> None:
        """Have something done once this is committed; if it fails, that is logged and nothing more."""
        self._must_go_on()
        if not self.muted:
            self.callbacks.append(call)

    def mark(self) -> tuple[int, int]:
        """Where a savepoint begins, for `forget_since`."""
        return len(self.publications), len(self.callbacks)

    def forget_since(self, mark: tuple[int, int]) -> None:
        """Take back what was collected since a savepoint that is rolled back."""
        del self.publications[mark[0] :]
        del self.callbacks[mark[1] :]

    def _must_go_on(self) -> None:
        if self.ended:
            raise RuntimeError("this unit of work is over: its transaction has ended")


class _Local(threading.local):
    work: UnitOfWork | None = None


_local = _Local()


@contextmanager
def unit_of_work(*, muted: bool = False) -> Iterator[UnitOfWork]:
    """One transaction and what it tells. A nested one joins the outer; a drain is one, too.

    Raises `RuntimeError` inside a transaction that is no unit of work, since the append could not
    be that transaction's last act; `TransactionManagementError` where an error inside a nested one
    was swallowed, since Django would roll all of it back in silence.
    """
    if _local.work is not None:
        with transaction.atomic(savepoint=False):
            yield _local.work
        return
    work = UnitOfWork(muted=muted)
    with transaction.atomic(durable=True):
        _local.work = work
        try:
            yield work
            if connection.needs_rollback:
                raise TransactionManagementError(
                    "an error inside this unit of work was swallowed; nothing of it can be committed"
                )
            barrier("before_append", work)
            places = append(work.publications)
            barrier("after_append", work)
        finally:
            _local.work = None
            work.ended = True
    barrier("before_wake", work)
    for call in work.callbacks:
        _quietly(call)
    waking.wake_readers(places)


def append(publications: Sequence[Publication]) -> set[tuple[str, int]]:
    """Write facts to the log, in one call; the partitions that they went to."""
    if not publications:
        return set()
    places = sorted({(one.topic, one.partition) for one in publications})
    topics, partitions = zip(*places, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(APPEND, [list(topics), list(partitions), _encode(publications).decode()])
    return set(places)


def _headers() -> msgspec.Raw:
    context = structlog.contextvars.get_contextvars()
    kept = {name: context[name] for name in ("trace_id", "client") if name in context}
    return msgspec.Raw(dumps(kept)) if kept else NO_HEADERS


def _quietly(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:
        # The facts are committed: whoever called must not think that they are not.
        log.exception("a call after the commit failed", call=getattr(call, "__qualname__", ""))
