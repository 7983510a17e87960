"""The question from end to end: terms of the database, turns that are taken once, records, tenants."""

import os
from collections.abc import Callable
from importlib import import_module
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import Sum
from rest_framework.test import APIClient

from apps.events.models import EventRecord
from apps.nlu import services
from apps.nlu.models import CallMinute, Provider, Turn, Usage
from apps.nlu.services import recording, secrets, terms
from apps.resilience import services as resilience
from apps.tenants.models import Tenant
from tests.nlu.cast import pairs
from tests.nlu.stubbed import PLACES, SETTINGS, Server


@pytest.fixture
def _calm(_empty_redis: None) -> None:
    resilience.forget()


def add(tenant: Tenant, server: Server, kind: str = "dialogflow_es", **given: object) -> Provider:
    values = {"name": kind.replace("_", "-"), "kind": kind, "url": f"{server.url}/{PLACES[kind]}",
              "settings": SETTINGS[kind]}  # fmt: skip
    terms.forget()
    # Who answers first is no question of how fast this machine is.
    Usage.objects.get_or_create(tenant=tenant, defaults={"hedge_percent": 0})
    return Provider.objects.create(tenant=tenant, **values | given)


@pytest.mark.usefixtures("_calm")
class TestOverHttp:
    def test_the_tenants_provider_answers_and_it_is_counted(
        self, tenant: Tenant, api: APIClient, stubs: Server
    ) -> None:
        add(tenant, stubs, "dialogflow_es", cost_per_call="0.002")
        bodies = [
            api.post("/api/v1/nlu/interpretations", {"text": text}, format="json").json()
            for text in ("what is my balance", "What is my balance?", "my card ACC-0001 was stolen")
        ]

        assert [(one["intent"], one["cached"]) for one in bodies] == [
            ("balance", False), ("balance", True), ("lost_card", False)
        ]  # fmt: skip
        assert {one["provider"] for one in bodies} == {"dialogflow-es"}
        assert ("account_number", "ACC-0001") in {
            (one["kind"], one["value"]) for one in bodies[2]["entities"]
        }
        recording.flush()
        of = CallMinute.objects.filter  # a minute may have ended in between
        asked = of(role="first", outcome="ok").aggregate(calls=Sum("calls"), cost=Sum("cost"))
        assert (asked["calls"], str(asked["cost"])) == (2, "0.004000")
        assert of(role="answer", outcome="cache").aggregate(Sum("calls"))["calls__sum"] == 1
        assert set(Turn.objects.values_list("text", flat=True)) == {""}

    def test_a_dead_provider_is_replaced_by_what_was_learned(
        self, tenant: Tenant, api: APIClient, stubs: Server
    ) -> None:
        services.train_now(tenant.pk, pairs(), by="ann", promoted=True)
        add(tenant, stubs, url="http://127.0.0.1:1")

        body = api.post(
            "/api/v1/nlu/interpretations", {"text": "balance of the savings please"}, format="json"
        ).json()

        assert (body["provider"], body["intent"], body["degraded"]) == ("local", "balance", True)

    def test_another_tenants_providers_are_not_asked(
        self, other: Tenant, api: APIClient, stubs: Server
    ) -> None:
        add(other, stubs)
        body = api.post(
            "/api/v1/nlu/interpretations", {"text": "hello there"}, format="json"
        ).json()

        assert body["provider"] == "local"
        assert stubs.seen()["calls"] == []

    def test_how_providers_are_used_is_decided_over_http(
        self, tenant: Tenant, other: Tenant, api: APIClient, client_of: Callable[..., APIClient]
    ) -> None:
        where = "/api/v1/nlu/usage"
        defaults = api.get(where).json()
        assert (defaults["choice"], defaults["race"], defaults["keep_texts"]) == ("order", 0, False)
        changed = api.put(where, {"race": 2, "keep_texts": True}, format="json")
        assert (changed.status_code, changed.json()["race"]) == (200, 2)
        again = api.put(where, {"choice": "cost"}, format="json").json()
        assert (again["choice"], again["race"], again["keep_texts"]) == ("cost", 2, True)
        assert terms.terms_of(tenant.pk).terms.race == 2

        refused = api.put(where, {"race": 9, "hedge_percent": -1}, format="json")
        assert (refused.status_code, len(refused.json()["errors"])) == (400, 2)
        assert (
            client_of(tenant, role="agent").put(where, {"race": 1}, format="json").status_code
            == 403
        )
        assert client_of(other).get(where).json() == defaults

    def test_too_little_confidence_is_no_intent(
        self, tenant: Tenant, api: APIClient, stubs: Server
    ) -> None:
        add(tenant, stubs, thresholds={"balance": 0.999})
        body = api.post(
            "/api/v1/nlu/interpretations", {"text": "the balance of mine is what"}, format="json"
        ).json()

        assert body["intent"] == "oos"
        assert body["alternatives"][0]["intent"] == "balance"

    def test_a_provider_is_asked_in_its_languages_only(
        self, tenant: Tenant, api: APIClient, stubs: Server
    ) -> None:
        add(tenant, stubs, "watson", order=1, languages=["de", "pt-BR"])
        add(tenant, stubs, "dialogflow_cx", order=2)
        asked = {
            language: api.post(
                "/api/v1/nlu/interpretations",
                {"text": "what is my balance", "language": language}, format="json",
            ).json()["provider"]
            for language in ("de", "DE-ch", "pt-br", "pt", "en")
        }  # fmt: skip

        assert asked == {"de": "watson", "DE-ch": "watson", "pt-br": "watson",
                         "pt": "dialogflow-cx", "en": "dialogflow-cx"}  # fmt: skip

    def test_the_cheaper_one_is_asked_first_where_cost_decides(
        self, tenant: Tenant, api: APIClient, stubs: Server
    ) -> None:
        add(tenant, stubs, "watson", order=1, cost_per_call="0.01")
        add(tenant, stubs, "dialogflow_cx", order=2, cost_per_call="0.002")
        Usage.objects.filter(tenant=tenant).update(choice="cost")
        terms.forget()
        body = api.post(
            "/api/v1/nlu/interpretations", {"text": "what is my balance"}, format="json"
        ).json()

        assert (body["provider"], body["degraded"]) == ("dialogflow-cx", False)

    def test_a_quota_that_is_used_up_leaves_the_rest_to_the_next(
        self, tenant: Tenant, api: APIClient, stubs: Server
    ) -> None:
        add(tenant, stubs, "watson", order=1, per_minute=4)
        add(tenant, stubs, "dialogflow_cx", order=2)
        asked = [
            api.post(
                "/api/v1/nlu/interpretations", {"text": f"what is my balance {n}"}, format="json"
            ).json()["provider"]
            for n in range(4)
        ]

        assert asked[0] == "watson"  # a quarter of a minute's calls at once: one
        assert asked[-1] == "dialogflow-cx"


