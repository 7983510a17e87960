"""A toy business: handlers that note what they did, on whose connection, in which order."""

import asyncio
import os
import signal

from asgiref.sync import sync_to_async
from django.db import connection

from apps.events.contracts import Event, event
from apps.events.registry import Batch, Recorded, handles
from apps.events.services import unit_of_work

TABLES = """
CREATE TABLE chaos_effect (
    id bigserial PRIMARY KEY, handler text, key text, number bigint, partition int, "offset" bigint,
    backend int, at timestamptz DEFAULT clock_timestamp()
);
CREATE TABLE chaos_call (
    id bigserial PRIMARY KEY, handler text, key text, number bigint, partition int, "offset" bigint,
    backend int, UNIQUE (handler, partition, "offset")
);
CREATE TABLE chaos_mended (number bigint PRIMARY KEY);
"""
"""No effect is refused here, so that one that happens twice is seen; only calls may be repeated."""


@event("chaos.thing.added", topic="test-chaos")
class ThingAdded(Event):
    """Something happened. `kind` is poison (refused until mended), killer (likewise) or nothing."""

    number: int
    kind: str = ""


@event("chaos.thing.echoed", topic="test-echo")
class ThingEchoed(Event):
    """What a handler tells of what it heard."""

    number: int


def note(batch: Batch) -> None:
    """One row an event."""
    _suffer(batch)
    _write(batch)


def echo(batch: Batch) -> None:
    """One fact an event: what is told is told once, too."""
    with unit_of_work() as work:
        for one in batch.events:
            work.publish(ThingEchoed(number=one.event.number), tenant=one.tenant_id, key=one.key)


def note_echo(batch: Batch) -> None:
    """One row an echo."""
    _write(batch)


async def call(one: Recorded) -> None:
    """One idempotent service call an event, after a while in the outside."""
    await asyncio.sleep(0.001 * (one.offset % 3))
    await sync_to_async(_answer)(one)


def register() -> None:
    """Make the handlers known: where the toys are an app, not where a test imports their names."""
    handles(ThingAdded, queue="positions")(note)
    handles(ThingAdded, queue="ledger")(echo)
    handles(ThingEchoed, queue="settlement")(note_echo)
    handles(ThingAdded, queue="nlu", calls_out=True)(call)


HANDLERS = ("tests.note", "tests.echo", "tests.note_echo", "tests.call")


def _write(batch: Batch) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO chaos_effect (handler, key, number, partition, "offset", backend)
               SELECT %s, k, n, p, o, pg_backend_pid()
               FROM unnest(%s::text[], %s::bigint[], %s::smallint[], %s::bigint[])
                    WITH ORDINALITY AS u (k, n, p, o, position) ORDER BY position""",
            [
                batch.handler,
                [one.key for one in batch.events],
                [one.event.number for one in batch.events],
                [one.partition for one in batch.events],
                [one.offset for one in batch.events],
            ],
        )


def _answer(one: Recorded) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO chaos_call (handler, key, number, partition, "offset", backend)
               VALUES ('tests.call', %s, %s, %s, %s, pg_backend_pid()) ON CONFLICT DO NOTHING""",
            [one.key, one.event.number, one.partition, one.offset],
        )


def _suffer(batch: Batch) -> None:
    for one in batch.events:
        if one.event.kind and not _is_mended(one.event.number):
            if one.event.kind == "killer":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError(f"cannot take {one.event.number}")


def _is_mended(number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM chaos_mended WHERE number = %s)", [number])
        return bool(cursor.fetchone()[0])
