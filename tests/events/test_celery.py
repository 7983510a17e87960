"""What Celery and Redis are told: time-outs everywhere, known queues only, nothing in a transaction."""

import pytest
import redis
from celery import current_app
from celery.exceptions import QueueNotFound
from django.conf import settings
from django.db import connection

from apps.events import tasks
from apps.events.registry import CLOCK_QUEUES, LANES
from apps.events.services import drain, draining, sweeping, unit_of_work, waking
from apps.events.services.draining import BATCH_MAX, BATCH_MIN, Place
from config.celery import (
    HOUSEKEEPING_QUEUES,
    SHARDS_MAX,
    STATEMENT_MS,
    _refuse_all_queues,
    app,
    calling_queues,
    shard_queues,
)
from tests.events.conftest import FLAG_MS, ThingAdded, note_effects
from tests.events.helpers import HERE, KEY, TOPIC, append
from tests.patience import OF_PRODUCT


class TestDrainTransactions:
    """R11: no network call but to the database inside a drain's transaction; batches stay short."""

    def test_redis_is_not_called_in_one(self, make_handler, monkeypatch):
        inside = []
        real = redis.connection.Connection.send_packed_command

        def noted(self, *args, **kwargs):
            inside.append(connection.in_atomic_block)
            return real(self, *args, **kwargs)

        monkeypatch.setattr(redis.connection.Connection, "send_packed_command", noted)

        def tells(batch):
            note_effects(batch)
            with unit_of_work() as work:
                for one in batch.events:
                    if one.event.number < 100:
                        fact = ThingAdded(amount=1, number=one.event.number + 100)
                        work.publish(fact, tenant=1, key=one.key)
                work.after_commit(lambda: waking.client().ping())

        handler = make_handler(tells)
        append(1, 2)
        tasks.drain(handler=handler.name, topic=TOPIC, partitions=[HERE])
        assert len(inside) > 3
        assert not any(inside)

    def test_slow_batches_shrink_and_fast_ones_grow(self, make_handler, monkeypatch):
        """Towards a tenth of a second."""
        monkeypatch.setattr(draining, "_limits", {})
        place = Place(make_handler(), TOPIC, HERE)

        def after(taken, seconds):
            draining._learn(place.handler.name, taken, seconds)
            return draining._limits[place.handler.name]

        assert after(500, 0.4) == 125
        assert after(125, 0.05) == 250
        assert after(100, 0.001) == BATCH_MAX
        assert after(500, 100.0) == BATCH_MIN
        draining._learn(place.handler.name, 1, 10.0)  # says nothing about batches
        assert draining._limits[place.handler.name] == BATCH_MIN

    def test_the_limit_that_was_learnt_is_used(self, make_handler, monkeypatch):
        sizes = []

        def measure(batch):
            sizes.append(len(batch.events))

        handler = make_handler(measure)
        monkeypatch.setattr(draining, "_limits", {handler.name: 20})
        monkeypatch.setattr(draining, "_learn", lambda *_args: None)
        append(*range(50))
        drain(handler.name, TOPIC, HERE)
        assert sizes == [20, 20, 10]


class TestTimeouts:
    """R13: nobody waits for Redis without an end."""

    def test_of_the_hints(self, monkeypatch):
        seconds = OF_PRODUCT[waking.__name__]
        assert seconds <= 0.25
        monkeypatch.setattr(waking, "TIMEOUT", seconds)
        waking.reset()
        options = waking.client().connection_pool.connection_kwargs
        assert options["socket_timeout"] == options["socket_connect_timeout"] == seconds
        assert options["retry"].get_retries() == 0
        told = waking.broker().transport_options
        assert told["socket_timeout"] == told["socket_connect_timeout"] == seconds
        assert told["max_retries"] == 0

    def test_of_the_workers(self):
        told = app.conf.broker_transport_options
        assert told["socket_timeout"] > 1  # longer than the second that a blocking read asks for
        assert told["socket_connect_timeout"]
        assert told["health_check_interval"] <= 5
        # what is unacknowledged comes back late enough, and is looked for often enough
        assert told["visibility_timeout"] >= 3 * STATEMENT_MS / 1000
        assert told["unacked_restore_interval"] * told["unacked_restore_throttle"] <= 5
        assert told["unacked_mutex_expire"] <= 30

    def test_a_flag_lives_no_longer_than_the_sweep_period(self):
        """R2."""
        assert sweeping.SWEEP_SECONDS * 1000 >= FLAG_MS


