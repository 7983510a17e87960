"""Google Dialogflow CX, REST v3, with tokens of a service account.

`matchIntent` (the rule) says what a text means and leaves the session where it is: it may be
repeated, raced and cached. `detectIntent` (setting `stateful`) moves the session and answers with
the agent's own words; it is called once. Settings: project, location, agent; environment, stateful.
"""

from collections.abc import Mapping
from typing import Any
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

MATCHED = frozenset(
    {"INTENT", "DIRECT_INTENT", "PARAMETER_FILLING", "EVENT", "KNOWLEDGE_CONNECTOR"}
)
BY_NUMBER = {1: "INTENT", 2: "DIRECT_INTENT", 3: "PARAMETER_FILLING", 4: "NO_MATCH",
             5: "NO_INPUT", 6: "EVENT", 8: "KNOWLEDGE_CONNECTOR", 9: "PLAYBOOK"}  # fmt: skip
"""`enum-encoding=int` makes numbers of the names."""


class DialogflowCX:
    """One agent."""

    def __init__(self, provider: Provider, http: aiohttp.ClientSession) -> None:
        """Nothing is called before the first question."""
        self.provider = provider
        self.is_safe = not provider.settings.get("stateful")
        self._account = ServiceAccount(provider, http)
        given = {name: quote(str(value), safe="") for name, value in provider.settings.items()}
        place = (
            f"projects/{given.get('project', '')}/locations/{given.get('location') or 'global'}"
            f"/agents/{given.get('agent', '')}"
        )
        if given.get("environment"):
            place += f"/environments/{given['environment']}"
        self._place = place

    async def ask(self, ask: Ask) -> Interpretation:
        """One matchIntent, or one detectIntent where the agent leads the dialog."""
        session = quote(ask.conversation[:SESSION_MAX] or uuid4().hex, safe="")
        method = "matchIntent" if self.is_safe else "detectIntent"
        url = f"{self.provider.url}/v3/{self._place}/sessions/{session}:{method}"
        body = {
            "queryInput": {
                "text": {"text": clean(ask.text)[:TEXT_MAX]},
                "languageCode": ask.language,
            }
        }
        answer = await self._account.post(url, body)
        return matching(answer) if self.is_safe else reading(answer)


def matching(answer: Mapping[str, Any]) -> Interpretation:
    """What `matchIntent` says: matches, the likeliest first."""
    matches = Shape.items(answer.get("matches"))
    candidates = [
        Candidate(name, Shape.chance(one.get("confidence")))
        for one in matches
        if (name := _intent(one))
    ]
    if not candidates:
        return Interpretation(OUT_OF_SCOPE, 0.0)
    top = candidates[0]
    return Interpretation(
        top.intent,
        top.confidence,
        entities=entities_of(matches[0].get("parameters")),
        alternatives=best(candidates, but=top.intent),
    )


def reading(answer: Mapping[str, Any]) -> Interpretation:
    """What `detectIntent` says. `queryResult.intent` is out of date: `match` counts."""
    result = Shape.mapping(answer.get("queryResult"))
    if not result:
        raise CallFailed(Failure.BAD_ANSWER, "no queryResult")
    match = Shape.mapping(result.get("match"))
    name = _intent(match)
    messages = result.get("responseMessages")
    reply = "\n".join(texts_of(messages))
    if _webhook_failed(result) and not reply:
        raise CallFailed(Failure.BAD_ANSWER, "webhook")
    return Interpretation(
        intent=name or OUT_OF_SCOPE,
        confidence=Shape.chance(match.get("confidence")),
        entities=entities_of(match.get("parameters") or result.get("parameters")),
        reply=reply,
        hand_over=any("liveAgentHandoff" in one for one in Shape.items(messages)),
    )


def _intent(match: Mapping[str, Any]) -> str:
    """The intent of a match, if it is one of an intent."""
    kind = match.get("matchType")
    kind = BY_NUMBER.get(kind, "") if isinstance(kind, int) else Shape.text(kind)
    if kind not in MATCHED:
        return ""
    return Shape.text(Shape.mapping(match.get("intent")).get("displayName"))


def _webhook_failed(result: Mapping[str, Any]) -> bool:
    return any(one.get("code") for one in Shape.items(result.get("webhookStatuses")))
