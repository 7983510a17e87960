"""The demo's manual queue: some of it waits for the newcomer, and it never grows without end."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

PATIENCE: Final = timedelta(minutes=10)
"""How long a settlement waits for the newcomer, before a colleague tries it again."""
LEFT: Final = 6
"""The newest ones are left, however long they wait."""
QUEUE: Final = "/api/v1/settlements?needs_person=true&limit=100"


class Client(Protocol):
    """Somebody who calls the public API."""

    def send(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Status and body of one call."""


def look_after(client: Client, now: datetime | None = None) -> int:
    """Try again what nobody has taken up; how many that were."""
    status, answer = client.send("GET", QUEUE)
    if status != 200:  # noqa: PLR2004 - HTTP's own number
        return 0
    since = (now or datetime.now(UTC)) - PATIENCE
    old = [
        one
        for one in answer["results"][LEFT:]
        if not one["assigned_to"] and datetime.fromisoformat(one["needs_person_since"]) < since
    ]
    for one in old:
        body = {"reason": "Nobody took it up for ten minutes."}
        client.send("POST", f"/api/v1/settlements/{one['id']}/retry", body)
    return len(old)
