"""Signatures of requests between us and a clearing system, both ways. Pure.

    X-Participant: 7
    X-Timestamp: 1772467200
    X-Signature: v1=<HMAC-SHA256 over "timestamp.METHOD.path.body", in hex>

Each participant (a tenant, at one clearing system) has a secret of its own, derived from the one that
the environment gives, so that no tenant's secret is kept anywhere and none signs for another.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

WINDOW_SECONDS: Final = 300
"""How far a request's time may be from ours: an older one is a replay."""
PARTICIPANT: Final = "x-participant"
TIMESTAMP: Final = "x-timestamp"
SIGNATURE: Final = "x-signature"
_VERSION: Final = "v1="


def participant_secret(secret: str, code: str, tenant: int) -> bytes:
    """The secret of a tenant at a clearing system."""
    return hmac.digest(secret.encode(), f"clearing:{code}:{tenant}".encode(), hashlib.sha256)


def signed(
    secret: bytes, participant: int, now: int, method: str, path: str, body: bytes
) -> dict[str, str]:
    """The headers of a request."""
    return {
        PARTICIPANT: str(participant),
        TIMESTAMP: str(now),
        SIGNATURE: _VERSION + _digest(secret, str(now), method, path, body),
    }


def is_genuine(
    secret: bytes, headers: Mapping[str, str], now: float, method: str, path: str, body: bytes
) -> bool:
    """Whether a request is from whoever holds the secret, and of now. Header names are lower case."""
    stamp, given = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= len(str(2**40))):
        return False
    if abs(now - int(stamp)) > WINDOW_SECONDS:
        return False
    expected = _VERSION + _digest(secret, stamp, method, path, body)
    return hmac.compare_digest(expected.encode(), given.encode())


def _digest(secret: bytes, stamp: str, method: str, path: str, body: bytes) -> str:
    signed_text = f"{stamp}.{method}.{path}.".encode() + body
    return hmac.new(secret, signed_text, hashlib.sha256).hexdigest()
