"""Webhooks, against a real listener: signed, once noted, tried again, given up, sent again."""

import base64
import hashlib
import hmac
import socket
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from apps.events.services import unit_of_work
from apps.tenants.models import Tenant
from apps.trading.events import AccountOpened
from apps.webhooks import addresses, services, signing
from apps.webhooks.exceptions import AddressRefused
from apps.webhooks.models import Delivery, Endpoint
from apps.webhooks.services import calling, collecting
from tests.webhooks.receiver import Receiver

NAME = "trading.account.opened"


@pytest.fixture(autouse=True)
def _on_this_machine(settings):
    settings.WEBHOOKS_PRIVATE = True


@pytest.fixture
def listener():
    with Receiver() as receiver:
        yield receiver


def tell(tenant: Tenant, count: int = 1) -> list[str]:
    """Facts of accounts; their numbers."""
    numbers = [f"W-{uuid4().hex[:8]}" for _ in range(count)]
    with unit_of_work() as work:
        for number in numbers:
            uid = uuid4()
            fact = AccountOpened(
                account_id=uid, number=number, name="W", base_currency="USD", cost_method="average"
            )
            work.publish(fact, tenant=tenant.pk, key=str(uid))
    return numbers


def subscribe(tenant: Tenant, url: str, *patterns: str) -> Endpoint:
    return services.add_endpoint(tenant, url=url, patterns=patterns or ("*",))


def deliver() -> None:
    services.collect()
    services.call_due(seconds=60)  # or until nothing is due


def make_due() -> None:
    Delivery.objects.filter(state="pending").update(next_at=timezone.now())


def numbers(listener: Receiver) -> list[str]:
    return sorted(one.told["data"]["number"] for one in listener.heard)


class TestDelivery:
    def test_tells_what_happened_since_and_signs_it(self, tenant, listener):
        tell(tenant)  # before: nobody asked
        endpoint = subscribe(tenant, listener.url, NAME)
        told = tell(tenant, 30)
        deliver()
        assert numbers(listener) == sorted(told)
        one = listener.heard[0]
        assert one.told["type"] == NAME
        assert one.told["topic"] == "trade"
        assert one.headers["webhook-id"] == one.told["id"]
        signed = f"{one.told['id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
        key = base64.b64decode(endpoint.secret.removeprefix("whsec_"))
        wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert one.headers["webhook-signature"] == f"v1,{wanted}"

    def test_notes_each_event_once_however_often_it_looks(self, tenant, listener):
        subscribe(tenant, listener.url)
        tell(tenant, 5)
        services.collect()
        services.collect()
        assert Delivery.objects.count() == 5
        deliver()
        deliver()
        assert len(listener.heard) == 5

    def test_tells_each_tenant_its_own(self, tenant, other, listener):
        with Receiver() as theirs:
            subscribe(tenant, listener.url)
            subscribe(other, theirs.url)
            mine, yours = tell(tenant, 3), tell(other, 2)
            deliver()
            assert numbers(listener) == sorted(mine)
            assert numbers(theirs) == sorted(yours)

    def test_tells_what_the_patterns_say(self, tenant, listener):
        subscribe(tenant, listener.url, "trading.trade.*", "settlement.settled")
        tell(tenant)
        deliver()
        assert listener.heard == []

    def test_a_renewed_secret_signs_beside_the_former(self, tenant, listener):
        endpoint = subscribe(tenant, listener.url)
        services.renew_secret(tenant, endpoint.pk)
        tell(tenant)
        deliver()
        assert len(listener.heard[0].headers["webhook-signature"].split(" ")) == 2

    def test_costs_the_log_nothing_where_nobody_listens(self, tenant, django_assert_num_queries):
        tell(tenant)
        with django_assert_num_queries(1):
            assert services.collect() == 0


