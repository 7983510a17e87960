"""The rules that every answer goes through."""

from hypothesis import given
from hypothesis import strategies as st

from apps.nlu.interpretation import (
    OUT_OF_SCOPE,
    Candidate,
    Interpretation,
    best,
    clean,
    normalised,
    with_thresholds,
)

INTENTS = st.sampled_from(["a", "b", "c", OUT_OF_SCOPE])
CHANCE = st.floats(0, 1)


@given(st.text())
def test_a_clean_text_is_one_line_without_control_characters(text: str) -> None:
    line = clean(text)

    assert line == clean(line)
    assert all(char.isprintable() for char in line)
    assert line == line.strip()


def test_case_and_trailing_punctuation_do_not_count() -> None:
    assert normalised("  Where is\tmy CARD?!\n") == normalised("where is my card") != ""


@given(INTENTS, CHANCE, st.dictionaries(INTENTS, CHANCE), CHANCE)
def test_an_intent_stays_only_if_it_is_sure_enough(
    intent: str, chance: float, thresholds: dict[str, float], default: float
) -> None:
    found = Interpretation(intent, chance)

    judged = with_thresholds(found, thresholds, default=default)

    enough = chance >= thresholds.get(intent, default)
    if intent == OUT_OF_SCOPE or enough:
        assert judged == found
    else:
        assert judged.intent == OUT_OF_SCOPE
        assert judged.alternatives[0] == Candidate(intent, chance)


@given(st.lists(st.builds(Candidate, INTENTS, CHANCE)))
def test_the_best_are_sorted_and_each_once(candidates: list[Candidate]) -> None:
    found = best(candidates, but="a")

    assert [one.confidence for one in found] == sorted(
        (one.confidence for one in found), reverse=True
    )
    assert len({one.intent for one in found}) == len(found)
    assert "a" not in {one.intent for one in found}
