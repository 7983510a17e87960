"""Corporate actions in the back office: announced, priced by two people, withdrawn."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.forms import ActionForm

from apps.core.exceptions import DomainError
from apps.core.money import plain
from apps.tenants.admin import ReadOnlyAdmin, SavedByService
from apps.tenants.selectors import names_of
from apps.trading import services
from apps.trading.models import CorporateAction


class AnnouncementForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    """A corporate action; the service says what is wrong with it, all at once."""

    by = ""
    announced: CorporateAction | None = None

    class Meta:
        model = CorporateAction
        fields = (
            "tenant", "reference", "instrument", "kind", "ex_date", "new_units", "old_units",
            "cash_in_lieu_price", "amount", "currency", "pay_date",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Announced here, so that a refusal is shown beside the form."""
        given = super().clean() or {}
        if self.errors:
            return given
        tenant, instrument = given.pop("tenant"), str(given.pop("instrument").pk)
        terms: dict[str, Any] = {name: value or None for name, value in given.items()}
        try:
            self.announced, _ = services.announce_action(
                tenant.pk, services.ActionTerms(instrument=instrument, **terms), by=self.by
            )
        except DomainError as error:
            raise forms.ValidationError(_reasons(error)) from error
        return given

    def _post_clean(self) -> None:
        """The service has checked and written it."""

    def save(self, commit: bool = True) -> CorporateAction:
        """The action, which is there already."""
        assert self.announced is not None
        return self.announced

    def save_m2m(self) -> None:
        """Nothing of that kind."""


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
class CorporateActionAdmin(SavedByService, ReadOnlyAdmin):
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

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """The form that knows who fills it in."""
        form = super().get_form(request, obj, change, **kwargs)
        form.by = f"user:{request.user.pk}"
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form's service call has written it."""

    @admin.action(description="Withdraw the announcement", permissions=["decide"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[CorporateAction]) -> None:
        """As long as it is not applied."""

        def call(row: CorporateAction, who: str) -> CorporateAction:
            why = request.POST.get("reason") or "withdrawn in the back office"
            return services.withdraw_action(row.tenant_id, row.pk, by=who, reason=why)

        self._each(request, queryset, call, "withdrawn")

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
        table = {"headers": headers, "rows": rows}
        return render_to_string("unfold/components/table.html", {"table": table})

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

        def call(row: CorporateAction, who: str) -> CorporateAction:
            why = request.POST.get("reason") or "taken back in the back office"
            return services.withdraw_price(row.tenant_id, row.pk, by=who, reason=why)

        self._each(request, queryset, call, "the price is taken back")

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
        given = form.cleaned_data

        def call(row: CorporateAction, who: str) -> CorporateAction:
            terms = {"price": given["price"], "pay_date": given["pay_date"]}
            return verb(row.tenant_id, row.pk, by=who, **terms)

        self._each(request, rows, call, word)

    def _each(
        self, request: HttpRequest, rows: QuerySet[CorporateAction],
        call: Callable[[CorporateAction, str], CorporateAction], word: str,
    ) -> None:  # fmt: skip
        for row in rows.order_by("pk"):
            try:
                call(row, f"user:{request.user.pk}")
            except DomainError as error:
                messages.error(request, f"{row}: {' '.join(_reasons(error))}")
            else:
                messages.success(request, f"{row.reference}: {word}.")
                self.log_change(request, row, word)


def _reasons(error: DomainError) -> list[str]:
    found = error.facts.get("errors")
    faults = found if isinstance(found, list) else [{"field": "", "detail": str(error)}]
    return [f"{one['field']}: {one['detail']}".removeprefix(": ") for one in faults]
