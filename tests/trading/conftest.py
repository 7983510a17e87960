"""Fixtures of trading's tests."""

import pytest

from apps.tenants.models import Tenant
from apps.trading.models import ClientAccount, Instrument
from tests.trading import cast


@pytest.fixture
def account(tenant: Tenant) -> ClientAccount:
    """ACC-1 of the tenant."""
    return cast.open_account(tenant.pk)


@pytest.fixture
def instrument(tenant: Tenant) -> Instrument:
    """XYZ of the tenant."""
    return cast.list_instrument(tenant.pk)
