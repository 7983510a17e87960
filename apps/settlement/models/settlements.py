"""Settlements: one for each version of a trade, and one for each return of what had settled."""

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.core.money import ZERO, exact
from apps.settlement.models.fields import AmountField, fits
from apps.settlement.saga import CLOCKS, FINAL, PERSONS, State
from apps.tenants.models import Tenant, TenantQuerySet


def _in(*states: State) -> list[str]:
    """States as the database has them."""
    return sorted(state.value for state in states)


class Kind(models.TextChoices):
    """What it settles."""

    SETTLEMENT = "settlement"
    RETURN = "return"  # of a settlement whose trade was cancelled or amended afterwards


class Movement(models.TextChoices):
    """What the client does with the securities."""

    RECEIVE = "receive"
    DELIVER = "deliver"


class Settlement(models.Model):
    """What is to be settled, and where it stands.

    Its terms never change, a final one stays final, and what is settled has its ledger entries:
    triggers see to it (`migrations/sql/`). No foreign keys, which would lock accounts, instruments
    and tenants for every settlement; none of those rows is ever deleted.
    """

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    trade_id = models.UUIDField()
    version_no = models.SmallIntegerField(help_text="Of the trade.")
    original = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="Of a return: what is returned.",
    )
    account_id = models.UUIDField()
    account_number = models.TextField()
    instrument_id = models.UUIDField()
    symbol = models.TextField()
    counterparty = models.TextField(null=True)  # noqa: DJ001 - none is not the empty one
    movement = models.CharField(max_length=7, choices=Movement)
    quantity = AmountField()
    currency = models.TextField()
    amount = AmountField(help_text="Cash at clearing; below 0 where it goes with the securities.")
    client_cash = models.JSONField(help_text="{currency: amount}: signed, net of fees.")
    trade_date = models.DateField()
    market = models.TextField(help_text="The settlement calendar.")
    clearing = models.TextField(help_text="The clearing system; empty: our own books.")
    opened_at = models.DateTimeField()

    due_on = models.DateField(null=True, help_text="The intended settlement date.")
    window_at = models.DateTimeField(null=True, help_text="When it is released (UTC).")
    is_late = models.BooleanField(help_text="A cut-off was missed: it takes the next window.")
    state = models.CharField(max_length=19, choices=[(one.value, one.value) for one in State])
    settled = AmountField(help_text="Quantity in the ledger.")
    pending = AmountField(help_text="Quantity that is confirmed and not in the ledger yet.")
    parts = models.SmallIntegerField(help_text="Ledger entries of it.")
    open_units = AmountField(
        null=True,
        help_text="After a split: units of today that are still to move; else the quantity.",
    )
    done_units = AmountField(
        null=True, help_text="After a split: what has settled, in units of today."
    )
    posted_units = AmountField(
        null=True, help_text="Units that its entries moved, where they are not those of `settled`."
    )
    tries = models.SmallIntegerField()
    may_be_out = models.BooleanField(help_text="An instruction is, or may be, at clearing.")
    is_unwanted = models.BooleanField(help_text="It is to be undone.")
    is_gone = models.BooleanField(help_text="Its trade was cancelled or amended.")
    is_returned = models.BooleanField(help_text="What had settled was returned.")
    round = models.SmallIntegerField(help_text="Instructions so far that clearing ended.")
    instruction_id = models.UUIDField(null=True, help_text="Ours, at the clearing system.")
    reference = models.TextField(help_text="The clearing system's own.")
    code = models.TextField(help_text="Reason, in the words of ISO 20022.")
    detail = models.TextField(help_text="Reason, in words.")
    by_hand = models.ForeignKey(
        "Proposal", on_delete=models.PROTECT, null=True, db_index=False, related_name="+"
    )
    next_at = models.DateTimeField(null=True, help_text="When the clock looks at it again.")
    attention_at = models.DateTimeField(null=True, help_text="Since when a person is needed.")
    assigned_to = models.TextField(help_text="Who works on it.")
    instructed_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(db_default=Now())
    version = models.IntegerField(help_text="How often it has changed.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["trade_id", "version_no", "kind"], name="trade_version_settles_once"
            ),
            models.UniqueConstraint(
                fields=["instruction_id"],
                condition=Q(instruction_id__isnull=False),
                name="instruction_is_of_one_settlement",
            ),
            models.CheckConstraint(
                condition=fits("quantity", "amount", "settled", "pending")
                & Q(quantity__gt=0, settled__gte=0, pending__gte=0)
                & Q(quantity__gte=F("settled") + F("pending")),
                name="settlement_amounts_fit",
            ),
            models.CheckConstraint(
                condition=Q(open_units__isnull=True, done_units__isnull=True)
                | fits("open_units", "done_units")
                & Q(open_units__isnull=False, done_units__isnull=False)
                & Q(open_units__gte=0, done_units__gte=0),
                name="settlement_units_are_units",
            ),
            models.CheckConstraint(
                condition=Q(state__in=_in(*State)), name="settlement_state_is_known"
            ),
            # Nothing is ever left without a next step or a person.
            models.CheckConstraint(
                condition=Q(state__in=_in(*CLOCKS), next_at__isnull=False)
                | Q(state__in=_in(*PERSONS), attention_at__isnull=False)
                | Q(state__in=_in(*FINAL), next_at__isnull=True),
                name="settlement_has_a_next_step",
            ),
            models.CheckConstraint(
                condition=(Q(state="settled") & Q(settled=F("quantity")))
                | (~Q(state="settled") & Q(settled__lt=F("quantity"))),
                name="settled_means_all_of_it",
            ),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(pending__gt=0),
                name="confirmed_means_something",
            ),
            models.CheckConstraint(
                condition=Q(kind="return", original__isnull=False)
                | Q(kind="settlement", original__isnull=True),
                name="returns_name_what_they_return",
            ),
            models.CheckConstraint(
                condition=Q(due_on__isnull=False, window_at__isnull=False)
                | Q(state__in=_in(State.MANUAL, State.CANCELLED)),
                name="settlement_without_date_is_a_persons",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["next_at"], condition=Q(next_at__isnull=False), name="settlements_next"
            ),
            models.Index(fields=["tenant", "id"], name="settlements_of_tenant"),
            models.Index(
                fields=["account_id"],
                condition=Q(movement="deliver", may_be_out=True),
                name="settlements_promised",
            ),
            models.Index(
                fields=["tenant", "due_on"],
                condition=~Q(state__in=_in(*FINAL)),
                name="settlements_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.movement} {self.quantity} {self.symbol}: {self.state}"

    @property
    def open_quantity(self) -> Decimal:
        """What is still to move, in units of the trade; of a final one nothing moves any more."""
        with exact():
            rest: Decimal = self.quantity - self.settled
        return ZERO if self.state in FINAL else rest

    @property
    def units_to_move(self) -> Decimal:
        """The same in units of today, which a split made others."""
        today: Decimal | None = None if self.state in FINAL else self.open_units
        return self.open_quantity if today is None else today

    @property
    def units_moved(self) -> Decimal:
        """Units that its ledger entries moved, each in those of its own day."""
        posted: Decimal | None = self.posted_units
        return Decimal(self.settled) if posted is None else posted
