"""The only Celery tasks: what moves events, the clock's tick, and alarms."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import shared_task
from django.utils import timezone

from apps.events import services
from apps.events.registry import alarm_of, periodic
from apps.events.services import failing

log = structlog.get_logger(__name__)


@shared_task(name="events.drain")
def drain(*, handler: str, topic: str, partitions: list[int], **_: Any) -> None:
    """Let a handler take what these partitions hold."""
    try:
        more = services.drain_all(handler, topic, partitions)
    except failing.INFRASTRUCTURE as error:
        # The attempt is undone and the sweep comes back to it: nothing to redeliver.
        log.warning("drain interrupted", handler=handler, topic=topic, error=failing.summary(error))
        return
    services.wake([(handler, topic, number) for number in more])


@shared_task(name="events.tick")
def tick(*, queue: str = "housekeeping", **_: Any) -> None:
    """Run the clock jobs of a queue whose period has come."""
    services.tick(timezone.now(), queue=queue)


@shared_task(name="events.ring")
def ring(*, alarm: str, subject: str, **_: Any) -> None:
    """Look at a subject whose time has come."""
    try:
        alarm_of(alarm).function(subject)
    except failing.INFRASTRUCTURE as error:
        log.warning("alarm interrupted", alarm=alarm, error=failing.summary(error))


@periodic(every=timedelta(days=1), catch_up=1)
def forget_old_runs(period: datetime) -> None:
    """Remove the clock's oldest periods."""
    services.forget_old_runs(period)
