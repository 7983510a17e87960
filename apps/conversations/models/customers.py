"""Who writes to the tenant."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet


class Customer(models.Model):
    """A person who writes to a tenant, by the name that the tenant's own system gave them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    external_id = models.TextField(db_collation="C", help_text="The tenant's own name for them.")
    name = models.TextField(blank=True, default="")
    language = models.TextField(blank=True, default="", help_text="BCP 47; empty: not known.")
    created_at = models.DateTimeField(db_default=Now())
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "external_id"], name="customer_is_known_once"
            ),
            models.CheckConstraint(
                condition=~Q(external_id=""), name="customer_has_a_name_outside"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "id"], name="customers_of_a_tenant"),
        ]

    def __str__(self) -> str:
        return self.name or self.external_id
