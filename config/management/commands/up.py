"""`manage.py up`: the whole stack in the foreground."""

import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import embedded, locks, stack
from config.supervisor import (
    AlreadyRunning,
    Console,
    Nursery,
    ProcessFailed,
    Stopped,
    StopRequest,
    Supervisor,
    Watchdog,
    claim,
    stop_running,
)

DEFAULT_PORT = 8000


class Command(BaseCommand):
    """Starts everything, shows what it says, ends everything on Ctrl-C.

    `manage.py` runs it without Django's apps.
    """

    help = "Run the whole stack: databases, doors, workers, clock, Flower and a demo market."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the port of the pages; the other doors are on the next four."""
        port = int(os.environ.get("PORT") or DEFAULT_PORT)
        parser.add_argument("--port", type=int, default=port)
        parser.add_argument("--no-demo", action="store_true", help="no demo tenant, no demo market")
        parser.add_argument("--stop", action="store_true", help="stop the stack that runs here")

    def handle(self, **options: Any) -> None:
        """Run until someone asks to stop."""
        var = embedded.var_dir()
        var.mkdir(parents=True, exist_ok=True)
        try:
            if options["stop"]:
                stop_running(var / "up.lock")
            else:
                self._up(var, options["port"], demo=not options["no_demo"])
        except (AlreadyRunning, ProcessFailed, embedded.ServicesError) as error:
            raise CommandError(str(error)) from error

    def _up(self, var: Path, port: int, *, demo: bool) -> None:
        started = time.monotonic()
        with (
            closing(Console(sys.stdout.fileno(), var / "log")) as console,
            claim(var / "up.lock") as lock,
            StopRequest() as stop,
            Watchdog(lock) as watchdog,
        ):
            doors = stack.choose_ports(port)
            if doors.web != port:
                console.line("up", f"port {port} is taken: {doors.web} it is")
            stack.compile_code()
            told = {"pid": os.getpid(), "url": doors.url(doors.web)}
            locks.write(lock, json.dumps(told))
            try:
                with stack.OwnServices(var, watchdog, console) as services:
                    environment = stack.environment(var, doors, services.urls)
                    with (
                        _nursery(environment) as nursery,
                        Supervisor(
                            console, watchdog, stop, environment, services.keep, nursery
                        ) as supervisor,
                    ):
                        _start(supervisor, var, doors, demo=demo)
                        seconds = time.monotonic() - started
                        console.plain(_welcome(var, doors, seconds, demo=demo))
                        supervisor.wait()
            except Stopped:
                console.line("up", "everything has stopped")


def _nursery(environment: Mapping[str, str]) -> AbstractContextManager[Nursery | None]:
    """Make one, where a fork after the imports is safe; on macOS each process imports by itself."""
    if sys.platform != "linux":
        return nullcontext()
    return closing(Nursery("config.warm", environment))


def _start(supervisor: Supervisor, var: Path, doors: stack.Ports, *, demo: bool) -> None:
    """Prepare the database and start everything; returns when the stack serves."""
    # The nursery imports meanwhile.
    supervisor.run_once(stack.manage("prepare", "prepare", *["--demo"] * demo))
    supervisor.start([stack.web(doors), stack.sockets(doors), *stack.workers(var)])
    supervisor.wait_ready()
    # Nothing waits for these.
    clearing = stack.clearing(var, doors, demo=demo)
    supervisor.start([stack.beat(), stack.flower(doors), *clearing])
    if demo:
        url = doors.url(doors.web)
        alive = stack.manage("demo", "demo", "--talk", "--url", url)
        supervisor.start([*stack.nlu_stubs(var, doors), alive])
        supervisor.start([stack.manage("demo-learns", "demo", "--learn")], once=True)


def _welcome(var: Path, doors: stack.Ports, seconds: float, *, demo: bool) -> str:
    """Say where everything is and how to sign in."""
    web = doors.url(doors.web)
    user, password = stack.flower_login(var).split(":", 1)
    lines = [
        "",
        f"Lockstep is ready after {seconds:.1f} s.",
        f"  Pages        {web}/",
        f"  Back office  {web}/admin/",
        f"  API          {web}/api/docs/",
        f"  Sockets      {doors.url(doors.sockets, 'ws')}/",
        f"  Flower       {doors.url(doors.flower)}/   {user} / {password}",
        f"  Logs         {var / 'log'}",
    ]
    if demo and (file := var / stack.DEMO_FILE).exists():
        told = json.loads(file.read_text())
        lines += [
            f"  Sign in      {told['user']} / {told['password']}",
            f"  And a second {told['colleague']} / {told['colleague_password']}   (where it takes two)",
            f"  API key      {told['api_key']}",
        ]
    return "\n".join([*lines, "  Ctrl-C stops everything.", ""])
