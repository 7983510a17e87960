"""Named points in append and drain where a test can hold, kill or interleave. Nothing in production.

The first three are passed by every unit of work, a drain's own included; the others by drains.

`LOCKSTEP_BARRIER=<point>:kill` in a worker's environment makes it die there, once it has taken
`LOCKSTEP_BARRIER_AFTER` passes (default 0): the fault tests kill at every step this way.
"""

import os
import signal
from collections.abc import Callable
from typing import Final

POINTS: Final = (
    "before_append",
    "after_append",
    "before_wake",
    "after_begin",
    "after_read",
    "before_move",
    "before_commit",
    "after_commit",
    "before_unlock",
    "after_unlock",
)

hook: Callable[[str, object], None] | None = None
"""Set by a test in its own process: called with the point and the place."""

_deadly, _, _action = os.environ.get("LOCKSTEP_BARRIER", "").partition(":")
_passes_left = int(os.environ.get("LOCKSTEP_BARRIER_AFTER", "0"))


def barrier(point: str, place: object) -> None:
    """Pass a named point."""
    global _passes_left  # noqa: PLW0603 - one countdown a process
    if hook is not None:
        hook(point, place)
    if point == _deadly and _action == "kill":
        if _passes_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        _passes_left -= 1
