"""Forget the answers that are kept near at hand: they repeat what people named."""

from typing import Final

import redis
from django.conf import settings

from apps.nlu.cache import ANSWERS
from apps.sockets import redis_client

CHUNK: Final = 1_000


def forget_answers(tenant: int) -> int:
    """Remove a tenant's answers from Redis; how many of them are still there. Never raises.

    An answer bears no name, but repeats what was named in a text, so all of them go. Those in the memory of
    processes end within 30 seconds; where Redis does not answer, those in it end within five minutes.
    """
    try:
        client = redis_client.client()
        pattern = f"{settings.REDIS_PREFIX}:{ANSWERS}:{tenant}:*"
        names = list(client.scan_iter(pattern, count=CHUNK))
        chunks = [names[at : at + CHUNK] for at in range(0, len(names), CHUNK)]
        for some in chunks:
            client.unlink(*some)
        return sum(int(client.exists(*some)) for some in chunks)
    except redis.RedisError:
        return 0
