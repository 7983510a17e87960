"""The one question of this app: what does this text mean?

Always an answer, within two seconds. A turn of a conversation (`turn` names it) is understood once:
told again, the answer is the one that was given. The entities are found here, whoever answers; what
a provider names besides is added.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings

from apps.nlu.backends.wire import Ask
from apps.nlu.entities import entities_of
from apps.nlu.exceptions import TextRefused
from apps.nlu.facade.engine import Engine
from apps.nlu.facade.plan import Answer, Plan
from apps.nlu.facade.reserve import local_answer
from apps.nlu.facade.runtime import Runtime, runtime
from apps.nlu.interpretation import TEXT_MAX, Interpretation, clean
from apps.nlu.models import Turn
from apps.nlu.redis_link import Link
from apps.nlu.services import recording, turns
from apps.nlu.services.guards import guard_of
from apps.nlu.services.recording import Asked
from apps.nlu.services.terms import Known, terms_of

PATIENCE: Final = 2.0
"""Seconds after the question at which a caller goes on without the engine, should that be stuck."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A question on its way: what is known before, and what is recorded after."""

    plan: Plan
    asked: Asked
    lists: Mapping[str, Mapping[str, str]]
    turn: Turn | None = None
    given: Interpretation | None = None
    """The answer that was given when it was asked before."""

    @property
    def patience(self) -> float:
        """Seconds that the engine is waited for."""
        return max(PATIENCE - (time.monotonic() - self.plan.asked_at), 0.0)


def interpret(
    tenant: int,
    text: str,
    *,
    language: str = "en",
    conversation: UUID | None = None,
    turn: str = "",
) -> Interpretation:
    """What a text means to this tenant. Raises `TextRefused` for what is no text."""
    question = _prepare(tenant, text, language, conversation, turn, time.monotonic())
    if question.given is not None:
        return question.given
    future = engine().ask(question.plan)
    answer: Answer | None = None
    try:
        answer = future.result(question.patience)
    except TimeoutError:
        future.cancel()
    return _finish(question, answer)


async def understand(
    tenant: int,
    text: str,
    *,
    language: str = "en",
    conversation: UUID | None = None,
    turn: str = "",
) -> Interpretation:
    """The same for who must not be held up: a calling handler, a socket."""
    began = time.monotonic()  # the wait for a thread counts as well
    prepare = sync_to_async(_prepare)
    question = await prepare(tenant, text, language, conversation, turn, began)
    if question.given is not None:
        return question.given
    answer: Answer | None = None
    with suppress(TimeoutError):
        async with asyncio.timeout(question.patience):
            answer = await asyncio.wrap_future(engine().ask(question.plan))
    return await sync_to_async(_finish)(question, answer)


def warm_up() -> None:
    """Load what the first question would wait for: a second of imports, and the engine's loop."""
    import_module("apps.nlu.classifier.model")  # numpy
    engine()


def engine() -> Runtime:
    """This process's engine."""
    return runtime(_make)


def _make() -> Engine:
    return Engine(Link(settings.REDIS_URL, settings.REDIS_PREFIX), guard_of)


def _prepare(
    tenant: int, text: str, language: str, conversation: UUID | None, turn: str, began: float
) -> _Question:
    if not text.strip() or len(text) > TEXT_MAX or "\x00" in text:
        raise TextRefused
    known = terms_of(tenant)
    asked = Asked(tenant, len(text), language, text if known.keep_texts else "", conversation)
    line = clean(text)
    row, given = None, None
    is_new = True
    if turn:
        row, is_new = turns.begin(asked, turn)
        if row.latency_ms is not None:
            given = _with_entities(turns.result_of(row), line, known.lists)
    plan = replace(_plan(tenant, line, known, asked, turn, may_move=is_new), asked_at=began)
    return _Question(plan, asked, known.lists, row, given)


def _plan(tenant: int, line: str, known: Known, asked: Asked, turn: str, *, may_move: bool) -> Plan:
    """The plan; a turn that was begun before may have moved a dialog, and moves none again."""
    conversation = asked.conversation
    contexts: Mapping[str, Mapping[str, Any]] = {}
    if conversation is not None and known.providers:
        contexts = turns.contexts_of(tenant, conversation)
    ask = Ask(
        text=line,
        language=asked.language,
        conversation=str(conversation or ""),
        turn=turn,
        contexts=contexts,
        intents=known.intents,
    )
    return Plan(
        tenant=tenant,
        ask=ask,
        providers=tuple(
            one
            for one in known.providers
            if not one.settings.get("stateful") or (may_move and turn)
        ),
        local=known.local(tenant),
        local_version=str(known.model.number if known.model else 0),
        terms=known.terms,
    )


def _finish(question: _Question, answer: Answer | None) -> Interpretation:
    if answer is None:  # the engine is stuck; the classifier needs it for nothing
        answer = Answer(replace(local_answer(question.plan), degraded=True))
    seconds = time.monotonic() - question.plan.asked_at
    found = answer.found
    if question.turn is not None:
        found = turns.end(question.turn, answer, seconds)
    recording.record(question.asked, answer, seconds, with_turn=question.turn is None)
    found = _with_entities(found, question.plan.ask.text, question.lists)
    return replace(found, latency_ms=round(seconds * 1e3, 2))


def _with_entities(
    found: Interpretation, line: str, lists: Mapping[str, Mapping[str, str]]
) -> Interpretation:
    """With what the patterns and lists find; of the provider's what they did not."""
    ours = entities_of(line, lists)
    named = {(one.kind, one.value) for one in ours}
    theirs = tuple(one for one in found.entities if (one.kind, one.value) not in named)
    return replace(found, entities=(*ours, *theirs))
