"""What clients say: the frames of the contract, typed. What else a frame holds is let go."""

from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec

from apps.core.exceptions import Rejected

Seq = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
Name = Annotated[str, msgspec.Meta(max_length=100)]


class FrameRefused(Rejected):
    """This frame does not say what it must."""


class Hello(msgspec.Struct):
    """The first frame: where a screen stands, if it was here before."""

    conversation: UUID | None = None
    epoch: int | None = None
    last_seq: Seq | None = None
    device: Name = ""
    """Names the screen; an older connection of the same screen is closed with 4409."""


class SendMessage(msgspec.Struct):
    """`message.send`."""

    client_id: str
    body: str
    conversation: UUID | None = None


class Receipt(msgspec.Struct):
    """`receipt`."""

    conversation: UUID | None = None
    delivered_seq: Seq | None = None
    read_seq: Seq | None = None


class Typing(msgspec.Struct):
    """`typing`."""

    conversation: UUID | None = None
    typing: bool = True


class Subscribe(msgspec.Struct):
    """`subscribe`, `unsubscribe`."""

    conversation: UUID
    epoch: int | None = None
    last_seq: Seq | None = None


class Status(msgspec.Struct):
    """`status`."""

    status: Name
    reason: Name = ""


class OfferAnswer(msgspec.Struct):
    """`accept`, `decline`; an offer bears the name of its conversation."""

    conversation: UUID | None = None
    offer: UUID | None = None
    work: UUID | None = None
    fence: Seq | Annotated[str, msgspec.Meta(pattern=r"^\d{1,18}$")] | None = None
    """Text in an offer's frame, since a browser's numbers are too small for it."""
    reason: Name = ""

    @property
    def number(self) -> int | None:
        """The fence."""
        return None if self.fence is None else int(self.fence)

    @property
    def which(self) -> UUID:
        """The conversation. Raises `FrameRefused`."""
        found = self.conversation or self.offer or self.work
        if found is None:
            raise FrameRefused("An answer names the offer's conversation.")
        return found


class Transfer(msgspec.Struct):
    """`transfer`."""

    conversation: UUID
    agent: UUID | None = None
    team: Annotated[str, msgspec.Meta(max_length=64)] = ""
    skills: dict[str, int] | list[str] | None = None
    fallback_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 120
    reason: Name = "transferred"


class Close(msgspec.Struct):
    """`close`."""

    conversation: UUID
    reason: Name = "solved"
    wrap_up: bool = True


W = TypeVar("W")


def read(frame: dict[str, Any], kind: type[W]) -> W:
    """A frame, typed. Raises `FrameRefused`."""
    try:
        return msgspec.convert(frame, kind)
    except msgspec.ValidationError as error:
        raise FrameRefused(f"{error}.") from None
