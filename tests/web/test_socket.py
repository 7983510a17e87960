"""The socket door as a real process: tickets, origins, frames, close codes."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from apps.core.ids import uuid7
from apps.settlement.broadcasts import tell_moved
from apps.sockets import redis_client
from apps.sockets.tickets import BOARD, Claim, issue
from apps.tenants.models import ApiKey, Membership
from tests.conversations import asyncapi
from tests.web import servers

pytestmark = pytest.mark.processes
TIMEOUT = 60  # seconds; a machine under test may be busy


@pytest.fixture(scope="module")
def door(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), servers.sockets() as port:
        yield port


@pytest.fixture
def url(door, settings, tenant):
    settings.SOCKETS_URL = f"ws://127.0.0.1:{door}"
    settings.REDIS_PREFIX = servers.redis_prefix()
    servers.forget_the_past()
    return settings.SOCKETS_URL


@pytest.fixture
def ticket_url(url, api):
    """The address of a socket, as the API gives it; a new ticket each time."""

    def ask():
        answer = api.post("/api/v1/board/ticket")
        assert answer.status_code == 201
        return answer.json()["url"]

    return ask


def frame(socket, kind):
    """The next frame of a kind."""
    while True:
        found = json.loads(socket.recv(timeout=TIMEOUT))
        if found["type"] == kind:
            return found


def board_with(socket, trades):
    """The next board that shows so many trades (the server's first may be of the test before)."""
    while len((found := frame(socket, "board")["board"])["trades"]) != trades:
        pass
    return found


def closed(socket):
    """The code with which the server closes; what it sends before is let go."""
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            socket.recv(timeout=TIMEOUT)
    return caught.value.rcvd.code


def refused(url, **options):
    with connect(url, **options) as socket:
        return closed(socket)


def test_a_welcome_and_then_the_board_every_second(ticket_url, trade):
    trade(2)
    with connect(ticket_url()) as socket:
        assert frame(socket, "welcome")["tenant"] == "acme"
        one, two = frame(socket, "board"), frame(socket, "board")
        assert two["seq"] == one["seq"] + 1
        assert {"status", "flow", "handlers", "trades", "trial_balance"} <= one["board"].keys()
        assert [row["instrument"] for row in board_with(socket, 2)["trades"]] == ["XYZ", "XYZ"]


def test_the_board_moves_when_a_trade_comes(ticket_url, trade):
    with connect(ticket_url()) as socket:
        board_with(socket, 0)
        trade(1)
        assert board_with(socket, 1)["trades"][0]["account"] == "ACC-1"


def test_two_watchers_get_the_same_snapshot(ticket_url):
    with connect(ticket_url()) as one, connect(ticket_url()) as two:
        boards = [{}, {}]
        while not boards[0].keys() & boards[1].keys():
            for socket, seen in zip((one, two), boards, strict=True):
                found = frame(socket, "board")
                seen[found["seq"]] = found["board"]
        (seq, *_) = boards[0].keys() & boards[1].keys()
        assert boards[0][seq] == boards[1][seq]


def test_the_socket_and_the_api_say_the_same(ticket_url, api, trade):
    trade(1)
    with connect(ticket_url()) as socket:
        pushed = board_with(socket, 1)
    polled = api.get("/api/v1/board").json()
    assert pushed.keys() == polled.keys()
    assert pushed["trades"] == polled["trades"]


def test_who_watches_settlements_hears_what_moves_in_their_tenant(ticket_url, tenant, other):
    with connect(ticket_url()) as socket:
        socket.send('{"type": "watch", "what": "the weather"}')
        assert frame(socket, "error")["code"] == "unknown_watch"
        socket.send('{"type": "watch", "what": "settlements"}')
        asyncapi.check("boardTells", frame(socket, "watching"))
        for of in (other, tenant):
            uid = str(uuid7())
            tell_moved([(of.pk, uid, "ACC-1", "XYZ", "instructed", "confirmed")])
        found = frame(socket, "settlements")
        asyncapi.check("boardTells", found)
        assert [one["settlement"] for one in found["moved"]] == [uid]
        socket.send('{"type": "watch", "what": "board"}')
        assert frame(socket, "watching")["what"] == "board"
        assert "trades" in frame(socket, "board")["board"]


class TestTickets:
    def test_one_opens_one_socket(self, ticket_url):
        url = ticket_url()
        with connect(url) as socket:
            frame(socket, "welcome")
        assert refused(url) == 4401

    @pytest.mark.parametrize("query", ["", "?ticket=", "?ticket=made-up", "?other=1"])
    def test_without_one_nobody_enters(self, url, query):
        assert refused(f"{url}/ws/board/{query}") == 4401

    def test_an_expired_one_opens_nothing(self, ticket_url):
        url = ticket_url()
        for name in redis_client.client().keys(redis_client.key("ticket", "*")):
            redis_client.client().pexpire(name, 0)
        assert refused(url) == 4401

    def test_one_for_another_door_opens_nothing(self, url, tenant):
        secret = issue(Claim("desk", tenant.pk, "key:x")).ticket
        assert refused(f"{url}/ws/board/?ticket={secret}") == 4401

    def test_one_of_a_member_who_left_opens_nothing(self, url, tenant, person):
        ticket = issue(Claim(BOARD, tenant.pk, f"user:{person.pk}"))
        Membership.objects.all().delete()
        assert refused(ticket.url) == 4401

    def test_one_of_a_revoked_key_opens_nothing(self, ticket_url):
        url = ticket_url()
        ApiKey.objects.update(revoked_at="2020-01-01T00:00:00Z")
        assert refused(url) == 4401

    def test_each_shows_the_tenant_it_was_issued_for(self, url, other, client_of, trade):
        trade(1)
        theirs = client_of(other).post("/api/v1/board/ticket").json()["url"]
        with connect(theirs) as socket:
            assert frame(socket, "welcome")["tenant"] == "rival"
            assert board_with(socket, 0)["tenant"]["slug"] == "rival"


class TestOrigins:
    @pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "https://localhost", None])
    def test_ours_and_none_may_watch(self, ticket_url, origin):
        with connect(ticket_url(), origin=origin) as socket:
            frame(socket, "welcome")

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "file://"]
    )
    def test_others_may_not(self, ticket_url, origin):
        assert refused(ticket_url(), origin=origin) == 4403


