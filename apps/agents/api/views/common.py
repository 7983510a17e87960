"""What the agents' views share: who may do what, and in whose name."""

from typing import Any

from rest_framework.request import Request

from apps.agents import selectors
from apps.agents.exceptions import NotYours, UnknownAgent
from apps.agents.models import Agent
from apps.tenants.authentication import Caller, caller_of
from apps.tenants.models import Role
from apps.tenants.permissions import EVERYWHERE, IsMember

LEADERS = EVERYWHERE | {Role.SUPERVISOR}


class LeadersWrite(IsMember):
    """Agents, teams and rules: supervisors and administrators."""

    writers = LEADERS


class AgentsWrite(IsMember):
    """What agents do themselves, and their supervisors for them."""

    writers = LEADERS | {Role.AGENT}


def agent_for(caller: Caller, name: str) -> Agent:
    """The agent in whose name the caller may act: their own, or (leaders, programs) anyone.

    `me` is the caller's own. Raises `UnknownAgent`, `NotYours`.
    """
    own = selectors.agent_of(caller.tenant.pk, caller.client)
    if name == "me":
        if own is None:
            raise UnknownAgent("You are no agent here.", agent=name)
        return own
    found = selectors.find_agent(caller.tenant.pk, name)
    # A key is a program that speaks for agents; a person of the role speaks for themselves.
    if caller.role in LEADERS or caller.client.startswith("key:") or found == own:
        return found
    raise NotYours(agent=name)


def named(request: Request, asked: dict[str, Any]) -> Agent:
    """The agent whom a body names (`agent`), or the caller's own. Raises as `agent_for`."""
    return agent_for(caller_of(request), asked.pop("agent", "") or "me")
