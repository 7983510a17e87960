"""Redis for short memories of doors: tickets, failures to sign in, who is present."""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT = 0.25  # seconds that one call may take: a person waits


@cache
def client() -> redis.Redis:
    """This process's client: short time-outs and no retries. Its calls raise `redis.RedisError`."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=5,
    )


def key(*parts: str) -> str:
    """A Redis key of this environment."""
    return ":".join((settings.REDIS_PREFIX, *parts))
