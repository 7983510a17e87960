"""Corporate actions: announced, applied once at their ex-date, never twice."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet
from apps.trading.models.fields import AmountField, is_positive
from apps.trading.models.reference import Instrument


class ActionKind(models.TextChoices):
    """What is done to an instrument."""

    SPLIT = "split"
    DIVIDEND = "dividend"


class ActionState(models.TextChoices):
    """Where it stands."""

    ANNOUNCED = "announced"
    APPLIED = "applied"
    PAID = "paid"
    WITHDRAWN = "withdrawn"


class PriceState(models.TextChoices):
    """Where a stated price of fractions stands; from `proposed` it goes once, and stays."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


class CorporateAction(models.Model):
    """A split, or a cash dividend. Its terms never change: withdraw it, and announce another.

    A split gets its price of fractions from a `CashInLieuPrice` that a second person has confirmed.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    reference = models.TextField(help_text="The announcer's own; one action for ever.")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="actions")
    kind = models.CharField(max_length=8, choices=ActionKind)
    ex_date = models.DateField(help_text="From this day on it is traded without it.")
    effective_at = models.DateTimeField(help_text="When that day begins at the market (UTC).")
    new_units = AmountField(null=True, blank=True, help_text="Of a split: this many …")
    old_units = AmountField(null=True, blank=True, help_text="… for so many.")
    cash_in_lieu_price = AmountField(
        null=True,
        blank=True,
        help_text="Of a split: paid for a fraction of a new unit, per unit; a second person confirms it.",
    )
    lot_size = AmountField(
        null=True, editable=False, help_text="The instrument's when it was applied; empty: any."
    )
    amount = AmountField(null=True, blank=True, help_text="Of a dividend, per unit.")
    currency = models.TextField(blank=True, default="")
    pay_date = models.DateField(null=True, blank=True)
    pay_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=9, choices=ActionState)
    problem = models.TextField(blank=True, default="", help_text="Why it could not be applied.")
    accounts = models.IntegerField(default=0, help_text="That were told.")
    announced_by = models.TextField()
    announced_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.TextField(blank=True, default="")
    reason = models.TextField(blank=True, default="", help_text="Of the withdrawal.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("-ex_date",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "reference"], name="action_reference_is_unique"
            ),
            # Two of one day would have an order that nobody announced.
            models.UniqueConstraint(
                fields=["instrument", "ex_date"],
                condition=~Q(state="withdrawn"),
                name="instrument_has_one_action_a_day",
            ),
            models.CheckConstraint(
                condition=Q(kind="split", amount=None)
                & Q(new_units__isnull=False, old_units__isnull=False)
                & is_positive("new_units", "old_units")
                & ~Q(new_units=F("old_units"))
                & (
                    Q(cash_in_lieu_price=None, pay_date=None, pay_at=None, currency="")
                    | is_positive("cash_in_lieu_price")
                    & Q(cash_in_lieu_price__isnull=False, pay_at__isnull=False)
                    & Q(pay_date__isnull=False, pay_date__gte=F("ex_date"))
                    & ~Q(currency="")
                )
                | Q(kind="dividend", new_units=None, old_units=None, pay_at__isnull=False)
                & Q(cash_in_lieu_price=None)
                & is_positive("amount")
                & Q(amount__isnull=False, pay_date__isnull=False, pay_date__gte=F("ex_date"))
                & ~Q(currency=""),
                name="action_has_the_terms_of_its_kind",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ActionState.values)
                & (Q(pay_at__isnull=False) | ~Q(state="paid")),
                name="action_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["applied", "paid"], applied_at__isnull=False)
                | (~Q(state__in=["applied", "paid"]) & Q(applied_at=None)),
                name="applied_actions_say_when",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["effective_at"], condition=Q(state="announced"), name="actions_to_apply"
            ),
            models.Index(
                fields=["pay_at"],
                condition=Q(state="applied", pay_at__isnull=False),
                name="actions_to_pay",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}, ex {self.ex_date}: {self.state}"

    @property
    def stated_price(self) -> "CashInLieuPrice | None":
        """The price of fractions that was stated last, whatever became of it."""
        return max(self.prices.all(), key=lambda one: (one.proposed_at, one.pk), default=None)


class CashInLieuPrice(models.Model):
    """At which price the fractions of a split are paid: one person states it, another confirms it.

    What is stated never changes: another takes its place as long as it is not confirmed
    (`migrations/sql/two_people_price.sql`).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    action = models.ForeignKey(CorporateAction, on_delete=models.PROTECT, related_name="prices")
    price = AmountField(help_text="Of a new unit.")
    pay_date = models.DateField()
    state = models.CharField(max_length=9, choices=PriceState)
    proposed_by = models.TextField(help_text="`user:<id>` or `key:<id>`.")
    proposed_at = models.DateTimeField()
    decided_by = models.TextField(null=True)  # noqa: DJ001 - nobody yet is not somebody without name
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, default="", help_text="Why it was taken back.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["action"],
                condition=~Q(state="withdrawn"),
                name="split_has_one_price_of_fractions",
            ),
            models.CheckConstraint(condition=is_positive("price"), name="price_of_fractions_fits"),
            models.CheckConstraint(
                condition=Q(state="proposed", decided_by__isnull=True, decided_at__isnull=True)
                | Q(state="withdrawn", decided_by__isnull=False, decided_at__isnull=False)
                | Q(state="confirmed", decided_by__isnull=False, decided_at__isnull=False)
                & ~Q(decided_by=F("proposed_by")),
                name="two_people_price_fractions",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.price} for a unit: {self.state}"
