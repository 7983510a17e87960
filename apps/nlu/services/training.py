"""Training: asked for, run, measured; and put to use by a person (or by the command)."""

import asyncio
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from apps.events.services import unit_of_work
from apps.nlu import selectors
from apps.nlu.events import ModelPromoted, ModelTrained, TrainingRequested
from apps.nlu.exceptions import ModelNotFound, NotPromotable
from apps.nlu.models import TrainedModel
from apps.nlu.services import terms
from apps.nlu.services.examples import Pair, checked
from apps.nlu.services.reporting import report_of
from apps.tenants.models import Tenant

log = structlog.get_logger(__name__)
ENDED = (TrainedModel.State.READY, TrainedModel.State.FAILED)
Progress = Callable[[int, str], None]


def request_training(tenant: int, *, by: str) -> TrainedModel:
    """Ask for a model of the tenant's examples; a worker of the lane `nlu` trains it.

    Raises `ExamplesRefused` at once where they cannot be learned from.
    """
    checked(selectors.examples(tenant))
    with unit_of_work() as work:
        model = _new(tenant, by)
        fact = TrainingRequested(model_id=model.pk, number=model.number, requested_by=by)
        work.publish(fact, tenant=tenant, key=f"training:{tenant}")
    return model


async def train_in_child(tenant: int, model_id: UUID) -> None:
    """Train a model that was asked for in a process of its own.

    So that the worker goes on answering, and gives back what the training took of memory. Where
    that process ended badly, the model says so.
    """
    slug = (await Tenant.objects.aget(pk=tenant)).slug
    command = (sys.executable, "manage.py", "train_nlu", slug, "--model", str(model_id))
    child = await asyncio.create_subprocess_exec(
        *command, cwd=settings.BASE_DIR, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        code = await child.wait()
    except asyncio.CancelledError:
        child.kill()
        raise
    if code:
        await sync_to_async(_give_up)(tenant, model_id, f"The training ended with code {code}.")


def train_requested(tenant: int, model_id: UUID) -> None:
    """Train a model that was asked for. Told twice it is trained once."""
    model = TrainedModel.objects.for_tenant(tenant).filter(pk=model_id).first()
    if model is None or model.state in ENDED:
        return
    try:
        _train(model, checked(selectors.examples(tenant)))
    except Exception as error:  # noqa: BLE001 - whatever it was, a person reads it at the model
        log.warning("training failed", model=str(model_id), error=type(error).__name__)
        _give_up(tenant, model_id, f"{type(error).__name__}: {error}"[:500])


def _give_up(tenant: int, model_id: UUID, reason: str) -> None:
    rows = TrainedModel.objects.for_tenant(tenant).filter(pk=model_id).exclude(state__in=ENDED)
    rows.update(state=TrainedModel.State.FAILED, note=reason)


def train_now(tenant: int, pairs: Sequence[Pair], *, by: str, promoted: bool) -> TrainedModel:
    """Train here and now from these examples, and put the model to use if `promoted`.

    Raises `ExamplesRefused`.
    """
    once = checked(pairs)
    model = _new(tenant, by)
    _train(model, once)
    if promoted:
        promote(tenant, model.pk, by=by)
    model.refresh_from_db()
    return model


def promote(tenant: int, model_id: UUID, *, by: str) -> None:
    """Read the tenant's texts with this model from now on.

    Raises `ModelNotFound`, and `NotPromotable` where it was not trained to its end.
    """
    with unit_of_work() as work:
        rows = TrainedModel.objects.for_tenant(tenant)
        # One at a time: the tenant's models are locked in their order.
        known = {one.pk: one for one in rows.select_for_update().defer("weights").order_by("pk")}
        model = known.get(model_id)
        if model is None:
            raise ModelNotFound(model=str(model_id))
        if model.state != TrainedModel.State.READY:
            raise NotPromotable(model=str(model_id), state=model.state)
        if model.in_use:
            return
        rows.filter(in_use=True).update(in_use=False)
        now = timezone.now()
        rows.filter(pk=model_id).update(in_use=True, promoted_at=now, promoted_by=by)
        work.after_commit(lambda: terms.forget(tenant))
        fact = ModelPromoted(model_id=model_id, number=model.number, promoted_by=by, at=now)
        work.publish(fact, tenant=tenant, key=f"training:{tenant}")


def _new(tenant: int, by: str) -> TrainedModel:
    with unit_of_work():
        Tenant.objects.select_for_update().get(pk=tenant)  # numbers are given one at a time
        rows = TrainedModel.objects.for_tenant(tenant)
        highest = rows.aggregate(highest=Max("number"))["highest"] or 0
        return TrainedModel.objects.create(tenant_id=tenant, number=highest + 1, requested_by=by)


def _train(model: TrainedModel, pairs: Sequence[Pair]) -> None:
    from apps.nlu.classifier.model import dumped  # noqa: PLC0415 - numpy: only who trains pays for it
    from apps.nlu.classifier.training import train  # noqa: PLC0415 - scikit-learn: same

    started = time.monotonic()

    def tell(done: int, what: str) -> None:
        _set(model, state=TrainedModel.State.TRAINING, progress=done, note=what)

    tell(1, "begun")
    trained = train([text for text, _ in pairs], [intent for _, intent in pairs], progress=tell)
    with unit_of_work() as work:
        now = timezone.now()
        report = report_of(trained.actual, trained.predicted)
        _set(
            model,
            state=TrainedModel.State.READY,
            progress=100,
            note="",
            trained_at=now,
            seconds=round(time.monotonic() - started, 3),
            example_count=len(pairs),
            intents=sorted({intent for _, intent in pairs}),
            report=report,
            weights=dumped(trained.model),
        )
        work.publish(
            _trained_fact(model, report, now),
            tenant=model.tenant_id,
            key=f"training:{model.tenant_id}",
        )


def _trained_fact(model: TrainedModel, report: dict[str, object], now: datetime) -> ModelTrained:
    return ModelTrained(
        model_id=model.pk,
        number=model.number,
        accuracy=Decimal(str(report["accuracy"])),
        example_count=model.example_count,
        at=now,
    )


def _set(model: TrainedModel, **values: object) -> None:
    for name, value in values.items():
        setattr(model, name, value)
    TrainedModel.objects.filter(pk=model.pk).update(**values)
