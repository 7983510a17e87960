"""The scripts, and how they are called: short time-outs, no retries, one round trip."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import redis
from django.conf import settings

from apps.agents.exceptions import StateUnavailable
from apps.events.services import waking

HERE: Final = Path(__file__).parent


def base(tenant: int) -> str:
    """The prefix of a tenant's keys."""
    return f"{{{settings.REDIS_PREFIX}:agents:{tenant}}}"


@cache
def _source(name: str) -> tuple[str, str]:
    script = redis.Redis().register_script((HERE / f"{name}.lua").read_text())
    return str(script.sha), (HERE / f"{name}.lua").read_text()


def run(name: str, tenant: int, *args: str | int) -> Any:
    """Call a script over a tenant's keys. Raises `StateUnavailable`."""
    sha, source = _source(name)
    client = waking.client()
    try:
        try:
            return client.evalsha(sha, 1, base(tenant), *args)
        except redis.exceptions.NoScriptError:  # a server that was restarted, or flushed of scripts
            return client.eval(source, 1, base(tenant), *args)
    except redis.RedisError as error:
        raise StateUnavailable from error


def text(value: object) -> str:
    """What Redis answered, as text."""
    return value.decode() if isinstance(value, bytes) else str(value)
