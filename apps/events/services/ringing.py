"""Alarms: a call at a later time, by a delayed Celery message. A hint, like a wake.

A deadline stands in its app's tables; the alarm only says when to look. Lost (Redis was emptied, its
worker died), doubled or late it changes nothing: the app's periodic job is the net under it.
"""

from datetime import datetime, timedelta
from typing import Final

import kombu.exceptions
import redis
import structlog
from celery import current_app
from kombu.pools import producers  # type: ignore[attr-defined] # the stubs miss it

from apps.events import registry
from apps.events.contracts import partition_of
from apps.events.services import waking

log = structlog.get_logger(__name__)

RING: Final = "events.ring"
USELESS_AFTER: Final = timedelta(minutes=2)
"""An alarm that is so late is not worth a worker's time: the net was there before."""


def ring_at(alarm: str, subject: str, at: datetime, *, key: str = "") -> None:
    """Have an alarm called with a subject at a time (UTC). Never raises; ≤ 0.3 s with Redis frozen.

    `key` chooses the shard, as an event's does; without one the subject does.
    """
    lane = registry.alarm_of(alarm).lane
    shard = waking.shard_map().get(("agent", partition_of(key or subject)), 0)
    try:
        with producers[waking.broker()].acquire(block=True, timeout=1) as producer:
            current_app.send_task(
                RING,
                kwargs={"alarm": alarm, "subject": subject},
                queue=f"{lane}.{shard}",
                eta=at,
                expires=at + USELESS_AFTER,
                producer=producer,
                retry=False,
            )
    except (redis.RedisError, kombu.exceptions.KombuError, OSError) as error:
        log.warning("alarm not set; the sweep will see to it", error=type(error).__name__)
