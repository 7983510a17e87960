"""Every fault alone, under load: nothing is lost, nothing happens twice, order is kept."""

import signal

import pytest

from tests.chaos import toys
from tests.chaos.stack import QUEUES, Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

CALLS = 25  # units of work before and after a fault
PROMPT = 20.0  # seconds: guards against a hang, far above what a commit waits for Redis (0.3 s)


def flush_redis(stack: Stack) -> None:
    for _ in range(3):
        stack.flush_valkey()


def restart_redis_empty(stack: Stack) -> None:
    stack.crash_valkey()
    stack.start_valkey()


def terminate_backends(stack: Stack) -> None:
    stack.query(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name = 'chaos' AND pid <> pg_backend_pid()"""
    )


def restart_postgres(stack: Stack) -> None:
    stack.crash_postgres()
    stack.start_postgres()


def kill_a_worker(stack: Stack) -> None:
    stack.chance.choice(stack.workers).process.kill()


def kill_all_workers(stack: Stack) -> None:
    for worker in stack.workers:
        worker.process.kill()


def stop_a_worker_politely(stack: Stack) -> None:
    stack.chance.choice(stack.workers).process.kill(signal.SIGTERM)


FAULTS = [
    flush_redis,
    restart_redis_empty,
    terminate_backends,
    restart_postgres,
    kill_a_worker,
    kill_all_workers,
    stop_a_worker_politely,
]


class TestOneFault:
    """R5, R6, R7, R8, R9: two workers on the same queues, and no beat anywhere."""

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.__name__)
    def test_harms_nothing(self, stack, fault):
        stack.start_workers()
        with stack.load(clients=2) as load:
            load.wait_for(CALLS)
            fault(stack)
            stack.revive()
            load.wait_for(CALLS)
        stack.settle()
        run = load.check()
        assert sum(call.outcome == "ok" for call in run.calls) > CALLS

    def test_frozen_redis_delays_nobody(self, stack):
        """R6: commits go on as before; the readers catch up when it answers again."""
        stack.start_workers()
        with stack.load(clients=2) as load:
            load.wait_for(CALLS)
            with stack.frozen_valkey():
                load.wait_for(2 * CALLS)
            load.wait_for(CALLS)
        stack.settle()
        run = load.check()
        assert all(call.outcome != "unknown" for call in run.calls)
        assert max(call.seconds for call in run.calls) < PROMPT


class TestWakes:
    """R2, R5, R7: wakes are hints."""

    def test_three_times_and_shuffled(self, stack):
        stack.start_workers(wakes=3)
        with stack.load(clients=2, wakes=3) as load:
            load.wait_for(2 * CALLS)
        stack.settle()
        load.check()

    def test_none_at_all(self, stack):
        """The sweep alone keeps everything going."""
        rescues = (
            "SELECT coalesce(sum(rescues_total), 0) FROM events_cursor WHERE handler = ANY(%s)"
        )
        before = stack.query(rescues, list(toys.HANDLERS))[0][0]
        stack.start_workers()
        with stack.load(wakes=0, most=50) as load:
            load.wait_idle()
        stack.settle()
        load.check()
        assert stack.query(rescues, list(toys.HANDLERS))[0][0] > before


class TestPoisonAndKillers:
    """R9, R10: with real deaths."""

    def test_a_killer_is_parked_and_its_neighbours_are_unharmed(self, stack):
        stack.start_workers(1)
        with stack.load(most=25, keys=20, kinds=["", "", "killer"], rollbacks=0.0) as load:
            load.wait_idle()
        stack.settle()
        run = load.check(held=True)
        [(key, error)] = stack.query(
            "SELECT key, error FROM events_parkedkey WHERE handler = 'tests.note'"
        )
        assert error == "the worker died 3 times at this event"
        # only facts of that key, from that one on, wait
        [culprit] = [call.facts[2 - sum(len(c.facts) for c in run.calls[:i])]
                     for i, call in enumerate(run.calls)
                     if sum(len(c.facts) for c in run.calls[:i]) <= 2
                     < sum(len(c.facts) for c in run.calls[:i + 1])]  # fmt: skip
        assert culprit[0] == key
        waiting = [one for one in run.log if (one.partition, one.offset) in run.held["tests.note"]]
        assert waiting == [one for one in run.log if one.key == key and one.number >= culprit[1]]
        mend(stack)
        load.check()

    def test_poison_is_parked_without_a_death(self, stack):
        [worker] = stack.start_workers(1)
        pid = worker.process.pid
        with stack.load(most=25, keys=20, kinds=["poison", "", "poison"], rollbacks=0.0) as load:
            load.wait_idle()
        stack.settle()
        load.check(held=True)
        assert stack.query("SELECT count(*) FROM events_parkedkey")[0][0] in {1, 2}
        assert worker.process.pid == pid
        mend(stack)
        load.check()


def mend(stack: Stack) -> None:
    """Mend what is parked, as a person does, and let it go on."""
    stack.execute(
        """INSERT INTO chaos_mended SELECT DISTINCT (e.data->>'number')::bigint FROM events_event e
           WHERE e.data->>'kind' <> '' ON CONFLICT DO NOTHING"""
    )
    stack.command("resume", "tests.note", "--all")
    assert stack.query("SELECT count(*) FROM events_parkedkey")[0][0] == 0


class TestConnections:
    """R8: one connection a worker, kept across tasks; and a lost one costs nothing."""

    def test_a_hundred_tasks_use_one_backend_a_worker(self, stack):
        stack.start_workers()
        with stack.load(most=80, keys=40, pause=0.01) as load:
            load.wait_idle()
        stack.settle()
        run = load.check()
        backends = stack.query(
            """SELECT count(DISTINCT backend) FROM (
                   SELECT backend, key FROM chaos_effect UNION ALL SELECT backend, key FROM chaos_call) e
               WHERE key = ANY(%s)""",
            load.keys,
        )[0][0]
        assert 1 <= backends <= 2
        assert len(run.log) > 100
        open_now = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chaos'"
        # The clients have ended; their backends may need a moment to notice.
        wait_until(lambda: stack.query(open_now)[0][0] <= 2)

    def test_after_a_lost_connection_the_next_task_succeeds(self, stack):
        [worker] = stack.start_workers(1)
        for _ in range(3):
            with stack.load(most=3, rollbacks=0.0) as load:
                load.wait_idle()
            stack.settle()
            load.check()
            terminate_backends(stack)
        assert worker.process.is_alive()
        assert "Traceback" not in worker.process.tail()


class TestWorkers:
    """R14: a worker says which queues it serves."""

    def test_without_queues_it_refuses_to_start(self, stack):
        process = stack.fork("queueless", "worker", argv=["worker", "-P", "solo"])
        process.wait()
        assert process.exit_code() == 1
        assert "Say which queues this worker serves" in process.tail()

    def test_one_that_does_not_serve_a_lane_leaves_it_alone(self, stack):
        """Routing is affinity, not the guarantee: what is left waits for its own worker."""
        stack.start_workers(1, [queue for queue in QUEUES if queue.startswith("positions")])
        with stack.load(most=20, rollbacks=0.0) as load:
            load.wait_idle()
            total = len(load.run().log)
            taken = (
                "SELECT count(*) FROM chaos_effect WHERE key = ANY(%s) AND handler = 'tests.note'"
            )
            wait_until(lambda: stack.query(taken, load.keys)[0][0] == total, 180)
        assert load.run().effects["tests.note_echo"] == []
        stack.start_workers(1)
        stack.settle()
        load.check()
