"""P12: the whole stack as `manage.py up` runs it. Cold start, memory, and CPU at idle."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import procfs
from benchmarks.lab import Lab, Process, python
from benchmarks.measure import Chapter, Series, Turn, take_turns
from benchmarks.options import Options
from config import embedded, ports

READY = "is ready after"
PATIENCE = 30.0  # seconds that a stack gets to end
Say = Callable[[str], None]


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    if not Path("/proc/self/smaps_rollup").exists():
        return []  # only Linux tells all this
    settling, idle = options.size(15, 2), options.size(30, 2)
    chapter = Chapter(
        "P12",
        "The whole stack: start, memory, idling",
        "manage.py up in an empty directory, so that it makes databases, tables and secrets first, "
        f"until it says that it is ready; {settling} s later, all its processes over {idle} s. "
        "Memory is PSS: pages that processes share count once.",
    )
    turns: list[Turn] = []
    figures = []
    for name, flags in (("without the demo", ["--no-demo"]), ("with the demo market", [])):
        figures.append(
            {
                "start": chapter.new(f"cold start, {name}", "ours", "s"),
                "memory": chapter.new(f"memory, {name}", "ours", "MB"),
                "cpu": chapter.new(f"CPU, {name}", "ours", "% of a core"),
                "processes": chapter.new(f"processes, {name}", "also", "processes"),
            }
        )
        turns.append((name, partial(_turn, lab, flags, figures[-1], settling, idle)))
    take_turns(turns[:1] if options.quick else turns, options.rounds, say)
    bare, demo = figures
    chapter.at_most("cold start", bare["start"], 20)
    chapter.at_most("cold start with the demo", demo["start"], 20)
    chapter.at_most("memory", bare["memory"], 1500)
    chapter.at_most("memory with the demo", demo["memory"], 1500)
    chapter.at_most("CPU at idle", bare["cpu"], 5)
    return [chapter]


def _turn(lab: Lab, flags: list[str], figures: dict[str, Series], settling: int, idle: int) -> None:
    with _stack(lab, flags) as (process, started):
        time.sleep(settling)
        before = procfs.tree(process.pid)
        time.sleep(idle)
        after = procfs.tree(process.pid)
    spent = sum(one.cpu for one in after.values()) - sum(one.cpu for one in before.values())
    figures["start"].add(started)
    figures["cpu"].add(100 * spent / idle)
    figures["memory"].add(sum(one.pss for one in after.values()) / 1e6)
    figures["processes"].add(len(after))


@contextmanager
def _stack(lab: Lab, flags: list[str]) -> Iterator[tuple[Process, float]]:
    """Run a stack of its own, and tell how many seconds it took to be ready."""
    var = Path(tempfile.mkdtemp(prefix="lockstep-bench-up-"))
    own = {"LOCKSTEP_VAR": str(var), "DATABASE_URL": "", "REDIS_URL": "", "LOG_LEVEL": "INFO"}
    command = python("manage.py", "up", "--port", str(ports.any_free()), *flags)
    try:
        started = time.monotonic()
        with lab.process("up", *command, patience=PATIENCE, **own) as process:
            process.wait_for(READY)
            yield process, time.monotonic() - started
    finally:
        embedded.erase(var)
        shutil.rmtree(var, ignore_errors=True)
