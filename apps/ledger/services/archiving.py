"""Take months of postings out into files, put them back, and prove that they are what was sealed.

The file is complete on the disk before one transaction detaches the month. So a run that is killed
leaves the month where it was, or archived, and nothing between; run again, it goes on. A month comes
back only if its rows give the digests that were sealed when they were booked.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
from django.db import DatabaseError, OperationalError, connection
from django.utils import timezone

from apps.events.services import UnitOfWork, unit_of_work
from apps.ledger.archives import Month
from apps.ledger.chain import by_entry, first_difference
from apps.ledger.events import MonthPutBack, MonthTakenOut
from apps.ledger.exceptions import (
    ArchiveBusy,
    ArchiveDiffers,
    EarlierMonthFirst,
    LedgerBusy,
    MonthIsOpen,
    NotArchived,
    NothingToArchive,
)
from apps.ledger.models import Archive, Block
from apps.ledger.services import archive_files
from apps.ledger.services.archive_files import Progress, Written

LOCK: Final = 0xA2C417E
SETTLED_AFTER: Final = timedelta(days=1)
"""How long after its end a month stays open: nothing that is booked takes longer."""
COLUMNS: Final = "entry_id, leg, ledger_account_id, asset, amount, booked_at, tenant_id"
# Tables of earlier months that never were archived.
EARLIER: Final = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'public.ledger_posting'::regclass AND c.relname ~ '^ledger_posting_[0-9]{6}$'
  AND c.relname < %s AND c.relname NOT IN (
    SELECT 'ledger_posting_' || to_char(month, 'YYYYMM') FROM ledger_archive)
ORDER BY 1
"""
HEADERS: Final = """
SELECT coalesce(string_agg(hash, ''::bytea ORDER BY block), ''::bytea)
FROM ledger_header_hashes(%s, %s, %s, %s)
"""
TENANTS: Final = """
SELECT DISTINCT a.tenant_id FROM ledger_archivedbalance b
JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id WHERE b.month = %s ORDER BY 1
"""


def quietly(_stage: str, _postings: int) -> None:
    """Nobody watches."""


def archive_month(
    month: Month, *, folder: Path, by: str, tell: Progress = quietly, now: datetime | None = None
) -> Archive:
    """Take a month's postings out of the database into a file; archived already, nothing happens.

    Raises `MonthIsOpen`, `EarlierMonthFirst`, `NothingToArchive`, `ArchiveDiffers` (a posting is not
    as it was sealed), `ArchiveNotWritten`, `ArchiveBusy`, `LedgerBusy`.
    """
    with _alone(), _in_our_words():
        known = Archive.objects.filter(pk=month.first).first()
        if known is not None and known.state == Archive.State.ARCHIVED:
            return known
        _check_ripe(month, now or timezone.now())
        tell("proving", 0)
        first, last = _prove(month, month.table)
        written = archive_files.write_rows(folder, month.file, _exported(month), tell)
        row = _row(month, written, first, last, by)
        archive_files.write_manifest(folder, month, row.facts())
        tell("taking out", 0)
        with unit_of_work() as work:
            _take_out(work, row, month)
    return row


def restore_month(month: Month, *, folder: Path, by: str, tell: Progress = quietly) -> Archive:
    """Put an archived month's postings back, exactly as they were sealed; it stays closed.

    Raises `NotArchived`, `ArchiveMissing`, `ArchiveDiffers`, `ArchiveBusy`, `LedgerBusy`.
    """
    with _alone(), _in_our_words():
        row = _archived(month)
        archive_files.read_manifest(folder, month, row.facts())
        with unit_of_work() as work, connection.cursor() as cursor:
            _begin(cursor)
            tenants = _tenants(month)
            cursor.execute("SELECT ledger_make_room(%s)", [month.first])
            _load(cursor, month.table, folder / month.file, row, tell)
            tell("proving", 0)
            _prove(month, month.table)
            cursor.execute("SELECT ledger_put_back(%s)", [month.first])
            row.state, row.changed_at, row.changed_by = Archive.State.RESTORED, timezone.now(), by
            row.save(update_fields=["state", "changed_at", "changed_by"])
            fact = MonthPutBack(month=month.first, sha256=row.sha256, by=by)
            for tenant in tenants:
                work.publish(fact, tenant=tenant, key="ledger-chain")
    return row


def verify_archive(month: Month, *, folder: Path, tell: Progress = quietly) -> Archive:
    """Read an archived month's file and hold every entry in it against its sealed block.

    Raises `NotArchived`, `ArchiveMissing`, `ArchiveDiffers` (with the first entry that differs).
    """
    row = _archived(month)
    archive_files.read_manifest(folder, month, row.facts())
    with unit_of_work(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE archive_to_verify (LIKE public.ledger_posting"
            " INCLUDING CONSTRAINTS INCLUDING INDEXES) ON COMMIT DROP"
        )
        _load(cursor, "archive_to_verify", folder / month.file, row, tell)
        tell("proving", 0)
        _prove(month, "archive_to_verify")
    return row


@contextmanager
def _alone() -> Iterator[None]:
    """Nobody else archives or restores meanwhile. Raises `ArchiveBusy`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise ArchiveBusy
    try:
        yield
    finally:
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if "lock timeout" not in str(error):
            raise
        raise LedgerBusy from error


def _check_ripe(month: Month, now: datetime) -> None:
    if month.ends_at + SETTLED_AFTER > now:
        raise MonthIsOpen(month=str(month))
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.' || %s) IS NOT NULL", [month.table])
        if not cursor.fetchone()[0] or not _has_postings(month.table, month):
            raise NothingToArchive(month=str(month))
        cursor.execute(EARLIER, [month.table])
        tables = [name for (name,) in cursor.fetchall()]
    for table in [*tables, "ledger_posting_default"]:
        if _has_postings(table, month):
            raise EarlierMonthFirst(month=str(month), earlier=table)


def _has_postings(table: str, month: Month) -> bool:
    """Whether a table has postings of before the end of a month."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {table} WHERE booked_at < %s)", [month.ends_at])
        return bool(cursor.fetchone()[0])


