"""What others may ask of the log."""

from apps.events.services.clock import due_periods, forget_old_runs, tick
from apps.events.services.draining import BATCH_MAX, Outcome, drain
from apps.events.services.parking import (
    resume,
    resume_partition,
    stop_partition,
)
from apps.events.services.publishing import UnitOfWork, append, unit_of_work
from apps.events.services.replaying import Replay, log_length, replay
from apps.events.services.sweeping import SWEEP_SECONDS, register_cursors, reshard, sweep
from apps.events.services.waking import clear_flags, wake, wake_readers

__all__ = [
    "BATCH_MAX",
    "SWEEP_SECONDS",
    "Outcome",
    "Replay",
    "UnitOfWork",
    "append",
    "clear_flags",
    "drain",
    "due_periods",
    "forget_old_runs",
    "log_length",
    "register_cursors",
    "replay",
    "reshard",
    "resume",
    "resume_partition",
    "stop_partition",
    "sweep",
    "tick",
    "unit_of_work",
    "wake",
    "wake_readers",
]
