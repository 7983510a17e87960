"""From a text to the n-grams that it is known by. Pure; training and reading share it."""

import itertools
import re
import unicodedata
from collections import Counter
from typing import Final

CHAR_GRAMS: Final = (3, 4)
"""Within words, edges included, as in scikit-learn's `char_wb`: they survive misspelling."""

_WORD = re.compile(r"\w+|[?]")


def words_of(text: str) -> list[str]:
    """The words of a text, folded; a question mark is one of them."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def word_grams(words: list[str]) -> Counter[str]:
    """Single words and pairs, with their counts."""
    found = Counter(words)
    found.update(f"{first} {second}" for first, second in itertools.pairwise(words))
    return found


def char_grams(words: list[str]) -> Counter[str]:
    """Three and four letters in a row, with their counts."""
    found: list[str] = []
    for word in words:
        padded = f" {word} "
        for size in range(CHAR_GRAMS[0], CHAR_GRAMS[1] + 1):
            last = len(padded) - size
            # A shorter word counts once for each size, whole.
            found += [padded[at : at + size] for at in range(last + 1)] if last > 0 else [padded]
    return Counter(found)
