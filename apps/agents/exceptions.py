"""The ways this app says no."""

from apps.core.exceptions import Conflict, Forbidden, NotFound, Rejected, Unavailable


class UnknownAgent(NotFound):
    """There is no such agent."""


class UnknownTeam(NotFound):
    """There is no such team."""


class UnknownSchedule(NotFound):
    """There is no such schedule."""


class UnknownWork(NotFound):
    """No such work waits or is served."""


class AgentMalformed(Rejected):
    """The agent's terms are not acceptable; `errors` lists every reason."""


class WorkMalformed(Rejected):
    """The work is not well described; `errors` lists every fault."""


class PolicyRefused(Rejected):
    """The policy is not acceptable; `errors` lists every reason."""


class AgentDiffers(Conflict):
    """This person is an agent already, with other terms; `errors` names what differs."""


class UserElsewhere(Conflict):
    """A user of this name exists and is no member here; invite them first, or choose another name."""


class OfferGone(Conflict):
    """The offer is no longer open: it ran out, was declined, or went to somebody else."""


class WorkTaken(Conflict):
    """Somebody else has this work."""


class NotServed(Conflict):
    """Nobody serves this work at present."""


class AgentUnfit(Rejected):
    """The agent cannot take this work now; `errors` says why."""


class NotYours(Forbidden):
    """Only the agent concerned, a supervisor or an administrator may do this."""


class StateUnavailable(Unavailable):
    """The matching state cannot be reached; try again shortly."""
