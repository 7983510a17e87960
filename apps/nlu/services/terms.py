"""A tenant's terms in memory: providers, usage, words and the model in use, for a few seconds."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from apps.nlu import selectors
from apps.nlu.backends.wire import Provider
from apps.nlu.exceptions import SecretUnreadable
from apps.nlu.facade.plan import DEADLINE, Terms
from apps.nlu.interpretation import Interpretation, unknown, with_thresholds
from apps.nlu.models import Provider as ProviderRow
from apps.nlu.selection import Choice
from apps.nlu.selectors import ModelName
from apps.nlu.services import secrets
from apps.nlu.services.reading import reader_of

log = structlog.get_logger(__name__)
SECONDS = 5.0
"""How long a process trusts what it read: a change in the back office takes as long to be felt."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that is asked of the database before a text is understood."""

    providers: tuple[Provider, ...]
    terms: Terms
    model: ModelName | None
    local_threshold: float
    lists: Mapping[str, Mapping[str, str]]
    intents: tuple[str, ...]
    keep_texts: bool
    read_at: float

    def local(self, tenant: int) -> "Local":
        """The local classifier, read into memory here: the engine asks no database."""
        if self.model is None:
            return Local(None, self.local_threshold)
        return Local(reader_of(tenant, self.model), self.local_threshold)


@dataclass(frozen=True, slots=True)
class Local:
    """The local classifier, with the tenant's threshold."""

    reader: Any
    threshold: float

    def __call__(self, text: str) -> Interpretation:
        """What a text means; nothing where no model is in use."""
        if self.reader is None:
            return unknown(degraded=True)
        return with_thresholds(self.reader.classify(text), {}, default=self.threshold)


_known: dict[int, Known] = {}
_lock = threading.Lock()


def terms_of(tenant: int) -> Known:
    """The terms of a tenant, at most `SECONDS` old."""
    known = _known.get(tenant)
    if known is not None and time.monotonic() - known.read_at < SECONDS:
        return known
    found = _read(tenant)
    with _lock:
        _known[tenant] = found
    return found


def forget(tenant: int | None = None) -> None:
    """Read again at the next question: after a change made in this process, and between tests."""
    with _lock:
        if tenant is None:
            _known.clear()
        else:
            _known.pop(tenant, None)


def _read(tenant: int) -> Known:
    rows = ProviderRow.objects.for_tenant(tenant).filter(enabled=True).order_by("order", "name")
    usage = selectors.usage_of(tenant)
    model = selectors.model_in_use(tenant)
    return Known(
        providers=tuple(found for row in rows if (found := _provider(row)) is not None),
        terms=Terms(
            choice=Choice(usage.choice),
            race=usage.race,
            hedge_share=usage.hedge_percent / 100,
            cache=usage.cache,
            deadline=DEADLINE,
        ),
        model=model,
        local_threshold=usage.local_threshold,
        lists=selectors.entity_lists(tenant),
        intents=selectors.intents_of(tenant, model),
        keep_texts=usage.keep_texts,
        read_at=time.monotonic(),
    )


def _provider(row: ProviderRow) -> Provider | None:
    """A row as the engine knows it; one whose secret cannot be read is left out, and said."""
    try:
        secret = secrets.opened(row.secret, row.secret_variable)
        thresholds = {str(intent): float(least) for intent, least in row.thresholds.items()}
        options = dict(row.settings)
    except (SecretUnreadable, AttributeError, TypeError, ValueError) as error:
        log.error("a provider is left out", provider=row.name, error=str(error))
        return None
    return Provider(
        id=row.pk,
        tenant=row.tenant_id,
        name=row.name,
        kind=row.kind,
        url=row.url.rstrip("/"),
        settings=options,
        secret=secret,
        cost=float(row.cost_per_call),
        per_minute=row.per_minute,
        threshold=row.threshold,
        thresholds=thresholds,
        languages=frozenset(row.languages),
        version=row.version,
    )
