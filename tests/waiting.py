"""Waiting for what other processes do, without sleeping for a guessed time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_pulse = threading.Event()  # never set: waiting for it is how a poll pauses


def wait_until(condition: Callable[[], T], timeout: float = 60.0, *, every: float = 0.02) -> T:
    """Return the first true value of `condition`; asks every so many seconds.

    Raises:
        AssertionError: there was none within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s; the last answer was {value!r}")
        _pulse.wait(every)
    return value
