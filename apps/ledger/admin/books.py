"""The back office's window on the ledger. Nothing is written here: corrections are entries."""

from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import RangeDateTimeFilter

from apps.core.exceptions import DomainError
from apps.core.money import plain
from apps.ledger import selectors, services
from apps.ledger.models import Asset, Break, JournalEntry, LedgerAccount, ReconciliationRun
from apps.tenants.admin import ReadOnlyAdmin, table


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    """The journal, newest first; an entry with its legs as debits and credits."""

    list_display = ("booked_at", "kind", "source", "owner", "leg_count", "tenant")
    list_display_links = ("booked_at", "source")
    list_filter = ("tenant", "kind", ("booked_at", RangeDateTimeFilter))
    list_filter_submit = True
    list_select_related = ("tenant",)
    ordering = ("-id",)
    sortable_by = ()  # the order of booking is the one that is indexed
    search_fields = ("source",)
    search_help_text = "The beginning of a source, or an id of an entry, a trade or an account."
    fields = (
        ("kind", "source"),
        ("effective_at", "booked_at"),
        "legs",
        "owner",
        "trade_id",
        "reverses",
        "reversal",
        ("id", "tenant", "partition"),
    )
    readonly_fields = ("legs", "reversal")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[JournalEntry], search_term: str
    ) -> tuple[QuerySet[JournalEntry], bool]:
        """By the indexes there are: ids as a whole, sources from their beginning."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            uid = UUID(term)
        except ValueError:
            return queryset.filter(source__startswith=term), False
        found = queryset.filter(Q(id=uid) | Q(trade_id=uid))
        account = None if found.exists() else LedgerAccount.objects.filter(owner=uid).first()
        if account is not None:  # with its tenant, which is how entries of an owner are indexed
            found = queryset.filter(tenant_id=account.tenant_id, owner=uid)
        return found, False

    @admin.display(description="Legs")
    def legs(self, entry: JournalEntry) -> str:
        """Debits and credits, side by side."""
        found = selectors.legs_of([(entry.id, entry.booked_at)])[entry.id]
        if not found:
            return self._absent(entry)
        rows = [
            [
                leg.account,
                leg.owner_number or leg.owner or "house",
                leg.asset,
                plain(leg.amount) if leg.side == "debit" else "",
                plain(leg.amount.copy_abs()) if leg.side == "credit" else "",
            ]
            for leg in found
        ]
        return table(["Account", "Owner", "Asset", "Debit", "Credit"], rows)

    def _absent(self, entry: JournalEntry) -> str:
        """Where the legs of an entry are that has none here: it never shows an empty table."""
        month = selectors.archived_months([entry.booked_at]).get(entry.booked_at)
        if month is None:
            return format_html(
                "Its {} legs are missing, and no archive has them. Look at <code>{}</code>.",
                entry.leg_count,
                "manage.py verify_ledger",
            )
        return format_html(
            "Its {} legs are archived with the postings of {}; the balances count them on. To read"
            " them here again, restore the month: <code>{}</code>.",
            entry.leg_count,
            month,
            selectors.how_to_restore(month),
        )

    @admin.display(description="Reversed by")
    def reversal(self, entry: JournalEntry) -> str:
        """The entry that undid this one, if any."""
        found = JournalEntry.objects.filter(reverses=entry.id).first()
        if found is None:
            return "-"
        where = reverse("admin:ledger_journalentry_change", args=[found.pk])
        return format_html('<a href="{}">{}</a>', where, found)


@admin.register(LedgerAccount)
class LedgerAccountAdmin(ReadOnlyAdmin):
    """The chart of accounts; an account with its balances."""

    list_display = ("code", "owner_number", "owner", "kind", "tenant")
    list_filter = ("tenant", "kind")
    list_select_related = ("tenant",)
    ordering = ("tenant", "owner_number", "code")
    search_fields = ("=owner_number", "=code")
    search_help_text = "An owner's number, or a code."
    fields = ("code", "kind", ("owner_number", "owner"), "balances",
              ("may_be_negative", "may_be_positive"), ("tenant", "opened_at"))  # fmt: skip
    readonly_fields = ("balances",)

    @admin.display(description="Balances")
    def balances(self, account: LedgerAccount) -> str:
        """Per asset; a house account's over all partitions."""
        rows = [
            [one.asset, plain(one.amount), one.version, one.booked_at]
            for one in selectors.account_balances(account.pk)
        ]
        return table(["Asset", "Balance", "Entries", "Last moved"], rows)


@admin.register(Asset)
class AssetAdmin(ReadOnlyAdmin):
    """Currencies and instruments that were ever booked."""

    list_display = ("code", "kind", "scale", "tenant")
    list_filter = ("tenant", "kind")
    list_select_related = ("tenant",)
    ordering = ("tenant", "code")
    search_fields = ("code",)


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(ReadOnlyAdmin):
    """Reconciliations: what was looked at, and what came of it."""

    list_display = ("date", "tenant", "status", "found", "started_by", "finished_at")
    list_filter = ("tenant", "status")
    list_select_related = ("tenant",)
    ordering = ("-date", "tenant")
    fields = (("date", "tenant"), ("status", "found"), "looked", ("since", "until"), "started_by")
    readonly_fields = ("looked",)

    @admin.display(description="Checks")
    def looked(self, run: ReconciliationRun) -> str:
        """Every check with its outcome."""
        rows = [
            [one["name"], one["status"], one["checked"], one["missing"] or one["found"]]
            for one in run.checks
        ]
        return table(["Check", "Outcome", "Looked at", "Found"], rows)


@admin.register(Break)
class BreakAdmin(ReadOnlyAdmin):
    """Breaks, and the work on them."""

    list_display = ("kind", "subject", "expected_", "actual_", "state", "assignee", "opened_at")
    list_filter = ("tenant", "state", "kind")
    ordering = ("-opened_at",)
    search_fields = ("=account", "=asset", "subject__startswith")
    actions = ("take", "explain", "close")

    @admin.display(description="Expected")
    def expected_(self, row: Break) -> str:
        """Without trailing zeros."""
        return "" if row.expected is None else plain(row.expected)

    @admin.display(description="Actual")
    def actual_(self, row: Break) -> str:
        """Without trailing zeros."""
        return "" if row.actual is None else plain(row.actual)

    def has_work_permission(self, request: HttpRequest) -> bool:
        """Whoever may change breaks."""
        return bool(request.user.has_perm("ledger.change_break"))

    @admin.action(description="Take: I look into it", permissions=["work"])
    def take(self, request: HttpRequest, queryset: QuerySet[Break]) -> None:
        """Assign to oneself."""
        self._move(request, queryset, "assigned", "")

    @admin.action(description="Explained: known and harmless", permissions=["work"])
    def explain(self, request: HttpRequest, queryset: QuerySet[Break]) -> None:
        """Mark as explained; the note with the reason is given over the API."""
        self._move(request, queryset, "explained", f"Explained by {request.user}.")

    @admin.action(description="Close: mended", permissions=["work"])
    def close(self, request: HttpRequest, queryset: QuerySet[Break]) -> None:
        """Close."""
        self._move(request, queryset, "closed", f"Closed by {request.user}.")

    def _move(self, request: HttpRequest, rows: QuerySet[Break], state: str, note: str) -> None:
        who = str(request.user)
        for row in rows:
            try:
                services.change_break(
                    row.tenant_id, row.pk, state=state, by=who, note=note, assignee=who
                )
            except DomainError as error:
                messages.error(request, f"{row}: {error}")
            else:
                messages.success(request, f"{row} is {state}.")
