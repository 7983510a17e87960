"""A connection that breaks: a hub's own, and nobody else's on the same Redis."""

import redis
from django.conf import settings

from apps.sockets.hub import Hub


def cut(hub: Hub) -> None:
    """Let Redis close the connection of a hub. (Others are tested at the same time.)"""
    assert hub._connection is not None
    host, port = hub._connection._writer.get_extra_info("sockname")
    assert redis.Redis.from_url(settings.REDIS_URL).client_kill_filter(addr=f"{host}:{port}") == 1
