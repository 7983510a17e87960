"""Months of postings that were taken out of the database, and what stays of them."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from apps.ledger.models.fields import ExactField
from apps.ledger.models.journal import LedgerAccount


class Archive(models.Model):
    """A month whose postings are, or once were, in a file. What it says of the file is the truth."""

    class State(models.TextChoices):
        """Where the month's postings are."""

        ARCHIVED = "archived"
        RESTORED = "restored"

    month = models.DateField(primary_key=True, help_text="Its first day (UTC).")
    starts_at = models.DateTimeField(help_text="Postings from this time of booking on,")
    ends_at = models.DateTimeField(help_text="and before this one.")
    state = models.CharField(max_length=8, choices=State)
    file = models.TextField(help_text="Name of the compressed file in the folder of archives.")
    bytes = models.BigIntegerField(help_text="Size of the file.")
    sha256 = models.TextField(help_text="Of the file.")
    rows_sha256 = models.TextField(help_text="Of the rows in it, as PostgreSQL's COPY writes them.")
    postings = models.BigIntegerField()
    entries = models.BigIntegerField()
    first_block = models.BigIntegerField(help_text="The first sealed block that has entries of it,")
    last_block = models.BigIntegerField(help_text="and the last one.")
    headers = models.BinaryField(
        help_text="SHA-256 of the month's headers in each of these blocks, one after another."
    )
    changed_at = models.DateTimeField()
    changed_by = models.TextField(help_text="Who archived or restored it last.")

    class Meta:
        ordering = ("month",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state__in=["archived", "restored"]), name="archive_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at"), postings__gte=2, entries__gte=1),
                name="archive_is_of_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.state}"

    def facts(self) -> dict[str, Any]:
        """What the manifest beside the file says, too."""
        return {
            "month": f"{self.month:%Y-%m}",
            "file": self.file,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "rows_sha256": self.rows_sha256,
            "postings": self.postings,
            "entries": self.entries,
            "first_block": self.first_block,
            "last_block": self.last_block,
            "headers": bytes(self.headers).hex(),
        }


class ArchivedBalance(models.Model):
    """What the postings of an archived month did to a balance, and where they left it.

    Of the house's accounts by log partition and by whose entries they were; those have no closing
    balance, as they have no marks.
    """

    id = models.BigAutoField(primary_key=True)
    month = models.DateField()
    ledger_account = models.ForeignKey(
        LedgerAccount,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    asset = models.TextField(db_collation="C")
    partition = models.SmallIntegerField()
    owner = models.UUIDField(null=True, help_text="House: the client whose entries they were.")
    of_trades = models.BooleanField(
        help_text="House: entries of trades and of cash in lieu, and their reversals."
    )
    amount = ExactField(help_text="The sum of the month's postings.")
    postings = models.BigIntegerField(help_text="Their number.")
    moved_at = models.DateTimeField(help_text="When the month moved it last.")
    closing = ExactField(
        null=True, help_text="The balance from then to the month's end; house: null."
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["month", "ledger_account", "asset", "partition", "owner", "of_trades"],
                nulls_distinct=False,
                name="balance_is_archived_once",
            ),
            models.UniqueConstraint(
                fields=["ledger_account", "asset", "moved_at"],
                condition=Q(closing__isnull=False),
                name="month_closes_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.asset} on {self.ledger_account_id} in {self.month:%Y-%m}"
