"""What a unit of work touched, gathered, so that the copy in Redis is made once after the commit."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from apps.agents.services import state
from apps.events.services import UnitOfWork


@dataclass(slots=True)
class Refresh:
    """Agents and works of a tenant (by the ids of their rows) whose copies are to be made anew."""

    tenant: int
    agents: set[UUID] = field(default_factory=set)
    works: set[UUID] = field(default_factory=set)

    def __call__(self) -> None:
        """Make them."""
        state.refresh(self.tenant, agents=self.agents, works=self.works)


def touch(
    work: UnitOfWork, tenant: int, *, agents: Iterable[UUID] = (), works: Iterable[UUID] = ()
) -> None:
    """Have the copies of these agents and works made anew after the commit.

    A copy that is not made (Redis is away, the process dies) is found by the sweep.
    """
    for call in work.callbacks:
        if isinstance(call, Refresh) and call.tenant == tenant:
            break
    else:
        call = Refresh(tenant)
        work.after_commit(call)
    call.agents.update(agents)
    call.works.update(works)
