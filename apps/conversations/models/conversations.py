"""Conversations and who takes part in them."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.conversations.lifecycle import OPEN, WITH_AGENT, Owner, Sender, State, owner_in
from apps.conversations.models.customers import Customer
from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet

PRIORITY_MAX = 100
_OPEN = sorted(state.value for state in OPEN)
_WITH_AGENT = sorted(state.value for state in WITH_AGENT)


class Channel(models.TextChoices):
    """Where the customer writes."""

    WEB = "web"
    MOBILE = "mobile"
    API = "api"
    WIDGET = "widget"


def _choices(names: type[State] | type[Owner] | type[Sender]) -> list[tuple[str, str]]:
    return [(one.value, one.value.replace("_", " ")) for one in names]


def _owner_follows_state() -> Q:
    """The owner is the one that the lifecycle names for the state."""
    found = Q()
    for owner in Owner:
        states = [state.value for state in State if owner_in(state) is owner]
        found |= Q(owner=owner.value, state__in=states)
    return found


class Conversation(models.Model):
    """A customer's conversation on one channel: where it stands, who has it, how far it got.

    The row's lock gives `last_seq` and all moves their order. `version` grows with every change.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, db_index=False, related_name="conversations"
    )
    channel = models.CharField(max_length=6, choices=Channel)
    state = models.CharField(max_length=7, choices=_choices(State))
    owner = models.CharField(max_length=6, choices=_choices(Owner))
    agent_id = models.UUIDField(null=True, blank=True, help_text="Who has it (an agent's id).")
    last_agent_id = models.UUIDField(null=True, blank=True, help_text="Who had it last.")
    wanted_agent_id = models.UUIDField(
        null=True, blank=True, help_text="A transfer waits for this agent until `fallback_at`."
    )
    epoch = models.IntegerField(default=1, help_text="Names the message stream; new if rewritten.")
    fence = models.IntegerField(default=1, help_text="How often the ownership changed, from 1.")
    assignment_fence = models.BigIntegerField(
        default=0, help_text="The newest assignment of agents' that was heeded."
    )
    last_seq = models.BigIntegerField(default=0, help_text="The seq of the newest message.")
    version = models.BigIntegerField(default=1, help_text="How often this row changed, from 1.")
    priority = models.SmallIntegerField(default=0, help_text="0 to 100; higher is served first.")
    skills = models.JSONField(default=dict, blank=True, help_text="Skill → level wanted, 1 to 5.")
    language = models.TextField(blank=True, default="", help_text="BCP 47; empty: not known.")
    tags = ArrayField(models.TextField(), default=list, blank=True)
    closings = models.IntegerField(default=0, help_text="How often it was closed.")
    closing_reason = models.TextField(blank=True, default="")
    opened_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(null=True, blank=True, help_text="Its place in the line.")
    assigned_at = models.DateTimeField(null=True, blank=True)
    fallback_at = models.DateTimeField(null=True, blank=True)
    wrap_up_until = models.DateTimeField(null=True, blank=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the customer's side ended."
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["customer", "channel"],
                condition=Q(state__in=_OPEN),
                name="one_open_conversation_per_channel",
            ),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="conversation_channel_is_known"
            ),
            models.CheckConstraint(
                condition=_owner_follows_state(), name="conversation_owner_follows_state"
            ),
            models.CheckConstraint(
                condition=Q(state__in=_WITH_AGENT, agent_id__isnull=False)
                | (~Q(state__in=_WITH_AGENT) & Q(agent_id__isnull=True)),
                name="conversation_has_an_agent_when_owned",
            ),
            models.CheckConstraint(
                condition=Q(state__in=_OPEN, closed_at__isnull=True)
                | (~Q(state__in=_OPEN) & Q(closed_at__isnull=False)),
                name="conversation_is_closed_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(
                    last_seq__gte=0, epoch__gte=1, fence__gte=1, version__gte=1, closings__gte=0
                ),
                name="conversation_counters_are_sane",
            ),
            models.CheckConstraint(
                condition=Q(priority__range=(0, PRIORITY_MAX)), name="conversation_priority_is_sane"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "id"], name="conversations_of_a_tenant"),
            models.Index(fields=["tenant", "state", "id"], name="conversations_by_state"),
            models.Index(fields=["customer", "id"], name="conversations_of_a_customer"),
            models.Index(
                fields=["agent_id", "id"],
                condition=Q(agent_id__isnull=False),
                name="conversations_of_an_agent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.id}"

    @property
    def is_open(self) -> bool:
        """Whether the customer can write."""
        return self.state in OPEN


class Participant(models.Model):
    """Someone in a conversation, and how far they got; both marks only grow."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, db_index=False, related_name="participants"
    )
    sender = models.CharField(max_length=8, choices=_choices(Sender))
    sender_id = models.TextField(
        blank=True, db_collation="C", help_text="The customer's or agent's id; empty: the bot."
    )
    delivered_seq = models.BigIntegerField(default=0)
    read_seq = models.BigIntegerField(default=0)
    joined_at = models.DateTimeField(db_default=Now())
    left_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["conversation", "sender", "sender_id"], name="participant_joins_once"
            ),
            models.CheckConstraint(
                condition=Q(read_seq__gte=0, delivered_seq__gte=F("read_seq")),
                name="what_is_read_was_delivered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sender} {self.sender_id}".strip()
