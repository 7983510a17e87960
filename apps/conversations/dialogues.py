"""Dialogues of the past, as files tell them: one neutral form, and the ways to it from two others.

The neutral form is one JSON object a line:

    {"id": "d-17", "customer": {"external_id": "anna", "name": "Anna"}, "channel": "web", "language": "en",
     "tags": ["billing"], "opened_at": "2024-03-01T10:00:00Z", "closed_at": "2024-03-01T10:09:00Z",
     "messages": [{"sender": "customer", "body": "Hello", "sent_at": "2024-03-01T10:00:05Z"}, …]}

Only `id`, `customer.external_id` and `messages` must be there. Messages are in their order; one without a time
came a second after the one before. What is wrong with a line is said in full, never guessed around.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apps.core.exceptions import Fault, fault

CHANNELS: Final = ("web", "mobile", "api", "widget")
SENDERS: Final = ("customer", "agent", "bot", "system")
MESSAGES_MAX: Final = 10_000
BODY_MAX: Final = 16_000
NAME_MAX: Final = 200
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TAG: Final = re.compile(r"[\w][\w-]{0,39}")


@dataclass(frozen=True, slots=True)
class Line:
    """A message of a dialogue."""

    sender: str
    body: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A dialogue that is over. Times UTC, messages in their order."""

    name: str
    customer: str
    customer_name: str
    channel: str
    language: str
    tags: tuple[str, ...]
    opened_at: datetime
    closed_at: datetime
    messages: tuple[Line, ...]


def read(found: object, *, now: datetime) -> Dialogue | list[Fault]:
    """The dialogue that an object of the neutral form tells, or everything that is wrong with it.

    A dialogue without any time ended at `now`.
    """
    if not isinstance(found, Mapping):
        return [fault("", "not_an_object", "A line is one JSON object.")]
    faults: list[Fault] = []
    customer = found.get("customer")
    customer = customer if isinstance(customer, Mapping) else {}
    name = _text(found, "id", faults, field="id")
    external_id = _text(customer, "external_id", faults, field="customer.external_id")
    shown = _text(customer, "name", faults, field="customer.name", empty=True)
    language = _text(found, "language", faults, field="language", empty=True)
    channel = found.get("channel", "web")
    if channel not in CHANNELS:
        faults.append(fault("channel", "unknown_channel", f"One of {', '.join(CHANNELS)}."))
    tags = found.get("tags", [])
    if not isinstance(tags, list) or not all(
        isinstance(tag, str) and _TAG.fullmatch(tag) for tag in tags
    ):
        faults.append(fault("tags", "bad_tags", "A list of letters, digits, _ and -."))
    opened_at, closed_at = _time(found, "opened_at", faults), _time(found, "closed_at", faults)
    rows = found.get("messages")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MESSAGES_MAX:
        faults.append(fault("messages", "bad_messages", f"A list of 1 to {MESSAGES_MAX}."))
        return faults
    first = opened_at or _earliest(rows) or (closed_at or now) - timedelta(seconds=len(rows))
    lines = list(_lines(rows, first, faults))
    if faults:
        return faults
    first = opened_at or lines[0].sent_at
    last = max(closed_at or lines[-1].sent_at, first)
    return Dialogue(
        name, external_id, shown, str(channel), language, tuple(sorted(set(tags))), first, last,
        tuple(lines),
    )  # fmt: skip


def from_star(found: Mapping[str, Any]) -> dict[str, Any]:
    """A dialogue of STAR (people chat, agents query a system between) in the neutral form.

    What the agent asked the system is no message. Raises `KeyError`, `TypeError` where it is no such dialogue.
    """
    said = [event for event in found["events"] if event.get("text") and event["by"] != "system"]
    return {
        "id": str(found["dialogue_id"]),
        "customer": {"external_id": str(found["customer_id"])},
        "language": "en",
        "tags": [str(task) for task in found.get("tasks", [])],
        "messages": [
            {
                "sender": event["by"],
                "body": event["text"],
                "sent_at": datetime.fromtimestamp(event["unix_time"], UTC).isoformat(),
            }
            for event in said
        ],
    }


def from_multidogo(found: Mapping[str, Any]) -> dict[str, Any]:
    """A dialogue of MultiDoGO (customers' turns only, without times) in the neutral form.

    Raises `KeyError`, `TypeError` where it is no such dialogue.
    """
    turns = sorted(found["customer_turns"], key=lambda turn: int(turn["turn"]))
    return {
        "id": str(found["conversation_id"]),
        "customer": {"external_id": f"multidogo-{found['conversation_id']}"},
        "language": "en",
        "tags": [str(found["domain"])],
        "messages": [
            {"sender": "customer", "body": turn["text"]} for turn in turns if turn["text"].strip()
        ],
    }


FORMS: Final = {"neutral": lambda found: found, "star": from_star, "multidogo": from_multidogo}
"""The forms of files, by name, and the way from each to the neutral one."""


def _earliest(rows: Sequence[Any]) -> datetime | None:
    """When it began: the first message's own time, or a second a message before the first that has one."""
    for number, row in enumerate(rows):
        if isinstance(row, Mapping) and (at := _time(row, "sent_at", [])) is not None:
            return at - timedelta(seconds=number + 1 if number else 0)
    return None


def _lines(rows: Sequence[Any], first: datetime, faults: list[Fault]) -> Iterator[Line]:
    at = first
    for number, row in enumerate(rows):
        where = f"messages.{number}"
        if not isinstance(row, Mapping):
            faults.append(fault(where, "not_an_object", "A message is one JSON object."))
            continue
        sender, body = row.get("sender"), row.get("body")
        if sender not in SENDERS:
            faults.append(fault(f"{where}.sender", "unknown_sender", f"One of {SENDERS}."))
        if not isinstance(body, str) or not body.strip() or len(body) > BODY_MAX:
            detail = f"A text of 1 to {BODY_MAX} characters."
            faults.append(fault(f"{where}.body", "bad_body", detail))
        elif not _is_clean(body):
            faults.append(fault(f"{where}.body", "bad_characters", "No control characters."))
        given = _time(row, "sent_at", faults, field=f"{where}.sent_at")
        # A clock that went backwards: the order of the lines is what counts.
        at = max(given, at) if given else at + timedelta(seconds=1)
        yield Line(str(sender), str(body), at)


def _text(
    row: Mapping[str, Any], key: str, faults: list[Fault], *, field: str, empty: bool = False
) -> str:
    value = row.get(key, "" if empty else None)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > NAME_MAX or not (empty or value.strip()):
        faults.append(fault(field, "bad_text", f"A text of at most {NAME_MAX} characters."))
        return ""
    if not _is_clean(value) or "\n" in value:
        faults.append(fault(field, "bad_characters", "One line, without control characters."))
    return value


def _time(
    row: Mapping[str, Any], key: str, faults: list[Fault], *, field: str = ""
) -> datetime | None:
    value = row.get(key)
    if value is None:
        return None
    found = _moment(value)
    if found is None:
        faults.append(fault(field or key, "bad_time", "A time in ISO 8601 with its zone."))
    return found


def _moment(value: Any) -> datetime | None:
    """The UTC time of an ISO 8601 text; nothing where it is none, or says no zone."""
    try:
        found = datetime.fromisoformat(value)
        return None if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_clean(text: str) -> bool:
    if _CONTROLS.search(text):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True
