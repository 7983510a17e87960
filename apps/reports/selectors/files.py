"""Questions about schedules and the files that were made of them."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from apps.reports.exceptions import FileNotThere, UnknownFile, UnknownSchedule
from apps.reports.models import FilePart, FileState, ReportFile, Schedule


def schedules(
    tenant: int, *, after: str | None = None, limit: int, **filters: Any
) -> Sequence[Schedule]:
    """A tenant's schedules by name, those after a name."""
    found = Schedule.objects.for_tenant(tenant).filter(**filters)
    if after is not None:
        found = found.filter(name__gt=after)
    return list(found.order_by("name")[:limit])


def schedule_of(tenant: int, uid: UUID) -> Schedule:
    """One schedule. Raises `UnknownSchedule`."""
    found = Schedule.objects.for_tenant(tenant).filter(pk=uid).first()
    if found is None:
        raise UnknownSchedule(schedule=str(uid))
    return found


def files(
    tenant: int, *, before: UUID | None = None, limit: int, **filters: Any
) -> Sequence[ReportFile]:
    """A tenant's files with their schedules, the newest first, those before an id."""
    found = ReportFile.objects.for_tenant(tenant).filter(**filters).select_related("schedule")
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(found.order_by("-pk")[:limit])


def file_of(tenant: int, uid: UUID) -> ReportFile:
    """One file. Raises `UnknownFile`."""
    found = ReportFile.objects.for_tenant(tenant).filter(pk=uid).select_related("schedule").first()
    if found is None:
        raise UnknownFile(file=str(uid))
    return found


def content_of(file: ReportFile) -> Iterator[bytes]:
    """The bytes of a file, part by part. Raises `FileNotThere` at once."""
    if file.state != FileState.READY:
        raise FileNotThere(file=str(file.pk), state=file.state)
    return _content(file)


def _content(file: ReportFile) -> Iterator[bytes]:
    unpack = zlib.decompressobj()
    parts = FilePart.objects.for_tenant(file.tenant_id).filter(file=file)
    for number in range(file.parts):
        packed = parts.filter(number=number).values_list("content", flat=True).get()
        yield unpack.decompress(packed)
    yield unpack.flush()
