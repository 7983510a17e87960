"""The last one out: ends every process of a stack whose supervisor is gone, however it went.

Runs as a process of its own (standard library only: about 10 MB), reads lines from a pipe whose
other end only the supervisor holds, and acts when that end closes, be it by `kill -9`:

    + <name> <rank> <process group> <signal>      to be ended so; lower ranks first
    - <name>                                      has ended


A child that is started between "spawned" and "told the watchdog" would be missed, so children
start behind a gate: `gated(command)` waits for a line on its standard input before it becomes
the command, and ends if the pipe closes first.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # not at run time: this process is to stay small
    import subprocess

    from config.supervisor.copies import Copy

GRACE = 6.0  # seconds that a group gets between its own signal and SIGKILL
_GATE = 'read -r _ && exec "$0" "$@" </dev/null'


class Group(NamedTuple):
    """A process group to end, and how."""

    rank: int
    pgid: int
    signal: int


def gated(command: Sequence[str]) -> list[str]:
    """Return `command` behind the gate: it starts when a line arrives on its standard input."""
    return ["/bin/sh", "-c", _GATE, *command]


def open_gate(child: "subprocess.Popen[bytes] | Copy") -> None:
    """Let a gated child become its command; one that is already dead stays so."""
    assert child.stdin is not None
    try:
        with child.stdin:
            child.stdin.write(b"\n")
    except BrokenPipeError:
        return


def signal_group(pgid: int, number: int) -> bool:
    """Signal a process group; False when none of it is left."""
    try:
        os.killpg(pgid, number)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for zombies
        return False
    return True


def end_all(groups: Iterable[Group], grace: float = GRACE) -> None:
    """End the groups, rank by rank: their own signal, then after `grace` seconds SIGKILL."""
    for _, rank in groupby(sorted(groups), key=lambda group: group.rank):
        left = [group for group in rank if signal_group(group.pgid, group.signal)]
        deadline = time.monotonic() + grace
        while left and time.monotonic() < deadline:
            time.sleep(0.05)
            left = [group for group in left if signal_group(group.pgid, 0)]
        for group in left:
            signal_group(group.pgid, signal.SIGKILL)


def watch(lines: Iterable[str]) -> None:
    """Follow the supervisor's lines to their end, then end what is left."""
    groups: dict[str, Group] = {}
    for line in lines:
        verb, name, *numbers = line.split()
        if verb == "+":
            groups[name] = Group(*map(int, numbers))
        else:
            groups.pop(name, None)
    end_all(groups.values())


if __name__ == "__main__":
    # Whatever ends the supervisor's terminal or session must not end its watchdog.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watch(sys.stdin)