class TestTrouble:
    def test_tries_again_with_back_off_and_then_gets_through(self, tenant, listener):
        listener.statuses = [500, 503]
        endpoint = subscribe(tenant, listener.url)
        tell(tenant)
        before = timezone.now()
        deliver()
        row = Delivery.objects.get()
        assert (row.state, row.attempts, row.status, row.error) == (
            "pending", 1, 500, "answered 500",
        )  # fmt: skip
        assert timedelta(seconds=5) <= row.next_at - before
        assert row.next_at - timezone.now() < timedelta(seconds=7)
        Delivery.objects.update(next_at=timezone.now() + timedelta(hours=1))
        deliver()
        assert len(listener.heard) == 1  # not before its time
        make_due()
        deliver()
        endpoint.refresh_from_db()
        assert endpoint.failures == 2
        make_due()
        deliver()
        row.refresh_from_db()
        endpoint.refresh_from_db()
        assert (row.state, row.attempts, endpoint.failures) == ("delivered", 3, 0)
        assert {one.headers["webhook-id"] for one in listener.heard} == {str(row.event)}

    def test_gives_up_after_the_last_try_and_can_send_again(self, tenant, listener):
        listener.statuses = [500] * 20
        endpoint = subscribe(tenant, listener.url)
        tell(tenant)
        for _ in range(len(calling.BACK_OFF) + 1):
            make_due()
            deliver()
        row = Delivery.objects.get()
        assert (row.state, row.attempts) == ("dead", len(calling.BACK_OFF) + 1)
        listener.statuses = []
        services.send_again(tenant, endpoint.pk, row.pk)
        deliver()
        row.refresh_from_db()
        assert row.state == "delivered"

    def test_one_that_hangs_is_cut_off_and_keeps_nobody_waiting(
        self, tenant, listener, monkeypatch
    ):
        monkeypatch.setattr(calling, "CALL_SECONDS", 1.0)
        with Receiver(seconds=5.0) as slow:
            subscribe(tenant, slow.url)
            subscribe(tenant, listener.url)
            told = tell(tenant, 3)
            deliver()
            assert numbers(listener) == sorted(told)
        slow_rows = Delivery.objects.filter(endpoint__url=slow.url)
        assert {row.error for row in slow_rows} == {"no answer within 1 s"}

    def test_a_dead_port_is_a_failure_like_others(self, tenant):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        subscribe(tenant, url)
        tell(tenant)
        deliver()
        assert "Connector" in Delivery.objects.get().error

    def test_gone_is_heeded(self, tenant, listener):
        listener.statuses = [410]
        endpoint = subscribe(tenant, listener.url)
        tell(tenant)
        deliver()
        endpoint.refresh_from_db()
        assert endpoint.state == "gone"
        tell(tenant)
        make_due()
        deliver()
        assert len(listener.heard) == 1

    def test_redirects_are_not_followed(self, tenant, listener):
        with Receiver(statuses=[302], headers={"location": listener.url}) as sly:
            subscribe(tenant, sly.url)
            tell(tenant)
            deliver()
        assert listener.heard == []
        assert Delivery.objects.get().status == 302

    def test_a_worker_that_died_leaves_a_lease_that_ends(self, tenant, listener):
        subscribe(tenant, listener.url)
        tell(tenant)
        services.collect()
        assert sum(map(len, calling._claim(set()).values())) == 1  # and dies
        services.call_due(seconds=60)
        assert listener.heard == []
        make_due()
        services.call_due(seconds=60)
        assert len(listener.heard) == 1

    def test_one_that_takes_nothing_holds_its_own_cursor_back(self, tenant, listener, monkeypatch):
        monkeypatch.setattr(collecting, "PENDING_MAX", 3)
        monkeypatch.setattr(collecting, "EACH", 1)
        endpoint = subscribe(tenant, listener.url)
        told = tell(tenant, 40)
        services.collect()
        assert Delivery.objects.count() < 40
        while Delivery.objects.filter(endpoint=endpoint, state="delivered").count() < 40:
            deliver()
        assert numbers(listener) == sorted(told)

    def test_paused_reads_on_from_where_it_stood(self, tenant, listener):
        endpoint = subscribe(tenant, listener.url)
        services.change_endpoint(tenant, endpoint.pk, state="paused")
        told = tell(tenant, 2)
        deliver()
        assert listener.heard == []
        services.change_endpoint(tenant, endpoint.pk, state="active")
        deliver()
        assert numbers(listener) == sorted(told)


