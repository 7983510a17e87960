"""The cache saves queries and never changes an answer, whatever Redis does."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from uuid import uuid4

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.events.contracts import partition_of
from apps.tenants.models import Tenant
from apps.trading import selectors
from apps.trading.models import ClientAccount, Instrument
from apps.trading.selectors import position_cache, quotes
from tests.fixtures import forget_in_redis
from tests.patience import OF_PRODUCT
from tests.trading.cast import ask, book, fold, list_instrument, open_account, query

FROM_POSITIONS = "FROM (SELECT 1) AS one"
"""In the text of the query that asks the database for positions."""


@pytest.fixture
def raw() -> redis.Redis:
    """Redis itself."""
    return redis.Redis.from_url(settings.REDIS_URL)


@pytest.fixture
def scene(tenant: Tenant, account: ClientAccount, instrument: Instrument) -> ClientAccount:
    """ACC-1 with one folded trade of 100 XYZ."""
    book(tenant.pk, ask())
    fold()
    return account


class Answer:
    """What an account's positions are said to be, and whether the database was asked."""

    def __init__(self, account: ClientAccount) -> None:
        with CaptureQueriesContext(connection) as captured:
            found = selectors.positions_of(account.tenant_id, account.number)
        self.quantities = {one.stored.symbol: one.stored.quantity for one in found.positions}
        self.versions = {one.stored.symbol: one.stored.version for one in found.positions}
        self.asked_database = any(FROM_POSITIONS in one["sql"] for one in captured)
        self.queries = len(captured)


def warm(account: ClientAccount) -> None:
    """Have the account's positions in Redis."""
    Answer(account)
    position_cache.forget()
    assert not Answer(account).asked_database


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """The block takes no longer than this."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@contextmanager
def writes_lost(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Batches are folded and committed, and Redis hears nothing of them."""
    with monkeypatch.context() as patch:
        patch.setattr(position_cache, "follow", lambda *_: None)
        yield


