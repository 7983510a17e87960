"""The only Celery tasks that move events, and the clock's tick."""

from typing import Any

import structlog
from celery import shared_task
from django.utils import timezone

from apps.events import services
from apps.events.services.draining import Outcome

log = structlog.get_logger(__name__)


@shared_task(name="events.drain")
def drain(*, handler: str, topic: str, partitions: list[int], **_: Any) -> None:
    """Let a handler take what these partitions hold."""
    services.clear_flags(handler, topic, partitions)
    more = [
        (handler, topic, number)
        for number in partitions
        if services.drain(handler, topic, number) is Outcome.MORE
    ]
    services.wake(more)


@shared_task(name="events.tick")
def tick(**_: Any) -> None:
    """Run the clock jobs whose period has come."""
    ran = services.tick(timezone.now())
    if ran:
        log.info("clock", ran=ran)