class TestFrames:
    @pytest.fixture
    def socket(self, ticket_url):
        with connect(ticket_url()) as socket:
            frame(socket, "welcome")
            yield socket

    def test_hello_needs_no_answer_and_ping_gets_one(self, socket):
        socket.send('{"type": "hello"}')
        socket.send('{"type": "ping"}')
        assert frame(socket, "pong") == {"type": "pong"}

    def test_an_unknown_type_is_told(self, socket):
        socket.send('{"type": "subscribe"}')
        assert frame(socket, "error")["code"] == "unknown_type"
        socket.send('{"type": "ping"}')
        frame(socket, "pong")

    @pytest.mark.parametrize(
        "bad",
        ["", "{", "[]", "7", '{"type": 7}', "{}", b"\x00", "[" * 4_000, "x" * 4_097],
        ids=repr,
    )
    def test_what_is_no_frame_ends_it(self, socket, bad):
        socket.send(bad)
        assert closed(socket) == 4400

    def test_a_flood_ends_it(self, socket):
        with pytest.raises(ConnectionClosed) as caught:
            for _ in range(1_000):
                socket.send('{"type": "ping"}')
                socket.recv(timeout=TIMEOUT)
        assert caught.value.rcvd.code == 4429


class TestTheRest:
    def test_there_is_no_other_socket(self, url):
        with pytest.raises(InvalidStatus) as caught:
            connect(f"{url}/ws/elsewhere/")
        assert caught.value.response.status_code == 403

    def test_http_is_served_elsewhere(self, door):
        with urlopen(f"http://127.0.0.1:{door}/healthz") as answer:
            assert json.load(answer) == {"status": "ok"}
        with pytest.raises(HTTPError) as caught:
            urlopen(f"http://127.0.0.1:{door}/admin/")
        assert caught.value.code == 404
        assert caught.value.headers["Content-Type"] == "application/problem+json"
        assert json.load(caught.value)["code"] == "not_found"
        with urlopen(Request(f"http://127.0.0.1:{door}/healthz", method="HEAD")) as answer:
            assert answer.read() == b""
