"""The five ways to say no. An app's own refusals derive from one of them.

DomainError
├── NotFound     404  there is no such thing here
├── Forbidden    403  you may not do this
├── Conflict     409  someone else got there first
├── Rejected     422  a business rule refuses this
└── Unavailable  503  something we need is not answering (the only one worth a retry)
"""

import re
from typing import ClassVar

Fault = dict[str, str]
"""One reason of a refusal: `{field, code, detail}`; a problem lists them all as its `errors`."""


def fault(field: str, code: str, detail: str) -> Fault:
    """One reason: where, a name for machines, a sentence for people."""
    return {"field": field, "code": code, "detail": detail}


def shown(name: object) -> str:
    """A field's name that somebody sent, as it may be shown again: plain ASCII, up to 80 characters."""
    return str(name).encode("unicode_escape").decode()[:80]


class DomainError(Exception):
    """The request was understood and refused."""

    status: ClassVar[int] = 422

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """Keep the sentence for people (default: the class's docstring) and the facts for machines."""
        super().__init__(message or (self.__doc__ or "").strip())
        self.facts = facts

    @property
    def code(self) -> str:
        """The machine-readable name: the class's own, in snake_case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()


class NotFound(DomainError):
    """There is no such thing here."""

    status = 404


class Forbidden(DomainError):
    """You may not do this."""

    status = 403


class Conflict(DomainError):
    """Someone else got there first."""

    status = 409


class Rejected(DomainError):
    """A business rule refuses this."""

    status = 422


class Unavailable(DomainError):
    """Something we need is not answering; try again shortly."""

    status = 503
