"""Settlement's cast: one account, one instrument."""

import pytest

from apps.tenants.models import Tenant
from tests.settlement.cast import Market
from tests.trading.cast import list_instrument, open_account


@pytest.fixture
def market(tenant: Tenant) -> Market:
    """ACC-1 and XYZ, which settles a business day after the trade date."""
    account = open_account(tenant.pk)
    return Market(tenant, account, list_instrument(tenant.pk))