@pytest.mark.usefixtures("_calm")
class TestTurns:
    def test_told_again_the_answer_is_the_one_that_was_given(
        self, tenant: Tenant, stubs: Server
    ) -> None:
        add(tenant, stubs, "dialogflow_cx",
            settings=SETTINGS["dialogflow_cx"] | {"stateful": True})  # fmt: skip
        conversation = uuid4()
        found = [
            async_to_sync(services.understand)(
                tenant.pk, "what is my balance", conversation=conversation, turn="m-1"
            )
            for _ in range(3)
        ]

        assert {one.intent for one in found} == {"balance"}
        assert list(stubs.seen()["turns"].values()) == [1]
        assert Turn.objects.count() == 1
        told = EventRecord.objects.get(name="nlu.turn.understood")
        assert (told.key, told.data["turn"]) == (str(conversation), "m-1")
        assert (told.data["intent"], told.data["provider"]) == ("balance", "dialogflow-cx")
        assert "what is my" not in str(told.data)

    def test_a_turn_that_was_begun_and_lost_moves_no_dialog_again(
        self, tenant: Tenant, stubs: Server
    ) -> None:
        add(tenant, stubs, "dialogflow_cx",
            settings=SETTINGS["dialogflow_cx"] | {"stateful": True})  # fmt: skip
        Turn.objects.create(tenant=tenant, key="m-1", length=5)

        found = services.interpret(tenant.pk, "hello there", conversation=uuid4(), turn="m-1")

        assert found.provider == "local"
        assert stubs.seen()["calls"] == []

    def test_contexts_travel_from_turn_to_turn(self, tenant: Tenant, stubs: Server) -> None:
        add(tenant, stubs, "watson")
        conversation = uuid4()
        for number in range(3):
            found = services.interpret(
                tenant.pk, f"hello there {number}", conversation=conversation, turn=f"m-{number}"
            )

        assert found.context["global"]["system"]["turn_count"] == 3


