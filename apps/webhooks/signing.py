"""How a delivery is signed, as the Standard Webhooks specification says: pure.

The signed text is `<id>.<timestamp>.<body>`; the header holds `v1,` and the base64 of its HMAC-SHA256
under the endpoint's secret. Two signatures stand side by side while a secret is being replaced.
Whoever receives it checks the signature in constant time, refuses a timestamp that is minutes old,
and takes an id that was seen before as told already.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32


def new_secret() -> str:
    """A fresh secret, in the form in which it is shown once: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, uid: str, timestamp: int, body: bytes) -> str:
    """One signature (`v1,…`) of a body; `timestamp` is in seconds since 1970, UTC."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b".".join((uid.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(known: Iterable[str], uid: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a delivery, signed with every secret that still counts."""
    return {
        "content-type": "application/json",
        "user-agent": "Lockstep-Webhooks/1",
        "webhook-id": uid,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(one, uid, timestamp, body) for one in known),
    }
