"""Keyset pages: `?after=<cursor>&limit=<n>` → `{"results": […], "next": cursor or null}`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 1_000
CURSOR_MAX: Final = 200  # characters

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageAsk:
    """Which page is wanted: the cursor (an id, a name, a number, a day), and how many rows."""

    after: Any
    limit: int


def page_asked(asked: Mapping[str, Any]) -> tuple[PageAsk, dict[str, Any]]:
    """The page that a `PageQuery` asks for, and its filters."""
    filters = {name: value for name, value in asked.items() if name not in {"after", "limit"}}
    return PageAsk(asked.get("after"), asked["limit"]), filters


def page(
    rows: Sequence[T], ask: PageAsk, *, cursor: Callable[[T], str], render: Callable[[T], Any]
) -> dict[str, Any]:
    """The answer, made of `ask.limit + 1` rows: one more than are shown says that there is more."""
    shown = rows[: ask.limit]
    return {
        "results": [render(row) for row in shown],
        "next": cursor(shown[-1]) if len(rows) > ask.limit else None,
    }
