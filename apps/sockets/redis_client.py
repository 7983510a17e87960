"""Redis for short memories of doors: tickets, failures to sign in, who is present."""

from django.conf import settings

from apps.core.impatient_redis import ImpatientRedis

TIMEOUT = 0.25  # seconds that one call may take: a person waits

client = ImpatientRedis(lambda: settings.REDIS_URL, lambda: TIMEOUT, health_check_interval=5)
"""This process's client. Its calls raise `redis.RedisError`."""


def key(*parts: str) -> str:
    """A Redis key of this environment."""
    return ":".join((settings.REDIS_PREFIX, *parts))
