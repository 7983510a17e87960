"""Loopback ports: which are free, and which to take instead."""

import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port now."""
    # Binding alone is not enough: with SO_REUSEADDR (needed, or a port in TIME_WAIT looks taken)
    # macOS lets 127.0.0.1 be bound beside a listener on 0.0.0.0.
    with socket.socket() as client:
        client.settimeout(1)  # seconds
        if client.connect_ex((LOOPBACK, port)) == 0:
            return False
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def next_free(wanted: int, taken: Collection[int] = ()) -> int:
    """Return `wanted`, or the first free port above it that is not in `taken`.

    Raises:
        OSError: no port up to 65535 is free.
    """
    for port in range(wanted, 65_536):
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port from {wanted} on")


def any_free() -> int:
    """Return a free loopback port of the system's choice."""
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        port: int = server.getsockname()[1]
    return port
