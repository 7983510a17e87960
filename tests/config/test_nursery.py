"""Processes that begin as copies of one that has imported everything."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.config.test_supervisor import ROOT, gone, toys
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

__all__ = ["toys"]

MODULE = "tests.config.toy_import"
TOY = str(ROOT / "tests/config/toy_copy.py")
LOOK = """
import json, os, sys, threading
import config.warm
descriptors = [os.readlink(f"/proc/self/fd/{one}") for one in range(3, 64)
               if os.path.exists(f"/proc/self/fd/{one}")]
print(json.dumps({
    "threads": threading.active_count(),
    "sockets": [one for one in descriptors if one.startswith("socket")],
    "modules": sorted(sys.modules),
}))
"""


@pytest.fixture
def copies(toys):
    """Starts toy supervisors with a nursery."""

    def start(*names, module=MODULE):
        specs = [
            {"name": name, "command": [sys.executable, TOY, "one", "two"], "ready_text": "pid"}
            for name in names
        ]
        return toys(*specs, NURSERY=module)

    return start


def nursery_of(one):
    children = psutil.Process(one.process.pid).children()
    return next(child for child in children if "config.nursery" in child.cmdline())


def test_a_copy_is_what_the_interpreter_would_be(copies):
    one = copies("first", "second")
    one.says("READY")

    for name in ("first", "second"):
        one.says(rf"^{name} +\| pid \d+ copied=True group=True {name} \['one', 'two'\]$")
        assert psutil.Process(one.pid_of(name)).ppid() == nursery_of(one).pid
    everyone = one.everyone()
    one.process.terminate()
    assert one.end() == 0
    assert gone(everyone)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets it")
def test_each_copy_shows_what_it_is(copies):
    one = copies("first", "second")
    one.says("READY")
    for name in ("first", "second"):
        shown = psutil.Process(one.pid_of(name))
        assert shown.name() == name
        assert shown.cmdline()[0].startswith(f"lockstep {name}: toy_copy.py one two")
        assert not any(shown.cmdline()[1:])


def test_a_copy_that_was_killed_is_explained_and_made_anew(copies):
    one = copies("toy")
    first = one.pid_of("toy")
    os.kill(first, signal.SIGKILL)

    one.says(r"up +\| toy was killed by SIGKILL; starts again in 1 s")
    wait_until(lambda: len([line for line in one.lines if "copied=True" in line]) == 2)


def test_everybody_starts_again_after_the_nursery_was_killed(copies):
    one = copies("toy")
    first = psutil.Process(one.pid_of("toy"))
    nursery_of(one).kill()

    one.says(r"up +\| toy exited with 255; starts again in 1 s")
    wait_until(lambda: len([line for line in one.lines if "copied=True" in line]) == 2)
    wait_until(lambda: gone([first]))


def test_without_its_imports_processes_start_by_themselves(copies):
    one = copies("toy", module="tests.config.not_there")

    one.says(r"up +\| toy starts without the nursery")
    one.says(r"^toy +\| pid \d+ copied=False")


def test_no_copy_outlives_a_killed_supervisor(copies):
    one = copies("first", "second")
    one.says("READY")
    everyone = one.everyone()
    one.process.kill()

    wait_until(lambda: gone(everyone))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells")
def test_nothing_of_a_process_of_its_own_is_imported_for_all():
    done = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=ROOT, check=True, capture_output=True, text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])

    assert found["threads"] == 1
    assert found["sockets"] == []
    # They name their process once, so that screens know of its end.
    assert not {"apps.web.consumers", "apps.conversations.consumers.desk"} & {*found["modules"]}
