"""The registry of providers, and how they are used, as people change it."""

from collections.abc import Mapping
from typing import Any

from django.db.models import F

from apps.events.services import unit_of_work
from apps.nlu.models import Provider, Usage
from apps.nlu.services import secrets, terms


def keep_secret(provider: Provider, secret: str) -> None:
    """Seal a provider's credentials; an empty text takes them away."""
    Provider.objects.filter(pk=provider.pk).update(
        secret=secrets.sealed(secret), version=F("version") + 1
    )
    terms.forget(provider.tenant_id)


def provider_changed(provider: Provider) -> None:
    """After a change of its terms: what was answered under the old ones is not believed any more."""
    Provider.objects.filter(pk=provider.pk).update(version=F("version") + 1)
    terms.forget(provider.tenant_id)


def change_usage(tenant: int, changes: Mapping[str, Any]) -> Usage:
    """Change how a tenant's providers are used; what `changes` does not name stays as it is."""
    with unit_of_work() as work:
        row, _ = Usage.objects.select_for_update().update_or_create(
            tenant_id=tenant, defaults=dict(changes)
        )
        work.after_commit(lambda: terms.forget(tenant))
    return row
