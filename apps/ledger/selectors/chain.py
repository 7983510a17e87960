"""The digests of what is booked, as it stands now."""

from typing import Final
from uuid import UUID

from django.db import connection

DIGESTS: Final = """
SELECT coalesce(string_agg(uuid_send(entry) || digest, ''::bytea ORDER BY entry), ''::bytea), count(*)
FROM ledger_digests(%s, %s)
"""


def digests_of(low: UUID, high: UUID) -> tuple[bytes, int]:
    """The digests of the entries of a range as they are now, by id; and how many they are."""
    with connection.cursor() as cursor:
        cursor.execute(DIGESTS, [low, high])
        digests, entries = cursor.fetchone()
    return bytes(digests), int(entries)


def archived_in(low: UUID, high: UUID) -> set[bytes]:
    """Entries of a range whose legs are in a file: the 16 bytes of their ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM ledger_archivedentry WHERE id > %s AND id <= %s", [low, high]
        )
        return {uid.bytes for (uid,) in cursor.fetchall()}
