"""Fixtures of the ledger's tests."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import pytest

from apps.ledger import selectors
from apps.ledger.journal import Code
from apps.ledger.models import JournalEntry
from apps.tenants.models import Tenant
from tests.ledger.books import keep_books
from tests.ledger.cast import ACCOUNT, make_draft, post, sql


@dataclass(frozen=True)
class Scene:
    """A tenant with one booked entry, for attackers."""

    tenant: Tenant
    entry: JournalEntry
    cash: int
    """The id of the client's settled cash account."""
    nostro: int
    month: str
    """The table of this month's postings."""


@pytest.fixture
def scene(tenant: Tenant) -> Scene:
    """One deposit of 100 USD, booked."""
    booked = post(make_draft(tenant.pk))[0]
    accounts = dict(sql("SELECT code, id FROM ledger_ledgeraccount"))
    return Scene(
        tenant,
        JournalEntry.objects.get(pk=booked.id),
        accounts["CASH:SETTLED"],
        accounts["NOSTRO"],
        f"ledger_posting_{booked.booked_at:%Y%m}",
    )


@pytest.fixture
def balance_of(tenant: Tenant) -> Callable[..., Decimal]:
    """A balance of the tenant's client."""

    def ask(code: str = Code.CASH_SETTLED, asset: str = "USD", owner: UUID = ACCOUNT) -> Decimal:
        return selectors.balance(tenant.pk, owner, code, asset)

    return ask


@pytest.fixture
def books(tenant: Tenant) -> Tenant:
    """Trades of two accounts and two instruments, one amended, one cancelled; all taken."""
    keep_books(tenant)
    return tenant
