"""The back office's window on trading. Nothing is written here: its buttons call services."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter

from apps.core.exceptions import DomainError
from apps.core.money import plain
from apps.tenants.admin import ReadOnlyAdmin, table
from apps.trading import services
from apps.trading.models import (
    AccountFeed,
    AccountStatus,
    ClientAccount,
    Counterparty,
    Instrument,
    Position,
    RejectedTrade,
    Trade,
)


class ById(ReadOnlyAdmin):
    """Searched by a whole id where the table is too large for anything else."""

    search_help_text = "An id, or an account's number."
    search_fields = ("=id",)
    account_field = "account__number"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the indexes that there are."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(pk=UUID(term)), False
        except ValueError:
            return queryset.filter(**{self.account_field: term}), False


@admin.register(ClientAccount)
class ClientAccountAdmin(ReadOnlyAdmin):
    """Accounts, with their limits; frozen and opened again here."""

    list_display = ("number", "name", "status", "base_currency", "cost_method", "tenant")
    list_filter = ("tenant", "status", "cost_method")
    list_select_related = ("tenant",)
    ordering = ("tenant", "number")
    search_fields = ("number__startswith", "name__icontains")
    search_help_text = "The beginning of a number, or a part of a name."
    actions = ("freeze", "unfreeze")

    def has_freeze_permission(self, request: HttpRequest) -> bool:
        """Whoever may change accounts."""
        return bool(request.user.has_perm("trading.change_clientaccount"))

    @admin.action(description="Freeze: no trades from now on", permissions=["freeze"])
    def freeze(self, request: HttpRequest, queryset: QuerySet[ClientAccount]) -> None:
        """Freeze the accounts."""
        self._set_status(request, queryset, AccountStatus.FROZEN)

    @admin.action(description="Unfreeze: trades may go on", permissions=["freeze"])
    def unfreeze(self, request: HttpRequest, queryset: QuerySet[ClientAccount]) -> None:
        """Open frozen accounts again."""
        self._set_status(request, queryset, AccountStatus.OPEN)

    def _set_status(
        self, request: HttpRequest, rows: QuerySet[ClientAccount], status: AccountStatus
    ) -> None:
        for row in rows:
            try:
                services.change_account(row.tenant_id, str(row.pk), {"status": status.value})
            except DomainError as error:
                messages.error(request, f"{row.number}: {error}")
            else:
                messages.success(request, f"{row.number} is {status.value}.")


@admin.register(Counterparty)
class CounterpartyAdmin(ReadOnlyAdmin):
    """Counterparties."""

    list_display = ("code", "name", "status", "tenant")
    list_filter = ("tenant", "status")
    list_select_related = ("tenant",)
    ordering = ("tenant", "code")
    search_fields = ("code", "name")


@admin.register(Instrument)
class InstrumentAdmin(ReadOnlyAdmin):
    """Instruments, with their last prices."""

    list_display = (
        "symbol",
        "name",
        "kind",
        "currency",
        "status",
        "price",
        "last_price_at",
        "tenant",
    )
    list_filter = ("tenant", "kind", "status")
    list_select_related = ("tenant",)
    ordering = ("tenant", "symbol")
    search_fields = ("symbol__startswith", "name__icontains")
    search_help_text = "The beginning of a symbol, or a part of a name."

    @admin.display(description="Last price")
    def price(self, row: Instrument) -> str:
        """Without trailing zeros."""
        return plain(row.last_price) if row.last_price is not None else "-"


@admin.register(Trade)
class TradeAdmin(ById):
    """Trades, newest first."""

    list_display = ("booked_at", "account", "instrument", "side", "size", "at_price", "worth",
                    "currency", "state", "tenant")  # fmt: skip
    list_filter = ("tenant", "side", ("booked_at", RangeDateTimeFilter))
    list_filter_submit = True
    list_select_related = ("tenant", "account", "instrument")
    ordering = ("-id",)
    sortable_by = ()  # the order of booking is the one that is indexed
    readonly_fields = ("charges",)

    @admin.display(description="Quantity")
    def size(self, row: Trade) -> str:
        """Without trailing zeros."""
        return plain(row.quantity)

    @admin.display(description="Price")
    def at_price(self, row: Trade) -> str:
        """Without trailing zeros."""
        return plain(row.price)

    @admin.display(description="Notional")
    def worth(self, row: Trade) -> str:
        """Without trailing zeros."""
        return plain(row.notional)

    @admin.display(description="Fees")
    def charges(self, row: Trade) -> str:
        """One line each."""
        rows = [[fee["kind"], fee["amount"], fee["currency"]] for fee in row.fees]
        return table(["Kind", "Amount", "Currency"], rows)


@admin.register(RejectedTrade)
class RejectedTradeAdmin(ById):
    """Trades that were refused, and why."""

    list_display = ("rejected_at", "account", "instrument", "side", "quantity", "price", "first_reason",
                    "client", "tenant")  # fmt: skip
    list_filter = ("tenant", "status", ("rejected_at", RangeDateTimeFilter))
    list_filter_submit = True
    list_select_related = ("tenant",)
    ordering = ("-id",)
    sortable_by = ()
    account_field = "account"
    fields = (
        ("rejected_at", "status", "client", "tenant"),
        ("account", "instrument", "side", "quantity", "price"),
        "why",
        "request",
    )
    readonly_fields = ("why",)

    @admin.display(description="Reason")
    def first_reason(self, row: RejectedTrade) -> str:
        """The first one, and how many there are besides."""
        first, *others = row.reasons
        more = f" (and {len(others)} more)" if others else ""
        return f"{first['field']}: {first['code']}{more}"

    @admin.display(description="Reasons")
    def why(self, row: RejectedTrade) -> str:
        """Every one."""
        rows = [[one["field"], one["code"], one["detail"]] for one in row.reasons]
        return table(["Field", "Code", "Detail"], rows)


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    """Positions as they were last folded."""

    list_display = ("account", "instrument", "size", "total_cost", "realised", "charges", "currency",
                    "version", "updated_at", "tenant")  # fmt: skip
    list_filter = ("tenant", "currency")
    list_select_related = ("tenant", "account", "instrument")
    ordering = ("account_id", "instrument_id")  # as they are indexed
    sortable_by = ()
    search_fields = ("=account__number", "=instrument__symbol")
    search_help_text = "An account's number, or a symbol."

    @admin.display(description="Quantity")
    def size(self, row: Position) -> str:
        """Without trailing zeros."""
        return plain(row.quantity)

    @admin.display(description="Cost")
    def total_cost(self, row: Position) -> str:
        """Without trailing zeros."""
        return plain(row.cost)

    @admin.display(description="Realised")
    def realised(self, row: Position) -> str:
        """Without trailing zeros."""
        return plain(row.realised_pnl)

    @admin.display(description="Fees")
    def charges(self, row: Position) -> str:
        """Without trailing zeros."""
        return plain(row.fees)


@admin.register(AccountFeed)
class AccountFeedAdmin(ReadOnlyAdmin):
    """How far the account system was read, and what of it did not fit."""

    list_display = (
        "tenant",
        "asked_at",
        "read_at",
        "cursor",
        "problem",
        "unknown",
        "contradictions",
    )
    list_select_related = ("tenant",)
    ordering = ("tenant",)
