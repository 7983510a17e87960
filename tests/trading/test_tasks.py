"""The clock's work in trading."""

from datetime import timedelta

import pytest

from apps.tenants.models import Tenant
from apps.trading import services
from apps.trading.models import ClientAccount, Instrument
from apps.trading.services import keys
from tests.trading.cast import NOON, ask, book, count


@pytest.mark.parametrize("chunk", [2, 10_000])
def test_old_keys_are_forgotten_and_young_ones_kept(
    tenant: Tenant,
    account: ClientAccount,
    instrument: Instrument,
    chunk: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keys, "CHUNK", chunk)
    for number in range(5):
        book(tenant.pk, ask(idempotency_key=f"old-{number}"), now=NOON)
    late = NOON + keys.KEPT
    book(tenant.pk, ask(idempotency_key="young"), now=late)

    assert services.forget_old_keys(late + timedelta(seconds=1)) == 5
    assert count("trading_idempotencykey") == 1
    assert count("trading_trade") == 6
