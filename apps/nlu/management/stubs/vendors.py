"""The vendors' wires: Watson Assistant v2, Dialogflow ES v2, Dialogflow CX v3, chat completions.

Each handler is given the request's JSON, and answers as the vendor does, limits and quirks included.
"""

import base64
import json
import re
import struct
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

from apps.nlu.management.stubs.brain import Brain, Understood
from apps.nlu.management.stubs.faults import KEPT

ES_TEXT: Final = 256
WATSON_TEXT: Final = 2_048
SESSION: Final = 36
FALLBACK: Final = "Default Fallback Intent"
HANDOVER: Final = frozenset({"agent", "human"})


class Refused(Exception):
    """The vendor says no: a status and a body."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        """As it is sent."""
        super().__init__(status)
        self.status = status
        self.body = body


@dataclass
class World:
    """What the vendors remember."""

    brain: Brain
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    """How many turns each session has made: what a dialog that moved twice shows."""
    moves: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    """The texts of those turns: one that stands here twice has moved a dialog twice."""
    tokens: dict[str, float] = field(default_factory=dict)
    session_life: float = 300.0
    replies: Mapping[str, str] = field(default_factory=dict)

    def moved(self, session: str, text: str) -> int:
        """A session made a turn."""
        self.moves.append(text)
        for known in (self.turns, self.sessions, self.tokens):
            while len(known) > KEPT:
                del known[next(iter(known))]
        self.turns[session] = self.turns.get(session, 0) + 1
        return self.turns[session]

    def reply(self, intent: str) -> str:
        """What the vendor's dialog says to an intent."""
        return self.replies.get(intent, f"You asked about {intent.replace('_', ' ')}.")


def float32(value: float) -> float:
    """A confidence as protocol buffers carry it: 0.87 becomes 0.8700000047683716."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def token(world: World, life: int) -> dict[str, Any]:
    """A token of IAM or OAuth: three parts that can be read, as SDKs do."""
    now = int(time.time())
    parts = ({"alg": "none", "typ": "JWT"}, {"iat": now, "exp": now + life, "jti": uuid4().hex})
    coded = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in parts]
    value = b".".join([*coded, b"c2lnbmVk"]).decode()
    world.tokens[value] = time.time() + life
    return {"access_token": value, "refresh_token": "not_supported", "token_type": "Bearer",
            "expires_in": life, "expiration": now + life, "scope": "ibm openid"}  # fmt: skip


def check_token(world: World, request: web.Request, *, needed: bool) -> None:
    """Raises `Refused` 401 for a token that was never given, has ended or was revoked."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if (needed or given) and world.tokens.get(given, 0) < time.time():
        raise Refused(401, {"code": 401, "error": "Unauthorized"})


# --- IBM Watson Assistant v2 ----------------------------------------------------------------------


def watson_session(world: World) -> dict[str, Any]:
    """A new session."""
    session = str(uuid4())
    world.sessions[session] = {"until": time.time() + world.session_life}
    return {"session_id": session}


def watson_message(world: World, body: Mapping[str, Any], session: str | None) -> dict[str, Any]:
    """A message; stateless ones return the context, counted on by one turn."""
    text = str(body.get("input", {}).get("text", ""))
    if re.search(r"[\r\n\t]", text) or len(text) > WATSON_TEXT:
        raise Refused(400, {"error": "Invalid input text", "code": 400})
    if session is not None:
        known = world.sessions.get(session)
        if known is None or known["until"] < time.time():
            raise Refused(404, {"error": "Invalid Session", "code": 404})
        known["until"] = time.time() + world.session_life
        count = world.moved(session, text)
    else:
        count = _turn_count(body) + 1
    found = world.brain.understand(text)
    answer: dict[str, Any] = {
        "output": _watson_output(world, found),
        "user_id": str(body.get("user_id", "anonymous")),
        "x_unknown_field": {"added": "by a newer release"},
    }
    wants = body.get("input", {}).get("options", {}).get("return_context")
    if session is None or wants:
        system = {"turn_count": count, "user_id": answer["user_id"]}
        answer["context"] = {"global": {"system": system, "session_id": session or str(uuid4())},
                             "skills": {"main skill": {"user_defined": {}}}}  # fmt: skip
    return answer


