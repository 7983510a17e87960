"""Widgets: their keys, the sites that may show them, and how they look."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminColorInputWidget

from apps.conversations import services
from apps.conversations.models import Widget
from apps.conversations.services import WidgetTerms
from apps.tenants.admin import ask_first

TERMS = tuple(WidgetTerms.__dataclass_fields__)


class WidgetForm(forms.ModelForm):  # type: ignore[type-arg] # generic in stubs only
    """A widget, with every fault at its field."""

    class Meta:
        model = Widget
        fields = ("tenant", *TERMS)
        widgets = {"accent": UnfoldAdminColorInputWidget()}

    def clean(self) -> dict[str, Any]:
        """The same rules as over the API."""
        found = super().clean() or {}
        terms = WidgetTerms(**{name: found[name] for name in TERMS if found.get(name) is not None})
        for fault in services.widget_faults(terms) if "name" in found else ():
            if fault["field"] not in self.errors:
                self.add_error(fault["field"], fault["detail"])
        return found


@admin.register(Widget)
class WidgetAdmin(ModelAdmin):
    """Widgets on the tenants' sites."""

    form = WidgetForm
    list_display = ("name", "key", "sites", "theme", "is_active", "tenant")
    list_filter = ("tenant", "is_active")
    list_select_related = ("tenant",)
    ordering = ("pk",)
    search_fields = ("name__icontains", "=key")
    search_help_text = "A name or a whole key."
    actions = ("renew_keys",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A widget does not change hands: its visitors are customers of its tenant."""
        return () if obj is None else ("key", "tag", "tenant")

    @admin.display(description="Sites")
    def sites(self, row: Widget) -> str:
        """Where it may be shown besides our own pages."""
        return ", ".join(row.origins) or "our own pages only"

    @admin.display(description="Line for the site")
    def tag(self, row: Widget) -> SafeString:
        """What goes into a page; the address of this server before it."""
        line = '<script async src="https://…{}" data-key="{}"></script>'
        return format_html("<code>{}</code>", line.format(static("web/widget.js"), row.key))

    @admin.action(
        description="New key: pages with the old one show nothing any more", permissions=["change"]
    )
    def renew_keys(self, request: HttpRequest, queryset: QuerySet[Widget]) -> HttpResponse | None:
        """Through the service, once somebody has said so twice."""
        text = "Pages with the present keys show nothing until they have the new ones."
        if page := ask_first(self, request, queryset, title="Give them new keys", text=text):
            return page
        for row in queryset:
            found = services.renew_key(row.tenant_id, row.pk)
            messages.success(request, f"{row} has the key {found.key} from now on.")
        return None

    def save_model(self, request: HttpRequest, obj: Widget, form: Any, change: bool) -> None:
        """Through the service."""
        terms = WidgetTerms(**{name: getattr(obj, name) for name in TERMS})
        if change:
            services.change_widget(obj.tenant_id, obj.pk, terms)
        else:
            made = services.create_widget(
                obj.tenant_id, **{name: getattr(obj, name) for name in TERMS}
            )
            obj.pk, obj.key = made.id, made.key

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: it is switched off, and its visitors' conversations stay."""
        return False
