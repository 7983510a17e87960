"""The processes of a whole stack on one machine, as `manage.py up` runs them.

`Procfile` says the same for other supervisors, a process a container, say.
"""

import compileall
import json
import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from config import embedded, kept, ports
from config.supervisor import Console, ProcessSpec, Watchdog
from config.watchdog import Group

BASE_DIR = Path(__file__).resolve().parent.parent
_CLOCK, _DOORS, _WORKERS, _SERVICES = range(4)  # the order in which a stack stops
WORKERS_FILE = "workers.json"
"""Written by `manage.py prepare`: the queues of each worker."""
EXAMPLES_FILE = "demo_examples.csv"
"""Written by `manage.py demo --setup`: what the stand-ins for NLU providers understand."""
CALLER = "nlu"
"""The worker that calls out. Who waits for an answer of others needs a thread, not a process."""
CALLS_AT_ONCE = 8
"""Drains that it runs side by side; each has many calls in the air."""
DEMO_FILE = "demo.json"
"""Written by `manage.py demo --setup`: its tenant, how to sign in, its key."""
DEMO_WAYS = {
    "reject": 0.01, "stall": 0.008, "contradict": 0.007,  # a person's
    "fail": 0.02, "partial": 0.05, "late": 0.02, "duplicate": 0.02,  # which end well by themselves
}  # fmt: skip
"""Shares of the demo's instructions that fare in a way of their own (`clearing/simulator`)."""
# In a stack that is tried out, root may run workers, and pages are served without being collected.
_KNOWN_WARNINGS = (
    "ignore:You're running the worker with superuser:UserWarning,ignore:No directory at:UserWarning"
)


class Ports(NamedTuple):
    """Where the doors of a stack are, on the loopback."""

    web: int
    sockets: int
    flower: int
    clearing: int
    nlu: int

    def url(self, port: int, scheme: str = "http") -> str:
        """Return the address of one of them."""
        return f"{scheme}://{ports.LOOPBACK}:{port}"


def compile_code() -> None:
    """Compile our code once; else each process of a new stack does, all at the same time."""
    for folder in ("apps", "config"):
        # A folder that cannot be written is no matter; a syntax error is said by who imports it.
        compileall.compile_dir(BASE_DIR / folder, quiet=2, workers=0)


def choose_ports(wanted: int) -> Ports:
    """Return `wanted` and those after it, or the next free ones."""
    chosen: list[int] = []
    for offset in range(len(Ports._fields)):
        chosen.append(ports.next_free(wanted + offset, chosen))
    return Ports(*chosen)


def environment(var: Path, doors: Ports, urls: embedded.Urls) -> dict[str, str]:
    """Return what the processes of a stack find in their environment."""
    own = {field.upper(): url for field, url in urls._asdict().items() if url}
    return {
        # Each thread that takes memory keeps a heap of its own; two for a process are enough.
        "MALLOC_ARENA_MAX": "2",
        **os.environ,
        **own,
        "LOCKSTEP_VAR": str(var),
        "LOCKSTEP_URL": doors.url(doors.web),
        "LOCKSTEP_SOCKETS_URL": doors.url(doors.sockets, "ws"),
        "LOCKSTEP_FLOWER_URL": doors.url(doors.flower),
        "CLEARING_URL": os.environ.get("CLEARING_URL") or doors.url(doors.clearing),
        "NLU_STUBS_URL": os.environ.get("NLU_STUBS_URL") or doors.url(doors.nlu),
        "CLEARING_SECRET": os.environ.get("CLEARING_SECRET")
        or kept.secret(var / "clearing_secret"),
        "FLOWER_BASIC_AUTH": flower_login(var),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", _KNOWN_WARNINGS),
    }


def flower_login(var: Path) -> str:
    """Return Flower's `user:password`; its own variable, or a password kept in `var`."""
    return (
        os.environ.get("FLOWER_BASIC_AUTH")
        or f"flower:{kept.secret(var / 'flower_password', size=12)}"
    )


def manage(name: str, *arguments: str, stop_rank: int = _CLOCK) -> ProcessSpec:
    """Return a process that runs a command of `manage.py`."""
    command = (sys.executable, str(BASE_DIR / "manage.py"), *arguments)
    return ProcessSpec(name, command, stop_rank=stop_rank, grace=2)


def web(doors: Ports) -> ProcessSpec:
    """Return the HTTP door.

    At a stop it ends what it has begun. What takes longer than three seconds then, or has sent half of its
    headers, is cut off, and granian says "Killing worker-N": which request it was, the log of slow ones tells.
    """
    command = _python(
        "granian", "--interface", "wsgi", "--host", ports.LOOPBACK, "--port", str(doors.web),
        "--workers", "2", "--blocking-threads", os.environ.get("WEB_THREADS") or "4", "--no-ws",
        "--log-level", "warning",
        "--respawn-failed-workers", "--workers-kill-timeout", "3", "config.wsgi:application",
    )  # fmt: skip
    healthy = f"{doors.url(doors.web)}/healthz"
    return ProcessSpec("web", command, ready_url=healthy, stop_rank=_DOORS, grace=4)


