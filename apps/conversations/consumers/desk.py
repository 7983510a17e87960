"""The desk's socket: `/ws/desk/?ticket=…`, for agents and supervisors; many conversations.

What agents and conversations tell their groups goes through as it is. What an agent does here calls
the service that the API calls, too; its effect comes back as a frame, on all of the agent's screens.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final
from uuid import UUID

from apps.agents import services as agents
from apps.conversations import broadcasts, services
from apps.conversations.consumers import words
from apps.conversations.consumers.attendance import Stay, attendance
from apps.conversations.consumers.rooms import RoomConsumer
from apps.conversations.lifecycle import Sender
from apps.core.exceptions import Forbidden
from apps.core.ids import uuid7
from apps.core.problems import dumps
from apps.sockets.broadcasts import group
from apps.sockets.frames import error_frame
from apps.sockets.hub import hub
from apps.sockets.threads import in_thread
from apps.sockets.tickets import DESK
from apps.tenants.models import Role

EPOCH: Final = str(uuid7())
"""This process: a desk that comes back to another one asks for its lists again."""
WATCHERS: Final = frozenset({Role.OWNER, Role.ADMIN, Role.SUPERVISOR, Role.SERVICE})
"""Who sees what all agents do."""


class NotAnAgent(Forbidden):
    """This is done by an agent, and this desk's ticket names none."""


class DeskConsumer(RoomConsumer):
    """A desk's screen."""

    door: ClassVar[str] = DESK
    burst: ClassVar[int] = 400
    per_second: ClassVar[float] = 100.0
    is_device: ClassVar[bool] = False
    agent: UUID | None = None
    _device: Stay | None = None
    desk_groups: tuple[str, ...] = ()

    async def entered(self) -> None:
        """The ticket names the agent, if there is one."""
        await super().entered()
        named = self.claim.facts.get("agent", "")
        self.agent = UUID(named) if named else None
        self.sender = Sender.AGENT.value
        self.sender_id = named or self.claim.client

    async def said(self, kind: str, frame: dict[str, Any]) -> None:
        """The frames of conversations, and those of an agent's work."""
        match kind:
            case "hello":
                await self._greet(words.read(frame, words.Hello))
            case "subscribe":
                await self._subscribe(words.read(frame, words.Subscribe))
            case "unsubscribe":
                self._unsubscribe(words.read(frame, words.Subscribe).conversation)
            case "message.send":
                ask = words.read(frame, words.SendMessage)
                self.write(_named(ask.conversation), ask)
            case "receipt":
                receipt = words.read(frame, words.Receipt)
                self.mark(_named(receipt.conversation), receipt)
            case "typing":
                typing = words.read(frame, words.Typing)
                self.type(self._watched(typing.conversation), typing)
            case _:
                await self._work(kind, frame)

    async def left(self) -> None:
        """Leave every conversation and group."""
        for name in self.desk_groups:
            hub().leave(name, self)
        if self._device is not None:
            attendance().depart(self._device)
        await super().left()

    def unwatch(self, conversation: UUID) -> None:
        """Show it no more; what only staff sees of it, neither."""
        hub().leave(self._staff_group(conversation), self)
        super().unwatch(conversation)

    async def _greet(self, hello: words.Hello) -> None:
        await self.take_over(hello.device)
        tenant = self.claim.tenant_id
        self.desk_groups = (group(tenant, broadcasts.DESK, "all"),)
        if self.agent is not None:
            self.desk_groups += (group(tenant, "agent", self.agent),)
        if self.claim.facts.get("role") in WATCHERS:
            self.desk_groups += (group(tenant, "agents"),)
        for name in self.desk_groups:
            await hub().join(name, self)
        await self._sit_down()
        agent = None if self.agent is None else str(self.agent)
        welcome = {"type": "welcome", "epoch": EPOCH, "last_seq": 0, "recovered": False}
        self.tell(dumps(welcome | {"agent": agent}).decode())
        if hello.conversation is not None:
            await self._subscribe(words.Subscribe(hello.conversation, hello.epoch, hello.last_seq))

    async def _sit_down(self) -> None:
        stay = Stay(
            self.claim.tenant_id,
            None,
            self.sender,
            self.sender_id,
            self.connection,
            self.claim.client,
            agent=self.agent,
        )
        if self.agent is not None:
            # Before the welcome: whoever says "online" next must be seen to be here.
            await self._as_agent(partial(agents.connected, connection=self.connection))
        self._device = stay
        attendance().arrive(stay)

    async def _subscribe(self, ask: words.Subscribe) -> None:
        await self.watch(ask)
        await hub().join(self._staff_group(ask.conversation), self)

    def _unsubscribe(self, conversation: UUID) -> None:
        self.unwatch(conversation)

    async def _work(self, kind: str, frame: dict[str, Any]) -> None:
        match kind:
            case "status":
                ask = words.read(frame, words.Status)
                change = partial(agents.set_status, status=ask.status, reason=ask.reason)
                await self._as_agent(partial(change, by=self.claim.client))
            case "accept":
                answer = words.read(frame, words.OfferAnswer)
                await self._of_offer(partial(services.accept, fence=answer.number), answer.which)
            case "decline":
                answer = words.read(frame, words.OfferAnswer)
                decline = partial(services.decline, reason=answer.reason)
                await self._of_offer(decline, answer.which)
            case "transfer":
                await self._transfer(words.read(frame, words.Transfer))
            case "close":
                await self._close(words.read(frame, words.Close))
            case _:
                self.tell(error_frame("unknown_type", f"A desk does not know {kind[:40]}."))

    async def _as_agent(self, call: Callable[..., object]) -> None:
        if self.agent is None:
            raise NotAnAgent
        await in_thread(partial(call, self.claim.tenant_id, self.agent))

    async def _of_offer(self, call: Callable[..., object], conversation: UUID) -> None:
        if self.agent is None:
            raise NotAnAgent
        # Both houses at once: whoever said yes writes at once, however far behind the log's readers are.
        await in_thread(partial(call, self.claim.tenant_id, conversation, agent=self.agent))

    async def _transfer(self, ask: words.Transfer) -> None:
        await in_thread(
            partial(
                services.transfer,
                self.claim.tenant_id,
                ask.conversation,
                by=self._by,
                agent=ask.agent,
                team=ask.team,
                skills=ask.skills,
                fallback_seconds=ask.fallback_seconds,
                reason=ask.reason,
            )
        )

    async def _close(self, ask: words.Close) -> None:
        call = partial(services.close, by=self._by, reason=ask.reason, wrap_up=ask.wrap_up)
        await in_thread(partial(call, self.claim.tenant_id, ask.conversation))

    @property
    def _by(self) -> str:
        return f"agent:{self.agent}" if self.agent else self.claim.client

    def _watched(self, conversation: UUID | None) -> UUID:
        if conversation not in self.streams:
            raise words.FrameRefused("Subscribe to the conversation first.")
        return _named(conversation)

    def _staff_group(self, conversation: UUID) -> str:
        return group(self.claim.tenant_id, broadcasts.STAFF, conversation)


def _named(conversation: UUID | None) -> UUID:
    if conversation is None:
        raise words.FrameRefused("A desk's frame names its conversation.")
    return conversation
