"""Chat and desk over real sockets: the frames of the contract, and who may say what."""

import asyncio
import json
from uuid import uuid4

import pytest
from django.db import connections
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from apps.conversations import services
from apps.conversations.models import Session
from apps.sockets.tickets import CHAT, Claim, issue
from tests.conversations import cast
from tests.conversations.screens import TIMEOUT
from tests.waiting import wait_until

pytestmark = pytest.mark.processes


@pytest.fixture
def anna(tenant):
    """A conversation with an agent's ear, so that both sides may write."""
    return cast.open_one(tenant.pk, owner="queue")


async def in_database(call, *arguments):
    """A call that waits for the database, in a thread that keeps no connection."""

    def run():
        try:
            return call(*arguments)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


async def refused(url, *frames):
    """The code with which a socket ends, after these frames."""
    async with connect(url, compression=None) as socket:
        with pytest.raises(ConnectionClosed) as caught:
            for frame in frames:
                await socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))
            async with asyncio.timeout(TIMEOUT):
                while True:
                    await socket.recv()
    return caught.value.rcvd.code


class TestChat:
    async def test_a_welcome_says_where_the_conversation_stands(self, anna, chat):
        screen = chat(anna.id)
        welcome = await screen.connect()
        assert welcome["conversation"] == str(anna.id)
        assert (welcome["epoch"], welcome["last_seq"], welcome["recovered"]) == (1, 0, False)
        assert welcome["state"] == "queued"
        assert [one["kind"] for one in welcome["participants"]] == ["customer"]
        await screen.leave()

    async def test_a_message_is_acknowledged_and_shown_to_everybody(self, anna, chat):
        async with chat(anna.id) as one, chat(anna.id) as two:
            client_id = await one.write("hello")
            ack = await one.acked(client_id)
            assert (ack["type"], ack["seq"], ack["conversation"]) == ("ack", 1, str(anna.id))
            await one.has("hello")
            await two.has("hello")
            (message,) = two.log
            assert message["client_id"] == client_id
            assert message["sender"] == "customer"
            assert message["sender_id"] == str(anna.customer_id)
            assert message["id"] == ack["id"]

    async def test_a_resend_is_the_same_message(self, anna, chat):
        async with chat(anna.id) as screen:
            for _ in range(3):
                await screen.write("once", client_id="c1")
            await screen.write("then", client_id="c2")
            assert (await screen.acked("c2"))["seq"] == 2
            acks = [one["seq"] for one in screen.frames if one["type"] == "ack"]
            assert acks == [1, 1, 1, 2]
            await screen.has("once", "then")

    async def test_many_hellos_of_one_connection_are_one_session(self, anna, chat):
        async with chat(anna.id) as screen:
            for number in range(1, 6):
                await screen.say("hello", last_seq=0)
                await screen.until(lambda number=number: len(screen.welcomes) > number)
            await screen.write("still one")
            await screen.has("still one")
        await in_database(_ended_sessions, 1)
        assert await in_database(Session.objects.count) == 1

    async def test_what_the_api_sends_reaches_the_screen(self, anna, chat, tenant):
        async with chat(anna.id) as screen:
            await in_database(cast.say, tenant.pk, anna.id, "over HTTP")
            await screen.has("over HTTP")

    async def test_a_refusal_names_the_message_and_the_socket_stays(self, anna, chat):
        async with chat(anna.id) as screen:
            error = await screen.acked(await screen.write("  ", client_id="c1"))
            assert (error["type"], error["client_id"]) == ("error", "c1")
            assert error["errors"][0]["field"] == "body"
            assert (await screen.acked(await screen.write("better")))["type"] == "ack"

    async def test_a_closed_conversation_takes_no_message_and_says_that_it_is_closed(
        self, anna, chat, tenant
    ):
        async with chat(anna.id) as screen:
            await in_database(lambda: services.close(tenant.pk, anna.id, by="system"))
            await screen.frame("closed", conversation=str(anna.id))
            error = await screen.acked(await screen.write("too late"))
            assert error["code"] == "conversation_closed"

    async def test_receipts_and_typing_reach_the_others(self, anna, chat, tenant):
        async with chat(anna.id) as one, chat(anna.id) as two:
            await in_database(cast.say, tenant.pk, anna.id, "read me")
            await one.has("read me")
            await one.say("receipt", delivered_seq=1, read_seq=1)
            receipt = await two.frame("receipt", sender="customer")
            assert (receipt["delivered_seq"], receipt["read_seq"]) == (1, 1)
            await one.say("typing")
            typing = await two.frame("typing")
            assert (typing["sender"], typing["typing"], typing["seconds"]) == ("customer", True, 5)

    async def test_two_tabs_are_one_customer_and_each_is_a_session(self, anna, chat):
        async with chat(anna.id) as watcher:
            await watcher.frame("presence", online=True)
            two, three = chat(anna.id), chat(anna.id)
            await two.connect()
            welcome = await three.connect()
            assert welcome["present"] == [f"customer:{anna.customer_id}"]
            await asyncio.gather(two.leave(), three.leave())
            await watcher.write("still here")
            await watcher.has("still here")
            assert [one["online"] for one in watcher.frames if one["type"] == "presence"] == [True]
        ended = await in_database(_ended_sessions, 3)
        assert len(ended) == 3


