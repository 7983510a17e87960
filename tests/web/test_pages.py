"""Pages: signing in and out, who sees what, and what is answered when nothing else is."""

import json
import re
from urllib.parse import unquote

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator

from apps.core.exceptions import DomainError
from apps.tenants.models import Role, User
from apps.tenants.services import add_member
from apps.web import throttling
from apps.web.views import pages
from tests.web.conftest import PASSWORD


def sign_in(client, password=PASSWORD, **data):
    return client.post("/sign-in/", {"username": "ada", "password": password, **data})


class TestSigningIn:
    def test_the_board_asks_who_you_are(self, client, db):
        answer = client.get("/")
        assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=/")

    def test_signing_in_leads_to_the_board(self, client, person):
        answer = sign_in(client)
        assert (answer.status_code, answer["Location"]) == (302, "/")
        assert client.get("/").status_code == 200

    def test_it_leads_back_to_where_one_wanted_to_go(self, client, person):
        assert sign_in(client, next="/admin/")["Location"] == "/admin/"

    @pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "javascript:x"])
    def test_but_never_to_another_site(self, client, person, where):
        assert sign_in(client, next=where)["Location"] == "/"

    def test_a_wrong_password_is_told_politely(self, client, person):
        answer = sign_in(client, "wrong")
        assert answer.status_code == 200
        assert "That did not work." in answer.content.decode()
        assert 'value="ada"' in answer.content.decode()
        assert "wrong" not in answer.content.decode()

    def test_the_eleventh_attempt_waits_even_with_the_right_password(self, client, person):
        for _ in range(throttling.FAILURES_MAX):
            assert sign_in(client, "wrong").status_code == 200
        answer = sign_in(client)
        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= throttling.WINDOW_SECONDS
        assert "Try again in 5 minutes." in answer.content.decode()
        assert "_auth_user_id" not in client.session

    def test_the_proxys_word_counts_only_behind_our_own_proxy(self, client, person, settings):
        for number in range(throttling.FAILURES_MAX):
            client.post(
                "/sign-in/",
                {"username": "ada", "password": "x"},
                HTTP_X_FORWARDED_FOR=f"198.51.100.{number}",
            )
        assert sign_in(client).status_code == 429
        settings.HTTPS = True
        header = {"HTTP_X_FORWARDED_FOR": "127.0.0.1, 198.51.100.1"}
        data = {"username": "ada", "password": PASSWORD}
        assert client.post("/sign-in/", data, **header).status_code == 302

    def test_the_form_carries_a_csrf_token(self, person):
        client = Client(enforce_csrf_checks=True)
        assert sign_in(client).status_code == 403
        page = client.get("/sign-in/").content.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token
        assert sign_in(client, csrfmiddlewaretoken=token[1]).status_code == 302

    def test_the_back_office_has_no_door_of_its_own(self, client, db):
        answer = client.get("/admin/", follow=True)
        assert [unquote(where) for where, _ in answer.redirect_chain] == [
            "/admin/login/?next=/admin/",
            "/sign-in/?next=/admin/",
        ]
        posted = client.post("/admin/login/", {"username": "ada", "password": PASSWORD})
        assert posted.status_code == 302
        assert "_auth_user_id" not in client.session

    def test_who_may_not_enter_is_told_so_and_not_sent_round_in_circles(self, client, tenant):
        user, _ = add_member(tenant, username="bob", role=Role.TRADER, password=PASSWORD)
        client.force_login(user)
        answer = client.get("/admin/", follow=True)
        assert answer.status_code == 200
        assert "bob may not open that page." in answer.content.decode()

    def test_who_is_signed_in_needs_no_form(self, signed_in):
        assert signed_in.get("/sign-in/")["Location"] == "/"

    def test_signing_out_needs_a_post(self, signed_in):
        assert signed_in.get("/sign-out/").status_code == 405
        assert signed_in.get("/").status_code == 200
        assert signed_in.post("/sign-out/")["Location"] == "/sign-in/"
        assert signed_in.get("/").status_code == 302


