"""Dialogues of the past, made up, in the forms of the data sets: with everything in them that those hold.

Turns of one side in a row, the same words twice, spaces at the ends, other scripts, a customer who never
answers, a system between the two, turns out of order, and a dialogue in which nobody says anything.
"""

import json
from typing import Any

FORMS = ("multidogo", "star")
AT = 1_590_000_000  # seconds

_STAR: list[list[tuple[str, str, float]]] = [
    [
        ("customer", " Is my ticket still good after the strike? ", 0),
        ("agent", "May I have its number, please?", 17),
        ("customer", "KX-2209", 22),
        ("system", "", 23),
        ("agent", "KX-2209: valid until Sunday.", 22),
        ("customer", "Merci 🙏 — до свидания", 65),
    ],
    [
        ("agent", "Hello, how can I help?", 0),
        ("agent", "Hello, how can I help?", 40),
        ("customer", "line one\nline two\ttabbed", 41),
        ("customer", "ok", 41),
        ("customer", "ok", 41),
    ],
    [],
    [
        ("customer", "日本語でもいいですか", 0),
        ("agent", "はい。\u202eهل هذا مقروء؟", 3),
        ("customer", "<b>&amp;</b> \\ \"'", 3),
    ],
]
_MULTIDOGO: list[list[tuple[int, str]]] = [
    [
        (4, "the red one"),
        (0, "hi"),
        (2, "i want to change my order"),
        (7, " "),
        (9, "no thats all"),
    ],
    [(0, "hello"), (1, "hello"), (2, "is somebody there")],
    [(0, "x" * 3_000)],
]


def lines_of(form: str) -> list[str]:
    """A file of the form, line by line."""
    told = map(_star, range(4)) if form == "star" else map(_multidogo, range(3))
    return [json.dumps(one) for one in told]


def source_of(form: str, found: dict[str, Any]) -> list[tuple[str, str]]:
    """What was said in a dialogue of the form, and by whom: read here by other code than the product's."""
    if form == "star":
        return [(one["by"], one["text"]) for one in found["events"]
                if one["action"] in ("utter", "pick_suggestion")]  # fmt: skip
    turns = {one["turn"]: one["text"] for one in found["customer_turns"]}
    return [("customer", turns[turn]) for turn in sorted(turns) if turns[turn].strip()]


def _star(number: int) -> dict[str, Any]:
    events: list[dict[str, Any]] = [{"by": "agent", "action": "select_task", "unix_time": AT - 1}]
    for by, text, after in _STAR[number]:
        said = {"action": "utter", "text": text} if text else {"action": "return_item", "item": {}}
        events.append({"by": by, "unix_time": AT + after, **said})
    return {
        "dialogue_id": number,
        "customer_id": f"c{number}",
        "tasks": ["travel"],
        "events": events,
    }


def _multidogo(number: int) -> dict[str, Any]:
    turns = [
        {"turn": turn, "text": text, "intents": [], "slots": []}
        for turn, text in _MULTIDOGO[number]
    ]
    return {"conversation_id": f"m-{number}", "domain": "retail", "customer_turns": turns}
