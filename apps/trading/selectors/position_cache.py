"""Positions in Redis: one hash an account. It never decides an answer, it only saves a query.

Note [Chain]. Every batch that is folded gives its partition a new mark in the database, a random
token. The cache follows the chain of these tokens: it takes a batch only if it stands at the
token before it, and so knows that it has missed none. Otherwise it begins a new generation, and
whatever it held of the partition counts no more. A hash is served only if the partition in Redis
stands at the token at which the database stands, as read at most `TRUSTED_SECONDS` ago. So a
lost write, an old snapshot after a restart, another database or a rebuilt projection end in a
miss, and the database answers (docs/decisions/0007-position-cache.md).
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
import redis
import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.core.impatient_redis import ImpatientRedis

log = structlog.get_logger(__name__)

TRUSTED_SECONDS: Final = 0.1
"""How long a process trusts what it read of the database's marks: the age that an answer may have."""
OVERDUE_SECONDS: Final = 1.0
"""After this a write that has not come was lost: longer than one may take."""
TIMEOUT: Final = 0.25  # seconds that one call to Redis may take
BREAK_SECONDS: Final = 1.0  # how long Redis is left alone after a failure
KEPT_SECONDS: Final = 86_400  # idle accounts leave Redis after a day

# KEYS: the partition's mark, the accounts. ARGV: token before, token, seconds to keep, and for each
# account the number of fields and the fields.
FOLLOW: Final = """
local mark = redis.call('HMGET', KEYS[1], 'token', 'generation')
if mark[1] == ARGV[2] then return 0 end
local generation = mark[2]
if mark[1] ~= ARGV[1] then generation = ARGV[2] end
redis.call('HSET', KEYS[1], 'token', ARGV[2], 'generation', generation)
redis.call('EXPIRE', KEYS[1], ARGV[3])
local at = 4
for i = 2, #KEYS do
    local count = tonumber(ARGV[at])
    if redis.call('HGET', KEYS[i], '') == generation then
        redis.call('HSET', KEYS[i], unpack(ARGV, at + 1, at + count))
        redis.call('EXPIRE', KEYS[i], ARGV[3])
    end
    at = at + count + 1
end
return 1
"""
# KEYS: the partition's mark, the account. ARGV: token, 1 if a write is overdue, seconds, fields.
FILL: Final = """
local mark = redis.call('HMGET', KEYS[1], 'token', 'generation')
local generation = mark[2]
if mark[1] ~= ARGV[1] then
    if mark[1] and ARGV[2] ~= '1' then return 0 end
    generation = ARGV[1]
    redis.call('HSET', KEYS[1], 'token', ARGV[1], 'generation', generation)
    redis.call('EXPIRE', KEYS[1], ARGV[3])
end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], '', generation, unpack(ARGV, 4))
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""
FIELDS_MAX: Final = 3_000
"""Positions of an account in one call; Lua unpacks no more than about 8,000 values."""


class StoredPosition(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A position as it stands in the database."""

    symbol: str
    instrument_id: UUID
    currency: str
    quantity: Decimal
    cost: Decimal
    realised_pnl: Decimal
    fees: Decimal
    version: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Cached:
    """What Redis knew, and the moment at which the database agreed."""

    as_of: datetime
    positions: list[StoredPosition]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the database stands in a partition, as a process read it."""

    token: UUID | None
    asked_at: float  # monotonic, before the question
    as_of: datetime
    first_seen: float  # monotonic: since when it stands at this token, as far as we know


_encode = msgspec.json.Encoder(decimal_format="string").encode
_decode = msgspec.json.Decoder(StoredPosition).decode


class _Process:
    """What this process knows of Redis and of the database's marks."""

    def __init__(self) -> None:
        self.broken_until = float("-inf")
        self.marks: dict[int, Mark] = {}
        self.lock = threading.Lock()


_process = _Process()
_client = ImpatientRedis(lambda: settings.REDIS_URL, lambda: TIMEOUT)