def watson_bulk(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
    """bulk_classify: an output for each text."""
    outputs = []
    for one in body.get("input", []):
        found = world.brain.understand(str(one.get("text", "")))
        outputs.append({"input": one, "intents": _watson_intents(found), "entities": []})
    return {"output": outputs}


def _watson_output(world: World, found: Understood) -> dict[str, Any]:
    generic: list[dict[str, Any]] = []
    if found.top and found.top[0] in HANDOVER:
        generic.append({"response_type": "connect_to_agent", "message_to_human_agent": "asked",
                        "agent_available": {"message": "I will pass you on."},
                        "agent_unavailable": {"message": "Nobody is here."},
                        "transfer_info": {"target": {}}})  # fmt: skip
    elif found.top:
        generic.append({"response_type": "text", "text": world.reply(found.top[0])})
    entities = [
        {"entity": "account", "location": [start, end], "value": value, "confidence": 1}
        for value, start, end in found.accounts
    ]
    intents = _watson_intents(found)
    return {"generic": generic, "intents": intents, "entities": entities, "actions": []}


def _watson_intents(found: Understood) -> list[dict[str, Any]]:
    return [
        {"intent": name, "confidence": chance, "skill": "main skill"}
        for name, chance in found.intents
    ]


def _turn_count(body: Mapping[str, Any]) -> int:
    system = (body.get("context") or {}).get("global", {}).get("system", {})
    return int(system.get("turn_count", 0))


# --- Google Dialogflow ----------------------------------------------------------------------------


def google_error(code: int, status: str, message: str) -> Refused:
    """A refusal in Google's form."""
    return Refused(code, {"error": {"code": code, "message": message, "status": status}})


def es_detect(
    world: World, path: str, body: Mapping[str, Any], *, webhook_fails: bool
) -> dict[str, Any]:
    """ES detectIntent: moves the session's contexts, a fallback is an intent with confidence 1."""
    session = path.rsplit("/", 1)[-1]
    query = body.get("queryInput", {}).get("text", {})
    text, language = str(query.get("text", "")), query.get("languageCode")
    if not text or len(text) > ES_TEXT or not language or len(session) > SESSION:
        raise google_error(400, "INVALID_ARGUMENT", "Input text not set or too long.")
    world.moved(session, text)
    known = world.sessions.setdefault(session, {"contexts": {}})
    for one in body.get("queryParams", {}).get("contexts", []):
        known["contexts"][one["name"]] = dict(one)
    kept = {
        name: one | {"lifespanCount": one.get("lifespanCount", 0) - 1}
        for name, one in known["contexts"].items()
        if one.get("lifespanCount", 0) > 1
    }
    found = world.brain.understand(text)
    if found.top:
        name = f"{path}/contexts/{found.top[0]}-followup"
        kept[name] = {"name": name, "lifespanCount": 2, "parameters": {}}
    known["contexts"] = kept
    result: dict[str, Any] = {
        "queryText": text, "languageCode": language, "allRequiredParamsPresent": True,
        "parameters": _parameters(found), "outputContexts": list(kept.values()),
        "intent": _es_intent(path, found),
        "intentDetectionConfidence": float32(found.top[1]) if found.top else 1,
        "diagnosticInfo": {"unknown": True},
    }  # fmt: skip
    answer: dict[str, Any] = {"responseId": str(uuid4()), "queryResult": result}
    if webhook_fails:
        return answer | {"webhookStatus": {"code": 14, "message": "Webhook call failed."}}
    said = world.reply(found.top[0]) if found.top else "I did not get that."
    result |= {"fulfillmentText": said, "fulfillmentMessages": [{"text": {"text": [said]}}]}
    return answer


def _parameters(found: Understood) -> dict[str, Any]:
    """What Dialogflow makes of entities; one that is not filled is an empty text."""
    return {"unfilled": "", "account": found.accounts[0][0] if found.accounts else ""}


def _es_intent(path: str, found: Understood) -> dict[str, Any]:
    project = path.split("/agent/", maxsplit=1)[0]
    if not found.top:
        return {"name": f"{project}/agent/intents/0", "displayName": FALLBACK, "isFallback": True}
    intent: dict[str, Any] = {"name": f"{project}/agent/intents/{uuid4()}",
                              "displayName": found.top[0]}  # fmt: skip
    if found.top[0] in HANDOVER:
        intent["liveAgentHandoff"] = True
    return intent


def cx_detect(
    world: World, path: str, body: Mapping[str, Any], *, commits: bool, numbers: bool
) -> dict[str, Any]:
    """CX: detectIntent moves the session and answers; matchIntent does neither."""
    session = path.rsplit("/", 1)[-1]
    query = body.get("queryInput", {})
    text = str(query.get("text", {}).get("text", ""))
    if not text or len(text) > ES_TEXT or not query.get("languageCode") or len(session) > SESSION:
        raise google_error(400, "INVALID_ARGUMENT", "com.google.apps.framework.request")
    found = world.brain.understand(text)
    if not commits:
        matches = [
            _cx_match(path, one, numbers) | {"parameters": _parameters(found)}
            for one in found.intents
        ]
        return {"text": text, "matches": matches
                or [{"matchType": 4 if numbers else "NO_MATCH", "confidence": float32(0.3)}],
                "currentPage": {"name": f"{path}/pages/START_PAGE"}}  # fmt: skip
    count = world.moved(session, text)
    top = found.top
    messages: list[dict[str, Any]] = [
        {"text": {"text": [world.reply(top[0]) if top else "Sorry?"]}}
    ]
    if top and top[0] in HANDOVER:
        messages.append({"liveAgentHandoff": {"metadata": {}}})
    match = _cx_match(path, top, numbers) if top else {"matchType": "NO_MATCH", "confidence": 0.3}
    result = {
        "text": text, "languageCode": query["languageCode"], "parameters": _parameters(found),
        "responseMessages": [*messages, {}], "match": match,
        "currentPage": {"name": f"{path}/pages/{count}", "displayName": f"Page {count}"},
    }  # fmt: skip
    return {"responseId": str(uuid4()), "queryResult": result, "responseType": "FINAL"}


def _cx_match(path: str, one: tuple[str, float], numbers: bool) -> dict[str, Any]:
    agent = path.split("/sessions/", maxsplit=1)[0]
    return {
        "intent": {"name": f"{agent}/intents/{one[0]}", "displayName": one[0]},
        "matchType": 1 if numbers else "INTENT",
        "confidence": float32(one[1]),
        "resolvedInput": "",
    }


# --- chat completions -----------------------------------------------------------------------------


def chat(world: World, body: Mapping[str, Any], *, is_wrong: bool) -> dict[str, Any]:
    """A chat model that keeps to the schema, or, asked to be wrong, to none."""
    text = next(
        (one["content"] for one in body.get("messages", []) if one.get("role") == "user"), ""
    )
    found = world.brain.understand(str(text))
    offered = body["response_format"]["json_schema"]["schema"]["properties"]["intent"]["enum"]
    named, chance = next(((n, c) for n, c in found.intents if n in offered), ("oos", 0.6))
    entities = [{"kind": "account", "value": one, "text": one} for one, _, _ in found.accounts]
    inside = {"intent": "made_up" if is_wrong else named, "confidence": chance,
              "entities": entities}  # fmt: skip
    message = {"role": "assistant", "content": json.dumps(inside), "refusal": None}
    return {
        "id": f"chatcmpl-{uuid4().hex}", "object": "chat.completion", "created": int(time.time()),
        "model": body.get("model"), "usage": {"prompt_tokens": 90, "completion_tokens": 20},
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }  # fmt: skip
