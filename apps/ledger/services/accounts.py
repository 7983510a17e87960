"""The chart of accounts: opened when first needed, and looked up by every batch.

Nothing is remembered between batches. A remembered number is wrong once the transaction that opened
the account is rolled back, or the database is restored under a running process; it would then book
on somebody else's account. The look-up is one query for a whole batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db import connection

from apps.core.money import SCALE_MAX, scale_of
from apps.ledger.exceptions import EntryRefused
from apps.ledger.journal import CLIENT_CODES, SECURITY_CODES, EntryDraft
from apps.ledger.models import Asset, LedgerAccount
from apps.ledger.services import arrays

AccountKey = tuple[int, str, UUID | None]
"""Tenant, code, owner."""
AssetKey = tuple[int, str]
"""Tenant, code."""

CURRENCY = Asset.Kind.CURRENCY.value
INSTRUMENT = Asset.Kind.INSTRUMENT.value

# LIMIT keeps the planner from reading the whole chart of accounts: it is one look-up per key.
FIND_ACCOUNTS = """
SELECT w.tenant, w.code, w.owner, a.id
FROM unnest(%s::int[], %s::text[], %s::uuid[]) AS w (tenant, code, owner)
CROSS JOIN LATERAL (
    SELECT o.id FROM ledger_ledgeraccount o
    WHERE o.tenant_id = w.tenant AND o.owner = w.owner AND o.code = w.code
    UNION ALL
    SELECT h.id FROM ledger_ledgeraccount h
    WHERE w.owner IS NULL AND h.tenant_id = w.tenant AND h.owner IS NULL AND h.code = w.code
    LIMIT 1
) AS a
"""
OPEN_ACCOUNTS = """
INSERT INTO ledger_ledgeraccount
    (tenant_id, code, owner, owner_number, kind, may_be_negative, may_be_positive)
SELECT t, c, o, n, k, true, true
FROM unnest(%s::int[], %s::text[], %s::uuid[], %s::text[], %s::text[]) AS u (t, c, o, n, k)
ON CONFLICT (tenant_id, owner, code) DO NOTHING
"""
CLOSE_ACCOUNTS = """
UPDATE ledger_ledgeraccount a SET closed_at = now()
FROM unnest(%s::int[], %s::uuid[]) AS u (tenant, owner)
WHERE a.tenant_id = u.tenant AND a.owner = u.owner AND a.closed_at IS NULL
"""
FIND_ASSETS = """
SELECT a.tenant_id, a.code, a.kind FROM ledger_asset a
JOIN unnest(%s::int[], %s::text[]) AS u (t, c) ON a.tenant_id = t AND a.code = c
"""
DECLARE_ASSETS = """
INSERT INTO ledger_asset (tenant_id, code, kind, scale)
SELECT * FROM unnest(%s::int[], %s::text[], %s::text[], %s::smallint[])
ON CONFLICT (tenant_id, code) DO NOTHING
"""


def open_client_accounts(owners: Iterable[tuple[int, UUID, str]]) -> None:
    """Open the accounts of clients (tenant, owner, number), as far as they are not open already."""
    account_ids(
        {(tenant, code, owner): number for tenant, owner, number in owners for code in CLIENT_CODES}
    )


def close_client_accounts(owners: Iterable[tuple[int, UUID]]) -> None:
    """The owners (tenant, owner) are closed: from now on nobody adjusts their accounts."""
    tenants, uids = zip(*owners, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(CLOSE_ACCOUNTS, [arrays.numbers(tenants), arrays.uuids(uids)])


def accounts_of(drafts: Sequence[EntryDraft]) -> Mapping[AccountKey, int]:
    """The ids of all accounts that these entries touch; new accounts and assets are opened.

    Raises EntryRefused where an asset is a currency in one place and an instrument in another.
    """
    accounts: dict[AccountKey, str] = {}
    assets: dict[AssetKey, str] = {}
    for draft in drafts:
        for leg in draft.legs:
            key = (draft.tenant, leg.code, leg.owner)
            if key not in accounts:
                accounts[key] = draft.owner_number if leg.owner == draft.owner else ""
            kind = INSTRUMENT if leg.code in SECURITY_CODES else CURRENCY
            if assets.setdefault((draft.tenant, leg.asset), kind) != kind:
                raise EntryRefused(rule="asset_is_of_one_kind", asset=leg.asset)
    _declare_assets(assets)
    return account_ids(accounts)


def account_ids(wanted: Mapping[AccountKey, str]) -> Mapping[AccountKey, int]:
    """The ids of these accounts (with their owners' numbers), opening those that are missing."""
    found = _find_accounts(list(wanted))
    if absent := [key for key in wanted if key not in found]:
        _open_accounts(absent, wanted)
        # Read again, not RETURNING: another process may have opened some of them meanwhile.
        found |= _find_accounts(absent)
    return found


def _find_accounts(keys: Sequence[AccountKey]) -> dict[AccountKey, int]:
    with connection.cursor() as cursor:
        cursor.execute(FIND_ACCOUNTS, _columns(keys))
        return {(tenant, code, owner): number for tenant, code, owner, number in cursor.fetchall()}


def _open_accounts(keys: Sequence[AccountKey], numbers: Mapping[AccountKey, str]) -> None:
    # In one order by everyone: two processes that open the same accounts wait, but never deadlock.
    ordered = sorted(keys, key=lambda key: (key[0], str(key[2] or ""), key[1]))
    kinds = LedgerAccount.Kind
    with connection.cursor() as cursor:
        cursor.execute(
            OPEN_ACCOUNTS,
            [
                *_columns(ordered),
                arrays.texts(numbers[key] for key in ordered),
                arrays.texts(kinds.CLIENT if key[2] else kinds.HOUSE for key in ordered),
            ],
        )


def _columns(keys: Sequence[AccountKey]) -> list[str]:
    tenants, codes, owners = zip(*keys, strict=True)
    return [arrays.numbers(tenants), arrays.texts(codes), arrays.uuids(owners)]


def _declare_assets(wanted: Mapping[AssetKey, str]) -> None:
    found = _find_assets(list(wanted))
    if absent := sorted(key for key in wanted if key not in found):
        rows = [
            (*key, wanted[key], scale_of(key[1]) if wanted[key] == CURRENCY else SCALE_MAX)
            for key in absent
        ]
        with connection.cursor() as cursor:
            cursor.execute(DECLARE_ASSETS, [list(column) for column in zip(*rows, strict=True)])
        found |= _find_assets(absent)
    for key, kind in wanted.items():
        if found[key] != kind:
            raise EntryRefused(rule="asset_is_of_one_kind", asset=key[1])


def _find_assets(keys: Sequence[AssetKey]) -> dict[AssetKey, str]:
    with connection.cursor() as cursor:
        cursor.execute(FIND_ASSETS, [list(column) for column in zip(*keys, strict=True)])
        return {(tenant, code): kind for tenant, code, kind in cursor.fetchall()}
