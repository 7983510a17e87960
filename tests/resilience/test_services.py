"""Breakers over the real Redis: shared by everybody, and by nobody while it is away."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.conf import settings

from apps.core.impatient_redis import ImpatientRedis
from apps.resilience import services
from apps.resilience.breaker import Phase, Policy
from apps.resilience.services import Breaker, breaker

POLICY = Policy(failures=3, open_for=60, open_max=60, probe_for=60)
SHORT = Policy(failures=3, open_for=0.3, open_max=60, probe_for=60)
"""For what comes after the pause; before it nothing is sure on a busy machine."""


@pytest.fixture
def name(request):
    yield request.node.name
    redis.Redis.from_url(settings.REDIS_URL).delete(services._key(request.node.name))
    services.forget()


@pytest.fixture
def away(monkeypatch):
    """Redis that does not answer: nobody listens on port 1."""

    def go(*, back=False):
        services._process.broken_until = float("-inf")
        url = settings.REDIS_URL if back else "redis://127.0.0.1:1/0"
        monkeypatch.setattr(services, "_client", ImpatientRedis(lambda: url, lambda: 0.2))

    return go


def fail(one, times=3):
    for _ in range(times):
        one.report(ok=False)


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_process_opens_it_for_all(name):
    first, second = Breaker(name, POLICY), Breaker(name, POLICY)
    assert first.admit().allowed
    fail(first)

    assert not second.admit().allowed
    assert second.record().phase is Phase.OPEN


def test_of_many_exactly_one_sends_the_probe(name):
    fail(Breaker(name, SHORT))
    workers = [Breaker(name, SHORT) for _ in range(12)]
    until(lambda: time.time() > Breaker(name, SHORT).record().retry_at)
    start, found = threading.Barrier(len(workers)), []

    def ask(one):
        start.wait()
        found.append((one, one.admit()))

    threads = [threading.Thread(target=ask, args=[one]) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admission.allowed for _, admission in found) == 1
    (prober,) = [one for one, admission in found if admission.is_probe]

    for one in workers:
        if one is not prober:
            one.report(ok=True)
    assert workers[0].record().phase is Phase.HALF_OPEN
    prober.report(ok=True)
    assert all(one.admit().allowed for one in workers)


def test_a_process_goes_on_by_its_copy_while_redis_is_away(name, away, monkeypatch):
    now = time.time()
    monkeypatch.setattr(services.time, "time", lambda: now)
    one = Breaker(name, POLICY)
    away()
    assert one.admit().allowed
    fail(one)
    assert not one.admit().allowed
    now += POLICY.open_for + 1
    assert one.admit().is_probe
    one.report(ok=False)
    assert not one.admit().allowed


def test_what_a_process_knows_is_shared_when_redis_is_back_and_empty(name, away):
    one, other = Breaker(name, Policy(failures=3, open_for=30)), Breaker(name, POLICY)
    away()
    fail(one)
    away(back=True)

    assert not one.admit().allowed
    assert not other.admit().allowed


def test_what_all_share_goes_before_a_copy(name, away):
    one = Breaker(name, Policy(failures=3, open_for=30))
    away()
    fail(one)
    away(back=True)
    assert services._exchange(name, b"", Breaker(name, POLICY).record())

    assert one.admit().allowed


def test_a_record_that_is_something_else_is_no_harm(name):
    redis.Redis.from_url(settings.REDIS_URL).set(services._key(name), b"[]")
    one = Breaker(name, POLICY)

    assert one.admit().allowed
    fail(one)
    assert not Breaker(name, POLICY).admit().allowed


def test_a_name_has_one_breaker_in_a_process(name):
    assert breaker(name, POLICY) is breaker(name)
    assert services.is_closed(services.records([name])[name])


def test_threads_that_begin_together_share_one_client(name, monkeypatch):
    services.forget()
    made, again, real = [], threading.Event(), redis.Redis.from_url

    def make(*args, **options):
        made.append(1)
        if len(made) > 1:
            again.set()
        again.wait(0.2)  # for another thread to make one, too
        return real(*args, **options)

    monkeypatch.setattr(redis.Redis, "from_url", make)
    together = threading.Barrier(8)

    def ask(number):  # of breakers apart: one lets nobody else ask meanwhile
        together.wait()
        return breaker(f"{name}-{number}").admit()

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask, number) for number in range(8)]
        assert all(one.result().allowed for one in asked)
    assert len(made) == 1
