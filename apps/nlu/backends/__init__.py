"""The providers' own languages, one module each; `backend_of` finds the one that a provider speaks."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import aiohttp

from apps.nlu.backends import dialogflow_cx, dialogflow_es, openai, watson
from apps.nlu.backends.wire import Backend, Provider

KINDS: Mapping[str, Callable[[Provider, aiohttp.ClientSession], Backend]] = MappingProxyType(
    {
        "watson": watson.Watson,
        "dialogflow_es": dialogflow_es.DialogflowES,
        "dialogflow_cx": dialogflow_cx.DialogflowCX,
        "openai": openai.OpenAI,
    }
)


def backend_of(provider: Provider, http: aiohttp.ClientSession) -> Backend:
    """The backend that speaks a provider's language. Raises KeyError for a kind that nobody speaks."""
    return KINDS[provider.kind](provider, http)