class TestAddresses:
    PRIVATE = (
        "http://127.0.0.1/", "http://localhost:8000/", "http://10.1.2.3/", "http://169.254.169.254/",
        "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://0x7f.1/",
        "http://127.1/", "http://192.168.0.1/", "http://[fe80::1%25eth0]/", "http://0.0.0.0/",
        "http://a.localhost./", "http://[2002:7f00:1::]/",
    )  # fmt: skip

    @pytest.mark.parametrize("url", PRIVATE)
    def test_private_ones_are_refused(self, url, settings):
        settings.WEBHOOKS_PRIVATE = False
        with pytest.raises(AddressRefused):
            addresses.check(url)

    @pytest.mark.parametrize(
        "url",
        ["ftp://example.com/", "https://user:pw@example.com/", "https://", "https://example.com/#a",
         "not a url", "https://example.com:99999/", "https://exa\nmple.com/", "javascript:alert(1)"],
    )  # fmt: skip
    def test_odd_ones_are_refused(self, url):
        with pytest.raises(AddressRefused):
            addresses.check(url)

    def test_a_name_that_leads_inside_is_refused_at_the_call(self, tenant, listener, settings):
        """DNS may change after the webhook was made."""
        port = listener.url.rsplit(":", 1)[1]
        endpoint = subscribe(tenant, "https://example.com/")
        name = socket.gethostname()  # resolves to this machine
        Endpoint.objects.filter(pk=endpoint.pk).update(url=f"http://{name}:{port}")
        settings.WEBHOOKS_PRIVATE = False
        tell(tenant)
        deliver()
        assert listener.heard == []
        assert Delivery.objects.get().state == "pending"


class TestApi:
    def test_makes_shows_changes_and_removes(self, api: APIClient, tenant):
        made = api.post(
            "/api/v1/webhooks",
            {"url": "https://example.com/hook", "events": ["settlement.*"], "description": "ops"},
            format="json",
        )
        assert made.status_code == 201
        assert made.json()["secret"].startswith(signing.PREFIX)
        path = f"/api/v1/webhooks/{made.json()['id']}"
        assert "secret" not in api.get(path).json()
        assert len(api.get("/api/v1/webhooks").json()["results"]) == 1
        changed = api.patch(path, {"events": ["*"], "state": "paused"}, format="json")
        assert (changed.json()["events"], changed.json()["state"]) == (["*"], "paused")
        renewed = api.post(f"{path}/secret").json()["secret"]
        assert renewed != made.json()["secret"]
        assert api.get(f"{path}/deliveries?state=dead").json() == {"results": [], "next": None}
        assert api.delete(path).status_code == 204
        assert api.get(path).status_code == 404

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"url": "https://example.com/"}, 400),
            ({"url": "https://example.com/", "events": []}, 400),
            ({"url": "https://example.com/", "events": ["Drop Table"]}, 422),
            ({"url": "gopher://example.com/", "events": ["*"]}, 422),
            ({"url": 5, "events": "x"}, 400),
        ],
    )
    def test_refuses_bad_ones(self, api: APIClient, body, status):
        answer = api.post("/api/v1/webhooks", body, format="json")
        assert answer.status_code == status
        assert answer["content-type"] == "application/problem+json"

    def test_another_tenants_is_not_there(self, client_of, tenant, other):
        endpoint = subscribe(other, "https://example.com/")
        path = f"/api/v1/webhooks/{endpoint.pk}"
        mine = client_of(tenant)
        for answer in (
            mine.get(path), mine.patch(path, {}, format="json"), mine.delete(path),
            mine.post(f"{path}/secret"), mine.get(f"{path}/deliveries"),
            mine.post(f"{path}/deliveries/{uuid4()}/redelivery"),
        ):  # fmt: skip
            assert answer.status_code == 404

    def test_shows_deliveries_and_sends_again(self, api: APIClient, tenant, listener):
        endpoint = subscribe(tenant, listener.url)
        tell(tenant, 3)
        deliver()
        path = f"/api/v1/webhooks/{endpoint.pk}/deliveries"
        first = api.get(f"{path}?limit=2").json()
        rest = api.get(f"{path}?limit=2&after={first['next']}").json()
        rows = first["results"] + rest["results"]
        assert {row["state"] for row in rows} == {"delivered"}
        assert len(rows) == 3
        again = api.post(f"{path}/{rows[0]['id']}/redelivery")
        assert again.status_code == 202
        assert api.post(f"{path}/{rows[0]['id']}/redelivery").status_code == 409
        deliver()
        assert len(listener.heard) == 4

    def test_the_secret_stands_sealed(self, tenant, db):
        endpoint = subscribe(tenant, "https://example.com/")
        with connection.cursor() as cursor:
            cursor.execute("SELECT secret FROM webhooks_endpoint")
            assert endpoint.secret not in cursor.fetchone()[0]
