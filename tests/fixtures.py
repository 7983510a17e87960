"""The cast: two tenants, their keys and clients; and a database emptied after each test."""

import zlib
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import TransactionTestCase
from psycopg.errors import DeadlockDetected
from rest_framework.test import APIClient

from apps.calendars import selectors as calendars
from apps.events.registry import LANES
from apps.events.services import register_cursors, reshard, waking
from apps.nlu.services import terms as understanding
from apps.resilience import services as resilience
from apps.tenants import authentication
from apps.tenants.models import Tenant
from apps.tenants.services import create_tenant, issue_key
from apps.trading import selectors as trading

__all__ = ["_fresh_process_caches", "_own_redis_keys", "api", "client_of", "other", "tenant"]

KEPT = {"django_migrations", "django_content_type", "auth_permission", "events_partition"}

EMPTY = """
SELECT set_config('test.tables', %s, false);
DO $$
DECLARE
    one text;
    found boolean;
    sequence text;
BEGIN
    FOREACH one IN ARRAY string_to_array(current_setting('test.tables'), ',') LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %%I)', one) INTO found;
        CONTINUE WHEN NOT found;
        IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = one::regclass AND tgenabled = 'A') THEN
            EXECUTE format('TRUNCATE %%I CASCADE', one);  -- its guards heed no role
        ELSE
            EXECUTE format('DELETE FROM %%I', one);
        END IF;
        FOR sequence IN
            SELECT pg_get_serial_sequence(quote_ident(one), column_name)
            FROM information_schema.columns WHERE table_name = one AND table_schema = 'public'
        LOOP
            PERFORM setval(sequence, 1, false) WHERE sequence IS NOT NULL;
        END LOOP;
    END LOOP;
END
$$
"""
"""Deletes what is there, and lets the ids of those tables start again."""


WIPES = 5
"""Tries: a server that a test's last page has just left may still write, and lock in another order."""


def _wipe(_case: TransactionTestCase) -> None:
    """Empty the database after a test, which pytest-django leaves to this method.

    The product's triggers refuse it, as they should; a superuser's session that plays replica runs
    none of them. Not by TRUNCATE: for small tables it is ten times slower than DELETE.
    """
    for left in reversed(range(WIPES)):
        try:
            _empty()
            break
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected) or not left:
                raise
    register_cursors()
    reshard(2)


def _empty() -> None:
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor)) - KEPT
        cursor.execute("SET session_replication_role = replica")
        try:
            cursor.execute(EMPTY, [",".join(sorted(tables))])
        finally:
            cursor.execute("SET session_replication_role = origin")
        cursor.execute("UPDATE events_partition SET floor = 0 WHERE floor > 0")


TransactionTestCase._fixture_teardown = _wipe  # type: ignore[method-assign] # see _wipe


@pytest.fixture(autouse=True)
def _fresh_process_caches() -> Iterator[None]:
    """What a process remembers of a database must not outlive that database's rows."""
    yield
    waking.reset()
    authentication._cache.clear()
    trading.forget()
    calendars.forget()
    understanding.forget()
    resilience.forget()


QUEUES = [f"{lane}.{shard}" for lane in LANES for shard in range(8)]
"""Queues of wakes that tests may fill, and nobody empties: no worker runs for them."""


@pytest.fixture(autouse=True)
def _own_redis_keys(request: pytest.FixtureRequest) -> None:
    """Redis keys of this test worker's database only, and queues that have room."""
    name = settings.DATABASES["default"]["NAME"]
    settings.REDIS_PREFIX = f"test:{zlib.crc32(name.encode()):08x}"
    # A queue that is full of other tests' wakes would take none of this one's.
    waking.client().delete(*QUEUES)
    if "tenant" in request.fixturenames or "other" in request.fixturenames:
        # Tenants' ids begin again with each test: what another test knew of tenant 1 is not theirs.
        forget_in_redis(settings.REDIS_PREFIX)


def forget_in_redis(prefix: str) -> None:
    """Delete all keys of a prefix, in the braces of a cluster's slot or without."""
    client = waking.client()
    if stale := list(client.scan_iter(f"*{prefix}:*", count=1_000)):
        client.delete(*stale)


@pytest.fixture
def tenant(transactional_db: None) -> Tenant:
    """The tenant that most tests are about."""
    return create_tenant("acme", name="Acme Brokers")[0]


@pytest.fixture
def other(transactional_db: None) -> Tenant:
    """Somebody else's tenant."""
    return create_tenant("rival", name="Rival Brokers")[0]


@pytest.fixture
def client_of() -> Callable[..., APIClient]:
    """An API client with a key of a tenant: `client_of(tenant, role="trader")`."""

    def make(owner: Tenant, role: str = "owner") -> APIClient:
        _, secret = issue_key(owner, role=role, name="test")
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        client.raise_request_exception = False
        return client

    return make


@pytest.fixture
def api(tenant: Tenant, client_of: Callable[..., APIClient]) -> APIClient:
    """An API client of the tenant's owner."""
    return client_of(tenant)
