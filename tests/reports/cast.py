"""A small book whose every figure was computed by hand: plain functions that tests of reports share.

A-1 (average)  XYZ  buys 100 at 50 and 100 at 60, sells 50 at 70; commissions of 10, 10 and 5.
                    Average cost 55: released 2,750 of 3,500, so 750 are realised; 150 cost 8,250.
               XYZ  buys 1,000 at 1, with a commission of 7: cancelled.
A-2 (fifo)     XYZ  buys 10 at 40 and 10 at 50, sells 15 at 60, a tax of 3.
                    The first 15 cost 400 + 250: of 900, 250 are realised; 5 cost 250.
               EUX  sells 25 at 30, amended to 20: short 20 for 600 euros.
Marks          XYZ 65, EUX 25.
Cash           A-1 pays in 20,000 dollars.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.core.ids import uuid7
from apps.events import selectors as events
from apps.events.services import drain
from apps.ledger import services as ledger
from apps.tenants.models import Tenant
from apps.trading import services as trading
from apps.trading.services import PriceUpdate, Revision
from tests.trading import cast

HANDLERS = {"trading.apply_trades", "ledger.book_trades"}


@dataclass(frozen=True, slots=True)
class Book:
    """The book, and the moments between its parts."""

    tenant: Tenant
    began: datetime
    half: datetime
    """After the first buys of either account, before everything else."""
    ended: datetime


def take(*, handlers: set[str] | None = None) -> None:
    """Let positions and ledger take what there is."""
    for lag in events.lags():
        if lag.events and lag.handler in (handlers or HANDLERS):
            drain(lag.handler, lag.topic, lag.partition)


def deal(tenant: Tenant, *deals: tuple[str, str, str, str, str], fees: Any = ()) -> list[UUID]:
    """Book (account, instrument, side, quantity, price); the trades' ids."""
    outcomes = cast.book(
        tenant.pk,
        *(
            cast.ask(account=a, instrument=i, side=s, quantity=q, price=p, fees=fees)
            for a, i, s, q, p in deals
        ),
    )
    assert [str(one.error) for one in outcomes if one.error] == []
    return [one.trade.id for one in outcomes if one.trade is not None]


def revise(tenant: Tenant, trade: UUID, quantity: str | None = None) -> None:
    """Cancel a trade, or amend its quantity."""
    asked = Revision(
        trade=str(trade),
        reason="keyed in wrongly",
        key=str(uuid7()),
        quantity=None if quantity is None else Decimal(quantity),
    )
    call = trading.cancel_trade if quantity is None else trading.amend_trade
    call(tenant.pk, "key:test", asked, now=timezone.now())


def price(tenant: Tenant, **marks: str) -> None:
    """Tell last prices, by symbol."""
    told = [PriceUpdate(symbol, Decimal(text)) for symbol, text in marks.items()]
    trading.record_prices(tenant.pk, told, now=datetime.now(UTC))


def make_book(tenant: Tenant) -> Book:
    """The book above."""
    began = timezone.now()
    cast.open_account(tenant.pk, "A-1")
    cast.open_account(tenant.pk, "A-2", cost_method="fifo", base_currency="EUR")
    cast.list_instrument(tenant.pk)
    cast.list_instrument(tenant.pk, "EUX", currency="EUR", kind="etf")
    deal(tenant, ("A-1", "XYZ", "buy", "100", "50"), fees=[("commission", "10")])
    deal(tenant, ("A-2", "XYZ", "buy", "10", "40"))
    price(tenant, XYZ="55")
    half = timezone.now()
    deal(tenant, ("A-1", "XYZ", "buy", "100", "60"), fees=[("commission", "10")])
    deal(tenant, ("A-1", "XYZ", "sell", "50", "70"), fees=[("commission", "5")])
    deal(tenant, ("A-2", "XYZ", "buy", "10", "50"))
    deal(tenant, ("A-2", "XYZ", "sell", "15", "60"), fees=[("tax", "3")])
    (wrong,) = deal(tenant, ("A-1", "XYZ", "buy", "1000", "1"), fees=[("commission", "7")])
    (large,) = deal(tenant, ("A-2", "EUX", "sell", "25", "30"))
    revise(tenant, wrong)
    revise(tenant, large, "20")
    price(tenant, XYZ="65", EUX="25")
    take()
    ledger.transfer_cash(
        tenant.pk, account="A-1", currency="USD", amount=Decimal(20_000), reference="in"
    )
    return Book(tenant, began, half, timezone.now())
