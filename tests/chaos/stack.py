"""Servers and processes of the faults' own: they may be killed, frozen and emptied at will."""

import contextlib
import ctypes
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg

from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from tests.chaos import client, toys
from tests.chaos.checker import Call, Fact, Run, anomalies, calls_of
from tests.waiting import wait_until

DATABASE = "chaos"
SHARDS = 2
QUEUES = [
    *(
        f"{lane}.{n}"
        for lane in ("positions", "ledger", "settlement", "nlu")
        for n in range(SHARDS)
    ),
    "housekeeping",
]
SETTLED_SECONDS = 180.0  # a guard against hanging; lag is gone within a few seconds
LAG = """
SELECT count(*) FROM events_cursor c WHERE c.handler = ANY(%s) AND c.state = 'running' AND EXISTS (
    SELECT FROM events_event e WHERE e.topic = c.topic AND e.partition = c.partition
    AND e."offset" > c."offset")
"""

TORN = """
SELECT c.handler, e.partition, e."offset", c."offset" AS cursor, count(t.id) AS effects
FROM events_cursor c
JOIN events_event e ON e.topic = c.topic AND e.partition = c.partition
LEFT JOIN events_parkedevent h ON h.handler = c.handler AND h.topic = c.topic
     AND h.partition = c.partition AND h."offset" = e."offset"
LEFT JOIN chaos_effect t ON t.handler = c.handler AND t.partition = e.partition
     AND t."offset" = e."offset"
WHERE c.handler = ANY('{tests.note,tests.note_echo}')
GROUP BY c.handler, e.topic, e.partition, e."offset", c."offset", h."offset"
HAVING count(t.id) <> CASE WHEN e."offset" <= c."offset" AND h."offset" IS NULL THEN 1 ELSE 0 END
UNION ALL
SELECT 'tests.echo', e.partition, e."offset", c."offset", count(o.id)
FROM events_cursor c
JOIN events_event e ON e.topic = c.topic AND e.partition = c.partition
LEFT JOIN events_event o ON o.topic = 'test-echo' AND o.key = e.key
     AND o.data->>'number' = e.data->>'number'
WHERE c.handler = 'tests.echo'
GROUP BY e.partition, e."offset", c."offset"
HAVING count(o.id) <> CASE WHEN e."offset" <= c."offset" THEN 1 ELSE 0 END
"""
"""An event has its one effect if and only if the cursor has passed it (and nothing holds it)."""


