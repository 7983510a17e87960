"""Keyset pages: `?after=<cursor>&limit=<n>` → `{"results": […], "next": cursor or null}`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import UUID

from rest_framework.request import Request

from apps.core.exceptions import Fault, fault, shown
from apps.core.problems import Malformed

PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 1_000
CURSOR_MAX: Final = 200  # characters
ALWAYS: Final = frozenset({"after", "limit", "format"})
NO_CURSOR: Final = fault("after", "invalid", "This is no cursor of ours.")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageAsk:
    """Which page is wanted."""

    after: str | None
    limit: int

    @property
    def after_id(self) -> UUID | None:
        """The cursor, where pages go by ids. Raises `Malformed`."""
        try:
            return UUID(self.after) if self.after else None
        except ValueError as error:
            raise Malformed(errors=[NO_CURSOR]) from error


def page_asked(
    request: Request,
    *,
    filters: Collection[str] = (),
    choices: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> PageAsk:
    """The page that a request asks for; `choices` are the values that some filters may have.

    Raises `Malformed` on a bad limit or cursor, on a parameter that is no filter of this list, and on
    a value that nothing can have: a filter that is ignored answers another question than was asked.
    """
    faults = refuse_unknown(request, {*ALWAYS, *filters})
    after = request.query_params.get("after") or None
    if after and (len(after) > CURSOR_MAX or not after.isprintable()):
        faults.append(NO_CURSOR)
    text = request.query_params.get("limit", str(PAGE_DEFAULT))
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 - no int of a megabyte
    if not 1 <= limit <= PAGE_MAX:
        detail = f"A page has between 1 and {PAGE_MAX} items."
        faults.append(fault("limit", "out_of_range", detail))
    for name in filters:
        if not request.query_params.get(name, "").isprintable():
            detail = "Only printable characters."
            faults.append(fault(name, "bad_characters", detail))
    for name, values in choices.items():
        if request.query_params.get(name, "") not in ("", *values):
            detail = f"One of: {', '.join(values)}."
            faults.append(fault(name, "invalid_choice", detail))
    if faults:
        raise Malformed(errors=faults)
    return PageAsk(after, limit)


def refuse_unknown(request: Request, known: Collection[str]) -> list[Fault]:
    """A fault for every query parameter that means nothing here."""
    return [
        fault(shown(name), "unknown_parameter", "There is no such parameter here.")
        for name in request.query_params
        if name not in known
    ]


def page(
    rows: Sequence[T], ask: PageAsk, *, cursor: Callable[[T], str], render: Callable[[T], Any]
) -> dict[str, Any]:
    """The answer, made of `ask.limit + 1` rows: one more than are shown says that there is more."""
    shown = rows[: ask.limit]
    return {
        "results": [render(row) for row in shown],
        "next": cursor(shown[-1]) if len(rows) > ask.limit else None,
    }
