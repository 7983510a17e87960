"""What settlement tells of positions is shown with them."""

from decimal import Decimal

from rest_framework.test import APIClient

from apps.tenants.models import Tenant
from apps.trading import selectors, services
from tests.trading.cast import ask, book, fold, list_instrument, open_account


def test_a_position_says_how_much_of_it_is_settled(tenant: Tenant, api: APIClient) -> None:
    account, instrument = open_account(tenant.pk), list_instrument(tenant.pk)
    book(tenant.pk, ask(quantity="100"))
    fold()
    place = (tenant.pk, account.pk, instrument.pk)
    assert settled(api) == "0"
    services.settle_units({place: Decimal(60)})
    selectors.forget()
    assert settled(api) == "60"
    services.settle_units({place: Decimal("-59.5")})
    selectors.forget()
    assert settled(api) == "0.5"
    assert selectors.settled_quantities(tenant.pk) == [
        (tenant.pk, account.pk, "XYZ", Decimal("0.5"))
    ]


def settled(api: APIClient) -> str:
    answer = api.get("/api/v1/accounts/ACC-1/positions/XYZ")
    assert answer.status_code == 200
    return str(answer.json()["settled_quantity"])
