"""Answers that were given before: in this process, then in Redis.

The key holds everything that an answer depends on: tenant, provider and the version of its terms,
language, the normalised text, and a fingerprint of the context. Texts are hashed: a cache is no place
to read what people wrote.
"""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from apps.nlu.interpretation import Interpretation, normalised
from apps.nlu.redis_link import Link

SECONDS: Final = 300.0
NEGATIVE_SECONDS: Final = 15.0
"""How long "it belongs to no intent" is believed: examples may come any minute."""
ANSWERS: Final = "nlu:answer"
"""What the keys of answers begin with; the tenant follows."""

KEPT: Final = 10_000  # answers a process
OWN_SECONDS: Final = 30.0

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Interpretation).decode


def fingerprint(context: Mapping[str, Any]) -> str:
    """Names a context: equal ones have equal names. Nothing in it is the empty name."""
    return _digest(json.dumps(context, sort_keys=True, default=str)) if context else ""


def key_of(
    tenant: int, who: str, version: str, language: str, text: str, context: Mapping[str, Any]
) -> str:
    """The key of an answer."""
    what = _digest("\x1f".join((language, normalised(text), fingerprint(context))))
    return f"{ANSWERS}:{tenant}:{who}:{version}:{what}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Cache:
    """Answers by key. Failures and degraded answers never come in."""

    def __init__(self, link: Link) -> None:
        """`link` leads to Redis."""
        self._link = link
        self._own: OrderedDict[str, tuple[float, Interpretation]] = OrderedDict()

    async def get(self, key: str) -> Interpretation | None:
        """The answer, if it is still believed."""
        known = self._own.get(key)
        if known is not None:
            if time.monotonic() < known[0]:
                return known[1]
            del self._own[key]
        raw = await self._link.get(key)
        if raw is None:
            return None
        try:
            found = _decode(raw)
        except msgspec.MsgspecError:
            return None
        self.remember(key, found)
        return found

    async def put(self, key: str, found: Interpretation) -> None:
        """Keep an answer for all processes."""
        await self._link.put(key, _encode(found), seconds=_life(found))

    def remember(self, key: str, found: Interpretation) -> None:
        """Keep an answer in this process."""
        self._own[key] = (time.monotonic() + min(_life(found), OWN_SECONDS), found)
        self._own.move_to_end(key)
        while len(self._own) > KEPT:
            self._own.popitem(last=False)


def _life(found: Interpretation) -> float:
    return SECONDS if found.in_scope else NEGATIVE_SECONDS
