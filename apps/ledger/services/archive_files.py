"""Files of archived months: written whole or not at all, and believed only after their hashes.

A file is written under another name, forced to the disk, read back and only then renamed.
"""

import contextlib
import gzip
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from apps.ledger.archives import Month
from apps.ledger.exceptions import ArchiveDiffers, ArchiveMissing, ArchiveNotWritten

CHUNK: Final = 1 << 20  # bytes
LEVEL: Final = 6  # of compression

Progress = Callable[[str, int], None]
"""Hears what is being done now, and how many postings that came to since it last heard."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file as it was written and read back."""

    bytes: int
    sha256: str
    rows_sha256: str
    rows: int


class _Hashed:
    """A binary file that hashes what passes through."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> int:
        self._saw(data)
        return self.file.write(data)

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self._saw(data)
        return data

    def flush(self) -> None:
        self.file.flush()

    def _saw(self, data: bytes) -> None:
        self.sha256.update(data)
        self.bytes += len(data)


def write_rows(folder: Path, name: str, rows: Iterable[bytes], tell: Progress) -> Written:
    """Write rows into a file. Raises `ArchiveNotWritten`; then there is no such file, or the old one."""
    with _whole(folder, name) as part:
        with part.open("wb") as raw:
            written = _compress(raw, rows, tell)
            raw.flush()
            os.fsync(raw.fileno())
        for chunk in read_rows(part, written):
            tell("reading back", chunk.count(b"\n"))
    return written


def write_manifest(folder: Path, month: Month, facts: Mapping[str, Any]) -> None:
    """Write the manifest beside a month's file. Raises `ArchiveNotWritten`."""
    with _whole(folder, month.manifest) as part, part.open("w") as raw:
        raw.write(json.dumps(facts, indent=1) + "\n")
        raw.flush()
        os.fsync(raw.fileno())


def read_manifest(folder: Path, month: Month, facts: Mapping[str, Any]) -> None:
    """Compare the manifest with what the database keeps. Raises `ArchiveMissing`, `ArchiveDiffers`."""
    try:
        told = json.loads((folder / month.manifest).read_text())
    except FileNotFoundError:
        raise ArchiveMissing(file=month.manifest, folder=str(folder)) from None
    except (OSError, ValueError) as error:
        raise ArchiveDiffers(file=month.manifest, reason=str(error)) from error
    if not isinstance(told, dict):
        raise ArchiveDiffers(file=month.manifest, reason="It is no manifest.")
    for name in sorted({*facts, *told}):
        if told.get(name) != facts.get(name):
            raise ArchiveDiffers(file=month.manifest, field=name)


def read_rows(file: Path, expected: Written) -> Iterator[bytes]:
    """The rows of a file, chunk by chunk; raises at the end if they were not what was written.

    Whoever stores them does so in a transaction that this undoes. Raises `ArchiveMissing`,
    `ArchiveDiffers`.
    """
    rows, count = hashlib.sha256(), 0
    try:
        with file.open("rb") as raw:
            hashed = _Hashed(raw)
            with gzip.GzipFile(fileobj=hashed, mode="rb") as unpacked:
                while chunk := unpacked.read(CHUNK):
                    rows.update(chunk)
                    count += chunk.count(b"\n")
                    yield chunk
            while hashed.read(CHUNK):
                pass
    except FileNotFoundError:
        raise ArchiveMissing(file=file.name, folder=str(file.parent)) from None
    except (OSError, EOFError, zlib.error) as error:
        raise ArchiveDiffers(file=file.name, reason=str(error)) from error
    found = Written(hashed.bytes, hashed.sha256.hexdigest(), rows.hexdigest(), count)
    if found != expected:
        raise ArchiveDiffers(file=file.name, sha256=found.sha256, expected=expected.sha256)


def _compress(raw: IO[bytes], rows: Iterable[bytes], tell: Progress) -> Written:
    hashed, content, count = _Hashed(raw), hashlib.sha256(), 0
    with gzip.GzipFile(
        filename="", mode="wb", fileobj=hashed, compresslevel=LEVEL, mtime=0
    ) as packed:  # fmt: skip
        for chunk in rows:
            packed.write(chunk)
            content.update(chunk)
            count += chunk.count(b"\n")
            tell("writing", chunk.count(b"\n"))
    return Written(hashed.bytes, hashed.sha256.hexdigest(), content.hexdigest(), count)


@contextlib.contextmanager
def _whole(folder: Path, name: str) -> Iterator[Path]:
    """A file that gets its name when it is complete, and is gone if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f".{name}.*"):  # by a run that was killed; we are alone here
            left.unlink(missing_ok=True)
        descriptor, path = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
        os.close(descriptor)
        part = Path(path)
        try:
            yield part
            part.replace(folder / name)
            _sync(folder)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ArchiveNotWritten(file=name, folder=str(folder), reason=reason) from error


def _sync(folder: Path) -> None:
    """Have the folder's new name on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
