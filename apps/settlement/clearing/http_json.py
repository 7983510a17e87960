"""A clearing system that speaks JSON over HTTP (`wire.py`), with signed requests.

The deadline is one of the whole call: name, connection, request, and every byte of the answer. What
ends before the request was sent was certainly not taken; what ends after it, nobody knows.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from ssl import SSLContext, create_default_context
from typing import Any, Final, TypeVar
from uuid import UUID

import httpx
import msgspec

from apps.settlement.clearing import signing, wire
from apps.settlement.clearing.protocol import Answer, Holding, Instruction, Outcome

CALL_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 2.0
ANSWER_MAX: Final = 8 * 1024 * 1024  # bytes
RECORD_MAX: Final = 2_000  # characters of a request or answer that are kept
BULK_MAX: Final = 100
NOT_TAKEN: Final = frozenset({400, 401, 403, 404, 405, 413, 415, 429, 503})
"""Statuses that say: nothing of this was taken."""
_OUTCOMES: Final = {
    "accepted": Outcome.ACCEPTED,
    "rejected": Outcome.REJECTED,
    "settled": Outcome.CONFIRMED,
    "cancelled": Outcome.CANCELLED,
    "absent": Outcome.ABSENT,
    "refused": Outcome.REJECTED,
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Failure:
    """A call without an answer that counts."""

    outcome: Outcome
    detail: str
    response: str = ""


@dataclass(frozen=True, slots=True)
class HttpClearing:
    """A tenant's connection. Thread-safe; raises nothing for what the world does."""

    url: str
    secret: bytes
    participant: int
    seconds: float = CALL_SECONDS
    bulk_max: int = BULK_MAX

    def instruct(self, instructions: Sequence[Instruction]) -> list[Answer]:
        """Send instructions, `bulk_max` in a call."""
        found: list[Answer] = []
        for start in range(0, len(instructions), self.bulk_max):
            part = instructions[start : start + self.bulk_max]
            body = wire.encode(wire.Instructions([_wanted(one) for one in part]))
            found += self._answers(wire.INSTRUCTIONS, body, [one.id for one in part])
        return found

    def ask(self, instructions: Sequence[UUID]) -> list[Answer]:
        """Ask how instructions stand."""
        return self._about(wire.STATUS, instructions)

    def cancel(self, instructions: Sequence[UUID]) -> list[Answer]:
        """Withdraw instructions."""
        return self._about(wire.CANCELLATION, instructions)

    def statement(self) -> list[Holding] | None:
        """What it holds for us; nothing where it does not answer."""
        found = self._call("GET", wire.HOLDINGS, b"", wire.Holdings)
        if isinstance(found, _Failure):
            return None
        return [Holding(one.account, one.asset, one.amount) for one in found[0].holdings]

    def _about(self, path: str, ids: Sequence[UUID]) -> list[Answer]:
        found: list[Answer] = []
        for start in range(0, len(ids), self.bulk_max):
            part = list(ids[start : start + self.bulk_max])
            found += self._answers(path, wire.encode(wire.Ids(part)), part)
        return found

    def _answers(self, path: str, body: bytes, ids: Sequence[UUID]) -> list[Answer]:
        found = self._call("POST", path, body, wire.Results)
        request = _record(body)
        if isinstance(found, _Failure):
            return [
                Answer(
                    uid,
                    found.outcome,
                    detail=found.detail,
                    request=request,
                    response=found.response,
                )
                for uid in ids
            ]
        by_id = {one.id: one for one in found[0].results}
        return [_answer(uid, by_id.get(uid), request) for uid in ids]

    def _call(self, method: str, path: str, body: bytes, kind: type[T]) -> tuple[T, str] | _Failure:
        try:
            status, content = asyncio.run(self._send(method, path, body))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return _Failure(Outcome.UNAVAILABLE, f"no connection: {type(error).__name__}")
        except (TimeoutError, httpx.HTTPError, _TooLong) as error:
            return _Failure(Outcome.UNKNOWN, f"no answer: {type(error).__name__}")
        text = _record(content)
        if status in NOT_TAKEN:
            return _Failure(Outcome.UNAVAILABLE, f"status {status}", text)
        if status != httpx.codes.OK:
            return _Failure(Outcome.UNKNOWN, f"status {status}", text)
        try:
            return msgspec.json.decode(content, type=kind), text
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return _Failure(Outcome.UNKNOWN, f"an answer that makes no sense: {error}", text)

    async def _send(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body. Raises TimeoutError, httpx.HTTPError, _TooLong."""
        headers = signing.signed(
            self.secret, self.participant, int(time.time()), method, path, body
        )
        headers["content-type"] = "application/json"
        limits = httpx.Timeout(None, connect=min(CONNECT_SECONDS, self.seconds))
        async with (
            asyncio.timeout(self.seconds),
            httpx.AsyncClient(
                base_url=self.url, verify=_trusted(), timeout=limits, trust_env=False
            ) as client,
            client.stream(method, path, content=body, headers=headers) as answer,
        ):
            content = bytearray()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > ANSWER_MAX:
                    raise _TooLong
            return answer.status_code, bytes(content)


class _TooLong(Exception):
    """An answer that nobody would send in earnest."""


@cache
def _trusted() -> SSLContext:
    """The authorities that the system trusts; read once, since that takes as long as a call."""
    return create_default_context()


def _wanted(one: Instruction) -> wire.Wanted:
    fields: dict[str, Any] = {name: getattr(one, name) for name in wire.Wanted.__struct_fields__}
    return wire.Wanted(**fields)


def _answer(uid: UUID, result: wire.Result | None, request: str) -> Answer:
    if result is None:
        return Answer(uid, Outcome.UNKNOWN, detail="the answer leaves it out", request=request)
    return Answer(
        uid,
        _OUTCOMES[result.status],
        reference=result.reference,
        code=result.code,
        detail=result.detail,
        request=request,
        response=_record(wire.encode(result)),
        quantity=result.quantity,
        amount=result.amount,
    )


def _record(content: bytes) -> str:
    """What is kept of a body: text without what PostgreSQL cannot store, and not without end."""
    return content[: 4 * RECORD_MAX].decode(errors="replace").replace("\0", "�")[:RECORD_MAX]
