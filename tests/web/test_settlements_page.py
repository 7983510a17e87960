"""The settlement page: for members, drawn from the API; who may not decide is shown no buttons."""

import json
import re

import pytest
from django.test import Client

from apps.tenants.models import Membership, User


def config_of(page: str) -> dict[str, object]:
    (found,) = re.findall(r'<script id="config" type="application/json">(.*?)</script>', page)
    return dict(json.loads(found))


def test_a_stranger_signs_in_first(transactional_db: None, client: Client) -> None:
    answer = client.get("/settlements/")
    assert (answer.status_code, answer["Location"][:9]) == (302, "/sign-in/")


@pytest.mark.parametrize(("role", "decides"), [("operations", True), ("auditor", False)])
def test_a_member_sees_it_and_decides_by_role(
    signed_in: Client, person: User, role: str, decides: bool
) -> None:
    Membership.objects.filter(user=person).update(role=role)
    page = signed_in.get("/settlements/")
    assert page.status_code == 200
    told = config_of(page.content.decode())
    assert (told["decides"], told["board"]) == (decides, "/api/v1/settlements/board")
    assert signed_in.get(str(told["board"])).status_code == 200
    assert signed_in.post(str(told["ticket"])).status_code == 201
