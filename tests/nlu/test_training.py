"""Training: commands, versions, what a person decides, and who trains."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from apps.events.models import EventRecord
from apps.nlu import services
from apps.nlu.exceptions import ExamplesRefused, ModelNotFound, NotPromotable
from apps.nlu.models import Example, TrainedModel
from apps.tenants.models import Tenant
from tests.nlu.cast import csv_of, pairs


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "examples.csv"
    path.write_text(csv_of(pairs()))
    return path


def said(*command: object, **options: object) -> str:
    out = StringIO()
    call_command(*command, stdout=out, **options)
    return out.getvalue()


class TestCommands:
    def test_train_and_evaluate(self, tenant: Tenant, file: Path) -> None:
        trained = json.loads(said("train_nlu", "acme", str(file), json=True))
        assert trained["model"] == 1
        assert trained["accuracy"] > 0.9

        found = json.loads(said("evaluate_nlu", "acme", str(file), json=True))
        assert found["accuracy"] > 0.95
        assert found["in_scope_accuracy"] > 0.95
        assert found["oos_recall"] > 0.5
        assert 0 < found["p50_ms"] <= found["p95_ms"]

    def test_a_second_training_is_the_next_model_in_use(self, tenant: Tenant, file: Path) -> None:
        said("train_nlu", "acme", str(file))
        said("train_nlu", "acme", str(file), keep_examples=True)

        rows = TrainedModel.objects.order_by("number")
        assert [(one.number, one.in_use, one.state) for one in rows] == [
            (1, False, "ready"),
            (2, True, "ready"),
        ]
        assert Example.objects.count() == len(pairs())

    def test_of_another_tenant_there_is_no_model(
        self, tenant: Tenant, other: Tenant, file: Path
    ) -> None:
        said("train_nlu", "acme", str(file))

        with pytest.raises(CommandError, match="no such model"):
            said("evaluate_nlu", "rival", str(file))

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("a,b\n1,2\n", "missing_column"),
            ("text,intent\nhello,\n", "bad_intent"),
            (f"text,intent\n{'x' * 3000},greet\n", "bad_text"),
            ("text,intent\nhello,greet\nhi,greet\n", "too_few_intents"),
            ("text,intent\na,x\nb,x\nc,y\n", "too_few_examples"),
            ("", "missing_column"),
        ],
    )
    def test_what_cannot_be_learned_from_is_refused(
        self, tenant: Tenant, tmp_path: Path, text: str, reason: str
    ) -> None:
        path = tmp_path / "bad.csv"
        path.write_text(text)

        with pytest.raises(CommandError, match=reason):
            said("train_nlu", "acme", str(path))

        assert not TrainedModel.objects.exists()


class TestAskedFor:
    def test_it_is_trained_once_and_waits_for_a_person(self, tenant: Tenant) -> None:
        services.add_examples(tenant.pk, pairs())
        model = services.request_training(tenant.pk, by="ann")

        for _ in range(2):
            services.train_requested(tenant.pk, model.pk)

        model.refresh_from_db()
        assert (model.state, model.progress, model.in_use) == ("ready", 100, False)
        assert model.report["accuracy"] > 0.9
        assert model.report["confusions"] is not None
        names = list(EventRecord.objects.order_by("offset").values_list("name", flat=True))
        assert names == ["nlu.training.requested", "nlu.model.trained"]

    def test_a_bad_end_is_told_at_the_model(self, tenant: Tenant) -> None:
        services.add_examples(tenant.pk, pairs())
        model = services.request_training(tenant.pk, by="ann")
        Example.objects.all().delete()

        services.train_requested(tenant.pk, model.pk)

        model.refresh_from_db()
        assert model.state == "failed"
        assert "ExamplesRefused" in model.note

    def test_too_few_examples_are_refused_at_once(self, tenant: Tenant) -> None:
        with pytest.raises(ExamplesRefused):
            services.request_training(tenant.pk, by="ann")

    def test_a_process_that_ends_badly_is_told_at_the_model(self, tenant: Tenant) -> None:
        services.add_examples(tenant.pk, pairs())
        model = services.request_training(tenant.pk, by="ann")

        # The child reads the product's database, in which this test's tenant does not exist.
        async_to_sync(services.train_in_child)(tenant.pk, model.pk)

        model.refresh_from_db()
        assert model.state == "failed"
        assert "ended with code" in model.note


class TestPromotion:
    def test_only_what_is_ready_and_ones_own(self, tenant: Tenant, other: Tenant) -> None:
        services.add_examples(tenant.pk, pairs())
        model = services.request_training(tenant.pk, by="ann")

        with pytest.raises(NotPromotable):
            services.promote(tenant.pk, model.pk, by="ann")
        with pytest.raises(ModelNotFound):
            services.promote(other.pk, model.pk, by="eve")

    def test_the_database_lets_one_be_in_use_and_only_a_ready_one(self, tenant: Tenant) -> None:
        for number in (1, 2):
            TrainedModel.objects.create(
                tenant=tenant, number=number, state="ready", weights=b"x", in_use=number == 1
            )
        with pytest.raises(IntegrityError, match="one_model_is_in_use"):
            TrainedModel.objects.filter(number=2).update(in_use=True)
        with pytest.raises(IntegrityError, match="only_a_ready_model"):
            TrainedModel.objects.create(tenant=tenant, number=3, in_use=True)


class TestOverHttp:
    def test_the_local_classifier_answers(
        self, tenant: Tenant, client_of: Callable, file: Path
    ) -> None:
        said("train_nlu", "acme", str(file))
        client = client_of(tenant, "agent")

        answer = client.post(
            "/api/v1/nlu/interpretations",
            {"text": "Please show the balance of my savings, ACC-0001"},
            format="json",
        )

        assert answer.status_code == 200
        body = answer.json()
        assert body["intent"] == "balance"
        assert (body["provider"], body["degraded"], body["cached"]) == ("local", False, False)
        assert [one["value"] for one in body["entities"]] == ["ACC-0001"]
        assert set(body) == {"intent", "confidence", "entities", "alternatives", "reply", "provider",
                             "degraded", "cached", "latency_ms"}  # fmt: skip

    def test_without_a_model_nothing_is_understood_and_it_says_so(self, api) -> None:
        body = api.post("/api/v1/nlu/interpretations", {"text": "hello"}, format="json").json()

        assert (body["intent"], body["degraded"]) == ("oos", True)

    @pytest.mark.parametrize(
        ("body", "status"),
        [({}, 400), ({"text": ""}, 400), ({"text": "x" * 2001}, 400), ({"text": None}, 400),
         ({"text": "hi", "language": "e"}, 400), ({"text": "hi", "language": "no-such-language!"}, 400)],
    )  # fmt: skip
    def test_what_is_no_text_is_a_problem(self, api, body: dict, status: int) -> None:
        answer = api.post("/api/v1/nlu/interpretations", body, format="json")

        assert answer.status_code == status
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["errors"]

    def test_who_only_reads_may_not_ask(self, tenant: Tenant, client_of: Callable) -> None:
        client = client_of(tenant, "auditor")

        assert (
            client.post("/api/v1/nlu/interpretations", {"text": "hi"}, format="json").status_code
            == 403
        )
