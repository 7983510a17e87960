"""The disaster drill, for real: a base backup under load, restored elsewhere, Redis empty."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.conversations import selectors as conversations
from apps.conversations.services import open_conversation
from apps.core.ids import uuid7
from apps.ledger.selectors.owners import HANDLER
from apps.tenants.models import Tenant
from apps.trading.selectors.exposure import FOLDER
from config import drill
from config.database_url import database_url
from config.embedded import Urls
from tests.ledger.books import damage, drain_all, keep_books
from tests.trading import cast

pytestmark = pytest.mark.processes

ENOUGH = 6  # acknowledged calls before the backup begins


@contextmanager
def load(tenant: Tenant) -> Iterator[list[UUID]]:
    """Trades and their handlers, without end; the ids of those that were acknowledged."""
    acknowledged: list[UUID] = []
    flowing, going = threading.Event(), threading.Event()
    flowing.set()

    def trade() -> None:
        try:
            while flowing.is_set():
                outcomes = cast.book(tenant.pk, cast.ask(), cast.ask(account="ACC-2", side="sell"))
                acknowledged.extend(one.trade.id for one in outcomes if one.trade is not None)
                if len(acknowledged) > ENOUGH:
                    going.set()
                drain_all(FOLDER if len(acknowledged) % 3 else HANDLER)
        finally:
            going.set()
            connection.close()

    worker = threading.Thread(target=trade)
    worker.start()
    try:
        going.wait()
        yield acknowledged
    finally:
        flowing.clear()
        worker.join()


def test_a_backup_under_load_is_restored_elsewhere_and_loses_nothing(tenant: Tenant) -> None:
    keep_books(tenant)
    talk = open_conversation(tenant.pk, external_id="anna", channel="widget").conversation
    before, _ = conversations.position_of(tenant.pk, talk.id)
    seen: dict[str, Any] = {}

    def look(urls: Urls) -> None:
        with psycopg.connect(urls.database_url) as there:
            seen["trades"] = {uid for (uid,) in there.execute("SELECT id FROM trading_trade")}
            seen["epoch"] = there.execute(
                "SELECT epoch FROM conversations_conversation WHERE id = %s", [talk.id]
            ).fetchone()
        seen["lost"] = drill._lost(urls.database_url, [("trade", 5, 999_999, uuid7())])

    with load(tenant) as acknowledged:
        promised = set(acknowledged)
        found = drill.drill(database_url(connection.settings_dict), look=look)
        assert set(acknowledged) > promised, "nothing went on meanwhile"

    assert found.recovery.get("faults") == [], found.recovery
    assert (found.ok, found.lost, found.heads > 2) == (True, [], True)
    assert promised <= seen["trades"]
    assert (found.recovery["streams"], found.recovery["replays"]) == (1, 3)
    assert seen["epoch"] == (before + 1,)
    assert seen["lost"] == ["trade/5 offset 999999"], "a missing end is seen"
    assert conversations.position_of(tenant.pk, talk.id)[0] == before, "the original is as it was"


def test_recovery_goes_on_where_the_backup_stood(tenant: Tenant) -> None:
    keep_books(tenant)
    cast.book(tenant.pk, cast.ask())
    out = StringIO()
    call_command("recover", json=True, stdout=out)
    done = json.loads(out.getvalue())
    assert (done["ok"], done["faults"]) == (True, [])
    assert done["drained"] >= 3, "positions, ledger and settlement had a trade to take"
    account = cast.query("SELECT min(id) FROM trading_position")[0][0]
    damage("UPDATE trading_position SET quantity = quantity + 1 WHERE id = %s", account)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("recover", stdout=out)
    assert "ledger: positions equal ledger units (I4)" in out.getvalue()
    assert f"replay of {FOLDER}: - (" in out.getvalue()


KILLED = """
import os, signal, sys
from config import drill
def die(urls):
    print(urls.database_url, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
drill._recover = lambda urls: {}
drill.drill(sys.argv[1], look=die)
"""


def test_what_a_killed_drill_left_is_cleared_away(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o755)
    source = database_url(connection.settings_dict)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, source], cwd=drill.ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    left, url = next(tmp_path.glob("lockstep-drill-*[!k]")), done.stdout.strip()
    psycopg.connect(url).close()  # its server has outlived it
    with drill._scratch() as mine:
        assert drill.clear_away() == [left]
        assert mine.exists(), "a drill that goes on keeps its copy"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "lockstep-drill-x").symlink_to(tmp_path / "elsewhere")
    assert drill.clear_away() == []
    assert (tmp_path / "elsewhere").exists(), "what others put there is left alone"


def test_no_server_no_drill(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", 1)
    with pytest.raises(CommandError, match="refused"):
        call_command("drill", json=True)
