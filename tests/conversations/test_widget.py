"""Visitors of a tenant's site: let in by a public key, held to their own conversation."""

from datetime import timedelta
from unittest import mock

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from apps.conversations import selectors, services
from apps.conversations.api.widget import visitors
from apps.conversations.exceptions import SiteNotAllowed, UnknownWidget, WidgetRefused
from apps.conversations.models import Widget
from apps.conversations.selectors import widgets as questions
from apps.conversations.services import widgets
from apps.sockets import tickets
from apps.sockets.limits import Limit
from tests.conversations import cast

SHOP = "https://shop.example"
OTHER_SHOP = "https://other.example"


@pytest.fixture
def widget(tenant):
    return services.create_widget(tenant.pk, name="Shop", origins=[SHOP], title="Ask us")


@pytest.fixture
def site():
    """A browser on the shop's page: no cookie, no key, an origin."""
    return APIClient(headers={"origin": SHOP})


def come(site, widget, **more):
    return site.post("/api/v1/widget/session", {"key": widget.key, **more}, format="json")


def as_visitor(token, origin=SHOP):
    return APIClient(headers={"authorization": f"Visitor {token}", "origin": origin})


def begin(visitor):
    return visitor.post("/api/v1/widget/conversation", {}, format="json")


class TestComing:
    def test_a_new_visitor_gets_a_token_and_no_conversation(self, site, widget):
        answer = come(site, widget)
        assert answer.status_code == 200
        found = answer.json()
        assert (found["title"], found["conversation"]) == ("Ask us", None)
        assert services.visitor_of(found["token"]).widget.id == widget.id

    def test_the_same_token_is_the_same_visitor_with_the_same_conversation(self, site, widget):
        first = come(site, widget).json()
        opened = begin(as_visitor(first["token"]))
        assert opened.status_code == 201
        again = come(site, widget, token=first["token"]).json()
        assert again["conversation"]["id"] == opened.json()["id"]
        assert begin(as_visitor(again["token"])).status_code == 200

    def test_a_token_that_does_not_hold_makes_a_new_visitor(self, site, widget):
        for token in ("", "x", "a.b.c", signing.dumps(["no", "ids"], salt=widgets.SALT)):
            assert come(site, widget, token=token).status_code == 200
        old = come(site, widget).json()["token"]
        begin(as_visitor(old))
        with mock.patch.object(signing.time, "time", return_value=4_000_000_000):
            assert services.visitor_of(old) is None

    def test_another_widgets_token_is_another_visitors(self, site, widget, other):
        rival = services.create_widget(other.pk, name="Rival", origins=[SHOP])
        token = come(site, rival).json()["token"]
        begin(as_visitor(token))
        assert come(site, widget, token=token).json()["conversation"] is None

    def test_a_closed_conversation_is_shown_for_a_while(self, site, widget, tenant, monkeypatch):
        token = come(site, widget).json()["token"]
        opened = begin(as_visitor(token)).json()
        services.close(tenant.pk, opened["id"], reason="solved", by="test")
        assert come(site, widget, token=token).json()["conversation"]["state"] == "closed"
        monkeypatch.setattr(questions, "STILL_SHOWN", timedelta(0))
        assert come(site, widget, token=token).json()["conversation"] is None


