"""The accounts, instruments and trades that P1 is about."""

import io
import itertools
import os
import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

TENANT = "bench"
ACCOUNTS = [f"BENCH-{number:04}" for number in range(1, 101)]
INSTRUMENTS = [f"STOCK{number:02}" for number in range(1, 21)]
CURRENCY = "USD"
_numbers = itertools.count(1)


def open_everything() -> str:
    """Make tenant, key, accounts and instruments, and let every handler hear of them; the key.

    A first trade on each account has the ledger open all accounts that there will ever be.
    """
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


def trades(count: int, accounts: list[str] = ACCOUNTS) -> list[dict[str, Any]]:
    """New trades as a client sends them. Two fees, so that an entry has six legs."""
    return [_trade(accounts) for _ in range(count)]


def _trade(accounts: list[str]) -> dict[str, Any]:
    price = Decimal(random.randint(1_000, 50_000)).scaleb(-2)
    return {
        "account": random.choice(accounts),
        "instrument": random.choice(INSTRUMENTS),
        "side": random.choice(("buy", "sell")),
        "quantity": str(random.randint(1, 500)),
        "price": str(price),
        "fees": [{"kind": "commission", "amount": "1.25"}, {"kind": "exchange", "amount": "0.35"}],
        "idempotency_key": f"{os.getpid()}-{next(_numbers)}-{random.getrandbits(48):x}",
    }
