"""What the ledger's clients do: post entries of a trade's six legs, and ask for balances."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from uuid import UUID, uuid4, uuid5

from apps.events.contracts import partition_of
from apps.ledger.journal import EntryDraft, entry_for_trade
from apps.ledger.selectors import balances
from apps.ledger.services import open_client_accounts, post_entries
from apps.trading.events import Fee, TradeExecuted

OWNERS = 100
INSTRUMENTS = 20
_NAMESPACE = UUID("0198f0e2-0000-7000-8000-000000000000")
VETERAN = uuid5(_NAMESPACE, "veteran")
"""The owner with the long history; nobody else books on its accounts."""


@cache
def places() -> list[tuple[int, Sequence[UUID]]]:
    """The log partitions that have owners, and those owners."""
    found: dict[int, list[UUID]] = defaultdict(list)
    for number in range(OWNERS):
        owner = uuid5(_NAMESPACE, str(number))
        found[partition_of(str(owner))].append(owner)
    return sorted(found.items())


@cache
def _drafts(tenant: int, place: int) -> list[EntryDraft]:
    """An entry for each owner and instrument, to be copied under another source."""
    return [
        entry_for_trade(_trade(owner, number), tenant=tenant)
        for owner in places()[place][1]
        for number in range(INSTRUMENTS)
    ]


def _trade(owner: UUID, number: int) -> TradeExecuted:
    return TradeExecuted(
        trade_id=uuid4(), version_no=1, account_id=owner, account_number=str(owner)[:8],
        cost_method="average", instrument_id=uuid5(_NAMESPACE, f"BENCH-{number}"),
        symbol=f"BENCH-{number}", side="buy", quantity=Decimal(50), price=Decimal("100.105"),
        multiplier=Decimal(1), inverse=False, currency="USD", notional=Decimal("5005.25"),
        fees=(Fee(kind="commission", amount=Decimal("1.25"), currency="USD"),
              Fee(kind="exchange", amount=Decimal("0.75"), currency="USD")),
        trade_date=date(2026, 1, 5), settles_on=None, executed_at=datetime.now(UTC), source="bench",
    )  # fmt: skip


def warm_up(tenant: int) -> None:
    """Make all the drafts that there are to copy."""
    for place in range(len(places())):
        _drafts(tenant, place)


def post(tenant: int, entries: int, place: int | None = None) -> int:
    """Book so many new entries of one log partition, as its handler does."""
    if place is None:
        place = random.randrange(len(places()))
    drafts = [
        replace(draft, source=f"trade:{(trade := uuid4())}:1", trade_id=trade)
        for draft in random.choices(_drafts(tenant, place), k=entries)
    ]
    post_entries(drafts, partition=places()[place][0])
    return entries


def open_accounts(tenant: int) -> None:
    """Have every account of every owner opened, and every asset declared."""
    open_client_accounts([(tenant, VETERAN, "veteran")])
    for place, (partition, _) in enumerate(places()):
        post_entries(_drafts(tenant, place), partition=partition)


def balance_as_of(tenant: int, seconds: int) -> int:
    """The veteran's balance, as of any time in its history."""
    at = datetime.now(UTC) - timedelta(seconds=random.uniform(0, seconds - 60))
    assert balances(tenant, VETERAN, as_of=at)
    return 1
