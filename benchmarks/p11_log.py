"""P11: the event log. Append, drain, wake to effect, and what a long snapshot does to them."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg

from apps.events.selectors import lags
from apps.events.services import register_cursors, reshard
from benchmarks import job_queues, probe
from benchmarks.clients import Clients, Load
from benchmarks.effects import Ears, Effects, latencies
from benchmarks.lab import PEERS, Lab, Process, celery_worker
from benchmarks.measure import Chapter, Series, Turn, take_turns
from benchmarks.options import Options

BATCH = 500  # events
THREADS = 4  # in each of the two client processes
Say = Callable[[str], None]
PGBENCH_TABLE = "CREATE TABLE IF NOT EXISTS bench_limit (id bigserial PRIMARY KEY, data text)"
PGBENCH = """INSERT INTO bench_limit (data) VALUES
('{"run": "load", "number": 1, "account": "0198f0e2-0000-7000-8000-000000000000", "instrument":
"0198f0e2-0000-7000-8000-000000000000", "amount": "-5005.25", "price": "100.105", "remark":
"about as much text as a trade carries in its names and codes", "at": "2026-01-01T00:00:00Z"}');
"""


@dataclass
class Bench:
    """Everything that a turn needs."""

    lab: Lab
    options: Options
    say: Say
    clients: Clients
    effects: Effects
    workers: dict[str, Process]
    peers: list[job_queues.Peer]
    peers_effects: Effects


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    with _bench(lab, options, say) as bench:
        return [_throughput(bench), _latency(bench), _snapshot(bench)]


@contextmanager
def _bench(lab: Lab, options: Options, say: Say) -> Iterator[Bench]:
    register_cursors()
    reshard(1)
    with ExitStack() as stack:
        effects, peers_effects = Effects(lab.urls.database_url), Effects(lab.url(PEERS))
        workers = {}
        for kind, lane in probe.LANES.items():
            variables = {"BENCH_BATCH_MAX": "1"} if kind == "one" else {}
            command = celery_worker("benchmarks.worker", f"{lane}.0")
            workers[kind] = stack.enter_context(lab.process(f"log-{kind}", *command, **variables))
        for worker in workers.values():
            worker.wait_for("ready.")
        others = stack.enter_context(job_queues.running(lab))
        clients = stack.enter_context(Clients())
        yield Bench(lab, options, say, clients, effects, workers, others, peers_effects)
        reshard(2)


def _throughput(bench: Bench) -> Chapter:
    chapter = Chapter(
        "P11.1",
        "Event log: append and drain",
        "Append: a transaction for each event, or for 500 (8 clients, wakes included). Drain: a "
        "backlog and one worker, whose effect is a row per event; the peers' job is the same row.",
    )
    drained: dict[tuple[str, int], Series] = {}
    turns: list[Turn] = []
    for count in probe.SPREADS:
        turns += [_append(bench, chapter, count, 1), _append(bench, chapter, count, BATCH)]
        for kind in ("many", "one"):
            series = drained[kind, count] = chapter.new(
                f"drain, {_partitions(count)}, {'batches' if kind == 'many' else 'one by one'}",
                "ours", "events/s",
            )  # fmt: skip
            turns.append((series.name, partial(_drain, bench, series, kind, count)))
    turns.append(_pgbench(bench, chapter))
    theirs = []
    for peer in bench.peers:
        sent = chapter.new(f"{peer.name}: send", "peer", "jobs/s")
        done = chapter.new(f"{peer.name}: run", "peer", "jobs/s")
        theirs.append(done)
        turns.append((peer.name, partial(_run_jobs, bench, peer, sent, done)))
    take_turns(turns, bench.options.rounds, bench.say)
    for done in theirs[:2]:
        chapter.ratio(f"drain in batches, 8 partitions ÷ {done.name}", drained["many", 8], done, 10)
    return chapter


def _partitions(count: int) -> str:
    return f"{count} partition{'s' if count > 1 else ''}"


def _append(bench: Bench, chapter: Chapter, partitions: int, count: int) -> Turn:
    name = f"append, {_partitions(partitions)}, {'one' if count == 1 else count} a transaction"
    series = chapter.new(name, "ours", "events/s")

    def turn() -> None:
        series.add(_load(bench, partitions, count, bench.options.seconds).per_second)
        _settle(bench)

    return name, turn


def _load(bench: Bench, partitions: int, count: int, seconds: float) -> Load:
    # Both kinds cost the same; this one's worker keeps up.
    call = partial(probe.publish, "many", partitions, count)
    return bench.clients.run(call, threads=THREADS if count == 1 else 1, seconds=seconds)


def _settle(bench: Bench) -> None:
    """Let the workers finish, so that the next turn starts with nothing to do."""
    while any(lag.events for lag in lags()):
        time.sleep(0.1)
    bench.effects.forget()


def _drain(bench: Bench, series: Series, kind: str, partitions: int) -> None:
    total = bench.options.size(20_000, 1_000) if kind == "many" else bench.options.size(1_000, 50)
    with bench.workers[kind].asleep():
        for _ in range(0, total, min(total, BATCH)):
            probe.publish(kind, partitions, min(total, BATCH))
    series.add(total / bench.effects.wait(total))
    _settle(bench)


def _pgbench(bench: Bench, chapter: Chapter) -> Turn:
    series = chapter.new("pgbench: single-row insert, 8 clients", "limit", "rows/s")
    with psycopg.connect(bench.lab.url(PEERS), autocommit=True) as db:
        db.execute(PGBENCH_TABLE)

    def turn() -> None:
        seconds = bench.options.seconds
        rows, took = bench.lab.pgbench(PGBENCH, PEERS, seconds=seconds, clients=8)
        series.add(rows / took)

    return series.name, turn


def _run_jobs(bench: Bench, peer: job_queues.Peer, sent: Series, done: Series) -> None:
    total = bench.options.size(1_000, 50)
    with peer.worker.asleep():
        started = time.perf_counter()
        for number in range(total):
            peer.send("note", f"key-{number % 50}", "load", f"key-{number % 50}", str(number))
        sent.add(total / (time.perf_counter() - started))
    done.add(total / bench.peers_effects.wait(total))
    bench.peers_effects.forget()


def _latency(bench: Bench) -> Chapter:
    chapter = Chapter(
        "P11.2",
        "Event log: from the call to the committed effect, at low load",
        "20 events a second, one at a time, each to its own key; the clock starts before the call "
        "that tells (or sends) and stops after the commit of the effect.",
    )
    ears = Ears(bench.lab.urls.redis_url)
    count = bench.options.size(200, 10)
    senders: list[tuple[str, Callable[[int], None]]] = [
        ("Lockstep", probe.publish_timed),
        *((peer.name, partial(_send_one, peer)) for peer in bench.peers),
    ]
    turns = []
    for name, send in senders:
        role = "ours" if name == "Lockstep" else "peer"
        pair = [chapter.new(f"{name}: {which}", role, "ms") for which in ("p50", "p95")]
        turns.append((name, partial(_time_effects, ears, send, count, pair)))
    take_turns(turns, bench.options.rounds, bench.say)
    _settle(bench)
    return chapter


def _send_one(peer: job_queues.Peer, number: int) -> None:
    peer.send("note", f"key-{number}", "latency", f"key-{number}", str(number))


def _time_effects(ears: Ears, send: Callable[[int], None], count: int, pair: list[Series]) -> None:
    sent = {}
    for number in range(count):
        sent[number] = time.time()
        send(number)
        time.sleep(0.05)
    for series, value in zip(pair, latencies(sent, ears.times(count)), strict=True):
        series.add(value)


def _snapshot(bench: Bench) -> Chapter:
    seconds = bench.options.size(60, 2)
    chapter = Chapter(
        "P11.3",
        f"Event log: while one REPEATABLE READ transaction stays open for {seconds} s",
        "8 clients append single events to 64 partitions and a worker drains them; measured in the "
        "last quarter of the snapshot's life, and just before it without one.",
    )
    normal, under = (
        {
            "p50": chapter.new(f"append p50, {when}", "ours", "ms"),
            "p95": chapter.new(f"append p95, {when}", "ours", "ms"),
            "rate": chapter.new(f"append, {when}", "ours", "events/s"),
        }
        for when in ("normal", "under the snapshot")
    )

    def turn() -> None:
        _note_load(normal, _load(bench, 64, 1, seconds / 4))
        with _open_snapshot(bench.lab.urls.database_url):
            _load(bench, 64, 1, seconds * 3 / 4)
            _note_load(under, _load(bench, 64, 1, seconds / 4))
        _settle(bench)

    take_turns([("snapshot", turn)], bench.options.rounds, bench.say)
    slower = chapter.new("append p95: under the snapshot ÷ normal", "ours", "×")
    for before, during in zip(normal["p95"].values, under["p95"].values, strict=True):
        slower.add(during / before)
    chapter.at_most("append p95 under a snapshot ÷ normal", slower, 3)
    return chapter


def _note_load(into: dict[str, Series], load: Load) -> None:
    into["p50"].add(load.milliseconds(0.5))
    into["p95"].add(load.milliseconds(0.95))
    into["rate"].add(load.per_second)


@contextmanager
def _open_snapshot(url: str) -> Iterator[None]:
    """Hold a snapshot, as a long report does."""
    with psycopg.connect(url) as db:
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        db.execute("SELECT count(*) FROM events_partition")
        yield
        db.rollback()
