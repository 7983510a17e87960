"""Who is at the door: tenants, users, memberships and keys; and the base of every tenant's row."""

from typing import ClassVar, Self, TypeVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from apps.core.ids import uuid7


class Role(models.TextChoices):
    """What a member or a key may do; `permissions.py` says which role may do which."""

    OWNER = "owner"
    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    AGENT = "agent"
    TRADER = "trader"
    OPERATIONS = "operations"
    AUDITOR = "auditor"
    SERVICE = "service"


class Tenant(models.Model):
    """One customer of the platform; every other row belongs to exactly one."""

    id = models.AutoField(primary_key=True)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.slug


M = TypeVar("M", bound=models.Model)


class TenantQuerySet(models.QuerySet[M]):
    """Rows of tenants; every question starts with `for_tenant`."""

    def for_tenant(self, tenant: "Tenant | int") -> Self:
        """Only this tenant's rows."""
        return self.filter(tenant_id=tenant.pk if isinstance(tenant, Tenant) else tenant)


class User(AbstractUser):
    """A person who signs in; what they may do comes from their memberships."""

    def __str__(self) -> str:
        return self.username


class Membership(models.Model):
    """A person's place and role in a tenant."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "user"], name="member_has_one_role"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.role} of {self.tenant}"


class ApiKeyQuerySet(TenantQuerySet["ApiKey"]):
    """Keys."""

    def of_those_who_are_in(self) -> Self:
        """Keys of programs, and those of people who are active members of the key's tenant."""
        still = Membership.objects.filter(
            tenant=OuterRef("tenant"), user=OuterRef("owner"), user__is_active=True
        )
        return self.filter(Q(owner=None) | Exists(still))


class ApiKey(models.Model):
    """A secret by which a program signs in; only its digest is kept.

    With an owner it is that person's: it ends with their membership, and what they say with it and
    what they say otherwise is one person's word (`selectors.is_one_person`).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="api_keys")
    owner = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="api_keys",
        help_text="Whose it is, for good; none: a program's own.",
    )
    name = models.CharField(max_length=100, blank=True)
    role = models.CharField(max_length=20, choices=Role)
    prefix = models.CharField(max_length=12, help_text="The first letters, to tell keys apart.")
    digest = models.BinaryField(unique=True, max_length=32, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="api_key_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.role} of {self.tenant})"
