"""`manage.py describe_events`: the catalogue says what the contracts say, and is up to date."""

from io import StringIO
from pathlib import Path
from uuid import UUID

import msgspec
from django.core.management import call_command

from apps.events import contracts
from apps.events.contracts import Event, event
from apps.events.management.commands.describe_events import catalogue

PAGE = Path(__file__).resolve().parents[2] / "docs" / "events.md"


class Part(msgspec.Struct, frozen=True):
    """A part of a thing."""

    weight: int  # grams


def test_an_event_is_described_with_its_parts() -> None:
    try:

        @event("trading.thing.made", topic="trade", version=3)
        class ThingMade(Event):
            """A thing was made."""

            thing: UUID
            side: str  # left | right
            parts: tuple[Part, ...]
            note: str | None = None  # for people

        text = catalogue([contracts.contract_of(ThingMade)])
    finally:
        contracts._by_type.pop(contracts._by_name.pop("trading.thing.made").type)

    for expected in (
        "## Topic `trade`",
        "### `trading.thing.made` v3",
        "A thing was made.",
        "Heard by nobody yet.",
        "| `thing` | UUID |  |",
        "| `side` | text | left \\| right |",
        "| `parts` | list of `Part` |  |",
        "| `note` | text or nothing | optional; for people |",
        "Each `Part`: A part of a thing.",
        "| `weight` | whole number | grams |",
    ):
        assert expected in text


def test_the_page_is_up_to_date() -> None:
    out = StringIO()
    call_command("describe_events", stdout=out)

    assert out.getvalue() == PAGE.read_text(), "run: manage.py describe_events docs/events.md"


def test_it_writes_a_file(tmp_path: Path) -> None:
    page = tmp_path / "events.md"

    call_command("describe_events", str(page), stdout=StringIO())

    assert page.read_text().startswith("# Events\n")
