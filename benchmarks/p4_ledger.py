"""P4: the ledger. Entries posted per second, and balances as of any time in a long history."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg

from apps.events.contracts import partition_of
from apps.tenants.services import create_tenant
from benchmarks import ledger_work
from benchmarks.clients import Clients
from benchmarks.contender import COST, Contender
from benchmarks.lab import OURS, Lab, python
from benchmarks.measure import Chapter, Series, Turn, take_turns
from benchmarks.options import Options
from benchmarks.peers import hordak_ledger
from benchmarks.procfs import cpu_seconds

Say = Callable[[str], None]
BATCH = 500  # entries
THREADS = 4  # in each of the two client processes
SQL = Path(__file__).parent / "sql" / "ledger_limit.sql"
HORDAK_SETTINGS = "benchmarks.peers.hordak_settings"


@dataclass
class Bench:
    """Everything that a turn needs."""

    lab: Lab
    options: Options
    say: Say
    ours: Clients
    hordaks: Clients
    tenant: int


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    with _bench(lab, options, say) as bench:
        return [*_posting(bench), _as_of(bench)]


@contextmanager
def _bench(lab: Lab, options: Options, say: Say) -> Iterator[Bench]:
    say("opening accounts")
    tenant = create_tenant("bench-ledger")[0].pk
    ledger_work.open_accounts(tenant)
    _prepare_limit(lab)
    with lab.environment(BENCH_HORDAK_URL=lab.database("hordak")), ExitStack() as stack:
        migrate = python("-m", "django", "migrate", f"--settings={HORDAK_SETTINGS}", "-v", "0")
        subprocess.run(migrate, check=True)
        hordaks = stack.enter_context(Clients(HORDAK_SETTINGS))
        hordaks.once(hordak_ledger.prepare)
        ours = stack.enter_context(Clients())
        ours.repeat(partial(ledger_work.warm_up, tenant), 1)
        yield Bench(lab, options, say, ours, hordaks, tenant)


def _prepare_limit(lab: Lab) -> None:
    with psycopg.connect(lab.urls.database_url) as db, db.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_owner (place int, rank int, owner uuid, partition smallint)"
        )
        cursor.executemany(
            "INSERT INTO bench_owner VALUES (%s, %s, %s, %s)",
            [
                (place, rank, owner, partition)
                for place, (partition, members) in enumerate(ledger_work.places())
                for rank, owner in enumerate(members)
            ]
            + [(-1, 0, ledger_work.VETERAN, partition_of(str(ledger_work.VETERAN)))],
        )
        cursor.execute(SQL.read_text())


def _posting(bench: Bench) -> list[Chapter]:
    rates = Chapter(
        "P4.1",
        "Ledger: entries posted per second",
        "Entries of six legs through post_entries, one or 500 a transaction, balances and the "
        "fact included. The limit writes the same rows by a function in the server. hordak: "
        "entries of three legs through its ORM.",
    )
    costs = Chapter("P4.2", "Ledger: what a posted entry costs", COST)
    single, batched, limit_one, limit_many, hordak = (
        Contender.new(rates, costs, name, role, "entry")
        for name, role in (
            ("post one entry, 8 clients", "ours"),
            (f"post {BATCH} entries, 2 clients", "ours"),
            ("SQL function, one entry, 8 clients", "limit"),
            (f"SQL function, {BATCH} entries, 2 clients", "limit"),
            ("django-hordak, one entry, 8 clients", "peer"),
        )
    )
    slow = [
        rates.new(f"post one entry, 8 clients: {which}", "ours", "ms") for which in ("p50", "p99")
    ]
    their_slow = [rates.new(f"django-hordak: {which}", "peer", "ms") for which in ("p50", "p99")]
    post = partial(ledger_work.post, bench.tenant)
    turns: list[Turn] = [
        ("one", partial(_load, bench, bench.ours, partial(post, 1), THREADS, single, slow)),
        ("limit, one", partial(_limit, bench, limit_one, 1, 8)),
        ("hordak", partial(_load, bench, bench.hordaks, hordak_ledger.post_one, THREADS, hordak,
                           their_slow)),
        ("batch", partial(_load, bench, bench.ours, partial(post, BATCH), 1, batched, [])),
        ("limit, batch", partial(_limit, bench, limit_many, BATCH, 2)),
    ]  # fmt: skip
    take_turns(turns, bench.options.rounds, bench.say)
    rates.ratio("one entry ÷ django-hordak", single.rate, hordak.rate, 10)
    rates.ratio(f"{BATCH} entries ÷ django-hordak", batched.rate, hordak.rate, 50)
    rates.ratio(f"{BATCH} entries ÷ the limit", batched.rate, limit_many.rate, 0.4)
    rates.at_most("p99 of one entry", slow[1], 20)
    return [rates, costs]


def _load(
    bench: Bench,
    clients: Clients,
    call: Callable[[], int],
    threads: int,
    figures: Contender,
    percentiles: list[Series],
) -> None:
    with cpu_seconds() as spent:
        load = clients.run(call, threads=threads, seconds=bench.options.seconds)
    figures.record(load.done, load.seconds, spent)
    for series, share in zip(percentiles, (0.5, 0.99), strict=False):
        series.add(load.milliseconds(share))


def _limit(bench: Bench, figures: Contender, entries: int, clients: int) -> None:
    last = len(ledger_work.places()) - 1
    script = f"\\set place random(0, {last})\nSELECT bench_post({entries}, :place);\n"
    with cpu_seconds() as spent:
        calls, seconds = bench.lab.pgbench(
            script, OURS, seconds=bench.options.seconds, clients=clients
        )
    figures.record(calls * entries, seconds, spent)


def _as_of(bench: Bench) -> Chapter:
    total = bench.options.size(1_000_000, 20_000)
    chapter = Chapter(
        "P4.3",
        f"Ledger: a balance as of any time, with {total:,} postings on the account",
        "Two clients ask for the balance of one owner at random times of its history.",
    )
    bench.say(f"writing {total:,} entries")
    with psycopg.connect(bench.lab.urls.database_url, autocommit=True) as db:
        for first in range(0, total, BATCH):
            db.execute("SELECT bench_history(%s, %s, %s)", [BATCH, first, total])
        db.execute("ANALYZE ledger_posting, ledger_balancemark, ledger_balance")
    bench.hordaks.once(partial(hordak_ledger.seed, total))
    turns: list[Turn] = []
    pairs = []
    for name, role, clients, call in (
        ("ours", "ours", bench.ours, partial(ledger_work.balance_as_of, bench.tenant, total)),
        ("django-hordak", "peer", bench.hordaks, partial(hordak_ledger.balance_as_of, total)),
    ):
        pair = [chapter.new(f"{name}: {which}", role, "ms") for which in ("p50", "p99")]
        pairs.append(pair)
        turns.append((f"as of, {name}", partial(_ask, bench, clients, call, pair)))
    take_turns(turns, bench.options.rounds, bench.say)
    chapter.at_most(f"p99 with {total:,} postings", pairs[0][1], 10)
    return chapter


def _ask(bench: Bench, clients: Clients, call: Callable[[], int], pair: list[Series]) -> None:
    load = clients.run(call, threads=1, seconds=bench.options.seconds)
    for series, share in zip(pair, (0.5, 0.99), strict=True):
        series.add(load.milliseconds(share))
