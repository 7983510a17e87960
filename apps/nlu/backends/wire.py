"""What all backends share: the question, the provider's terms, one call over HTTP, and its failures.

A call is made once. Retries, deadlines and everything else that costs time belong to the facade.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

import aiohttp

from apps.nlu.interpretation import Interpretation

ANSWER_MAX: Final = 1_000_000  # bytes of one answer
CONNECT_SECONDS: Final = 0.8
TOKEN_TIMEOUT: Final = aiohttp.ClientTimeout(total=1.5, sock_connect=CONNECT_SECONDS)
HTTP_ERRORS: Final = 400
TOO_MANY: Final = 429


class Failure(StrEnum):
    """How a call failed, as far as it can be told."""

    CONNECT = "connect"  # never sent
    TIMEOUT = "timeout"
    RESET = "reset"  # sent, or half sent, and no answer
    SERVER = "server"  # 5xx
    BAD_ANSWER = "bad_answer"
    QUOTA = "quota"  # 429
    CREDENTIALS = "credentials"  # 401, 403, no token
    REFUSED = "refused"  # any other 4xx: our fault, or the tenant's set-up


TRANSIENT: Final = frozenset({Failure.CONNECT, Failure.SERVER, Failure.RESET})
"""Worth another try at once: the first was certainly not sent, the second may meet another machine, or
the connection had been idle for longer than the other side keeps one."""
PROVIDERS_FAULT: Final = frozenset(
    {Failure.CONNECT, Failure.TIMEOUT, Failure.RESET, Failure.SERVER, Failure.BAD_ANSWER}
)
"""What opens a breaker. A refusal, a quota or bad credentials say nothing about the provider's health."""


class CallFailed(Exception):
    """A call to a provider brought no interpretation."""

    def __init__(self, failure: Failure, detail: str = "") -> None:
        """`detail` is for the log: a status or a class, never what a person wrote."""
        super().__init__(f"{failure.value}: {detail}" if detail else failure.value)
        self.failure = failure
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Provider:
    """A tenant's terms with a provider: all that a call needs, and nothing that asks the database."""

    id: int
    tenant: int
    name: str
    kind: str
    url: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    secret: str = field(default="", repr=False)
    cost: float = 0.0
    """Money a call, in the tenant's own unit."""
    per_minute: int = 0
    """Calls that the provider allows in a minute; 0: as many as one likes."""
    threshold: float = 0.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """By intent, where it differs."""
    languages: frozenset[str] = frozenset()
    """Empty: every language."""
    version: int = 1
    """Goes up with every change of these terms: answers are cached under it."""

    def speaks(self, language: str) -> bool:
        """Whether it understands a language, or its main part (`pt` for `pt-BR`)."""
        tag = language.casefold()  # as BCP 47 has it, case says nothing
        known = {one.casefold() for one in self.languages}
        return not known or bool({tag, tag.split("-", maxsplit=1)[0]} & known)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question."""

    text: str
    language: str = "en"
    conversation: str = ""
    """Opaque; the vendor's session is derived from it."""
    turn: str = ""
    """Names the turn of the dialog, where there is one."""
    contexts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By provider: what it wanted back."""
    intents: tuple[str, ...] = ()
    """The tenant's intents; a chat model chooses from them."""


class Backend(Protocol):
    """Speaks one provider's language."""

    is_safe: bool
    """Whether a call leaves no trace: it may be repeated, hedged, raced and cached."""

    async def ask(self, ask: Ask) -> Interpretation:
        """The provider's interpretation, without thresholds. Raises `CallFailed`."""
        ...


async def post(
    http: aiohttp.ClientSession,
    url: str,
    *,
    body: Any = None,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """One POST; the JSON of its answer. Raises `CallFailed`.

    Who calls has the deadline, and cancels. Only a form is sent on nobody's behalf: a token that many
    wait for must not be waited for until the world ends.
    """
    timeout = TOKEN_TIMEOUT if form is not None else http.timeout
    try:
        async with http.post(
            url, json=body, data=form, headers=headers, allow_redirects=False, timeout=timeout
        ) as answer:
            raw = await answer.content.read(ANSWER_MAX + 1)
            while len(raw) <= ANSWER_MAX and (more := await answer.content.read(ANSWER_MAX)):
                raw += more
            _refuse(answer.status, len(raw))
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise CallFailed(Failure.CONNECT, type(error).__name__) from error
    except TimeoutError as error:
        raise CallFailed(Failure.TIMEOUT) from error
    except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, OSError) as error:
        raise CallFailed(Failure.RESET, type(error).__name__) from error
    except (aiohttp.ClientError, ValueError) as error:
        raise CallFailed(Failure.BAD_ANSWER, type(error).__name__) from error
    return _json(raw)


def _refuse(status: int, size: int) -> None:
    """Raises `CallFailed` for what is no answer."""
    if status >= 500:  # noqa: PLR2004 - the provider's own faults begin there
        raise CallFailed(Failure.SERVER, str(status))
    if status == TOO_MANY:
        raise CallFailed(Failure.QUOTA, str(status))
    if status in (401, 403):
        raise CallFailed(Failure.CREDENTIALS, str(status))
    if status >= HTTP_ERRORS:
        raise CallFailed(Failure.REFUSED, str(status))
    if status != 200:  # noqa: PLR2004 - a redirect to a sign-in page, say
        raise CallFailed(Failure.BAD_ANSWER, str(status))
    if size > ANSWER_MAX:
        raise CallFailed(Failure.BAD_ANSWER, "too large")


def _json(raw: bytes) -> Any:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CallFailed(Failure.BAD_ANSWER, "no JSON") from error
    if not isinstance(found, dict):
        raise CallFailed(Failure.BAD_ANSWER, "no object")
    return found


class Shape:
    """Reads foreign JSON without trusting it: what is not of the wanted kind is not there."""

    @staticmethod
    def text(value: Any) -> str:
        """A string, or nothing."""
        return value if isinstance(value, str) else ""

    @staticmethod
    def mapping(value: Any) -> Mapping[str, Any]:
        """An object, or an empty one."""
        return value if isinstance(value, dict) else {}

    @staticmethod
    def items(value: Any) -> list[Mapping[str, Any]]:
        """The objects of a list."""
        return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []

    @staticmethod
    def texts(value: Any) -> list[str]:
        """The strings of a list."""
        return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []

    @staticmethod
    def chance(value: Any, default: float = 0.0) -> float:
        """A confidence within 0 and 1."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return default
        if isinstance(value, float) and math.isnan(value):
            return default
        return float(min(max(value, 0), 1))
