"""Accounts that somebody else decides about: told and asked over the real wire, newest version first."""

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import connection, transaction
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.core.ids import uuid7
from apps.resilience.services import breaker
from apps.tenants.models import Tenant
from apps.trading import services
from apps.trading.account_system import wire
from apps.trading.account_system.stand_in import Server
from apps.trading.account_system.wire import Told
from apps.trading.exceptions import TermsRefused
from apps.trading.models import AccountFeed, AccountNotice, ClientAccount, Instrument
from apps.trading.services import controlling
from apps.webhooks import signing
from tests.ports import quiet
from tests.trading.cast import ask, book, codes, count, open_account, query
from tests.web.servers import environment

SECRET = "not the secret of any installation"
ROOT = Path(__file__).resolve().parents[2]
D = Decimal


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    """Its address, while it serves."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Door(BaseHTTPRequestHandler):
    """Our own door on a port: what comes over the wire is handed to the views."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        names = {
            f"HTTP_{name.upper().replace('-', '_')}": text for name, text in self.headers.items()
        }
        try:
            answer = APIClient().post(self.path, body, content_type="application/json", **names)
        finally:
            connection.close()
        self.send_response(answer.status_code)
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def door(transactional_db: None) -> Iterator[str]:
    """Where we are."""
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Door)) as address:
        yield address


@pytest.fixture
def system(settings: Settings, door: str) -> Iterator[Server]:
    """The stand-in, which knows where we are, as we know where it is."""
    server = Server(0, SECRET, door)
    settings.ACCOUNT_SYSTEM_SECRET = SECRET
    with serving(server) as address:
        settings.ACCOUNT_SYSTEM_URL = address
        yield server


def told(number: str = "ACC-1", version: int = 1, status: str = "frozen", **limits: Any) -> Told:
    return Told(number=number, version=version, status=status, **limits)  # type: ignore[arg-type] # tried out


def take(tenant: Tenant, *accounts: Told, uid: str = "") -> services.Taken:
    body = msgspec.json.encode(wire.Notice(list(accounts)))
    return services.take_notice(tenant.pk, uid or str(uuid7()), body, accounts)


def account_of(tenant: Tenant, number: str = "ACC-1") -> ClientAccount:
    return ClientAccount.objects.get(tenant=tenant, number=number)


def outcome(**terms: Any) -> list[tuple[str, str]]:
    (found,) = book(account_of(Tenant.objects.get(slug="acme")).tenant_id, ask(**terms))
    return [] if found.trade else codes(found)


def facts(tenant: Tenant, *names: str) -> list[tuple[str, Any]]:
    rows = query(
        """SELECT name, data FROM events_event WHERE tenant_id = %s AND topic = 'trade'
           AND name LIKE 'trading.account.%%' ORDER BY partition, "offset\"""",
        tenant.pk,
    )
    found = [(name.rpartition(".")[2], json.loads(data)) for name, data in rows]
    return [(name, data) for name, data in found if name in names]


def test_what_it_changed_is_asked_for_and_counts_at_once(
    tenant: Tenant, account: ClientAccount, instrument: Instrument, system: Server
) -> None:
    assert outcome() == []
    system.book.put(tenant.pk, "ACC-1", {"status": "frozen"})
    assert services.pull_accounts().applied == 1
    assert outcome() == [("account", "account_frozen")]
    assert services.pull_accounts() == services.Taken()  # nothing new: it goes on from its cursor
    system.book.put(tenant.pk, "ACC-1", {"status": "open", "max_order_notional": "100"})
    assert services.pull_accounts().applied == 1
    assert outcome() == [("quantity", "order_notional_limit")]
    assert outcome(quantity="2") == []
    assert [(name, one.get("version")) for name, one in facts(
        tenant, "frozen", "unfrozen", "limits_changed"
    )] == [("frozen", 1), ("unfrozen", 2), ("limits_changed", 2)]  # fmt: skip


