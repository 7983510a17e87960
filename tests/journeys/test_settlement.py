"""From a trade to finality over real processes, with a clearing system that misbehaves.

LOCKSTEP_JOURNEY_SETTLEMENTS=10000 makes it the long run: more trades, kills all the while, and calls
and confirmations that never come, which take minutes to be noticed. LOCKSTEP_JOURNEY_DOWN=60 keeps
the clearing system away for a full minute.
"""

import contextlib
import csv
import json
import os
import random
import sqlite3
import sys
import threading
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg
import pytest

from apps.settlement.clearing.breaker import POLICY
from apps.settlement.clearing.wire import INSTRUCTIONS
from config import embedded
from config.stack import WORKERS_FILE
from tests.journeys.test_tape_to_ledger import Stack, stack, those_named  # noqa: F401 - the fixture
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

COUNT = int(os.environ.get("LOCKSTEP_JOURNEY_SETTLEMENTS") or 300)
IS_LONG = COUNT > 1_000
KILLS = 100 if IS_LONG else 3
PATIENCE = (
    240 + 0.12 * COUNT
)  # seconds; a loaded machine with two cores settles more than 30 a second
DOWN = float(os.environ.get("LOCKSTEP_JOURNEY_DOWN") or 0)
"""Seconds that clearing is away at least; without it until a probe has failed."""
QUICK = {"latency": {"p50": 0.005, "p95": 0.02}, "settling": {"p50": 0.2, "p95": 0.8}}
# A tenth of all instructions fares in a way of its own, and a tenth of all calls goes wrong.
WAYS = {
    "reject": 0.01, "bounce": 0.01, "fail": 0.01, "stall": 0.01, "partial": 0.015, "late": 0.01,
    "early": 0.005, "duplicate": 0.01, "contradict": 0.01, "stray": 0.01,
}  # fmt: skip
CALLS = {"error": 0.04, "lose": 0.02, "hang": 0.02, "refuse": 0.02}
PERSONS = ("reject", "bounce", "stall", "contradict", "silent", "never arrived")
"""Ways after which a person has the next word."""
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
        (simulator,) = those_named("clearing", supervisor=self.stack.up.pid)
        (port,) = {
            one.laddr.port for one in simulator.net_connections("tcp") if one.status == "LISTEN"
        }
        return f"http://127.0.0.1:{port}"

    def calls(self) -> list[dict[str, Any]]:
        """What the clearing system heard from this tenant, in order."""
        mine = str(self.tenant)
        return [one for one in self.control(path="/calls") if one["participant"] == mine]

    @property
    def breaker(self) -> str:
        """How the breaker stands, as the settlement page tells it."""
        told = self.stack.get("settlements/board")["breakers"]
        return next(one["state"] for one in told if one["code"] == "simulator")

    def control(self, method: str = "GET", path: str = "", body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.clearing}/control{path}",
            json.dumps(body).encode() if body is not None else None,
            {"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
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
        assert (told["accepted"], told["rejected"]) == (count, 0), told
        return float(told["seconds"])

    def states(self) -> Counter[str]:
        return Counter(dict(self.database.execute(STATES, [self.tenant]).fetchall()))

    def wait_for_the_end(self, count: int, seconds: float) -> Counter[str]:
        """Until all have ended, clearing has nothing more to do or to tell, and we took it all."""

        def has_ended() -> bool:
            found = self.states()
            if found.total() != count or set(found) - set(ENDED):
                return False
            left = self.control()["counts"]
            return not left["acts"] and not left["tellings"]

        try:
            wait_until(has_ended, seconds, every=0.5)
            self.stack.manage("settle_down", "--timeout", f"{seconds:.0f}")
            wait_until(has_ended, seconds, every=0.5)
        except AssertionError as late:
            raise AssertionError(f"{self.states()}, {self.control()['counts']}") from late
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


class Killer:
    """Kills a worker now and then; the supervisor starts it again."""

    def __init__(self, stack: Stack, dice: random.Random) -> None:  # noqa: F811 - not the fixture
        self.stack, self.dice = stack, dice
        self.killed: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        # A worker takes seconds to start: killed more often than that, none would ever work.
        while len(self.killed) < KILLS and not self._stop.wait(self.dice.uniform(5, 15)):
            names = json.loads((self.stack.var / WORKERS_FILE).read_text())
            if workers := those_named(*names, supervisor=self.stack.up.pid):
                victim = self.dice.choice(workers)
                with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
                    name = victim.name()
                    victim.kill()
                    self.killed.append(name)


def test_a_tenth_goes_wrong_and_all_of_it_comes_to_an_end(stack: Stack, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    with Floor(stack, "faulty") as floor:
        ways = WAYS | {"silent": 0.01} if IS_LONG else WAYS
        floor.control(
            "PUT", body=QUICK | {"seed": 7, "instructions": ways, "calls": CALLS, "hang": 8}
        )
        started = time.monotonic()
        with Killer(stack, random.Random(7)) as killer:
            floor.trade(tmp_path, COUNT)
            enough = COUNT * (0.7 if IS_LONG else 0.25)
            kills = 5 if IS_LONG else 1
            wait_until(
                lambda: floor.states()["settled"] > enough and len(killer.killed) >= kills,
                PATIENCE,
                every=0.5,
            )
        states = floor.wait_for_the_end(COUNT, PATIENCE)
        took = time.monotonic() - started
        assert states["settled"] > COUNT * 0.8

        floor.verify()
        _compare(floor)
        _print_figures(floor, states, took, len(killer.killed))


def _compare(floor: Floor) -> None:
    """What we say has settled, and nothing else, has settled at the clearing system, whole and once."""
    book = floor.book()
    settled = floor.database.execute(
        "SELECT instruction_id::text, quantity FROM settlement_settlement"
        " WHERE tenant_id = %s AND state = 'settled'",
        [floor.tenant],
    ).fetchall()
    for instruction, quantity in settled:
        status, _, at_clearing = book[instruction]
        assert (status, Decimal(at_clearing)) == ("settled", quantity)
    others = floor.database.execute(
        "SELECT instruction_id::text, state, attention_at FROM settlement_settlement"
        " WHERE tenant_id = %s AND state <> 'settled'",
        [floor.tenant],
    ).fetchall()
    for instruction, state, attention_at in others:
        assert attention_at is not None, state  # a person's
        way = book[instruction][1] if instruction in book else "never arrived"
        assert way in PERSONS, (state, way)


def _print_figures(floor: Floor, states: Counter[str], took: float, killed: int) -> None:
    count, median, p95, span = floor.database.execute(FIGURES, [floor.tenant]).fetchone()
    sys.stdout.write(
        f"\n{COUNT} settlements, {killed} workers killed, ended after {took:.0f} s: {dict(states)}\n"
        f"due to settled p50 {median:.2f} s, p95 {p95:.2f} s;"
        f" settled {count / span.total_seconds():.0f}/s\n"
    )


def test_clearing_is_down_and_nobody_else_notices(stack: Stack, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    with Floor(stack, "patient") as floor:
        count = 2_000 if IS_LONG else 200
        floor.control("PUT", body=QUICK | {"outage": "refuse"})
        over = time.monotonic() + DOWN

        floor.trade(tmp_path, count)  # trading goes on,
        floor.stack.manage("settle_down", "--timeout", "300")  # and so do positions and the ledger
        assert _booked(floor) == (count, count)
        wait_until(lambda: floor.breaker == "open", 180)
        wait_until(lambda: _probes(floor) and time.monotonic() > over, 240 + DOWN, every=0.5)
        states = floor.states()
        assert states.total() == count
        assert not set(states) & set(ENDED)  # all of it waits, and nothing is a person's

        refused = floor.calls()
        floor.control("PUT", body=QUICK)  # it is back
        states = floor.wait_for_the_end(count, 480)
        assert states == {"settled": count}
        _assert_no_storm(refused, floor.calls()[len(refused) :], count)
        floor.verify()
        sys.stdout.write(
            f"\n{count} settlements, clearing away for {refused[-1]['at'] - refused[0]['at']:.0f} s:"
            f" {len(refused)} calls meanwhile, {len(floor.calls()) - len(refused)} after it;"
            " all settled\n"
        )


def _booked(floor: Floor) -> tuple[int, int]:
    """Entries in the ledger, and changes of positions."""
    return floor.database.execute(
        "SELECT (SELECT count(*) FROM ledger_journalentry WHERE tenant_id = %(of)s),"
        " (SELECT count(*) FROM trading_positionchange WHERE tenant_id = %(of)s)",
        {"of": floor.tenant},
    ).fetchone()


def _probes(floor: Floor) -> list[dict[str, Any]]:
    """Calls that were made after the breaker had opened."""
    instructed = [one for one in floor.calls() if one["path"] == INSTRUCTIONS]
    return instructed[POLICY.failures :]


def _assert_no_storm(
    refused: list[dict[str, Any]], after: list[dict[str, Any]], count: int
) -> None:
    """A few calls open the breaker; then probes of one instruction, at growing intervals; then bulk."""
    refused = [one for one in refused if one["path"] == INSTRUCTIONS]
    assert len(refused) > POLICY.failures
    probes = refused[POLICY.failures :]
    assert {one["count"] for one in probes} == {1}
    times = [one["at"] for one in refused[POLICY.failures - 1 :]]
    for number, (before, probe) in enumerate(pairwise(times)):
        pause = min(POLICY.open_for * 2**number, POLICY.open_max)
        assert probe - before >= pause * 0.99, (number, probe - before)
    taken = [one for one in after if not one["refused"]]
    assert len(taken) < count / 10 + 30
    instructed = [one["count"] for one in taken if one["path"] == INSTRUCTIONS]
    assert instructed[0] == 1  # the probe finds out, and the others follow
    assert sum(instructed) >= count
