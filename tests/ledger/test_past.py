"""Balances as of two times."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.ledger import selectors
from apps.ledger.journal import Code
from apps.tenants.models import Tenant
from tests.ledger.cast import ACCOUNT, make_draft, post

DAY = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def cash(tenant: Tenant, **times: datetime | None) -> Decimal:
    found = {one.account: one for one in selectors.balances_at(tenant.pk, ACCOUNT, **times)}
    return found[Code.CASH_SETTLED].amount if Code.CASH_SETTLED in found else Decimal(0)


def test_a_late_entry_changes_no_report_of_then(tenant: Tenant) -> None:
    post(make_draft(tenant.pk, effective_at=DAY), at=DAY)
    report = DAY + 10 * MINUTE
    late = make_draft(tenant.pk, effective_at=DAY + MINUTE)
    post(late, at=DAY + 60 * MINUTE)
    assert cash(tenant, effective=report, known=report) == 100
    assert cash(tenant, effective=report) == 200
    assert cash(tenant, known=report) == 100
    assert cash(tenant, effective=DAY - MINUTE) == 0


@pytest.mark.parametrize("seed", range(3))
def test_is_the_sum_of_what_was_effective_and_known(seed: int, tenant: Tenant) -> None:
    """Late by seconds, minutes and days, and ahead of their time."""
    dice = random.Random(seed)
    told: list[tuple[datetime, datetime, int]] = []
    for _ in range(60):
        effective = DAY + timedelta(seconds=dice.randint(0, 3_000))
        booked = effective + timedelta(
            seconds=dice.choice((0, 0, 1, 59, 60, 61, 600, 90_000, -5, -7_200))
        )
        amount = dice.randint(1, 99)
        legs = ((Code.CASH_SETTLED, ACCOUNT, "USD", str(amount)),
                (Code.NOSTRO, None, "USD", str(-amount)))  # fmt: skip
        post(make_draft(tenant.pk, *legs, effective_at=effective), at=booked)
        told.append((effective, booked, amount))
    for _ in range(80):
        effective = DAY + timedelta(seconds=dice.choice((dice.randint(-100, 3_500), 100_000)))
        known = DAY + timedelta(seconds=dice.choice((dice.randint(-8_000, 4_000), 100_000)))
        wanted = sum(
            amount for dealt, booked, amount in told if dealt <= effective and booked <= known
        )
        assert cash(tenant, effective=effective, known=known) == wanted