class Stack:
    """A PostgreSQL, a Valkey, and the workers and clients that use them."""

    def __init__(self, var: Path, seed: int) -> None:
        (var / "log").mkdir(parents=True, exist_ok=True)
        password = var / "password"
        if not password.exists():
            password.write_text(secrets.token_urlsafe(16))
        self.var = var
        self.seed = seed
        self.chance = random.Random(seed)
        self.postgres = Postgres(var, password.read_text())
        self.valkey = Valkey(var, password.read_text())
        self.workers: list[Worker] = []
        self.runs = 0
        self.db: psycopg.Connection[tuple[Any, ...]] | None = None

    # --- servers

    def start(self) -> None:
        """Start the servers, with an empty database."""
        self.start_postgres()
        self.start_valkey()
        with psycopg.connect(self._url("postgres"), autocommit=True) as db:
            db.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            db.execute(f"CREATE DATABASE {DATABASE}")
        self.zygote = Zygote(self)
        self.command("migrate", "-v0")
        self.execute(toys.TABLES)

    def stop(self) -> None:
        """End everything."""
        for worker in self.workers:
            worker.process.kill()
        self.zygote.end()
        if self.db is not None:
            self.db.close()
        self.valkey.stop()
        self.postgres.stop()
        # Whoever runs as root has the data elsewhere; nothing of it stays but the logs.
        self.postgres.erase()
        shutil.rmtree(self.valkey.data, ignore_errors=True)
        (self.var / "password").unlink()

    def start_postgres(self) -> None:
        self.postgres.start(lambda *_: None)

    def crash_postgres(self) -> None:
        """`immediate`: no goodbye, recovery at the next start."""
        _signal(self.postgres, signal.SIGQUIT)
        wait_until(lambda: not self.postgres.is_alive(), 180)

    def start_valkey(self) -> None:
        self.valkey.start(lambda *_: None)

    def crash_valkey(self) -> None:
        """Killed, and its memory is gone."""
        _signal(self.valkey, signal.SIGKILL)
        wait_until(lambda: not self.valkey.is_alive(), 180)
        shutil.rmtree(self.valkey.data)

    def flush_valkey(self) -> None:
        self._redis("FLUSHALL")

    @contextlib.contextmanager
    def frozen_valkey(self) -> Iterator[None]:
        _signal(self.valkey, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(self.valkey, signal.SIGCONT)

    def _redis(self, *command: str) -> Any:
        import redis  # noqa: PLC0415 - only here

        with contextlib.closing(
            redis.Redis.from_url(self.redis_url, socket_timeout=60)
        ) as connection:
            return connection.execute_command(*command)

    @property
    def redis_url(self) -> str:
        return self.valkey.url(_place(self.valkey).port)

    def _url(self, database: str) -> str:
        return self.postgres.url(_place(self.postgres).port, database)

    # --- questions

    def query(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        return self._execute(sql, params).fetchall()

    def execute(self, sql: str, *params: object) -> None:
        self._execute(sql, params)

    def _execute(self, sql: str, params: tuple[object, ...]) -> psycopg.Cursor[tuple[Any, ...]]:
        """On one connection, made anew when it is lost."""
        for attempt in range(3):
            try:
                if self.db is None or self.db.closed:
                    self.db = psycopg.connect(
                        self._url(DATABASE), autocommit=True, connect_timeout=60
                    )
                return self.db.execute(sql, params or None)
            except psycopg.OperationalError:
                self.db = None
                if attempt == 2:
                    raise
        raise AssertionError

    def lag(self) -> int:
        """Places that are behind."""
        return int(self.query(LAG, list(toys.HANDLERS))[0][0])

    def settle(self) -> None:
        """Wait until nothing is behind; workers that died are started again meanwhile."""

        def is_settled() -> bool:
            self.revive()
            return self.lag() == 0

        wait_until(is_settled, SETTLED_SECONDS, every=0.05)

    def torn(self) -> list[tuple[Any, ...]]:
        """Places where effects and cursors do not go together."""
        return self.query(TORN)

    # --- processes

    def env(self) -> dict[str, str]:
        """The environment of every process."""
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("LOCKSTEP")},
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "DATABASE_URL": self._url(DATABASE),
            "REDIS_URL": self.redis_url,
            "CELERY_BROKER_URL": self.redis_url,
            "REDIS_PREFIX": "chaos",
            "CELERY_SKIP_CHECKS": "1",
            "LOCKSTEP_VAR": str(self.var),
            "LOCKSTEP_PROCESS": "chaos",
            "LOG_LEVEL": "INFO",
            "PYTHONPATH": str(_root()),
        }

    def fork(self, called: str, what: str, **how: Any) -> "Process":
        """A process of a name that becomes something (see zygote.py)."""
        return self.zygote.fork(called, what, how)

    def command(self, name: str, *arguments: str) -> None:
        """Run a management command to its good end."""
        process = self.fork(name, "command", name=name, arguments=arguments)
        process.wait()
        assert process.exit_code() == 0, process.tail()

    def start_workers(
        self, count: int = 2, queues: Sequence[str] = QUEUES, wakes: int | None = None
    ) -> "list[Worker]":
        """Workers of the same queues, ready to work; they are kept alive until they are dismissed.

        With `wakes` they send so many copies of each.
        """
        first = len(self.workers)
        made = [Worker(self, f"worker-{first + n}", queues, wakes) for n in range(count)]
        self.workers += made
        for worker in made:
            worker.wait_ready()
        return made

    def revive(self) -> None:
        """What a supervisor does."""
        for worker in self.workers:
            worker.revive()

    @contextlib.contextmanager
    def load(self, *, clients: int = 1, keys: int = 8, **plan: Any) -> Iterator["Load"]:
        """Clients at work while the block runs; at its end they have ended, too."""
        self.runs += 1
        load = Load(self, f"run{self.runs}", clients, keys, plan)
        try:
            yield load
        finally:
            load.end()


class Zygote:
    """The process that others fork off from; they die with it, and it with this one."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        with (stack.var / "log" / "zygote.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.zygote"],
                cwd=_root(),
                env=stack.env(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, no locks
            )
        assert self._answer() == "ready"

    def fork(self, name: str, what: str, how: dict[str, Any]) -> "Process":
        log = self.stack.var / "log" / f"{name}.log"
        log.write_bytes(b"")
        log.with_suffix(".exit").unlink(missing_ok=True)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"what": what, "how": how, "log": str(log)}) + "\n")
        self.process.stdin.flush()
        return Process(int(self._answer()), log)

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        with self.process:
            self.process.kill()


class Process:
    """Somebody else's child: watched by its pid."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid, self.log = pid, log

    def is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.send(number)
        self.wait()

    def wait(self) -> None:
        wait_until(lambda: not self.is_alive(), 180)

    def exit_code(self) -> int | None:
        """What it ended with; nothing where it was killed."""
        file = self.log.with_suffix(".exit")
        return int(file.read_text()) if file.exists() else None

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3_000:]


class Worker:
    """A Celery worker, started again whenever it died."""

    def __init__(self, stack: Stack, name: str, queues: Sequence[str], wakes: int | None) -> None:
        self.stack, self.name, self.queues, self.wakes = stack, name, queues, wakes
        self.process = self._start()

    def _start(self) -> Process:
        argv = [
            "worker", "-P", "solo", "-Q", ",".join(self.queues), "-n", f"{self.name}@chaos",
            "--without-gossip", "--without-mingle", "-l", "info",
        ]  # fmt: skip
        return self.stack.fork(self.name, "worker", argv=argv, wakes=self.wakes)

    def wait_ready(self) -> None:
        """Until it says that it takes messages."""

        def is_ready() -> bool:
            assert self.process.is_alive(), self.process.tail()
            return " ready." in self.process.tail()

        wait_until(is_ready, 180)

    def dismiss(self) -> None:
        """End it for good."""
        self.stack.workers.remove(self)
        self.process.kill()

    def revive(self) -> None:
        if not self.process.is_alive():
            self.process = self._start()


