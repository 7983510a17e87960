"""The back office's window on the log: events, cursors, parked keys and the clock.

The log may hold a hundred million events, so nothing here counts or sorts it: lists show the newest
events of each partition, and the whole history of a key that is searched for.
"""

from apps.events.admin.clock import JobRecordAdmin
from apps.events.admin.cursors import CursorRecordAdmin
from apps.events.admin.events import EventRecordAdmin
from apps.events.admin.parked import ParkedKeyAdmin

__all__ = ["CursorRecordAdmin", "EventRecordAdmin", "JobRecordAdmin", "ParkedKeyAdmin"]
