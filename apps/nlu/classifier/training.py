"""Training and measuring. Here, and only here, scikit-learn and scipy are imported.

Texts of no intent are found by a detector that learns from three sources: examples that the tenant
marked as such, intents that were kept from a model on purpose (what it never learned of is out of
its scope), and texts of known intents that were kept aside.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.svm import LinearSVC

from apps.nlu.classifier.features import char_grams, word_grams, words_of
from apps.nlu.classifier.model import Classifier, Floats, Vocabulary, signals, softmax
from apps.nlu.interpretation import OUT_OF_SCOPE

RARE: Final = 5_000
"""From so many examples on, grams that occur in one text only are left out."""
KEPT_ASIDE: Final = 0.2
LOSS: Final = 0.01
"""The part of rightly understood texts that may be refused, to catch those of no intent."""
LOSS_UNTOLD: Final = 0.003
"""The same where the tenant gave no examples of texts of no intent."""
TOLD_WEIGHT: Final = 5.0
"""What an example that was marked as of no intent counts for, against one that only plays it."""
SEED: Final = 20_240_601
Progress = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, and what was measured on the examples that were kept aside."""

    model: Classifier
    actual: list[str]
    predicted: list[str]


@dataclass(frozen=True, slots=True)
class _Matrix:
    """Texts as rows, and what is known of each."""

    rows: csr_matrix[Any]
    known: Floats

    def of(self, indices: npt.NDArray[Any]) -> "_Matrix":
        return _Matrix(self.rows[indices], self.known[indices])

    def as_new_to(self, learned: "_Matrix", words: int) -> "_Matrix":
        """These rows as a model of `learned` would see them: grams that are not there are unknown.

        The first `words` columns are those of words.
        """
        unseen = np.asarray(learned.rows.getnnz(axis=0) == 0, dtype=np.float32)
        here = self.rows.copy()
        here.data = np.ones_like(here.data)
        known = []
        for block, share in ((slice(0, words), 0), (slice(words, None), 1)):
            part = here[:, block]
            lost = (part @ unseen[block]) / np.maximum(part.getnnz(axis=1), 1)
            known.append(self.known[:, share] * (1 - lost))
        return _Matrix(self.rows, np.stack(known, axis=1).astype(np.float32))


@dataclass(frozen=True, slots=True)
class _Linear:
    """A linear model over grams: one column an intent."""

    intents: list[str]
    weights: Floats
    bias: Floats

    @property
    def outside(self) -> int | None:
        return self.intents.index(OUT_OF_SCOPE) if OUT_OF_SCOPE in self.intents else None

    def scores(self, texts: _Matrix) -> Floats:
        return np.asarray(texts.rows @ self.weights + self.bias, dtype=np.float32)


def train(
    texts: Sequence[str], intents: Sequence[str], *, progress: Progress = lambda _done, _what: None
) -> Trained:
    """A classifier of these examples: at least two intents, at least two examples of each."""
    labels = np.array(intents)
    progress(5, "reading")
    vocabulary = _vocabulary(texts)
    matrix = _matrix(vocabulary, texts)
    fit_part, aside = _split(labels)
    progress(15, "measuring on examples kept aside")
    learned = matrix.of(fit_part)
    trial = _fit(learned, labels[fit_part])
    answers = labels[aside]
    kept = matrix.of(aside).as_new_to(learned, len(vocabulary.words))
    scores = trial.scores(kept)
    sharpness = _sharpness(trial, scores, answers)
    progress(45, "learning what belongs to no intent")
    detector = _detector(learned, labels[fit_part], kept, answers)
    told = OUT_OF_SCOPE in trial.intents
    detector = _shifted(detector, trial, scores, kept.known, answers, LOSS if told else LOSS_UNTOLD)
    measured = Classifier(vocabulary, tuple(trial.intents), trial.weights, trial.bias, sharpness, detector)  # fmt: skip
    predicted = [
        measured.judge(one, known).intent for one, known in zip(scores, kept.known, strict=True)
    ]
    progress(60, "learning from all examples")
    final = _fit(matrix, labels)
    progress(95, "keeping")
    model = Classifier(vocabulary, tuple(final.intents), final.weights, final.bias, sharpness, detector)  # fmt: skip
    return Trained(model, list(answers), predicted)


def _vocabulary(texts: Sequence[str]) -> Vocabulary:
    word_count: Counter[str] = Counter()
    letter_count: Counter[str] = Counter()
    for text in texts:
        words = words_of(text)
        word_count.update(word_grams(words).keys())
        letter_count.update(char_grams(words).keys())
    least = 2 if len(texts) >= RARE else 1
    words_kept = sorted(gram for gram, count in word_count.items() if count >= least)
    letters_kept = sorted(gram for gram, count in letter_count.items() if count >= least)
    counts = [word_count[gram] for gram in words_kept]
    counts += [letter_count[gram] for gram in letters_kept]
    idf = np.log((1 + len(texts)) / (1 + np.array(counts))) + 1
    return Vocabulary(
        {gram: at for at, gram in enumerate(words_kept)},
        {gram: at for at, gram in enumerate(letters_kept, len(words_kept))},
        idf.astype(np.float32),
    )


