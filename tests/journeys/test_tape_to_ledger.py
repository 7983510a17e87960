"""From a tape to a balanced ledger, as a newcomer does it: the whole stack, the commands, the API.

The tape is made here (seeded), the positions are computed a second time with fractions, by a
recipe that shares nothing with the product's; a worker is killed in mid-import.
"""

import csv
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import psutil
import pytest

from config import embedded
from config.stack import WORKERS_FILE
from tests.ports import quiet
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
READY = 300  # seconds; about 15 on two idle cores
ACCOUNTS = 7
SEED = 20261123


class Stack:
    """A stack of its own under a temporary directory."""

    def __init__(self, var: Path) -> None:
        self.var = var
        own = {"LOCKSTEP_VAR": str(var), "DJANGO_SETTINGS_MODULE": "config.settings"}
        configured = {"DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"}
        self.environment = {k: v for k, v in os.environ.items() if k not in configured} | own
        self.key = ""

    def popen(self, *words: str, **options) -> subprocess.Popen:
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        return subprocess.Popen(command, env=self.environment, **options)

    def manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def get(self, path: str) -> dict:
        url = json.loads((self.var / "up.lock").read_text())["url"]
        request = urllib.request.Request(
            f"{url}/api/v1/{path}", headers={"Authorization": f"Bearer {self.key}"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def stack():
    var = Path(tempfile.mkdtemp(prefix="lockstep-journey-"))
    var.chmod(0o755)
    found = Stack(var)
    output = (var / "output").open("w")
    up = found.popen("up", "--port", str(quiet()), "--no-demo", stdout=output, stderr=output)
    try:
        wait_until(lambda: _is_ready(var, up), READY)
        found.up = up
        yield found
    finally:
        if up.poll() is None:
            up.send_signal(signal.SIGTERM)
            up.wait(180)
        output.close()
        embedded.erase(var)
        shutil.rmtree(var)


def _is_ready(var: Path, up: subprocess.Popen) -> bool:
    shown = (var / "output").read_text()
    assert up.poll() is None, shown
    return "Lockstep is ready" in shown


def write_tape(path: Path, first: int, count: int, price: float) -> list[dict[str, str]]:
    dice = random.Random(SEED + first)
    rows = []
    for number in range(first, first + count):
        price *= 1 + dice.gauss(0, 0.0004)
        rows.append(
            {
                "time": f"2026-11-20T10:{number // 1000 % 60:02}:{number % 60:02}.{number % 1000:03}Z",
                "trade_id": str(number),
                "price": f"{price:.2f}",
                "quantity": f"{dice.randint(1, 4_000) / 1000:.3f}",
                "aggressor_side": dice.choice(("buy", "sell")),
            }
        )
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def average_cost_positions(rows, *, inverse_multiplier: int | None):
    """Quantity, realised profit and open cost per account, in exact fractions."""
    books = defaultdict(lambda: [Fraction(0), Fraction(0), Fraction(0)])
    for row in rows:
        book = books[f"ACC-{int(row['trade_id']) % ACCOUNTS + 1:04}"]
        quantity, price = Fraction(row["quantity"]), Fraction(row["price"])
        signed = quantity if row["aggressor_side"] == "buy" else -quantity
        unit = Fraction(inverse_multiplier) / price if inverse_multiplier else price
        held, realised, cost = book
        closed = Fraction(0)
        if held * signed < 0:
            closed = min(abs(held), abs(signed)) * (1 if signed > 0 else -1)
            released = -cost * closed / held
            profit = -closed * unit - released
            realised += -profit if inverse_multiplier else profit
            cost -= released
        opened = signed - closed
        book[:] = [held + signed, realised, cost + opened * unit]
    return books


@pytest.mark.parametrize(
    ("name", "price", "multiplier"),
    [("ABC-USDT.SPOT", 97.4, None), ("ETH-USD.PERP.INVERSE", 2_682.18, 10)],
    ids=["a spot tape", "a tape of inverse perpetuals"],
)
def test_a_tape_becomes_positions_and_a_balanced_ledger(stack, tmp_path, name, price, multiplier):
    slug = f"tape-{'inverse' if multiplier else 'spot'}"
    stack.manage("create_tenant", slug)
    stack.key = stack.manage("issue_key", slug, "--role", "owner", "--plain").strip()
    path = tmp_path / f"trades_{name}_20261120.csv.gz"
    rows = write_tape(path, 1, 4_000, price)
    words = ("import_trades", str(path), "--tenant", slug, "--accounts", str(ACCOUNTS), "--json")

    importing = stack.popen(*words, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: stack.get("trades?limit=1")["results"], 120)
    _kill_a_shard(stack)
    first = json.loads(importing.communicate(timeout=600)[0])
    assert (first["accepted"], first["replayed"], first["rejected"]) == (4_000, 0, 0)

    again = json.loads(stack.manage(*words))
    assert (again["accepted"], again["replayed"], again["rejected"]) == (0, 4_000, 0)

    stack.manage("settle_down", "--timeout", "300")
    expected = average_cost_positions(rows, inverse_multiplier=multiplier)
    assert len(expected) == ACCOUNTS
    for account, (quantity, realised, cost) in expected.items():
        position = stack.get(f"accounts/{account}/positions/{name}")
        assert Fraction(position["quantity"]) == quantity
        assert float(abs(Fraction(position["realised_pnl"]) - realised)) < 1e-12
        assert float(abs(Fraction(position["cost"]) - cost)) < 1e-12

    for row in stack.get("ledger/trial-balance")["results"]:
        assert Decimal(row["debit"]) == Decimal(row["credit"])
    report = json.loads(stack.manage("verify", "--tenant", slug, "--json"))
    assert report["ok"], [check for check in report["checks"] if not check["ok"]]
    for handler in ("trading.apply_trades", "ledger.book_trades"):
        replayed = json.loads(stack.manage("replay", handler, "--verify", "--json"))
        assert replayed["ok"], replayed


def _kill_a_shard(stack: Stack) -> None:
    queues = json.loads((stack.var / WORKERS_FILE).read_text())
    name = next(name for name, consumed in queues.items() if "positions.0" in consumed)
    (worker,) = those_named(name, supervisor=stack.up.pid)
    worker.kill()


def those_named(*names: str, supervisor: int) -> list[psutil.Process]:
    """The processes of a stack of these names; copies of its nursery share a command line."""
    everyone = psutil.Process(supervisor).children(recursive=True)
    return [one for one in everyone if _name(one) in names]


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:  # it ended meanwhile
        return ""
