"""The people of these tests, and short ways to do what they do."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from apps.conversations import selectors, services
from apps.conversations.selectors import ConversationView
from apps.events.contracts import PARTITIONS
from apps.events.services import drain_all

T = TypeVar("T")


def open_one(tenant: int, external_id: str = "anna", **terms: Any) -> ConversationView:
    """A conversation of Anna's, by default with the bot."""
    first = {} if {"owner", "skills"} & terms.keys() else {"owner": "bot"}
    terms = {"channel": "web", "name": "Anna"} | first | terms
    return services.open_conversation(tenant, external_id=external_id, **terms).conversation


def say(tenant: int, conversation: UUID, body: str, **terms: Any) -> services.Sent:
    """A message of the customer's, under a client id of its own unless one is given."""
    terms = {"sender": "customer", "client_id": f"{body[:80]}"} | terms
    return services.send_message(tenant, conversation, body=body, **terms)


def transcript(tenant: int, conversation: UUID) -> list[tuple[int, str, str]]:
    """Seq, sender and body of all messages."""
    found = selectors.messages_after(tenant, conversation, 0, limit=1_000)
    return [(one.seq, one.sender, one.body) for one in found]


def facts(key: UUID, *names: str) -> list[dict[str, Any]]:
    """The data of a conversation's events, in the order in which each topic tells them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, data FROM events_event WHERE key = %s AND (%s OR name = ANY(%s))"
            ' ORDER BY topic, "offset"',
            [str(key), not names, list(names)],
        )
        return [
            {"name": name} | (json.loads(data) if isinstance(data, str) else data)
            for name, data in cursor.fetchall()
        ]


def hear(handler: str, topic: str) -> None:
    """Let a handler hear everything of a topic that it has not heard yet."""
    waiting: Sequence[int] = range(PARTITIONS)
    while waiting := drain_all(handler, topic, waiting):
        continue


def in_threads(count: int, call: Callable[[int], T]) -> list[T]:
    """What `count` calls at once give, each on a connection of its own. Raises what one of them raised."""
    barrier = threading.Barrier(count)
    results: dict[int, T] = {}
    faults: list[Exception] = []

    def run(number: int) -> None:
        try:
            barrier.wait(300)
            results[number] = call(number)
        except Exception as error:  # noqa: BLE001 - raised again below
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive(), "a thread hangs"
    if faults:
        raise faults[0]
    return [results[number] for number in range(count)]


def queries(call: Callable[[], Any]) -> list[str]:
    """The statements that a call sends, without those that begin and end transactions."""
    with CaptureQueriesContext(connection) as caught:
        call()
    return [
        one["sql"]
        for one in caught.captured_queries
        if not one["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))
    ]
