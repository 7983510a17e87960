"""A ticket for the board's socket, over the API."""

import pytest

from apps.sockets.tickets import BOARD, redeem
from apps.tenants.models import Role


@pytest.mark.parametrize("role", Role.values)
def test_every_role_may_watch(tenant, client_of, role):
    answer = client_of(tenant, role).post("/api/v1/board/ticket")
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"ticket", "url", "expires_at"}
    claim = redeem(body["ticket"], door=BOARD)
    assert claim is not None
    assert claim.tenant_id == tenant.pk


def test_a_session_needs_its_csrf_token(person, client):
    client = type(client)(enforce_csrf_checks=True)
    client.force_login(person)
    assert client.post("/api/v1/board/ticket").status_code == 403


def test_nobody_gets_none(db, client):
    answer = client.post("/api/v1/board/ticket")
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_authenticated"


def test_an_outage_is_a_503_that_says_what_to_do(api, no_redis):
    answer = api.post("/api/v1/board/ticket")
    assert answer.status_code == 503
    assert answer.json()["code"] == "tickets_unavailable"
    assert "poll" in answer.json()["detail"]