class TestLooks:
    def test_anybody_may_see_them_and_whether_somebody_is_there(self, widget):
        stranger = APIClient()
        answer = stranger.get("/api/v1/widget/look", {"key": widget.key})
        assert answer.json() == {
            "title": "Ask us", "greeting": "", "accent": "#0b7565", "theme": "auto", "side": "right",
            "hours": {"is_open": True, "opens_at": None, "asks_contact": False},
        }  # fmt: skip
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert stranger.get("/api/v1/widget/look", {"key": "wk_none"}).status_code == 404
        assert stranger.get("/api/v1/widget/look").status_code == 400

    def test_they_are_changed_and_the_key_stays(self, api, widget):
        path = f"/api/v1/widgets/{widget.id}"
        terms = {
            "name": "Shop",
            "origins": [OTHER_SHOP.upper()],
            "accent": "#AA0044",
            "theme": "dark",
            "side": "left",
        }
        found = api.put(path, terms, format="json").json()
        assert (found["key"], found["accent"], found["theme"]) == (widget.key, "#aa0044", "dark")
        assert (found["origins"], found["title"]) == ([OTHER_SHOP], "")
        assert come(APIClient(headers={"origin": SHOP}), widget).status_code == 403
        bad = api.put(
            path,
            {"name": "", "accent": "red", "theme": "x", "side": "up", "origins": ["shop"]},
            format="json",
        )
        assert bad.status_code == 422
        assert {one["field"] for one in bad.json()["errors"]} == {
            "name",
            "accent",
            "theme",
            "side",
            "origins",
        }

    def test_a_new_key_lets_in_and_the_old_one_does_not(self, api, site, widget):
        token = come(site, widget).json()["token"]
        key = api.post(f"/api/v1/widgets/{widget.id}/key").json()["key"]
        assert key != widget.key
        assert come(site, widget).status_code == 404
        assert site.post("/api/v1/widget/session", {"key": key}, format="json").status_code == 200
        assert begin(as_visitor(token)).status_code == 201

    def test_another_tenants_widget_is_unknown(self, client_of, other, widget):
        rival = client_of(other)
        assert (
            rival.put(f"/api/v1/widgets/{widget.id}", {"name": "x"}, format="json").status_code
            == 404
        )
        assert rival.post(f"/api/v1/widgets/{widget.id}/key").status_code == 404

    def test_how_a_visitor_can_be_reached(self, site, widget, tenant):
        visitor = as_visitor(come(site, widget).json()["token"])
        talk = begin(visitor).json()["id"]
        sent = {"conversation": talk, "contact": "a@shop.example", "name": "Anna"}
        assert visitor.post("/api/v1/widget/contact", sent, format="json").status_code == 201
        assert [note.body for note in selectors.notes_of(tenant.pk, talk)] == [
            "Can be reached: a@shop.example"
        ]
        stranger = as_visitor(come(site, widget).json()["token"])
        assert stranger.post("/api/v1/widget/contact", sent, format="json").status_code == 404
        assert (
            visitor.post(
                "/api/v1/widget/contact", {**sent, "contact": ""}, format="json"
            ).status_code
            == 422
        )


class TestTooOften:
    def test_visits_of_a_widget_from_an_address_are_counted(self, site, widget, other, settings):
        settings.WIDGET_SESSIONS = 3
        assert [come(site, widget).status_code for _ in range(3)] == [200] * 3
        refused = come(site, widget)
        assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
        assert 1 <= int(refused["Retry-After"]) <= 60
        assert refused["Content-Type"] == "application/problem+json"
        assert refused["Access-Control-Allow-Origin"] == "*"  # the widget itself must read it
        rival = services.create_widget(other.pk, name="Rival", origins=[SHOP])
        assert come(site, rival).status_code == 200
        elsewhere = APIClient(headers={"origin": SHOP}, REMOTE_ADDR="203.0.113.9")
        assert come(elsewhere, widget).status_code == 200

    @pytest.mark.parametrize(
        "body", ["[]", '"key"', '{"key": 7}', r'{"key": "\ud83d"}', "{}", '{"key": {}}', "{", ""]
    )
    def test_a_body_that_names_no_widget_is_a_problem(self, body):
        address = f"203.0.113.{len(body)}{ord((body or ' ')[0])}"
        stranger = APIClient(headers={"origin": SHOP}, REMOTE_ADDR=address)
        path = "/api/v1/widget/session"
        answer = stranger.post(path, body, content_type="application/json")
        assert answer.status_code in (400, 404)
        assert answer["Content-Type"] == "application/problem+json"

    def test_a_visitor_calls_and_uploads_within_limits(self, site, widget, monkeypatch):
        monkeypatch.setattr(visitors, "CALLS", Limit("calls", 2, 60))
        monkeypatch.setattr(visitors, "UPLOADS", Limit("files", 0, 60))
        visitor, neighbour = (as_visitor(come(site, widget).json()["token"]) for _ in range(2))
        assert [begin(visitor).status_code for _ in range(3)] == [201, 200, 429]
        assert begin(neighbour).status_code == 201
        assert neighbour.post("/api/v1/widget/attachments", {}).status_code == 429


