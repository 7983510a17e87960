"""Times as the matching rule has them: whole milliseconds since 1970."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MS: Final = timedelta(milliseconds=1)


def millis(at: datetime) -> int:
    """Milliseconds since 1970, the part of one cut off."""
    return (at - EPOCH) // MS


def from_millis(found: int) -> datetime:
    """The time that so many milliseconds are."""
    return EPOCH + found * MS
