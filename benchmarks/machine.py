"""What the figures were measured on."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
import redis

PACKAGES = ("django", "celery", "kombu", "redis", "psycopg", "granian", "procrastinate", "huey",
            "django-hordak")  # fmt: skip
SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers",
            "max_wal_size", "wal_compression")  # fmt: skip


def describe(database_url: str, redis_url: str) -> dict[str, Any]:
    """Everything that a reader needs to judge the figures by."""
    with psycopg.connect(database_url) as db:
        postgres = {name: db.execute(f"SHOW {name}").fetchone()[0] for name in SETTINGS}
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgres": postgres,
        "valkey": _valkey(redis_url),
        "packages": {name: version(name) for name in PACKAGES},
        "commit": _commit(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.machine())


def _valkey(url: str) -> str:
    with redis.Redis.from_url(url) as client:
        info = client.info("server")
    return str(info.get("valkey_version", info["redis_version"]))


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    here = Path(__file__).parent
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
