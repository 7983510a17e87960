"""Turns of conversations: each is understood once, whoever is told of it how often."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
from django.utils import timezone

from apps.events.services import unit_of_work
from apps.nlu import selectors
from apps.nlu.events import TurnUnderstood
from apps.nlu.facade.plan import Answer
from apps.nlu.interpretation import Interpretation, unknown
from apps.nlu.models import CallMinute, Turn
from apps.nlu.services.recording import Asked, attempts_of

TURNS_KEPT: Final = timedelta(days=30)
FIGURES_KEPT: Final = timedelta(days=400)


def begin(asked: Asked, key: str) -> tuple[Turn, bool]:
    """The turn of this message, and whether this call begun it."""
    with unit_of_work():
        return Turn.objects.get_or_create(
            tenant_id=asked.tenant,
            key=key,
            defaults={
                "conversation": asked.conversation,
                "language": asked.language,
                "length": asked.length,
                "text": asked.text,
            },
        )


def end(turn: Turn, answer: Answer, seconds: float) -> Interpretation:
    """Keep what was understood; of two who answered the same turn the first one counts."""
    found = answer.found
    with unit_of_work() as work:
        changed = Turn.objects.filter(pk=turn.pk, latency_ms=None).update(
            intent=found.intent,
            confidence=found.confidence,
            provider=found.provider,
            degraded=found.degraded,
            cached=found.cached,
            shared=answer.shared,
            latency_ms=round(seconds * 1e3, 2),
            attempts=attempts_of(answer.attempts),
            result=msgspec.to_builtins(replace(found, entities=())),
        )
        if changed and turn.conversation is not None:
            fact = _understood(turn, turn.conversation, found, seconds)
            work.publish(fact, tenant=turn.tenant_id, key=str(turn.conversation))
    if changed:
        return found
    kept = selectors.turn_of_key(turn.tenant_id, turn.key or "")
    return found if kept is None else result_of(kept)


def _understood(
    turn: Turn, conversation: UUID, found: Interpretation, seconds: float
) -> TurnUnderstood:
    return TurnUnderstood(
        conversation_id=conversation,
        turn=turn.key or "",
        intent=found.intent,
        confidence=Decimal(str(round(found.confidence, 4))),
        provider=found.provider,
        degraded=found.degraded,
        cached=found.cached,
        took_ms=round(seconds * 1e3),
        at=timezone.now(),
    )


def result_of(turn: Turn) -> Interpretation:
    """What a turn was taken to mean."""
    return msgspec.convert(turn.result, Interpretation)


def contexts_of(tenant: int, conversation: UUID) -> dict[str, dict[str, object]]:
    """What providers wanted back: of each the newest, of this conversation's last turns."""
    rows = (
        Turn.objects.for_tenant(tenant)
        .filter(conversation=conversation, latency_ms__isnull=False)
        .order_by("-at")
        .values_list("provider", "result")[:10]
    )
    found: dict[str, dict[str, object]] = {}
    for provider, result in rows:
        found.setdefault(provider, result.get("context") or {})
    return found


def forget_texts(tenant: int, conversations: Sequence[UUID]) -> int:
    """Blank what was written, said and remembered in turns of these conversations; how many."""
    rows = selectors.turns_with_words(tenant, conversations)
    return rows.update(text="", result=msgspec.to_builtins(unknown()))


def forget_old(now: datetime) -> int:
    """Remove turns and figures that nobody asks about any more; how many."""
    turns, _ = Turn.objects.filter(at__lt=now - TURNS_KEPT).delete()
    minutes, _ = CallMinute.objects.filter(minute__lt=now - FIGURES_KEPT).delete()
    return turns + minutes
