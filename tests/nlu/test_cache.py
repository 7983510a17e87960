"""Answers that were given before: whose, of what, for how long."""

import asyncio
import time
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from apps.nlu import cache as caching
from apps.nlu import redis_link
from apps.nlu.cache import Cache, fingerprint, key_of
from apps.nlu.interpretation import Candidate, Entity, Interpretation, normalised
from apps.nlu.redis_link import CONNECTIONS, Link

WORD = st.sampled_from(["a", "A", "a ", "a?", "b", "ab", "a b", "a\x1fb", "a\tb"])
CONTEXT = st.dictionaries(st.sampled_from("xy"), st.sampled_from([1, 2, "1", None]), max_size=2)
PARTS = st.tuples(
    st.integers(1, 3), st.sampled_from(["1.1", "1.2", "11"]), st.sampled_from(["1", "2"]),
    st.sampled_from(["en", "de", "en-GB"]), WORD, CONTEXT,
)  # fmt: skip
FOUND = Interpretation(
    "balance", 0.9, (Entity("date", "2024-01-01", "new year", 3, 11),),
    (Candidate("transfer", 0.05),), reply="It is 5 EUR.", provider="cx", context={"a": {"b": [1]}},
)  # fmt: skip


def sense(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """What an answer depends on."""
    tenant, who, version, language, text, context = parts
    known = tuple(sorted((name, repr(value)) for name, value in context.items()))
    return tenant, who, version, language, normalised(text), known


@given(PARTS, PARTS)
def test_keys_are_equal_exactly_where_the_answer_must_be(
    one: tuple[Any, ...], other: tuple[Any, ...]
) -> None:
    assert (key_of(*one) == key_of(*other)) == (sense(one) == sense(other))


@given(st.integers(1, 10**6), st.text(min_size=40))
def test_a_key_names_its_tenant_and_tells_no_text(tenant: int, text: str) -> None:
    key = key_of(tenant, "1.1", "1", "en", text, {})

    assert key.startswith(f"nlu:answer:{tenant}:")
    assert text not in key


@given(st.text())
def test_saying_it_again_changes_nothing(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@given(CONTEXT)
def test_the_order_of_a_context_does_not_count(context: dict[str, Any]) -> None:
    turned = dict(reversed(context.items()))

    assert fingerprint(turned) == fingerprint(context)
    assert (fingerprint(context) == "") == (not context)


async def test_another_process_reads_the_same_answer(_empty_redis: None) -> None:
    first, second = (Link(settings.REDIS_URL, settings.REDIS_PREFIX) for _ in range(2))
    await Cache(first).put("k", FOUND)

    assert await Cache(second).get("k") == FOUND
    assert await Cache(second).get("other") is None
    await first.close()
    await second.close()


async def test_what_belongs_to_no_intent_is_believed_for_a_short_time(
    _empty_redis: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Link(settings.REDIS_URL, settings.REDIS_PREFIX)
    cache = Cache(link)
    cache.remember("known", FOUND)
    cache.remember("unknown", Interpretation("oos", 0.2))
    later = time.monotonic() + caching.NEGATIVE_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)

    assert await cache.get("known") == FOUND
    assert await cache.get("unknown") is None
    await link.close()


async def test_something_else_under_a_key_is_no_answer(_empty_redis: None) -> None:
    link = Link(settings.REDIS_URL, settings.REDIS_PREFIX)
    await link.put("k", b'{"intent": 7}', seconds=60)

    assert await Cache(link).get("k") is None
    await link.close()


async def test_a_process_forgets_the_oldest_answer_first(
    _empty_redis: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "KEPT", 3)
    link = Link("redis://127.0.0.1:1/0", "none")
    cache = Cache(link)
    for name in "abcd":
        cache.remember(name, FOUND)

    assert [await cache.get(name) is not None for name in "abcd"] == [False, True, True, True]
    await link.close()


async def test_a_crowd_is_no_failure_of_redis(
    _empty_redis: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More calls at once than there are connections take turns; nobody is told that Redis is away."""
    monkeypatch.setattr(redis_link, "TIMEOUT", 30)  # however busy this machine is
    link = Link(settings.REDIS_URL, settings.REDIS_PREFIX)
    await link.put("k", b"v", seconds=60)
    calls = [asyncio.create_task(link.get("k")) for _ in range(CONNECTIONS * 6)]

    found = await asyncio.gather(*calls)

    assert found == [b"v"] * len(calls)
    await link.close()