class TestRegistry:
    def test_secrets_are_sealed_and_named_variables_are_of_one_kind(
        self, tenant: Tenant, stubs: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = add(tenant, stubs)
        services.keep_secret(row, "s3cret")
        row.refresh_from_db()
        assert "s3cret" not in row.secret
        assert secrets.opened(row.secret, "") == "s3cret"
        assert row.version == 2
        monkeypatch.setenv("NLU_SECRET_ACME", "of the environment")
        assert secrets.opened("", "NLU_SECRET_ACME") == "of the environment"
        monkeypatch.setitem(os.environ, "SECRET_KEY", "x")
        assert secrets.opened("", "SECRET_KEY") == ""
        with pytest.raises(IntegrityError):
            Provider.objects.filter(pk=row.pk).update(secret_variable="DATABASE_URL")

    def test_a_secret_of_another_installation_leaves_its_provider_out(
        self, tenant: Tenant, stubs: Server, settings
    ) -> None:
        row = add(tenant, stubs)
        services.keep_secret(row, "s3cret")
        former = settings.SECRET_KEY
        settings.SECRET_KEY = "another one, which is as long as it has to be for this purpose"
        terms.forget()
        assert terms.terms_of(tenant.pk).providers == ()

        settings.SECRET_KEY_FALLBACKS = [former]
        terms.forget()
        assert terms.terms_of(tenant.pk).providers[0].secret == "s3cret"

    def test_what_was_sealed_by_a_box_of_its_own_is_sealed_as_all_secrets_are(
        self, tenant: Tenant, stubs: Server
    ) -> None:
        moving = import_module("apps.nlu.migrations.0004_one_sealing")
        old = moving._former().encrypt(b"s3cret").decode()
        row = add(tenant, stubs, secret=old)
        lost = add(tenant, stubs, "watson", secret="of another installation")
        new = add(tenant, stubs, "openai", secret=secrets.sealed("n3w"))
        with transaction.atomic():
            moving._seal_anew(apps, None)
            moving._seal_anew(apps, None)  # again: nothing more to do
        found = dict(Provider.objects.values_list("pk", "secret"))

        assert secrets.opened(found[row.pk], "") == "s3cret"
        assert secrets.opened(found[new.pk], "") == "n3w"
        assert found[lost.pk] == "of another installation"
        with transaction.atomic():
            moving._seal_as_before(apps, None)
        assert (
            moving._former().decrypt(Provider.objects.get(pk=row.pk).secret.encode()) == b"s3cret"
        )

    @pytest.mark.parametrize("wrong", [{"thresholds": {"balance": "high"}}, {"thresholds": [1]},
                                       {"settings": "project p1"}])  # fmt: skip
    def test_terms_that_nobody_can_read_leave_their_provider_out(
        self, tenant: Tenant, stubs: Server, wrong: dict[str, object]
    ) -> None:
        add(tenant, stubs, "watson", **wrong)
        add(tenant, stubs, "dialogflow_cx")

        assert [one.name for one in terms.terms_of(tenant.pk).providers] == ["dialogflow-cx"]

    def test_local_is_nobody_elses_name(self, tenant: Tenant, stubs: Server) -> None:
        with pytest.raises(IntegrityError, match="local_is_our_own"):
            add(tenant, stubs, name="local")

    def test_usage_is_the_tenants(self, tenant: Tenant, other: Tenant) -> None:
        Usage.objects.create(tenant=tenant, race=2, hedge_percent=5)
        terms.forget()

        assert terms.terms_of(tenant.pk).terms.race == 2
        assert terms.terms_of(other.pk).terms.race == 0
