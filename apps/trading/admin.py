"""The back office's window on trading: who trades what, what was dealt, what was refused."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateTimeFilter

from apps.core.exceptions import DomainError
from apps.core.money import plain
from apps.tenants.admin import ReadOnlyAdmin
from apps.trading import selectors, services
from apps.trading.models import (
    AccountStatus,
    ClientAccount,
    Counterparty,
    Instrument,
    InstrumentStatus,
    RejectedTrade,
    Trade,
)


class ChangedByServiceAdmin(ModelAdmin):
    """Reference data: listed, opened and changed over the API; its status also by buttons here."""

    show_full_result_count = False
    list_select_related = ("tenant",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: whoever makes one by hand would skip its fact."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: trades point to it."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All of them: changes go through services, which tell of them."""
        return [*self.readonly_fields, *(field.name for field in self.model._meta.fields)]  # noqa: SLF001 - Django documents it


@admin.register(ClientAccount)
class ClientAccountAdmin(ChangedByServiceAdmin):
    """Accounts, their limits and what they hold."""

    list_display = ("number", "name", "status", "base_currency", "cost_method", "tenant")
    list_filter = ("tenant", "status", "cost_method")
    search_fields = ("number", "name")
    ordering = ("number",)
    readonly_fields = ("positions",)
    actions = ("freeze", "unfreeze")

    @admin.display(description="Positions")
    def positions(self, account: ClientAccount) -> SafeString:
        """What the account holds now, from the database."""
        found = selectors.positions_of(account.tenant_id, account.number).positions
        rows = [one.stored for one in found]
        if not rows:
            return format_html("<p>None.</p>")
        return format_html(
            "<table><thead><tr><th>Instrument</th><th>Quantity</th><th>Cost</th>"
            "<th>Realised</th><th>Fees</th></tr></thead><tbody>{}</tbody></table>",
            format_html_join(
                "",
                "<tr><td>{}</td><td>{}</td><td>{} {}</td><td>{}</td><td>{}</td></tr>",
                (
                    (one.symbol, plain(one.quantity), plain(one.cost), one.currency,
                     plain(one.realised_pnl), plain(one.fees))
                    for one in rows
                ),
            ),
        )  # fmt: skip

    @admin.action(description="Freeze: refuse trades from now on")
    def freeze(self, request: HttpRequest, queryset: QuerySet[ClientAccount]) -> None:
        """Stop trading on the accounts."""
        self._set_status(request, queryset, AccountStatus.FROZEN)

    @admin.action(description="Unfreeze: take trades again")
    def unfreeze(self, request: HttpRequest, queryset: QuerySet[ClientAccount]) -> None:
        """Let the accounts trade again."""
        self._set_status(request, queryset, AccountStatus.OPEN)

    def _set_status(
        self, request: HttpRequest, queryset: QuerySet[ClientAccount], status: AccountStatus
    ) -> None:
        for account in queryset:
            try:
                services.change_account(account.tenant_id, account.number, {"status": status.value})
            except DomainError as error:
                messages.error(request, f"{account}: {error}")
            else:
                messages.success(request, f"{account} is {status.label.lower()} now.")


@admin.register(Instrument)
class InstrumentAdmin(ChangedByServiceAdmin):
    """Instruments and their last prices."""

    list_display = ("symbol", "name", "kind", "currency", "status", "last_price", "tenant")
    list_filter = ("tenant", "kind", "status")
    search_fields = ("symbol", "name")
    ordering = ("symbol",)
    actions = ("halt", "release")

    @admin.action(description="Halt: refuse trades from now on")
    def halt(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> None:
        """Stop trading in the instruments."""
        self._set_status(request, queryset, InstrumentStatus.HALTED)

    @admin.action(description="Release: take trades again")
    def release(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> None:
        """Let the instruments trade again."""
        self._set_status(request, queryset, InstrumentStatus.ACTIVE)

    def _set_status(
        self, request: HttpRequest, queryset: QuerySet[Instrument], status: InstrumentStatus
    ) -> None:
        for one in queryset:
            try:
                services.change_instrument(one.tenant_id, one.symbol, {"status": status.value})
            except DomainError as error:
                messages.error(request, f"{one}: {error}")
            else:
                messages.success(request, f"{one} is {status.label.lower()} now.")


@admin.register(Counterparty)
class CounterpartyAdmin(ChangedByServiceAdmin):
    """Whom the house deals with."""

    list_display = ("code", "name", "status", "tenant")
    list_filter = ("tenant", "status")
    search_fields = ("code", "name")


@admin.register(Trade)
class TradeAdmin(ReadOnlyAdmin):
    """The blotter, newest first. Trades are final; nothing is edited."""

    list_display = (
        "booked", "account", "instrument", "side", "quantity_", "price_", "notional_", "currency",
        "source", "external_id", "tenant",
    )  # fmt: skip
    list_filter = ("tenant", "side", ("booked_at", RangeDateTimeFilter))
    list_filter_submit = True
    list_select_related = ("tenant", "account", "instrument")
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("=account__number", "=instrument__symbol", "=external_id")
    search_help_text = "An account's number, a symbol, or an external id, as a whole."

    @admin.display(description="booked (UTC)")
    def booked(self, trade: Trade) -> str:
        """To the millisecond: many trades share a second."""
        return f"{trade.booked_at:%Y-%m-%d %H:%M:%S.%f}"[:-3]

    @admin.display(description="quantity")
    def quantity_(self, trade: Trade) -> str:
        """Without trailing zeros."""
        return plain(trade.quantity)

    @admin.display(description="price")
    def price_(self, trade: Trade) -> str:
        """Without trailing zeros."""
        return plain(trade.price)

    @admin.display(description="notional")
    def notional_(self, trade: Trade) -> str:
        """Without trailing zeros."""
        return plain(trade.notional)


@admin.register(RejectedTrade)
class RejectedTradeAdmin(ReadOnlyAdmin):
    """What was refused, with every reason."""

    list_display = (
        "rejected_at", "account", "instrument", "side", "quantity", "price", "why", "tenant",
    )  # fmt: skip
    list_filter = ("tenant", ("rejected_at", RangeDateTimeFilter))
    list_filter_submit = True
    list_select_related = ("tenant",)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("=account", "=instrument")

    @admin.display(description="reasons")
    def why(self, rejection: RejectedTrade) -> str:
        """All of them, in words."""
        return " ".join(reason["detail"] for reason in rejection.reasons)