def _matrix(vocabulary: Vocabulary, texts: Sequence[str]) -> _Matrix:
    encoded = [vocabulary.encode(text) for text in texts]
    ends = np.cumsum([0, *(len(columns) for columns, _, _ in encoded)])
    columns = np.concatenate([columns for columns, _, _ in encoded])
    values = np.concatenate([values for _, values, _ in encoded])
    rows = csr_matrix((values, columns, ends), shape=(len(texts), len(vocabulary.idf)))
    return _Matrix(rows, np.stack([known for _, _, known in encoded]))


def _split(labels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Which examples to learn from and which to keep aside: of each intent the same part."""
    count = max(math.ceil(KEPT_ASIDE * len(labels)), len(set(labels)))
    size = min(count, len(labels) - len(set(labels)))
    splitter = StratifiedShuffleSplit(1, test_size=size, random_state=SEED)
    first, second = next(splitter.split(labels, labels))
    return first, second


def _fit(texts: _Matrix, labels: npt.NDArray[Any]) -> _Linear:
    """One against all others, for each intent; liblinear's answer needs no more digits than this."""
    machine = LinearSVC(C=0.5, tol=1.0, random_state=SEED)
    machine.fit(texts.rows, labels)
    names = [str(name) for name in machine.classes_]
    weights, bias = machine.coef_.T, machine.intercept_
    if len(names) == 2:  # noqa: PLR2004 - of two classes liblinear tells the second's score only
        weights, bias = np.hstack([-weights, weights]), np.hstack([-bias, bias])
    return _Linear(names, weights.astype(np.float32), bias.astype(np.float32))


def _sharpness(trial: _Linear, scores: Floats, answers: npt.NDArray[Any]) -> float:
    """What makes probabilities of the scores: the least surprise on the texts kept aside."""
    at = {name: column for column, name in enumerate(trial.intents)}
    columns = np.array([at[name] for name in answers])

    def surprise(log_factor: float) -> float:
        chances = softmax(scores * float(np.exp(log_factor)))
        return float(-np.log(chances[np.arange(len(columns)), columns] + 1e-9).mean())

    found = minimize_scalar(surprise, bounds=(-1.0, 4.0), method="bounded")
    return float(np.exp(found.x))


def _detector(
    learned: _Matrix, labels: npt.NDArray[Any], kept: _Matrix, answers: npt.NDArray[Any]
) -> Floats:
    """Weights over the signals: in two rounds a half of the intents is kept from a model."""
    names = np.array(sorted(set(labels) - {OUT_OF_SCOPE}))
    if len(names) < 4:  # noqa: PLR2004 - two halves of two intents each
        return np.array([1, 0, 0, 0, 0, 0, 0, 1], dtype=np.float32)
    halves = np.random.default_rng(SEED).permutation(len(names)) % 2
    rows, truth, weight = [], [], []
    for half in (0, 1):
        seen = [*names[halves == half], OUT_OF_SCOPE]
        part = np.flatnonzero(np.isin(labels, seen))
        partial = _fit(learned.of(part), labels[part])
        rows.append(signals(partial.scores(kept), kept.known, partial.outside))
        truth.append(np.isin(answers, seen) & (answers != OUT_OF_SCOPE))
        weight.append(np.where(answers == OUT_OF_SCOPE, TOLD_WEIGHT, 1.0))
    return _logistic(np.concatenate(rows), np.concatenate(truth), np.concatenate(weight))


def _logistic(found: Floats, truth: npt.NDArray[Any], weight: npt.NDArray[Any]) -> Floats:
    spread = found[:, :-1].std(axis=0) + 0.01
    middle = found[:, :-1].mean(axis=0)
    machine = LogisticRegression(C=0.1, max_iter=500)
    machine.fit((found[:, :-1] - middle) / spread, truth, sample_weight=weight)
    factors = machine.coef_[0] / spread
    return np.append(factors, machine.intercept_[0] - factors @ middle).astype(np.float32)


def _shifted(
    detector: Floats,
    trial: _Linear,
    scores: Floats,
    known: Floats,
    answers: npt.NDArray[Any],
    loss: float,
) -> Floats:
    """The detector, moved so that it refuses at most `loss` of the texts rightly understood.

    It is never made stricter than it is: with few examples "at most" says little.
    """
    inside = scores.copy()
    if trial.outside is not None:
        inside[:, trial.outside] = -np.inf
    right = np.array(trial.intents)[inside.argmax(axis=1)] == answers
    signs = signals(scores, known, trial.outside) @ detector
    moved = detector.copy()
    if right.any():
        moved[-1] -= min(float(np.quantile(signs[right], loss)), 0.0)
    return moved
