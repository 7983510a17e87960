"""The stand-ins in a process of their own, and engines that call them."""

import json
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.nlu.backends.wire import Ask, Provider
from apps.nlu.facade.engine import Engine
from apps.nlu.facade.plan import Plan, Terms
from apps.nlu.interpretation import Interpretation
from apps.nlu.redis_link import Link
from apps.nlu.services.guards import forget, guard_of
from apps.resilience import services as resilience
from tests.web import servers

ROOT = Path(__file__).resolve().parent.parent.parent
SETTINGS = {
    "watson": {"assistant": "a1", "environment": "live"},
    "dialogflow_es": {"project": "p1"},
    "dialogflow_cx": {"project": "p1", "location": "global", "agent": "g1"},
    "openai": {"model": "m1"},
}
PLACES = {"watson": "watson", "dialogflow_es": "es", "dialogflow_cx": "cx", "openai": "openai"}
KINDS = list(SETTINGS)


@dataclass(frozen=True)
class Server:
    """Stand-ins on a port."""

    url: str

    def script(self, **what: Any) -> None:
        self._call("/_script", what)

    def door(self, **how: float) -> tuple[str, ssl.SSLContext | None]:
        """Another way in, slow as told (doors.py), and whom to trust there."""
        found = self._call("/_door", how)
        if not found["certificate"]:
            return found["url"], None
        return found["url"], ssl.create_default_context(cadata=found["certificate"])

    def reset(self) -> None:
        self._call("/_reset", {})

    def seen(self) -> dict[str, Any]:
        return self._call("/_calls", None)

    def _call(self, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@contextmanager
def running(*arguments: str) -> Iterator[Server]:
    with servers.kept_port() as port, _process(port, *arguments):
        yield Server(f"http://127.0.0.1:{port}")


@contextmanager
def _process(port: int, *arguments: str) -> Iterator[None]:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "manage.py",
        "nlu_stubs",
        "--port",
        str(port),
        *arguments,
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + 180
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.5).close()
                break
            except OSError:
                assert process.poll() is None, "the stand-ins died"
                assert time.monotonic() < limit, "the stand-ins do not listen"
                time.sleep(0.1)
        yield
    finally:
        process.kill()  # it keeps nothing, and calls that hang are not waited for
        process.wait()


def provider(server: Server, kind: str, **terms: Any) -> Provider:
    given = {"id": KINDS.index(kind) + 1, "tenant": 1, "name": kind, "kind": kind,
             "url": f"{server.url}/{PLACES[kind]}", "settings": SETTINGS[kind]}  # fmt: skip
    return Provider(**given | terms)


def local(text: str) -> Interpretation:
    return Interpretation("local_answer", 0.9)


def plan(text: str, *providers: Provider, terms: Terms | None = None, **ask: Any) -> Plan:
    given = {"intents": ("balance", "greeting", "lost_card", "agent", "opening_hours")} | ask
    return Plan(1, Ask(text, **given), providers, local, "1", terms or Terms())


def make_engine(**options: Any) -> Engine:
    resilience.forget()
    forget()
    return Engine(Link(settings.REDIS_URL, settings.REDIS_PREFIX), guard_of, **options)
