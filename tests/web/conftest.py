"""The cast of the windows: people who sign in, and a business that they look at."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from apps.events.selectors import lags
from apps.events.services import drain, waking
from apps.sockets import limits, redis_client
from apps.tenants.models import Role, Tenant, User
from apps.tenants.services import add_member
from apps.web import feeds, snapshots
from apps.web.views import health
from tests.events.helpers import in_threads
from tests.trading import cast
from tests.web.browsing import PASSWORD, browser, open_page, site


@pytest.fixture(autouse=True)
def _forget(_own_redis_keys: None) -> Iterator[None]:
    """What a process or Redis remembers must not outlive a test."""
    client = redis_client.client()
    if names := client.keys(redis_client.key("*")):
        client.delete(*names)
    yield
    snapshots.forget()
    feeds._feeds.clear()
    limits.forget_all()
    health.forget()
    redis_client.client.forget()


@pytest.fixture
def person(tenant: Tenant) -> User:
    """An owner of the tenant who also sees the back office."""
    user, _ = add_member(tenant, username="ada", role=Role.OWNER, password=PASSWORD, staff=True)
    return user


@pytest.fixture
def signed_in(person: User, client: Client) -> Client:
    """A browser in which that person has signed in."""
    client.force_login(person)
    return client


@pytest.fixture
def trade(tenant: Tenant) -> Callable[..., None]:
    """Book so many trades for ACC-1; `take=True` lets every handler take them."""
    cast.open_account(tenant.pk)
    cast.list_instrument(tenant.pk)

    def make(count: int = 1, *, take: bool = True, **terms: object) -> None:
        for outcome in cast.book(tenant.pk, *(cast.ask(**terms) for _ in range(count))):
            assert outcome.error is None
        if take:
            take_everything()

    return make


@pytest.fixture
def no_redis(settings) -> None:
    """Redis does not answer: nobody listens on port 1."""
    redis_client.client.forget()
    waking.reset()
    settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"


def take_everything() -> None:
    """Drain until nothing is behind, as workers would.

    In a thread: the browser's own thread runs an event loop, and calling handlers start theirs.
    """

    def drain_all() -> None:
        while behind := [lag for lag in lags() if lag.events]:
            for lag in behind:
                drain(lag.handler, lag.topic, lag.partition)

    in_threads(drain_all, timeout=120)


__all__ = ["PASSWORD", "browser", "open_page", "site", "take_everything"]
