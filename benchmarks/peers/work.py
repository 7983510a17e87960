"""What a peer's job does: the same SQL as ours, on a connection that stays open."""

import functools
import os
import time
from collections.abc import Callable
from typing import Final

import msgspec
import psycopg
import redis

from benchmarks.booking import Booker
from benchmarks.effects import INSERT


@functools.cache
def database() -> psycopg.Connection:
    return psycopg.connect(os.environ["BENCH_PEERS_URL"], autocommit=True, prepare_threshold=0)


@functools.cache
def ears() -> redis.Redis:
    return redis.Redis.from_url(os.environ["REDIS_URL"])


def note(run: str, key: str, number: str) -> None:
    """The effect that the log's probe has."""
    database().execute(INSERT, (run, key, number, "-5005.25"))
    if run == "latency":
        ears().rpush("bench:effects", f"{number} {time.time()}")


def book(trade: str) -> None:
    """One trade, all its rows, in one transaction."""
    _booker().book([msgspec.json.decode(trade)])


@functools.cache
def _booker() -> Booker:
    return Booker(os.environ["BENCH_PEERS_URL"])


JOBS: Final[dict[str, Callable[..., None]]] = {"note": note, "book": book}