class TestQueues:
    """R14: every queue is known, and every worker says which are its own."""

    def test_all_shards_of_all_lanes_are_declared(self):
        names = set(app.amqp.queues)
        assert names == {
            *(f"{lane}.{shard}" for lane in LANES for shard in range(SHARDS_MAX)),
            *HOUSEKEEPING_QUEUES,
        }
        served = {*shard_queues(3), *calling_queues(4)}
        assert {f"{lane}.3" for lane in LANES} <= served
        assert not {*shard_queues(3)} & {*calling_queues(4)}

    def test_each_has_a_binding_of_its_own(self):
        """Or a message to one would reach all."""
        bindings = {(queue.exchange.name, queue.routing_key) for queue in app.conf.task_queues}
        assert len(bindings) == len(app.conf.task_queues)

    @pytest.mark.parametrize("queue", ["positions.64", "position.0", "celery"])
    def test_others_raise(self, queue):
        with pytest.raises(QueueNotFound):
            current_app.send_task("events.drain", kwargs={}, queue=queue)

    @pytest.mark.parametrize("queues", [None, "", []])
    def test_a_worker_without_queues_refuses_to_start(self, queues):
        with pytest.raises(SystemExit, match="Say which queues"):
            _refuse_all_queues(options={"queues": queues})

    def test_one_with_queues_starts(self):
        assert _refuse_all_queues(options={"queues": "positions.0"}) is None


class TestTasks:
    def test_carry_no_results_and_only_json(self):
        assert app.conf.task_ignore_result
        assert app.conf.result_backend is None
        assert app.conf.accept_content == ["json"]

    def test_the_clock_ticks_on_housekeeping(self):
        assert app.conf.task_routes["events.tick"] == {"queue": "housekeeping"}
        assert app.conf.beat_schedule["tick"]["task"] == "events.tick"

    def test_each_queue_of_the_clock_has_its_own_tick_and_somebody_who_serves_it(self):
        ticked = {
            entry["options"]["queue"]: (entry["kwargs"], entry["schedule"])
            for entry in app.conf.beat_schedule.values()
        }

        assert ticked == {
            queue: ({"queue": queue}, every.total_seconds())
            for queue, every in CLOCK_QUEUES.items()
        }
        assert list(CLOCK_QUEUES) == HOUSEKEEPING_QUEUES
        assert set(CLOCK_QUEUES) <= {queue.name for queue in app.conf.task_queues}

    def test_wakes_are_acknowledged_early(self):
        """A hint that is lost is healed by the sweep, not by redelivery."""
        assert app.conf.task_acks_late is False
        assert app.conf.worker_prefetch_multiplier == 1

    def test_connections_outlive_tasks_and_health_checks_are_on(self):
        """R8; tests/chaos counts and kills them."""
        assert settings.CELERY_DB_REUSE_MAX > 10**6
        assert settings.DATABASES["default"]["CONN_HEALTH_CHECKS"]
        assert settings.DATABASES["default"]["CONN_MAX_AGE"] > 0

    def test_a_key_is_all_that_routes(self, make_handler):
        """Nothing else that is told of a fact changes where it goes."""
        make_handler()
        with unit_of_work() as work:
            for tenant in (1, 2):
                work.publish(ThingAdded(amount=1, number=tenant), tenant=tenant, key=KEY)
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT partition FROM events_event")
            assert cursor.fetchall() == [(HERE,)]
