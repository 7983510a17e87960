"""Examples small enough to train on in a test, and different enough to be told apart."""

import random

PATTERNS = {
    "balance": ["what is my {} balance", "how much money is in my {}", "show the balance of my {}",
                "tell me what i have on my {}", "balance of the {} please"],
    "transfer": ["transfer money from my {}", "send funds out of the {}", "move cash to my {} now",
                 "wire some money using the {}", "please make a transfer from {}"],
    "lost_card": ["i lost my {} card", "my {} card was stolen", "cannot find the card of my {}",
                  "someone took my {} card", "block the lost card for my {}"],
    "opening_hours": ["when do you open the {} desk", "opening hours of the {} branch",
                      "is the {} office open today", "what time does the {} desk close",
                      "are you open on sunday for {}"],
}  # fmt: skip
PLACES = ["savings", "checking", "business", "joint", "student", "family", "main", "travel"]
OUTSIDE = ["who won the football match", "how tall is mount everest", "play some jazz music",
           "what is the meaning of life", "recommend a good pasta recipe", "is it raining in oslo",
           "tell me a joke about cats", "how do i train for a marathon"]  # fmt: skip


def pairs(*, outside: bool = True, seed: int = 1) -> list[tuple[str, str]]:
    """(text, intent): 40 of each of four intents, and eight that belong to none."""
    found = [
        (pattern.format(place), intent)
        for intent, patterns in PATTERNS.items()
        for pattern in patterns
        for place in PLACES
    ]
    found += [(text, "oos") for text in OUTSIDE] if outside else []
    random.Random(seed).shuffle(found)
    return found


def csv_of(rows: list[tuple[str, str]]) -> str:
    return "text,intent\n" + "".join(f'"{text}",{intent}\n' for text, intent in rows)
