"""Credentials of providers: from the environment, or encrypted in the database.

The key is made of SECRET_KEY: a copy of the database alone opens nothing.
"""

import base64
import hashlib
import os
from typing import TYPE_CHECKING

from django.conf import settings

from apps.nlu.exceptions import SecretUnreadable

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

PREFIX = "NLU_SECRET_"
"""No other variable of the environment can be named by a tenant's terms."""


def sealed(secret: str) -> str:
    """A secret as the database keeps it."""
    return _fernet().encrypt(secret.encode()).decode() if secret else ""


def opened(kept: str, variable: str) -> str:
    """The secret: of the environment where a variable is named, else what was kept.

    Raises `SecretUnreadable` where it was sealed with another SECRET_KEY.
    """
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - only where there are secrets

    if variable.startswith(PREFIX):
        return os.environ.get(variable, "")
    if not kept:
        return ""
    try:
        return _fernet().decrypt(kept.encode()).decode()
    except InvalidToken:
        raise SecretUnreadable from None


def _fernet() -> "Fernet":
    from cryptography.fernet import Fernet as Box  # noqa: PLC0415 - same

    digest = hashlib.blake2b(
        settings.SECRET_KEY.encode(), digest_size=32, person=b"nlu-secrets"
    ).digest()
    return Box(base64.urlsafe_b64encode(digest))
