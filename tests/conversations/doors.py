"""A socket process that may be killed, on a Redis of its own that may be emptied, killed and frozen."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from config.embedded.server import Place
from config.embedded.valkey import Valkey
from tests.waiting import wait_until
from tests.web import servers


class OwnRedis:
    """A Valkey for one test."""

    def __init__(self, var: Path) -> None:
        (var / "log").mkdir(parents=True, exist_ok=True)
        self.valkey = Valkey(var, secrets.token_urlsafe(8))

    @property
    def place(self) -> Place:
        found = self.valkey.place()
        assert found is not None
        return found

    def url(self, port: int | None = None) -> str:
        """Its address; behind another port, where a wire leads to it."""
        return self.valkey.url(port or self.place.port)

    def start(self) -> None:
        self.valkey.start(lambda *_: None)

    def flush(self) -> None:
        redis.Redis.from_url(self.url()).flushall()

    def restart_empty(self) -> None:
        os.kill(self.place.pid, signal.SIGKILL)
        wait_until(lambda: not self.valkey.is_alive(), 30)
        shutil.rmtree(self.valkey.data, ignore_errors=True)
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        pid = self.place.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


class Door:
    """uvicorn with the product's options, on one port for all of its lives."""

    def __init__(self, redis_url: str) -> None:
        self._keeping = ExitStack()
        self.port = self._keeping.enter_context(servers.kept_port())
        self.redis_url = redis_url
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        env = servers.environment(REDIS_URL=self.redis_url)
        command = servers.uvicorn(self.port)
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=servers.ROOT, env=env,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        process = self.process
        wait_until(lambda: servers.answers(self.port, process), timeout=180)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """Kill it for good: its port is anybody's again."""
        self.kill()
        self._keeping.close()

    def memory(self) -> int:
        """Bytes of RAM that the process holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024
