"""Failed sign-ins, counted per address and name; ten in five minutes, then a pause."""

from typing import Final

from apps.sockets.limits import Limit

FAILURES_MAX: Final = 10
WINDOW_SECONDS: Final = 300
FAILURES: Final = Limit("sign-in", FAILURES_MAX, WINDOW_SECONDS)


def attempt(address: str, username: str) -> int:
    """Count an attempt before it is made; seconds to wait, 0 if it may be made."""
    return FAILURES.count(address, _plain(username))


def succeeded(address: str, username: str) -> None:
    """Forget the failures: this person knows the password."""
    FAILURES.forget(address, _plain(username))


def _plain(username: str) -> str:
    return username.strip().casefold()
