"""Who owns ledger accounts.

The ledger learns of a client account from the log (AccountOpened), a moment after it was opened.
Until its handler has taken that fact, it is read where it stands: in the log, which was written in
the same transaction as the account. So nobody is told "unknown" of an account that exists.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from apps.core.money import CURRENCIES
from apps.events.contracts import contract_of
from apps.ledger.exceptions import UnknownOwner
from apps.ledger.models import Asset, LedgerAccount
from apps.trading.events import AccountOpened

HANDLER = "ledger.book_trades"
OPENED = contract_of(AccountOpened)

# By id: the first fact of its key. By number: in what the handler has not taken yet.
OPENED_BY_ID = """
SELECT data->>'account_id', data->>'number' FROM events_event
WHERE key = %s AND topic = %s AND name = %s AND tenant_id = %s ORDER BY "offset" LIMIT 1
"""
OPENED_BY_NUMBER = """
SELECT e.data->>'account_id', e.data->>'number'
FROM events_cursor c
JOIN events_event e ON e.topic = c.topic AND e.partition = c.partition AND e."offset" > c."offset"
WHERE c.handler = %s AND c.topic = %s AND e.name = %s AND e.tenant_id = %s
  AND e.data->>'number' = %s
LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """A client account, as the ledger knows it."""

    id: UUID
    number: str


def owner_of(tenant: int, name: str) -> Owner:
    """The client account of this id or number. Raises UnknownOwner."""
    accounts = LedgerAccount.objects.for_tenant(tenant).filter(owner__isnull=False)
    uid = _uuid(name)
    found = None
    if uid is not None:
        found = accounts.filter(owner=uid).values_list("owner", "owner_number").first()
    if found is None:
        found = accounts.filter(owner_number=name).values_list("owner", "owner_number").first()
    if found is None:
        return _from_the_log(tenant, name, uid)
    owner, number = found
    assert owner is not None  # the filter says so
    return Owner(owner, number)


def _from_the_log(tenant: int, name: str, uid: UUID | None) -> Owner:
    with connection.cursor() as cursor:
        cursor.execute(OPENED_BY_NUMBER, [HANDLER, OPENED.topic, OPENED.name, tenant, name])
        found = cursor.fetchone()
        if found is None and uid is not None:
            cursor.execute(OPENED_BY_ID, [str(uid), OPENED.topic, OPENED.name, tenant])
            found = cursor.fetchone()
    if found is None:
        raise UnknownOwner(account=name)
    return Owner(UUID(found[0]), found[1])


def closed_owners(tenant: int, owners: Collection[UUID]) -> set[UUID]:
    """Those of these client accounts that are closed."""
    found = LedgerAccount.objects.for_tenant(tenant).filter(
        owner__in=list(owners), closed_at__isnull=False
    )
    return {owner for owner in found.values_list("owner", flat=True) if owner is not None}


def asset_kinds(tenant: int, codes: Collection[str]) -> dict[str, str]:
    """What these assets are (`currency` or `instrument`), as far as they were ever booked."""
    found = Asset.objects.for_tenant(tenant).filter(code__in=list(codes))
    return dict(found.values_list("code", "kind"))


def is_currency(tenant: int, code: str) -> bool:
    """Whether this is money: a known currency, or one that this tenant has booked before."""
    return code in CURRENCIES or (
        Asset.objects.for_tenant(tenant).filter(code=code, kind=Asset.Kind.CURRENCY).exists()
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
