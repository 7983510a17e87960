"""The demo's bot: made once, asks stand-ins first, and understands what its flows speak of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.conversations.models import Bot, BotFlow
from apps.nlu import services
from apps.nlu.facade import runtime
from apps.nlu.management.stubs.brain import Brain
from apps.nlu.models import Provider, TrainedModel
from apps.nlu.services import reading, recording, terms
from apps.resilience import services as resilience
from apps.tenants.models import Tenant
from config import language

NOBODY = "http://127.0.0.1:1"  # nothing listens there: as when the stand-ins have died


@pytest.fixture(autouse=True)
def _fresh_memory() -> Iterator[None]:
    resilience.forget()
    terms.forget()
    yield
    runtime.stop()
    recording.forget()
    reading.forget()
    terms.forget()


def test_it_is_made_once_and_understands_without_any_provider(tenant: Tenant) -> None:
    for _ in range(2):
        language.set_up(tenant, stubs=NOBODY)
        language.learn(tenant)

    assert Bot.objects.count() == 1
    assert BotFlow.objects.count() == len(language.FLOWS)
    assert TrainedModel.objects.count() == 1
    assert list(Provider.objects.values_list("name", flat=True)) == ["watson", "dialogflow"]
    found = services.interpret(tenant.pk, "what's my balance?")
    assert (found.intent, found.provider, found.degraded) == ("balance", "local", True)


def test_stand_ins_at_another_port_are_found_again_and_a_tenants_own_stay(tenant: Tenant) -> None:
    language.set_up(tenant, stubs=NOBODY)
    own = "https://api.eu-de.assistant.watson.cloud.ibm.com"
    Provider.objects.filter(name="watson").update(url=own)
    language.set_up(tenant, stubs="http://127.0.0.1:2")

    urls = dict(Provider.objects.values_list("name", "url"))
    assert urls == {"watson": own, "dialogflow": "http://127.0.0.1:2/es"}


def test_the_stand_ins_understand_each_example_as_it_was_meant(tmp_path: Path) -> None:
    language.write_examples(tmp_path / "examples.csv")
    brain = Brain.of_file(tmp_path / "examples.csv")

    for text, intent in language.pairs():
        top = brain.understand(text).top
        assert intent == "oos" or (top is not None and top[0] == intent), text


def test_every_intent_of_the_examples_has_a_flow() -> None:
    assert {intent for intent, _, _ in language.FLOWS} == set(language.EXAMPLES) - {"oos"}