@pytest.fixture
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read stays trusted for the whole test, however slow the machine is."""
    monkeypatch.setattr(position_cache, "TRUSTED_SECONDS", 600)
    monkeypatch.setattr(quotes, "TRUSTED_SECONDS", 600)


class TestHits:
    def test_a_warm_account_costs_the_database_nothing(
        self, scene: ClientAccount, slow_clock: None
    ) -> None:
        warm(scene)
        answer = Answer(scene)
        assert (answer.quantities, answer.queries) == ({"XYZ": 100}, 0)

    def test_a_batch_updates_what_redis_holds(self, tenant: Tenant, scene: ClientAccount) -> None:
        warm(scene)
        list_instrument(tenant.pk, "ABC")
        book(tenant.pk, ask(), ask(instrument="ABC", side="sell"))
        fold()
        position_cache.forget()
        answer = Answer(scene)
        assert (answer.quantities, answer.asked_database) == ({"XYZ": 200, "ABC": -100}, False)

    def test_an_account_without_positions_is_remembered_too(
        self, tenant: Tenant, scene: ClientAccount
    ) -> None:
        neighbour = neighbour_of(scene)
        warm(neighbour)
        assert Answer(neighbour).quantities == {}

    def test_a_neighbours_batch_costs_no_miss(self, tenant: Tenant, scene: ClientAccount) -> None:
        warm(scene)
        book(tenant.pk, ask(account=neighbour_of(scene).number))
        fold()
        position_cache.forget()
        assert not Answer(scene).asked_database

    def test_a_fresh_price_is_in_the_answer(self, tenant: Tenant, scene: ClientAccount) -> None:
        warm(scene)
        query("UPDATE trading_instrument SET last_price = 51, last_price_at = now()")
        quotes.forget()
        (view,) = selectors.positions_of(tenant.pk, "ACC-1").positions
        assert view.unrealised_pnl == 100

    def test_from_redis_and_from_the_database_are_the_same_answer(
        self, tenant: Tenant, scene: ClientAccount
    ) -> None:
        book(tenant.pk, ask(side="sell", quantity="33.3", price="49.123", fees=[("tax", "0.017")]))
        fold()
        warm(scene)
        from_redis = selectors.positions_of(tenant.pk, "ACC-1").positions
        forget_in_redis(settings.REDIS_PREFIX)
        assert selectors.positions_of(tenant.pk, "ACC-1").positions == from_redis


class TestDamage:
    def test_redis_emptied(self, scene: ClientAccount) -> None:
        warm(scene)
        forget_in_redis(settings.REDIS_PREFIX)
        answer = Answer(scene)
        assert (answer.quantities, answer.asked_database) == ({"XYZ": 100}, True)
        assert not Answer(scene).asked_database  # filled again

    def test_a_write_lost_after_the_commit(
        self, tenant: Tenant, scene: ClientAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        warm(scene)
        with writes_lost(monkeypatch):
            book(tenant.pk, ask())
            fold()
        position_cache.forget()
        answer = Answer(scene)
        assert (answer.quantities, answer.asked_database) == ({"XYZ": 200}, True)

    def test_a_lost_write_is_no_older_than_what_a_process_trusts(
        self, tenant: Tenant, scene: ClientAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        warm(scene)
        with writes_lost(monkeypatch):
            book(tenant.pk, ask())
            fold()
        now = time.monotonic()
        monkeypatch.setattr(position_cache.time, "monotonic", lambda: now + 0.11)
        assert Answer(scene).quantities == {"XYZ": 200}

    def test_a_write_lost_and_the_next_one_not(
        self, tenant: Tenant, scene: ClientAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        list_instrument(tenant.pk, "ABC")
        warm(scene)
        with writes_lost(monkeypatch):
            book(tenant.pk, ask(instrument="ABC"))
            fold()
        book(tenant.pk, ask())
        fold()
        position_cache.forget()
        answer = Answer(scene)
        assert (answer.quantities, answer.asked_database) == ({"XYZ": 200, "ABC": 100}, True)
        position_cache.forget()
        assert not Answer(scene).asked_database

    def test_a_neighbours_write_lost_heals_when_it_is_overdue(
        self, tenant: Tenant, scene: ClientAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        warm(scene)
        clock = [time.monotonic()]
        monkeypatch.setattr(position_cache.time, "monotonic", lambda: clock[0])
        with writes_lost(monkeypatch):
            book(tenant.pk, ask(account=neighbour_of(scene).number))
            fold()
        position_cache.forget()
        assert Answer(scene).asked_database
        assert Answer(scene).asked_database  # it may still be on its way
        clock[0] += 1.2
        assert Answer(scene).asked_database
        assert not Answer(scene).asked_database

    def test_a_write_that_comes_late_changes_nothing(
        self, tenant: Tenant, scene: ClientAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        warm(scene)
        late = []
        with monkeypatch.context() as patch:
            patch.setattr(position_cache, "follow", lambda *call: late.append(call))
            book(tenant.pk, ask())
            fold()
        book(tenant.pk, ask())
        fold()
        position_cache.forget()
        assert Answer(scene).quantities == {"XYZ": 300}
        position_cache.follow(*late[0])
        position_cache.forget()
        assert (Answer(scene).quantities, Answer(scene).versions) == ({"XYZ": 300}, {"XYZ": 3})

    def test_an_old_snapshot_restored(
        self, tenant: Tenant, scene: ClientAccount, raw: redis.Redis
    ) -> None:
        warm(scene)
        old = {key: raw.dump(key) for key in raw.scan_iter(f"{settings.REDIS_PREFIX}:*positions*")}
        assert len(old) >= 2
        book(tenant.pk, ask())
        fold()
        for key, value in old.items():
            raw.restore(key, 0, value, replace=True)
        position_cache.forget()
        assert Answer(scene).quantities == {"XYZ": 200}

    def test_a_database_restored_to_an_older_state(
        self, tenant: Tenant, scene: ClientAccount
    ) -> None:
        warm(scene)
        saved = query("SELECT token FROM trading_positionmark")
        book(tenant.pk, ask())
        fold()
        query("UPDATE trading_position SET quantity = 100, version = 1")
        query("UPDATE trading_positionmark SET token = %s", saved[0][0])
        position_cache.forget()
        assert Answer(scene).quantities == {"XYZ": 100}

    def test_a_projection_rebuilt(self, scene: ClientAccount) -> None:
        warm(scene)
        query("UPDATE trading_position SET quantity = 7")
        query("UPDATE trading_positionmark SET token = %s", uuid4())
        position_cache.forget()
        assert Answer(scene).quantities == {"XYZ": 7}

    def test_something_else_under_its_keys(self, scene: ClientAccount, raw: redis.Redis) -> None:
        warm(scene)
        account_key = position_cache._account_key(
            scene.tenant_id, partition_of(str(scene.pk)), scene.pk
        )
        for field in raw.hkeys(account_key):
            if field:
                raw.hset(account_key, field, "{not ours")
        assert Answer(scene).quantities == {"XYZ": 100}
        raw.set(account_key, "not even a hash")
        assert Answer(scene).quantities == {"XYZ": 100}

    def test_redis_refusing_connections(
        self, scene: ClientAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
        position_cache.forget()
        with patience(30.0):
            assert Answer(scene).quantities == {"XYZ": 100}

    def test_redis_frozen_costs_one_time_out_and_is_then_left_alone(
        self, tenant: Tenant, scene: ClientAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        warm(scene)
        with socket.create_server(("127.0.0.1", 0)) as black_hole:
            port = black_hole.getsockname()[1]
            monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{port}/0")
            monkeypatch.setattr(position_cache, "TIMEOUT", OF_PRODUCT[position_cache.__name__])
            monkeypatch.setattr(position_cache, "BREAK_SECONDS", 600)  # however slow the machine is
            position_cache.forget()
            with patience(30.0):
                assert Answer(scene).quantities == {"XYZ": 100}
            black_hole.setblocking(False)
            black_hole.accept()[0].close()
            assert Answer(scene).quantities == {"XYZ": 100}
            with pytest.raises(BlockingIOError):  # nobody knocked again
                black_hole.accept()

    def test_redis_frozen_while_trades_are_folded_and_back_afterwards(
        self, tenant: Tenant, scene: ClientAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        warm(scene)
        with monkeypatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as black_hole:
            port = black_hole.getsockname()[1]
            patch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{port}/0")
            patch.setattr(position_cache, "TIMEOUT", OF_PRODUCT[position_cache.__name__])
            position_cache.forget()
            book(tenant.pk, ask())
            fold()
        position_cache.forget()
        assert Answer(scene).quantities == {"XYZ": 200}

    def test_a_savepoint_rolled_back_says_nothing(
        self, tenant: Tenant, scene: ClientAccount, instrument: Instrument
    ) -> None:
        bad = neighbour_of(scene)
        book(tenant.pk, ask(account=bad.number))
        fold()
        warm(scene)
        query(
            "UPDATE trading_position SET quantity = 99999999999999999999 WHERE account_id = %s",
            bad.pk,
        )
        book(tenant.pk, ask(), ask(account=bad.number), ask())
        fold()
        position_cache.forget()
        assert Answer(scene).quantities == {"XYZ": Decimal(300)}


class TestTenants:
    def test_have_their_own_keys_and_names(
        self, scene: ClientAccount, other: Tenant, raw: redis.Redis
    ) -> None:
        theirs = open_account(other.pk)
        warm(scene)
        assert Answer(theirs).quantities == {}
        names = {key.decode() for key in raw.scan_iter(f"{settings.REDIS_PREFIX}:*:positions:*")}
        assert any(f":{scene.tenant_id}:positions:" in name for name in names)


def neighbour_of(account: ClientAccount) -> ClientAccount:
    """Another account of the same partition."""
    for index in range(1_000):
        row = open_account(account.tenant_id, f"N-{index}")
        if partition_of(str(row.pk)) == partition_of(str(account.pk)):
            return row
    raise AssertionError("one of 1,000 accounts shares a partition")
