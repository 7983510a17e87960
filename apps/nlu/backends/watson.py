"""IBM Watson Assistant, API v2, with IAM tokens.

Stateless (the rule): the whole context travels with each call, so a call leaves no trace and may be
repeated. Stateful: the assistant keeps a session, every message moves it on, and a call is made
once. Settings: assistant, environment, version; stateful; skill (for bulk_classify, on the plans
that have it); iam_url. Secret: the API key; without one calls go out unsigned.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from apps.nlu.backends.wire import Ask, CallFailed, Failure, Provider, Shape, post
from apps.nlu.interpretation import (
    OUT_OF_SCOPE,
    Candidate,
    Entity,
    Interpretation,
    best,
    clean,
)
from apps.nlu.tokens import TokenManager

VERSION: Final = "2024-08-25"
IAM_URL: Final = "https://iam.cloud.ibm.com"
GRANT: Final = "urn:ibm:params:oauth:grant-type:apikey"
TOKEN_LIFE_MAX: Final = 1e9  # seconds; beyond it is no time
TEXT_MAX: Final = 2_048
SESSIONS_MAX: Final = 10_000
BATCH_SECONDS: Final = 0.004
BATCH_MAX: Final = 50


class Watson:
    """One assistant."""

    def __init__(self, provider: Provider, http: aiohttp.ClientSession) -> None:
        """Nothing is called before the first question."""
        self.provider = provider
        self._http = http
        given = provider.settings
        self._version = str(given.get("version") or VERSION)
        self.is_safe = not given.get("stateful")
        self._tokens = TokenManager(self._fetch_token) if provider.secret else None
        self._sessions: OrderedDict[str, str] = OrderedDict()
        self._batch: list[tuple[str, asyncio.Future[Interpretation]]] = []
        assistant = quote(str(given.get("assistant", "")), safe="")
        environment = given.get("environment")
        # SDKs up to 9.0.0, and the services of their time, know no environments.
        self._base = f"{provider.url}/v2/assistants/{assistant}" + (
            f"/environments/{quote(str(environment), safe='')}" if environment else ""
        )

    async def ask(self, ask: Ask) -> Interpretation:
        """One message; where the assistant can classify in bulk, together with others."""
        if self.provider.settings.get("skill") and not ask.turn:
            return await self._in_bulk(clean(ask.text)[:TEXT_MAX])
        if self.is_safe:
            return await self._message(f"{self._base}/message", ask)
        return await self._in_session(ask)

    async def _message(self, url: str, ask: Ask) -> Interpretation:
        options: dict[str, Any] = {"alternate_intents": True}
        if not self.is_safe:
            options["return_context"] = True
        body: dict[str, Any] = {
            "input": {
                "message_type": "text",
                "text": clean(ask.text)[:TEXT_MAX],
                "options": options,
            },
            "user_id": ask.conversation[:256] or "anonymous",
        }
        if self.is_safe and (context := ask.contexts.get(self.provider.name)):
            body["context"] = context
        return reading(await self._post(url, body))

    async def _in_session(self, ask: Ask) -> Interpretation:
        """A message of a session. One that has ended answers 404: a new one takes its place, once."""
        known = self._sessions.get(ask.conversation)
        session = known or await self._new_session(ask.conversation)
        try:
            return await self._message(f"{self._base}/sessions/{session}/message", ask)
        except CallFailed as error:
            if known is None or (error.failure, error.detail) != (Failure.REFUSED, "404"):
                raise
        # "Invalid Session" was not taken in: sending it again moves the dialog for the first time.
        session = await self._new_session(ask.conversation)
        return await self._message(f"{self._base}/sessions/{session}/message", ask)

    async def _new_session(self, conversation: str) -> str:
        answer = await self._post(f"{self._base}/sessions", {})
        session = Shape.text(answer.get("session_id"))
        if not session:
            raise CallFailed(Failure.BAD_ANSWER, "no session_id")
        self._sessions[conversation] = quote(session, safe="")
        while len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)
        return self._sessions[conversation]

    async def _in_bulk(self, text: str) -> Interpretation:
        """Wait a few milliseconds for others, and classify all of them in one call."""
        waiting: asyncio.Future[Interpretation] = asyncio.get_running_loop().create_future()
        self._batch.append((text, waiting))
        if len(self._batch) == 1:
            asyncio.get_running_loop().call_later(BATCH_SECONDS, self._send_batch)
        elif len(self._batch) >= BATCH_MAX:
            self._send_batch()
        return await waiting

    def _send_batch(self) -> None:
        batch, self._batch = self._batch, []
        if batch:
            task = asyncio.create_task(self._classify(batch))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            for _, waiting in batch:  # the call ends with the last one who waits for it
                waiting.add_done_callback(
                    lambda _: all(one.done() for _, one in batch) and task.cancel()
                )

    async def _classify(self, batch: list[tuple[str, "asyncio.Future[Interpretation]"]]) -> None:
        skill = quote(str(self.provider.settings["skill"]), safe="")
        url = f"{self.provider.url}/v2/skills/{skill}/workspace/bulk_classify"
        try:
            answer = await self._post(url, {"input": [{"text": text} for text, _ in batch]})
            found = _of_bulk(answer, len(batch))
        except CallFailed as error:
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), one in zip(batch, found, strict=True):
            if not waiting.done():
                waiting.set_result(reading({"output": one}))

    async def _post(self, url: str, body: Any) -> Mapping[str, Any]:
        headers, token = {}, ""
        if self._tokens is not None:
            token = await self._tokens.value()
            headers["Authorization"] = f"Bearer {token}"
        try:
            found: Mapping[str, Any] = await post(
                self._http, f"{url}?version={self._version}", body=body, headers=headers
            )
        except CallFailed as error:
            if self._tokens is not None and error.failure is Failure.CREDENTIALS:
                self._tokens.revoke(token)
            raise
        return found

    async def _fetch_token(self) -> tuple[str, float]:
        url = str(self.provider.settings.get("iam_url") or IAM_URL)
        form = {"grant_type": GRANT, "apikey": self.provider.secret, "response_type": "cloud_iam"}
        answer = await post(self._http, f"{url}/identity/token", form=form)
        return token_of(answer)


def token_of(answer: Mapping[str, Any]) -> tuple[str, float]:
    """Value and life of a token, as OAuth 2 answers. Raises `CallFailed`."""
    value, lives = Shape.text(answer.get("access_token")), answer.get("expires_in")
    if not value or isinstance(lives, bool) or not isinstance(lives, int | float):
        raise CallFailed(Failure.CREDENTIALS, "no token")
    if not 0 < lives <= TOKEN_LIFE_MAX:
        raise CallFailed(Failure.CREDENTIALS, "no token")
    return value, float(lives)


def reading(answer: Mapping[str, Any]) -> Interpretation:
    """What a reply of Watson's says. Nothing of it has to be there; intents may be empty."""
    given = answer.get("output")
    output = Shape.mapping(given) or Shape.mapping(next(iter(Shape.items(given)), {}))
    candidates = [
        Candidate(Shape.text(one.get("intent")), Shape.chance(one.get("confidence")))
        for one in Shape.items(output.get("intents"))
        if one.get("intent")
    ]
    generic = Shape.items(output.get("generic"))
    kinds = {Shape.text(one.get("response_type")) for one in generic}
    top = candidates[0] if candidates else None
    return Interpretation(
        intent=top.intent if top else OUT_OF_SCOPE,
        confidence=top.confidence if top else 0.0,
        entities=tuple(_entities(output)),
        alternatives=best(candidates, but=top.intent if top else ""),
        reply="\n".join(text for one in generic if (text := _said(one))),
        hand_over="connect_to_agent" in kinds or "channel_transfer" in kinds,
        context=Shape.mapping(answer.get("context")),
    )


def _of_bulk(answer: Mapping[str, Any], count: int) -> list[Mapping[str, Any]]:
    """The output of each text. Raises `CallFailed` where it is another number of them."""
    found = Shape.items(answer.get("output"))
    if len(found) != count:
        raise CallFailed(Failure.BAD_ANSWER, "another number of texts")
    return found


def _said(one: Mapping[str, Any]) -> str:
    """What a person is to read of one element; a pause or a picture says nothing."""
    kind = Shape.text(one.get("response_type"))
    if kind == "connect_to_agent":
        return Shape.text(Shape.mapping(one.get("agent_available")).get("message"))
    if kind in ("option", "suggestion"):
        return Shape.text(one.get("title"))
    return Shape.text(one.get("text")) if kind == "text" else ""


def _entities(output: Mapping[str, Any]) -> list[Entity]:
    found = []
    for one in Shape.items(output.get("entities")):
        place = one.get("location")
        spans = [at for at in place if isinstance(at, int)] if isinstance(place, list) else []
        start, end = (spans[0], spans[1]) if len(spans) > 1 else (None, None)
        value = Shape.text(one.get("value"))
        if name := Shape.text(one.get("entity")):
            found.append(Entity(name, value, value, start, end))
    return found