class TestTheBoard:
    def test_it_comes_with_a_first_snapshot(self, signed_in, trade):
        trade(1)
        page = signed_in.get("/").content.decode()
        found = re.search(r'<script id="config" type="application/json">(.+?)</script>', page)
        assert found
        config = json.loads(found[1])
        assert config["first"]["trades"][0]["instrument"] == "XYZ"
        assert config["parked"] == reverse("admin:events_parkedkey_changelist")
        assert (config["board"], config["ticket"]) == ("/api/v1/board", "/api/v1/board/ticket")

    def test_nothing_on_it_may_come_from_elsewhere(self, signed_in, settings):
        settings.SOCKETS_URL = "wss://sockets.example:8443"
        answer = signed_in.get("/")
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert policy.endswith("connect-src 'self' wss://sockets.example:8443")
        page = answer.content.decode()
        addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert all(one.startswith(("/", "#")) for one in addresses)
        assert not re.search(r"<script(?![^>]*(src=|application/json))|\son\w+=|\sstyle=", page)

    def test_a_name_cannot_become_markup(self, signed_in, tenant):
        tenant.name = "</script><script>alert(1)</script>"
        tenant.save()
        assert "<script>alert(1)" not in signed_in.get("/").content.decode()

    def test_a_member_of_no_tenant_is_told(self, client, db):
        client.force_login(User.objects.create_user("nobody", password=PASSWORD))
        answer = client.get("/")
        assert answer.status_code == 403
        assert "You are a member of no tenant" in answer.content.decode()

    def test_someone_at_home_in_two_tenants_chooses(self, signed_in, person, other):
        assert 'name="tenant"' not in signed_in.get("/").content.decode()
        add_member(other, username="ada", role=Role.AUDITOR)
        assert 'name="tenant"' in signed_in.get("/").content.decode()
        signed_in.post("/tenant/", {"tenant": other.pk})
        assert "Rival Brokers · Lockstep</title>" in signed_in.get("/").content.decode()
        assert signed_in.get("/api/v1/board").json()["tenant"]["slug"] == "rival"

    @pytest.mark.parametrize("wanted", ["999", "x", "", "²"])
    def test_one_cannot_choose_a_place_where_one_has_none(self, signed_in, wanted):
        assert signed_in.post("/tenant/", {"tenant": wanted}).status_code == 302
        assert signed_in.get("/api/v1/board").json()["tenant"]["slug"] == "acme"

    def test_staff_see_the_back_office_and_flower(self, signed_in, settings):
        page = signed_in.get("/").content.decode()
        assert 'href="/admin/"' in page
        assert signed_in.get("/flower/")["Location"] == settings.FLOWER_URL

    def test_others_do_not(self, client, tenant):
        user, _ = add_member(tenant, username="bob", role=Role.TRADER, password=PASSWORD)
        client.force_login(user)
        page = client.get("/").content.decode()
        assert 'href="/admin/"' not in page
        assert '"parked": null' in page
        assert client.get("/flower/")["Location"] == "/sign-in/?next=/flower/"


class TestErrors:
    def test_an_unknown_address_is_a_page(self, client, db):
        answer = client.get("/nowhere/")
        assert answer.status_code == 404
        assert "There is nothing here" in answer.content.decode()

    def test_under_the_api_it_is_a_problem(self, client, db):
        answer = client.get("/api/v1/nowhere")
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "not_found"

    def test_a_crash_is_a_page_with_a_number_and_no_trace(self, signed_in, monkeypatch):
        def crash(_tenant):
            raise ZeroDivisionError("inside information")

        monkeypatch.setattr(pages, "snapshot", crash)
        signed_in.raise_request_exception = False
        answer = signed_in.get("/", headers={"X-Request-Id": "abc123"})
        page = answer.content.decode()
        assert answer.status_code == 500
        assert "abc123" in page
        assert "inside information" not in page

    def test_a_database_that_does_not_answer_is_a_503_that_comes_back(self, signed_in, monkeypatch):
        def crash(_tenant):
            raise OperationalError("no route to host")

        monkeypatch.setattr(pages, "snapshot", crash)
        signed_in.raise_request_exception = False
        answer = signed_in.get("/")
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert '<meta http-equiv="refresh" content="5">' in answer.content.decode()

    def test_a_host_that_we_are_not_is_refused(self, client):
        answer = client.get("/", headers={"Host": "evil.example"})
        assert answer.status_code == 400


class TestTheApisPages:
    def test_every_problem_code_is_explained(self, client):
        page = client.get("/api/docs/problems").content.decode()
        codes = {kind().code for kind in pages._kinds(DomainError)}
        assert {"not_found", "tickets_unavailable", "unknown_account"} <= codes
        for code in codes | {"parse_error", "not_authenticated"}:
            assert f'<tr id="{code}">' in page

    def test_the_schema_names_every_way_to_authenticate(self, client, db):
        schema = json.loads(client.get("/api/schema/?format=json").content)
        assert schema["openapi"].startswith("3.1")
        assert set(schema["components"]["securitySchemes"]) == {
            "apiKey",
            "session",
            "visitor",
        }
        assert "/api/v1/board" in schema["paths"]
        assert schema["paths"]["/api/v1/board/ticket"]["post"]["responses"].keys() == {"201"}

    def test_the_schema_is_made_once_a_process(self, client, db, monkeypatch):
        first = client.get("/api/schema/?format=json")
        monkeypatch.delattr(SchemaGenerator, "get_schema")
        again = client.get("/api/schema/?format=json")
        assert (again.status_code, again.content, again["ETag"]) == (
            200, first.content, first["ETag"],
        )  # fmt: skip
        known = client.get("/api/schema/?format=json", headers={"If-None-Match": first["ETag"]})
        assert (known.status_code, known.content) == (304, b"")
        as_yaml = client.get("/api/schema/")
        assert as_yaml["Content-Type"] == "application/vnd.oai.openapi"
        assert as_yaml.content.startswith(b"openapi: 3.1")

    def test_the_docs_come_from_here(self, client, db):
        page = client.get("/api/docs/").content.decode()
        assert "cdn" not in page
        assert "/static/drf_spectacular_sidecar/" in page
