"""The classifier: it learns, refuses what is foreign, survives bytes, and is cheap to read."""

import subprocess
import sys
import time

import numpy as np
import pytest

from apps.nlu.classifier.model import Classifier, dumped, loaded
from apps.nlu.classifier.training import Trained, train
from apps.nlu.interpretation import OUT_OF_SCOPE
from tests.nlu.cast import pairs


@pytest.fixture(scope="module")
def trained() -> Trained:
    found = pairs()
    return train([text for text, _ in found], [intent for _, intent in found])


@pytest.fixture(scope="module")
def model(trained: Trained) -> Classifier:
    return trained.model


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("please show me the balance of savings", "balance"),
        ("my debit card got stolen!", "lost_card"),
        ("i want to trasnfer money from checking", "transfer"),
        ("at what time do you open", "opening_hours"),
        ("recommend a nice pasta recipe with cats", OUT_OF_SCOPE),
        ("", OUT_OF_SCOPE),
        ("🤖🤖🤖", OUT_OF_SCOPE),
    ],
)
def test_it_understands_what_it_has_not_seen(model: Classifier, text: str, intent: str) -> None:
    assert model.classify(text).intent == intent


def test_confidences_are_probabilities_and_alternatives_are_others(model: Classifier) -> None:
    found = model.classify("what is my balance")

    assert 0.5 < found.confidence <= 1
    assert found.intent not in {one.intent for one in found.alternatives}
    assert all(0 <= one.confidence <= found.confidence for one in found.alternatives)


def test_what_was_kept_aside_was_measured(trained: Trained) -> None:
    assert len(trained.actual) == len(trained.predicted) > 30
    right = np.mean([a == b for a, b in zip(trained.actual, trained.predicted, strict=True)])
    assert right > 0.9


def test_bytes_give_the_same_model_again(model: Classifier) -> None:
    again = loaded(dumped(model))

    for text, _ in pairs()[:40]:
        assert again.classify(text).intent == model.classify(text).intent
        assert again.classify(text).confidence == pytest.approx(
            model.classify(text).confidence, abs=0.01
        )


def test_the_same_examples_give_the_same_model(model: Classifier) -> None:
    found = pairs()
    again = train([text for text, _ in found], [intent for _, intent in found]).model

    assert np.array_equal(again.weights, model.weights)


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        loaded(b"no model")


def test_without_examples_of_no_intent_it_still_refuses() -> None:
    found = pairs(outside=False)
    model = train([text for text, _ in found], [intent for _, intent in found]).model

    assert model.classify("zzz qqq xxx").intent == OUT_OF_SCOPE
    assert model.classify("show the balance of my travel").intent == "balance"


def test_two_intents_are_enough() -> None:
    found = [pair for pair in pairs(outside=False) if pair[1] in ("balance", "lost_card")]
    model = train([text for text, _ in found], [intent for _, intent in found]).model

    assert model.classify("someone stole my card").intent == "lost_card"
    assert model.classify("balance of my savings").intent == "balance"


def test_a_text_takes_at_most_five_milliseconds(model: Classifier) -> None:
    text = "please transfer all of the money that is in my savings to the account of a friend"
    took = []
    for _ in range(50):
        started = time.thread_time()
        model.classify(text)
        took.append(time.thread_time() - started)

    assert min(took) < 0.005  # the least: others may be at work on this machine


def test_reading_a_model_imports_nothing_that_trains() -> None:
    program = (
        "import sys; import apps.nlu.classifier.model;"
        "sys.exit(bool({'sklearn', 'scipy', 'django'} & sys.modules.keys()))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_process_that_serves_imports_no_numbers() -> None:
    program = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings';"
        "import config.wsgi; import django.urls; django.urls.get_resolver().url_patterns;"
        "sys.exit(bool({'sklearn', 'scipy', 'numpy'} & sys.modules.keys()))"
    )

    assert (
        subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=False).returncode == 0
    )
