"""Trades on their way to finality: plain functions that settlement's tests share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.events import selectors
from apps.events.services import drain
from apps.settlement import services
from apps.settlement.clearing.protocol import Notice
from apps.settlement.models import Settlement
from apps.settlement.services import Driven
from apps.tenants.models import Tenant
from apps.trading.models import ClientAccount, Instrument
from tests.ledger.cast import sql
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


LATER = date(2100, 1, 1)


def drive(*, due: date | None = LATER, ahead: float = 0.0) -> Driven:
    """Let the clock do what is due (up to a date), as it will be so many seconds from now."""
    return services.drive(timezone.now() + timedelta(seconds=ahead), due=due)


def hear(market: Market, *notices: Notice, system: str = "simulator") -> None:
    """Let clearing tell something, and take it."""
    services.receive_notices(market.tenant.pk, system, notices)
    settle_down()


def balances(market: Market) -> dict[tuple[str, str], Decimal]:
    """What the client's account and the house's hold: (code, asset) to amount, without zeros."""
    rows = sql(
        """SELECT a.code, b.asset, sum(b.amount) FROM ledger_balance b
           JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
           WHERE a.tenant_id = %s GROUP BY 1, 2 HAVING sum(b.amount) <> 0""",
        [market.tenant.pk],
    )
    return {(code, asset): amount for code, asset, amount in rows}


def settled_units(market: Market) -> Decimal:
    """The settled part of the position."""
    rows = sql(
        "SELECT quantity FROM trading_settledholding WHERE account_id = %s", [market.account.pk]
    )
    return rows[0][0] if rows else Decimal(0)


def steps_of(found: Settlement) -> list[tuple[str, str, str]]:
    """(step, from, to) of a settlement, in order."""
    return list(found.steps.order_by("id").values_list("step", "from_state", "to_state"))
