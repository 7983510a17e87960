"""Sealed blocks of the journal."""

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Block(models.Model):
    """Entries of a range of ids, sealed: their digests, chained to the block before. Append-only."""

    number = models.BigIntegerField(primary_key=True)
    low = models.UUIDField(help_text="Entries after this id.")
    high = models.UUIDField(unique=True, help_text="Up to this one.")
    entries = models.IntegerField()
    digests = models.BinaryField(help_text="Of each entry, by id: 16 bytes id, 16 bytes digest.")
    previous = models.BinaryField(help_text="The hash of the block before.")
    hash = models.BinaryField(help_text="SHA-256 of `previous` and `digests`.")
    sealed_at = models.DateTimeField()

    class Meta:
        ordering = ("number",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(number__gte=1, entries__gte=1), name="block_is_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"block {self.number}: {self.entries} entries"
