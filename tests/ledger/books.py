"""Books that were kept by real handlers, and ways to look at them and to harm them."""

import re
from contextlib import nullcontext
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.core.ids import uuid7
from apps.events.services import drain
from apps.ledger import invariants, selectors, services
from apps.ledger.models import ReconciliationRun
from apps.ledger.selectors.owners import HANDLER
from apps.tenants.models import Tenant
from apps.trading import services as trading_services
from apps.trading.selectors.exposure import FOLDER
from apps.trading.services import Revision
from tests.ledger.cast import guards_off
from tests.trading import cast

DAY = date(2026, 3, 2)


def keep_books(tenant: Tenant) -> None:
    """Trades of two accounts and two instruments, one amended, one cancelled; all taken."""
    for number, method in (("ACC-1", "average"), ("ACC-2", "fifo")):
        cast.open_account(tenant.pk, number, cost_method=method)
    cast.list_instrument(tenant.pk)
    cast.list_instrument(tenant.pk, "ABC")
    outcomes = cast.book(
        tenant.pk,
        *(
            cast.ask(account=account, instrument=symbol, side=side, quantity=quantity)
            for account in ("ACC-1", "ACC-2")
            for symbol in ("XYZ", "ABC")
            for side, quantity in (("buy", "100"), ("sell", "30"), ("buy", "7"))
        ),
    )
    for number, outcome in enumerate(outcomes[:2]):
        assert outcome.trade is not None
        revise(tenant, outcome.trade.id, quantity=None if number else Decimal(90))
    drain_all(FOLDER, HANDLER)


def drain_all(*handlers: str) -> None:
    """Let handlers take what is there."""
    told = cast.query(
        "SELECT DISTINCT partition FROM events_event WHERE topic = 'trade' ORDER BY 1"
    )
    for handler in handlers:
        for (partition,) in told:
            drain(handler, "trade", partition)


def revise(tenant: Tenant, trade: Any, *, quantity: Decimal | None) -> None:
    """Amend a trade to a quantity, or cancel it."""
    asked = Revision(trade=str(trade), reason="x", key=str(uuid7()), quantity=quantity)
    call = trading_services.cancel_trade if quantity is None else trading_services.amend_trade
    call(tenant.pk, "key:test", asked, now=timezone.now())


def damage(statement: str, *params: object) -> None:
    """As a stranger with the superuser's password, who knows what to switch off."""
    found = re.match(r"\s*(?:UPDATE|DELETE FROM|INSERT INTO) (\w+)", statement)
    assert found is not None
    table = found.group(1)
    guarded = guards_off(table) if table.startswith("ledger_") else nullcontext()
    with guarded, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, params or None)
        assert cursor.rowcount > 0
        cursor.execute("SET session_replication_role = origin")


def reconcile(tenant: Tenant, day: date = DAY) -> ReconciliationRun:
    """Look at a day."""
    return services.reconcile(tenant.pk, day, invariants.look, by="test")


def kinds(tenant: Tenant) -> set[str]:
    """Of the breaks that are not closed."""
    return {row.kind for row in selectors.breaks(tenant.pk, limit=99) if row.state != "closed"}
