"""The simulator as a process of its own, and somebody who hears what it tells."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from apps.settlement.clearing import wire
from apps.settlement.clearing.http_json import HttpClearing
from apps.settlement.clearing.signing import is_genuine, participant_secret
from tests.ports import quiet

ROOT = Path(__file__).resolve().parents[2]
SECRET = "not the secret of any installation"
QUICK = {"latency": {"p50": 0.001, "p95": 0.002}, "settling": {"p50": 0.05, "p95": 0.1}}


@dataclass
class Simulated:
    """A running simulator."""

    port: int
    folder: Path
    callback: str
    process: subprocess.Popen[bytes] | None = None
    deaf: bool = False
    told: list[tuple[int, wire.Told]] = field(default_factory=list)
    """What was heard, with the participant."""
    posted: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    """The same as it was sent: path, signature, body."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connection(self, tenant: int, seconds: float = 60.0) -> HttpClearing:
        secret = participant_secret(SECRET, "simulator", tenant)
        return HttpClearing(self.url, secret, tenant, seconds=seconds)

    def start(self) -> None:
        command = [
            sys.executable, "-m", "apps.settlement.clearing.simulator",
            "--port", str(self.port), "--book", str(self.folder / "book.sqlite3"),
            "--settings", json.dumps(QUICK),
        ]  # fmt: skip
        environment = {**os.environ, "CLEARING_SECRET": SECRET, "LOCKSTEP_URL": self.callback}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment)
        end = time.monotonic() + 180
        while True:
            try:
                self._ask("GET", "/healthz")
            except OSError:
                assert self.process.poll() is None, "the simulator did not start"
                assert time.monotonic() < end
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def behave(self, **settings: Any) -> None:
        """Behave well but for what is said."""
        self._ask("PUT", "/control", QUICK | settings)

    def break_down(self, seconds: float, how: str = "refuse") -> None:
        self._ask("POST", "/control/outage", {"seconds": seconds, "how": how})

    def control(self) -> Any:
        return self._ask("GET", "/control")

    def calls(self) -> list[dict[str, Any]]:
        """The calls that came to its door, the oldest first."""
        found: list[dict[str, Any]] = self._ask("GET", "/control/calls")
        return found

    def heard(self, instruction: str) -> wire.Told:
        """The first notice of an instruction."""
        found = self.all_heard(instruction, 1)
        assert found, f"nothing was told of {instruction}"
        return found[0]

    def all_heard(self, instruction: str, count: int, seconds: float = 60.0) -> list[wire.Told]:
        """What was told of an instruction: as much as is expected, and what comes soon after it."""
        end = time.monotonic() + seconds
        while len(self._of(instruction)) < count and time.monotonic() < end:
            time.sleep(0.01)
        if count != 1:
            time.sleep(0.3)
        return self._of(instruction)

    def _of(self, instruction: str) -> list[wire.Told]:
        return [one for _, one in self.told if one.instruction == instruction]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            content = json.dumps(body).encode() if body is not None else None
            connection.request(method, path, content, {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
            return json.loads(text)
        finally:
            connection.close()


@contextmanager
def simulated(folder: Path) -> Iterator[Simulated]:
    """A simulator that tells what happens to a listener of ours."""
    one = Simulated(quiet(), folder, "")

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            participant = int(self.path.split("/")[5])
            headers = {name.lower(): text for name, text in self.headers.items()}
            secret = participant_secret(SECRET, "simulator", participant)
            genuine = is_genuine(secret, headers, time.time(), "POST", self.path, body)
            if genuine and not one.deaf:
                signature = {n: text for n, text in headers.items() if n.startswith("x-")}
                one.posted.append((self.path, signature, body))
                notices = msgspec.json.decode(body, type=wire.Notices).notices
                one.told += [(participant, told) for told in notices]
            self.send_response(503 if one.deaf else 200 if genuine else 401)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    one.callback = f"http://127.0.0.1:{listener.server_address[1]}"
    one.start()
    try:
        yield one
    finally:
        one.kill()
        listener.shutdown()
        listener.server_close()
        thread.join()
