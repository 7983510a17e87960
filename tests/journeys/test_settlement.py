"""From a trade to finality over real processes, with a clearing system that misbehaves.

LOCKSTEP_JOURNEY_SETTLEMENTS=10000 makes it the long run: more trades, kills all the while, and calls
and confirmations that never come, which take minutes to be noticed.
"""

import csv
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg
import pytest

from config import embedded
from tests.journeys.test_tape_to_ledger import Stack, stack  # noqa: F401 - the fixture
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

COUNT = int(os.environ.get("LOCKSTEP_JOURNEY_SETTLEMENTS") or 300)
IS_LONG = COUNT > 1_000
KILLS = 100 if IS_LONG else 3
QUICK = {"latency": {"p50": 0.005, "p95": 0.02}, "settling": {"p50": 0.2, "p95": 0.8}}
# A tenth of all instructions fares in a way of its own, and a tenth of all calls goes wrong.
WAYS = {
    "reject": 0.01, "bounce": 0.01, "fail": 0.01, "stall": 0.01, "partial": 0.015, "late": 0.01,
    "early": 0.005, "duplicate": 0.01, "contradict": 0.01, "stray": 0.01,
}  # fmt: skip
CALLS = {"error": 0.04, "lose": 0.02, "hang": 0.02, "refuse": 0.02}
ENDED = ("settled", "failed", "manual", "cancelled", "compensated", "compensation_failed")
STATES = "SELECT state, count(*) FROM settlement_settlement WHERE tenant_id = %s GROUP BY 1"
FIGURES = """
SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds), max(settled_at) - min(opened_at)
FROM (SELECT settled_at, opened_at,
             extract(epoch FROM settled_at - greatest(opened_at, window_at)) AS seconds
      FROM settlement_settlement WHERE tenant_id = %s AND state = 'settled') AS settled
"""


