"""Who writes to the tenant."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from apps.conversations.exceptions import UnknownCustomer
from apps.conversations.models import Customer


class CustomerView(msgspec.Struct, frozen=True, gc=False):
    """A customer."""

    id: UUID
    external_id: str
    name: str
    language: str
    created_at: datetime
    erased_at: datetime | None


_COLUMNS: Final = CustomerView.__struct_fields__


def customer_of(tenant: int, customer: UUID) -> CustomerView:
    """The customer of this id. Raises `UnknownCustomer`."""
    row = Customer.objects.for_tenant(tenant).filter(pk=customer).values_list(*_COLUMNS).first()
    if row is None:
        raise UnknownCustomer(customer=str(customer))
    return CustomerView(*row)


def find_customer(tenant: int, external_id: str) -> CustomerView:
    """The customer of this name in the tenant's own system. Raises `UnknownCustomer`."""
    rows = Customer.objects.for_tenant(tenant).filter(external_id=external_id)
    row = rows.values_list(*_COLUMNS).first()
    if row is None:
        raise UnknownCustomer(customer=external_id)
    return CustomerView(*row)
