"""The tenant, accounts and instruments that P1 trades, made by the product's own services."""

import io
import itertools
from datetime import UTC, datetime

from django.core.management import call_command

from apps.tenants.services import create_tenant, issue_key
from apps.trading.services import (
    AccountTerms,
    FeeRequest,
    InstrumentTerms,
    TradeRequest,
    execute_trades,
    list_instrument,
    open_accounts,
)
from benchmarks.market import ACCOUNTS, CURRENCY, INSTRUMENTS, TENANT


def open_everything() -> str:
    """Make tenant, key, accounts and instruments, and let every handler hear of them; the key.

    A first trade on each account has the ledger open all accounts that there will ever be.
    """
    tenant = create_tenant(TENANT)[0]
    open_accounts(tenant.pk, [AccountTerms(name, name, CURRENCY) for name in ACCOUNTS])
    for symbol in INSTRUMENTS:
        list_instrument(tenant.pk, InstrumentTerms(symbol, symbol, "equity", CURRENCY))
    first = [
        TradeRequest(
            account=account, instrument=symbol, side="buy", quantity="1", price="1",
            fees=tuple(FeeRequest(kind=kind, amount="0.01") for kind in ("commission", "exchange")),
        )
        for account, symbol in zip(ACCOUNTS, itertools.cycle(INSTRUMENTS), strict=False)
    ]  # fmt: skip
    execute_trades(first, tenant=tenant.pk, client="bench", now=datetime.now(UTC))
    call_command("settle_down", timeout=60, stdout=io.StringIO())
    return issue_key(tenant, role="trader", name="bench")[1]
