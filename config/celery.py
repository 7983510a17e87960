"""Celery: queues, routes, workers and the clock. It carries hints; the log carries the order.

The reasons behind each setting are in docs/decisions/0004-celery-as-doorbell.md.
"""

import os
from typing import Any, Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from celery import Celery, bootsteps, signals
from celery.app.amqp import AMQP
from django.apps import apps
from django.conf import settings
from django.db import close_old_connections
from django.db.backends.signals import connection_created
from kombu import Connection, Exchange, Queue

from apps.events.registry import CLOCK_QUEUES, LANES

SHARDS_MAX: Final = 64
"""Every lane has this many queues declared; `manage.py reshard` decides how many are used."""
HOUSEKEEPING_QUEUES: Final = list(CLOCK_QUEUES)
"""What the clock starts."""
RECONNECT_SECONDS_MAX: Final = 1.0
STATEMENT_MS: Final = 15_000
IDLE_IN_TRANSACTION_MS: Final = 15_000
PRESENCE_SECONDS: Final = 3.0


CALLING_LANES: Final = ("nlu",)
"""Lanes whose handlers wait for others' servers, or for minutes; they have a worker of their own."""


def shard_queues(shard: int) -> list[str]:
    """The queues that the worker of a shard consumes: that shard of every lane but the calling ones."""
    return [f"{lane}.{shard}" for lane in LANES if lane not in CALLING_LANES]


def calling_queues(shards: int) -> list[str]:
    """The queues of the worker that calls out: the calling lanes of so many shards."""
    return [f"{lane}.{shard}" for lane in CALLING_LANES for shard in range(shards)]


def _queue(name: str) -> Queue:
    """A queue with a binding of its own; left to Celery, all would share the default queue's."""
    return Queue(name, Exchange(name), routing_key=name)


class PromptConnection(Connection):
    """Looks for a lost broker every second; Celery's own steps grow to half a minute."""

    def _ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        kwargs |= {"interval_start": 0.2, "interval_step": 0.2}
        kwargs["interval_max"] = RECONNECT_SECONDS_MAX
        return super()._ensure_connection(*args, **kwargs)


class PromptAMQP(AMQP):
    """Celery's message layer with the prompt connection."""

    Connection = PromptConnection


app = Celery("lockstep", amqp=PromptAMQP)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_heartbeat=10,
    broker_transport_options=(
        {
            "socket_timeout": 5,  # longer than the second that a blocking read asks for
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 5,
            "visibility_timeout": 600,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": 30,
            "priority_steps": [0],
            "queue_order_strategy": "round_robin",
            "global_keyprefix": "",
        }
        if settings.CELERY_BROKER_URL.startswith("redis")
        else {"confirm_publish": True}
    ),
    task_queues=[
        *(_queue(f"{lane}.{shard}") for lane in LANES for shard in range(SHARDS_MAX)),
        *map(_queue, HOUSEKEEPING_QUEUES),
    ],
    task_create_missing_queues=False,
    task_default_queue="housekeeping",
    task_routes={"events.tick": {"queue": "housekeeping"}},
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_acks_late=False,  # a wake is a hint: the sweep, not redelivery, heals a lost one
    task_serializer="json",
    accept_content=["json"],
    task_send_sent_event=False,
    worker_send_task_events=True,  # for Flower
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    worker_soft_shutdown_timeout=5.0,
    worker_enable_remote_control=True,
    enable_utc=True,
    timezone="UTC",
    beat_schedule_filename=str(settings.VAR_DIR / "celerybeat-schedule"),
    beat_schedule={
        # All recurring work hangs on these ticks, one a queue: apps register jobs with @periodic,
        # each of which runs once a period and catches up (apps/events/services/clock.py).
        "tick" if queue == "housekeeping" else f"tick-{queue}": {
            "task": "events.tick",
            "schedule": every.total_seconds(),
            "kwargs": {"queue": queue},
            # A tick that waited tells nothing that the next one does not.
            "options": {"queue": queue, "expires": 2 * every.total_seconds()},
        }
        for queue, every in CLOCK_QUEUES.items()
    },
)
app.autodiscover_tasks()


class Sweeper(bootsteps.StartStopStep):
    """Every worker looks, about once a second, whether one has swept meanwhile, and else does it."""

    requires = ("celery.worker.components:Timer",)

    def start(self, parent: Any) -> None:
        """Begin with the worker."""
        from apps.events.services import SWEEP_SECONDS  # noqa: PLC0415 - models load later than this module

        self.entry = parent.timer.call_repeatedly(SWEEP_SECONDS, _sweep)

    def stop(self, parent: Any) -> None:
        """End with it."""
        self.entry.cancel()


app.steps["worker"].add(Sweeper)


class Presence(bootsteps.StartStopStep):
    """Every worker says that it is there and which queues it serves (apps/events/services/workers.py)."""

    requires = ("celery.worker.components:Timer",)

    def start(self, parent: Any) -> None:
        """Begin with the worker."""
        from apps.events.services import announce  # noqa: PLC0415 - models load later than this module

        beat = (parent.hostname, list(parent.app.amqp.queues.consume_from), os.getpid())
        announce(*beat)
        self.entry = parent.timer.call_repeatedly(PRESENCE_SECONDS, announce, beat)

    def stop(self, parent: Any) -> None:
        """End with it."""
        from apps.events.services import take_leave  # noqa: PLC0415 - see above

        self.entry.cancel()
        take_leave(parent.hostname)


app.steps["worker"].add(Presence)


def _sweep() -> None:
    import structlog  # noqa: PLC0415 - see above

    from apps.events.services import sweep_in_turn  # noqa: PLC0415 - see above
    from apps.events.services.failing import INFRASTRUCTURE, summary  # noqa: PLC0415 - see above

    close_old_connections()
    try:
        sweep_in_turn()
    except INFRASTRUCTURE as error:
        close_old_connections()
        structlog.get_logger(__name__).warning("sweep failed", error=summary(error))


@signals.celeryd_init.connect
def _refuse_all_queues(options: dict[str, Any], **_: Any) -> None:
    """Without -Q a worker would consume every queue of every lane."""
    if not options.get("queues"):
        raise SystemExit(
            "Say which queues this worker serves, for example: "
            f"celery -A config.celery worker -P solo -Q {','.join(shard_queues(0))}"
        )


@signals.worker_ready.connect
def _warm_up(sender: Any, **_: Any) -> None:
    """Whoever calls out is ready for the first customer's question, too."""
    served = sender.app.amqp.queues.consume_from
    calls = any(name.split(".")[0] in CALLING_LANES for name in served)
    if calls and apps.is_installed("apps.nlu"):
        from apps.nlu.services import warm_up  # noqa: PLC0415 - models load later than this module

        warm_up()


@signals.worker_init.connect
def _limit_statements(**_: Any) -> None:
    """Solo and thread pools know no time limits, so the database sets them."""

    def limit(connection: Any, **_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, false),"
                " set_config('idle_in_transaction_session_timeout', %s, false)",
                [str(STATEMENT_MS), str(IDLE_IN_TRANSACTION_MS)],
            )

    connection_created.connect(limit, weak=False)


@signals.task_prerun.connect
@signals.task_postrun.connect
def _close_unusable(**_: Any) -> None:
    """Keep good connections across tasks and drop broken ones.

    With CELERY_DB_REUSE_MAX Celery's own fix-up would keep a broken one for ever; without it, it
    would open a new one for each task.
    """
    close_old_connections()
