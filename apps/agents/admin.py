"""The back office's window on agents and their work. What changes goes through services."""

from typing import Any

from django.contrib import admin
from django.contrib.messages import SUCCESS
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator

from apps.agents import services
from apps.agents.models import (
    Agent,
    AgentSkill,
    Assignment,
    DriftCheck,
    RoutingPolicy,
    Schedule,
    ScheduleException,
    ScheduleHours,
    StatusChange,
    Team,
    Work,
)


class ReadOnlyAdmin(ModelAdmin):
    """Seen, searched and filtered, never changed. Pages are not counted: tables are large."""

    show_full_result_count = False
    paginator = InfinitePaginator

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class SkillInline(TabularInline):
    """What an agent can do."""

    model = AgentSkill
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Through the API: a change of skills is a fact."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """See above."""
        return False


@admin.register(Agent)
class AgentAdmin(ReadOnlyAdmin):
    """Who serves, and what they are doing; buttons set a status."""

    list_display = ("name", "user", "status", "status_since", "load", "capacity", "team", "tenant")
    list_filter = ("tenant", "status", "team")
    list_select_related = ("tenant", "user", "team")
    search_fields = ("name", "user__username")
    ordering = ("tenant", "name")
    inlines = (SkillInline,)
    actions = ("take_offline",)

    @admin.action(description="Take offline; what they have waits again")
    def take_offline(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        """For an agent who went home without signing out."""
        for row in queryset:
            services.set_status(
                row.tenant_id,
                row.pk,
                "offline",
                reason="by the back office",
                by=f"user:{request.user.pk}",
            )
        self.message_user(request, f"{queryset.count()} taken offline.", SUCCESS)


@admin.register(StatusChange)
class StatusChangeAdmin(ReadOnlyAdmin):
    """Who was doing what when."""

    list_display = ("agent", "status", "reason", "by", "since", "until", "tenant")
    list_filter = ("tenant", "status")
    list_select_related = ("tenant", "agent")
    search_fields = ("agent__name",)
    ordering = ("-id",)


class AssignmentInline(TabularInline):
    """Who had it."""

    model = Assignment
    extra = 0
    can_delete = False
    fields = ("agent", "state", "how", "offered_at", "accepted_at", "ended_at", "outcome", "reason")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(Work)
class WorkAdmin(ReadOnlyAdmin):
    """What waits, is served, or was; buttons put it back into the line."""

    list_display = ("work_id", "state", "channel", "priority", "queued_at", "outcome", "tenant")
    list_filter = ("tenant", "state", "channel", "outcome")
    list_select_related = ("tenant",)
    search_fields = ("work_id",)
    ordering = ("-id",)
    inlines = (AssignmentInline,)
    actions = ("put_back",)

    @admin.action(description="Put back into the line, at its old place")
    def put_back(self, request: HttpRequest, queryset: QuerySet[Work]) -> None:
        """For work that its agent does not look at."""
        chosen = list(queryset.filter(state__in=["offered", "assigned"]))
        for row in chosen:
            services.release_work(row.tenant_id, row.work_id, reason="by the back office")
        self.message_user(request, f"{len(chosen)} put back.", SUCCESS)


@admin.register(DriftCheck)
class DriftCheckAdmin(ReadOnlyAdmin):
    """How far the matching state in Redis was from the tables; aim: 0."""

    list_display = (
        "tenant", "checked_at", "compared", "drifted", "drifted_total", "rebuilds_total",
    )  # fmt: skip
    list_select_related = ("tenant",)
    actions = ("compare_now",)

    @admin.action(description="Compare and mend now")
    def compare_now(self, request: HttpRequest, queryset: QuerySet[DriftCheck]) -> None:
        """Without waiting for the sweep."""
        mended = sum(services.mend(row.tenant_id) for row in queryset)
        self.message_user(request, f"{mended} copies had drifted.", SUCCESS)


@admin.register(RoutingPolicy)
class RoutingPolicyAdmin(ReadOnlyAdmin):
    """Rules of matching; they are changed through the API, which checks and tells."""

    list_display = ("tenant", "strategy", "auto_accept", "offer_time", "wrap_up", "updated_at")
    list_select_related = ("tenant",)


@admin.register(Team)
class TeamAdmin(ReadOnlyAdmin):
    """Agents to whom work can be given as a group."""

    list_display = ("name", "schedule", "tenant")
    list_filter = ("tenant",)
    list_select_related = ("tenant", "schedule")
    search_fields = ("name",)


class HoursInline(TabularInline):
    """Weekly hours."""

    model = ScheduleHours
    extra = 0


class ExceptionInline(TabularInline):
    """Days that are not like their weekday."""

    model = ScheduleException
    extra = 0


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """Hours, with exceptions."""

    list_display = ("name", "zone", "tenant")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("name",)
    inlines = (HoursInline, ExceptionInline)
