"""One process: started behind the watchdog's gate, read, started again when it ends."""

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from config.supervisor.console import Console
from config.supervisor.copies import Copy, Nursery
from config.supervisor.guard import Watchdog
from config.watchdog import Group, gated, open_gate, signal_group

BACKOFF_FIRST, BACKOFF_MAX = 1.0, 30.0  # seconds
HEALTHY_AFTER = 30.0  # seconds; one that ran this long starts again with the first back-off
LINE_BYTES_MAX = 65_536
PROBE_TIMEOUT = 2.0  # seconds


@dataclass(frozen=True)
class ProcessSpec:
    """A process as it should run."""

    name: str
    command: tuple[str, ...]
    ready_url: str | None = None
    """Ready when this answers: `http://…` with a status below 400, `tcp://host:port` at all."""
    ready_text: str | None = None
    """Ready when it has said this."""
    stop_rank: int = 0
    """Lower ranks are stopped first."""
    grace: float = 3.0
    """Seconds between SIGTERM and SIGKILL."""


class Child:
    """Keeps one process running, in a thread of its own."""

    def __init__(
        self,
        spec: ProcessSpec,
        environment: Mapping[str, str],
        console: Console,
        watchdog: Watchdog,
        nursery: Nursery | None = None,
        *,
        once: bool = False,
    ) -> None:
        """Take what the process needs; with `once` it is not started again.

        With a nursery, what this interpreter is to run begins as a copy.
        """
        self.spec = spec
        self.exit_code: int | None = None
        self._environment = {
            **environment, "LOCKSTEP_PROCESS": spec.name, "PGAPPNAME": spec.name
        }  # fmt: skip
        self._console = console
        self._watchdog = watchdog
        self._nursery = nursery
        self._once = once
        self._process: subprocess.Popen[bytes] | Copy | None = None
        self._spawning = threading.Lock()
        self._stopping = threading.Event()
        self._heard = threading.Event()
        self._thread = threading.Thread(target=self._live, name=spec.name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def is_over(self) -> bool:
        """Say whether the process has ended for good."""
        return not self._thread.is_alive()

    def is_ready(self) -> bool:
        """Say whether the process does its work; asks it, if it has an address."""
        if self.spec.ready_text and not self._heard.is_set():
            return False
        return self.spec.ready_url is None or _answers(self.spec.ready_url)

    def terminate(self) -> None:
        """Ask the process to end; it is not started again."""
        with self._spawning:
            self._stopping.set()
            if self._process is not None:
                self._process.terminate()

    def kill(self) -> None:
        """End the process and all its children now."""
        self.terminate()
        if self._process is not None and not self.is_over():
            signal_group(self._process.pid, signal.SIGKILL)

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _live(self) -> None:
        pause = BACKOFF_FIRST
        while True:
            started = time.monotonic()
            self.exit_code = self._run()
            if self._once or self._stopping.is_set():
                return
            if time.monotonic() - started >= HEALTHY_AFTER:
                pause = BACKOFF_FIRST
            self._say(f"{_reason(self.exit_code)}; starts again in {pause:g} s")
            if self._stopping.wait(pause):
                return
            pause = min(2 * pause, BACKOFF_MAX)

    def _run(self) -> int | None:
        """Run the process to its end and return its exit code."""
        with self._spawning:
            if self._stopping.is_set():
                return None
            process = self._process = self._spawn()
        self._watchdog.add(
            self.spec.name, Group(self.spec.stop_rank, process.pid, signal.SIGTERM)
        )  # fmt: skip
        open_gate(process)
        reader = threading.Thread(target=self._read, args=[process], daemon=True)
        reader.start()
        code = process.wait()
        # Children that it left behind would hold its port, and this pipe.
        signal_group(process.pid, signal.SIGKILL)
        reader.join()
        self._watchdog.remove(self.spec.name)
        return code

    def _spawn(self) -> "subprocess.Popen[bytes] | Copy":
        if self._nursery is not None and self.spec.command[0] == sys.executable:
            try:
                return self._nursery.spawn(self.spec.command, self._environment)
            except OSError as error:
                self._say(f"starts without the nursery: {error!r}")
        return subprocess.Popen(
            gated(self.spec.command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,  # the terminal's Ctrl-C is the supervisor's alone
        )

    def _read(self, process: "subprocess.Popen[bytes] | Copy") -> None:
        assert process.stdout is not None
        with process.stdout as output:
            while line := output.readline(LINE_BYTES_MAX):
                text = line.decode(errors="replace").rstrip()
                if text:
                    self._console.line(self.spec.name, text)
                if self.spec.ready_text and self.spec.ready_text in text:
                    self._heard.set()

    def _say(self, text: str) -> None:
        self._console.line("up", f"{self.spec.name} {text}")


def _reason(code: int | None) -> str:
    """Say how a process ended."""
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"exited with {code}"


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    assert parts.hostname is not None
    try:
        if parts.scheme == "tcp":
            address = (parts.hostname, parts.port or 0)
            with socket.create_connection(address, timeout=PROBE_TIMEOUT):
                return True
        connection = http.client.HTTPConnection(
            parts.hostname, parts.port, timeout=PROBE_TIMEOUT
        )  # fmt: skip
        try:
            connection.request("GET", parts.path)
            return connection.getresponse().status < http.HTTPStatus.BAD_REQUEST
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False
