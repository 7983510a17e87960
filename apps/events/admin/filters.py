"""Filters whose choices come from the code, not from a DISTINCT over the log."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.events import registry
from apps.events.contracts import TOPICS, contracts
from apps.tenants.models import Tenant


class CodeFilter(ABC, admin.SimpleListFilter):
    """A filter on one column, whose name is the parameter's."""

    @abstractmethod
    def names(self) -> Iterable[str]:
        """What can be chosen."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Value and label of each choice."""
        return [(name, name) for name in self.names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows that have the chosen value."""
        chosen = {str(self.parameter_name): self.value()}
        return queryset.filter(**chosen) if self.value() else queryset


class TopicFilter(CodeFilter):
    """By topic."""

    title = "topic"
    parameter_name = "topic"

    def names(self) -> Iterable[str]:
        """Every topic."""
        return TOPICS


class NameFilter(CodeFilter):
    """By the event's name."""

    title = "name"
    parameter_name = "name"

    def names(self) -> Iterable[str]:
        """Every contract's."""
        return [contract.name for contract in contracts()]


class HandlerFilter(CodeFilter):
    """By handler."""

    title = "handler"
    parameter_name = "handler"

    def names(self) -> Iterable[str]:
        """Every registered one."""
        return [found.name for found in registry.handlers()]


class JobFilter(CodeFilter):
    """By clock job."""

    title = "job"
    parameter_name = "job"

    def names(self) -> Iterable[str]:
        """Every registered one."""
        return [job.name for job in registry.jobs()]


class TenantFilter(admin.SimpleListFilter):
    """By tenant; the log knows it by number only."""

    title = "tenant"
    parameter_name = "tenant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every tenant."""
        return [
            (str(pk), slug)
            for pk, slug in Tenant.objects.order_by("slug").values_list("pk", "slug")
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows of the chosen one."""
        chosen = self.value() or ""
        return queryset.filter(tenant_id=int(chosen)) if chosen.isdecimal() else queryset


def tenant_names() -> dict[int, str]:
    """Tenants' slugs by number, for columns that hold the number."""
    return dict(Tenant.objects.values_list("pk", "slug"))
