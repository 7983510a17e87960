"""Frames and close codes: what goes over a socket, and how broadcasts carry it between processes."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

BAD_FRAME: Final = 4400
NOT_SIGNED_IN: Final = 4401
NOT_YOURS: Final = 4403
TOO_SLOW: Final = 4408
REPLACED: Final = 4409
TOO_MANY: Final = 4429
LATER: Final = 1013
"""Come back later: RFC 6455's "try again later"."""

DEFECT: Final = 1011
"""Our fault: RFC 6455's "internal error"."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Farewell(Exception):
    """The connection is closed, with a code and a word of explanation."""

    def __init__(self, code: int, reason: str) -> None:
        """Code and reason as the client sees them."""
        super().__init__(reason)
        self.code = code


class Position(NamedTuple):
    """Where a numbered frame stands in its stream."""

    epoch: int
    """Names the stream's history; another epoch means that older numbers say nothing."""
    seq: int
    """1, 2, 3 … without a gap."""


def encode(frame: object) -> str:
    """A frame as the text that is sent."""
    return _encode(frame).decode()


def error_frame(code: str, detail: str, **about: object) -> str:
    """What a socket is told when something is wrong; `about` names what it is about."""
    return encode({"type": "error", "code": code, "detail": detail, **about})


def parse(text: str | None, *, longest: int) -> dict[str, Any]:
    """A client's frame. Raises `Farewell`, if it is none: no text, too long, no object, no type."""
    if text is not None and len(text) <= longest:
        try:
            frame = _decode(text)
        except (msgspec.DecodeError, RecursionError):
            frame = None
        if isinstance(frame, dict) and isinstance(frame.get("type"), str):
            return frame
    raise Farewell(BAD_FRAME, "a frame is a JSON object with a type")


def pack(frames: Iterable[tuple[Position | None, str]]) -> bytes:
    """Frames of one group as one broadcast: a line each, its position in front, text as it is sent.

    The receiver finds position and text without parsing JSON.
    """
    return "\n".join(
        f"{f'{position.epoch}.{position.seq}' if position else '-'} {_one_line(text)}"
        for position, text in frames
    ).encode()


def unpack(broadcast: bytes) -> Iterator[tuple[Position | None, str]]:
    """What `pack` was given. Raises `ValueError`, if it was not made by `pack`."""
    for line in broadcast.decode().split("\n"):
        place, _, text = line.partition(" ")
        if place == "-":
            yield None, text
        else:
            epoch, _, seq = place.partition(".")
            yield Position(int(epoch), int(seq)), text


def _one_line(text: str) -> str:
    # In JSON a bare line end is white space: inside a string it is always written as an escape.
    return text.replace("\n", " ") if "\n" in text else text
