"""Corporate actions in the back office: announced, priced by two people, withdrawn."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.forms import ActionForm

from apps.core.exceptions import DomainError
from apps.core.money import plain
from apps.tenants.admin import (
    ReadOnlyAdmin,
    ServiceForm,
    WithServiceForm,
    reasons_of,
    table,
)
from apps.tenants.selectors import names_of
from apps.trading import services
from apps.trading.models import CorporateAction


class AnnouncementForm(ServiceForm):
    """A corporate action; the service says what is wrong with it, all at once."""

    class Meta:
        model = CorporateAction
        fields = (
            "tenant", "reference", "instrument", "kind", "ex_date", "new_units", "old_units",
            "cash_in_lieu_price", "amount", "currency", "pay_date",
        )  # fmt: skip

    def call(self, given: dict[str, Any]) -> CorporateAction:
        """The announcement."""
        tenant, instrument = given.pop("tenant"), str(given.pop("instrument").pk)
        terms: dict[str, Any] = {name: value or None for name, value in given.items()}
        announced, _ = services.announce_action(
            tenant.pk, services.ActionTerms(instrument=instrument, **terms), by=self.by
        )
        return announced


class PriceForm(ActionForm):
    """The price of fractions, for those that state or confirm one; a reason to take it back."""

    price = forms.DecimalField(
        required=False, widget=forms.TextInput(attrs={"placeholder": "Price of a new unit"})
    )
    pay_date = forms.DateField(
        required=False, widget=forms.TextInput(attrs={"placeholder": "Paid on (ex-date)"})
    )
    reason = forms.CharField(
        required=False, widget=forms.TextInput(attrs={"placeholder": "Reason", "maxlength": 1000})
    )


@admin.register(CorporateAction)
class CorporateActionAdmin(WithServiceForm, ReadOnlyAdmin):
    """Splits and cash dividends: announced here, applied by the clock."""

    form = AnnouncementForm
    list_display = ("ex_date", "instrument", "kind", "reference", "state", "accounts", "problem",
                    "tenant")  # fmt: skip
    list_filter = ("tenant", "state", "kind")
    list_select_related = ("tenant", "instrument")
    ordering = ("-ex_date",)
    search_fields = ("=reference", "=instrument__symbol")
    action_form = PriceForm
    actions = ("state_price", "confirm_price", "withdraw_price", "withdraw")
    readonly_fields = ("stated",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may announce."""
        return bool(request.user.has_perm("trading.add_corporateaction"))

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whoever may take an announcement back."""
        return bool(request.user.has_perm("trading.change_corporateaction"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is to be filled in, or all that there is."""
        if obj is None:
            return AnnouncementForm.Meta.fields
        return (
            *AnnouncementForm.Meta.fields, "stated", "effective_at", "pay_at", "lot_size", "state",
            "problem", "accounts", "announced_by", "announced_at", "applied_at", "paid_at", "withdrawn_by", "reason",
        )  # fmt: skip

    @admin.action(description="Withdraw the announcement", permissions=["decide"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[CorporateAction]) -> None:
        """As long as it is not applied."""
        why = request.POST.get("reason") or "withdrawn in the back office"
        self._each(request, queryset, partial(services.withdraw_action, reason=why), "withdrawn")

    @admin.display(description="Price of fractions")
    def stated(self, row: CorporateAction) -> str:
        """Who stated which, and what another person made of it."""
        prices = list(row.prices.order_by("proposed_at", "pk"))
        people = [who for one in prices for who in (one.proposed_by, one.decided_by) if who]
        names = names_of(row.tenant_id, people)
        rows = [
            [plain(one.price), one.pay_date, one.state, names.get(one.proposed_by, one.proposed_by),
             names.get(one.decided_by or "", one.decided_by or ""), one.reason]
            for one in prices
        ]  # fmt: skip
        headers = ["Price", "Paid on", "State", "Stated by", "Decided by", "Why"]
        return table(headers, rows)

    @admin.action(description="State the price of fractions", permissions=["decide"])
    def state_price(self, request: HttpRequest, queryset: QuerySet[CorporateAction]) -> None:
        """The first of two people."""
        self._price(request, queryset, services.price_fractions, "the price waits for another")

    @admin.action(description="Confirm another's price of fractions", permissions=["decide"])
    def confirm_price(self, request: HttpRequest, queryset: QuerySet[CorporateAction]) -> None:
        """The second, who says which price it is."""
        self._price(request, queryset, services.confirm_price, "the price is confirmed")

    @admin.action(description="Take the stated price back", permissions=["decide"])
    def withdraw_price(self, request: HttpRequest, queryset: QuerySet[CorporateAction]) -> None:
        """Either of them."""
        why = request.POST.get("reason") or "taken back in the back office"
        verb = partial(services.withdraw_price, reason=why)
        self._each(request, queryset, verb, "the price is taken back")

    def _price(
        self, request: HttpRequest, rows: QuerySet[CorporateAction],
        verb: Callable[..., CorporateAction], word: str,
    ) -> None:  # fmt: skip
        form = PriceForm(request.POST)
        form.fields.pop("action")
        if not form.is_valid() or form.cleaned_data["price"] is None:
            messages.error(
                request, "Say the price of a new unit, and the day as 2026-01-31, if any."
            )
            return
        terms = {name: form.cleaned_data[name] for name in ("price", "pay_date")}
        self._each(request, rows, partial(verb, **terms), word)

    def _each(
        self, request: HttpRequest, rows: QuerySet[CorporateAction],
        verb: Callable[..., CorporateAction], word: str,
    ) -> None:  # fmt: skip
        for row in rows.order_by("pk"):
            try:
                verb(row.tenant_id, row.pk, by=f"user:{request.user.pk}")
            except DomainError as error:
                messages.error(request, f"{row}: {' '.join(reasons_of(error))}")
            else:
                messages.success(request, f"{row.reference}: {word}.")
                self.log_change(request, row, word)
