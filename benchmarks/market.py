"""The accounts and instruments of P1, and its trades as a client sends them. No Django here."""

import itertools
import os
import random
from decimal import Decimal
from typing import Any

TENANT = "bench"
ACCOUNTS = [f"BENCH-{number:04}" for number in range(1, 101)]
INSTRUMENTS = [f"STOCK{number:02}" for number in range(1, 21)]
CURRENCY = "USD"
_numbers = itertools.count(1)


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
