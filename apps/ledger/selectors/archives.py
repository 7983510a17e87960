"""What is archived. A sum over postings that are in a file is refused, never answered without them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Never
from uuid import UUID

from django.db import connection

from apps.ledger.exceptions import MonthArchived
from apps.ledger.models import Archive

FOR_EVER: Final = datetime(9999, 12, 31, tzinfo=UTC)

# Months that are archived and have postings of a client, between two times (both inclusive).
# Parameters: tenant, owner, since, until.
OF_OWNER: Final = """
    ledger_archive z WHERE z.state = 'archived' AND z.starts_at <= {until} AND z.ends_at > {since}
    AND EXISTS (
        SELECT FROM ledger_ledgeraccount a JOIN ledger_archivedbalance b
            ON b.ledger_account_id = a.id AND b.closing IS NOT NULL AND b.month = z.month
        WHERE a.tenant_id = %(tenant)s AND a.owner = %(owner)s)"""
OF_TENANT: Final = """
SELECT z.month FROM ledger_archive z
WHERE z.state = 'archived' AND z.starts_at <= %(until)s AND z.ends_at > %(since)s AND EXISTS (
    SELECT FROM ledger_archivedbalance b JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
    WHERE b.month = z.month AND a.tenant_id = %(tenant)s)
ORDER BY 1 LIMIT 1
"""
OF_ONE: Final = f"SELECT z.month FROM {OF_OWNER.format(since='%(since)s', until='%(until)s')} ORDER BY 1 LIMIT 1"
MONTHS: Final = """
SELECT to_date(right(c.relname, 6), 'YYYYMM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'public.ledger_posting'::regclass AND c.relname ~ '^ledger_posting_[0-9]{6}$'
  AND to_date(right(c.relname, 6), 'YYYYMM') NOT IN (SELECT month FROM ledger_archive)
ORDER BY 1
"""
ABOUT: Final = """
SELECT coalesce((SELECT postings FROM ledger_archive WHERE month = %(month)s),
    (SELECT greatest(reltuples, 1)::bigint FROM pg_class
     WHERE oid = to_regclass('public.ledger_posting_' || to_char(%(month)s::date, 'YYYYMM'))), 1)
"""
OF_SOURCE: Final = """
SELECT booked_at FROM ledger_archivedentry WHERE tenant_id = %s AND source = %s
"""

OF_TIMES: Final = """
SELECT u.at, z.month FROM unnest(%s::timestamptz[]) AS u (at)
JOIN ledger_archive z ON z.state = 'archived' AND u.at >= z.starts_at AND u.at < z.ends_at
"""


def archives() -> Sequence[Archive]:
    """Every month that is or was archived, the oldest first."""
    return list(Archive.objects.order_by("month").defer("headers"))


def months_here() -> list[date]:
    """Months with postings in a table of their own that never were archived, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(MONTHS)
        months = [month for (month,) in cursor.fetchall()]
        found = []
        for month in months:
            cursor.execute(f"SELECT EXISTS (SELECT FROM ledger_posting_{month:%Y%m})")
            if cursor.fetchone()[0]:
                found.append(month)
    return found


def postings_of(month: date) -> int:
    """About how many postings a month has, here or in its file: for progress bars."""
    with connection.cursor() as cursor:
        cursor.execute(ABOUT, {"month": month})
        return int(cursor.fetchone()[0])


def refuse_archived(
    tenant: int, owner: UUID | None, since: datetime, until: datetime = FOR_EVER
) -> None:
    """Raise `MonthArchived` if postings of this time (by booking, both inclusive) are in a file.

    Of one client, or of anybody of the tenant.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            OF_TENANT if owner is None else OF_ONE,
            {"tenant": tenant, "owner": owner, "since": since, "until": until},
        )
        found = cursor.fetchone()
    if found is not None:
        refuse(found[0])


def refuse_archived_entry(tenant: int, source: str) -> None:
    """Raise `MonthArchived` if the legs of this source's entry are in a file."""
    with connection.cursor() as cursor:
        cursor.execute(OF_SOURCE, [tenant, source])
        found = cursor.fetchone()
    if found is not None:
        refuse(found[0])


def archived_months(times: Iterable[datetime]) -> dict[datetime, str]:
    """Of times of booking, those whose month is in a file, with its name ("2026-03")."""
    wanted = list(times)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(OF_TIMES, [wanted])
        return {at: f"{month:%Y-%m}" for at, month in cursor.fetchall()}


def how_to_restore(month: str) -> str:
    """What brings an archived month back."""
    return f"manage.py restore_ledger {month}"


def refuse(month: Any) -> Never:
    """Say which month is archived, and what to do."""
    name = f"{month:%Y-%m}"
    raise MonthArchived(month=name, restore=how_to_restore(name))
