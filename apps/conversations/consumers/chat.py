"""The customer's socket: `/ws/chat/?ticket=…`, one conversation."""

from typing import Any, ClassVar
from uuid import UUID

from apps.conversations.consumers import words
from apps.conversations.consumers.rooms import RoomConsumer
from apps.conversations.exceptions import UnknownConversation
from apps.conversations.lifecycle import Sender
from apps.sockets.frames import NOT_YOURS, Farewell, error_frame
from apps.sockets.tickets import CHAT, Claim
from apps.sockets.warden import MEMBERS


class ChatConsumer(RoomConsumer):
    """A customer's screen."""

    door: ClassVar[str] = CHAT
    conversation: UUID

    def admit(self, claim: Claim) -> bool:
        """Whoever asked for the ticket is still in; a visitor's right is their conversation."""
        return not claim.client.startswith(MEMBERS) or super().admit(claim)

    async def entered(self) -> None:
        """The ticket names the conversation and the customer."""
        await super().entered()
        self.conversation = UUID(self.claim.facts["conversation"])
        self.sender = Sender.CUSTOMER.value
        self.sender_id = self.claim.facts["customer"]

    async def said(self, kind: str, frame: dict[str, Any]) -> None:
        """`hello`, `message.send`, `receipt`, `typing`."""
        named = frame.get("conversation")
        if named is not None and named != str(self.conversation):
            raise Farewell(NOT_YOURS, "the ticket is for another conversation")
        match kind:
            case "hello":
                await self._greet(words.read(frame, words.Hello))
            case "message.send":
                self.write(self.conversation, words.read(frame, words.SendMessage))
            case "receipt":
                self.mark(self.conversation, words.read(frame, words.Receipt))
            case "typing":
                self.type(self.conversation, words.read(frame, words.Typing))
            case _:
                self.tell(error_frame("unknown_type", f"A chat does not know {kind[:40]}."))

    async def _greet(self, hello: words.Hello) -> None:
        await self.take_over(hello.device)
        try:
            await self.watch(words.Subscribe(self.conversation, hello.epoch, hello.last_seq))
        except UnknownConversation:
            raise Farewell(NOT_YOURS, "there is no such conversation") from None
