"""Form fields for what the bot says and asks: rows to fill in, where the table keeps JSON.

Each widget reads rows named `<field>-<number>-<part>`, and leaves out those that are empty; there are
always rows left to add one. Nothing of it needs a script.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import SELECT_CLASSES, TEXTAREA_CLASSES, UnfoldAdminTextInputWidget

from apps.conversations.dialogue import ANY
from apps.conversations.services import checks

LANGUAGES: Final = ("en", "de")
"""Rows that are there before anything is written."""
ROWS_MAX: Final = 12
TEXT_MAX: Final = 2_000  # characters
_SKILL = re.compile(r"(?P<name>.*?)(?:\s+(?P<level>\d{1,3}))?")
Pairs = Sequence[tuple[str, str]]


class TextsWidget(forms.Widget):
    """A text in each language: rows of a language and what is said in it."""

    template_name = "conversations/texts.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """The rows that are there, and one to add."""
        context = super().get_context(name, value, attrs)
        pairs = _pairs_of(value)
        known = {language for language, _ in pairs}
        pairs += [(one, "") for one in LANGUAGES if one not in known] + [("", "")]
        context["rows"] = [(f"{name}-{at}", *pair) for at, pair in enumerate(pairs[:ROWS_MAX])]
        context["classes"] = " ".join(TEXTAREA_CLASSES)
        context["title"] = self.attrs.get("title", "Text")
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Pairs:
        """What was written, row by row."""
        rows = [
            (data.get(f"{name}-{at}-language", ""), data.get(f"{name}-{at}-text", ""))
            for at in range(ROWS_MAX)
        ]
        return [(language.strip(), text.strip()) for language, text in rows if text.strip()]

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """A form without these rows says nothing about them."""
        return f"{name}-0-text" not in data

    def id_for_label(self, id_: str) -> str:
        """The label leads to the first text."""
        return f"{id_}-0" if id_ else ""


class TextsField(forms.Field):
    """Texts by language."""

    widget = TextsWidget

    def to_python(self, value: Any) -> dict[str, str]:
        """A text in each language. Raises ValidationError."""
        found: dict[str, str] = {}
        for language, text in _pairs_of(value):
            if not language or any(checks.language_faults(language)):
                raise ValidationError(f"{language!r} is no language: en, de, pt-BR …")
            if language in found:
                raise ValidationError(f"There are two texts in {language}.")
            if len(text) > TEXT_MAX or any(checks.body_faults(text)):
                raise ValidationError(f"A text has 1 to {TEXT_MAX} printable characters.")
            found[language] = text
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether anything else is said."""
        return _pairs_of(initial) != _pairs_of(data)


class SlotsWidget(forms.Widget):
    """What a flow asks for: rows of a name, a kind and the question."""

    template_name = "conversations/slots.html"
    kinds: Sequence[str] = (ANY,)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """The slots that are there, and two to add."""
        context = super().get_context(name, value, attrs)
        slots = [*(value or []), {}, {}]
        context["rows"] = [self._row(f"{name}-{at}", one) for at, one in enumerate(slots)]
        context["classes"] = " ".join(SELECT_CLASSES)
        return context

    def _row(self, name: str, slot: Mapping[str, Any]) -> dict[str, Any]:
        kind = slot.get("kind", "")
        question = TextsWidget({"title": "Question"})
        return {
            "name": name,
            "slot": slot.get("name", ""),
            "kind": kind,
            "kinds": [*self.kinds, *([kind] if kind and kind not in self.kinds else [])],
            "question": question.render(f"{name}-question", slot.get("question")),
        }

    def value_from_datadict(
        self, data: Mapping[str, Any], files: Any, name: str
    ) -> list[dict[str, Any]]:
        """What was written, slot by slot; a row without a name and a question is none."""
        found = []
        for at in range(ROWS_MAX):
            row = f"{name}-{at}"
            slot = data.get(f"{row}-name", "").strip()
            question = TextsWidget().value_from_datadict(data, files, f"{row}-question")
            if slot or question:
                kind = data.get(f"{row}-kind", "")
                found.append({"name": slot, "kind": kind, "question": question})
        return found

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """A form without these rows says nothing about them."""
        return f"{name}-0-name" not in data

    def id_for_label(self, id_: str) -> str:
        """The label leads to the first name."""
        return f"{id_}-0" if id_ else ""


class SlotsField(forms.Field):
    """Slots of a flow."""

    widget = SlotsWidget

    def to_python(self, value: Any) -> list[dict[str, Any]]:
        """The slots, in their order. Raises ValidationError; what they mean together is judged later."""
        found = []
        for one in value or []:
            if not one["name"]:
                raise ValidationError("A question belongs to a slot with a name.")
            found.append(dict(one) | {"question": TextsField().to_python(one["question"])})
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether anything else is asked."""
        return [_flat(one) for one in initial or []] != [_flat(one) for one in data or []]


class SkillsField(forms.CharField):
    """Skills with levels, in a line: `cards 2, billing`."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        """As a person writes it."""
        if not isinstance(value, Mapping):
            return value
        return ", ".join(f"{name} {level}" for name, level in value.items())

    def to_python(self, value: Any) -> Any:
        """Name → level; without one it is 1. Raises ValidationError."""
        if isinstance(value, Mapping):
            return dict(value)
        found: dict[str, int] = {}
        for part in filter(None, (one.strip() for one in (value or "").split(","))):
            skill = _SKILL.fullmatch(part)
            assert skill is not None  # whatever it is, it is a name
            found[skill["name"]] = int(skill["level"] or 1)
        if faults := list(checks.skill_faults(found)):
            raise ValidationError([one["detail"] for one in faults])
        return found

    def validate(self, value: Any) -> None:
        """Nothing besides."""

    def run_validators(self, value: Any) -> None:
        """Those of a text mean nothing here."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether others are asked for."""
        return bool(self.prepare_value(initial or {}) != (data or ""))


def _pairs_of(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [(str(language), str(text)) for language, text in value.items()]
    return [tuple(one) for one in value or []]


def _flat(slot: Mapping[str, Any]) -> tuple[Any, ...]:
    return (slot.get("name"), slot.get("kind"), _pairs_of(slot.get("question")))
