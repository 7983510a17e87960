"""Publish: in a unit of work or not at all; and what happens after the commit never hurts it."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from celery import current_app
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.transaction import TransactionManagementError

from apps.events.contracts import Event, event
from apps.events.services import drain, publishing, unit_of_work, waking
from tests.events.conftest import ThingAdded, seen
from tests.events.helpers import HERE, KEY, TOPIC, append, query, stored_numbers
from tests.patience import OF_PRODUCT

HANG = 20.0  # seconds: far above what is promised (0.3 s); a hang would take for ever


@event("test.word.said", topic="test-words")
class WordSaid(Event):
    word: str


def thing(number: int) -> ThingAdded:
    return ThingAdded(amount=Decimal(1), number=number)


class TestUnitOfWork:
    def test_tells_everything_or_nothing(self, transactional_db):
        with pytest.raises(ZeroDivisionError), unit_of_work() as work:
            work.publish(thing(1), tenant=1, key=KEY)
            raise ZeroDivisionError
        assert stored_numbers() == []

    def test_is_over_when_it_is_over(self, transactional_db):
        with unit_of_work() as work:
            pass
        with pytest.raises(RuntimeError, match="over"):
            work.publish(thing(1), tenant=1, key=KEY)
        with pytest.raises(RuntimeError, match="over"):
            work.after_commit(lambda: None)

    def test_is_over_after_a_rollback_too(self, transactional_db):
        with pytest.raises(ZeroDivisionError), unit_of_work() as work:
            raise ZeroDivisionError
        with pytest.raises(RuntimeError, match="over"):
            work.publish(thing(1), tenant=1, key=KEY)

    def test_nested_ones_join_the_outer(self, transactional_db):
        with unit_of_work() as outer:
            outer.publish(thing(1), tenant=1, key=KEY)
            with unit_of_work() as inner:
                assert inner is outer
                inner.publish(thing(2), tenant=1, key=KEY)
            assert stored_numbers() == []  # the append is the outer's last act
            outer.publish(thing(3), tenant=1, key=KEY)
        assert stored_numbers() == [1, 2, 3]

    def test_a_nested_one_that_fails_takes_the_outer_along(self, transactional_db):
        with pytest.raises(ZeroDivisionError), unit_of_work() as outer:
            outer.publish(thing(1), tenant=1, key=KEY)
            with unit_of_work() as inner:
                inner.publish(thing(2), tenant=1, key=KEY)
                raise ZeroDivisionError
        assert stored_numbers() == []

    def test_a_swallowed_error_is_not_taken_for_a_commit(self, transactional_db):
        """Django would roll back in silence, and the callbacks would tell of what never was."""
        called = []
        with pytest.raises(TransactionManagementError, match="swallowed"), unit_of_work() as outer:
            outer.after_commit(lambda: called.append(1))
            try:
                with unit_of_work():
                    raise ZeroDivisionError
            except ZeroDivisionError:
                pass
        assert called == []

    def test_inside_another_transaction_it_is_refused(self, transactional_db):
        """The append could not be that transaction's last act."""
        with transaction.atomic(), pytest.raises(RuntimeError), unit_of_work():
            pass

    def test_savepoints_inside_it_are_fine(self, transactional_db):
        with unit_of_work() as work:
            mark = work.mark()
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                work.publish(thing(1), tenant=1, key=KEY)
                raise ZeroDivisionError
            work.forget_since(mark)
            work.publish(thing(2), tenant=1, key=KEY)
        assert stored_numbers() == [2]

    def test_threads_have_their_own(self, transactional_db):
        seen_inside = []

        def look():
            seen_inside.append(publishing._local.work)

        with unit_of_work():
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
        assert seen_inside == [None]

    def test_only_declared_events_can_be_told(self, transactional_db):
        class Undeclared(Event):
            pass

        with pytest.raises(TypeError, match="not declared"), unit_of_work() as work:
            work.publish(Undeclared(), tenant=1, key=KEY)

    def test_text_that_cannot_be_stored_is_refused_at_once(self, make_handler):
        """Not at the append, where it would be the fault of all the facts of the transaction."""
        with unit_of_work() as work:
            with pytest.raises(ValueError, match="NUL"):
                work.publish(thing(1), tenant=1, key="a\0b")
            for text in ("\0", "a\0", "\\\0"):
                with pytest.raises(ValueError, match="NUL"):
                    work.publish(WordSaid(word=text), tenant=1, key=KEY)
            for text in ("\\u0000", "\\\\u0000", "u0000"):
                work.publish(WordSaid(word=text), tenant=1, key=KEY)
        stored = query("SELECT data->>'word' FROM events_event ORDER BY \"offset\"")
        assert [text for (text,) in stored] == ["\\u0000", "\\\\u0000", "u0000"]


