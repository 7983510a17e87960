"""The back office's window on tenants, members and keys."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.paginator import InfinitePaginator

from apps.core.exceptions import DomainError
from apps.tenants import services
from apps.tenants.models import ApiKey, Membership, Tenant, User

admin.site.unregister(Group)  # roles come from memberships


def after_dialog(request: HttpRequest, where: str) -> HttpResponse:
    """On to another page, also from a dialog, which only replaces a part of the page it is in."""
    if "HX-Request" in request.headers:
        return HttpResponse(headers={"HX-Redirect": where})
    return HttpResponseRedirect(where)


def ask_first(
    office: ModelAdmin, request: HttpRequest, rows: QuerySet[Any], *, title: str, text: str
) -> HttpResponse | None:
    """The page that asks before an action is taken that nobody can take back; None once it was answered."""
    if request.POST.get("confirmed") == "yes":
        return None
    context = office.admin_site.each_context(request) | {
        "title": title,
        "text": text,
        "rows": rows,
        "action": request.POST.get("action", ""),
    }
    return render(request, "tenants/confirm.html", context)


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of the admin's theme."""
    return render_to_string(
        "unfold/components/table.html", {"table": {"headers": headers, "rows": list(rows)}}
    )


def reasons_of(error: DomainError) -> list[str]:
    """A refusal as a person reads it: all its reasons, else what it says of itself."""
    found = error.facts.get("errors")
    faults = found if isinstance(found, list) else []
    return [f"{one['field']}: {one['detail']}".removeprefix(": ") for one in faults] or [str(error)]


class ReadOnlyAdmin(ModelAdmin):
    """Seen, searched and filtered, never changed. Pages are not counted: tables are large."""

    show_full_result_count = False
    paginator = InfinitePaginator
    actions: Sequence[str] | None = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    """A form whose fields a service checks and writes, so that its refusal is shown beside them."""

    by = ""
    """Who fills it in: `user:<id>` (`WithServiceForm` says so)."""
    call: Callable[[dict[str, Any]], models.Model]
    """Calls the service with what was filled in; the row that it wrote. Raises `DomainError`."""
    row: models.Model

    def clean(self) -> dict[str, Any]:
        """Written here, once the fields can be read."""
        given = super().clean() or {}
        if not self.errors:
            try:
                self.row = self.call(given)
            except DomainError as error:
                raise forms.ValidationError(reasons_of(error)) from error
        return given

    def _post_clean(self) -> None:
        """The service has checked and written it."""

    def save(self, commit: bool = True) -> models.Model:
        """The row, which is there already."""
        return self.row

    def save_m2m(self) -> None:
        """Nothing of that kind."""


class SavedByService(ModelAdmin):
    """Forms that call services: those open their own transaction, and the admin opens none around it."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """What is sent, without Django's transaction; what is shown, as always."""
        if request.method == "POST":
            return self._changeform_view(request, object_id, form_url, extra_context)
        return super().changeform_view(request, object_id, form_url, extra_context)


class WithServiceForm(SavedByService):
    """What is added through a `ServiceForm`."""

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """The form that knows who fills it in."""
        form = super().get_form(request, obj, change, **kwargs)
        form.by = f"user:{request.user.pk}"
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form's service call has written it."""


@admin.register(Tenant)
class TenantAdmin(ModelAdmin):
    """Tenants; they are never deleted, because rows of every kind belong to them."""

    list_display = ("slug", "name", "created_at")
    search_fields = ("slug", "name")
    readonly_fields = ("created_at",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class MembershipInline(TabularInline):
    """A person's places."""

    model = Membership
    extra = 0


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg] # unfold ships no generics
    """People."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipInline,)


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Keys: seen and revoked here, issued by `manage.py issue_key`, which shows the secret once."""

    list_display = ("prefix", "tenant", "owner", "name", "role", "last_used_at", "expires_at", "revoked_at")  # fmt: skip
    list_filter = ("tenant", "role")
    list_select_related = ("tenant", "owner")
    readonly_fields = (
        "tenant",
        "owner",
        "role",
        "prefix",
        "created_at",
        "last_used_at",
        "revoked_at",
    )
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: the secret could not be shown."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: revoke it."""
        return False

    @admin.action(description="Revoke the selected keys")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        """End the keys, once somebody has said so twice."""
        text = "Whoever uses them is refused within seconds. A key that is revoked stays so."
        if page := ask_first(self, request, queryset, title="Revoke these keys", text=text):
            return page
        for key in queryset:
            services.revoke_key(key)
        messages.success(request, "The keys are revoked.")
        return None
