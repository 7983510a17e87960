"""ISO 20022 files that came in: kept as notices, then put away; what is no message is put aside."""

from collections import Counter

import structlog
from django.conf import settings
from django.utils import timezone

from apps.settlement.clearing.connections import folders_of
from apps.settlement.clearing.iso20022.folders import Arrived, FileClearing
from apps.settlement.clearing.routing import ISO_20022
from apps.settlement.services.notices import receive_notices
from apps.tenants.selectors import tenant_ids

log = structlog.get_logger(__name__)


def exchange_files(tenant: int | None = None) -> Counter[str]:
    """Take what has come in for a tenant, or for all: how many were new, known and refused.

    A file is put away after its notice was kept. If we die in between it is read again, and known.
    """
    done: Counter[str] = Counter()
    if tenant is None and not settings.CLEARING_BY_FILES:
        return done
    for one in tenant_ids() if tenant is None else [tenant]:
        folders = folders_of(one)
        arrived = list(folders.arrived(timezone.now()))
        done += _take(one, folders, arrived)
    return done


def _take(tenant: int, folders: FileClearing, arrived: list[Arrived]) -> Counter[str]:
    notices = [one.notice for one in arrived if one.notice is not None]
    done: Counter[str] = Counter(refused=len(arrived) - len(notices))
    if notices:
        received = receive_notices(tenant, ISO_20022, notices)
        done += Counter(new=received.new, known=received.known)
    for one in arrived:
        if one.notice is None:
            log.warning("a clearing file was refused", tenant=tenant, reason=one.reason)
        folders.put_away(one)
    return done
