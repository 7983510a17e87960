"""Tickets open one door, once, for half a minute."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings as real

from apps.sockets import redis_client, tickets
from apps.sockets.exceptions import TicketsUnavailable
from apps.sockets.tickets import BOARD, Claim, issue, redeem

HALF_A_MINUTE = timedelta(seconds=30)
SLIGHTLY_MORE = timedelta(seconds=30, milliseconds=1)
CLAIM = Claim(BOARD, 7, "user:1")


def test_a_ticket_is_redeemed_once():
    secret = issue(CLAIM).ticket
    assert redeem(secret, door=BOARD) == CLAIM
    assert redeem(secret, door=BOARD) is None


def test_it_opens_no_other_door_and_is_spent_by_the_attempt():
    secret = issue(CLAIM).ticket
    assert redeem(secret, door="desk") is None
    assert redeem(secret, door=BOARD) is None


@pytest.mark.parametrize("secret", ["", "nonsense", "ü", "*", "a" * 10_000])
def test_what_was_never_issued_opens_nothing(secret):
    assert redeem(secret, door=BOARD) is None


def test_it_ends_after_half_a_minute():
    before = datetime.now(UTC)
    ticket = issue(CLAIM)
    left = redis_client.client().pttl(tickets._key(ticket.ticket))
    after = datetime.now(UTC)
    assert before <= ticket.expires_at - HALF_A_MINUTE <= after
    assert HALF_A_MINUTE - (after - before) <= timedelta(milliseconds=left + 1) <= SLIGHTLY_MORE
    redis_client.client().pexpire(tickets._key(ticket.ticket), 0)
    assert redeem(ticket.ticket, door=BOARD) is None


def test_redis_never_holds_a_ticket_that_could_be_used():
    ticket = issue(CLAIM)
    names = redis_client.client().keys(redis_client.key("ticket", "*"))
    assert names
    assert all(ticket.ticket not in name.decode() for name in names)


def test_the_address_is_complete():
    ticket = issue(CLAIM)
    assert ticket.url == f"{real.SOCKETS_URL}/ws/board/?ticket={ticket.ticket}"


def test_without_redis_there_are_none(no_redis):
    with pytest.raises(TicketsUnavailable):
        issue(CLAIM)
    with pytest.raises(TicketsUnavailable):
        redeem("x", door=BOARD)


def test_what_a_door_wants_to_know_travels_with_it():
    claim = Claim(
        "chat", 7, "key:1", {"conversation": "c", "customer": "p"}, "https://shop.example"
    )
    assert redeem(issue(claim).ticket, door="chat") == claim
    assert claim.person == "p"
    assert CLAIM.person == "user:1"
