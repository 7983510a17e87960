"""Runs a list of processes until it is told to stop (docs/decisions/0006-own-supervisor.md).

A process that ends is started again, with back-off. Nothing outlives the supervisor: on an orderly
stop it ends its children rank by rank; when it dies, its watchdog does.
"""

from config.supervisor.child import Child, ProcessSpec
from config.supervisor.claim import AlreadyRunning, claim, stop_running
from config.supervisor.console import Console
from config.supervisor.copies import Nursery
from config.supervisor.guard import Watchdog
from config.supervisor.supervisor import ProcessFailed, Stopped, StopRequest, Supervisor

__all__ = [
    "AlreadyRunning",
    "Child",
    "Console",
    "Nursery",
    "ProcessFailed",
    "ProcessSpec",
    "StopRequest",
    "Stopped",
    "Supervisor",
    "Watchdog",
    "claim",
    "stop_running",
]