class Load:
    """Clients, and the history that they write."""

    def __init__(
        self, stack: Stack, name: str, clients: int, keys: int, plan: dict[str, Any]
    ) -> None:
        self.stack, self.name = stack, name
        self.keys = [f"{name}-{number}" for number in range(keys)]
        wakes = plan.pop("wakes", None)
        self.processes = []
        self.histories = []
        for number in range(clients):
            history = stack.var / "log" / f"{name}-{number}.jsonl"
            history.unlink(missing_ok=True)
            self.histories.append(history)
            made = client.Plan(
                name=f"{name}-{number}",
                seed=stack.seed,
                history=str(history),
                first=stack.runs * 10**8 + number * 10**6,
                keys=self.keys,
                **plan,
            )
            process = stack.fork(made.name, "client", plan=asdict(made), wakes=wakes)
            self.processes.append(process)

    def lines(self) -> list[dict[str, Any]]:
        found = []
        for history in self.histories:
            if history.exists():
                whole = [
                    line
                    for line in history.read_text().splitlines(keepends=True)
                    if line.endswith("\n")
                ]
                found += [json.loads(line) for line in whole]
        return found

    def wait_for(self, calls: int) -> None:
        """Until so many more calls have come to an end."""
        before = self.ended()
        wait_until(lambda: self.ended() >= before + calls, 180)

    def ended(self) -> int:
        """Calls that have come to an end."""
        texts = (history.read_text() for history in self.histories if history.exists())
        return sum(text.count('"seconds"') for text in texts)

    def wait_idle(self) -> None:
        """Until the clients have done all that they had planned."""
        for process in self.processes:
            process.wait()

    def end(self) -> None:
        """Let the clients finish the call that they are at."""
        for process in self.processes:
            process.send(signal.SIGTERM)
        for process in self.processes:
            process.wait()
            assert process.exit_code() == 0, process.tail()

    def calls(self) -> list[Call]:
        return calls_of(self.lines())

    def run(self, *, held: bool = False) -> Run:
        """What came of it."""
        keys = self.keys
        log = self.stack.query(
            """SELECT partition, "offset", key, (data->>'number')::bigint FROM events_event
               WHERE topic = 'test-chaos' AND key = ANY(%s) ORDER BY partition, "offset" """,
            keys,
        )
        waiting: dict[str, set[tuple[int, int]]] = {}
        if held:
            for handler, partition, offset in self.stack.query(
                'SELECT handler, partition, "offset" FROM events_parkedevent'
            ):
                waiting.setdefault(handler, set()).add((partition, offset))
        return Run(
            calls=self.calls(),
            log=[Fact(*row) for row in log],
            effects={name: self._effects(name) for name in toys.HANDLERS if name != "tests.echo"},
            held=waiting,
            spans=self.stack.query(
                """SELECT partition, count(*), min("offset"), max("offset") FROM events_event
                   WHERE topic = 'test-chaos' GROUP BY 1"""
            ),
        )

    def _effects(self, handler: str) -> Sequence[Fact]:
        table = "chaos_call" if handler == "tests.call" else "chaos_effect"
        rows = self.stack.query(
            f"""SELECT t.partition, t."offset", t.key, t.number FROM {table} t
                WHERE handler = %s AND key = ANY(%s) ORDER BY id""",
            handler,
            self.keys,
        )
        if handler != "tests.note_echo":
            return [Fact(*row) for row in rows]
        # An echo stands for what it echoes: its number says what that was.
        told = dict(
            self.stack.query(
                """SELECT (data->>'number')::bigint, "offset" FROM events_event
                   WHERE topic = 'test-chaos' AND key = ANY(%s)""",
                self.keys,
            )
        )
        return [
            Fact(partition, told.get(number, -1), key, number) for partition, _, key, number in rows
        ]

    def check(self, *, held: bool = False) -> Run:
        """Nothing lost, nothing twice, order kept. With `held`, what waits behind parked keys may."""
        run = self.run(held=held)
        assert run.calls, "the clients did nothing"
        found = [*anomalies(run), *map(str, self.stack.torn())]
        assert not found, f"CHAOS_SEED={self.stack.seed}: {len(found)} anomalies: {found[:10]}"
        return run


def _place(server: Postgres | Valkey) -> Any:
    place = server.place()
    assert place is not None
    return place


def _signal(server: Postgres | Valkey, number: signal.Signals) -> None:
    os.kill(_place(server).pid, number)


def _root() -> Path:
    return Path(__file__).resolve().parents[2]


def _die_with_parent() -> None:
    """However the tests end, no process of theirs stays (Linux; elsewhere they end with `stop`)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