class TestWhere:
    @pytest.mark.parametrize(
        "origin", [OTHER_SHOP, "https://shop.example.evil", "null", "", "http://[::1"]
    )
    def test_a_site_that_is_not_the_widgets_is_refused(self, widget, origin):
        answer = come(APIClient(headers={"origin": origin}), widget)
        assert (answer.status_code, answer.json()["code"]) == (403, "site_not_allowed")

    def test_a_token_is_of_no_use_on_another_site(self, site, widget):
        token = come(site, widget).json()["token"]
        assert begin(as_visitor(token, OTHER_SHOP)).status_code == 403
        assert begin(as_visitor(token)).status_code == 201

    def test_our_own_pages_may_always_show_it(self, widget):
        assert (
            come(APIClient(headers={"origin": "http://127.0.0.1:8000"}), widget).status_code == 200
        )

    def test_a_browser_may_ask_before_the_call_and_read_the_answer(self, site, widget):
        asked = site.options("/api/v1/widget/messages")
        assert asked.status_code == 204
        assert asked["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in asked["Access-Control-Allow-Headers"]
        answer = come(site, widget)
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer

    def test_a_widget_that_was_switched_off_lets_nobody_in(self, site, widget):
        token = come(site, widget).json()["token"]
        Widget.objects.update(is_active=False)
        assert come(site, widget).json()["code"] == "unknown_widget"
        assert begin(as_visitor(token)).status_code == 401


class TestOneConversationAndNoOther:
    def test_without_a_token_nothing_opens(self, site, widget):
        for path in ("conversation", "ticket", "messages"):
            assert site.post(f"/api/v1/widget/{path}", {}, format="json").status_code == 401

    def test_a_visitor_writes_and_reads_their_own(self, site, widget, tenant):
        visitor = as_visitor(come(site, widget).json()["token"])
        talk = begin(visitor).json()["id"]
        sent = {"conversation": talk, "client_id": "1", "body": "Hello"}
        path = "/api/v1/widget/messages"
        assert visitor.post(path, sent, format="json").status_code == 201
        assert visitor.post(path, sent, format="json").status_code == 200
        page = visitor.get(f"{path}?conversation={talk}&after_seq=0").json()
        assert [(one["seq"], one["sender"], one["body"]) for one in page["results"]] == [
            (1, "customer", "Hello")
        ]
        assert "agent" not in begin(visitor).json()

    def test_another_visitors_conversation_does_not_exist(self, site, widget, tenant):
        mine = as_visitor(come(site, widget).json()["token"])
        theirs = begin(as_visitor(come(site, widget).json()["token"])).json()["id"]
        other_channel = str(cast.open_one(tenant.pk, "anna").id)
        for talk in (theirs, other_channel):
            ask = {"conversation": talk}
            assert mine.post("/api/v1/widget/ticket", ask, format="json").status_code == 404
            assert mine.get("/api/v1/widget/messages", ask).status_code == 404
            sent = {**ask, "client_id": "1", "body": "Let me in"}
            assert mine.post("/api/v1/widget/messages", sent, format="json").status_code == 404

    def test_a_visitors_token_opens_nothing_else(self, site, widget):
        visitor = as_visitor(come(site, widget).json()["token"])
        assert visitor.get("/api/v1/conversations").status_code == 401
        assert visitor.get("/api/v1/trades").status_code == 401

    def test_a_ticket_is_for_this_conversation_and_this_page(self, site, widget):
        visitor = as_visitor(come(site, widget).json()["token"])
        talk = begin(visitor).json()["id"]
        answer = visitor.post("/api/v1/widget/ticket", {"conversation": talk}, format="json")
        assert answer.status_code == 201
        claim = tickets.redeem(answer.json()["ticket"], door=tickets.CHAT)
        assert claim is not None
        assert (claim.origin, claim.facts["conversation"]) == (SHOP, talk)
        assert claim.client == f"visitor:{claim.facts['customer']}"


class TestFilesAndRatings:
    def test_a_visitors_file_is_theirs_and_the_desks(self, site, widget, client_of, tenant):
        mine = as_visitor(come(site, widget).json()["token"])
        talk = begin(mine).json()["id"]
        file = SimpleUploadedFile("../notes.txt", b"What I meant to say")
        form = {"conversation": talk, "client_id": "1", "file": file}
        sent = mine.post("/api/v1/widget/attachments", form, format="multipart")
        assert sent.status_code == 201
        details = sent.json()["attachment"]
        assert (details["name"], details["content_type"]) == ("notes.txt", "text/plain")
        path = f"/api/v1/widget/attachments/{talk}/{details['id']}"
        got = mine.get(path)
        assert b"".join(got.streaming_content) == b"What I meant to say"
        assert got["Content-Security-Policy"].startswith("sandbox")
        got.close()
        at_the_desk = client_of(tenant, role="agent").get(details["url"])
        assert at_the_desk.status_code == 200
        at_the_desk.close()
        theirs = as_visitor(come(site, widget).json()["token"])
        begin(theirs)
        assert theirs.get(path).status_code == 404
        assert site.get(path).status_code == 401

    def test_what_runs_is_no_file(self, site, widget):
        mine = as_visitor(come(site, widget).json()["token"])
        talk = begin(mine).json()["id"]
        file = SimpleUploadedFile("picture.png", b"<svg onload=alert(1)>")
        form = {"conversation": talk, "client_id": "1", "file": file}
        sent = mine.post("/api/v1/widget/attachments", form, format="multipart")
        assert (sent.status_code, sent.json()["code"]) == (422, "attachment_refused")

    def test_an_end_is_rated_once_by_its_visitor(self, site, widget, tenant):
        mine = as_visitor(come(site, widget).json()["token"])
        talk = begin(mine).json()["id"]
        rating = {"conversation": talk, "score": 5}
        path = "/api/v1/widget/rating"
        assert mine.post(path, rating, format="json").status_code == 409
        services.close(tenant.pk, talk, reason="solved", by="test")
        theirs = as_visitor(come(site, widget).json()["token"])
        assert theirs.post(path, rating, format="json").status_code == 404
        assert mine.post(path, {**rating, "score": 6}, format="json").status_code == 400
        assert mine.post(path, rating, format="json").status_code == 201
        assert mine.post(path, rating, format="json").status_code == 409


class TestMakingOne:
    @pytest.mark.parametrize(
        "origin",
        ["shop.example", "https://shop.example/", "ftp://shop.example", "https://", "*",
         "https://user@shop.example", "https://shop.example:port"],
    )  # fmt: skip
    def test_an_origin_is_scheme_and_host(self, tenant, origin):
        with pytest.raises(WidgetRefused) as refused:
            services.create_widget(tenant.pk, name="Shop", origins=[origin])
        assert refused.value.facts["errors"][0]["code"] == "bad_origin"

    @pytest.mark.parametrize(
        "origin", ["http://localhost:8080", "https://[::1]:9", "HTTPS://Shop.Example"]
    )
    def test_these_are_origins(self, tenant, origin):
        made = services.create_widget(tenant.pk, name="Shop", origins=[origin])
        widgets.check_site(made, origin)
        with pytest.raises(SiteNotAllowed):
            widgets.check_site(made, SHOP + ".evil")

    def test_administrators_make_them_over_the_api_and_see_only_their_own(
        self, client_of, tenant, other
    ):
        answer = client_of(tenant, role="admin").post(
            "/api/v1/widgets", {"name": "Shop"}, format="json"
        )
        assert answer.status_code == 201
        assert answer.json()["key"].startswith("wk_")
        assert (
            client_of(tenant, role="agent").post("/api/v1/widgets", {"name": "x"}).status_code
            == 403
        )
        services.create_widget(other.pk, name="Rival")
        found = client_of(tenant, role="agent").get("/api/v1/widgets").json()["results"]
        assert [one["name"] for one in found] == ["Shop"]

    def test_the_command_prints_the_key_and_nothing_else(self, tenant, capsys):
        call_command("create_widget", tenant.slug, origins=[SHOP])
        key = capsys.readouterr().out.strip()
        assert selectors.widget_of_key(key).origins == [SHOP]
        with pytest.raises(CommandError, match="bad_origin"):
            call_command("create_widget", tenant.slug, origins=["nonsense"])
        with pytest.raises(UnknownWidget):
            selectors.widget_of_key("wk_nobody")
