"""A PostgreSQL restored from a base backup of a running one, with an empty Valkey beside it.

What is left after a disaster, on another machine: the last backup, and no Redis. The copy is taken with
`pg_basebackup` while the original works, with the write-ahead log up to the end of the copying.
"""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from config import ports
from config.embedded import Urls, erase
from config.embedded.postgres import Postgres
from config.embedded.server import Announce, ServicesError
from config.embedded.valkey import Valkey

_HBA = "host all all 127.0.0.1/32 scram-sha-256\n"


class Restored(Postgres):
    """A server whose data begins as the backup of another; its roles, passwords, databases."""

    usual_port = 54429

    def __init__(self, var: Path, source: str) -> None:
        self._source = urlsplit(source)
        super().__init__(var, unquote(self._source.password or ""))

    def url(self, port: int, database: str = "") -> str:
        """Return the source's URL, as if it were here."""
        user = f"{self._source.username}:{self._source.password or ''}"
        there = self._source._replace(netloc=f"{user}@{ports.LOOPBACK}:{port}")
        return (there._replace(path=f"/{database}") if database else there).geturl()

    def configure(self, port: int) -> Sequence[str]:
        """Write the configuration and return the command; only this machine may sign in."""
        command = super().configure(port)
        (self.data / "pg_hba.conf").write_text(_HBA)
        return command

    def check(self, port: int) -> str | None:
        """Sign in; everything else is in the backup."""
        import psycopg  # noqa: PLC0415 - settings import this package and need no driver yet

        try:
            with psycopg.connect(self.url(port), connect_timeout=2, autocommit=True) as db:
                db.execute("SELECT pg_is_in_recovery()")
        except psycopg.Error as error:
            return str(error)
        return None

    def _initdb(self, cluster: Path) -> None:
        """Fill the data directory: a base backup of the source instead of an empty cluster."""
        options = self.popen_options()
        if options:
            os.chown(cluster, options["user"], options["group"])
        command: list[str | Path] = [
            self._programs() / "pg_basebackup", "-D", cluster, "--wal-method=stream",
            "--checkpoint=fast", "--no-password",
        ]  # fmt: skip
        where = {
            "PGHOST": self._source.hostname or ports.LOOPBACK,
            "PGPORT": str(self._source.port or 5432),
            "PGUSER": unquote(self._source.username or ""),
            "PGPASSWORD": self.password,
        }
        done = subprocess.run(
            command, cwd=cluster, env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **where},
            capture_output=True, text=True, check=False, **options,
        )  # fmt: skip
        if done.returncode:
            raise ServicesError(f"pg_basebackup failed:\n{done.stdout}{done.stderr}")


@contextmanager
def restored(source: str, var: Path, announce: Announce = lambda *_: None) -> Iterator[Urls]:
    """Run what a backup of `source`, taken now, makes; all of it is gone afterwards.

    Raises `ServicesError` where the backup cannot be taken, or the copy does not start.
    """
    (var / "log").mkdir(parents=True, exist_ok=True)
    postgres, valkey = Restored(var, source), Valkey(var, "drill")
    try:
        place, cache = postgres.start(announce), valkey.start(announce)
        yield Urls(postgres.url(place.port), valkey.url(cache.port))
    finally:
        take_away(var)


def take_away(var: Path) -> None:
    """Stop what runs of a copy, whoever started it, and remove it.

    Raises `ServicesError` where a server does not end.
    """
    for server in (Postgres(var, ""), Valkey(var, "")):
        server.stop()
    erase(var)