class Floor:
    """A tenant of a stack, its database, and the clearing system behind it."""

    def __init__(self, stack: Stack, slug: str) -> None:  # noqa: F811 - not the fixture
        self.stack, self.slug = stack, slug
        stack.manage("create_tenant", slug)
        stack.key = stack.manage("issue_key", slug, "--role", "owner", "--plain").strip()
        urls = embedded.known_urls(stack.var)
        assert urls is not None
        self.database = psycopg.connect(urls.database_url, autocommit=True)
        query = "SELECT id FROM tenants_tenant WHERE slug = %s"
        self.tenant = self.database.execute(query, [slug]).fetchone()[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.database.close()

    @property
    def clearing(self) -> str:
        for process in psutil.Process(self.stack.up.pid).children(recursive=True):
            words = process.cmdline()
            if "apps.settlement.clearing.simulator" in words and "--port" in words:
                return f"http://127.0.0.1:{words[words.index('--port') + 1]}"
        raise AssertionError("no clearing simulator runs")

    def control(self, method: str = "GET", path: str = "", body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.clearing}/control{path}",
            json.dumps(body).encode() if body is not None else None,
            {"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def trade(self, folder: Path, count: int) -> float:
        """Import so many trades of today; seconds it took."""
        dice, now = random.Random(count), datetime.now(UTC)
        name = f"{self.slug.upper()}-USDT.SPOT"
        path = folder / f"trades_{name}_x.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["time", "trade_id", "price", "quantity", "aggressor_side"])
            for number in range(1, count + 1):
                quantity, price = dice.randint(1, 4_000) / 1000, dice.randint(9_000, 11_000) / 100
                side = dice.choice(("buy", "sell"))
                writer.writerow([now.isoformat(), number, price, quantity, side])
        done = self.stack.manage(
            "import_trades", str(path), "--tenant", self.slug, "--accounts", "20", "--json"
        )
        told = json.loads(done)
        assert told["rejected"] == 0, told
        return float(told["seconds"])

    def states(self) -> Counter[str]:
        return Counter(dict(self.database.execute(STATES, [self.tenant]).fetchall()))

    def wait_for_the_end(self, count: int, seconds: float) -> Counter[str]:
        def has_ended() -> bool:
            found = self.states()
            return found.total() == count and not set(found) - set(ENDED)

        try:
            wait_until(has_ended, seconds)
        except AssertionError as late:
            raise AssertionError(f"{self.states()}") from late
        return self.states()

    def book(self) -> dict[str, tuple[str, str, str]]:
        """Status, way and quantity by instruction, as the clearing system has them."""
        with sqlite3.connect(f"file:{self.stack.var / 'clearing.sqlite3'}?mode=ro", uri=True) as db:
            rows = db.execute(
                "SELECT id, status, way, quantity FROM instruction WHERE participant = ?",
                [self.tenant],
            ).fetchall()
        return {uid: (status, way, quantity) for uid, status, way, quantity in rows}

    def verify(self) -> None:
        report = json.loads(self.stack.manage("verify", "--tenant", self.slug, "--json"))
        assert report["ok"], [check for check in report["checks"] if not check["ok"]]


def kill_workers(stack: Stack, stop: threading.Event, dice: random.Random) -> list[str]:  # noqa: F811 - not the fixture
    """Kill a worker now and then, until told to stop; the supervisor starts it again."""
    killed: list[str] = []
    # A worker takes seconds to start: killed more often than that, none would ever work.
    while len(killed) < KILLS and not stop.wait(dice.uniform(5, 15)):
        workers = [
            process
            for process in psutil.Process(stack.up.pid).children(recursive=True)
            if "worker" in process.cmdline() and "celery" in " ".join(process.cmdline())
        ]
        if workers:
            victim = dice.choice(workers)
            killed.append(" ".join(victim.cmdline())[-60:])
            victim.kill()
    return killed


def test_a_tenth_goes_wrong_and_all_of_it_comes_to_an_end(stack: Stack, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    with Floor(stack, "faulty") as floor:
        ways = WAYS | {"silent": 0.01} if IS_LONG else WAYS
        floor.control(
            "PUT", body=QUICK | {"seed": 7, "instructions": ways, "calls": CALLS, "hang": 8}
        )
        stop, killed = threading.Event(), list[str]()
        killer = threading.Thread(
            target=lambda: killed.extend(kill_workers(stack, stop, random.Random(7)))
        )
        started = time.monotonic()
        killer.start()
        try:
            floor.trade(tmp_path, COUNT)
            share = 0.7 if IS_LONG else 0.25
            wait_until(lambda: floor.states()["settled"] > COUNT * share, 900 if IS_LONG else 240)
        finally:
            stop.set()
            killer.join()
        states = floor.wait_for_the_end(COUNT, 600 if IS_LONG else 240)
        took = time.monotonic() - started

        book = floor.book()
        settled = floor.database.execute(
            "SELECT instruction_id::text, quantity FROM settlement_settlement"
            " WHERE tenant_id = %s AND state = 'settled'",
            [floor.tenant],
        ).fetchall()
        for instruction, quantity in settled:
            status, _, at_clearing = book[instruction]
            assert (status, float(at_clearing)) == ("settled", float(quantity))
        others = floor.database.execute(
            "SELECT instruction_id::text, state, detail, attention_at FROM settlement_settlement"
            " WHERE tenant_id = %s AND state <> 'settled'",
            [floor.tenant],
        ).fetchall()
        for instruction, state, _, attention_at in others:
            assert attention_at is not None, state  # a person's
            way = book[instruction][1] if instruction in book else "never arrived"
            assert way in {"reject", "bounce", "stall", "contradict", "never arrived"}, (state, way)
        floor.verify()
        figures = floor.database.execute(FIGURES, [floor.tenant]).fetchone()
        sys.stdout.write(
            f"\n{COUNT} settlements, {len(killed)} workers killed, ended after {took:.0f} s: {states}\n"
            f"due to settled p50 {figures[1]:.2f} s, p95 {figures[2]:.2f} s; settled"
            f" {figures[0] / figures[3].total_seconds():.0f}/s\n"
        )


def test_clearing_is_down_and_nobody_else_notices(stack: Stack, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    with Floor(stack, "patient") as floor:
        count, down = (2_000, 60.0) if IS_LONG else (200, 12.0)
        floor.control("PUT", body=QUICK)
        floor.control("POST", "/outage", {"seconds": down})
        over = time.monotonic() + down

        seconds = floor.trade(tmp_path, count)
        assert seconds < 30  # trading goes on
        floor.stack.manage("settle_down", "--timeout", "60")  # and so do positions and the ledger
        while time.monotonic() < over:
            assert floor.states()["settled"] == 0
            time.sleep(0.5)
        assert floor.states().total() == count
        assert "breaker changed" in _logged(stack)

        before = floor.control()["calls"]
        states = floor.wait_for_the_end(count, 150)
        assert states == {"settled": count}
        assert floor.control()["calls"] - before < count / 10 + 30  # in bulk, and without a storm
        floor.verify()


def _logged(stack: Stack) -> str:  # noqa: F811 - not the fixture
    return subprocess.run(
        ["grep", "-rh", "breaker changed", str(stack.var)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
