"""P1: trades booked per second, the whole way: HTTP, trade, event, position, ledger, committed."""

import http.client
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial

import msgspec
import psycopg
from django.db import connection

from benchmarks import job_queues, market, reference
from benchmarks.booking import Booker
from benchmarks.clients import PROCESSES, Clients, index
from benchmarks.contender import COST, Contender
from benchmarks.lab import LIMIT, OURS, PEERS, Lab, procfile
from benchmarks.measure import Chapter, Turn, take_turns
from benchmarks.options import Options
from config import ports

Say = Callable[[str], None]
BULK = 500  # trades in a call
BEHIND = """
SELECT EXISTS (SELECT FROM events_cursor c WHERE c.handler !~ '^benchmarks' AND EXISTS (
    SELECT FROM events_event e WHERE e.topic = c.topic AND e.partition = c.partition
    AND e."offset" > c."offset"))"""
BOOKED = "SELECT count(*) FROM ledger_journalentry WHERE kind = 'TRADE'"


@dataclass
class Bench:
    """Everything that a turn needs."""

    lab: Lab
    options: Options
    clients: Clients
    peers: list[job_queues.Peer]


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    rates = Chapter(
        "P1.1",
        "Trades booked per second, the whole way",
        f"{len(market.ACCOUNTS)} accounts, {len(market.INSTRUMENTS)} instruments, entries of six "
        "legs; the clock stops when everything is executed, folded into positions, posted, and has its settlement. "
        "Ours: HTTP with an API key, two clients, two web processes, two shard workers. Limit: "
        "psycopg by hand, two connections, no HTTP. Peers: the same SQL, a job a trade, no HTTP.",
    )
    costs = Chapter(
        "P1.2",
        "What a booked trade costs",
        COST,
    )
    with _bench(lab, options, say) as bench:
        ours = Contender.new(rates, costs, f"{BULK} trades a call", "ours", "trade")
        for kind in ("clients", "web", "workers", "PostgreSQL"):
            ours.parts[kind] = costs.new(f"of which {kind}", "also", "ms/trade")
        single = Contender.new(rates, costs, "one trade a call", "ours", "trade")
        unbatched = Contender.new(
            rates, costs, "one trade a call, one event a drain", "ours", "trade"
        )
        limit = Contender.new(
            rates, costs, f"psycopg by hand, {BULK} a transaction", "limit", "trade"
        )
        theirs = [
            (peer, Contender.new(rates, costs, f"{peer.name}: a job a trade", "peer", "trade"))
            for peer in bench.peers
        ]
        many, few = options.size(20_000, 1_000), options.size(1_000, 20)
        turns: list[Turn] = [
            ("ours", partial(_ours, bench, many, BULK, ours)),
            ("the limit", partial(_limit, bench, many, limit)),
            ("ours, single", partial(_ours, bench, few, 1, single)),
            ("ours, unbatched", partial(_ours, bench, few, 1, unbatched, batch="1")),
            *((peer.name, partial(_jobs, bench, peer, few, one)) for peer, one in theirs),
        ]
        take_turns(turns, options.rounds, say)
        _check(bench)
    rates.ratio("ours ÷ the limit", ours.rate, limit.rate, 0.5)
    for peer, one in theirs:
        rates.ratio(f"ours ÷ {peer.name}", ours.rate, one.rate, 10)
    rates.at_least("trades a second", ours.rate, 1_500)
    return [rates, costs]


@contextmanager
def _bench(lab: Lab, options: Options, say: Say) -> Iterator[Bench]:
    say("opening accounts")
    key = reference.open_everything()
    lab.let_go()
    for name in (PEERS, LIMIT):
        lab.database(name, template=OURS)
    port = ports.any_free()
    with ExitStack() as running:
        web = running.enter_context(lab.process("web", *procfile("web"), PORT=str(port)))
        web.wait_until(lambda: _answers(port))
        others = running.enter_context(job_queues.running(lab))
        variables = {
            "BENCH_WEB": f"{ports.LOOPBACK}:{port}", "BENCH_KEY": key,
            "BENCH_LIMIT_URL": lab.url(LIMIT),
        }  # fmt: skip
        with lab.environment(**variables):
            clients = running.enter_context(Clients())
            clients.repeat(warm_up, 1)
            yield Bench(lab, options, clients, others)


