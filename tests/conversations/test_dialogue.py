"""The bot's rules: flows, slots, confirmations, and that a person can always be had."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.conversations.dialogue import (
    TRIES_MAX,
    Ask,
    Close,
    Flow,
    HandOver,
    Memory,
    Phrases,
    Reply,
    Script,
    Slot,
    agreement,
    faults_of,
    filled_in,
    next_turn,
    said,
    summary_of,
)
from apps.nlu.interpretation import OUT_OF_SCOPE, Entity, Interpretation

PHRASES = Phrases(
    {"en": "Again?", "de": "Wie bitte?"}, {"en": "A person comes."}, {"en": "As it is."}
)
CARD = Flow(
    "lost_card",
    {"en": "Card {card} is blocked."},
    (Slot("card", "account_number", {"en": "Which card?"}),),
    {"en": "Block {card}?"},
)
HOURS = Flow("opening_hours", {"en": "Nine to five.", "de": "Neun bis fünf."})
LOAN = Flow("loan", {"en": "A colleague knows."}, then="hand_over", skills={"loans": 2})
BYE = Flow("bye", {"en": "Goodbye."}, then="close")
SCRIPT = Script({flow.intent: flow for flow in (CARD, HOURS, LOAN, BYE)}, PHRASES)


def meant(intent: str, *entities: Entity, chance: float = 0.9, **more: object) -> Interpretation:
    return Interpretation(intent, chance, entities=entities, **more)


NOTHING = meant(OUT_OF_SCOPE, chance=0.0)
NUMBER = Entity("account_number", "4711", "4711")


def test_a_flow_asks_confirms_and_ends() -> None:
    turn, memory = next_turn(SCRIPT, Memory(), meant("lost_card"), "my card is gone", "en")
    assert turn == Ask("Which card?")
    turn, memory = next_turn(SCRIPT, memory, meant(OUT_OF_SCOPE, NUMBER), "it is 4711", "en")
    assert turn == Ask("Block 4711?")
    turn, memory = next_turn(SCRIPT, memory, NOTHING, "Yes, please", "en")
    assert turn == Reply("Card 4711 is blocked.")
    assert memory.asking == ""


def test_what_was_named_at_once_is_not_asked_for() -> None:
    turn, _ = next_turn(SCRIPT, Memory(), meant("lost_card", NUMBER), "card 4711 is gone", "en")

    assert turn == Ask("Block 4711?")


def test_no_leaves_it_as_it_is() -> None:
    memory = Memory("lost_card", {"card": "4711"}, asking="?")

    assert next_turn(SCRIPT, memory, NOTHING, "no, not that one", "en") == (
        Reply("As it is."),
        Memory(),
    )


def test_another_wish_leads_away_only_if_it_is_sure() -> None:
    memory = Memory("lost_card", asking="card")

    sure, _ = next_turn(SCRIPT, memory, meant("opening_hours"), "when are you open?", "en")
    unsure, _ = next_turn(SCRIPT, memory, meant("opening_hours", chance=0.5), "hm, open", "en")

    assert sure == Reply("Nine to five.")
    assert unsure == Ask("Which card?")


def test_languages_fall_back_to_their_main_part_and_to_english() -> None:
    for language, text in {
        "de-AT": "Neun bis fünf.",
        "fr": "Nine to five.",
        "en": "Nine to five.",
    }.items():
        assert next_turn(SCRIPT, Memory(), meant("opening_hours"), "?", language)[0] == Reply(text)
    assert said({}, "en") == ""


def test_flows_may_end_with_people_or_with_the_conversation() -> None:
    assert next_turn(SCRIPT, Memory(), meant("loan"), "a loan", "en")[0] == HandOver(
        "A colleague knows.", "loan", {"loans": 2}
    )
    assert next_turn(SCRIPT, Memory(), meant("bye"), "bye", "en")[0] == Close("Goodbye.")


def test_who_is_not_understood_twice_gets_a_person() -> None:
    turn, memory = next_turn(SCRIPT, Memory(), NOTHING, "glorp", "en")
    assert turn == Ask("Again?")
    turn, _ = next_turn(SCRIPT, memory, NOTHING, "glorp!", "en")
    assert isinstance(turn, HandOver)
    assert turn.reason == "not_understood"


@pytest.mark.parametrize(
    ("text", "agrees"),
    [("Yes, please", True), ("ok", True), ("That is right.", True), ("ja genau", True),
     ("no", False), ("not right", False), ("please don't", False), ("nein, danke", False),
     ("yes please cancel it", False), ("STOP", False), ("what?", None), ("", None)],
)  # fmt: skip
def test_the_first_word_that_says_yes_or_no_counts(text: str, agrees: bool | None) -> None:
    assert agreement(text) is agrees


def test_who_takes_over_is_told_what_was_wanted_and_not_the_last_word() -> None:
    _, memory = next_turn(SCRIPT, Memory(), meant("lost_card", NUMBER, provider="cx"), "gone", "en")
    turn, memory = next_turn(SCRIPT, memory, meant("agent", provider="local"), "a person", "en")

    assert isinstance(turn, HandOver)
    told = summary_of(memory, turn.reason)
    assert "the customer asked for a person" in told
    assert "Intent: lost_card (90%, cx)" in told
    assert "card: 4711" in told


def test_who_is_understood_and_wants_what_no_flow_is_about_gets_a_person_at_once() -> None:
    turn, memory = next_turn(SCRIPT, Memory(), meant("pension"), "my pension", "en")

    assert isinstance(turn, HandOver)
    assert (turn.reason, memory.intent) == ("no_flow", "pension")


def test_a_provider_that_asks_for_a_person_says_what_for() -> None:
    known = Memory("lost_card", {"card": "4711"})
    found = meant("cancel_contract", provider="watson", hand_over=True)
    _, memory = next_turn(SCRIPT, known, found, "cancel my contract", "en")

    assert summary_of(memory, "asked_for").endswith("Intent: cancel_contract (90%, watson)")


def faults(**changes: object) -> list[str]:
    found = faults_of(replace(CARD, **changes), "en", {"account_number", "date"})
    return [f"{name}: {text}" for name, text in found]


def test_a_sound_flow_has_no_faults() -> None:
    assert faults() == []
    assert [faults_of(flow, "en", set()) for flow in (HOURS, LOAN, BYE)] == [[], [], []]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"replies": {}}, "replies: The flow ends without a word"),
        ({"replies": {}, "then": "close"}, "replies: The flow ends without a word"),
        ({"replies": {"en": "{card} of {owner}"}}, "replies: {owner} is no slot"),
        ({"confirmation": {"en": "{x}?"}}, "confirmation: {x} is no slot"),
        ({"replies": {"de": "{card}"}}, "replies: There is no text in the bot's own language"),
        (
            {"slots": (Slot("card", "colour", {"en": "?"}),)},
            "nothing is ever found of the kind colour",
        ),
        ({"slots": (Slot("card", "date", {"de": "?"}),)}, "card: there is no question in"),
        ({"slots": (Slot("card", "date", {"en": "?"}),) * 2}, "slots: card is there twice"),
        ({"slots": (Slot("card no", "date", {"en": "?"}),)}, "a slot's name has letters"),
        ({"intent": "agent"}, "intent: The bot never gets here"),
        ({"intent": OUT_OF_SCOPE}, "intent: The bot never gets here"),
    ],
)
def test_a_flow_in_which_customers_would_get_stuck_is_found_out(changes: dict, text: str) -> None:
    assert any(text in fault for fault in faults(**changes))


def test_a_flow_that_ends_with_a_person_needs_no_words() -> None:
    assert faults(replies={}, then="hand_over") == []


def test_without_a_flow_the_provider_may_answer() -> None:
    found = meant("weather", reply="It is sunny.")

    assert next_turn(SCRIPT, Memory(), found, "the weather?", "en")[0] == Reply("It is sunny.")


MEMORIES = st.builds(
    Memory,
    st.sampled_from(["", "lost_card", "gone"]),
    st.dictionaries(st.sampled_from(["card", "x"]), st.text(max_size=5)),
    st.sampled_from(["", "card", "?", "gone"]),
    st.integers(0, TRIES_MAX),
)
FOUND = st.builds(
    Interpretation,
    st.sampled_from([OUT_OF_SCOPE, "lost_card", "opening_hours", "loan", "elsewhere"]),
    st.floats(0, 1),
    entities=st.lists(st.just(NUMBER), max_size=2).map(tuple),
    reply=st.sampled_from(["", "said"]),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(MEMORIES, FOUND, st.sampled_from(["agent please", "I want a human", "talk to a person"]))
def test_agent_please_always_works(memory: Memory, found: Interpretation, text: str) -> None:
    turn, _ = next_turn(SCRIPT, memory, found, text, "en")

    assert isinstance(turn, HandOver)
    assert turn.reason == "asked_for"


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(MEMORIES, st.lists(st.tuples(FOUND, st.text(max_size=20)), min_size=1, max_size=12))
def test_a_dialogue_never_gets_stuck(memory: Memory, said_: list) -> None:
    misses = 0
    for found, text in said_:
        before = memory
        turn, memory = next_turn(SCRIPT, memory, found, text, "en")
        if isinstance(turn, HandOver | Close):
            return
        misses = misses + 1 if memory.missed > before.missed else 0
        assert misses < TRIES_MAX


@given(st.text(), st.dictionaries(st.text(max_size=4), st.text(max_size=4)))
def test_filling_in_never_fails(text: str, slots: dict[str, str]) -> None:
    assert isinstance(filled_in(text, slots), str)