def sockets(doors: Ports) -> ProcessSpec:
    """Return the socket door."""
    command = _python(
        "uvicorn", "--host", ports.LOOPBACK, "--port", str(doors.sockets),
        "--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "2",
        "--ws-per-message-deflate", "false", "--ws-max-size", "65536",
        "config.asgi:application",
    )  # fmt: skip
    listening = doors.url(doors.sockets, "tcp")
    return ProcessSpec("sockets", command, ready_url=listening, stop_rank=_DOORS, grace=4)


def clearing(var: Path, doors: Ports, *, demo: bool = False) -> list[ProcessSpec]:
    """Return the clearing simulator; none where CLEARING_URL names another clearing system.

    For the demo's tenant, and for no other, it misbehaves now and then: so there is something to decide.
    """
    if os.environ.get("CLEARING_URL"):
        return []
    told: dict[str, str] = json.loads((var / DEMO_FILE).read_text()) if demo else {}
    ways = {"participants": {told["tenant"]: DEMO_WAYS}} if told else {}
    command = _python(
        "apps.settlement.clearing.simulator", "--port", str(doors.clearing),
        "--book", str(var / "clearing.sqlite3"), "--settings", json.dumps(ways),
    )  # fmt: skip
    listening = doors.url(doors.clearing, "tcp")
    return [ProcessSpec("clearing", command, ready_url=listening, stop_rank=_DOORS, grace=3)]


def nlu_stubs(var: Path, doors: Ports) -> list[ProcessSpec]:
    """Return the stand-ins for providers of language understanding, which the demo's bot asks.

    None where NLU_STUBS_URL names others.
    """
    if os.environ.get("NLU_STUBS_URL"):
        return []
    command = _python(
        "apps.nlu.management.stubs", "--port", str(doors.nlu),
        "--examples", str(var / EXAMPLES_FILE),
    )  # fmt: skip
    listening = doors.url(doors.nlu, "tcp")
    return [ProcessSpec("nlu-stubs", command, ready_url=listening, stop_rank=_DOORS, grace=2)]


def workers(var: Path) -> list[ProcessSpec]:
    """Return a worker for each name that `manage.py prepare` found to be needed."""
    queues = json.loads((var / WORKERS_FILE).read_text())
    return [_worker(name, consumed) for name, consumed in queues.items()]


def beat() -> ProcessSpec:
    """Return the clock."""
    return ProcessSpec("beat", _celery("beat", "--pidfile="), stop_rank=_CLOCK)


def flower(doors: Ports) -> ProcessSpec:
    """Return the watcher of the queues; read-only, behind a password."""
    command = _celery(
        "flower", f"--address={ports.LOOPBACK}", f"--port={doors.flower}",
        "--read_only=True", "--max_tasks=5000", "--logging=warning",
    )  # fmt: skip
    return ProcessSpec("flower", command, stop_rank=_DOORS, grace=2)


class OwnServices:
    """Has the embedded servers running; those that it started it keeps alive, and stops at last."""

    def __init__(self, var: Path, watchdog: Watchdog, console: Console) -> None:
        """Use the servers of `var`."""
        self.urls = embedded.Urls("", "")
        self._var = var
        self._watchdog = watchdog
        self._console = console
        self._own: set[str] = set()

    def __enter__(self) -> Self:
        if embedded.missing(self._var):
            self._start()
        else:
            self.urls = embedded.known_urls(self._var) or self.urls
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        embedded.stop(self._var, self._own)
        for name in self._own:
            self._watchdog.remove(name)

    def keep(self) -> None:
        """Start again what has died of the own servers."""
        dead = self._own.intersection(embedded.missing(self._var))
        if not dead:
            return
        self._console.line("up", f"{', '.join(sorted(dead))} died; starts again")
        try:
            self._start()
        except embedded.ServicesError as error:
            self._console.line("up", str(error))

    def _start(self) -> None:
        self.urls = embedded.start(self._var, self._announce)

    def _announce(self, name: str, pid: int, stop_signal: signal.Signals) -> None:
        self._own.add(name)
        self._watchdog.add(name, Group(_SERVICES, pid, stop_signal))


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def _celery(*arguments: str) -> tuple[str, ...]:
    return _python("celery", "--quiet", "--skip-checks", "-A", "config", *arguments)


def _worker(name: str, queues: list[str]) -> ProcessSpec:
    pool = ("threads", "-c", str(CALLS_AT_ONCE)) if name == CALLER else ("solo",)
    command = _celery(
        "worker", "-P", *pool, "-n", f"{name}@%h", "-Q", ",".join(queues), "-l", "INFO",
        "--without-gossip", "--without-mingle",
    )  # fmt: skip
    # Celery's warm shutdown may take its five seconds of soft shutdown.
    return ProcessSpec(name, command, ready_text=" ready.", stop_rank=_WORKERS, grace=6)
