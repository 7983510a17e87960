"""What migrations make of rows that were there before: in a transaction, which leaves nothing behind."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from apps.core.ids import uuid7
from apps.settlement.models import Settlement
from tests.migrating import insert, migrate

D = Decimal
AT = datetime(2026, 3, 10, 14, tzinfo=UTC)


@pytest.fixture
def old_tenant(db: None) -> int:
    """Of a database in which a unit that is open still has a factor."""
    migrate("settlement", "0007_two_people")
    return int(insert("tenants_tenant", slug="old", name="Old", created_at=AT))


def old_settlement(tenant: int, **given: Any) -> Any:
    row = {
        "id": uuid7(), "tenant_id": tenant, "kind": "settlement", "trade_id": uuid7(),
        "version_no": 1, "account_id": uuid7(), "account_number": "ACC-1", "instrument_id": uuid7(),
        "symbol": "XYZ", "movement": "receive", "quantity": D(100), "currency": "USD",
        "amount": D(5000), "client_cash": '{"USD": "-5000"}', "trade_date": date(2026, 3, 9),
        "market": "XNYS", "clearing": "simulator", "opened_at": AT, "due_on": date(2026, 3, 10),
        "window_at": AT, "is_late": False, "state": "instructed", "settled": D(0), "pending": D(0),
        "parts": 0, "unit_factor": D(1), "tries": 1, "may_be_out": True, "is_unwanted": False,
        "is_gone": False, "is_returned": False, "round": 0, "reference": "", "code": "",
        "detail": "", "next_at": AT, "assigned_to": "", "version": 1,
    } | given  # fmt: skip
    return insert("settlement_settlement", **row)


SETTLED = {"state": "settled", "settled": D(100), "parts": 2, "next_at": None, "may_be_out": False}


def test_open_settlements_keep_the_units_that_splits_made(old_tenant: int) -> None:
    tenant = old_tenant
    expected = {
        old_settlement(tenant): (None, None, None),
        old_settlement(tenant, unit_factor=D(2)): (200, 0, None),
        # 40 settled in old units, then 2 for 1, then 10 more in new ones
        old_settlement(
            tenant, unit_factor=D(2), settled=D(50), parts=2, posted_units=D(60)
        ): (100, 100, 60),
        # a reverse split, 1 for 8, kept fractions as fractions
        old_settlement(tenant, unit_factor=D("0.125"), quantity=D(7)): (D("0.875"), 0, None),
        old_settlement(tenant, unit_factor=D("0.2"), pending=D(5)): (20, 0, None),
        old_settlement(tenant, unit_factor=D(3), posted_units=D(250), **SETTLED): (0, 300, 250),
        old_settlement(tenant, **SETTLED): (None, None, None),
        old_settlement(
            tenant, unit_factor=D(2), state="cancelled", settled=D(10), parts=1, next_at=None,
            is_gone=True,
        ): (180, 20, None),
    }  # fmt: skip
    back = next(iter(expected))
    of_it = old_settlement(
        tenant, kind="return", original_id=back, movement="deliver", quantity=D(10),
        unit_factor=D(2),
    )  # fmt: skip
    migrate("settlement", "0008_whole_units")
    found = dict(Settlement.objects.values_list("pk", "quantity"))
    assert len(found) == len(expected) + 1
    assert {
        pk: units
        for pk, *units in Settlement.objects.exclude(pk=of_it).values_list(
            "pk", "open_units", "done_units", "posted_units"
        )
    } == {pk: list(units) for pk, units in expected.items()}
    returned = Settlement.objects.get(pk=of_it)
    assert (returned.open_units, returned.done_units) == (20, 0)
