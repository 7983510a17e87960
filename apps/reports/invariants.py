"""What must hold of files; `manage.py verify` asks."""

import hashlib
import zlib
from typing import Final

from django.core.exceptions import ObjectDoesNotExist

from apps.events.invariants import FAILURES_SHOWN, Check, Invariant, check_by_query
from apps.reports.models import FileState, ReportFile
from apps.reports.selectors import content_of


def files_are_what_was_made(tenant_id: int | None) -> Check:
    """Every file that is there has its checksum: its bytes are those that were told of."""
    found = ReportFile.objects.filter(state=FileState.READY)
    if tenant_id is not None:
        found = found.for_tenant(tenant_id)
    checked = 0
    failures: list[str] = []
    for file in found.order_by("pk").iterator(chunk_size=200):
        checked += 1
        if (fault := _fault(file)) and len(failures) < FAILURES_SHOWN:
            failures.append(f"file {file.pk} ({file}): {fault}")
    return Check("reports: files are what was made", not failures, checked, failures)


def _fault(file: ReportFile) -> str:
    digest = hashlib.sha256()
    try:
        for part in content_of(file):
            digest.update(part)
    except ObjectDoesNotExist:
        return "a part is missing"
    except zlib.error as error:
        return f"a part cannot be read: {error}"
    return "" if digest.hexdigest() == file.sha256 else "its bytes have another checksum"


def files_are_told(tenant_id: int | None) -> Check:
    """Every file that was made is a fact in the log, with the same checksum; as far as it is kept."""
    scope = (
        "f.state IN ('ready', 'expired') AND (%(tenant)s::int IS NULL OR f.tenant_id = %(tenant)s)"
    )
    return check_by_query(
        "reports: files are told of",
        count=f"SELECT count(*) FROM reports_reportfile f WHERE {scope}",
        faults=f"""
            SELECT 'file ' || f.id || ' is in no event' FROM reports_reportfile f
            WHERE {scope} AND NOT EXISTS (
                SELECT FROM events_event e
                WHERE e.key = f.schedule_id::text AND e.topic = 'analytics'
                  AND e.name = 'reports.file.ready' AND e.data ->> 'file_id' = f.id::text
                  AND e.data ->> 'sha256' = f.sha256)
              AND NOT EXISTS (
                SELECT FROM events_partition p WHERE p.topic = 'analytics' AND p.floor > 0)""",
        params={"tenant": tenant_id},
    )


INVARIANTS: Final[list[Invariant]] = [files_are_what_was_made, files_are_told]
