"""Secrets that an installation makes for itself and keeps in `var`."""

import contextlib
import os
import secrets
from pathlib import Path


def secret(file: Path, *, size: int = 48) -> str:
    """Return the secret kept in `file`; makes it (of `size` random bytes) at the first call.

    Once, even if many call at the same time.
    """
    if not file.exists():
        new = _private(file, secrets.token_urlsafe(size))
        with contextlib.suppress(FileExistsError):
            os.link(new, file)  # unlike a rename this never replaces what another process made
        new.unlink()
    return file.read_text()


def write(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    _private(file, text).replace(file)


def _private(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.{os.getpid()}")
    new.touch(mode=0o600)
    new.write_text(text)
    return new
