"""Credentials of providers: from the environment, or sealed in the database."""

import os

from apps.nlu.exceptions import SecretUnreadable
from apps.tenants.exceptions import Unsealable
from apps.tenants.sealing import seal, unseal

PREFIX = "NLU_SECRET_"
"""No other variable of the environment can be named by a tenant's terms."""


def sealed(secret: str) -> str:
    """A secret as the database keeps it."""
    return seal(secret) if secret else ""


def opened(kept: str, variable: str) -> str:
    """The secret: of the environment where a variable is named, else what was kept.

    Raises `SecretUnreadable` where it was sealed with a SECRET_KEY that is not known here. A column
    that unseals itself would raise with every question about providers; so one provider is left out.
    """
    if variable.startswith(PREFIX):
        return os.environ.get(variable, "")
    if not kept:
        return ""
    try:
        return unseal(kept)
    except Unsealable:
        raise SecretUnreadable from None
