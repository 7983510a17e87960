"""The table that the log's probe and its peers write to, and how to wait for them."""

import time

import psycopg
import redis

from benchmarks.measure import quantile

TABLE = """
CREATE TABLE IF NOT EXISTS bench_effect (
    run text NOT NULL, key text NOT NULL, number bigint NOT NULL,
    amount numeric NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())
"""
INSERT = "INSERT INTO bench_effect (run, key, number, amount) VALUES (%s, %s, %s, %s)"
HEARD = "bench:effects"


class Effects:
    """Effects in one database, seen from outside."""

    def __init__(self, url: str) -> None:
        self._db = psycopg.connect(url, autocommit=True)
        self._db.execute(TABLE)

    def forget(self) -> None:
        self._db.execute("TRUNCATE bench_effect")

    def wait(self, count: int, *, timeout: float = 180) -> float:
        """Wait until so many are there, and return the seconds that it took."""
        started = time.perf_counter()
        while (found := self._count()) < count:
            if time.perf_counter() - started > timeout:
                raise TimeoutError(f"{found} of {count} effects after {timeout:g} s")
            time.sleep(0.03)
        return time.perf_counter() - started

    def _count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM bench_effect").fetchone()[0])


class Ears:
    """Hears when an effect was committed, for latencies."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url)
        self._redis.delete(HEARD)

    def times(self, count: int, *, timeout: float = 10) -> dict[int, float]:
        """When each of so many took effect (seconds since the epoch)."""
        deadline = time.monotonic() + timeout
        while self._redis.llen(HEARD) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        said = (line.decode().split() for line in self._redis.lrange(HEARD, 0, -1))
        self._redis.delete(HEARD)
        return {int(number): float(at) for number, at in said}


def latencies(sent: dict[int, float], heard: dict[int, float]) -> tuple[float, float]:
    """p50 and p95 in milliseconds. Raises where an effect never came."""
    waits = [heard[number] - at for number, at in sent.items()]
    return 1000 * quantile(waits, 0.5), 1000 * quantile(waits, 0.95)