class TestAfterCommit:
    def test_calls_come_after_the_commit(self, transactional_db):
        seen_then = []
        with unit_of_work() as work:
            work.publish(thing(1), tenant=1, key=KEY)
            work.after_commit(
                lambda: seen_then.append((connection.in_atomic_block, stored_numbers()))
            )
        assert seen_then == [(False, [1])]

    def test_errors_do_not_surface(self, transactional_db, caplog):
        called = []

        def fails():
            raise ZeroDivisionError

        with caplog.at_level(logging.ERROR), unit_of_work() as work:
            work.after_commit(fails)
            work.after_commit(lambda: called.append(1))
            work.publish(thing(1), tenant=1, key=KEY)
        assert called == [1]
        assert stored_numbers() == [1]
        assert "a call after the commit failed" in caplog.text

    def test_a_rollback_calls_nobody(self, transactional_db):
        called = []
        with pytest.raises(ZeroDivisionError), unit_of_work() as work:
            work.after_commit(lambda: called.append(1))
            raise ZeroDivisionError
        assert called == []

    def test_a_failed_commit_calls_nobody(self, transactional_db, monkeypatch):
        called = []

        def lost():
            raise OperationalError("the connection went away at the commit")

        with pytest.raises(OperationalError), unit_of_work() as work:
            work.after_commit(lambda: called.append(1))
            monkeypatch.setattr(connection, "commit", lost)
        assert called == []


@pytest.fixture
def black_hole() -> Iterator[int]:
    """The port of a server that accepts and never answers, as a frozen Redis does."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(128)
        yield server.getsockname()[1]


@pytest.fixture
def redis_at(monkeypatch):
    """Point flags and broker at ports: `redis_at(flags=…, broker=…)`."""

    def point(*, flags: int | None = None, broker: int | None = None) -> None:
        monkeypatch.setattr(waking, "TIMEOUT", OF_PRODUCT[waking.__name__])
        if flags:
            monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{flags}/0")
        if broker:
            monkeypatch.setattr(current_app.conf, "broker_url", f"redis://127.0.0.1:{broker}/0")
        waking.reset()

    yield point
    monkeypatch.undo()
    waking.reset()


def refused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


class TestWithoutRedis:
    """R6, R13: commits do not wait for Redis (≤ 0.3 s once, then not at all), and never fail for it."""

    @pytest.mark.parametrize("which", ["flags", "broker", "both"])
    @pytest.mark.parametrize("how", ["frozen", "refused"])
    def test_commits_return(self, make_handler, black_hole, redis_at, which, how):
        handler = make_handler()
        append(0)  # warm: connections, map, prepared statements
        port = black_hole if how == "frozen" else refused_port()
        redis_at(
            flags=port if which != "broker" else None,
            broker=port if which != "flags" else None,
        )
        started = time.monotonic()
        append(1)
        assert time.monotonic() - started < HANG
        drain(handler.name, TOPIC, HERE)
        assert seen() == [0, 1]

    @pytest.mark.parametrize("how", ["frozen", "refused"])
    def test_a_sweep_returns_too(self, make_handler, black_hole, redis_at, how):
        handler = make_handler()
        redis_at(broker=black_hole if how == "frozen" else refused_port())
        started = time.monotonic()
        waking.wake([(handler.name, TOPIC, HERE)], heed_flags=False)
        assert time.monotonic() - started < HANG

    def test_flags_that_cannot_be_cleared_do_not_keep_a_drain_from_working(
        self, make_handler, black_hole, redis_at
    ):
        handler = make_handler()
        redis_at(flags=black_hole)
        started = time.monotonic()
        waking.clear_flags(handler.name, TOPIC, [HERE])
        assert time.monotonic() - started < HANG

    def test_after_a_failure_nothing_is_sent_for_a_while(
        self, make_handler, black_hole, redis_at, monkeypatch
    ):
        make_handler()
        redis_at(flags=black_hole)
        append(1)
        sent = []
        monkeypatch.setattr(waking, "_not_yet_woken", lambda wanted: sent.append(1) or [])
        append(2)
        assert sent == []
        monkeypatch.setattr(waking, "_broken_until", time.monotonic() - 1)
        append(3)
        assert sent == [1]

    def test_a_defect_in_the_hints_does_not_look_like_a_failed_commit(
        self, make_handler, monkeypatch
    ):
        make_handler()

        def broken(*_args):
            raise KeyError("a defect")

        monkeypatch.setattr(waking, "_send", broken)
        append(1)
        assert stored_numbers() == [1]
