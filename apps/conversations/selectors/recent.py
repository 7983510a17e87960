"""Recent messages near at hand: in this process, else in Redis, else in the table.

A message never changes within its epoch. So a copy is right if it is of the present epoch and reaches the present
seq, and both are asked of the database every time, before anything else. Redis empty, stale or gone costs a query
and never changes an answer. An erasure raises the epoch in the transaction that blanks the words.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from threading import Lock
from typing import Any, Final
from uuid import UUID

import msgspec
import redis

from apps.conversations.selectors.messages import MessageView, messages_after, messages_before
from apps.sockets import redis_client

KEPT: Final = 100
"""Messages of a conversation that are kept: more than a screen shows at first."""
CHARACTERS_MAX: Final = 50_000  # of a conversation; longer ones are read from the table
CONVERSATIONS_MAX: Final = 200  # in this process
SECONDS: Final = 600  # how long a copy is kept unasked
BREAK_SECONDS: Final = 1.0  # how long Redis is left alone after a failure


class Tail(msgspec.Struct, frozen=True, array_like=True):
    """The newest messages of a conversation, in their order, under an epoch."""

    epoch: int
    messages: list[MessageView]

    def answers(self, epoch: int, last_seq: int, after_seq: int) -> bool:
        """Whether it holds everything from behind `after_seq` to `last_seq`."""
        return (
            self.epoch == epoch
            and bool(self.messages)
            and self.messages[0].seq <= after_seq + 1
            and self.messages[-1].seq >= last_seq
        )


_near: OrderedDict[tuple[int, UUID], tuple[float, Tail]] = OrderedDict()
_lock = Lock()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Tail).decode
_broken_until = float("-inf")


def recent_messages(
    tenant: int, conversation: UUID, after_seq: int, limit: int, *, epoch: int, last_seq: int
) -> list[MessageView]:
    """The messages after a seq, as `messages_after` gives them; epoch and seq as just read."""
    if after_seq >= last_seq:
        return []
    if last_seq - after_seq > KEPT:
        return messages_after(tenant, conversation, after_seq, limit)
    tail = _find(tenant, conversation, (epoch, last_seq, after_seq))
    if tail is None:
        tail = Tail(epoch, messages_before(tenant, conversation, last_seq + 1, KEPT))
        _keep(tenant, conversation, tail)
    return [one for one in tail.messages if one.seq > after_seq][:limit]


def forget(tenant: int, conversations: Collection[UUID]) -> None:
    """Let every copy go at once, here and in Redis. Never raises."""
    with _lock:
        for one in conversations:
            _near.pop((tenant, one), None)
    if conversations:
        _ask(lambda: redis_client.client().delete(*(_key(tenant, one) for one in conversations)))


def kept(tenant: int, conversations: Collection[UUID]) -> int:
    """How many of these have a copy in Redis; 0 where it does not answer: copies end by themselves."""
    if not conversations:
        return 0
    keys = [_key(tenant, one) for one in conversations]
    return int(_ask(lambda: redis_client.client().exists(*keys)) or 0)


def reset() -> None:
    """Forget what this process holds: between tests."""
    global _broken_until  # noqa: PLW0603 - one a process
    _near.clear()
    _broken_until = float("-inf")


def _find(tenant: int, conversation: UUID, wanted: tuple[int, int, int]) -> Tail | None:
    with _lock:
        near = _near.get((tenant, conversation))
        if near is not None:
            _near.move_to_end((tenant, conversation))
    if near is not None and near[1].answers(*wanted):
        return near[1]
    found = _ask(lambda: redis_client.client().get(_key(tenant, conversation)))
    if not isinstance(found, bytes):
        return None
    try:
        tail = _decode(found)
    except msgspec.MsgspecError:  # an older release wrote it
        return None
    if not tail.answers(*wanted):
        return None
    _keep_near(tenant, conversation, tail)
    return tail


def _keep(tenant: int, conversation: UUID, tail: Tail) -> None:
    if not tail.messages or sum(len(one.body) for one in tail.messages) > CHARACTERS_MAX:
        return
    _keep_near(tenant, conversation, tail)
    name, value = _key(tenant, conversation), _encode(tail)
    _ask(lambda: redis_client.client().set(name, value, ex=SECONDS))


def _keep_near(tenant: int, conversation: UUID, tail: Tail) -> None:
    now = time.monotonic()
    with _lock:
        _near[tenant, conversation] = (now, tail)
        _near.move_to_end((tenant, conversation))
        while len(_near) > CONVERSATIONS_MAX or next(iter(_near.values()))[0] < now - SECONDS:
            _near.popitem(last=False)


def _ask(call: Callable[[], Any]) -> Any:
    """Redis's answer; none where it does not answer, and then it is left alone for a while."""
    global _broken_until  # noqa: PLW0603 - one a process
    if time.monotonic() < _broken_until:
        return None
    try:
        return call()
    except (redis.RedisError, OSError):
        _broken_until = time.monotonic() + BREAK_SECONDS
        return None


def _key(tenant: int, conversation: UUID) -> str:
    return redis_client.key(str(tenant), "recent", str(conversation))
