"""Ways in that are slow before there is a call: a server that accepts late, and one whose TLS is late.

A door listens on a port of its own and hands what comes in to the stand-ins' port. `POST /_door`:

    accept    seconds before each connection is accepted, one after another; the queue before the
              door is as short as the system allows, so that further ones are not even connected
    tls       seconds between a connection and its handshake; the door speaks TLS where this is
              given, with a certificate made for it, which the answer holds
    read      seconds between a connection (or its handshake) and the first byte that is read

Answers {"url": …, "certificate": PEM or ""}. `POST /_reset` closes all doors.
"""

import asyncio
import socket
import ssl
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

HOST: Final = "127.0.0.1"
CHUNK: Final = 65_536  # bytes


@dataclass(frozen=True, slots=True)
class Door:
    """How slow it is, in seconds, and where it leads to."""

    behind: int
    accept: float = 0.0
    tls: float | None = None
    read: float = 0.0


@dataclass
class Doors:
    """Those that are open."""

    running: set["asyncio.Task[None]"] = field(default_factory=set)

    async def open(self, behind: int, **how: float) -> dict[str, str]:
        """Open one that leads to the port `behind`."""
        door = Door(behind, **how)
        certificate, context = certified() if door.tls is not None else ("", None)
        listener = socket.create_server((HOST, 0), backlog=0 if door.accept else 100)
        listener.setblocking(False)
        self._run(self._keep(listener, door, context))
        scheme = "http" if context is None else "https"
        url = f"{scheme}://{HOST}:{listener.getsockname()[1]}"
        return {"url": url, "certificate": certificate}

    async def close(self, *_: Any) -> None:
        """Close all of them, and what came in by them."""
        running = set(self.running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _keep(
        self, listener: socket.socket, door: Door, context: ssl.SSLContext | None
    ) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                if door.accept:  # counted from when there is somebody to be let in
                    await _somebody_at(listener)
                    await asyncio.sleep(door.accept)
                came, _ = await loop.sock_accept(listener)
                self._run(_let_in(came, door, context))

    def _run(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.running.discard(task)
        if not task.cancelled():
            task.exception()


async def _somebody_at(listener: socket.socket) -> None:
    """Wait until a connection stands before the door."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[None] = loop.create_future()

    def told() -> None:
        if not came.done():
            came.set_result(None)

    loop.add_reader(listener, told)
    try:
        await came
    finally:
        loop.remove_reader(listener)


async def _let_in(came: socket.socket, door: Door, context: ssl.SSLContext | None) -> None:
    """Hand on what comes, both ways, until one side has ended."""
    if context is not None:
        await asyncio.sleep(door.tls or 0.0)
    with suppress(OSError):
        reader, writer = await _streams(came, context)
        try:
            await asyncio.sleep(door.read)
            inside, outside = await asyncio.open_connection(HOST, door.behind)
            try:
                ways = [
                    asyncio.create_task(way)
                    for way in (_copy(reader, outside), _copy(inside, writer))
                ]
                _, others = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for one in others:
                    one.cancel()
            finally:
                outside.transport.abort()
        finally:
            writer.transport.abort()


async def _streams(
    came: socket.socket, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An accepted connection as streams, after its handshake where there is one."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, came, ssl=context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


def certified() -> tuple[str, ssl.SSLContext]:
    """A certificate for this machine that nobody but a test trusts, and a server's side of TLS."""
    from cryptography import x509  # noqa: PLC0415 - only for doors that speak TLS
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - same
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - same

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.write_bytes(certificate + private)
        context.load_cert_chain(file)
    return certificate.decode(), context
