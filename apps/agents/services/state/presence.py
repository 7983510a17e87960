"""Who is connected. One entry a connection, with a time to live: two tabs are one agent."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from apps.agents.services.state.scripts import run

TTL_MS: Final = 60_000
"""How long a connection counts without a beat; sockets beat every 25 s or sooner."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether somebody is there."""

    lasts_ms: int
    """Until nobody is there any more, as far as is known; below 0: since when nobody was."""
    was_known: bool
    """A beat of this connection was heard before."""
    is_only: bool
    """No other socket of the agent is there."""


def beat(tenant: int, agent: UUID, connection: str, *, lasts_ms: int = TTL_MS) -> Presence:
    """Let a connection, new or known, count for a while from now. Raises `StateUnavailable`."""
    return _ask(tenant, agent, connection, lasts_ms, "beat")


def end(tenant: int, agent: UUID, connection: str) -> Presence:
    """A connection is gone. Raises `StateUnavailable`."""
    return _ask(tenant, agent, connection, 0, "end")


def presence_of(tenant: int, agent: UUID) -> Presence:
    """Whether anybody is there; nothing changes. Raises `StateUnavailable`."""
    return _ask(tenant, agent, "-", 0, "look")


def _ask(tenant: int, agent: UUID, connection: str, lasts_ms: int, kind: str) -> Presence:
    lasts, known, alone = run("presence", tenant, str(agent), connection, lasts_ms, kind)
    return Presence(int(lasts), bool(int(known)), bool(int(alone)))
