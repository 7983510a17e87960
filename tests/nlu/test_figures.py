"""The figures of providers: percentiles, outcomes, what was saved, and nobody else's."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.nlu.facade.plan import Answer, Attempt
from apps.nlu.interpretation import Interpretation, unknown
from apps.nlu.models import CallMinute, Provider, Turn
from apps.nlu.selectors import Window, figures
from apps.nlu.selectors.breakers import breaker_of, name_of
from apps.nlu.services import recording
from apps.nlu.services.recording import Asked
from apps.resilience import services as resilience
from apps.tenants.models import Tenant

WHERE = "/api/v1/nlu/figures"
SAID = "my card 4711 was stolen, says Ada"


@pytest.fixture(autouse=True)
def _calm(_empty_redis: None) -> None:
    resilience.forget()


@pytest.fixture
def watson(tenant: Tenant) -> Provider:
    return Provider.objects.create(
        tenant=tenant, name="watson", kind="watson", url="https://watson.test"
    )


def called(outcome: str = "ok", *, provider: str = "watson", role: str = "first",
           seconds: float = 0.1, won: bool = True, cost: float = 0.002) -> Attempt:  # fmt: skip
    return Attempt(provider, role, 0.0, seconds, outcome, cost, won)


def tell(tenant: Tenant, *attempts: Attempt, seconds: float = 0.1, **found: object) -> None:
    meaning = Interpretation(
        **{"intent": "lost_card", "confidence": 0.9, "provider": "watson"} | found
    )  # type: ignore[arg-type] # a dict of its fields
    recording.record(
        Asked(tenant.pk, len(SAID), "en", SAID, uuid4()), Answer(meaning, list(attempts)), seconds
    )
    recording.flush()


def test_a_provider_is_shown_by_its_calls(tenant: Tenant, watson: Provider, api: APIClient) -> None:
    for _ in range(98):
        tell(tenant, called())
    tell(tenant, called("timeout", seconds=1.5, won=False, cost=0),
         called(provider="cx", role="hedge", seconds=0.2), seconds=1.6, provider="cx")  # fmt: skip
    tell(tenant, called("open", seconds=0, won=False, cost=0), provider="local", degraded=True)
    tell(tenant, cached=True, seconds=0.002)

    body = api.get(WHERE).json()
    shown = {one["name"]: one for one in body["providers"]}

    assert body["answers"] == {"provider": 99, "degraded": 1, "cache": 1}
    assert body["saved_calls"] == 1
    assert shown["watson"]["outcomes"] == {"ok": 98, "timeout": 1, "open": 1}
    assert (shown["watson"]["calls"], shown["watson"]["cost"]) == (100, "0.196")
    assert shown["watson"]["latency_ms"]["p50"] == pytest.approx(100, rel=0.05)
    assert shown["watson"]["latency_ms"]["p95"] == pytest.approx(100, rel=0.05)
    assert body["latency_ms"]["p99"] == pytest.approx(100, rel=0.05)
    assert (shown["cx"]["kind"], shown["cx"]["hedge_wins"], shown["cx"]["breaker"]) == ("", 1, None)


def test_one_slow_call_of_a_hundred_moves_the_highest_percentile_only(
    tenant: Tenant, watson: Provider
) -> None:
    for number in range(50):
        tell(tenant, called(seconds=1.5 if number == 0 else 0.1))

    (found,) = figures(tenant.pk, Window.HOUR).providers

    assert found.percentiles.p95 == pytest.approx(0.1, rel=0.05)
    assert found.percentiles.p99 == pytest.approx(1.5, rel=0.05)


def test_a_breaker_that_opens_is_seen(tenant: Tenant, watson: Provider, api: APIClient) -> None:
    before = api.get(WHERE).json()["providers"][0]["breaker"]
    for _ in range(5):
        breaker_of(name_of(tenant.pk, "watson")).report(ok=False)
    after = api.get(WHERE).json()["providers"][0]["breaker"]

    assert before == {"state": "closed", "failures": 0, "since": None, "retry_at": None}
    assert (after["state"], after["failures"]) == ("open", 5)
    assert after["since"] < after["retry_at"]


def test_the_hour_leaves_out_what_the_day_shows(
    tenant: Tenant, watson: Provider, api: APIClient
) -> None:
    tell(tenant, called())
    CallMinute.objects.update(minute=timezone.now() - timedelta(hours=3))
    Turn.objects.update(at=timezone.now() - timedelta(hours=3))

    hour = api.get(WHERE).json()
    day = api.get(WHERE, {"window": "day"}).json()

    assert (hour["answers"], hour["turns"], hour["providers"][0]["calls"]) == ({}, [], 0)
    assert hour["providers"][0]["latency_ms"] == {"p50": None, "p95": None, "p99": None}
    assert (day["answers"], len(day["turns"]), day["providers"][0]["calls"]) == (
        {"provider": 1}, 1, 1
    )  # fmt: skip


def test_a_turn_is_shown_with_its_calls_and_without_what_was_written(
    tenant: Tenant, watson: Provider, api: APIClient
) -> None:
    tell(tenant, called("server", won=False), called(provider="cx", role="fallback"), provider="cx")
    tell(tenant, called())
    assert Turn.objects.filter(text=SAID).count() == 2  # even where the tenant keeps it

    answer = api.get(WHERE, {"provider": "cx"})
    (turn,) = answer.json()["turns"]

    assert SAID not in answer.content.decode()
    assert (turn["intent"], turn["length"], turn["provider"]) == ("lost_card", len(SAID), "cx")
    assert [(one["provider"], one["role"], one["outcome"]) for one in turn["attempts"]] == [
        ("watson", "first", "server"), ("cx", "fallback", "ok")
    ]  # fmt: skip
    assert turn["attempts"][0]["took_ms"] == 100
    assert len(api.get(WHERE).json()["turns"]) == 2


def test_a_turn_that_has_only_begun_is_not_shown(tenant: Tenant, api: APIClient) -> None:
    Turn.objects.create(tenant=tenant, key="m-1", length=5)
    assert api.get(WHERE).json()["turns"] == []


def test_another_tenant_sees_nothing_of_it(
    tenant: Tenant, other: Tenant, watson: Provider, client_of: Callable[..., APIClient]
) -> None:
    tell(tenant, called())
    body = client_of(other).get(WHERE).json()

    assert (body["answers"], body["providers"], body["turns"]) == ({}, [], [])


def test_any_number_of_providers_is_three_queries(
    tenant: Tenant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(6):
        name = f"p{number}"
        Provider.objects.create(tenant=tenant, name=name, kind="openai", url="https://a.test")
        tell(tenant, called(provider=name))
    with django_assert_num_queries(3):
        found = figures(tenant.pk, Window.DAY)
    assert [one.cost for one in found.providers] == [Decimal("0.002")] * 6


@pytest.mark.parametrize(
    "query", [{"window": "year"}, {"provider": "a b"}, {"provider": "x" * 41}, {"nonsense": "1"}]
)
def test_what_means_nothing_is_refused(api: APIClient, query: dict[str, str]) -> None:
    answer = api.get(WHERE, query)
    assert 400 <= answer.status_code < 500
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == next(iter(query))


def test_a_stranger_is_refused(db: None) -> None:
    assert APIClient().get(WHERE).status_code == 401


def test_nobody_answered_is_counted_too(tenant: Tenant, api: APIClient) -> None:
    recording.record(Asked(tenant.pk, 3, "en"), Answer(unknown(degraded=True)), 2.0)
    recording.flush()
    assert api.get(WHERE).json()["answers"] == {"degraded": 1}
