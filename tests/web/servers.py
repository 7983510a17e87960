"""The two doors as real processes, on the test database."""

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from django.conf import settings
from django.db import connection

from apps.conversations.models import Session
from config.ports import LOOPBACK
from tests.databases import IS_SERVER
from tests.fixtures import forget_in_redis
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "servers"


def redis_prefix() -> str:
    """What `config.settings` makes of `PREFIX` in those processes."""
    name = connection.settings_dict["NAME"]
    return f"{PREFIX}:{hashlib.blake2s(name.encode(), digest_size=3).hexdigest()}"


def forget_the_past() -> None:
    """Those processes serve many tests, and tenants' ids begin again with each: see `fixtures`."""
    forget_in_redis(redis_prefix())


def until_all_have_left() -> None:
    """Wait, but not for ever, until those processes have noted that nobody is connected any more.

    What they note later would stand in the next test's tables.
    """
    with suppress(AssertionError):
        wait_until(lambda: not Session.objects.filter(ended_at=None).exists(), 10)


@contextmanager
def kept_port() -> Iterator[int]:
    """A loopback port that nobody else is given while our server is not there yet, or not any more.

    Bound and not listening: servers bind it beside us, as both say SO_REUSEADDR; who asks the system
    for any port, or only calls out, gets another one; and who calls it is refused.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind((LOOPBACK, 0))
        yield int(keeper.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that works on the test database."""
    at = connection.settings_dict
    who = f"{quote(at['USER'])}:{quote(at['PASSWORD'])}@" if at["USER"] else ""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        IS_SERVER: "1",
        "DATABASE_URL": f"postgres://{who}{at['HOST']}:{at['PORT']}/{at['NAME']}",
        "REDIS_URL": settings.REDIS_URL,
        "REDIS_PREFIX": PREFIX,
        "LOCKSTEP_TEST_VAR": str(settings.VAR_DIR),
        **more,
    }


@contextmanager
def serving(*command: str, port: int, env: dict[str, str]) -> Iterator[None]:
    """Run a server until the block ends; it has answered /healthz before the block begins."""
    log = Path(settings.VAR_DIR) / "log" / f"server-{port}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, env=env, stdout=out, stderr=out
        )
    try:
        wait_until(lambda: answers(port, process), timeout=180)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def uvicorn(port: int) -> tuple[str, ...]:
    """The socket server's command, with the options of `config.stack`."""
    return (
        "uvicorn", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning",
        "--timeout-graceful-shutdown", "1", "--ws-per-message-deflate", "false",
        "--ws-max-size", "65536", "config.asgi:application",
    )  # fmt: skip


@contextmanager
def sockets(port: int | None = None) -> Iterator[int]:
    """The socket server; its port."""
    with (
        kept_port() if port is None else nullcontext(port) as here,
        serving(*uvicorn(here), port=here, env=environment()),
    ):
        yield here


@contextmanager
def pages(socket_port: int) -> Iterator[int]:
    """The HTTP server, whose pages know the socket server's port; its own port."""
    env = environment(LOCKSTEP_SOCKETS_URL=f"ws://127.0.0.1:{socket_port}")
    with kept_port() as here:
        command = ("granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(here),
                   "--workers", "1", "--blocking-threads", "1", "--no-ws", "--log-level", "warning",
                   "config.wsgi:application")  # fmt: skip
        with serving(*command, port=here, env=env):
            yield here


def answers(port: int, process: "subprocess.Popen[bytes]") -> bool:
    """Whether a server that should be running says that it is well."""
    assert process.poll() is None, f"the server on port {port} ended with {process.returncode}"
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
