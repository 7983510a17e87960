"""What the sockets of one process share: batches into the services, and out of the selectors.

Whatever many sockets say at the same time becomes few calls: one transaction for many messages, one
question for many screens.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from apps.conversations import broadcasts, selectors, services
from apps.conversations.selectors import ConversationView, streams
from apps.core.problems import dumps
from apps.sockets import presence
from apps.sockets.batching import Batcher
from apps.sockets.broadcasts import Broadcast, group, publish_many
from apps.sockets.frames import Position
from apps.sockets.loops import PerLoop
from apps.sockets.streams import Answer, Question, Streams


class Messages:
    """The store of message streams; a key is a tenant and a conversation."""

    def read(self, questions: list[Question]) -> list[Answer]:
        """Positions first, messages second: what is doubled does no harm, a gap would."""
        places = self.positions([one.key for one in questions])
        wanted = [one for one in questions if one.after is not None and one.key in places]
        found = streams.messages_after_many(
            [streams.After(_key(one.key), one.after or 0, one.limit) for one in wanted]
        )
        frames = iter(found)
        return [
            Answer(None, [])
            if (place := places.get(one.key)) is None
            else Answer(place, _texts(next(frames) if one.after is not None else [], place.epoch))
            for one in questions
        ]

    def positions(self, keys: list[Hashable]) -> dict[Hashable, Position]:
        """Where conversations stand."""
        found = streams.positions_of([_key(key) for key in keys])
        return {key: Position(*place) for key, place in found.items()}


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way into a conversation."""

    tenant: int
    draft: services.Draft


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a screen is told of a conversation when it comes."""

    view: ConversationView | None
    members: list[dict[str, Any]]
    present: list[str]


def send(letters: list[Letter]) -> list[services.Sent]:
    """Send what waits: one transaction a tenant."""
    sent: list[services.Sent | None] = [None] * len(letters)
    for tenant, numbers in _by_tenant(one.tenant for one in letters).items():
        outcomes = services.send_messages(tenant, [letters[number].draft for number in numbers])
        for number, outcome in zip(numbers, outcomes, strict=True):
            sent[number] = outcome
    return cast("list[services.Sent]", sent)


def mark(receipts: list[tuple[int, services.Receipt]]) -> list[None]:
    """Note receipts: one transaction a tenant. Marks only grow, so their order does not matter."""
    for tenant, numbers in _by_tenant(one for one, _ in receipts).items():
        services.mark_receipts(tenant, [receipts[number][1] for number in numbers])
    return [None] * len(receipts)


def tell(told: list[Broadcast]) -> list[None]:
    """Tell what no store keeps."""
    publish_many(told)
    return [None] * len(told)


def introduce(keys: list[streams.Key]) -> list[Introduction]:
    """What screens that come are told, in three questions however many they are."""
    views = {
        (tenant, one): view
        for tenant, numbers in _by_tenant(tenant for tenant, _ in keys).items()
        for one, view in selectors.conversations_by_id(
            tenant, [keys[number][1] for number in numbers]
        ).items()
    }
    members = streams.members_of(list(dict.fromkeys(keys)))
    present = presence.present([place_of(*key) for key in keys])
    return [
        Introduction(views.get(key), members[key], here)
        for key, here in zip(keys, present, strict=True)
    ]


def place_of(tenant: int, conversation: UUID) -> str:
    """The group of everybody in a conversation."""
    return group(tenant, broadcasts.CONVERSATION, conversation)


def _texts(messages: Iterable[selectors.MessageView], epoch: int) -> list[tuple[int, str]]:
    return [
        (one.seq, dumps(broadcasts.message_frame(one, epoch=epoch)).decode()) for one in messages
    ]


def _by_tenant(tenants: Iterable[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for number, tenant in enumerate(tenants):
        found[tenant].append(number)
    return found


def _key(key: Hashable) -> streams.Key:
    return cast("streams.Key", key)


screens: Final = PerLoop(lambda: Streams(Messages()))
writer: Final = PerLoop(lambda: Batcher(send, lanes=2))
receipts: Final = PerLoop(lambda: Batcher(mark))
crier: Final = PerLoop(lambda: Batcher(tell))
introductions: Final = PerLoop(lambda: Batcher(introduce))