def test_it_pushes_and_is_heard(
    tenant: Tenant, account: ClientAccount, instrument: Instrument, system: Server
) -> None:
    one = system.book.put(tenant.pk, "ACC-1", {"status": "frozen"})
    assert system.push(tenant.pk, one) == 200
    assert outcome() == [("account", "account_frozen")]
    assert services.pull_accounts().stale == 1  # it is asked for as well, and changes nothing
    assert count("trading_accountnotice") == 1


def test_as_a_process_of_its_own(
    tenant: Tenant, account: ClientAccount, settings: Settings, door: str
) -> None:
    port = quiet()
    settings.ACCOUNT_SYSTEM_URL, settings.ACCOUNT_SYSTEM_SECRET = f"http://127.0.0.1:{port}", SECRET
    command = [sys.executable, "-W", "ignore", "manage.py", "account_system", "--port", str(port)]
    env = environment(ACCOUNT_SYSTEM_SECRET=SECRET, LOCKSTEP_URL=door)
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert b"account system on" in process.stdout.readline()  # it listens from here on
            change = json.dumps({"status": "frozen", "push": True}).encode()
            request = urllib.request.Request(
                f"{settings.ACCOUNT_SYSTEM_URL}/control/accounts/{tenant.pk}/ACC-1", change,
                {"content-type": "application/json"}, method="PUT",
            )  # fmt: skip
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert json.load(answer)["pushed"] == 200
            assert account_of(tenant).status == "frozen"
            assert services.pull_accounts().stale == 1
        finally:
            process.kill()


def test_the_newest_version_counts_however_late_the_others_come(
    tenant: Tenant, account: ClientAccount
) -> None:
    assert take(tenant, told(version=5)).applied == 1
    assert take(tenant, told(version=4, status="open")).stale == 1
    assert take(tenant, told(version=5)).stale == 1
    assert take(tenant, told(version=5, status="open")).contradicting == 1
    assert (account_of(tenant).status, account_of(tenant).told_version) == ("frozen", 5)
    assert AccountFeed.objects.get(pk=tenant.pk).contradictions == 1
    both = [told(version=7, status="open"), told(version=6)]
    assert (
        take(tenant, *both).applied == 2
    )  # in the order of versions, whatever that of the message
    assert account_of(tenant).status == "open"
    assert take(tenant, told("ACC-9")).unknown == 1


def test_neither_lifts_the_others_freeze(tenant: Tenant, account: ClientAccount) -> None:
    services.change_account(tenant.pk, "ACC-1", {"status": "frozen"})
    take(tenant, told(version=1))
    take(tenant, told(version=2, status="open"))
    assert account_of(tenant).status == "frozen"  # we froze it ourselves
    services.change_account(tenant.pk, "ACC-1", {"status": "open"})
    assert account_of(tenant).status == "open"
    take(tenant, told(version=3))
    with pytest.raises(TermsRefused) as caught:
        services.change_account(tenant.pk, "ACC-1", {"status": "open"})
    errors = caught.value.facts["errors"]
    assert isinstance(errors, list)
    assert [(one["field"], one["code"]) for one in errors] == [("status", "account_system_decides")]
    # Ours while it is frozen already: kept, and counts when the other is lifted.
    services.change_account(tenant.pk, "ACC-1", {"status": "frozen"})
    take(tenant, told(version=4, status="open"))
    assert account_of(tenant).status == "frozen"
    names = [name for name, _ in facts(tenant, "frozen", "unfrozen")]
    assert names == ["frozen", "unfrozen", "frozen"]


def test_limits_are_its_own_where_it_decides(tenant: Tenant, account: ClientAccount) -> None:
    services.change_account(tenant.pk, "ACC-1", {"max_gross_exposure": D(9)})
    take(tenant, told(status="open", max_order_notional="1000", max_orders_per_second=3))
    row = account_of(tenant)
    assert (row.max_order_notional, row.max_gross_exposure) == (1000, None)
    for change in ({"max_order_notional": D(2000)}, {"max_gross_exposure": D(1)}):
        with pytest.raises(TermsRefused):
            services.change_account(tenant.pk, "ACC-1", change)
    services.change_account(tenant.pk, "ACC-1", {"name": "New name", "max_order_notional": D(1000)})
    (_, (_, last)) = facts(tenant, "limits_changed")
    assert last | {"account_id": ""} == {
        "account_id": "", "number": "ACC-1", "max_order_notional": "1000",
        "max_gross_exposure": None, "max_orders_per_second": 3, "by": "account_system",
        "version": 1,
    }  # fmt: skip


