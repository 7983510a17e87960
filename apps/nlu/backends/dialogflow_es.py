"""Google Dialogflow ES, REST v2 (`detectIntent`), with tokens of a service account.

Google says that detectIntent is not idempotent: it moves the contexts of its session. So the rule
is a session of its own for each call, with the conversation's contexts sent along: that leaves no
trace, and may be repeated. With the setting `stateful` the conversation has one session, and a
call is made once. Settings: project; location, environment (with `user`), stateful.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

import aiohttp

from apps.nlu.backends.google import (
    SESSION_MAX,
    TEXT_MAX,
    ServiceAccount,
    entities_of,
    texts_of,
)
from apps.nlu.backends.wire import Ask, CallFailed, Failure, Provider, Shape
from apps.nlu.interpretation import OUT_OF_SCOPE, Candidate, Interpretation, best, clean

UNKNOWN: Final = "input.unknown"
"""The action of the fallback that every agent begins with; webhooks are told no `isFallback`."""


class DialogflowES:
    """One agent."""

    def __init__(self, provider: Provider, http: aiohttp.ClientSession) -> None:
        """Nothing is called before the first question."""
        self.provider = provider
        self.is_safe = not provider.settings.get("stateful")
        self._account = ServiceAccount(provider, http)
        given = {name: quote(str(value), safe="") for name, value in provider.settings.items()}
        place = f"projects/{given.get('project', '')}"
        if given.get("location"):
            place += f"/locations/{given['location']}"
        place += "/agent"
        if given.get("environment"):
            place += f"/environments/{given['environment']}/users/{given.get('user') or '-'}"
        self._place = place

    async def ask(self, ask: Ask) -> Interpretation:
        """One detectIntent."""
        session = uuid4().hex if self.is_safe else ask.conversation[:SESSION_MAX] or uuid4().hex
        name = f"{self._place}/sessions/{quote(session, safe='')}"
        parameters: dict[str, Any] = {}
        if self.is_safe and (known := ask.contexts.get(self.provider.name)):
            parameters["contexts"] = [
                one | {"name": f"{name}/contexts/{context}"}
                for context, one in known.items()
                if isinstance(one, dict)
            ]
        body = {
            "queryInput": {
                "text": {"text": clean(ask.text)[:TEXT_MAX], "languageCode": ask.language}
            },
            "queryParams": parameters,
        }
        return reading(
            await self._account.post(f"{self.provider.url}/v2/{name}:detectIntent", body)
        )


def reading(answer: Mapping[str, Any]) -> Interpretation:
    """What a reply of Dialogflow ES says. Any field is left out when it is empty.

    A fallback intent has `isFallback`, and confidence 1: it is no intent. A webhook that failed is
    told inside a 200; with nothing to say in its place that is a bad answer.
    """
    result = Shape.mapping(answer.get("queryResult"))
    if not result:
        raise CallFailed(Failure.BAD_ANSWER, "no queryResult")
    intent = Shape.mapping(result.get("intent"))
    name = Shape.text(intent.get("displayName"))
    is_fallback = bool(intent.get("isFallback")) or not name or result.get("action") == UNKNOWN
    texts = texts_of(result.get("fulfillmentMessages"))
    reply = "\n".join(texts) or Shape.text(result.get("fulfillmentText"))
    if Shape.mapping(answer.get("webhookStatus")).get("code") and not reply:
        raise CallFailed(Failure.BAD_ANSWER, "webhook")
    others = [
        Candidate(Shape.text(Shape.mapping(one.get("intent")).get("displayName")),
                  Shape.chance(one.get("intentDetectionConfidence")))
        for one in Shape.items(answer.get("alternativeQueryResults"))
        if Shape.mapping(one.get("intent")).get("displayName")
    ]  # fmt: skip
    chance = Shape.chance(result.get("intentDetectionConfidence"))
    return Interpretation(
        intent=OUT_OF_SCOPE if is_fallback else name,
        confidence=chance,
        entities=entities_of(result.get("parameters")),
        alternatives=best(others, but=name),
        reply=reply,
        hand_over=bool(intent.get("liveAgentHandoff")),
        context=contexts_of(result),
    )


def contexts_of(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The contexts that are to be sent back: those with turns left, by their short name."""
    return {
        Shape.text(one.get("name")).rsplit("/", 1)[-1]: {
            "lifespanCount": one["lifespanCount"],
            "parameters": dict(Shape.mapping(one.get("parameters"))),
        }
        for one in Shape.items(result.get("outputContexts"))
        if isinstance(one.get("lifespanCount"), int) and one["lifespanCount"] > 0
    }
