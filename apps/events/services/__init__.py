"""What others may ask of the log."""

from apps.events.services.clock import due_periods, forget_old_runs, tick
from apps.events.services.draining import BATCH_MAX, Outcome, drain, drain_all
from apps.events.services.publishing import UnitOfWork, append, unit_of_work
from apps.events.services.replaying import Replay, log_length, replay
from apps.events.services.resuming import resume, resume_partition, stop_partition
from apps.events.services.ringing import ring_at
from apps.events.services.sweeping import (
    SWEEP_SECONDS,
    register_cursors,
    reshard,
    sweep,
    sweep_in_turn,
)
from apps.events.services.waking import wake, wake_readers
from apps.events.services.workers import announce, take_leave

__all__ = [
    "BATCH_MAX",
    "SWEEP_SECONDS",
    "Outcome",
    "Replay",
    "UnitOfWork",
    "announce",
    "append",
    "drain",
    "drain_all",
    "due_periods",
    "forget_old_runs",
    "log_length",
    "register_cursors",
    "replay",
    "reshard",
    "resume",
    "resume_partition",
    "ring_at",
    "stop_partition",
    "sweep",
    "sweep_in_turn",
    "take_leave",
    "tick",
    "unit_of_work",
    "wake",
    "wake_readers",
]
