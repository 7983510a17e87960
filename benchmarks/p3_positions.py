"""P3: positions over HTTP, from the cache and past it, and as of any time in a long history."""

import http.client
import io
import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from urllib.parse import quote

import psycopg
from django.core.management import call_command
from django.db import connection

from apps.events.contracts import partition_of
from apps.tenants.services import create_tenant, issue_key
from apps.trading.selectors import find_account, position_cache
from apps.trading.services import (
    AccountTerms,
    InstrumentTerms,
    TradeRequest,
    execute_trades,
    list_instrument,
    open_accounts,
)
from benchmarks.clients import Clients
from benchmarks.lab import Lab, procfile
from benchmarks.measure import Chapter, Goal, Series, Turn, take_turns
from benchmarks.options import Options
from config import ports

Say = Callable[[str], None]
SQL = Path(__file__).parent / "sql" / "veteran.sql"
TENANT, ACCOUNT = "bench-veteran", "VETERAN"
INSTRUMENTS = 20
SHARES = {"p50": 0.5, "p99": 0.99}


@dataclass
class Bench:
    """Everything that a turn needs."""

    lab: Lab
    options: Options
    clients: Clients
    tenant: int


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    total = options.size(1_000_000, 20_000)
    chapter = Chapter(
        "P3",
        f"Positions over HTTP, {total:,} changes in the account's history",
        f"Two clients with a connection each ask for all {INSTRUMENTS} positions of one account. Past "
        "the cache: its hash is deleted before each call. As of: any time of the history. The limit: "
        "an authenticated read of nothing, on the same server.",
    )
    with bench(lab, options, say) as ready:
        say(f"writing {total:,} changes")
        grow(ready, total)
        found = measure(ready, chapter, total, say)
    within(chapter, "p50 ÷ the trivial read", found["warm"]["p50"], found["trivial"]["p50"], 1.3)
    chapter.at_most("p99, from the cache", found["warm"]["p99"], 10)
    chapter.at_most("p99, past the cache", found["cold"]["p99"], 10)
    chapter.at_most("p99, as of any time", found["as of"]["p99"], 15)
    return [chapter]


def within(chapter: Chapter, text: str, ours: Series, other: Series, bound: float) -> None:
    """Hold the quotient of two medians to an upper bound."""
    if ours.values and other.values:
        chapter.goals.append(Goal(text, ours.median / other.median, bound, at_least=False))


def measure(
    ready: Bench, chapter: Chapter, total: int, say: Say, suffix: str = ""
) -> dict[str, dict[str, Series]]:
    """Take turns with the four kinds of read; their series by kind and percentile."""
    calls = {
        "trivial": ("an authenticated read of nothing", "limit", read_nothing),
        "warm": ("positions, from the cache", "ours", read),
        "cold": ("positions, past the cache", "ours", read_past_the_cache),
        "as of": ("positions, as of any time", "ours", partial(read_as_of, total)),
    }
    found: dict[str, dict[str, Series]] = {}
    turns: list[Turn] = []
    for kind, (name, role, call) in calls.items():
        found[kind] = {
            share: chapter.new(f"{name}{suffix}: {share}", role, "ms")  # type: ignore[arg-type] # a role
            for share in SHARES
        }
        turns.append((name, partial(_ask, ready, call, found[kind])))
    take_turns(turns, ready.options.rounds, say)
    return found


def _ask(ready: Bench, call: Callable[[], int], figures: dict[str, Series]) -> None:
    load = ready.clients.run(call, threads=1, seconds=ready.options.seconds)
    for name, share in SHARES.items():
        figures[name].add(load.milliseconds(share))


@contextmanager
def bench(lab: Lab, options: Options, say: Say) -> Iterator[Bench]:
    """The veteran's account, the web, and two clients."""
    say("opening the account")
    tenant = create_tenant(TENANT)[0]
    open_accounts(tenant.pk, [AccountTerms(ACCOUNT, ACCOUNT, "USD")])
    for number in range(INSTRUMENTS):
        symbol = f"VET{number:02}"
        list_instrument(tenant.pk, InstrumentTerms(symbol, symbol, "equity", "USD"))
    trade(tenant.pk)
    with psycopg.connect(lab.urls.database_url, autocommit=True) as db:
        db.execute(SQL.read_text())
    key = issue_key(tenant, role="trader", name="bench")[1]
    port = ports.any_free()
    settings = {"PORT": str(port), "DJANGO_SETTINGS_MODULE": "benchmarks.trivial_settings"}
    with lab.process("web", *procfile("web"), **settings) as web:
        web.wait_until(lambda: not ports.is_free(port))
        with (
            lab.environment(BENCH_WEB=f"{ports.LOOPBACK}:{port}", BENCH_KEY=key),
            Clients() as clients,
        ):
            clients.repeat(read_nothing, 5)
            yield Bench(lab, options, clients, tenant.pk)


def trade(tenant: int) -> None:
    """A trade of each instrument, folded: the cache's chain has to go on from a real one."""
    execute_trades(
        [
            TradeRequest(account=ACCOUNT, instrument=f"VET{n:02}", side="buy", quantity="1", price="100")
            for n in range(INSTRUMENTS)
        ],
        tenant=tenant, client="bench", now=datetime.now(UTC),
    )  # fmt: skip
    call_command("settle_down", timeout=60, stdout=io.StringIO())


def grow(ready: Bench, changes: int, *, is_first: bool = True) -> None:
    """Give the veteran more history, and have the planner know."""
    with psycopg.connect(ready.lab.urls.database_url, autocommit=True) as db:
        db.execute("SELECT bench_veteran(%s, %s)", [changes, is_first])
        db.execute("VACUUM ANALYZE trading_positionchange")
        db.execute("DELETE FROM trading_positionmark")
    trade(ready.tenant)


# --- what the client processes do -----------------------------------------------------------------


@cache
def _door() -> http.client.HTTPConnection:
    return http.client.HTTPConnection(os.environ["BENCH_WEB"], timeout=60)


def _get(path: str) -> bytes:
    headers = {"Authorization": f"Bearer {os.environ['BENCH_KEY']}"}
    for _ in range(2):
        try:
            _door().request("GET", path, headers=headers)
            answer = _door().getresponse()
            body = answer.read()
            break
        except (http.client.RemoteDisconnected, ConnectionError):
            # The server ended the connection while others had their turn.
            _door().close()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {body[:500]!r}")
    return body


def read_nothing() -> int:
    _get("/bench/trivial")
    return 1


def read() -> int:
    assert len(json.loads(_get(f"/api/v1/accounts/{ACCOUNT}/positions"))["results"]) == INSTRUMENTS
    return 1


@cache
def _hash() -> str:
    uid = find_account(_tenant(), ACCOUNT).pk
    return position_cache._account_key(_tenant(), partition_of(str(uid)), uid)


@cache
def _tenant() -> int:
    return create_tenant(TENANT)[0].pk


def read_past_the_cache() -> int:
    position_cache._client().delete(_hash())
    return read()


@cache
def _times(history: int) -> list[datetime]:
    """Times at which a history of this length changed, from all over it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.booked_at FROM trading_positionchange c
               JOIN trading_clientaccount a ON a.id = c.account_id AND a.number = %s
               ORDER BY random() LIMIT 500""",
            [ACCOUNT],
        )
        return [at for (at,) in cursor.fetchall()]


def read_as_of(history: int) -> int:
    """As of any time of a history of this length."""
    at = random.choice(_times(history)).isoformat()
    assert json.loads(_get(f"/api/v1/accounts/{ACCOUNT}/positions?as_of={quote(at)}"))["results"]
    return 1
