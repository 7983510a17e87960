"""The back office of language understanding: examples, a tenant's own words, trained models."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse_lazy
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action

from apps.core.exceptions import DomainError
from apps.nlu import services
from apps.nlu.models import EntityValue, Example, TrainedModel
from apps.tenants.models import Tenant

MODELS = reverse_lazy("admin:nlu_trainedmodel_changelist")


@admin.register(Example)
class ExampleAdmin(ModelAdmin):
    """What the classifier learns from."""

    list_display = ("text", "intent", "language", "tenant")
    list_filter = ("tenant", "language", "intent")
    list_select_related = ("tenant",)
    search_fields = ("text", "=intent")
    ordering = ("tenant", "intent", "text")
    show_full_result_count = False


@admin.register(EntityValue)
class EntityValueAdmin(ModelAdmin):
    """Words of a tenant's own that name things."""

    list_display = ("synonym", "kind", "value", "tenant")
    list_filter = ("tenant", "kind")
    list_select_related = ("tenant",)
    search_fields = ("synonym", "value")


@admin.register(TrainedModel)
class TrainedModelAdmin(ModelAdmin):
    """Models: asked for here, trained by a worker, measured, and put to use by a person."""

    list_display = ("number", "tenant", "state", "progress", "in_use", "accuracy", "example_count",
                    "requested_at", "seconds")  # fmt: skip
    list_filter = ("tenant", "state", "in_use")
    list_select_related = ("tenant",)
    ordering = ("tenant", "-number")
    actions_list = ("train",)
    actions_detail = ("put_to_use",)
    fields = (
        ("number", "tenant", "state", "progress"),
        "note",
        ("in_use", "promoted_at", "promoted_by"),
        ("requested_at", "requested_by", "trained_at", "seconds"),
        "example_count",
        "summary",
        "confusions",
        "weakest",
    )
    readonly_fields = ("summary", "confusions", "weakest")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainedModel]:
        """Without the weights, which are megabytes."""
        found: QuerySet[TrainedModel] = super().get_queryset(request)
        return found.defer("weights")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Models are trained, not typed."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was measured stays as it is."""
        return False

    @admin.display(description="Accuracy")
    def accuracy(self, model: TrainedModel) -> str:
        """On the examples that were kept aside."""
        return _percent(model.report.get("accuracy"))

    @admin.display(description="Measured on examples kept aside")
    def summary(self, model: TrainedModel) -> str:
        """The figures that decide."""
        names = {"accuracy": "Right", "in_scope_accuracy": "Right, of those with an intent",
                 "oos_recall": "Found, of those of no intent",
                 "refused": "Wrongly taken for none"}  # fmt: skip
        rows = [[text, _percent(model.report.get(name))] for name, text in names.items()]
        return _table(["", f"of {model.report.get('examples', 0)} examples"], rows)

    @admin.display(description="What is mistaken for what")
    def confusions(self, model: TrainedModel) -> str:
        """The commonest mistakes: where more or clearer examples help most."""
        rows = [
            [row["intent"], row["taken_for"], row["count"]]
            for row in model.report.get("confusions", [])
        ]
        return _table(["Intent", "Taken for", "Times"], rows)

    @admin.display(description="Intents that are found least")
    def weakest(self, model: TrainedModel) -> str:
        """The twenty with the lowest recall."""
        rows = [
            [row["intent"], row["examples"], _percent(row["recall"]), _percent(row["precision"])]
            for row in model.report.get("intents", [])[:20]
        ]
        return _table(["Intent", "Examples", "Found", "Right when said"], rows)

    @action(description="Train from examples", url_path="train", permissions=["train"])
    def train(self, request: HttpRequest) -> HttpResponse:
        """Ask for a model of every tenant that this page is filtered to, or of the only one."""
        tenants = Tenant.objects.filter(pk__in=Example.objects.values("tenant"))
        for tenant in tenants:
            try:
                model = services.request_training(tenant.pk, by=request.user.get_username())
            except DomainError as error:
                self.message_user(request, f"{tenant}: {error}", messages.ERROR)
            else:
                text = f"Model {model.number} of {tenant} will be trained; reload to see how far it is."
                self.message_user(request, text)
        return redirect(MODELS)

    def has_train_permission(self, request: HttpRequest) -> bool:
        """Whoever may write examples may have them learned."""
        return request.user.has_perm("nlu.change_example")

    @action(description="Put to use", url_path="put-to-use", permissions=["train"])
    def put_to_use(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Read the tenant's texts with this model from now on."""
        model = self.get_object(request, object_id)
        try:
            if model is not None:
                services.promote(model.tenant_id, model.pk, by=request.user.get_username())
                self.message_user(request, f"Model {model.number} is in use.")
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
        return redirect(request.META.get("HTTP_REFERER") or MODELS)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.1f} %"


def _table(headers: list[str], rows: list[list[Any]]) -> str:
    if not rows:
        return format_html("{}", "–")
    return render_to_string(
        "unfold/components/table.html", {"table": {"headers": headers, "rows": rows}}
    )
