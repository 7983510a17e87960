"""The vendors' official clients, as their guides say, and what a reader gets out of what they return."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import openai
import requests
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import dialogflow_v2, dialogflowcx_v3
from google.protobuf.json_format import ParseError
from ibm_cloud_sdk_core import ApiException
from ibm_cloud_sdk_core.authenticators import IAMAuthenticator
from ibm_watson import AssistantV2

from apps.nlu.backends.wire import Failure
from tests.nlu.stubbed import Server

SECONDS = 60.0
VERSION = "2024-08-25"
CX_AGENT = "projects/p1/locations/global/agents/g1"


@dataclass(frozen=True)
class Said:
    """What a vendor said, read from its own client's types."""

    intent: str
    confidence: float
    entities: tuple[tuple[str, str], ...] = ()
    reply: str = ""
    hand_over: bool = False


def watson(server: Server) -> AssistantV2:
    place = f"{server.url}/watson"
    found = AssistantV2(version=VERSION, authenticator=IAMAuthenticator("key", url=place))
    found.set_service_url(place)
    return found


def ask_watson(server: Server, text: str) -> Said:
    reply = watson(server).message_stateless(
        assistant_id="a1",
        environment_id="live",
        input={"message_type": "text", "text": text, "options": {"alternate_intents": True}},
        user_id="c-1",
    )
    output = reply.get_result()["output"]
    top = output["intents"][0] if output["intents"] else {"intent": "oos", "confidence": 0.0}
    generic = {one["response_type"]: one for one in output["generic"]}
    person = generic.get("connect_to_agent")
    said = (
        person["agent_available"]["message"] if person else generic.get("text", {}).get("text", "")
    )
    entities = tuple((one["entity"], one["value"]) for one in output["entities"])
    return Said(top["intent"], top["confidence"], entities, said, person is not None)


def es(server: Server) -> dialogflow_v2.SessionsClient:
    options = {"api_endpoint": f"{server.url}/es"}
    return dialogflow_v2.SessionsClient(
        credentials=AnonymousCredentials(), transport="rest", client_options=options
    )


def ask_es(server: Server, text: str) -> Said:
    query = dialogflow_v2.TextInput(text=text, language_code="en")
    found = es(server).detect_intent(
        session="projects/p1/agent/sessions/s-1",
        query_input=dialogflow_v2.QueryInput(text=query),
        retry=None,
        timeout=SECONDS,
    )
    result = found.query_result
    name = "oos" if result.intent.is_fallback else result.intent.display_name
    return Said(
        name,
        result.intent_detection_confidence,
        filled(result.parameters),
        "\n".join(text for one in result.fulfillment_messages for text in one.text.text),
        result.intent.live_agent_handoff,
    )


def cx(server: Server) -> dialogflowcx_v3.SessionsClient:
    options = {"api_endpoint": f"{server.url}/cx"}
    return dialogflowcx_v3.SessionsClient(
        credentials=AnonymousCredentials(), transport="rest", client_options=options
    )


def _cx_query(text: str) -> dialogflowcx_v3.QueryInput:
    said = dialogflowcx_v3.TextInput(text=text)
    return dialogflowcx_v3.QueryInput(text=said, language_code="en")


def ask_cx(server: Server, text: str) -> Said:
    """matchIntent, which leaves the session where it is."""
    request = dialogflowcx_v3.MatchIntentRequest(
        session=f"{CX_AGENT}/sessions/c-1", query_input=_cx_query(text)
    )
    found = cx(server).match_intent(request=request, retry=None, timeout=SECONDS)
    top = found.matches[0]
    if top.match_type is not dialogflowcx_v3.Match.MatchType.INTENT:
        return Said("oos", 0.0)
    return Said(top.intent.display_name, top.confidence, filled(top.parameters))


def detect_cx(server: Server, text: str) -> Said:
    """detectIntent, which moves it."""
    request = dialogflowcx_v3.DetectIntentRequest(
        session=f"{CX_AGENT}/sessions/c-1", query_input=_cx_query(text)
    )
    result = cx(server).detect_intent(request=request, retry=None, timeout=SECONDS).query_result
    match, messages = result.match, result.response_messages
    is_intent = match.match_type is dialogflowcx_v3.Match.MatchType.INTENT
    return Said(
        match.intent.display_name if is_intent else "oos",
        match.confidence,
        filled(match.parameters or result.parameters),
        "\n".join(text for one in messages for text in one.text.text),
        any("live_agent_handoff" in one for one in messages),
    )


def ask_chat(server: Server, body: Mapping[str, Any]) -> Said:
    """Sends what our own client has sent: which words it finds is its own affair."""
    model = openai.OpenAI(api_key="key", base_url=f"{server.url}/openai/v1", max_retries=0)
    with model:
        found = model.chat.completions.create(**body, timeout=SECONDS)
    text = found.choices[0].message.content
    assert text is not None
    inside = json.loads(text)
    entities = tuple((one["kind"], one["value"]) for one in inside["entities"])
    return Said(inside["intent"], inside["confidence"], entities)


def filled(parameters: Any) -> tuple[tuple[str, str], ...]:
    """Those that are; an empty text is one that is not."""
    return tuple((name, str(value)) for name, value in dict(parameters or {}).items() if value)


def failure_of(call: Callable[[], object]) -> Failure | None:
    """How an official client says no, in our words."""
    try:
        call()
    except (ApiException, GoogleAPICallError, openai.APIStatusError) as error:
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
        return of_status(int(status))
    except (requests.ConnectionError, openai.APIConnectionError):
        return Failure.RESET
    except GoogleAuthError:  # it would renew the credentials, which here cannot be
        return Failure.CREDENTIALS
    except (ValueError, ParseError):
        return Failure.BAD_ANSWER
    return None


def of_status(status: int) -> Failure:
    known = {429: Failure.QUOTA, 401: Failure.CREDENTIALS, 403: Failure.CREDENTIALS}
    if status >= 500:
        return Failure.SERVER
    return known.get(status, Failure.REFUSED if status >= 400 else Failure.BAD_ANSWER)