def _prove(month: Month, table: str) -> tuple[int, int]:
    """Hold every entry of a table of postings against its block; the first and the last block.

    Raises `MonthIsOpen` where an entry is not sealed yet, `ArchiveDiffers` where one is not as sealed.
    """
    blocks = _blocks_of(month, table)
    proven = 0
    for block in blocks:
        found = _digests(table, block)
        sealed = {uid: one for uid, one in by_entry(bytes(block.digests)).items() if uid in found}
        if sealed != found:
            different = first_difference(_joined(sealed), _joined(found))
            raise ArchiveDiffers(
                month=str(month), block=block.number, entry=" ".join(map(str, different or ()))
            )
        proven += len(found)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (SELECT count(*) FROM {table} WHERE leg = 1), (SELECT count(*) FROM"
            " ledger_journalentry WHERE booked_at >= %s AND booked_at < %s)",
            [month.starts_at, month.ends_at],
        )
        here, booked = cursor.fetchone()
    if not proven == here == booked:
        raise ArchiveDiffers(month=str(month), entries=here, proven=proven, booked=booked)
    return blocks[0].number, blocks[-1].number


def _blocks_of(month: Month, table: str) -> list[Block]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT (SELECT entry_id FROM {table} ORDER BY entry_id LIMIT 1),
                       (SELECT entry_id FROM {table} ORDER BY entry_id DESC LIMIT 1)"""
        )
        lowest, highest = cursor.fetchone()
    blocks = list(Block.objects.filter(high__gte=lowest, low__lt=highest).order_by("number"))
    if not blocks or blocks[-1].high < highest:
        raise MonthIsOpen("Its last entries are not sealed yet.", month=str(month))
    return blocks


def _joined(digests: Mapping[bytes, bytes]) -> bytes:
    return b"".join(uid + digest for uid, digest in sorted(digests.items()))


def _digests(table: str, block: Block) -> dict[bytes, bytes]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT entry, digest FROM ledger_digests_from(%s::regclass, %s, %s)",
            [table, block.low, block.high],
        )
        return {uid.bytes: bytes(digest) for uid, digest in cursor.fetchall()}


def _exported(month: Month) -> Iterator[bytes]:
    """The month's rows as they are kept in a file."""
    query = f"COPY (SELECT {COLUMNS} FROM {month.table} ORDER BY entry_id, leg) TO STDOUT"
    with connection.cursor() as cursor, cursor.copy(query) as stream:
        for chunk in stream:
            yield bytes(chunk)


def _load(cursor: Any, table: str, file: Path, row: Archive, tell: Progress) -> None:
    """Fill a table from a file. Raises `ArchiveMissing`, `ArchiveDiffers`."""
    expected = Written(row.bytes, row.sha256, row.rows_sha256, row.postings)
    try:
        with cursor.copy(f"COPY {table} ({COLUMNS}) FROM STDIN") as stream:
            for chunk in archive_files.read_rows(file, expected):
                stream.write(chunk)
                tell("loading", chunk.count(b"\n"))
    except psycopg.Error as error:  # a COPY's errors are the driver's own
        raise ArchiveDiffers(file=file.name, reason=str(error).splitlines()[0]) from error


def _row(month: Month, written: Written, first: int, last: int, by: str) -> Archive:
    with connection.cursor() as cursor:
        cursor.execute(HEADERS, [first, last, month.starts_at, month.ends_at])
        (headers,) = cursor.fetchone()
        cursor.execute(f"SELECT count(*) FROM {month.table} WHERE leg = 1")
        (entries,) = cursor.fetchone()
    return Archive(
        month=month.first,
        starts_at=month.starts_at,
        ends_at=month.ends_at,
        state=Archive.State.ARCHIVED,
        file=month.file,
        bytes=written.bytes,
        sha256=written.sha256,
        rows_sha256=written.rows_sha256,
        postings=written.rows,
        entries=entries,
        first_block=first,
        last_block=last,
        headers=bytes(headers),
        changed_at=timezone.now(),
        changed_by=by,
    )


def _take_out(work: UnitOfWork, row: Archive, month: Month) -> None:
    with connection.cursor() as cursor:
        _begin(cursor)
        cursor.execute("SELECT ledger_take_out(%s, %s)", [month.first, row.postings])
    row.save()
    fact = MonthTakenOut(
        month=month.first,
        file=row.file,
        sha256=row.sha256,
        rows_sha256=row.rows_sha256,
        postings=row.postings,
        entries=row.entries,
        by=row.changed_by,
    )
    for tenant in _tenants(month):
        work.publish(fact, tenant=tenant, key="ledger-chain")


def _begin(cursor: Any) -> None:
    cursor.execute("SET LOCAL lockstep.archiving = 'on'")


def _tenants(month: Month) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(TENANTS, [month.first])
        return [tenant for (tenant,) in cursor.fetchall()]


def _archived(month: Month) -> Archive:
    row = Archive.objects.filter(pk=month.first, state=Archive.State.ARCHIVED).first()
    if row is None:
        raise NotArchived(month=str(month))
    return row
