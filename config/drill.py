"""The disaster drill: a backup under load, restored elsewhere, proven to be whole.

The recovery point is the end of every partition of the log just before the backup began: what was
acknowledged until then has its event there, in the transaction of the acknowledgement.
"""

import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg

from config import locks
from config.embedded import Urls
from config.embedded.restored import restored, take_away

PREFIX: Final = "lockstep-drill-"
ROOT: Final = Path(__file__).resolve().parent.parent
HEADS: Final = """
SELECT p.topic, p.number, e."offset", e.id FROM events_partition p
CROSS JOIN LATERAL (
    SELECT "offset", id FROM events_event WHERE topic = p.topic AND partition = p.number
    ORDER BY "offset" DESC LIMIT 1
) AS e ORDER BY 1, 2
"""
THERE: Final = """
SELECT count(*) FROM events_event WHERE topic = %s AND partition = %s AND "offset" = %s AND id = %s
"""
Say = Callable[[str], None]


@dataclass
class Drill:
    """What a drill found."""

    heads: int
    """Partitions of the log that had events at the recovery point."""
    lost: list[str] = field(default_factory=list)
    """Ends of partitions that are not in the restored database."""
    recovery: dict[str, Any] = field(default_factory=dict)
    """What `manage.py recover` said there."""
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is lost and everything adds up."""
        return not self.lost and bool(self.recovery.get("ok"))


def drill(
    source: str, *, say: Say = lambda _text: None, look: Callable[[Urls], None] = lambda _urls: None
) -> Drill:
    """Back `source` up, restore it beside an empty Redis, recover, and compare.

    `look` is called with the restored servers before they are taken away. Raises `ServicesError`.
    """
    heads = _heads(source)
    found, clock = Drill(len(heads)), time.monotonic()
    say(f"backing up {len(heads)} partitions of the log, and all the rest")
    for left in clear_away():
        say(f"removed {left}, which a drill that was killed had left behind")
    with _scratch() as scratch, restored(source, scratch) as urls:
        found.seconds["backup and start"] = round(time.monotonic() - clock, 1)
        found.lost = _lost(urls.database_url, heads)
        say("recovering")
        clock = time.monotonic()
        found.recovery = _recover(urls)
        found.seconds["recovery"] = round(time.monotonic() - clock, 1)
        look(urls)
    return found


# Note [A copy and its lock]
# A drill locks `<copy>.lock`, beside the copy, before it makes the copy, and no child inherits that
# lock. So a copy whose lock is free is nobody's: its drill is gone, also by `kill -9`, and its servers
# may run still.


@contextmanager
def _scratch() -> Iterator[Path]:
    """A directory for a copy, which is removed; Note [A copy and its lock]."""
    lock = Path(tempfile.gettempdir()) / f"{PREFIX}{secrets.token_hex(4)}.lock"
    held = locks.take(lock)
    copy = lock.with_suffix("")
    try:
        copy.mkdir(mode=0o755)
        yield copy
    finally:
        shutil.rmtree(copy, ignore_errors=True)
        lock.unlink()
        os.close(held)


def clear_away() -> list[Path]:
    """Remove what drills that were killed left behind: servers, and copies. Those that go on stay.

    Raises `ServicesError` where a server of a copy does not end.
    """
    gone = []
    for copy in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        if copy.suffix == ".lock":
            copy = copy.with_suffix("")  # noqa: PLW2901 - it died before, or after, there was one
        if not _is_ours(copy) or not _is_ours(copy.with_suffix(".lock")):
            continue
        try:
            held = locks.take(copy.with_suffix(".lock"))
        except BlockingIOError:
            continue  # its drill goes on
        try:
            if copy.exists():
                take_away(copy)
                shutil.rmtree(copy)
                gone.append(copy)
            copy.with_suffix(".lock").unlink(missing_ok=True)
        finally:
            os.close(held)
    return gone


def _is_ours(path: Path) -> bool:
    """Whether it is not there, or nobody else put it there: everybody may write where copies are."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return True
    return found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode)


Head = tuple[str, int, int, Any]


def _heads(url: str) -> list[Head]:
    with psycopg.connect(url) as db:
        return list(db.execute(HEADS).fetchall())


def _lost(url: str, heads: list[Head]) -> list[str]:
    with psycopg.connect(url) as db:
        return [
            f"{topic}/{partition} offset {offset}"
            for topic, partition, offset, uid in heads
            if db.execute(THERE, [topic, partition, offset, uid]).fetchone() != (1,)
        ]


def _recover(urls: Urls) -> dict[str, Any]:
    environment = {
        **os.environ,
        "DATABASE_URL": urls.database_url,
        "REDIS_URL": urls.redis_url,
        "CELERY_BROKER_URL": "",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_LEVEL": "ERROR",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "recover", "--json"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"ok": False, "error": (done.stderr or done.stdout)[-2000:]}
    return found
