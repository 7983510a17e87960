"""What migrations make of rows that were there before: in a transaction, which leaves nothing behind."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from apps.core.ids import uuid7
from apps.tenants.models import Tenant
from apps.trading.models import CashInLieuPrice, CorporateAction
from tests.ledger.cast import refused, sql
from tests.migrating import insert, migrate
from tests.trading.cast import list_instrument

D = Decimal
AT = datetime(2026, 3, 10, 14, tzinfo=UTC)
EX = date(2026, 4, 1)
PRICED: dict[str, Any] = {
    "cash_in_lieu_price": D("12.5"), "currency": "USD", "pay_date": date(2026, 4, 2), "pay_at": AT,
}  # fmt: skip
APPLIED: dict[str, Any] = {"state": "applied", "applied_at": AT}


@pytest.mark.django_db
def test_what_one_person_priced_waits_for_a_second_one() -> None:
    tenant = Tenant.objects.create(slug="old", name="Old")
    instrument = list_instrument(tenant.pk)
    migrate("trading", "0017_snapshots_are_proven_afterwards")

    def old_split(day: int, **given: Any) -> Any:
        row = {
            "id": uuid7(), "tenant_id": tenant.pk, "reference": f"S-{day}", "kind": "split",
            "instrument_id": instrument.pk, "ex_date": EX.replace(day=day), "effective_at": AT,
            "new_units": D(1), "old_units": D(3), "currency": "", "state": "announced",
            "problem": "", "accounts": 0, "announced_by": "user:1", "announced_at": AT,
            "withdrawn_by": "", "reason": "",
        } | given  # fmt: skip
        return insert("trading_corporateaction", **row)

    plain, priced = old_split(1), old_split(2, **PRICED)
    applied = old_split(1, reference="S-0", ex_date=date(2026, 3, 1), **PRICED, **APPLIED)
    dividend = old_split(
        3, kind="dividend", new_units=None, old_units=None, amount=D(1),
        **PRICED | {"cash_in_lieu_price": None, "pay_date": date(2026, 4, 3)},
    )  # fmt: skip
    migrate("trading", "0018_two_people_price")
    found = {
        row.pk: (row.cash_in_lieu_price, row.currency, row.pay_date)
        for row in CorporateAction.objects.all()
    }
    nothing = (None, "", None)
    assert found == {
        plain: nothing, priced: nothing, applied: (D("12.5"), "USD", date(2026, 4, 2)),
        dividend: (None, "USD", date(2026, 4, 3)),
    }  # fmt: skip
    waits = CashInLieuPrice.objects.get()
    assert (waits.action_id, waits.price, waits.pay_date) == (priced, D("12.5"), date(2026, 4, 2))
    assert (waits.state, waits.proposed_by, waits.proposed_at) == ("proposed", "user:1", AT)
    with refused("action_keeps_its_terms"):  # the guards are back
        sql("UPDATE trading_corporateaction SET new_units = 2")