def test_what_it_closes_is_closed_once_it_is_flat(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    assert outcome() == []
    take(tenant, told(version=1, status="closed"))
    assert account_of(tenant).status == "frozen"
    open_account(tenant.pk, "ACC-2")
    take(tenant, told("ACC-2", version=1, status="closed"))
    take(tenant, told("ACC-2", version=2, status="open"))
    assert account_of(tenant, "ACC-2").status == "closed"  # for ever


def test_a_frozen_account_goes_on_to_settle(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    assert outcome() == []
    take(tenant, told())
    (found,) = query("SELECT count(*) FROM events_event WHERE name = 'trading.trade.executed'")
    assert found == (1,)  # its trade stands; settlement hears it whatever the account's status is


def headers_of(tenant: Tenant, body: bytes, *, uid: str = "one", at: float = 0) -> dict[str, str]:
    stamp = int(time.time() + at)
    made = signing.headers([services.secret_of(tenant.pk)], uid, stamp, body)
    return {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in made.items()}


def push(tenant: Tenant, body: bytes, **headers: str) -> Any:
    client = APIClient()
    client.raise_request_exception = False
    return client.post(
        f"/api/v1/account-system/{tenant.pk}/notices", body, content_type="application/json",
        **headers,
    )  # fmt: skip


@pytest.fixture
def body() -> bytes:
    return msgspec.json.encode(wire.Notice([told()]))


def test_a_message_is_taken_once(tenant: Tenant, account: ClientAccount, body: bytes) -> None:
    first = push(tenant, body, **headers_of(tenant, body))
    assert (first.status_code, first.json()["applied"]) == (200, 1)
    again = push(tenant, body, **headers_of(tenant, body))
    assert (again.status_code, again.json()["applied"]) == (200, 0)
    assert AccountNotice.objects.get().uid == "one"


def test_who_does_not_hold_the_secret_is_refused(
    tenant: Tenant, other: Tenant, account: ClientAccount, body: bytes
) -> None:
    good = headers_of(tenant, body)
    cases: list[dict[str, str]] = [
        {},
        good | {"HTTP_WEBHOOK_SIGNATURE": "v1,AAAA"},
        good | {"HTTP_WEBHOOK_SIGNATURE": "\u00e9"},
        good | {"HTTP_WEBHOOK_ID": "two"},
        good | {"HTTP_WEBHOOK_TIMESTAMP": "9" * 400},
        good | {"HTTP_WEBHOOK_TIMESTAMP": "-1"},
        headers_of(tenant, body + b" "),
        headers_of(tenant, body, at=-400),
        headers_of(tenant, body, at=400),
        headers_of(other, body),
    ]
    for headers in cases:
        answer = push(tenant, body, **headers)
        assert answer.status_code == 403, headers
        assert answer.json().get("code") == "signature_refused", (headers, answer.json())
    assert account_of(tenant).status == "open"
    nobody = Tenant(pk=2**31 - 1)
    assert push(nobody, body, **headers_of(nobody, body)).status_code == 403


NONSENSE = [
        b"", b"[]", b"\xff", b'{"accounts": []}', b'{"accounts": [{"number": "ACC-1"}]}',
        b'{"accounts": [{"number": "A", "version": 0, "status": "open"}]}',
        b'{"accounts": [{"number": "A", "version": 1, "status": "on holiday"}]}',
        b'{"accounts": [{"number": "A\\u0000", "version": 1, "status": "open"}]}',
        b'{"accounts": [{"number": "A", "version": 1, "status": "open", "max_order_notional": "NaN"}]}',
        b'{"accounts": [{"number": "A", "version": 1, "status": "open", "max_order_notional": "0"}]}',
    ]  # fmt: skip


def test_a_message_that_makes_no_sense_is_refused(tenant: Tenant) -> None:
    for wrong in NONSENSE:
        answer = push(tenant, wrong, **headers_of(tenant, wrong))
        assert (answer.status_code, answer["content-type"]) == (400, "application/problem+json")
    assert not AccountNotice.objects.exists()


def test_each_tenant_is_alone(tenant: Tenant, other: Tenant, account: ClientAccount) -> None:
    open_account(other.pk)
    take(other, told())
    assert account_of(tenant).status == "open"
    assert account_of(other).status == "frozen"


@pytest.mark.parametrize("how", ["refuse", "garble"])
def test_one_that_does_not_answer_is_left_alone_for_a_while(
    tenant: Tenant, account: ClientAccount, system: Server, how: str
) -> None:
    system.book.put(tenant.pk, "ACC-1", {"status": "frozen"})
    system.book.outage = (time.time() + 600, how)
    for _ in range(5):
        assert services.pull_accounts() == services.Taken()
    assert breaker("account-system", controlling.POLICY).record().phase == "open"
    assert AccountFeed.objects.get(pk=tenant.pk).problem
    assert account_of(tenant).status == "open"


def test_a_hanging_one_takes_no_longer_than_its_deadline(
    tenant: Tenant, account: ClientAccount, system: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        controlling, "connection_of",
        lambda one: controlling.AccountSystem(
            f"http://127.0.0.1:{system.server_address[1]}", services.secret_of(one), one, seconds=0.2
        ),
    )  # fmt: skip
    system.book.outage = (time.time() + 600, "hang")
    assert services.pull_accounts() == services.Taken()
    assert "Timeout" in AccountFeed.objects.get(pk=tenant.pk).problem


def test_many_accounts_come_in_pages(tenant: Tenant, system: Server) -> None:
    numbers = [f"ACC-{number}" for number in range(1, 251)]
    services.open_accounts(
        tenant.pk,
        [services.AccountTerms(number=one, name=one, base_currency="USD") for one in numbers],
    )
    for one in numbers:
        system.book.put(tenant.pk, one, {"status": "frozen"})
    assert services.pull_accounts().applied == 250
    assert not ClientAccount.objects.filter(status="open").exists()


def test_who_waits_longest_is_asked_first(system: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the time of a tick is up after one tenant, the next tick goes on with the next one."""
    monkeypatch.setattr(controlling, "BUDGET_SECONDS", 0)
    tenants = [Tenant.objects.create(slug=f"fair-{one}", name=one) for one in "abc"]
    for one in tenants:
        open_account(one.pk)
        system.book.put(one.pk, "ACC-1", {"status": "frozen"})
    for done in (1, 2, 3):
        assert services.pull_accounts().applied == 1
        assert ClientAccount.objects.filter(status="frozen").count() == done
    late = Tenant.objects.create(slug="fair-late", name="late")
    open_account(late.pk)
    for one in (*tenants, late):
        system.book.put(one.pk, "ACC-1", {"status": "open"})
    services.pull_accounts()  # who was never asked comes before all others
    assert account_of(late).told_version
    for one in tenants:
        services.pull_accounts()
        assert account_of(one).status == "open"


def test_without_an_address_nobody_is_asked(tenant: Tenant, settings: Settings) -> None:
    settings.ACCOUNT_SYSTEM_URL = ""
    assert services.pull_accounts() == services.Taken()
    assert not AccountFeed.objects.exists()


def test_the_database_keeps_a_frozen_account_frozen(tenant: Tenant, account: ClientAccount) -> None:
    take(tenant, told())
    with pytest.raises(Exception, match="open_accounts_are_open_for_both"), transaction.atomic():
        query("UPDATE trading_clientaccount SET status = 'open' RETURNING id")
