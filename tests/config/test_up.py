"""`manage.py up`, whole: from nothing to ready, and back to nothing."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import psutil
import pytest

from config import embedded, locks
from tests.ports import quiet
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
READY = 300  # seconds; about 15 on two idle cores


@pytest.fixture
def var():
    path = Path(tempfile.mkdtemp(prefix="lockstep-test-"))
    path.chmod(0o755)
    yield path
    embedded.erase(path)
    shutil.rmtree(path)


def manage(var, *arguments, **options):
    own = {
        "LOCKSTEP_VAR": str(var),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_LEVEL": "INFO",
    }
    configured = ("DATABASE_URL", "REDIS_URL")
    environment = {name: value for name, value in os.environ.items() if name not in configured}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), *arguments], env=environment | own, **options
    )


def test_a_stack_comes_up_serves_refuses_a_twin_and_leaves_nothing_behind(var):
    wanted = quiet()
    with (var / "output").open("w") as output:
        up = manage(var, "up", "--port", str(wanted), "--no-demo", stdout=output, stderr=output)
    try:
        shown = wait_until(lambda: _ready(var, up), READY)
        everyone = psutil.Process(up.pid).children(recursive=True)
        url = json.loads((var / "up.lock").read_text())["url"]

        assert f"{url}/admin/" in shown
        assert (var / "flower_password").read_text() in shown
        with urllib.request.urlopen(f"{url}/healthz") as answer:
            assert answer.status == 200
        assert embedded.known_urls(var) is not None
        for name in ("web", "sockets", "shard0", "shard1", "nlu", "housekeeping", "beat", "flower"):
            wait_until(lambda name=name: _runs(name, up.pid))
        assert (var / "password").read_text() not in shown

        twin = manage(var, "up", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        refusal = twin.communicate(timeout=300)[1]
        assert twin.returncode == 1
        assert f"pid {up.pid}" in refusal
        assert url in refusal

        everyone = psutil.Process(up.pid).children(recursive=True)
        assert manage(var, "up", "--stop").wait(300) == 0
        assert up.wait(60) == 0
        assert not psutil.wait_procs(everyone, timeout=60)[1]
        assert not locks.is_held(var / "up.lock")
        assert embedded.missing(var) == ["postgres", "valkey"]
    finally:
        if up.poll() is None:
            up.terminate()
            up.wait(120)


def _ready(var, up):
    shown = (var / "output").read_text()
    assert up.poll() is None, shown
    return shown if "Lockstep is ready" in shown else None


def _runs(name, supervisor):
    """The nursery's copies show their names."""
    for process in psutil.Process(supervisor).children(recursive=True):
        try:
            if process.name() == name:
                return True
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return False


def test_the_supervisor_needs_none_of_our_apps():
    look = "import sys, config.settings, config.management.commands.up; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, check=True, capture_output=True, text=True
    )

    assert "config.supervisor" in done.stdout.split()
    assert not [one for one in done.stdout.split() if re.fullmatch(r"apps\.\w+\.models", one)]
