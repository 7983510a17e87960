"""Tokens: one fetch for all, early renewal, and a failure that stays with those it befell."""

import asyncio
import json
import time

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from apps.nlu.backends import backend_of, wire
from apps.nlu.backends.wire import Ask, CallFailed
from apps.nlu.tokens import Token, TokenManager
from tests.nlu.stubbed import SETTINGS, Server, provider


async def test_all_who_wait_share_one_fetch_and_a_cancelled_one_takes_it_from_nobody() -> None:
    fetched = 0

    async def fetch() -> tuple[str, float]:
        nonlocal fetched
        fetched += 1
        await asyncio.sleep(0.05)
        return f"t{fetched}", 3600

    tokens = TokenManager(fetch)
    waiting = [asyncio.create_task(tokens.value()) for _ in range(10)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()

    assert await asyncio.gather(*waiting[1:]) == ["t1"] * 9
    assert fetched == 1


async def test_an_old_token_is_served_while_a_new_one_is_fetched_even_in_vain() -> None:
    answers: list[tuple[str, float] | Exception] = [("t1", 60.0), ValueError("away"), ("t2", 60.0)]

    async def fetch() -> tuple[str, float]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    tokens = TokenManager(fetch)
    assert await tokens.value() == "t1"
    # Half an hour before its end: still valid, and past four fifths of its life.
    tokens._token = Token("t1", time.monotonic() - 16_200, 18_000)

    assert await tokens.value() == "t1"  # begins the fetch that fails
    await asyncio.sleep(0.01)
    assert await tokens.value() == "t1"  # the failure took nothing away; begins the next one
    await asyncio.sleep(0.01)
    assert await tokens.value() == "t2"


async def test_a_failed_fetch_fails_nobody_after_it(stubs: Server) -> None:
    stubs.script(token="500_once")
    settings = SETTINGS["watson"] | {"iam_url": f"{stubs.url}/watson"}
    async with aiohttp.ClientSession() as http:
        backend = backend_of(provider(stubs, "watson", settings=settings, secret="k"), http)
        with pytest.raises(CallFailed):
            await backend.ask(Ask("hello there"))
        found = await backend.ask(Ask("hello there"))

    assert found.intent == "greeting"
    fetched = [one for one in stubs.seen()["calls"] if one["provider"] == "watson-token"]
    assert len(fetched) == 2


async def test_a_token_service_that_hangs_is_not_waited_for_until_the_world_ends(
    stubs: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "TOKEN_TIMEOUT", aiohttp.ClientTimeout(total=0.3))
    stubs.script(token="hang_once")
    settings = SETTINGS["watson"] | {"iam_url": f"{stubs.url}/watson"}
    async with aiohttp.ClientSession() as http:
        backend = backend_of(provider(stubs, "watson", settings=settings, secret="k"), http)
        with pytest.raises(CallFailed, match="timeout"):
            await backend.ask(Ask("hello there"))

        monkeypatch.undo()
        assert (await backend.ask(Ask("hello there"))).intent == "greeting"


async def test_a_revoked_token_is_fetched_again(stubs: Server) -> None:
    settings = SETTINGS["watson"] | {"iam_url": f"{stubs.url}/watson"}
    async with aiohttp.ClientSession() as http:
        backend = backend_of(provider(stubs, "watson", settings=settings, secret="k"), http)
        await backend.ask(Ask("hello there"))
        stubs.script(fault="401", count=1)
        with pytest.raises(CallFailed):
            await backend.ask(Ask("hello there"))
        await backend.ask(Ask("hello there"))

    tokens = [one for one in stubs.seen()["calls"] if one["provider"] == "watson-token"]
    assert len(tokens) == 2


async def test_a_service_account_signs_its_request(stubs: Server) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {"client_email": "bot@p1.example", "private_key": pem,
               "token_uri": f"{stubs.url}/es/token"}  # fmt: skip
    async with aiohttp.ClientSession() as http:
        terms = provider(stubs, "dialogflow_es", secret=json.dumps(account))
        found = await backend_of(terms, http).ask(Ask("hello there"))

        broken = provider(stubs, "dialogflow_es", secret="no json")
        with pytest.raises(CallFailed, match="credentials"):
            await backend_of(broken, http).ask(Ask("hello there"))

    assert found.intent == "greeting"
    assert [one["provider"] for one in stubs.seen()["calls"]] == ["es-token", "es"]
