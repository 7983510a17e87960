"""A trained classifier: bytes in, interpretations out. Needs numpy, and nothing that trains.

scores = TF-IDF(words, letters) · weights + bias, one column an intent; a second, small model says
from the scores whether the text belongs to any intent at all.
"""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from apps.nlu.classifier.features import char_grams, word_grams, words_of
from apps.nlu.interpretation import (
    OUT_OF_SCOPE,
    Candidate,
    Interpretation,
    best,
)

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
FORMAT: Final = 1
_SEPARATOR: Final = "\n"  # in no gram: words hold no spaces but the one between them


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The grams that a model knows, words before letters, and how telling each is."""

    words: Mapping[str, int]
    letters: Mapping[str, int]
    idf: Floats

    def encode(self, text: str) -> tuple[Ints, Floats, Floats]:
        """Columns and weights of a text, and how much of its words and letters is known (0..1)."""
        words = words_of(text)
        first, known_words = self._block(word_grams(words), self.words)
        second, known_letters = self._block(char_grams(words), self.letters)
        columns = np.concatenate([first[0], second[0]])
        values = np.concatenate([first[1], second[1]])
        return columns, values, np.array([known_words, known_letters], dtype=np.float32)

    def _block(
        self, counts: Counter[str], known: Mapping[str, int]
    ) -> tuple[tuple[Ints, Floats], float]:
        """One block: sublinear TF × IDF at length 1; and the share of its grams that is known."""
        found = [(known[gram], count) for gram, count in counts.items() if gram in known]
        if not found:
            return (np.empty(0, np.int32), np.empty(0, np.float32)), 0.0
        table = np.array(found, dtype=np.int32)
        columns = table[:, 0]
        values = (1 + np.log(table[:, 1].astype(np.float32))) * self.idf[columns]
        length = float(np.sqrt(values @ values))
        return (columns, (values / length).astype(np.float32)), len(found) / len(counts)


@dataclass(frozen=True)
class Classifier:
    """Weights and what is needed to read them."""

    vocabulary: Vocabulary
    intents: tuple[str, ...]
    weights: npt.NDArray[Any]
    """One row a gram, one column an intent."""
    bias: Floats
    sharpness: float
    """What scores are multiplied by before they become probabilities: fitted, not chosen."""
    detector: Floats
    """Weights over `signals`, the last one a bias: above 0 a text is in scope."""

    def scores(self, text: str) -> tuple[Floats, Floats]:
        """A score for each intent, and how much of the text is known."""
        columns, values, known = self.vocabulary.encode(text)
        if not len(columns):
            return self.bias, known
        rows = self.weights[columns].astype(np.float32)
        return (values @ rows + self.bias).astype(np.float32), known

    def classify(self, text: str) -> Interpretation:
        """The intent of a text; out of scope where it belongs to none. Entities are not its part."""
        scores, known = self.scores(text)
        return self.judge(scores, known)

    def judge(self, scores: Floats, known: Floats) -> Interpretation:
        """The interpretation that these scores amount to."""
        chances = softmax(scores[None, self._inside] * self.sharpness)[0]
        order = np.argsort(-chances)[:6]
        names = [self._inside_names[at] for at in order]
        sign = float(signals(scores[None], known[None], self.outside)[0] @ self.detector)
        inside = 1 / (1 + np.exp(-sign))
        candidates = [
            Candidate(name, round(float(chances[at] * inside), 4))
            for name, at in zip(names, order, strict=True)
        ]
        if sign < 0:
            return Interpretation(
                OUT_OF_SCOPE, round(float(1 - inside), 4), alternatives=best(candidates)
            )
        top = candidates[0]
        return Interpretation(
            top.intent, top.confidence, alternatives=best(candidates, but=top.intent)
        )

    @cached_property
    def outside(self) -> int | None:
        """The column of texts that belong to no intent, if examples of them were given."""
        return self.intents.index(OUT_OF_SCOPE) if OUT_OF_SCOPE in self.intents else None

    @cached_property
    def _inside(self) -> Ints:
        columns = [at for at, name in enumerate(self.intents) if name != OUT_OF_SCOPE]
        return np.array(columns, dtype=np.int32)

    @cached_property
    def _inside_names(self) -> list[str]:
        return [name for name in self.intents if name != OUT_OF_SCOPE]


def softmax(scores: Floats) -> Floats:
    """Probabilities, by row."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)


def signals(scores: Floats, known: Floats, outside: int | None) -> Floats:
    """What tells texts of no intent from others, by row; the last signal is constant.

    How good the best intent is, how far ahead of the second and of the mean of the next four, how
    much like the texts of no intent, and how much of the text was ever seen.
    """
    inside = scores if outside is None else np.delete(scores, outside, axis=1)
    wanted = min(6, inside.shape[1])
    top = -np.sort(-np.partition(-inside, wanted - 1, axis=1)[:, :wanted] * -1, axis=1)
    second = top[:, 1] if wanted > 1 else np.full(len(top), -1.0, np.float32)
    rest = top[:, 1:].mean(axis=1) if wanted > 1 else second
    foreign = scores[:, outside] if outside is not None else np.full(len(top), -1.0, np.float32)
    columns = [top[:, 0], top[:, 0] - second, top[:, 0] - rest, foreign, top[:, 0] - foreign]
    columns += [known[:, 0], known[:, 1], np.ones(len(top), np.float32)]
    return np.stack(columns, axis=1).astype(np.float32)


def dumped(model: Classifier) -> bytes:
    """The model as bytes; nothing in them is executable."""
    file = io.BytesIO()
    np.savez_compressed(
        file,
        format=np.array(FORMAT),
        words=_texts(model.vocabulary.words),
        letters=_texts(model.vocabulary.letters),
        intents=_texts(model.intents),
        idf=model.vocabulary.idf,
        weights=model.weights.astype(np.float16),
        bias=model.bias,
        sharpness=np.array(model.sharpness),
        detector=model.detector,
    )
    return file.getvalue()


def loaded(data: bytes) -> Classifier:
    """The model of these bytes. Raises ValueError where they are none of this format."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        if int(file["format"]) != FORMAT:
            raise ValueError(f"a model of format {int(file['format'])}, not {FORMAT}")
        words, letters = _lines(file["words"]), _lines(file["letters"])
        vocabulary = Vocabulary(
            {gram: at for at, gram in enumerate(words)},
            {gram: at for at, gram in enumerate(letters, len(words))},
            file["idf"],
        )
        return Classifier(
            vocabulary,
            tuple(_lines(file["intents"])),
            file["weights"],
            file["bias"],
            float(file["sharpness"]),
            file["detector"],
        )


def _texts(texts: Sequence[str] | Mapping[str, int]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(_SEPARATOR.join(texts).encode(), dtype=np.uint8)


def _lines(data: npt.NDArray[np.uint8]) -> list[str]:
    text = data.tobytes().decode()
    return text.split(_SEPARATOR) if text else []
