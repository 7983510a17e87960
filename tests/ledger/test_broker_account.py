"""A real margin account's year: our realised profit is the broker's, and its statement can be printed.

Instruments of `oracles/broker_account_2025.json` (source and licence there) that were opened and
closed within the year. The broker's cost holds the commission, ours is kept beside it: our profit
less our fees is the broker's figure.
"""

import json
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from apps.events.contracts import partition_of
from apps.events.services import drain
from apps.ledger import invariants, services
from apps.ledger.selectors.owners import HANDLER
from apps.tenants.models import Tenant
from apps.trading import selectors as trading
from tests.trading import cast

YEAR = json.loads((Path(__file__).parent / "oracles" / "broker_account_2025.json").read_text())
CENTS = Decimal("0.02")  # the broker rounds each fill
KINDS = {"option": "option", "equity": "equity"}


@pytest.fixture
def partition(tenant: Tenant) -> int:
    """The account's year, booked and taken."""
    account = cast.open_account(tenant.pk, "U-2025", cost_method="fifo", base_currency="CHF")
    for one in YEAR["instruments"]:
        cast.list_instrument(
            tenant.pk,
            one["symbol"],
            kind=KINDS[one["asset_class"]],
            currency=one["currency"],
            multiplier=Decimal(one["multiplier"]),
        )
    outcomes = cast.book(
        tenant.pk,
        *(
            cast.ask(
                account="U-2025",
                instrument=one["symbol"],
                side=side,
                quantity=quantity,
                price=price,
                executed_at=f"{time}-05:00",
                external_id=f"{one['symbol']} {number}",
                source="broker",
                fees=[("commission", _fee(commission))],
            )
            for one in YEAR["instruments"]
            for number, (time, side, quantity, price, commission) in enumerate(one["fills"])
        ),
    )
    assert [str(found.error) for found in outcomes if found.error] == []
    number = partition_of(str(account.pk))
    for handler in ("trading.apply_trades", HANDLER):
        drain(handler, "trade", number)
    return number


def _fee(commission: str) -> str:
    return f"{-Decimal(commission):f}"


def test_realised_profit_per_instrument_is_the_brokers(tenant: Tenant, partition: int) -> None:
    found = {
        one.stored.symbol: one.stored for one in trading.positions_of(tenant.pk, "U-2025").positions
    }
    assert len(found) == len(YEAR["instruments"])
    for one in YEAR["instruments"]:
        held = found[one["symbol"]]
        assert (held.quantity, held.cost) == (0, 0), one["symbol"]
        assert held.fees == -Decimal(one["commission"]), one["symbol"]
        ours, theirs = held.realised_pnl - held.fees, Decimal(one["realised_pnl"])
        assert abs(ours - theirs) <= CENTS, (one["symbol"], ours, theirs)
    for check in invariants.INVARIANTS:
        assert check(tenant.pk).failures == []


def test_its_statement_as_pdf(tenant: Tenant, partition: int, api: APIClient) -> None:
    services.transfer_cash(
        tenant.pk, account="U-2025", currency="USD", amount=Decimal(1000), reference="r"
    )
    answer: Any = api.get("/api/v1/ledger/statement?owner=U-2025&format=pdf")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF-")
    # Kept for people to look at.
    file = Path(settings.VAR_DIR) / "pictures" / "broker-account-2025.pdf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(answer.content)
    if shutil.which("pdftotext"):
        done = subprocess.run(
            ["pdftotext", "-layout", str(file), "-"], capture_output=True, check=True
        )
        text = done.stdout.decode()
        for word in (
            "Statement of account U-2025",
            "Balances after",
            "CASH:SETTLED",
            "MSTY",
            "Effective",
        ):
            assert word in text
    lines = api.get("/api/v1/ledger/statement?owner=U-2025&limit=1000").json()["results"]
    assert answer.content.count(b"/Type /Page\n") >= len(lines) // 60
