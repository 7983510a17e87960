"""Publish: collect facts in a unit of work, append them as its last act, wake the readers after."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.utils import timezone

from apps.core.ids import uuid7
from apps.core.problems import dumps
from apps.events.contracts import Event, contract_of, encode, partition_of
from apps.events.services import waking

log = structlog.get_logger(__name__)

APPEND = """
SELECT at_topic, at_partition, at_offset FROM events_append(
    %s::text[], %s::smallint[], %s::uuid[], %s::integer[], %s::text[], %s::text[],
    %s::smallint[], %s::text[], %s::text[], %s::timestamptz[])
"""


@dataclass(frozen=True, slots=True)
class Publication:
    """A fact on its way into the log."""

    topic: str
    partition: int
    id: UUID
    tenant_id: int
    key: str
    name: str
    version: int
    data: str
    headers: str
    occurred_at: datetime


@dataclass(slots=True)
class UnitOfWork:
    """What one transaction has to tell: facts for the log, and calls for after the commit."""

    muted: bool = False
    """A replay: facts were told long ago, and screens and caches hear nothing."""
    publications: list[Publication] = field(default_factory=list)
    callbacks: list[Callable[[], None]] = field(default_factory=list)

    def publish(
        self, fact: Event, *, tenant: int, key: str, occurred_at: datetime | None = None
    ) -> None:
        """Tell a fact of an entity (`key`); it enters the log with this transaction, or not at all."""
        if self.muted:
            return
        contract = contract_of(type(fact))
        self.publications.append(
            Publication(
                topic=contract.topic,
                partition=partition_of(key),
                id=uuid7(),
                tenant_id=tenant,
                key=key,
                name=contract.name,
                version=contract.version,
                data=encode(fact),
                headers=_headers(),
                occurred_at=occurred_at or timezone.now(),
            )
        )

    def after_commit(self, call: Callable[[], None]) -> None:
        """Have something done once this is committed; if it fails, that is logged and nothing more."""
        if not self.muted:
            self.callbacks.append(call)

    def mark(self) -> tuple[int, int]:
        """Where a savepoint begins, for `forget_since`."""
        return len(self.publications), len(self.callbacks)

    def forget_since(self, mark: tuple[int, int]) -> None:
        """Take back what was collected since a savepoint that is rolled back."""
        del self.publications[mark[0] :]
        del self.callbacks[mark[1] :]


class _Local(threading.local):
    work: UnitOfWork | None = None


_local = _Local()


@contextmanager
def unit_of_work(*, muted: bool = False) -> Iterator[UnitOfWork]:
    """One transaction and what it tells. A nested one joins the outer; a drain is one, too.

    Raises `RuntimeError` inside a transaction that is no unit of work, since the append could not
    be that transaction's last act.
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
            places = append(work.publications)
        finally:
            _local.work = None
    for call in work.callbacks:
        _quietly(call)
    waking.wake_readers(places)


def append(publications: Sequence[Publication]) -> set[tuple[str, int]]:
    """Write facts to the log, in one call; the partitions that they went to."""
    if not publications:
        return set()
    columns = [
        [getattr(one, name) for one in publications]
        for name in ("topic", "partition", "id", "tenant_id", "key", "name", "version", "data",
                     "headers", "occurred_at")
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(APPEND, columns)
    return {(one.topic, one.partition) for one in publications}


def _headers() -> str:
    context = structlog.contextvars.get_contextvars()
    kept = {name: context[name] for name in ("trace_id", "client") if name in context}
    return dumps(kept).decode() if kept else "{}"


def _quietly(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:
        # The facts are committed: whoever called must not think that they are not.
        log.exception("a call after the commit failed", call=getattr(call, "__qualname__", ""))
