"""Secrets at rest: what we must be able to read again (a provider's key), and nobody in a backup.

Sealed with a key derived from SECRET_KEY (Fernet: AES-128-CBC and HMAC-SHA256). With a new
SECRET_KEY keep the old one in SECRET_KEY_FALLBACKS until everything has been sealed anew: reading
tries them in turn. Passwords and API keys are not sealed but hashed; nobody needs to read those.
"""

import base64
import hashlib
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

from apps.tenants.exceptions import Unsealable

_CONTEXT = b"lockstep.sealing.v1:"


def seal(text: str) -> str:
    """The text, readable only with this installation's secret key."""
    return _box(_keys()).encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """The text again. Raises `Unsealable` where the key it was sealed with is not known here."""
    try:
        return _box(_keys()).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unsealable from None


def _keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=8)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    digests = (hashlib.sha256(_CONTEXT + key.encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(one)) for one in digests])


class SealedTextField(models.TextField):  # type: ignore[type-arg] # not generic at run time
    """A text that stands sealed in its column, and is itself in Python.

    It cannot be searched for: sealing the same text twice gives two different columns.
    """

    def get_prep_value(self, value: Any) -> Any:
        """Seal on the way in; an empty text stays empty."""
        return seal(value) if value else value

    def from_db_value(self, value: Any, *_: Any) -> Any:
        """Unseal on the way out."""
        return unseal(value) if value else value
