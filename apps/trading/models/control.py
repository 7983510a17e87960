"""What came from the account system: how far we read it, and what it pushed."""

from typing import ClassVar

from django.db import models

from apps.tenants.models import Tenant, TenantQuerySet


class AccountFeed(models.Model):
    """How far a tenant's accounts were read from the account system."""

    tenant = models.OneToOneField(
        Tenant, on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    cursor = models.BigIntegerField(default=0)
    asked_at = models.DateTimeField(
        null=True, help_text="When it was last asked: whoever waits longest is asked first."
    )
    read_at = models.DateTimeField(null=True, help_text="When it last answered.")
    problem = models.TextField(blank=True, default="", help_text="Why it did not, the last time.")
    unknown = models.BigIntegerField(default=0, help_text="Told accounts that we do not have.")
    contradictions = models.BigIntegerField(
        default=0, help_text="Told twice under one version, with other content: the first counts."
    )

    objects = TenantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.tenant}: {self.problem or self.cursor}"


class AccountNotice(models.Model):
    """What was pushed: an id is taken once."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    uid = models.TextField(help_text="The sender's id of the message.")
    body = models.TextField()
    applied = models.IntegerField(help_text="Accounts that it changed.")
    received_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "uid"], name="account_notice_is_taken_once"),
        ]

    def __str__(self) -> str:
        return self.uid
