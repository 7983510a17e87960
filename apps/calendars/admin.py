"""The back office's window on calendars: days closed and opened out of turn, cycles, cut-offs."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from apps.calendars import services
from apps.calendars.models import CalendarException, MarketRule
from apps.core.exceptions import DomainError, Fault
from apps.tenants.admin import ReadOnlyAdmin, SavedByService


@admin.register(CalendarException)
class CalendarExceptionAdmin(SavedByService, ReadOnlyAdmin):
    """Days out of turn. Closing one dates the open settlements anew; none is ever deleted."""

    list_display = ("day", "calendar", "is_open", "reason", "decided_by", "withdrawn_at", "tenant")
    list_filter = ("tenant", "calendar", "is_open")
    list_select_related = ("tenant",)
    ordering = ("-day",)
    fields = ("tenant", "calendar", "day", "is_open", "reason")
    actions = ("withdraw",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may decide on calendars."""
        return bool(request.user.has_perm("calendars.add_calendarexception"))

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        """The same."""
        return self.has_add_permission(request)

    def save_model(
        self, request: HttpRequest, obj: CalendarException, form: "ModelForm[Any]", change: bool
    ) -> None:
        """Decide on a day, by the service."""
        decide = services.open_day if obj.is_open else services.close_day
        try:
            made, _ = decide(
                obj.tenant_id,
                calendar=obj.calendar,
                day=obj.day,
                reason=obj.reason,
                actor=_name(request),
            )
        except DomainError as error:
            messages.error(request, f"Nothing was changed: {_sentence(error)}")
            return
        obj.pk = made.pk

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Only of what is there."""
        if CalendarException.objects.for_tenant(obj.tenant_id).filter(pk=obj.pk).exists():
            return super().log_addition(request, obj, message)
        return None

    @admin.action(description="Withdraw: the calendar holds again", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[CalendarException]) -> None:
        """Let the calendar hold again."""
        for row in queryset:
            services.withdraw_exception(
                row.tenant_id, row.pk, reason="withdrawn in the back office", actor=_name(request)
            )
        self.message_user(request, f"{len(queryset)} withdrawn.")


@admin.register(MarketRule)
class MarketRuleAdmin(SavedByService, ReadOnlyAdmin):
    """Cycles and cut-offs, each from a day on."""

    list_display = (
        "calendar", "asset_class", "effective_from", "settlement_days", "cutoff", "reason", "tenant",
    )  # fmt: skip
    list_filter = ("tenant", "calendar", "asset_class")
    list_select_related = ("tenant",)
    ordering = ("calendar", "asset_class", "-effective_from")
    fields = (
        "tenant", "calendar", "asset_class", "effective_from", "settlement_days", "cutoff", "reason",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may decide on calendars."""
        return bool(request.user.has_perm("calendars.add_marketrule"))

    def save_model(
        self, request: HttpRequest, obj: MarketRule, form: "ModelForm[Any]", change: bool
    ) -> None:
        """Set the rule, by the service."""
        try:
            made = services.set_rule(
                obj.tenant_id,
                calendar=obj.calendar,
                asset_class=obj.asset_class,
                effective_from=obj.effective_from,
                settlement_days=obj.settlement_days,
                cutoff=obj.cutoff,
                stated=(obj.reason, _name(request)),
            )
        except DomainError as error:
            messages.error(request, f"Nothing was changed: {_sentence(error)}")
            return
        obj.pk = made.pk


def _name(request: HttpRequest) -> str:
    return request.user.get_username()


def _sentence(error: DomainError) -> str:
    faults = cast("list[Fault]", error.facts.get("errors", []))
    return " ".join([str(error), *(fault["detail"] for fault in faults)])
