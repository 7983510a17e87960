"""The migrated database that test databases are copies of.

All migrations take many seconds, a copy takes less than one. The template is named after what made it,
so it is made anew when a migration changes, and by one of the processes that need it.
"""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import django
import psycopg
from django.conf import settings
from psycopg import sql

from config.database_url import database_url

ROOT = Path(__file__).resolve().parent.parent
LOCK = 7_064_231
"""Of those who may make it."""
PREFIX = "lockstep_template_"

PATIENT = """
DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN SELECT oid FROM pg_proc WHERE 'lock_timeout=2s' = ANY(proconfig) LOOP
        EXECUTE format('ALTER FUNCTION %s SET lock_timeout = %L', one, '60s');
    END LOOP;
END
$$
"""
"""The product's writers give up a lock after two seconds: callers come again. The many writers of a
test do not, and on a busy machine they wait for longer."""


def migrated() -> str:
    """The name of a database that all migrations have run on; nobody is connected to it."""
    name = PREFIX + _fingerprint()
    with psycopg.connect(_url("postgres"), autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        found = server.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX]
        )
        known = {one for (one,) in found.fetchall()}
        if name not in known:
            for old in known:
                _run(server, "DROP DATABASE {} WITH (FORCE)", old)
            _make(server, name)
    return name


def _make(server: psycopg.Connection[tuple[str]], name: str) -> None:
    unfinished = f"{PREFIX}unfinished"
    _run(server, "CREATE DATABASE {}", unfinished)
    subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "migrate", "--verbosity=0"],
        cwd=ROOT, check=True, env={**os.environ, "DATABASE_URL": _url(unfinished)},
    )  # fmt: skip
    with psycopg.connect(_url(unfinished), autocommit=True) as made:
        made.execute(PATIENT)
    _run(server, "ALTER DATABASE {} RENAME TO {}", unfinished, name)


def _run(server: psycopg.Connection[tuple[str]], statement: str, *names: str) -> None:
    server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _fingerprint() -> str:
    # The month, because migrations make the partitions of the months around them.
    seed = f"{django.__version__} {datetime.now(UTC):%Y-%m} {PATIENT}"
    made_of = hashlib.blake2s(seed.encode(), digest_size=8)
    for file in sorted(ROOT.glob("apps/*/migrations/**/*")):
        if file.suffix in (".py", ".sql"):
            made_of.update(file.read_bytes())
    return made_of.hexdigest()


def _url(database: str) -> str:
    return database_url(settings.DATABASES["default"], database)
