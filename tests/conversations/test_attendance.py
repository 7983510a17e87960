"""Who was connected to a process that was killed is told to be away, by whoever is there still."""

import json
from uuid import UUID

import pytest

from apps.conversations.consumers import attendance, office
from apps.conversations.consumers.attendance import Stay
from apps.sockets import presence, redis_client
from apps.sockets.broadcasts import Broadcast
from apps.tenants.models import Tenant
from tests.conversations.cast import open_one


def frames(told: list[Broadcast]) -> list[tuple[str, str, bool]]:
    found = [json.loads(one.frame) for one in told]
    return [(one["sender"], one["sender_id"], one["online"]) for one in found]


def test_a_heartbeat_finds_who_lapsed_and_tells_it_once(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Broadcast] = []
    monkeypatch.setattr(attendance, "publish_many", told.extend)
    view = open_one(tenant.pk)
    place = office.place_of(tenant.pk, view.id)
    client, key = redis_client.client(), presence._key(place)
    client.delete(key)
    stay = Stay(
        tenant.pk, view.id, "agent", "a-1", "alive", "user:1", place, is_session=False, agent=None
    )
    none: dict[Stay, UUID | None] = {stay: None}
    attendance._stay(none)
    client.zadd(key, {f"customer:{view.customer_id}|dead": client.time()[0] - 1})
    for _ in range(2):
        attendance._stay(none)

    assert frames(told) == [
        ("agent", "a-1", True), ("customer", str(view.customer_id), False)
    ]  # fmt: skip
    assert {one.group for one in told} == {place}
