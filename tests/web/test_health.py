"""Liveness, readiness with reasons, and metrics for those who may read them."""

from dataclasses import replace

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from apps.events import registry, services
from apps.events import selectors as events
from apps.events.registry import CLOCK_QUEUES, LANES
from apps.nlu.facade.plan import Answer, Attempt
from apps.nlu.interpretation import Interpretation
from apps.nlu.models import Provider
from apps.nlu.selectors.breakers import breaker_of, name_of
from apps.nlu.services import recording
from apps.nlu.services.recording import Asked
from apps.tenants.models import Role
from apps.tenants.services import issue_key
from apps.web import health
from apps.web.views import health as views
from tests.agents.cast import make_agent, queue

ELSEWHERE = {"REMOTE_ADDR": "203.0.113.7"}


def ready(client):
    views.forget()
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


class TestHealth:
    def test_liveness_looks_at_nothing(self, client, django_assert_num_queries, no_redis):
        # No database fixture: pytest-django refuses any query.
        answer = client.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})

    def test_everything_there_is_ready(self, transactional_db, client):
        for number in range(2):
            served = [*(f"{lane}.{number}" for lane in LANES), *CLOCK_QUEUES]
            services.announce(f"w{number}", served, 1)
        status, body = ready(client)
        assert (status, body["ready"], body["status"]) == (200, True, "ready")
        assert set(body["checks"].values()) == {"ok"}
        assert body["reasons"] == []

    def test_without_redis_trades_are_accepted_so_it_is_ready(
        self, transactional_db, client, no_redis
    ):
        status, body = ready(client)
        assert (status, body["status"], body["checks"]["redis"]) == (
            200,
            "degraded",
            "not answering",
        )
        assert [one["code"] for one in body["reasons"]] == ["redis"]

    def test_lag_degrades_but_does_not_close_the_door(self, client, trade, monkeypatch):
        trade(1, take=False)
        late = [replace(lag, seconds=3_600.0) for lag in events.lags() if lag.events]
        monkeypatch.setattr(health.events, "lags", lambda: late)
        status, body = ready(client)
        assert (status, body["status"], body["checks"]["lag"]) == (200, "degraded", "late")
        assert "60 min behind" in body["reasons"][0]["detail"]

    def test_without_postgresql_it_is_not_ready(self, client, monkeypatch):
        def refuse():
            raise OperationalError("connection to db.internal refused")

        monkeypatch.setattr(health, "_asks_database", refuse)
        status, body = ready(client)
        assert (status, body["ready"], body["checks"]["postgresql"]) == (
            503,
            False,
            "not answering",
        )
        assert "db.internal" not in str(body)

    def test_a_database_that_goes_away_in_between_is_not_ready(
        self, transactional_db, client, monkeypatch
    ):
        def refuse():
            raise OperationalError("gone")

        monkeypatch.setattr(health.events, "lags", refuse)
        assert ready(client)[0] == 503

    def test_missing_migrations_are_named(self, transactional_db, client, monkeypatch):
        monkeypatch.setattr(health, "_migrated", False)
        with connection.cursor() as cursor:
            cursor.execute(
                """DELETE FROM django_migrations WHERE app = 'ledger' AND name =
                   (SELECT max(name) FROM django_migrations WHERE app = 'ledger') RETURNING name"""
            )
            (newest,) = cursor.fetchone()
        try:
            status, body = ready(client)
        finally:
            with connection.cursor() as cursor:
                cursor.execute(
                    """INSERT INTO django_migrations (app, name, applied)
                       VALUES ('ledger', %s, now())""",
                    [newest],
                )
        assert status == 503
        assert f"1 not applied: ledger.{newest}" in body["checks"]["migrations"]

    def test_errors_texts_stay_inside(self, transactional_db, client):
        with connection.cursor() as cursor:
            cursor.execute(
                """UPDATE events_cursor SET failures = 1, error = 'host secret.internal is down'
                   WHERE handler = 'ledger.book_trades' AND partition = 3"""
            )
        _, body = ready(client)
        assert "failing" in {one["code"] for one in body["reasons"]}
        assert "secret.internal" not in str(body)

    def test_however_often_it_is_asked_the_database_is_asked_once_a_second(
        self, transactional_db, client, django_assert_num_queries
    ):
        ready(client)
        with django_assert_num_queries(0):
            assert [client.get("/readyz").status_code for _ in range(20)] == [200] * 20

    @pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
    def test_they_only_answer_questions(self, client, path):
        assert client.post(path).status_code == 405


