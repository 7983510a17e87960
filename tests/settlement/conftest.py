"""Settlement's cast: one account, one instrument, one clearing house."""

import pytest

from apps.settlement.clearing.connections import ADAPTERS
from apps.tenants.models import Tenant
from tests.settlement.cast import Market
from tests.settlement.clearing import ClearingHouse
from tests.trading.cast import list_instrument, open_account


@pytest.fixture
def market(tenant: Tenant) -> Market:
    """ACC-1 and XYZ, which settles a business day after the trade date."""
    account = open_account(tenant.pk)
    return Market(tenant, account, list_instrument(tenant.pk))


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> ClearingHouse:
    """The clearing house behind the code `simulator`."""
    house = ClearingHouse()
    monkeypatch.setitem(ADAPTERS, "simulator", lambda _tenant: house)
    return house
