"""An account system to try things with: a server of its own, for development and tests.

    GET  /accounts?since=<cursor>              what changed (signed by whoever asks)
    GET  /control                              all that it knows
    PUT  /control/accounts/<tenant>/<number>   {"status", limits, "push": true}: change one, and tell
    POST /control/outage                       {"seconds": 60, "how": "refuse" | "hang" | "garble"}

It listens on the loopback only, and its control door takes only JSON, which a page of another site cannot
send unasked.
"""

import contextlib
import json
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from apps.core.ids import uuid7
from apps.trading.account_system import wire
from apps.trading.account_system.wire import Told
from apps.webhooks import signing

PAGE: Final = 100  # accounts in one answer
BODY_MAX: Final = 1_000_000  # bytes
PUSH_SECONDS: Final = 30


@dataclass
class Book:
    """Accounts by tenant and number; the version is the number of the change, of all."""

    changes: int = 0
    accounts: dict[tuple[int, str], Told] = field(default_factory=dict)
    outage: tuple[float, str] = (0.0, "")
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, tenant: int, number: str, terms: dict[str, Any]) -> Told:
        """Change an account; what is left out stays. Raises msgspec.ValidationError."""
        with self.lock:
            known = self.accounts.get((tenant, number))
            before = msgspec.to_builtins(known) if known else {"status": "open"}
            version = int(terms.pop("version", self.changes + 1))
            told = msgspec.convert(before | terms | {"number": number, "version": version}, Told)
            self.changes = max(self.changes, version)
            self.accounts[tenant, number] = told
            return told

    def since(self, tenant: int, cursor: int) -> wire.Page:
        """A tenant's accounts that changed after a cursor, oldest change first."""
        with self.lock:
            mine = [told for (owner, _), told in self.accounts.items() if owner == tenant]
            newer = sorted(
                (one for one in mine if one.version > cursor), key=lambda one: one.version
            )
            shown = newer[:PAGE]
            reached = shown[-1].version if shown else cursor
            return wire.Page(shown, reached, more=len(newer) > len(shown))

    def how(self) -> str:
        """How it is out of order now; empty: it is not."""
        until, how = self.outage
        return how if time.time() < until else ""


class Server(ThreadingHTTPServer):
    """The stand-in, with what it needs to know."""

    daemon_threads = True

    def __init__(self, port: int, secret: str, lockstep: str) -> None:
        """`secret` is the one that tenants' secrets are derived from; `lockstep` where we are."""
        super().__init__(("127.0.0.1", port), _Door)
        self.book = Book()
        self.secret = secret
        self.lockstep = lockstep.rstrip("/")

    def push(self, tenant: int, told: Told) -> int:
        """Tell our webhook of an account; its status, 0 where there is no answer."""
        body = msgspec.json.encode(wire.Notice([told]))
        secret = wire.secret_of(self.secret, tenant)
        headers = signing.headers([secret], str(uuid7()), int(time.time()), body)
        request = urllib.request.Request(  # noqa: S310 - the address is our own configuration
            f"{self.lockstep}/api/v1/account-system/{tenant}/notices", body, headers
        )
        try:
            with urllib.request.urlopen(request, timeout=PUSH_SECONDS) as answer:  # noqa: S310 - same
                return int(answer.status)
        except OSError as error:  # refused, not reached, or no answer in time
            return int(getattr(error, "code", 0))


class _Door(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path == "/control":
            known = [{"tenant": tenant, **msgspec.to_builtins(told)}
                     for (tenant, _), told in sorted(self.server.book.accounts.items())]  # fmt: skip
            self._answer(200, {"changes": self.server.book.changes, "accounts": known})
        elif asked.path == wire.CHANGES:
            self._changes(asked.query)
        else:
            self._answer(404, {"detail": "there is nothing here"})

    def do_PUT(self) -> None:
        parts = [unquote(one) for one in self.path.split("/")[1:]]
        given = self._body()
        match parts:
            case ["control", "accounts", tenant, number] if given is not None and tenant.isdigit():
                push = given.pop("push", False)
                try:
                    told = self.server.book.put(int(tenant), number, given)
                except msgspec.ValidationError as error:
                    self._answer(400, {"detail": str(error)})
                    return
                status = self.server.push(int(tenant), told) if push else None
                self._answer(200, {**msgspec.to_builtins(told), "pushed": status})
            case _:
                self._answer(404, {"detail": "there is nothing here"})

    def do_POST(self) -> None:
        given = self._body()
        if self.path != "/control/outage" or given is None:
            self._answer(404, {"detail": "there is nothing here"})
            return
        self.server.book.outage = (time.time() + float(given["seconds"]), str(given["how"]))
        self._answer(200, {})

    def _changes(self, query: str) -> None:
        how = self.server.book.how()
        if how == "refuse":
            self._answer(503, {"detail": "out of order"})
            return
        if how == "hang":
            time.sleep(self.server.book.outage[0] - time.time())
        headers = {name.lower(): text for name, text in self.headers.items()}
        tenant = headers.get(wire.TENANT, "")
        secret = wire.secret_of(self.server.secret, int(tenant) if tenant.isdigit() else 0)
        if not signing.is_genuine(secret, headers, time.time(), self.path.encode()):
            self._answer(401, {"detail": "the signature is wrong, or of another time"})
            return
        since = parse_qs(query).get("since", ["0"])[0]
        page = self.server.book.since(int(tenant), int(since) if since.isdigit() else 0)
        self._answer(200, "<html>" if how == "garble" else page)

    def _body(self) -> dict[str, Any] | None:
        length = int(self.headers.get("content-length") or 0)
        if self.headers.get("content-type") != "application/json" or length > BODY_MAX:
            return None
        with contextlib.suppress(json.JSONDecodeError):
            found = json.loads(self.rfile.read(length))
            return found if isinstance(found, dict) else None
        return None

    def _answer(self, status: int, content: Any) -> None:
        body = msgspec.json.encode(content)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # whoever asked did not wait
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
