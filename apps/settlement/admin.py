"""The back office's window on settlements: the manual queue, its decisions, and notices that fit nothing.

Every decision is a service's, needs a reason and leaves a step, an event and an entry in the log of
the back office. Settling by hand takes two people here, too.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.forms import ActionForm

from apps.core.exceptions import DomainError
from apps.core.money import plain
from apps.settlement import services
from apps.settlement.models import ClearingNotice, Settlement, SettlementPolicy
from apps.settlement.selectors.settlements import story
from apps.settlement.services import Decision
from apps.tenants.admin import ReadOnlyAdmin, table
from apps.tenants.selectors import names_of

Decide = Callable[[int, UUID, Decision], object]


class DecisionForm(ActionForm):
    """What is to be done with those that are selected, and why."""

    reason = forms.CharField(
        required=False, widget=forms.TextInput(attrs={"placeholder": "Reason", "maxlength": 1000})
    )


class NeedsPersonFilter(admin.SimpleListFilter):
    """The manual queue."""

    title = "manual queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What waits for somebody; and what of it is nobody's yet."""
        return [("person", "Needs a person"), ("nobody", "Nobody's yet")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Settlement]
    ) -> QuerySet[Settlement]:
        """Those."""
        if self.value() is None:
            return queryset
        waiting = queryset.filter(attention_at__isnull=False)
        return waiting.filter(assigned_to="") if self.value() == "nobody" else waiting


@admin.register(Settlement)
class SettlementAdmin(ReadOnlyAdmin):
    """Settlements, newest first; one with its steps; the queue's decisions."""

    list_display = ("symbol", "movement", "quantity_", "account_number", "due_on", "state", "code",
                    "assigned_to", "attention_at", "tenant")  # fmt: skip
    list_filter = ("tenant", NeedsPersonFilter, "state", "kind", "due_on")
    list_select_related = ("tenant",)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("=account_number", "=symbol")
    search_help_text = "An account's number or a symbol; an id of a settlement or a trade."
    fields = (
        ("symbol", "movement", "quantity_", "settled_"),
        ("to_move", "moved"),
        ("account_number", "counterparty", "clearing", "reference"),
        ("trade_id", "version_no", "kind", "original"),
        ("currency", "cash"),
        ("trade_date", "due_on", "window_at", "is_late"),
        ("state", "code", "detail"),
        ("attention_at", "assigned_to"),
        ("tries", "next_at", "may_be_out", "instruction_id"),
        ("opened_at", "instructed_at", "settled_at", "tenant"),
        "proposed",
        "history",
        "told",
    )
    readonly_fields = ("quantity_", "settled_", "to_move", "moved", "cash", "proposed", "history",
                       "told")  # fmt: skip
    action_form = DecisionForm
    actions = ("retry", "propose", "approve", "refuse", "compensate", "take", "comment")

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether this person may decide about settlements."""
        return bool(request.user.has_perm("settlement.change_settlement"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Settlement], search_term: str
    ) -> tuple[QuerySet[Settlement], bool]:
        """Ids as a whole, too."""
        try:
            uid = UUID(search_term.strip())
        except ValueError:
            found, may_repeat = super().get_search_results(request, queryset, search_term)
            return found, bool(may_repeat)
        return queryset.filter(pk=uid) | queryset.filter(trade_id=uid), False

    @admin.action(description="Retry", permissions=["decide"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Settlement]) -> None:
        """Try again."""
        self._decide(request, queryset, services.retry, "tried again")

    @admin.action(description="Settled outside: propose", permissions=["decide"])
    def propose(self, request: HttpRequest, queryset: QuerySet[Settlement]) -> None:
        """The first of two people."""
        self._decide(request, queryset, _says("propose"), "proposed to a second person")

    @admin.action(description="Settled outside: confirm another's", permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Settlement]) -> None:
        """The second."""
        self._decide(request, queryset, _says("approve"), "settled by hand")

    @admin.action(description="Settled outside: refuse another's", permissions=["decide"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[Settlement]) -> None:
        """Or not."""
        self._decide(request, queryset, _says("refuse"), "refused")

    @admin.action(description="Cancel and compensate", permissions=["decide"])
    def compensate(self, request: HttpRequest, queryset: QuerySet[Settlement]) -> None:
        """Undo them, with their trades."""
        self._decide(request, queryset, services.compensate, "cancelled")

    @admin.action(description="Take", permissions=["decide"])
    def take(self, request: HttpRequest, queryset: QuerySet[Settlement]) -> None:
        """Work on them."""

        def assign(tenant: int, uid: UUID, decision: Decision) -> None:
            services.assign(tenant, uid, decision, to=request.user.get_username())

        self._decide(request, queryset, assign, "yours")

    @admin.action(description="Comment", permissions=["decide"])
    def comment(self, request: HttpRequest, queryset: QuerySet[Settlement]) -> None:
        """Say something about them."""
        self._decide(request, queryset, services.comment, "commented on")

    def _decide(
        self, request: HttpRequest, chosen: QuerySet[Settlement], decide: Decide, word: str
    ) -> None:
        decision = _decision(request)
        for one in chosen.order_by("id"):
            try:
                decide(one.tenant_id, one.pk, decision)
            except DomainError as error:
                messages.error(request, f"{one}: {error}")
            else:
                messages.success(request, f"{one.symbol}, {one.account_number}: {word}.")
                self.log_change(request, one, f"{word}: {decision.reason}")

    @admin.display(description="quantity")
    def quantity_(self, one: Settlement) -> str:
        """All of it, in units of the trade; behind a split with what that is today."""
        if one.units_to_move == one.open_quantity:
            return plain(one.quantity)
        return f"{plain(one.quantity)} ({plain(one.units_to_move)} of today to move)"

    @admin.display(description="settled")
    def settled_(self, one: Settlement) -> str:
        """What of it is in the ledger."""
        return plain(one.settled)

    @admin.display(description="units to move")
    def to_move(self, one: Settlement) -> str:
        """In units of today: after a split others than those of the trade."""
        return plain(one.units_to_move)

    @admin.display(description="units moved")
    def moved(self, one: Settlement) -> str:
        """By its ledger entries, each in units of its day."""
        return plain(one.units_moved)

    @admin.display(description="cash")
    def cash(self, one: Settlement) -> str:
        """At clearing, and the client's."""
        client = ", ".join(f"{amount} {name}" for name, amount in one.client_cash.items())
        return f"{plain(one.amount)} at clearing; the client {client or 'nothing'}"

    @admin.display(description="steps")
    def history(self, one: Settlement) -> str:
        """What was done, in order."""
        steps = story(one.tenant_id, one.pk).steps
        names = names_of(one.tenant_id, [step.by for step in steps])
        rows = [
            [f"{step.started_at:%Y-%m-%d %H:%M:%S}", step.step, step.attempt,
             f"{step.from_state} → {step.to_state}",
             names.get(step.by, step.by) or "the machine", step.error or step.note]
            for step in steps
        ]  # fmt: skip
        return table(["At (UTC)", "Step", "Try", "State", "By", "What was said"], rows)

    @admin.display(description="settled by hand")
    def proposed(self, one: Settlement) -> str:
        """Who says that it has settled outside, and what a second person made of it."""
        proposals = story(one.tenant_id, one.pk).proposals
        people = [name for row in proposals for name in (row.proposed_by, row.decided_by) if name]
        names = names_of(one.tenant_id, people)
        words = {None: "waits for a second person", True: "confirmed", False: "refused"}
        rows = [
            [f"{row.proposed_at:%Y-%m-%d %H:%M:%S}", names.get(row.proposed_by, row.proposed_by),
             row.reason, words[row.is_approved],
             names.get(row.decided_by or "", row.decided_by or ""), row.decision_reason]
            for row in proposals
        ]  # fmt: skip
        return table(["At (UTC)", "Proposed by", "Reason", "State", "Decided by", "Why"], rows)

    @admin.display(description="notices")
    def told(self, one: Settlement) -> str:
        """What the clearing system told."""
        rows = [
            [f"{notice.at:%Y-%m-%d %H:%M:%S}", notice.kind, notice.code,
             "" if notice.quantity is None else plain(notice.quantity),
             "" if notice.amount is None else plain(notice.amount), notice.state, notice.reason]
            for notice in story(one.tenant_id, one.pk).notices
        ]  # fmt: skip
        return table(["At (UTC)", "Kind", "Code", "Quantity", "Amount", "State", "Reason"], rows)


