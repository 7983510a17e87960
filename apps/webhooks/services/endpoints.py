"""Make, change and remove endpoints; send a delivery again."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.events.contracts import TOPICS
from apps.events.selectors import heads
from apps.tenants.models import Tenant
from apps.webhooks import addresses, signing
from apps.webhooks.exceptions import (
    DeliveryNotFound,
    EndpointNotFound,
    NotOver,
    PatternRefused,
    TooManyEndpoints,
)
from apps.webhooks.models import Cursor, Delivery, Endpoint

ENDPOINTS_MAX: Final = 50
PATTERNS_MAX: Final = 50
KEPT: Final = timedelta(days=30)
"""How long deliveries that are over can be looked at."""
_PATTERN = re.compile(r"\*|[a-z0-9_-]+(\.[a-z0-9_-]+)*(\.\*)?")


def add_endpoint(
    tenant: Tenant, *, url: str, patterns: Sequence[str], description: str = ""
) -> Endpoint:
    """Tell an address of events from now on; its secret is shown once, by the caller.

    Raises `AddressRefused`, `PatternRefused`, `TooManyEndpoints`.
    """
    url, patterns = addresses.check(url), _checked(patterns)
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=tenant.pk)  # two at once count each other
        if Endpoint.objects.for_tenant(tenant).count() >= ENDPOINTS_MAX:
            raise TooManyEndpoints(limit=ENDPOINTS_MAX)
        endpoint = Endpoint.objects.create(
            tenant=tenant,
            url=url,
            patterns=list(patterns),
            description=description,
            secret=signing.new_secret(),
        )
        _begin_now(endpoint)
    return endpoint


def change_endpoint(
    tenant: Tenant,
    uid: UUID,
    *,
    url: str | None = None,
    patterns: Sequence[str] | None = None,
    description: str | None = None,
    state: str | None = None,
) -> Endpoint:
    """Change what is given. One that was gone and is made active reads on from now.

    Raises `EndpointNotFound`, `AddressRefused`, `PatternRefused`.
    """
    with transaction.atomic():
        endpoint = _locked(tenant, uid)
        if url is not None:
            endpoint.url = addresses.check(url)
        if patterns is not None:
            endpoint.patterns = list(_checked(patterns))
        if description is not None:
            endpoint.description = description
        if state is not None and state != endpoint.state:
            if endpoint.state == Endpoint.State.GONE:
                _begin_now(endpoint)
            endpoint.state, endpoint.failures = state, 0
        endpoint.save()
    return endpoint


def renew_secret(tenant: Tenant, uid: UUID) -> Endpoint:
    """A new secret; the former one signs beside it until the next renewal. Raises `EndpointNotFound`."""
    with transaction.atomic():
        endpoint = _locked(tenant, uid)
        endpoint.former_secret, endpoint.secret = endpoint.secret, signing.new_secret()
        endpoint.save(update_fields=["secret", "former_secret"])
    return endpoint


def remove_endpoint(tenant: Tenant, uid: UUID) -> None:
    """Forget an endpoint and its deliveries. Raises `EndpointNotFound`."""
    with transaction.atomic():
        _locked(tenant, uid).delete()


def send_again(tenant: Tenant, endpoint: UUID, uid: UUID) -> Delivery:
    """Try a delivery that is over once more. Raises `DeliveryNotFound`, `NotOver`."""
    with transaction.atomic():
        rows = Delivery.objects.for_tenant(tenant).select_for_update()
        found = rows.filter(endpoint_id=endpoint, pk=uid).first()
        if found is None:
            raise DeliveryNotFound(id=str(uid))
        if found.state == Delivery.State.PENDING:
            raise NotOver(id=str(uid))
        found.state, found.attempts, found.ended_at = Delivery.State.PENDING, 0, None
        found.next_at = timezone.now()
        found.save(update_fields=["state", "attempts", "ended_at", "next_at"])
    return found


def forget_deliveries(now: datetime) -> int:
    """Remove deliveries that have been over for long; how many there were."""
    return Delivery.objects.filter(ended_at__lt=now - KEPT).delete()[0]


def _locked(tenant: Tenant, uid: UUID) -> Endpoint:
    found = Endpoint.objects.for_tenant(tenant).select_for_update().filter(pk=uid).first()
    if found is None:
        raise EndpointNotFound(id=str(uid))
    return found


def _begin_now(endpoint: Endpoint) -> None:
    """Put its cursors where the log ends, in every topic: patterns may be changed later."""
    Cursor.objects.bulk_create(
        [
            Cursor(endpoint=endpoint, topic=topic, partition=number, offset=offset)
            for (topic, number), offset in heads(TOPICS).items()
        ],
        update_conflicts=True,
        unique_fields=["endpoint_id", "topic", "partition"],
        update_fields=["offset"],
    )


def _checked(patterns: Sequence[str]) -> Sequence[str]:
    bad = [one for one in patterns if not _PATTERN.fullmatch(one)]
    if bad or not 1 <= len(patterns) <= PATTERNS_MAX:
        raise PatternRefused(patterns=bad)
    return sorted(set(patterns))
