"""The cache against a model: whatever is lost, late, restored or emptied, a read is the database's.

Each case is a story of random steps. The process asks the database for its marks at every read, so
that no age at all is allowed.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import settings

from apps.events.contracts import partition_of
from apps.tenants.models import Tenant
from apps.trading import selectors
from apps.trading.models import ClientAccount, Instrument
from apps.trading.selectors import position_cache
from tests.trading.cast import ask, book, fold, held, open_account

STORIES = range(5)
STEPS = 150


class World:
    """Two accounts of one partition, Redis, and the writes that are still on their way."""

    def __init__(self, tenant: Tenant, patch: pytest.MonkeyPatch, dice: random.Random) -> None:
        self.tenant, self.patch, self.dice = tenant, patch, dice
        self.accounts = two_of_one_partition(tenant)
        self.redis = redis.Redis.from_url(settings.REDIS_URL)
        self.follow: Callable[..., None] = position_cache.follow
        self.on_their_way: list[tuple[Any, ...]] = []
        self.snapshots: list[dict[bytes, bytes]] = []
        self.now = 1_000.0
        patch.setattr(position_cache, "TRUSTED_SECONDS", -1.0)
        patch.setattr(position_cache.time, "monotonic", lambda: self.now)
        patch.setattr(position_cache, "follow", lambda *call: self.on_their_way.append(call))
        self.reads = self.hits = 0

    def trade(self) -> None:
        account = self.dice.choice(self.accounts)
        side = self.dice.choice(("buy", "sell"))
        quantity = str(self.dice.randint(1, 9))
        book(self.tenant.pk, ask(account=account.number, side=side, quantity=quantity))
        fold(partition_of(str(account.pk)))

    def deliver(self) -> None:
        if self.on_their_way:
            self.follow(*self.on_their_way.pop(0))

    def deliver_out_of_order(self) -> None:
        self.dice.shuffle(self.on_their_way)
        self.deliver()

    def lose(self) -> None:
        if self.on_their_way:
            self.on_their_way.pop(0)

    def repeat(self) -> None:
        if self.on_their_way:
            self.follow(*self.on_their_way[0])

    def empty(self) -> None:
        for key in self.redis.scan_iter(f"{settings.REDIS_PREFIX}:*positions*"):
            self.redis.delete(key)

    def save(self) -> None:
        keys = list(self.redis.scan_iter(f"{settings.REDIS_PREFIX}:*positions*"))
        self.snapshots.append({key: self.redis.dump(key) for key in keys})

    def restore(self) -> None:
        if self.snapshots:
            self.empty()
            for key, value in self.dice.choice(self.snapshots).items():
                self.redis.restore(key, 0, value, replace=True)

    def wait(self) -> None:
        self.now += 2.0

    def read(self) -> None:
        account = self.dice.choice(self.accounts)
        real, asked = selectors.positions._from_database, []
        with self.patch.context() as patch:
            patch.setattr(
                selectors.positions,
                "_from_database",
                lambda *args: asked.append(1) or real(*args),
            )
            found = selectors.positions_of(self.tenant.pk, account.number).positions
        shown = {one.stored.symbol: (one.stored.quantity, one.stored.version) for one in found}
        assert shown == {name: (row[0], row[4]) for name, row in held(account).items()}
        self.reads += 1
        self.hits += not asked


def two_of_one_partition(tenant: Tenant) -> list[ClientAccount]:
    """Two accounts that share a partition of the log."""
    found: dict[int, ClientAccount] = {}
    for index in range(300):
        row = open_account(tenant.pk, f"N-{index}")
        here = partition_of(str(row.pk))
        if here in found:
            return [found[here], row]
        found[here] = row
    raise AssertionError("two of 300 keys share one of 64 partitions")


def test_a_read_is_always_the_databases(
    tenant: Tenant, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    hits = 0
    for seed in STORIES:
        position_cache.forget()
        with monkeypatch.context() as patch:
            world = World(tenant, patch, random.Random(seed))
            steps = [world.read] * 8 + [world.trade, world.deliver] * 4 + [world.lose] * 3 + [
                world.deliver_out_of_order, world.repeat, world.empty, world.save, world.restore,
                world.wait,
            ]  # fmt: skip
            for _ in range(STEPS):
                world.dice.choice(steps)()
            hits += world.hits
    assert hits > len(STORIES) * 5, "the cache has to be of some use, too"
