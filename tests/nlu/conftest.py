"""What this process remembers belongs to one test; the stand-ins are shared by all."""

from collections.abc import AsyncIterator, Iterator

import pytest
import redis
from django.conf import settings

from apps.nlu.facade import runtime
from apps.nlu.facade.engine import Engine
from apps.nlu.services import reading, recording, terms
from tests.nlu import stubbed
from tests.nlu.stubbed import Server


@pytest.fixture(autouse=True)
def _fresh_memory() -> Iterator[None]:
    yield
    runtime.stop()
    recording.forget()
    reading.forget()
    terms.forget()


@pytest.fixture(scope="session")
def shared_stubs() -> Iterator[Server]:
    with stubbed.running() as server:
        yield server


@pytest.fixture
def stubs(shared_stubs: Server) -> Server:
    shared_stubs.reset()
    return shared_stubs


@pytest.fixture
def _empty_redis(_own_redis_keys: None) -> None:
    client = redis.Redis.from_url(settings.REDIS_URL)
    for key in client.scan_iter(f"{settings.REDIS_PREFIX}:*"):
        client.delete(key)


@pytest.fixture
async def engine(_empty_redis: None) -> AsyncIterator[Engine]:
    made = stubbed.make_engine()
    yield made
    await made.close()
