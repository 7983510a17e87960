"""Why terms are refused: each reason names its field."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from apps.core.exceptions import Fault, fault

LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+ -]{0,63}")
"""Skills, channels, languages and teams are labels."""
LABELS_MAX: Final = 50
TEXT_MAX: Final = 200


def text(field: str, value: str, *, most: int = TEXT_MAX, empty: bool = False) -> Iterator[Fault]:
    """Why this cannot be shown to people."""
    if not (value.strip() or empty) or len(value) > most or not (value.isprintable() or not value):
        yield fault(field, "invalid_text", f"1 to {most} printable characters.")


def label(field: str, value: str, *, empty: bool = False) -> Iterator[Fault]:
    """Why this cannot be a label."""
    if not (empty and not value) and not LABEL.fullmatch(value):
        detail = "Up to 64 of: letters, digits, ._:+- and spaces; a letter or digit first."
        yield fault(field, "invalid_name", detail)


def whole(field: str, value: object, least: int, most: int) -> Iterator[Fault]:
    """Why this is no whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        yield fault(field, "out_of_range", f"A whole number from {least} to {most}.")


def choice(field: str, value: str, values: Collection[str]) -> Iterator[Fault]:
    """Why this is none of the choices."""
    if value not in values:
        yield fault(field, "invalid_choice", f"One of {', '.join(values)}.")


def skills(field: str, value: Mapping[str, int]) -> Iterator[Fault]:
    """Why these cannot be skills with levels."""
    if len(value) > LABELS_MAX:
        yield fault(field, "too_many", f"At most {LABELS_MAX} skills.")
    for name, level in value.items():
        yield from label(f"{field}.{name}"[:80], name)
        yield from whole(f"{field}.{name}"[:80], level, 1, 5)