class TestMetrics:
    def test_what_is_told_is_what_is(self, client, trade, api):
        trade(3, take=False)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE events_cursor SET rescues_total = 2 WHERE handler = 'ledger.book_trades'"
                " AND partition = 0"
            )
        text = client.get("/metrics").content.decode()
        found = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        assert found["lockstep_handler_lag_events", "ledger.book_trades"] == 4
        assert found["lockstep_handler_lag_seconds", "ledger.book_trades"] > 0
        assert found["lockstep_sweeper_rescues_total", "ledger.book_trades"] == 2
        assert found["lockstep_events_total", "ledger.book_trades"] == 0
        assert found["lockstep_redis_up",] == 1
        assert found["lockstep_oldest_xmin_age_seconds",] >= 0
        places = [key for key in found if key[0] == "lockstep_lag_events" and "trade" in key]
        # one account, so one partition, of every handler that reads it
        assert len(places) == len(registry.handlers_of("trade"))

    def test_the_line_and_the_agents_are_told_by_tenant(self, client, tenant, other):
        make_agent(tenant.pk, "anna", status="away")
        make_agent(other.pk, "zoe", status="online")
        for seconds in (5, 60):
            queue(tenant.pk, ago=seconds)
        text = client.get("/metrics").content.decode()
        found = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        assert found["lockstep_line_waiting", tenant.slug] == 2
        assert found["lockstep_line_longest_wait_seconds", tenant.slug] >= 60
        assert found["lockstep_agents_online", tenant.slug] == 0
        assert found["lockstep_line_waiting", other.slug] == 0
        assert found["lockstep_agents_online", other.slug] == 1

    def test_language_understanding_is_told_by_provider(self, client, tenant, monkeypatch):
        began = timezone.now()
        Provider.objects.create(
            tenant=tenant, name="cx", kind="dialogflow_cx", url="https://a.test"
        )
        meaning = Interpretation(intent="balance", confidence=0.9, provider="cx")
        for seconds in (0.03, 0.3, 1.2):
            call = Attempt("cx", "hedge", 0, seconds, "ok", 0.002, won=True)
            refused = Attempt("cx", "first", 0, 0, "open")
            recording.record(Asked(tenant.pk, 3, "en"), Answer(meaning, [refused, call]), seconds)
        recording.flush()
        for _ in range(5):
            breaker_of(name_of(tenant.pk, "cx")).report(ok=False)
        with monkeypatch.context() as the_same_hour:
            the_same_hour.setattr(timezone, "now", lambda: began)
            text = client.get("/metrics").content.decode()
        found = {
            (sample.name, frozenset(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

        def told(name, *labels):
            return found[name, frozenset(labels)]

        place = (tenant.slug, "cx")
        assert told("lockstep_nlu_answers_total", tenant.slug, "provider") == 3
        assert told("lockstep_nlu_calls_total", *place, "hedge", "ok") == 3
        assert told("lockstep_nlu_calls_total", *place, "first", "open") == 3
        assert told("lockstep_nlu_hedge_wins_total", *place) == 3
        assert told("lockstep_nlu_cost_total", *place) == pytest.approx(0.006)
        assert told("lockstep_nlu_call_seconds_bucket", *place, "0.1") == 1
        assert told("lockstep_nlu_call_seconds_bucket", *place, "0.5") == 2
        assert told("lockstep_nlu_call_seconds_count", *place) == 3
        assert told("lockstep_nlu_call_seconds_sum", *place) == pytest.approx(1.53, rel=0.05)
        assert told("lockstep_nlu_breaker", *place) == 2

    def test_redis_away_is_a_figure_not_an_error(self, transactional_db, client, no_redis):
        answer = client.get("/metrics")
        assert answer.status_code == 200
        assert "lockstep_redis_up 0.0" in answer.content.decode()
        assert "lockstep_workers_online" not in answer.content.decode()

    def test_from_elsewhere_a_key_is_needed(self, transactional_db):
        answer = Client(**ELSEWHERE).get("/metrics")
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "Bearer"
        assert answer.json()["code"] == "not_authenticated"

    @pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP"])
    def test_what_a_proxy_on_this_machine_passes_on_is_from_elsewhere(
        self, transactional_db, client, header
    ):
        assert client.get("/metrics", **{header: "127.0.0.1"}).status_code == 401

    @pytest.mark.parametrize(
        ("role", "status"),
        [
            (Role.OWNER, 200),
            (Role.ADMIN, 200),
            (Role.OPERATIONS, 200),
            (Role.TRADER, 403),
            (Role.AUDITOR, 403),
            (Role.SERVICE, 403),
        ],
    )
    def test_the_role_of_the_key_decides(self, tenant, role, status):
        _, secret = issue_key(tenant, role=role)
        client = Client(**ELSEWHERE, HTTP_AUTHORIZATION=f"Bearer {secret}")
        assert client.get("/metrics").status_code == status

    def test_a_wrong_key_is_refused(self, transactional_db):
        client = Client(**ELSEWHERE, HTTP_AUTHORIZATION="Bearer lsk_nonsense")
        assert client.get("/metrics").status_code == 401
