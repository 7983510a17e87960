"""Credentials of providers, sealed as all secrets are (apps/tenants/sealing.py)."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import migrations

from apps.tenants.exceptions import Unsealable
from apps.tenants.sealing import seal, unseal


def _former() -> Fernet:
    """The box that this app had of its own: keyed by SECRET_KEY alone, without fallbacks."""
    digest = hashlib.blake2b(
        settings.SECRET_KEY.encode(), digest_size=32, person=b"nlu-secrets"
    ).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


def _seal_anew(apps: Any, _editor: Any) -> None:
    _move(apps, lambda kept: seal(_former().decrypt(kept.encode()).decode()))


def _seal_as_before(apps: Any, _editor: Any) -> None:
    _move(apps, lambda kept: _former().encrypt(unseal(kept).encode()).decode())


def _move(apps: Any, moved: Callable[[str], str]) -> None:
    """What cannot be opened is left: it was of no use before, and the back office says so."""
    providers = apps.get_model("nlu", "Provider").objects
    for row in providers.exclude(secret="").select_for_update().only("pk", "secret"):
        try:
            secret = moved(row.secret)
        except (InvalidToken, Unsealable):
            continue
        providers.filter(pk=row.pk).update(secret=secret)


class Migration(migrations.Migration):
    """One sealing for all secrets."""

    dependencies = [("nlu", "0003_calls_by_age"), ("tenants", "0001_initial")]
    operations = [migrations.RunPython(_seal_anew, _seal_as_before)]
