"""Trades on their way to finality: plain functions that settlement's tests share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.events import selectors
from apps.events.services import drain
from apps.settlement.models import Settlement
from apps.tenants.models import Tenant
from apps.trading.models import ClientAccount, Instrument
from tests.trading.cast import ask, book


@dataclass(frozen=True, slots=True)
class Market:
    """Who trades what."""

    tenant: Tenant
    account: ClientAccount
    instrument: Instrument

    def trade(self, **terms: Any) -> UUID:
        """Book one trade; its id."""
        return self.trades(1, **terms)[0]

    def trades(self, count: int, **terms: Any) -> list[UUID]:
        """Book trades of equal terms; their ids."""
        outcomes = book(self.tenant.pk, *(ask(**terms) for _ in range(count)))
        found = [one.trade.id for one in outcomes if one.trade is not None]
        assert len(found) == count, outcomes
        return found


def settle_down() -> None:
    """Let every handler take what there is, until nothing is left."""
    for _ in range(20):
        behind = [lag for lag in selectors.lags() if lag.events]
        if not behind:
            return
        for lag in behind:
            drain(lag.handler, lag.topic, lag.partition)
    raise AssertionError(f"the log does not come to rest: {behind}")


def settlement_of(trade: UUID, **terms: Any) -> Settlement:
    """The settlement of a trade."""
    return Settlement.objects.get(trade_id=trade, **{"kind": "settlement"} | terms)


def settlements_of(trades: Sequence[UUID]) -> list[Settlement]:
    """The settlements of trades, by id."""
    return list(Settlement.objects.filter(trade_id__in=trades).order_by("id"))
