"""What may be written: the same rules for every door. A check yields faults, so that all are named."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from apps.core.exceptions import Fault, fault

Skills = Mapping[str, int] | Sequence[str]

BODY_MAX: Final = 16_000  # characters
CLIENT_ID_MAX: Final = 100
EXTERNAL_ID_MAX: Final = 200
NAME_MAX: Final = 200
REASON_MAX: Final = 60
LANGUAGE_MAX: Final = 35
"""What RFC 5646 has buffers hold at least."""
SKILLS_MAX: Final = 20
LEVEL_MAX: Final = 5
_SKILL: Final = re.compile(r"[\w][\w .:&+/-]{0,49}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}")
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def body_faults(body: str, *, empty: bool = False) -> Iterator[Fault]:
    """What is wrong with a text that people will read."""
    if not empty and not body.strip():
        yield fault("body", "blank", "A message says something.")
    if len(body) > BODY_MAX:
        yield fault("body", "too_long", f"A message has at most {BODY_MAX} characters.")
    if _CONTROLS.search(body) or not _encodes(body):
        yield fault("body", "bad_characters", "A message has no control characters but line ends.")


def name_faults(field: str, text: str, longest: int, *, empty: bool = False) -> Iterator[Fault]:
    """What is wrong with a one-line name."""
    if (not empty and not text.strip()) or len(text) > longest:
        yield fault(field, "bad_length", f"Between {0 if empty else 1} and {longest} characters.")
    if _CONTROLS.search(text) or "\n" in text or "\r" in text or not _encodes(text):
        yield fault(field, "bad_characters", "One line, without control characters.")


def language_faults(language: str) -> Iterator[Fault]:
    """What is wrong with the name of a language."""
    if language and (len(language) > LANGUAGE_MAX or not _LANGUAGE.fullmatch(language)):
        yield fault("language", "unknown_language", "A language is a BCP 47 tag, such as de-CH.")


def reason_faults(reason: str) -> Iterator[Fault]:
    """What is wrong with a reason. It goes into the log, so it is a code and never a sentence."""
    if not _CODE.fullmatch(reason):
        detail = (
            f"A reason is a code of at most {REASON_MAX} characters, such as solved: a-z 0-9 _ . -"
        )
        yield fault("reason", "bad_reason", detail)


def skill_faults(skills: Skills) -> Iterator[Fault]:
    """What is wrong with skills: names, or name → level."""
    if len(skills) > SKILLS_MAX:
        yield fault("skills", "too_many", f"At most {SKILLS_MAX} skills.")
        return
    for name in skills:
        if not isinstance(name, str) or not _SKILL.fullmatch(name):
            yield fault("skills", "bad_skill", "A skill is a short name.")
    levels = skills.values() if isinstance(skills, Mapping) else ()
    if any(type(level) is not int or not 1 <= level <= LEVEL_MAX for level in levels):
        yield fault("skills", "bad_level", f"A level is a number from 1 to {LEVEL_MAX}.")


def levels_of(skills: Skills) -> dict[str, int]:
    """Skills as name → level; a bare name asks for level 1."""
    if isinstance(skills, Mapping):
        return dict(skills)
    return dict.fromkeys(skills, 1)


def _encodes(text: str) -> bool:
    """Whether it can be written as UTF-8: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