def read(tenant: int, partition: int, account: UUID) -> Cached | None:
    """The account's positions, if Redis has them and is where the database is. Never raises."""
    pipe = _client().pipeline(transaction=False)
    # The mark first: what is read after it can only be newer than the mark says.
    pipe.hmget(_mark_key(partition), "token", "generation")
    pipe.hgetall(_account_key(tenant, partition, account))
    answer = _ask(pipe.execute)
    if answer is None:
        return None
    (token, generation), fields = answer
    mark = _mark(partition)
    if mark.token is None or token != mark.token.hex.encode():
        return None
    if fields.pop(b"", None) != generation:
        return None
    try:
        return Cached(mark.as_of, [_decode(value) for value in fields.values()])
    except msgspec.MsgspecError:
        log.warning("position cache holds something else", account=str(account))
        return None


def fill(
    tenant: int, account: UUID, mark: Mark, positions: Sequence[StoredPosition], *, partition: int
) -> None:
    """Keep what the database said while it stood at `mark`, unless Redis is elsewhere. Never raises."""
    if mark.token is None or len(positions) > FIELDS_MAX:
        return
    overdue = time.monotonic() - mark.first_seen > OVERDUE_SECONDS
    keys = [_mark_key(partition), _account_key(tenant, partition, account)]
    values = [mark.token.hex, int(overdue), KEPT_SECONDS, *_fields(positions)]
    _ask(lambda: _client().eval(FILL, 2, *keys, *values))


def follow(
    before: Mapping[int, UUID],
    token: UUID,
    changed: Mapping[int, Mapping[tuple[int, UUID], Sequence[StoredPosition]]],
) -> None:
    """Take a batch that was committed: by partition, positions by (tenant, account). Never raises."""
    pipe = _client().pipeline(transaction=False)
    for partition, accounts in changed.items():
        mark = before.get(partition)
        keys = [_mark_key(partition)]
        values: list[Any] = [mark.hex if mark else "", token.hex, KEPT_SECONDS]
        for (tenant, account), positions in accounts.items():
            keys.append(_account_key(tenant, partition, account))
            fields = _fields(positions)
            values += [len(fields), *fields]
        pipe.eval(FOLLOW, len(keys), *keys, *values)
    _ask(pipe.execute)


def forget() -> None:
    """Forget client, breaker and marks: after a fork, and between tests."""
    global _process  # noqa: PLW0603 - one a process
    _process = _Process()
    _client.forget()


def seen(partition: int, token: UUID | None, asked_at: float, as_of: datetime) -> Mark:
    """Note where the database stands, by a question that was asked then; the newest one counts."""
    process = _process
    with process.lock:
        known = process.marks.get(partition)
        if known is not None and known.asked_at > asked_at:
            return Mark(token, asked_at, as_of, asked_at)
        first_seen = known.first_seen if known and known.token == token else asked_at
        mark = process.marks[partition] = Mark(token, asked_at, as_of, first_seen)
        return mark


def _mark(partition: int) -> Mark:
    """Where the database stands in a partition: one question for all of them, now and then."""
    known = _process.marks.get(partition)
    asked_at, as_of = time.monotonic(), timezone.now()
    if known is not None and asked_at - known.asked_at <= TRUSTED_SECONDS:
        return known
    with connection.cursor() as cursor:
        cursor.execute("SELECT partition, token FROM trading_positionmark")
        tokens: dict[int, UUID] = dict(cursor.fetchall())
    for number in {*tokens, partition}:
        seen(number, tokens.get(number), asked_at, as_of)
    return _process.marks[partition]


def _fields(positions: Sequence[StoredPosition]) -> list[Any]:
    return [part for one in positions for part in (one.instrument_id.hex, _encode(one))]


def _ask(call: Any) -> Any:
    """The answer of Redis; nothing where it does not answer, and it is then left alone for a while."""
    process = _process
    if time.monotonic() < process.broken_until:
        return None
    try:
        return call()
    except (redis.RedisError, OSError) as error:
        process.broken_until = time.monotonic() + BREAK_SECONDS
        log.warning("position cache not reached", error=type(error).__name__)
        return None


# The partition in braces keeps a partition's keys on one node of a cluster, as scripts need it.
def _mark_key(partition: int) -> str:
    return f"{settings.REDIS_PREFIX}:positions:{{{partition}}}"


def _account_key(tenant: int, partition: int, account: UUID) -> str:
    return f"{settings.REDIS_PREFIX}:{tenant}:positions:{{{partition}}}:{account}"
