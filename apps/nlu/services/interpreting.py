"""The one question of this app: what does this text mean?"""

import time
from dataclasses import replace

from apps.nlu import selectors
from apps.nlu.entities import entities_of
from apps.nlu.exceptions import TextRefused
from apps.nlu.interpretation import TEXT_MAX, Interpretation, clean, unknown
from apps.nlu.services.reading import reader_of


def interpret(tenant: int, text: str, *, language: str = "en") -> Interpretation:
    """What a text means to this tenant. Always an answer; raises `TextRefused` for what is no text."""
    started = time.perf_counter()
    if not text.strip() or len(text) > TEXT_MAX or "\x00" in text:
        raise TextRefused
    line = clean(text)
    name = selectors.model_in_use(tenant)
    found = reader_of(tenant, name).classify(line) if name else unknown(degraded=True)
    return replace(
        found,
        entities=entities_of(line, selectors.entity_lists(tenant)),
        latency_ms=round((time.perf_counter() - started) * 1e3, 2),
    )
