"""The supervisor's end of the nursery's socket (config/nursery.py)."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO


class Copy:
    """A process that began as a copy, with what a `subprocess.Popen` has."""

    def __init__(self, gate: IO[bytes], output: IO[bytes], told: IO[str]) -> None:
        """Take our ends of its pipes. Raises `ChildProcessError` where the nursery died first."""
        self.stdin: IO[bytes] | None = gate
        self.stdout: IO[bytes] | None = output
        self._told = told
        line = told.readline()
        if not line:
            raise ChildProcessError("the nursery has died")
        self.pid = int(line)

    def wait(self) -> int:
        """Wait for the end; the exit code, or 255 where the nursery died and nobody knows."""
        with self._told:
            return int(self._told.readline() or 255)

    def terminate(self) -> None:
        """Ask the process to end."""
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return


class Nursery:
    """A process of which others begin as copies; thread-safe."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        """Begin to import what the copies have in common. It must start no thread and open no connection."""
        self._module = module
        self._environment = environment
        self._mutex = threading.Lock()
        self._start()

    def close(self) -> None:
        """End it; what came from it goes on."""
        self._channel.close()
        self._server.wait()

    def spawn(self, command: Sequence[str], environment: Mapping[str, str]) -> Copy:
        """Start `command` (an interpreter and its arguments) behind a gate, as `watchdog.gated` does.

        It waits until the imports are through. Raises `OSError` where they fail.
        """
        gate, output, told = os.pipe(), os.pipe(), os.pipe()
        try:
            with self._mutex:
                if self._server.poll() is not None:
                    self._channel.close()
                    self._start()
                socket.send_fds(self._channel, [b"+"], [gate[0], output[1], told[1]])
        finally:
            for descriptor in (gate[0], output[1], told[1]):
                os.close(descriptor)
            ours = os.fdopen(gate[1], "wb"), os.fdopen(output[0], "rb"), os.fdopen(told[0])
        copy = Copy(*ours)
        asked = {"arguments": command[1:], "environment": dict(environment)}
        ours[0].write(json.dumps(asked).encode() + b"\n")
        ours[0].flush()
        return copy

    def _start(self) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "config.nursery", self._module],
                stdin=theirs.fileno(),
                env=self._environment,
                start_new_session=True,
            )
