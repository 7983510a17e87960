"""Who trades, with whom, and what: accounts, counterparties, instruments.

Rows are never deleted and keep their identity (a trigger refuses it), so that trades and positions
may point to them without foreign keys, which would lock these rows at every trade.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from apps.calendars import selectors as calendars
from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet
from apps.trading.models.fields import AmountField, is_positive


class AccountStatus(models.TextChoices):
    """Whether an account may trade."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"


class CostMethod(models.TextChoices):
    """How the cost of what is sold is found."""

    AVERAGE = "average"
    FIFO = "fifo"


class ClientAccount(models.Model):
    """An account of a client of the prime broker.

    Limits count in the settlement currency of what is traded, each currency by itself.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.TextField()
    name = models.TextField()
    base_currency = models.TextField()
    status = models.CharField(
        max_length=6, choices=AccountStatus, default=AccountStatus.OPEN, db_default="open"
    )
    cost_method = models.CharField(max_length=7, choices=CostMethod)
    max_order_notional = AmountField(null=True, blank=True, help_text="Largest single trade.")
    max_gross_exposure = AmountField(
        null=True, blank=True, help_text="Largest sum of position values, long and short."
    )
    max_orders_per_second = models.PositiveIntegerField(null=True, blank=True)
    own_status = models.CharField(
        max_length=6, choices=AccountStatus, default=AccountStatus.OPEN, db_default="open",
        help_text="What we decided; the stricter one of the two counts.",
    )  # fmt: skip
    told_status = models.CharField(
        max_length=6, choices=AccountStatus, blank=True, default="", db_default="",
        help_text="What the account system told; empty: it does not know the account.",
    )  # fmt: skip
    told_version = models.BigIntegerField(default=0, db_default=0)
    told_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "number"], name="account_number_is_unique"),
            models.CheckConstraint(
                condition=Q(status__in=AccountStatus.values), name="account_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(cost_method__in=CostMethod.values), name="cost_method_is_known"
            ),
            models.CheckConstraint(
                condition=(Q(max_order_notional=None) | is_positive("max_order_notional"))
                & (Q(max_gross_exposure=None) | is_positive("max_gross_exposure"))
                & (Q(max_orders_per_second=None) | Q(max_orders_per_second__gt=0)),
                name="account_limits_are_positive",
            ),
            models.CheckConstraint(
                condition=Q(told_status="", told_version=0, told_at=None)
                | Q(
                    told_status__in=AccountStatus.values, told_version__gt=0, told_at__isnull=False
                ),
                name="told_accounts_have_a_version",
            ),
            models.CheckConstraint(
                condition=~Q(status="open") | Q(own_status="open", told_status__in=["", "open"]),
                name="open_accounts_are_open_for_both",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_told(self) -> bool:
        """Whether the account system decides about its limits."""
        return self.told_version > 0


class CounterpartyStatus(models.TextChoices):
    """Whether trades with it are taken."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class Counterparty(models.Model):
    """The other side of a trade."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    code = models.TextField()
    name = models.TextField()
    status = models.CharField(
        max_length=8, choices=CounterpartyStatus, default=CounterpartyStatus.ACTIVE
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "counterparties"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "code"], name="counterparty_code_is_unique"),
            models.CheckConstraint(
                condition=Q(status__in=CounterpartyStatus.values),
                name="counterparty_status_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class InstrumentKind(models.TextChoices):
    """What kind of thing it is."""

    EQUITY = "equity"
    BOND = "bond"
    ETF = "etf"
    FX = "fx"
    CRYPTO = "crypto"
    FUTURE = "future"
    OPTION = "option"


class InstrumentStatus(models.TextChoices):
    """Whether it may be traded."""

    ACTIVE = "active"
    HALTED = "halted"
    DELISTED = "delisted"


class Instrument(models.Model):
    """What is traded. Its symbol is also the asset code of its units in the ledger."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    symbol = models.TextField()
    name = models.TextField()
    kind = models.CharField(max_length=6, choices=InstrumentKind)
    currency = models.TextField(help_text="Of settlement and profit; the base coin if inverse.")
    lot_size = AmountField(null=True, blank=True, help_text="Quantities are multiples; empty: any.")
    tick_size = AmountField(null=True, blank=True, help_text="Prices are multiples; empty: any.")
    multiplier = AmountField(help_text="Value of one unit at price 1; inverse: of one contract.")
    inverse = models.BooleanField(help_text="Quoted in one currency, settled in the other.")
    price_band = AmountField(
        null=True, blank=True, help_text="Per cent that a price may be off the last one."
    )
    settlement_days = models.SmallIntegerField(
        null=True,
        blank=True,
        help_text="Settlement days after the trade date; empty: the market's cycle of that date.",
    )
    settlement_calendar = models.TextField(
        blank=True,
        default="",
        help_text="Such as US or TARGET; empty: what kind and currency settle by.",
    )
    status = models.CharField(
        max_length=8, choices=InstrumentStatus, default=InstrumentStatus.ACTIVE
    )
    last_price = AmountField(null=True, blank=True, editable=False)
    last_price_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_before = models.DateField(
        null=True, blank=True, editable=False,
        help_text="Ex-date of the newest corporate action: trades of before are as they are.",
    )  # fmt: skip
    action_on = models.DateField(
        null=True, blank=True, editable=False,
        help_text="Ex-date of the next one: trades from then on wait until it is applied.",
    )  # fmt: skip
    updated_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "symbol"], name="instrument_symbol_is_unique"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=InstrumentKind.values), name="instrument_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=InstrumentStatus.values), name="instrument_status_is_known"
            ),
            models.CheckConstraint(
                condition=is_positive("multiplier")
                & (Q(lot_size=None) | is_positive("lot_size"))
                & (Q(tick_size=None) | is_positive("tick_size"))
                & (Q(price_band=None) | is_positive("price_band")),
                name="instrument_terms_are_positive",
            ),
            models.CheckConstraint(
                condition=Q(last_price=None, last_price_at=None)
                | (is_positive("last_price") & Q(last_price_at__isnull=False)),
                name="last_price_is_positive_and_dated",
            ),
            models.CheckConstraint(
                condition=Q(settlement_days__range=(0, 30)), name="settlement_days_are_sane"
            ),
        ]

    def __str__(self) -> str:
        return self.symbol

    @property
    def settlement_days_now(self) -> int:
        """T+n of a trade done today: its own days, or its market's cycle."""
        terms = calendars.terms_for(
            self.kind, self.symbol, self.currency, self.settlement_calendar, self.settlement_days
        )
        return calendars.days_of(self.tenant_id, terms, timezone.now().date())
