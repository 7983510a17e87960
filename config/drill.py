"""The disaster drill: a backup under load, restored elsewhere, proven to be whole.

The recovery point is the end of every partition of the log just before the backup began: what was
acknowledged until then has its event there, in the transaction of the acknowledgement.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg

from config.embedded import Urls
from config.embedded.restored import restored

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
    with tempfile.TemporaryDirectory(prefix="lockstep-drill-") as scratch:
        Path(scratch).chmod(0o755)
        with restored(source, Path(scratch)) as urls:
            found.seconds["backup and start"] = round(time.monotonic() - clock, 1)
            found.lost = _lost(urls.database_url, heads)
            say("recovering")
            clock = time.monotonic()
            found.recovery = _recover(urls)
            found.seconds["recovery"] = round(time.monotonic() - clock, 1)
            look(urls)
    return found


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