def _ended_sessions(count):
    return wait_until(
        lambda: (
            len(found := list(Session.objects.filter(ended_at__isnull=False))) == count and found
        )
    )


class TestComingBack:
    async def test_what_was_missed_follows_the_welcome(self, anna, chat, tenant):
        screen = chat(anna.id)
        async with screen:
            await screen.write("one")
            await screen.has("one")
        for body in ("two", "three"):
            await in_database(cast.say, tenant.pk, anna.id, body)
        welcome = await screen.connect()
        assert (welcome["last_seq"], welcome["recovered"]) == (3, True)
        await screen.has("one", "two", "three")
        await screen.leave()

    async def test_what_cannot_be_proven_is_to_be_read_again(self, anna, chat, tenant):
        await in_database(cast.say, tenant.pk, anna.id, "one")
        for place in ({"epoch": 7, "last_seq": 1}, {"epoch": 1, "last_seq": 9}, {}):
            screen = chat(anna.id)
            welcome = await screen.connect(**place)
            assert (welcome["last_seq"], welcome["recovered"]) == (1, False)
            await screen.leave()

    async def test_a_device_that_comes_back_replaces_its_old_connection(self, anna, chat):
        old, other, new = chat(anna.id), chat(anna.id), chat(anna.id)
        await old.connect(device="phone")
        await other.connect(device="laptop")
        await new.connect(device="phone")
        assert await old.closed() == 4409
        await new.write("from the phone")
        await other.has("from the phone")
        assert new.code is None
        await asyncio.gather(*(one.leave() for one in (old, other, new)))


class TestDesk:
    async def test_a_desk_shows_many_conversations(self, tenant, chat, desk):
        rooms = [
            await in_database(lambda name=name: cast.open_one(tenant.pk, name, owner="queue"))
            for name in ("anna", "ben")
        ]
        screen = desk()
        assert (await screen.connect())["recovered"] is False
        for room in rooms:
            await screen.say("subscribe", conversation=room.id, last_seq=0)
            await screen.frame("welcome", conversation=str(room.id))
        async with chat(rooms[0].id) as anna, chat(rooms[1].id) as ben:
            await anna.write("I am Anna")
            await ben.write("I am Ben")
            await screen.frame("message", body="I am Anna", conversation=str(rooms[0].id))
            await screen.frame("message", body="I am Ben", conversation=str(rooms[1].id))
            await screen.write("Hello Anna", conversation=rooms[0].id)
            await anna.has("I am Anna", "Hello Anna")
            assert ben.bodies == ["I am Ben"]
            await screen.say("unsubscribe", conversation=rooms[1].id)
            await screen.say("close", conversation=rooms[0].id, wrap_up=False)
            await anna.frame("closed")
        await screen.leave()

    async def test_what_is_wrong_is_told(self, anna, desk):
        screen = desk()
        await screen.connect()
        await screen.say("subscribe", conversation=uuid4())
        await screen.frame("error", code="unknown_conversation")
        await screen.say("subscribe", conversation="nonsense")
        await screen.frame("error", code="frame_refused")
        await screen.write("nowhere", client_id="c9")
        assert (await screen.acked("c9"))["code"] == "frame_refused"
        await screen.say("dance")
        await screen.frame("error", code="unknown_type")
        await screen.leave()


