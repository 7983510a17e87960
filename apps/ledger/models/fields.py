"""Amounts in the ledger's tables."""

from typing import Any

from django.core.checks import CheckMessage
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ExactField(models.DecimalField):  # type: ignore[type-arg] # fields are generic in stubs only
    """A NUMERIC without precision or scale, which PostgreSQL stores as it is given."""

    def __init__(self, **options: Any) -> None:
        """Digits are the database's business: constraints refuse, nothing rounds."""
        super().__init__(**{**options, "max_digits": None, "decimal_places": None})

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """The column's type."""
        return "numeric"

    def check(self, **options: Any) -> list[CheckMessage]:
        """Without the two checks that ask for digits."""
        asked_for = {"fields.E130", "fields.E132"}
        return [found for found in super().check(**options) if found.id not in asked_for]
