"""What a tree of processes uses, from /proc."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """Of one process."""

    name: str
    rss: int  # bytes; pages that several processes share count in each of them
    pss: int  # bytes; shared pages count by parts, so that a sum is right
    cpu: float  # seconds so far; with those of children that have ended


def tree(root: int) -> dict[int, Usage]:
    """The processes that descend from one, itself included; by pid."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(stat.parent.name)] = int(fields[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    usages = {pid: _usage(pid) for pid in sorted(found)}
    return {pid: usage for pid, usage in usages.items() if usage is not None}


KINDS = {"postgres": "PostgreSQL", "granian": "web", "celery": "workers", "huey": "workers",
         "procrastinate": "workers", "multiprocessing": "clients"}  # fmt: skip


@contextmanager
def cpu_seconds() -> Iterator[Counter[str]]:
    """Count what this process and its descendants spend meanwhile, by kind; nothing off Linux.

    Unlike seconds of a clock it says the same on a busy machine.
    """
    spent: Counter[str] = Counter()
    if not Path("/proc/self/smaps_rollup").exists():
        yield spent
        return
    before = _by_kind()
    yield spent
    spent.update(_by_kind())
    spent.subtract(before)


def _by_kind() -> Counter[str]:
    found: Counter[str] = Counter()
    for pid, usage in tree(os.getpid()).items():
        found[_kind(pid, usage.name)] += usage.cpu
    return found


def _kind(pid: int, name: str) -> str:
    if pid == os.getpid():
        return "clients"
    return next((kind for word, kind in KINDS.items() if word in name), "other")


def _usage(pid: int) -> Usage | None:
    place = Path(f"/proc/{pid}")
    try:
        name, fields = (place / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
        rollup = (place / "smaps_rollup").read_text()
        command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return None
    numbers = fields.split()
    pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    cpu = sum(map(int, numbers[11:15])) / TICKS
    return Usage(command.strip() or name, int(numbers[21]) * PAGE, pss * 1024, cpu)
