"""Rows are found by whole ids: the tables are too large for anything else."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from apps.tenants.admin import ReadOnlyAdmin


class ById(ReadOnlyAdmin):
    """Searched by an id of its own, or of what it belongs to."""

    search_fields = ("=id",)
    search_help_text = "A whole id."
    id_fields: tuple[str, ...] = ("pk",)
    text_fields: tuple[str, ...] = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the indexes that there are."""
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(pk__in=[])
        for name in self.text_fields:
            wanted |= Q(**{name: term})
        try:
            uid = UUID(term)
        except ValueError:
            return queryset.filter(wanted), False
        for name in self.id_fields:
            wanted |= Q(**{name: uid})
        return queryset.filter(wanted), False
