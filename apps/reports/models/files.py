"""Files: one for each period of a schedule, kept compressed in parts, with the checksum of its bytes."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.reports.models.schedules import Schedule
from apps.tenants.models import Tenant, TenantQuerySet


class FileState(models.TextChoices):
    """Where a file stands."""

    MAKING = "making"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired", "expired (kept as long as its schedule says)"


class ReportFile(models.Model):
    """The file of a period. Its row says what was asked and what came of it, also when it is gone."""

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    schedule = models.ForeignKey(
        Schedule, on_delete=models.PROTECT, related_name="files", db_index=False
    )
    report = models.TextField()
    parameters = models.JSONField(help_text="As it was asked: the same gives the same again.")
    period_start = models.DateTimeField()
    period_end = models.DateTimeField(help_text="Exclusive.")
    state = models.CharField(max_length=7, choices=FileState)
    claim = models.UUIDField(help_text="Of whoever makes it; a later one takes the work away.")
    claimed_at = models.DateTimeField()
    attempts = models.SmallIntegerField()
    retry_at = models.DateTimeField(null=True, help_text="When it is tried again.")
    error = models.TextField(default="", blank=True)
    rows = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0, help_text="Bytes, not compressed.")
    parts = models.IntegerField(default=0)
    sha256 = models.CharField(max_length=64, default="", help_text="Of the bytes, in hex.")
    made_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["schedule", "period_start"], name="report_file_is_made_once_a_period"
            ),
            models.CheckConstraint(
                condition=Q(state__in=FileState.values), name="report_file_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(period_end__gt=F("period_start")), name="report_period_is_not_empty"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["ready", "expired"])
                | (Q(made_at__isnull=False, expires_at__isnull=False) & ~Q(sha256="")),
                name="report_file_has_a_checksum",
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(error=""), name="failed_report_file_says_why"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "id"], name="report_files_of_tenant"),
            models.Index(
                fields=["expires_at"], condition=Q(state="ready"), name="report_files_expire"
            ),
            models.Index(
                fields=["state"], condition=Q(state__in=["making", "failed"]),
                name="report_files_undone",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.report} {self.period_start:%Y-%m-%d %H:%M}"

    @property
    def name(self) -> str:
        """What a browser calls it."""
        return f"{self.report}-{self.period_start:%Y%m%dT%H%MZ}.csv"


class FilePart(models.Model):
    """A part of a file's compressed bytes: a file of any size is read without holding all of it."""

    pk = models.CompositePrimaryKey("file_id", "number")
    file = models.ForeignKey(ReportFile, on_delete=models.CASCADE, db_index=False, related_name="+")
    number = models.IntegerField()
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    content = models.BinaryField()

    objects = TenantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"part {self.number} of {self.file_id}"
