"""What chat and desk have in common: watching conversations, and writing into them."""

import asyncio
from functools import partial
from typing import Any, ClassVar, Final
from uuid import UUID

from apps.conversations import services
from apps.conversations.consumers import office, words
from apps.conversations.consumers.attendance import Stay, attendance
from apps.conversations.exceptions import UnknownConversation
from apps.core.exceptions import DomainError
from apps.core.ids import uuid7
from apps.core.problems import dumps
from apps.sockets.broadcasts import Broadcast, group
from apps.sockets.consumers import SocketConsumer
from apps.sockets.frames import REPLACED, Position, error_frame
from apps.sockets.hub import hub
from apps.sockets.streams import Start, Stream

TYPING_SECONDS: Final = 5
"""How long typing counts unless it is said again."""
TYPING_EVERY: Final = 2.0  # seconds between two that are passed on
WATCHED_MAX: Final = 50
"""Conversations on one socket."""


ECHO_MAX: Final = 100  # characters of a name that an error repeats


class TooManyWatched(DomainError):
    """This socket watches as many conversations as it may; unsubscribe from one first."""

    status = 409


class RoomConsumer(SocketConsumer):
    """A socket on which conversations are shown."""

    frame_max: ClassVar[int] = 65_536
    burst: ClassVar[int] = 200
    per_second: ClassVar[float] = 50.0

    is_device: ClassVar[bool] = True
    """Whether a conversation here is a device's session of its own."""
    _device_group = ""
    sender: str
    sender_id: str
    connection: str
    """Names this connection; a UUIDv7, so that of two the newer one is known."""
    streams: dict[UUID, Stream]
    _stays: dict[UUID, Stay]
    _typed_at: dict[UUID, float]
    _restarts: set[asyncio.Task[None]]

    async def entered(self) -> None:
        """Nothing is watched before the hello."""
        self.connection = str(uuid7())
        self.streams, self._stays, self._typed_at, self._restarts = {}, {}, {}, set()

    async def take_over(self, device: str) -> None:
        """An older connection of the same screen is closed, wherever it is: its network is gone."""
        if not device:
            return
        person = self.claim.person
        self._device_group = group(self.claim.tenant_id, "device", f"{person}:{device}")
        await hub().join(self._device_group, self)
        office.crier().submit(Broadcast(self._device_group, self.connection))

    def hear(self, group: str, position: Position | None, frame: str) -> None:
        """What a group is told, as it comes; of our device, that another connection has come."""
        if group != self._device_group:
            super().hear(group, position, frame)
        elif frame > self.connection:  # UUIDv7: the newer one
            self.dismiss(REPLACED, "another connection of this device took over")

    async def watch(self, ask: words.Subscribe) -> None:
        """Show a conversation from where the screen stands; again, from there. Raises `UnknownConversation`."""
        if former := self.streams.pop(ask.conversation, None):
            former.close()
        if len(self.streams) >= WATCHED_MAX:
            raise TooManyWatched
        key = (self.claim.tenant_id, ask.conversation)
        stream = self.streams[ask.conversation] = Stream(
            office.screens(), self, office.place_of(*key), key
        )
        start = await stream.open(ask.epoch, ask.last_seq)
        found = await office.introductions().submit(key)
        if start is None or found.view is None:
            self.unwatch(ask.conversation)
            raise UnknownConversation(conversation=str(ask.conversation))
        self.tell(_welcome(start, found))
        stream.begin()
        if (
            ask.conversation not in self._stays
        ):  # asked again it is the same stay, not another session
            self._arrive(ask.conversation)

    def unwatch(self, conversation: UUID) -> None:
        """Show it no more."""
        if stream := self.streams.pop(conversation, None):
            stream.close()
        if stay := self._stays.pop(conversation, None):
            attendance().depart(stay)

    def write(self, conversation: UUID, ask: words.SendMessage) -> None:
        """Send a message; the answer comes when it is committed."""
        draft = services.Draft(conversation, self.sender, ask.client_id, ask.body, self.sender_id)
        letter = office.Letter(self.claim.tenant_id, draft)
        outcome = office.writer().submit(letter, key=conversation)
        outcome.add_done_callback(partial(self._answer, draft))

    def mark(self, conversation: UUID, ask: words.Receipt) -> None:
        """Note how far this person got."""
        receipt = services.Receipt(
            conversation, self.sender, self.sender_id, ask.delivered_seq, ask.read_seq
        )
        office.receipts().submit((self.claim.tenant_id, receipt))

    def type(self, conversation: UUID, ask: words.Typing) -> None:
        """Pass on that this person is typing; not more often than it tells something new."""
        now = self.clock()
        if ask.typing and now - self._typed_at.get(conversation, -TYPING_EVERY) < TYPING_EVERY:
            return
        self._typed_at[conversation] = now if ask.typing else -TYPING_EVERY
        frame = {
            "type": "typing",
            "conversation": conversation,
            "sender": self.sender,
            "sender_id": self.sender_id,
            "typing": ask.typing,
            "seconds": TYPING_SECONDS,
        }
        group = office.place_of(self.claim.tenant_id, conversation)
        office.crier().submit(Broadcast(group, dumps(frame)))

    def restart(self, stream: Stream) -> None:
        """A conversation's history was replaced: the screen must read it again."""
        task = asyncio.get_running_loop().create_task(self._restart(stream))
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)

    async def left(self) -> None:
        """Leave every conversation."""
        if self._device_group:
            hub().leave(self._device_group, self)
        for conversation in tuple(getattr(self, "streams", ())):
            self.unwatch(conversation)

    def about(self, frame: dict[str, Any]) -> dict[str, object]:
        """What an error frame repeats of the frame that was refused."""
        return {
            name: frame[name]
            for name in ("client_id", "conversation", "offer")
            if isinstance(frame.get(name), str) and len(frame[name]) <= ECHO_MAX
        }

    async def _restart(self, stream: Stream) -> None:
        conversation = next((one for one, own in self.streams.items() if own is stream), None)
        if conversation is None:
            return
        stream.close()
        fresh = Stream(office.screens(), self, stream.group, stream.key)
        self.streams[conversation] = fresh
        start = await fresh.open(None, None)
        if start is not None and self.streams.get(conversation) is fresh:
            place = {"epoch": start.position.epoch, "last_seq": start.position.seq}
            self.tell(dumps({"type": "resync", "conversation": conversation, **place}).decode())
            fresh.begin()

    def _arrive(self, conversation: UUID) -> None:
        stay = Stay(
            self.claim.tenant_id,
            conversation,
            self.sender,
            self.sender_id,
            self.connection,
            self.claim.client,
            office.place_of(self.claim.tenant_id, conversation),
            self.is_device,
        )
        self._stays[conversation] = stay
        attendance().arrive(stay)

    def _answer(self, draft: services.Draft, outcome: "asyncio.Future[services.Sent]") -> None:
        about = {"client_id": draft.client_id, "conversation": str(draft.conversation)}
        if outcome.cancelled() or outcome.exception() is not None:
            self.tell(error_frame("unavailable", "Not sent; send it again.", **about))
            return
        sent = outcome.result()
        if sent.message is None:
            refusal = sent.refusal or DomainError()
            facts = {"errors": refusal.facts["errors"]} if "errors" in refusal.facts else {}
            self.tell(error_frame(refusal.code, str(refusal), **about, **facts))
            return
        place = {"seq": sent.message.seq, "id": sent.message.id, "sent_at": sent.message.sent_at}
        self.tell(dumps({"type": "ack", **about, **place}).decode())


def _welcome(start: Start, found: office.Introduction) -> str:
    assert found.view is not None
    frame = {
        "type": "welcome",
        "conversation": found.view.id,
        "epoch": start.position.epoch,
        "last_seq": start.position.seq,
        "recovered": start.recovered,
        "state": found.view.state,
        "owner": found.view.owner,
        "agent": found.view.agent_id,
        "participants": found.members,
        "present": found.present,
    }
    return dumps(frame).decode()
