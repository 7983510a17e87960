"""P10: the local classifier, beside what was published of the services that it stands in for."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apps.nlu.classifier.model import Classifier, dumped, loaded
from apps.nlu.classifier.training import train
from apps.nlu.interpretation import OUT_OF_SCOPE
from benchmarks import corpora
from benchmarks.corpora import Part
from benchmarks.measure import Chapter, Series, quantile, take_turns
from benchmarks.options import Options

Say = Callable[[str], None]
ASIDE = 0.2
TIMED = 1_000
"""Texts whose time is taken, one at a time."""

# Read in their sources: Larson et al. 2019 (D19-1131), table 2, oos-train, full; Banking77 model cards
# of fine-tuned DistilRoBERTa and DistilBERT; AutoFAQ/NLU-Evaluation-Scripts, v4, HWU64-30, July 2020.
CLINC150 = {
    "Dialogflow": (91.7, 14.0), "Rasa": (91.5, 45.3), "SVM": (91.0, 14.5), "MLP": (93.5, 47.4),
    "BERT": (96.9, 40.3),
}  # fmt: skip
BANKING77 = {"DistilRoBERTa, fine-tuned": 89.6, "DistilBERT, fine-tuned": 92.5}
HWU64 = {"Dialogflow": 76.1, "LUIS": 78.8, "Watson": 81.0, "Cognigy": 84.6, "AutoFAQ": 85.4}


@dataclass
class Figures:
    """Of one corpus."""

    accuracy: Series
    seconds: Series
    times: list[Series]
    size: Series
    recall: Series | None = None


def run(lab: object, options: Options, say: Say) -> list[Chapter]:
    chapters = [_clinc150(options, say), _banking77(options, say), _hwu64(options, say)]
    if None in chapters:
        say("a corpus is not at hand; what needs it is left out")
    return [chapter for chapter in chapters if chapter is not None]


def _clinc150(options: Options, say: Say) -> Chapter | None:
    parts = corpora.clinc150()
    if parts is None:
        return None
    chapter = Chapter(
        "P10.1",
        "The local classifier: CLINC150",
        "150 intents, 15,000 examples and 100 of no intent; asked are the validation part's 3,000 and 100 of "
        "no intent (the test part is not at hand, so figures beside ours are of another 4,500 and 1,000). "
        "Published: Larson et al. 2019, with examples of no intent.",
    )
    figures = _figures(chapter, "in-scope accuracy")
    figures.recall = chapter.new("out-of-scope recall", "ours", "%")
    for name, (accuracy, recall) in CLINC150.items():
        chapter.new(f"{name}: in-scope accuracy, published", "peer", "%").add(accuracy)
        chapter.new(f"{name}: out-of-scope recall, published", "peer", "%").add(recall)
    take_turns([("CLINC150", lambda: _measure(figures, *parts))], 1, say)
    chapter.at_least("in-scope accuracy (Dialogflow 91.7)", figures.accuracy, 91.7)
    chapter.at_least("out-of-scope recall", figures.recall, 45)
    _hold(chapter, figures)
    return chapter


def _banking77(options: Options, say: Say) -> Chapter | None:
    pairs = corpora.banking77()
    if not pairs:
        return None
    chapter = Chapter(
        "P10.2",
        "The local classifier: Banking77",
        "77 intents; a fifth of the 10,003 examples is kept aside, another fifth in each round (the test part "
        "is not at hand). Published: model cards of fine-tuned transformers, on the test part, with a "
        "quarter more to learn from.",
    )
    figures = _figures(chapter, "accuracy")
    for name, accuracy in BANKING77.items():
        chapter.new(f"{name}, published", "peer", "%").add(accuracy)
    _rounds(figures, pairs, options, say, "Banking77")
    chapter.at_least("accuracy", figures.accuracy, 89)
    _hold(chapter, figures)
    return chapter


def _hwu64(options: Options, say: Say) -> Chapter | None:
    pairs = corpora.hwu64()
    if not pairs:
        return None
    chapter = Chapter(
        "P10.3",
        "The local classifier: HWU64, 30 examples an intent",
        "64 intents; a fifth of the 1,908 examples is kept aside, another fifth in each round (the test part is "
        "not at hand; a fifth of it is 382 texts, so rounds differ by several points). Published: July 2020, on "
        "the test part, with a quarter more to learn from.",
    )
    figures = _figures(chapter, "accuracy")
    for name, accuracy in HWU64.items():
        chapter.new(f"{name}, published", "peer", "%").add(accuracy)
    _rounds(figures, pairs, options, say, "HWU64")
    chapter.at_least("accuracy (Dialogflow 76.1)", figures.accuracy, 76.1)
    _hold(chapter, figures)
    return chapter


def _figures(chapter: Chapter, what: str) -> Figures:
    return Figures(
        chapter.new(what, "ours", "%"),
        chapter.new("training", "also", "s"),
        [chapter.new(f"a text: {which}", "also", "ms") for which in ("p50", "p95")],
        chapter.new("the model", "also", "MB"),
    )


def _rounds(
    figures: Figures, pairs: Sequence[tuple[str, str]], options: Options, say: Say, name: str
) -> None:
    """Another fifth in each round."""
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}: {name}")
        _measure(figures, *corpora.split(pairs, aside=ASIDE, seed=number))


def _measure(figures: Figures, learn: Part, ask: Part) -> None:
    began = time.perf_counter()
    data = dumped(train(learn.texts, learn.intents).model)
    figures.seconds.add(time.perf_counter() - began)
    figures.size.add(len(data) / 1e6)
    model = loaded(data)  # as it is read in production
    said = [model.classify(text).intent for text in ask.texts]
    pairs = list(zip(ask.intents, said, strict=True))
    figures.accuracy.add(_right([pair for pair in pairs if pair[0] != OUT_OF_SCOPE]))
    if figures.recall is not None:
        figures.recall.add(_right([pair for pair in pairs if pair[0] == OUT_OF_SCOPE]))
    _time(figures, model, ask.texts[:TIMED])


def _right(pairs: Sequence[tuple[str, str]]) -> float:
    return 100 * sum(intent == said for intent, said in pairs) / len(pairs)


def _time(figures: Figures, model: Classifier, texts: Sequence[str]) -> None:
    times = []
    for text in texts:
        began = time.perf_counter()
        model.classify(text)
        times.append(time.perf_counter() - began)
    for series, share in zip(figures.times, (0.5, 0.95), strict=True):
        series.add(1000 * quantile(times, share))


def _hold(chapter: Chapter, figures: Figures) -> None:
    chapter.at_most("p95 of a text", figures.times[1], 5)
    chapter.at_most("training", figures.seconds, 60)