@admin.register(SettlementPolicy)
class SettlementPolicyAdmin(ReadOnlyAdmin):
    """How tenants settle; decided over the API (`PUT /api/v1/settlements/policy`), with a reason."""

    list_display = ("tenant", "short_deliveries", "reason", "decided_by", "decided_at")
    list_select_related = ("tenant",)
    ordering = ("tenant",)


@admin.register(ClearingNotice)
class ClearingNoticeAdmin(ReadOnlyAdmin):
    """What clearing systems told, the newest first; what fits nothing is resolved here."""

    list_display = ("received_at", "system", "kind", "instruction", "state", "reason", "tenant")
    list_filter = ("tenant", "state", "system", "kind")
    list_select_related = ("tenant",)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("=instruction", "=notice_id")
    action_form = DecisionForm
    actions = ("resolve",)

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether this person may resolve notices."""
        return bool(request.user.has_perm("settlement.change_clearingnotice"))

    @admin.action(description="Resolve", permissions=["decide"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[ClearingNotice]) -> None:
        """Say what they were about."""
        decision = _decision(request)
        for one in queryset.order_by("id"):
            try:
                services.resolve_notice(one.tenant_id, one.pk, decision)
            except DomainError as error:
                messages.error(request, f"{one}: {error}")
            else:
                messages.success(request, f"{one}: resolved.")
                self.log_change(request, one, f"resolved: {decision.reason}")


def _says(said: str) -> Decide:
    def decide(tenant: int, uid: UUID, decision: Decision) -> None:
        services.settle_by_hand(tenant, uid, decision, said)

    return decide


def _decision(request: HttpRequest) -> Decision:
    return Decision(f"user:{request.user.pk}", request.POST.get("reason", ""))