def _answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=2)
        connection.request("GET", "/healthz")
        return connection.getresponse().status < 400
    except OSError:
        return False


def _ours(bench: Bench, total: int, bulk: int, figures: Contender, batch: str = "") -> None:
    """Post it all with two clients, and wait until every handler has taken it."""
    with _workers(bench.lab, batch), figures.measure(total):
        bench.clients.repeat(partial(post, bulk), total // bulk // PROCESSES)
        _wait_for_handlers()


@contextmanager
def _workers(lab: Lab, batch: str) -> Iterator[None]:
    """The two shard workers, as the product starts them; or with smaller batches."""
    app, variables = ("benchmarks.worker", {"BENCH_BATCH_MAX": batch}) if batch else ("config", {})
    with ExitStack() as running:
        for name in ("shard0", "shard1"):
            command = procfile(name, app)
            worker = running.enter_context(lab.process(name, *command, **variables))
            worker.wait_for("ready.")
        yield


def _wait_for_handlers() -> None:
    with connection.cursor() as cursor:
        cursor.execute(BEHIND)
        while cursor.fetchone()[0]:
            time.sleep(0.05)
            cursor.execute(BEHIND)


def _limit(bench: Bench, total: int, figures: Contender) -> None:
    with figures.measure(total):
        bench.clients.repeat(book_by_hand, total // BULK // PROCESSES)


def _jobs(bench: Bench, peer: job_queues.Peer, total: int, figures: Contender) -> None:
    with psycopg.connect(bench.lab.url(PEERS), autocommit=True) as db:
        before = db.execute(BOOKED).fetchone()[0]
        with figures.measure(total):
            for trade in market.trades(total):
                peer.send("book", trade["account"], json.dumps(trade))
            while db.execute(BOOKED).fetchone()[0] < before + total:
                time.sleep(0.02)


def _check(bench: Bench) -> None:
    """Every way wrote the same rows, and the product's own invariants hold of them."""
    same = """SELECT (SELECT count(*) FROM trading_trade),
                     (SELECT count(*) FROM ledger_journalentry WHERE kind = 'TRADE'),
                     (SELECT count(*) FROM trading_positionchange),
                     (SELECT coalesce(sum(version), 0) FROM trading_position),
                     (SELECT count(*) / 6 FROM ledger_posting),
                     (SELECT count(*) FROM settlement_settlement)"""
    for database in (OURS, LIMIT, PEERS):
        with psycopg.connect(bench.lab.url(database)) as db:
            found = db.execute(same).fetchone()
        if len(set(found)) != 1:
            raise AssertionError(
                f"{database}: trades, entries, changes, versions, legs, settlements: {found}"
            )


# --- what the client processes do -----------------------------------------------------------------


@cache
def _door() -> http.client.HTTPConnection:
    return http.client.HTTPConnection(os.environ["BENCH_WEB"], timeout=60)


@cache
def _booker() -> Booker:
    return Booker(os.environ["BENCH_LIMIT_URL"])


def warm_up() -> None:
    _booker()
    post(1)


def post(bulk: int) -> None:
    """Send trades over a connection that stays open; all must be accepted."""
    body = msgspec.json.encode({"trades": market.trades(bulk)})
    headers = {
        "Authorization": f"Bearer {os.environ['BENCH_KEY']}", "Content-Type": "application/json",
    }  # fmt: skip
    try:
        answer = _ask(body, headers)
    except (http.client.RemoteDisconnected, ConnectionError):
        # The server ended the connection while others had their turn; the keys make this safe.
        _door().close()
        answer = _ask(body, headers)
    results = json.loads(answer.read())
    if answer.status != 200 or any(one["status"] != 201 for one in results["results"]):
        raise RuntimeError(f"{answer.status}: {str(results)[:500]}")


def _ask(body: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
    _door().request("POST", "/api/v1/trades/bulk", body, headers)
    return _door().getresponse()


def book_by_hand() -> None:
    """Book trades of this process's own half of the accounts, so that the two never wait."""
    booker = _booker()
    booker.book(market.trades(BULK, booker.half(index())))
