"""The chain of sealed blocks: how a hash is made, and where two lists of digests part. Pure."""

import hashlib
from collections.abc import Collection
from typing import Final
from uuid import UUID

GENESIS: Final = bytes(32)
WIDTH: Final = 32
"""Bytes of an entry in a block: its id, and its digest."""


def chained(previous: bytes, digests: bytes) -> bytes:
    """A block's hash: it covers every digest in it, and through `previous` every block before."""
    return hashlib.sha256(previous + digests).digest()


def first_difference(
    sealed: bytes, found: bytes, unseen: Collection[bytes] = ()
) -> tuple[UUID, str] | None:
    """The first entry that is not as it was sealed, by id, and what became of it.

    Of those that are `unseen` (their legs are in a file) only their being there is looked at.
    """
    before, now = by_entry(sealed), by_entry(found)
    for uid in sorted({*before, *now}):
        if uid not in now:
            return UUID(bytes=uid), "is gone"
        if uid not in before:
            return UUID(bytes=uid), "was put in"
        if before[uid] != now[uid] and uid not in unseen:
            return UUID(bytes=uid), "was changed"
    return None


def by_entry(digests: bytes) -> dict[bytes, bytes]:
    """Digests by the 16 bytes of the entry's id."""
    rows = (digests[at : at + WIDTH] for at in range(0, len(digests), WIDTH))
    return {row[:16]: row[16:] for row in rows}
