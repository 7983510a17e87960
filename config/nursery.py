"""A process that imports once what many need, and of which each of them begins as a copy.

    python -m config.nursery MODULE

The processes of a stack are one program in several parts; each would spend seconds and a hundred
megabytes on the same imports. A copy begins where they end, shares their memory, and runs what it is
told as the interpreter would. The supervisor's end is `config/supervisor/copies.py`.

Standard input is a socket. A request is a byte and three descriptors: the copy's gate, its output, and
where its pid and later its exit code are told, a line each. Through the gate comes a line of JSON with
arguments and environment, and then a line at which the copy begins (config/watchdog.py says why).
"""

import contextlib
import ctypes
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

ARGUMENTS: Final = 45
"""The field of /proc/self/stat behind its name that says where the command line begins; the next: where it ends."""


class Request(NamedTuple):
    """The descriptors of a copy that is asked for."""

    gate: int
    output: int
    told: int


def serve(channel: socket.socket) -> Request | None:
    """Fork for each request, and tell of each end. In a copy: its request; here None, at the end."""
    ends: dict[int, int] = {}  # by pid: where its exit code is told
    woken, waker = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                os.read(woken, 4096)
                _tell_ends(ends)
            if channel in ready:
                asked, descriptors, *_ = socket.recv_fds(channel, 1, 3)
                if not asked:
                    return None
                request = Request(*descriptors)
                if (pid := os.fork()) == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for descriptor in (woken, waker, request.told, *ends.values()):
                        os.close(descriptor)
                    return request
                ends[pid] = request.told
                _tell(request.told, pid)
                os.close(request.gate)
                os.close(request.output)


def _tell_ends(ends: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            told = ends.pop(ended[0])
            _tell(told, os.waitstatus_to_exitcode(ended[1]))
            os.close(told)


def _tell(told: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # who asked is gone
        os.write(told, f"{number}\n".encode())


def become(request: Request) -> None:
    """Be, in the copy, what the interpreter would be with these arguments and this environment."""
    os.setsid()  # the terminal's Ctrl-C is the supervisor's alone
    nothing = os.open(os.devnull, os.O_RDONLY)
    for standard, other in ((0, nothing), (1, request.output), (2, request.output)):
        os.dup2(other, standard)
    os.close(nothing)
    os.close(request.output)
    with os.fdopen(request.gate) as gate:
        told, opened = gate.readline(), gate.readline()
    if not opened:
        return
    asked = json.loads(told)
    os.environ.clear()
    os.environ.update(asked["environment"])
    _show(os.environ.get("LOCKSTEP_PROCESS", ""), asked["arguments"])
    _run(asked["arguments"])


def _run(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        sys.argv[:] = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = arguments
        runpy.run_path(arguments[0], run_name="__main__")


def _show(name: str, arguments: list[str]) -> None:
    """Have `ps`, `top` and htop show which copy it is, where there are such files.

    A fork has the name and the command line of the process that it was made of. The line is where the
    kernel put it at the start, in memory that is ours to write; the interpreter has copies of its own.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name)
        told = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(told[ARGUMENTS]), int(told[ARGUMENTS + 1])
        # The last byte stays 0: by another the kernel would take the environment for part of it.
        if (room := end - start) > 1:
            program, *options = arguments[1:] if arguments[0] == "-m" else arguments
            words = [f"lockstep {name}:", Path(program).name, *options]
            line = " ".join(words).encode()[: room - 1]
            ctypes.memmove(start, line.ljust(room, b"\0"), room)


if __name__ == "__main__":
    import_module(sys.argv[1])
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as asking:
        wanted = serve(asking)
    if wanted is not None:
        become(wanted)