class TestTheDoor:
    async def test_the_first_frame_is_a_hello(self, anna, ticket):
        url = await in_database(ticket(anna.id))
        assert await refused(url, {"type": "typing"}) == 4400

    @pytest.mark.parametrize("bad", ["{", "[]", '{"type":1}', b"\x00", "[" * 4_000])
    async def test_what_is_no_frame_ends_it(self, anna, ticket, bad):
        url = await in_database(ticket(anna.id))
        assert await refused(url, {"type": "hello"}, bad) == 4400

    async def test_a_frame_larger_than_64_kb_ends_it(self, anna, ticket):
        url = await in_database(ticket(anna.id))
        huge = json.dumps({"type": "message.send", "client_id": "c", "body": "x" * 70_000})
        assert await refused(url, {"type": "hello"}, huge) == 1009

    async def test_a_ticket_opens_one_socket(self, anna, ticket):
        url = await in_database(ticket(anna.id))
        async with connect(url):
            assert await refused(url, {"type": "hello"}) == 4401

    async def test_a_ticket_is_for_its_conversation_and_door(self, anna, ticket, tenant):
        url = await in_database(ticket(anna.id))
        other = {"type": "hello", "conversation": str(uuid4())}
        assert await refused(url, other) == 4403
        url = await in_database(ticket(anna.id))
        assert await refused(url.replace("/chat/", "/desk/"), {"type": "hello"}) == 4401

    @pytest.mark.parametrize(
        ("role", "status"), [("agent", 403), ("service", 201), ("auditor", 403)]
    )
    def test_people_do_not_speak_for_the_customer(self, anna, tenant, client_of, role, status):
        client = client_of(tenant, role=role)
        assert client.post(f"/api/v1/conversations/{anna.id}/ticket").status_code == status

    async def test_another_tenants_conversation_is_none(self, anna, sockets, other, client_of):
        answer = await in_database(
            lambda: client_of(other).post(f"/api/v1/conversations/{anna.id}/ticket")
        )
        assert answer.status_code == 404
        facts = {"conversation": str(anna.id), "customer": str(anna.customer_id)}
        forged = issue(Claim(CHAT, other.pk, "visitor:x", facts)).url
        assert await refused(forged, {"type": "hello"}) == 4403

    async def test_a_visitor_enters_from_their_page_only(self, anna, sockets, tenant):
        facts = {"conversation": str(anna.id), "customer": str(anna.customer_id)}
        claim = Claim(CHAT, tenant.pk, "visitor:x", facts, "https://shop.example")
        async with connect(issue(claim).url, origin="https://shop.example") as socket:
            await socket.send('{"type":"hello"}')
            assert json.loads(await socket.recv())["type"] == "welcome"
        for page in ("http://127.0.0.1:8000", "null", "http://[::1"):
            async with connect(issue(claim).url, origin=page) as socket:
                with pytest.raises(ConnectionClosed) as caught:
                    await socket.recv()
            assert caught.value.rcvd.code == 4403
        ours = issue(Claim(CHAT, tenant.pk, "visitor:x", facts)).url
        async with connect(ours, origin="http://[::1") as socket:
            with pytest.raises(ConnectionClosed) as caught:
                await socket.recv()
        assert caught.value.rcvd.code == 4403

    async def test_a_flood_ends_it(self, anna, ticket):
        url = await in_database(ticket(anna.id))
        assert await refused(url, {"type": "hello"}, *[{"type": "ping"}] * 1_000) == 4429
