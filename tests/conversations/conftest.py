"""The socket door as a real process, and screens that enter by tickets."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from apps.sockets import broadcasts, redis_client
from tests.conversations.screens import Screen
from tests.web import servers


@pytest.fixture(scope="module")
def door(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), servers.sockets() as port:
        yield port


@pytest.fixture
def sockets(door, settings, transactional_db):
    """The real socket door's address; this process talks on the same Redis channels."""
    redis_client.client.forget()
    broadcasts.reset()
    settings.SOCKETS_URL = f"ws://127.0.0.1:{door}"
    settings.REDIS_PREFIX = servers.redis_prefix()
    servers.forget_the_past()
    yield settings.SOCKETS_URL
    servers.until_all_have_left()


@pytest.fixture
def ticket(sockets, api) -> Callable[..., Callable[[], str]]:
    """Ways to ask for tickets, over the API: of a conversation's customer, or of a desk."""

    def ask(path: str) -> str:
        try:
            answer = api.post(f"/api/v1/{path}/ticket")
        finally:
            connections.close_all()  # asked in a thread
        assert answer.status_code == 201, answer.content
        return str(answer.json()["url"])

    def make(conversation: UUID | None = None) -> Callable[[], str]:
        path = "agents/me" if conversation is None else f"conversations/{conversation}"
        return partial(ask, path)

    return make


@pytest.fixture
def chat(ticket) -> Callable[..., Screen]:
    """A customer's screen."""

    def make(conversation: UUID) -> Screen:
        return Screen(ticket(conversation), str(conversation))

    return make


@pytest.fixture
def desk(ticket) -> Callable[..., Any]:
    """An agent's screen, which watches no conversation yet."""
    return lambda: Screen(ticket())
