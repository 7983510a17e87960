"""Sockets without a past: no tickets, counts or broken clients of the test before."""

from collections.abc import Iterator

import pytest

from apps.sockets import broadcasts, redis_client


@pytest.fixture(autouse=True)
def _forget(_own_redis_keys: None) -> Iterator[None]:
    """What a process or Redis remembers must not outlive a test."""
    client = redis_client.client()
    if names := client.keys(redis_client.key("*")):
        client.delete(*names)
    broadcasts.reset()
    yield
    broadcasts.reset()
    redis_client.client.forget()


@pytest.fixture
def no_redis(settings) -> None:
    """Redis does not answer: nobody listens on port 1."""
    redis_client.client.forget()
    broadcasts.reset()
    settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
