"""The registry of providers, as the back office changes it."""

from django.db.models import F

from apps.nlu.models import Provider
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
