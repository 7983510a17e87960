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
SETTLING = 10.0  # seconds after the start before memory and idling are looked at
Say = Callable[[str], None]


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    if not Path("/proc/self/smaps_rollup").exists():
        return []  # only Linux tells all this
    idle = options.size(30, 3)
    chapter = Chapter(
        "P12",
        "The whole stack: start, memory, idling",
        "manage.py up in an empty directory, so that it makes databases, tables and secrets first, "
        f"until it says it is ready; then, {SETTLING:g} s later, all its processes over {idle} s. "
        "Memory is PSS: pages shared by processes count once.",
    )
    turns: list[Turn] = []
    for name, flags in (("without the demo", ["--no-demo"]), ("with the demo market", [])):
        series = {
            "start": chapter.new(f"cold start, {name}", "ours", "s"),
            "pss": chapter.new(f"memory, {name}", "ours", "MB"),
            "rss": chapter.new(f"memory with shared pages counted again, {name}", "also", "MB"),
            "cpu": chapter.new(f"CPU, {name}", "ours", "% of a core"),
            "count": chapter.new(f"processes, {name}", "also", "processes"),
        }
        turns.append((name, partial(_turn, lab, options, flags, series)))
    take_turns(turns, options.rounds, say)
    bare, demo = chapter.series[:5], chapter.series[5:]
    chapter.at_most("cold start", bare[0], 20)
    chapter.at_most("cold start with the demo", demo[0], 20)
    chapter.at_most("memory with the demo", demo[1], 1500)
    chapter.at_most("CPU at idle", bare[3], 5)
    return [chapter]


def _turn(lab: Lab, options: Options, flags: list[str], series: dict[str, Series]) -> None:
    seconds = options.size(30, 3)
    with _stack(lab, flags) as (process, started):
        series["start"].add(started)
        time.sleep(options.size(10, 3))
        before = procfs.tree(process.pid)
        time.sleep(seconds)
        after = procfs.tree(process.pid)
    spent = sum(usage.cpu - before[pid].cpu for pid, usage in after.items() if pid in before)
    series["cpu"].add(100 * spent / seconds)
    series["pss"].add(sum(usage.pss for usage in after.values()) / 1e6)
    series["rss"].add(sum(usage.rss for usage in after.values()) / 1e6)
    series["count"].add(len(after))


@contextmanager
def _stack(lab: Lab, flags: list[str]) -> Iterator[tuple[Process, float]]:
    """Run a stack of its own, and tell how many seconds it took to be ready."""
    var = Path(tempfile.mkdtemp(prefix="lockstep-bench-up-"))
    own = {"LOCKSTEP_VAR": str(var), "DATABASE_URL": "", "REDIS_URL": ""}
    port = str(ports.next_free(8100, ()))
    command = python("manage.py", "up", "--port", port, *flags)
    try:
        started = time.monotonic()
        with lab.process("up", *command, patience=30, **own) as process:
            process.wait_for(READY)
            yield process, time.monotonic() - started
    finally:
        embedded.erase(var)
        shutil.rmtree(var, ignore_errors=True)
