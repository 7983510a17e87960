"""The tables of the log. All of them are written by `services` only, with SQL made for it."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from apps.tenants.models import TenantQuerySet


class StoredEvent(models.Model):
    """One fact, at its place in the log. Append-only: a trigger refuses changes.

    No foreign keys: the log may outlive what it tells of, and an append locks nothing else.
    """

    pk = models.CompositePrimaryKey("topic", "partition", "offset")
    topic = models.TextField()
    partition = models.SmallIntegerField()
    offset = models.BigIntegerField()
    id = models.UUIDField()
    tenant_id = models.IntegerField()
    key = models.TextField()
    name = models.TextField()
    version = models.SmallIntegerField()
    data = models.JSONField()
    headers = models.JSONField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "events_event"
        indexes: ClassVar[list[models.Index]] = [
            # One key's history: the admin, exposure limits, replay of a key.
            models.Index(fields=["key", "topic", "offset"], name="event_history_of_key"),
        ]

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset} {self.name}"


class Partition(models.Model):
    """Where a logical partition is worked on, and from which offset on it is kept.

    Written by people (`manage.py reshard`) and retention only: never by an append, so that no row
    is hot.
    """

    pk = models.CompositePrimaryKey("topic", "number")
    topic = models.TextField()
    number = models.SmallIntegerField()
    queue_shard = models.SmallIntegerField(help_text="The shard queue: <lane>.<queue_shard>.")
    floor = models.BigIntegerField(db_default=0, help_text="Events up to here were archived.")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(queue_shard__range=(0, 63)), name="queue_shard_is_declared"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic}/{self.number} on shard {self.queue_shard}"


class CursorState(models.TextChoices):
    """Whether a handler moves on in a partition."""

    RUNNING = "running"
    STOPPED = "stopped"  # too many parked keys, policy stop, or a person


class Cursor(models.Model):
    """How far a handler got in a partition. Its row lock makes it the only one at work there."""

    pk = models.CompositePrimaryKey("handler", "topic", "partition")
    handler = models.TextField()
    topic = models.TextField()
    partition = models.SmallIntegerField()
    offset = models.BigIntegerField(db_default=0)
    state = models.CharField(max_length=10, choices=CursorState, db_default=CursorState.RUNNING)
    attempts = models.IntegerField(
        db_default=0, help_text="Tries begun and not ended; above 0 while idle: a worker died."
    )
    suspect_until = models.BigIntegerField(
        db_default=0,
        help_text="Events up to here are taken one by one: one of them killed a worker.",
    )
    failures = models.IntegerField(db_default=0, help_text="Infrastructure errors in a row.")
    retry_at = models.DateTimeField(null=True)
    error = models.TextField(db_default="")
    lease = models.UUIDField(null=True, help_text="Held by a calling handler while it works.")
    leased_until = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(db_default=Now())
    # Counters for /metrics; they ride on the update that moves the offset.
    events_total = models.BigIntegerField(db_default=0)
    batches_total = models.BigIntegerField(db_default=0)
    busy_seconds_total = models.FloatField(db_default=0.0)
    rescues_total = models.BigIntegerField(db_default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(offset__gte=0), name="cursor_is_in_the_log"),
            models.CheckConstraint(
                condition=models.Q(state__in=CursorState.values), name="cursor_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.handler} {self.topic}/{self.partition}@{self.offset}"


class ParkedKey(models.Model):
    """A key that a handler cannot get past. Others go on; `resume` replays it in order."""

    id = models.BigAutoField(primary_key=True)
    handler = models.TextField()
    topic = models.TextField()
    partition = models.SmallIntegerField()
    key = models.TextField()
    tenant_id = models.IntegerField()
    first_offset = models.BigIntegerField()
    policy = models.CharField(max_length=10)
    attempts = models.IntegerField(db_default=1)
    error = models.TextField()
    trace = models.TextField(db_default="")
    parked_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["handler", "topic", "partition", "key"], name="key_is_parked_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} in {self.handler}"


class ParkedEvent(models.Model):
    """An event held behind a parked key."""

    pk = models.CompositePrimaryKey("handler", "topic", "partition", "offset")
    handler = models.TextField()
    topic = models.TextField()
    partition = models.SmallIntegerField()
    offset = models.BigIntegerField()
    key = models.TextField()

    def __str__(self) -> str:
        return f"{self.handler} {self.topic}/{self.partition}@{self.offset}"


class JobRun(models.Model):
    """One period of a clock job: whoever inserts the row runs it, so two clocks have one effect."""

    pk = models.CompositePrimaryKey("job", "period")
    job = models.TextField()
    period = models.DateTimeField(help_text="Start of the period, UTC.")
    claimed_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(db_default="")

    def __str__(self) -> str:
        return f"{self.job} {self.period:%Y-%m-%d %H:%M}"


# What the back office sees. Its pages need a key of one column, so these are views that give every
# row an address; nothing is written through them.


class EventRecord(models.Model):
    """An event of the log, under the address `topic/partition/offset`."""

    address = models.TextField(primary_key=True)
    topic = models.TextField()
    partition = models.SmallIntegerField()
    offset = models.BigIntegerField()
    id = models.UUIDField()
    tenant_id = models.IntegerField("tenant")
    key = models.TextField()
    name = models.TextField()
    version = models.SmallIntegerField()
    data = models.JSONField()
    headers = models.JSONField()
    occurred_at = models.DateTimeField("occurred (UTC)")
    recorded_at = models.DateTimeField("recorded (UTC)")

    class Meta:
        managed = False
        db_table = "events_eventrecord"
        verbose_name = "event"

    def __str__(self) -> str:
        return self.address


class CursorRecord(models.Model):
    """A handler's cursor and its lag, under the address `handler/topic/partition`."""

    address = models.TextField(primary_key=True)
    handler = models.TextField()
    topic = models.TextField()
    partition = models.SmallIntegerField()
    queue_shard = models.SmallIntegerField("shard")
    offset = models.BigIntegerField()
    head = models.BigIntegerField()
    behind = models.BigIntegerField(help_text="Events not yet taken.")
    state = models.TextField(choices=CursorState)
    error = models.TextField()
    failures = models.IntegerField(help_text="Infrastructure errors in a row.")
    attempts = models.IntegerField(help_text="Tries begun and not ended.")
    retry_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField("moved (UTC)")
    events_total = models.BigIntegerField("taken")
    rescues_total = models.BigIntegerField(
        "rescues", help_text="Times that the sweep had to wake it."
    )

    class Meta:
        managed = False
        db_table = "events_cursorrecord"
        verbose_name = "cursor"

    def __str__(self) -> str:
        return self.address


class JobRecord(models.Model):
    """A period of a clock job, under the address `job@period` (Unix seconds)."""

    address = models.TextField(primary_key=True)
    job = models.TextField()
    period = models.DateTimeField("period from (UTC)")
    claimed_at = models.DateTimeField("begun (UTC)")
    finished_at = models.DateTimeField("finished (UTC)", null=True)
    error = models.TextField()

    class Meta:
        managed = False
        db_table = "events_jobrecord"
        verbose_name = "clock run"

    def __str__(self) -> str:
        return f"{self.job} {self.period:%Y-%m-%d %H:%M}"
