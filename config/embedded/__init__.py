"""PostgreSQL and Valkey from wheels, for whoever has no servers of their own.

Everything is under `var`: `postgres/`, `valkey/`, `log/`, `password`, `services.json`. A server whose URL is in the environment (`DATABASE_URL`, `REDIS_URL`) is not
embedded. Nothing here needs Django: the settings ask `known_urls`.
"""

import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from config import kept, locks
from config.embedded.postgres import Postgres
from config.embedded.server import Announce, Server, ServicesError
from config.embedded.valkey import Valkey

__all__ = ["ServicesError", "Urls", "erase", "known_urls", "missing", "start", "stop", "var_dir"]

_KINDS: dict[str, type[Server]] = {"DATABASE_URL": Postgres, "REDIS_URL": Valkey}


class Urls(NamedTuple):
    """Where the embedded servers are, passwords included; empty for one that is not embedded."""

    database_url: str
    redis_url: str


def var_dir() -> Path:
    """Return where this stack keeps its data, logs and pids (`LOCKSTEP_VAR`, else `var/`)."""
    chosen = os.environ.get("LOCKSTEP_VAR")
    return Path(chosen).resolve() if chosen else Path(__file__).resolve().parents[2] / "var"


def known_urls(var: Path) -> Urls | None:
    """Return the URLs of the embedded servers that run now, or None if none does."""
    try:
        known = json.loads((var / "services.json").read_text())
        urls = [
            known[name]["url"] if name in known and locks.is_held(Path(known[name]["lock"])) else ""
            for name in (Postgres.name, Valkey.name)
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Urls(*urls) if any(urls) else None


def missing(var: Path) -> list[str]:
    """Return the names of the servers that should be embedded and do not run."""
    return [server.name for server in _servers(var) if not server.is_alive()]


def start(var: Path, announce: Announce = lambda *_: None) -> Urls:
    """Start the servers that are to be embedded, or find them running; returns once they serve.

    `announce` hears of each process that is started here, before it runs. A second caller waits
    for the first.

    Raises:
        ServicesError: a server does not come up.
    """
    (var / "log").mkdir(parents=True, exist_ok=True)
    with locks.exclusive(var / "services.lock"):
        known = {}
        for server in _servers(var, _password(var)):
            place = server.start(announce)
            known[server.name] = {
                **place._asdict(), "url": server.url(place.port), "lock": str(server.lock)
            }  # fmt: skip
        urls = Urls(*(known.get(kind.name, {}).get("url", "") for kind in _KINDS.values()))
        kept.write(var / "services.json", json.dumps(urls._asdict() | known, indent=1))
    return urls


def stop(var: Path, names: Collection[str] = (Postgres.name, Valkey.name)) -> None:
    """Stop the embedded servers of this directory, or those of them that are named.

    Raises:
        ServicesError: one does not stop.
    """
    if not var.exists():
        return
    with locks.exclusive(var / "services.lock"):
        for kind in _KINDS.values():
            if kind.name in names:
                kind(var, "").stop()


def erase(var: Path) -> None:
    """Stop the embedded servers of this directory and remove their data, for good."""
    stop(var)
    Postgres(var, "").erase()
    shutil.rmtree(var / Valkey.name, ignore_errors=True)
    for file in ("services.json", "password", "postgres.lock", "valkey.lock"):
        (var / file).unlink(missing_ok=True)


def _servers(var: Path, password: str = "") -> list[Server]:
    """Return the servers that are to be embedded."""
    kinds = (kind for variable, kind in _KINDS.items() if not os.environ.get(variable))
    return [kind(var, password) for kind in kinds]


def _password(var: Path) -> str:
    """Return the servers' password, made at the first start and kept in `<var>/password`."""
    file = var / "password"
    if not file.exists() and any((var / kind.name).exists() for kind in _KINDS.values()):
        raise ServicesError(f"{file} is lost, and with it the way into the data beside it")
    return kept.secret(file)
