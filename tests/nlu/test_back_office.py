"""The back office of providers: credentials go in and never come out; turns are seen without texts."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.nlu import services
from apps.nlu.models import Example, Provider, TrainedModel, Turn, Usage
from apps.nlu.services import secrets
from apps.tenants.models import Tenant, User
from apps.tenants.services import create_tenant
from tests.nlu.cast import pairs

SECRET = "sk-live-0123456789"
TERMS = {"name": "cx", "kind": "dialogflow_cx", "enabled": "on", "order": "1",
         "url": "https://cx.test", "settings": "{}", "cost_per_call": "0.002", "per_minute": "600",
         "threshold": "0.4", "thresholds": '{"balance": 0.7}', "languages": "en,de",
         "secret_variable": ""}  # fmt: skip


@pytest.fixture
def office(tenant: Tenant, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


def page(office: Client, name: str, *args: object) -> str:
    answer = office.get(reverse(f"admin:{name}", args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def save(office: Client, tenant: Tenant, row: Provider | None = None, **given: str) -> str:
    name, args = ("change", [row.pk]) if row else ("add", [])
    where = reverse(f"admin:nlu_provider_{name}", args=args)
    answer = office.post(where, TERMS | {"tenant": str(tenant.pk)} | given, follow=True)
    return answer.content.decode()


def test_credentials_are_kept_sealed_and_never_shown(office: Client, tenant: Tenant) -> None:
    page(office, "nlu_provider_add")
    said = save(office, tenant, credentials=SECRET)
    row = Provider.objects.get()

    assert secrets.opened(row.secret, "") == SECRET
    assert SECRET not in row.secret
    shown = page(office, "nlu_provider_change", row.pk)
    listed = page(office, "nlu_provider_changelist")
    assert not [text for text in (said, shown, listed) if SECRET in text or row.secret in text]
    assert (row.thresholds, row.languages) == ({"balance": 0.7}, ["en", "de"])


def test_a_change_of_terms_keeps_the_credentials_and_disbelieves_the_cache(
    office: Client, tenant: Tenant
) -> None:
    save(office, tenant, credentials=SECRET)
    before = Provider.objects.get()
    save(office, tenant, before, threshold="0.6")
    after = Provider.objects.get()

    assert (after.threshold, after.secret) == (0.6, before.secret)
    assert after.version > before.version


def test_credentials_are_taken_away_only_on_demand(office: Client, tenant: Tenant) -> None:
    save(office, tenant, credentials=SECRET)
    row = Provider.objects.get()
    refused = save(office, tenant, row, credentials="other", forget="on")
    row.refresh_from_db()
    assert "not both" in refused
    assert secrets.opened(row.secret, "") == SECRET

    save(office, tenant, row, forget="on")
    row.refresh_from_db()
    assert row.secret == ""


def test_no_other_variable_of_the_environment_is_read(office: Client, tenant: Tenant) -> None:
    said = save(office, tenant, secret_variable="SECRET_KEY")
    assert "only_secrets_for_this_are_read_from_the_environment" in said
    assert not Provider.objects.exists()


def test_a_mistake_becomes_an_example(office: Client, tenant: Tenant) -> None:
    turn = Turn.objects.create(tenant=tenant, length=9, text="gimme <b>cash</b>", intent="greeting",
                               latency_ms=12, language="en")  # fmt: skip
    where = reverse("admin:nlu_turn_label", args=[turn.pk])
    shown = office.get(where).content.decode()
    assert "gimme &lt;b&gt;cash&lt;/b&gt;" in shown
    refused = office.post(where, {"intent": " "}).content.decode()
    assert "An intent has 1 to 100 printable characters." in refused

    office.post(where, {"intent": "transfer"})
    office.post(where, {"intent": "withdrawal"})  # on second thoughts
    found = [(one.text, one.intent) for one in Example.objects.filter(tenant=tenant)]
    assert found == [("gimme <b>cash</b>", "withdrawal")]


def test_a_text_that_was_not_kept_is_no_example(office: Client, tenant: Tenant) -> None:
    turn = Turn.objects.create(tenant=tenant, length=9, intent="greeting", latency_ms=12)
    where = reverse("admin:nlu_turn_label", args=[turn.pk])

    assert "was not kept" in office.post(where, {"intent": "transfer"}).content.decode()
    assert not Example.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"settings": '"p1"'}, "Settings are an object"), ({"thresholds": "[1]"}, "probabilities"),
     ({"thresholds": '{"balance": 7}'}, "probabilities"),
     ({"thresholds": '{"balance": "high"}'}, "probabilities")],
)  # fmt: skip
def test_terms_that_nobody_could_read_are_refused(
    office: Client, tenant: Tenant, wrong: dict[str, str], said: str
) -> None:
    assert said in save(office, tenant, **wrong)
    assert not Provider.objects.exists()


def test_turns_and_usage_are_seen_and_not_changed(office: Client, tenant: Tenant) -> None:
    turn = Turn.objects.create(tenant=tenant, length=9, text="I am Anna", intent="balance",
                               latency_ms=12, result={"reply": "Dear Anna"})  # fmt: skip
    usage = Usage.objects.create(tenant=tenant)

    for name, row in (("turn", turn), ("usage", usage)):
        shown = page(office, f"nlu_{name}_changelist") + page(office, f"nlu_{name}_change", row.pk)
        assert "Anna" not in shown
        where = reverse(f"admin:nlu_{name}_change", args=[row.pk])
        assert office.post(where, {}).status_code == 403
        assert office.get(reverse(f"admin:nlu_{name}_add")).status_code == 403


def test_one_tenants_model_is_trained_at_a_time(
    office: Client, tenant: Tenant, other: Tenant
) -> None:
    for one in (tenant, other):
        services.add_examples(one.pk, pairs())
    where = reverse("admin:nlu_trainedmodel_train")
    listed = f"{reverse('admin:nlu_trainedmodel_changelist')}?tenant__id__exact={other.pk}"
    asked = office.get(where, headers={"referer": f"http://testserver{listed}"}).content.decode()
    assert f'<option value="{other.pk}" selected>rival</option>' in asked
    assert not TrainedModel.objects.exists()

    empty = create_tenant("empty")[0]
    for wrong in ("", str(empty.pk)):
        office.post(where, {"_form_submitted": "True", "tenant": wrong})
    assert not TrainedModel.objects.exists()

    answer = office.post(where, {"_form_submitted": "True", "tenant": str(other.pk)}, follow=True)
    assert "Model 1 of rival will be trained" in answer.content.decode()
    model = TrainedModel.objects.get()
    assert (model.tenant, model.state, model.progress) == (other, "waiting", 0)


def test_a_model_is_put_to_use_by_a_person_who_was_asked(office: Client, tenant: Tenant) -> None:
    model = TrainedModel.objects.create(tenant=tenant, number=1, state="ready", weights=b"x")
    where = reverse("admin:nlu_trainedmodel_put_to_use", args=[model.pk])

    assert "Read the tenant&#x27;s texts with this model?" in office.get(where).content.decode()
    assert not TrainedModel.objects.filter(in_use=True).exists()
    answer = office.post(where, {"_form_submitted": "True"}, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == reverse("admin:nlu_trainedmodel_changelist")
    model.refresh_from_db()
    assert (model.in_use, model.promoted_by) == (True, "boss")
