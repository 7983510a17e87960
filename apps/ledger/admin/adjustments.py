"""Adjustments in the back office: one person proposes, another decides. Services write."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from apps.core.exceptions import DomainError
from apps.core.ids import uuid7
from apps.core.money import parse_amount
from apps.ledger import services
from apps.ledger.models import Adjustment, Break
from apps.ledger.services import AdjustmentTerms, Line
from apps.tenants.admin import (
    ReadOnlyAdmin,
    ServiceForm,
    WithServiceForm,
    reasons_of,
    table,
)

LINE_PARTS = 5
LINES_HELP = (
    "One line each: side, account, owner (a client's number, or - for the house), asset, amount."
    " For example: debit CASH:SETTLED ACC-0001 USD 12.50"
)


class ProposalForm(ServiceForm):
    """What is proposed: lines as text, because they are written like a slip."""

    written = forms.CharField(
        label="Lines", widget=forms.Textarea(attrs={"rows": 6, "cols": 80}), help_text=LINES_HELP
    )
    key = forms.CharField(widget=forms.HiddenInput, initial=lambda: str(uuid7()), max_length=64)

    class Meta:
        model = Adjustment
        fields = ("tenant", "reason", "effective_at", "mends", "key")

    def __init__(self, *args: Any, **options: Any) -> None:
        """Without a time it counts from now on; only breaks that are open can be mended."""
        super().__init__(*args, **options)
        mends = self.fields.get("mends")
        if isinstance(mends, forms.ModelChoiceField):  # not where it is only looked at
            self.fields["effective_at"].required = mends.required = False
            mends.queryset = Break.objects.exclude(state="closed")

    def clean_written(self) -> list[Line]:
        """The lines, or every one that cannot be read."""
        lines, faults = [], []
        for number, text in enumerate(self.cleaned_data["written"].splitlines(), 1):
            if not text.strip():
                continue
            try:
                lines.append(_line(text))
            except ValueError as error:
                faults.append(f"Line {number}: {error}")
        if faults:
            raise forms.ValidationError(faults)
        return lines

    def call(self, given: dict[str, Any]) -> Adjustment:
        """The proposal."""
        terms = AdjustmentTerms(
            given["reason"],
            given["written"],
            given.get("effective_at"),
            given["mends"].pk if given.get("mends") else None,
        )
        row, _ = services.propose_adjustment(
            given["tenant"].pk, terms, by=self.by, key=given["key"]
        )
        return row


class ReasonForm(ActionForm):
    """What is to be done with those that are selected, and why."""

    reason = forms.CharField(
        required=False, widget=forms.TextInput(attrs={"placeholder": "Reason", "maxlength": 1000})
    )


@admin.register(Adjustment)
class AdjustmentAdmin(WithServiceForm, ReadOnlyAdmin):
    """Adjustments: one person proposes them, another approves or rejects them."""

    form = ProposalForm
    list_display = ("proposed_at", "reason", "state", "proposed_by", "decided_by", "tenant")
    list_filter = ("tenant", "state")
    list_select_related = ("tenant",)
    ordering = ("-id",)
    search_fields = ("reason__icontains",)
    fields = (
        ("state", "tenant"), "reason", "shown", ("effective_at", "mends"),
        ("proposed_by", "proposed_at"), ("decided_by", "decided_at"), "decision_reason", "entry",
        "digest",
    )  # fmt: skip
    readonly_fields = ("shown", "entry")
    action_form = ReasonForm
    actions = ("approve", "reject", "withdraw")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may propose."""
        return bool(request.user.has_perm("ledger.add_adjustment"))

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whoever may decide."""
        return bool(request.user.has_perm("ledger.change_adjustment"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is to be filled in, or what there is."""
        return (
            self.fields if obj else ("tenant", "reason", "written", "effective_at", "mends", "key")
        )

    @admin.display(description="Lines")
    def shown(self, row: Adjustment) -> str:
        """Debits and credits, side by side."""
        rows = [
            [
                line["account"], line["owner_number"] or "house", line["asset"],
                line["amount"] if line["side"] == "debit" else "",
                line["amount"] if line["side"] == "credit" else "",
            ]
            for line in row.lines
        ]  # fmt: skip
        return table(["Account", "Owner", "Asset", "Debit", "Credit"], rows)

    @admin.display(description="Entry")
    def entry(self, row: Adjustment) -> str:
        """The entry that booked it."""
        if row.entry_id is None:
            return "-"
        where = reverse("admin:ledger_journalentry_change", args=[row.entry_id])
        return format_html('<a href="{}">{}</a>', where, row.entry_id)

    @admin.action(description="Approve: book it", permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Adjustment]) -> None:
        """The second person's yes."""
        self._decide(request, queryset, services.approve_adjustment)

    @admin.action(description="Reject", permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Adjustment]) -> None:
        """The second person's no."""
        self._decide(request, queryset, services.reject_adjustment)

    @admin.action(description="Withdraw: my own", permissions=["decide"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Adjustment]) -> None:
        """The first person's change of mind."""
        self._decide(request, queryset, services.withdraw_adjustment)

    def _decide(
        self, request: HttpRequest, rows: QuerySet[Adjustment], call: Callable[..., Adjustment]
    ) -> None:
        who, reason = f"user:{request.user.pk}", request.POST.get("reason", "")
        for row in rows.order_by("pk"):
            try:
                decided = call(row.tenant_id, row.pk, by=who, reason=reason)
            except DomainError as error:
                messages.error(request, f"{row}: {' '.join(reasons_of(error))}")
            else:
                messages.success(request, f"{decided}.")
                self.log_change(request, row, f"{decided.state}: {reason}")


def _line(text: str) -> Line:
    """A written line. Raises ValueError."""
    parts = text.split()
    if len(parts) < LINE_PARTS:
        raise ValueError(f"{len(parts)} words where there are {LINE_PARTS}.")
    side, account, owner, *asset, amount = parts
    owner = "" if owner == "-" else owner
    return Line(account, owner, " ".join(asset), side.lower(), parse_amount(amount))
