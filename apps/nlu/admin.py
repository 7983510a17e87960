"""The back office of language understanding: examples, words, models, providers, and turns to look at."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminURLInputWidget,
)

from apps.core.exceptions import DomainError
from apps.nlu import selectors, services
from apps.nlu.models import EntityValue, Example, Provider, TrainedModel, Turn, Usage
from apps.tenants.admin import ReadOnlyAdmin, after_dialog, reasons_of, table
from apps.tenants.models import Tenant

MODELS = reverse_lazy("admin:nlu_trainedmodel_changelist")


class TrainForm(BaseDialogForm):
    """Whose examples are learned: one tenant's at a time."""

    tenant = forms.ModelChoiceField(
        Tenant.objects.filter(pk__in=Example.objects.values("tenant")),
        empty_label=None,
        widget=UnfoldAdminSelectWidget(),
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        """The tenant that the list behind it is filtered to comes first."""
        chosen = _filtered_to(request)
        kwargs["initial"] = {"tenant": chosen[0] if chosen else None}
        super().__init__(*args, request=request, **kwargs)


TRAIN = {
    "title": "Train a model from the tenant's examples?",
    "description": (
        "A worker trains and measures it. Texts are read with it once somebody puts it to use."
    ),
    "form_class": TrainForm,
    "form_submit_text": "Train",
}
PUT_TO_USE = {
    "title": "Read the tenant's texts with this model?",
    "description": "From now on, in place of the model that is in use; that one may be put back.",
    "form_class": None,
    "form_submit_text": "Put to use",
}


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

    @action(
        description="Train from examples", url_path="train", permissions=["train"], dialog=TRAIN
    )
    def train(self, request: HttpRequest, form: TrainForm) -> HttpResponse:
        """Ask for a model of the tenant that was chosen in the dialog, and sent by POST."""
        tenant = form.cleaned_data["tenant"]
        try:
            model = services.request_training(tenant.pk, by=request.user.get_username())
        except DomainError as error:
            self.message_user(request, f"{tenant}: {' '.join(reasons_of(error))}", messages.ERROR)
        else:
            text = f"Model {model.number} of {tenant} will be trained; reload to see how far it is."
            self.message_user(request, text)
        return after_dialog(request, str(MODELS))

    def has_train_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may write examples may have them learned."""
        return request.user.has_perm("nlu.change_example")

    @action(
        description="Put to use", url_path="put-to-use", permissions=["train"], dialog=PUT_TO_USE
    )
    def put_to_use(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Read the tenant's texts with this model from now on; asked for by POST, after the dialog."""
        model = self.get_object(request, object_id)
        try:
            if model is not None:
                services.promote(model.tenant_id, model.pk, by=request.user.get_username())
                self.message_user(request, f"Model {model.number} is in use.")
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
        return after_dialog(request, str(MODELS))


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable when it runs
    """A provider's terms; its credentials go in and never come out."""

    url = forms.URLField(
        max_length=300, assume_scheme="https", widget=UnfoldAdminURLInputWidget(),
        help_text="Without a path: https://host",
    )  # fmt: skip
    credentials = forms.CharField(
        required=False, strip=True, max_length=20_000, widget=UnfoldAdminPasswordWidget(),
        help_text="API key, or a service account's JSON in one line. Kept encrypted and never shown; "
        "empty leaves what is kept.",
    )  # fmt: skip
    forget = forms.BooleanField(required=False, label="Take the kept credentials away")

    class Meta:
        model = Provider
        fields = ("tenant", "name", "kind", "enabled", "order", "url", "settings",
                  "secret_variable", "cost_per_call", "per_minute", "threshold", "thresholds",
                  "languages")  # fmt: skip

    def clean_settings(self) -> dict[str, Any]:
        """An object."""
        found = self.cleaned_data["settings"]
        if not isinstance(found, dict):
            raise forms.ValidationError('Settings are an object: {"project": "p1"}.')
        return found

    def clean_thresholds(self) -> dict[str, float]:
        """Intents and probabilities."""
        found = self.cleaned_data["thresholds"]
        if not isinstance(found, dict) or not all(map(_is_chance, found.values())):
            raise forms.ValidationError('Thresholds are probabilities by intent: {"balance": 0.7}.')
        return found

    def clean(self) -> dict[str, Any]:
        """Either new ones, or none."""
        found: dict[str, Any] = super().clean() or {}
        if found.get("credentials") and found.get("forget"):
            raise forms.ValidationError("New credentials, or none: not both.")
        return found


def _is_chance(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


@admin.register(Provider)
class ProviderAdmin(ModelAdmin):
    """Who is asked, in which order, on which terms."""

    form = ProviderForm
    list_display = ("name", "tenant", "kind", "enabled", "order", "url", "cost_per_call",
                    "per_minute", "has_credentials")  # fmt: skip
    list_filter = ("tenant", "kind", "enabled")
    list_select_related = ("tenant",)
    search_fields = ("name",)
    fields = (
        ("tenant", "name", "kind"), ("enabled", "order"), "url", "settings",
        ("credentials", "forget"), "secret_variable", ("cost_per_call", "per_minute"),
        ("threshold", "thresholds"), "languages",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        """Without the secrets themselves."""
        found: QuerySet[Provider] = super().get_queryset(request)
        return found.defer("secret").annotate(is_kept=~Q(secret=""))

    @admin.display(description="Credentials", boolean=True)
    def has_credentials(self, row: Provider) -> bool:
        """Whether there are any, here or in the environment."""
        return bool(getattr(row, "is_kept", False) or row.secret_variable)

    def save_model(
        self, request: HttpRequest, obj: Provider, form: ProviderForm, change: Any
    ) -> None:
        """Save the terms; answers given under the old ones are not believed any more."""
        super().save_model(request, obj, form, change)
        given = form.cleaned_data["credentials"]
        if given or form.cleaned_data["forget"]:
            services.keep_secret(obj, given)
        else:
            services.provider_changed(obj)


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin):
    """How a tenant wants its providers used."""

    list_display = ("tenant", "choice", "race", "hedge_percent", "cache", "local_threshold",
                    "keep_texts")  # fmt: skip
    list_select_related = ("tenant",)


@admin.register(Turn)
class TurnAdmin(ReadOnlyAdmin):
    """What became of each question, without what was written."""

    list_display = ("at", "tenant", "intent", "confidence", "provider", "latency_ms", "degraded",
                    "cached", "language", "length")  # fmt: skip
    list_filter = ("tenant", "provider", "degraded", "cached")
    list_select_related = ("tenant",)
    search_fields = ("=conversation",)
    ordering = ("-at",)
    fields = ("at", "tenant", "conversation", "language", "length", "intent", "confidence",
              "provider", "degraded", "cached", "shared", "latency_ms", "attempts")  # fmt: skip
    actions_detail = ("label",)

    def has_label_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may write examples: it shows what a person wrote."""
        return bool(request.user.has_perm("nlu.add_example"))

    @action(description="Make it an example", url_path="label", permissions=["label"])
    def label(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what was meant; the next training learns it."""
        turn: Turn | None = self.get_object(request, object_id)
        if turn is None:
            return redirect("admin:nlu_turn_changelist")
        try:
            if request.method == "POST":
                services.label(turn.tenant_id, turn.pk, request.POST.get("intent", ""))
                self.message_user(
                    request, "It is an example now. Train a model to have it learned."
                )
                return redirect("admin:nlu_turn_change", turn.pk)
        except DomainError as error:
            self.message_user(request, " ".join(reasons_of(error)), messages.ERROR)
        intents = sorted(selectors.known_intents(turn.tenant_id))
        context = {"title": "What did this mean?", "turn": turn, "intents": intents}
        return render(request, "nlu/label.html", self.admin_site.each_context(request) | context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Turn]:
        """Without texts and answers."""
        found: QuerySet[Turn] = super().get_queryset(request)
        return found.defer("text", "result")


def _filtered_to(request: HttpRequest) -> list[int]:
    """The tenants that the list is filtered to, from which an action was called."""
    query = parse_qs(urlsplit(request.META.get("HTTP_REFERER", "")).query)
    return [int(one) for one in query.get("tenant__id__exact", []) if one.isdecimal()]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.1f} %"


def _table(headers: list[str], rows: list[list[Any]]) -> str:
    if not rows:
        return format_html("{}", "–")
    return table(headers, rows)
