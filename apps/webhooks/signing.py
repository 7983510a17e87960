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
from collections.abc import Iterable, Mapping
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
WINDOW_SECONDS: Final = 300
"""How far a message's time may be from ours: an older one is a replay."""
UID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


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


def is_genuine(
    secret: str, headers: Mapping[str, str], now: float, content: bytes, uid_max: int = 100
) -> bool:
    """Whether a message is from whoever holds the secret, and of now. Header names are lower case.

    The content of a call without a body is its path and query. Whether the id was seen before is for
    the caller to know.
    """
    uid, stamp = headers.get(UID, ""), headers.get(TIMESTAMP, "")
    if not (0 < len(uid) <= uid_max and uid.isprintable()):
        return False
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= len(str(2**40))):
        return False
    if abs(now - int(stamp)) > WINDOW_SECONDS:
        return False
    expected = sign(secret, uid, int(stamp), content).encode()
    given = headers.get(SIGNATURE, "").split(" ")
    return any(hmac.compare_digest(expected, one.encode()) for one in given)
