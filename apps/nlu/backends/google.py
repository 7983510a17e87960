"""What the two Dialogflows share: tokens of a service account, texts, handing over."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from apps.nlu.backends.watson import token_of
from apps.nlu.backends.wire import CallFailed, Failure, Provider, Shape, post
from apps.nlu.interpretation import Entity
from apps.nlu.tokens import TokenManager

TOKEN_URL: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
SCOPE: Final = "https://www.googleapis.com/auth/dialogflow"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE: Final = 3_600  # seconds, the longest that Google signs for
SESSION_MAX: Final = 36  # characters
TEXT_MAX: Final = 256  # characters


class ServiceAccount:
    """Signs calls for a service account; without one they go out unsigned.

    `secret` is the key file's JSON: client_email, private_key, token_uri.
    """

    def __init__(self, provider: Provider, http: aiohttp.ClientSession) -> None:
        """Nothing is fetched before the first call."""
        self._http = http
        self._secret = provider.secret
        self._tokens = TokenManager(self._fetch) if provider.secret else None

    async def post(self, url: str, body: Any) -> Mapping[str, Any]:
        """One signed call. Raises `CallFailed`."""
        headers, token = {}, ""
        if self._tokens is not None:
            token = await self._tokens.value()
            headers["Authorization"] = f"Bearer {token}"
        try:
            found: Mapping[str, Any] = await post(self._http, url, body=body, headers=headers)
        except CallFailed as error:
            if self._tokens is not None and error.failure is Failure.CREDENTIALS:
                self._tokens.revoke(token)
            raise
        return found

    async def _fetch(self) -> tuple[str, float]:
        import jwt  # noqa: PLC0415 - with its cryptography: only who signs pays for it

        try:
            account = json.loads(self._secret)
            where = str(account.get("token_uri") or TOKEN_URL)
            now = int(time.time())
            claims = {"iss": account["client_email"], "scope": SCOPE, "aud": where,
                      "iat": now, "exp": now + LIFE}  # fmt: skip
            signed = jwt.encode(claims, account["private_key"], algorithm="RS256")
        except (ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
            raise CallFailed(Failure.CREDENTIALS, type(error).__name__) from error
        form = {"grant_type": GRANT, "assertion": signed}
        return token_of(await post(self._http, where, form=form))


def entities_of(parameters: Any) -> tuple[Entity, ...]:
    """Parameters as entities: Google tells no places, and an empty string is one that is unfilled."""
    return tuple(
        Entity(name, value if isinstance(value, str) else json.dumps(value), "")
        for name, value in Shape.mapping(parameters).items()
        if value not in ("", None, [], {})
    )


def texts_of(messages: Any) -> list[str]:
    """The texts of response messages, in their order; an element may be empty."""
    return [
        text
        for one in Shape.items(messages)
        for text in Shape.texts(Shape.mapping(one.get("text")).get("text"))
        if text
    ]
