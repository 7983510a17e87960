"""What the facade takes and shows over HTTP."""

from typing import Any

from rest_framework import serializers

from apps.core.money import plain
from apps.nlu.interpretation import TEXT_MAX, Interpretation
from apps.nlu.models import Turn, Usage
from apps.nlu.selectors import Figures, ProviderFigures, Window
from apps.nlu.selectors.breakers import BreakerState
from apps.nlu.selectors.figures import Percentiles
from apps.tenants.forms import Query, StrictForm


class InterpretationIn(StrictForm):
    """A text to understand."""

    text = serializers.CharField(max_length=TEXT_MAX)
    language = serializers.RegexField(
        r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        max_length=12,
        default="en",
        help_text="A BCP 47 tag, such as en or pt-BR.",
    )


class UsageWire(StrictForm):
    """How the tenant's providers are used; what is left out of a change stays as it is."""

    choice = serializers.ChoiceField(Usage.Choice.choices, help_text="Who is asked first.")
    race = serializers.IntegerField(
        min_value=0, max_value=4, help_text="Providers asked at once; 0: one after another."
    )
    hedge_percent = serializers.IntegerField(
        min_value=0, max_value=100, help_text="Second calls, in percent of first ones; 0: none."
    )
    cache = serializers.BooleanField(help_text="Whether an answer is given again for five minutes.")
    local_threshold = serializers.FloatField(
        min_value=0, max_value=1, help_text="Below this our own classifier has not understood."
    )
    keep_texts = serializers.BooleanField(
        help_text="Whether turns keep what was written, so that mistakes become examples."
    )


class CandidateOut(serializers.Serializer[object]):
    """An intent that it may be."""

    intent = serializers.CharField()
    confidence = serializers.FloatField(help_text="0 to 1.")


class EntityOut(serializers.Serializer[object]):
    """Something named in the text."""

    kind = serializers.CharField(help_text="date, amount, account_number, order_number, email, …")
    value = serializers.CharField(help_text="In its normal form.")
    text = serializers.CharField(help_text="As it was written.")
    start = serializers.IntegerField(allow_null=True)
    end = serializers.IntegerField(allow_null=True)


class InterpretationOut(serializers.Serializer[object]):
    """What the text was taken to mean."""

    intent = serializers.CharField(help_text='"oos": it belongs to none.')
    confidence = serializers.FloatField(help_text="0 to 1.")
    entities = EntityOut(many=True)
    alternatives = CandidateOut(many=True, help_text="Likeliest first.")
    reply = serializers.CharField(help_text="The provider's own answer; may be empty.")
    provider = serializers.CharField()
    degraded = serializers.BooleanField(help_text="Not the answer of the provider wanted first.")
    cached = serializers.BooleanField()
    latency_ms = serializers.FloatField()


def interpretation_out(found: Interpretation) -> dict[str, Any]:
    """The wire's form of an interpretation."""
    return dict(InterpretationOut(found).data)


class FiguresQuery(Query):
    """Which figures."""

    window = serializers.ChoiceField([one.value for one in Window], default=Window.HOUR.value)
    provider = serializers.SlugField(
        max_length=40, default="", allow_blank=True, help_text="Only turns that asked this one."
    )


class PercentilesOut(serializers.Serializer[object]):
    """Latencies; empty where nothing was counted."""

    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class BreakerOut(serializers.Serializer[object]):
    """A provider's circuit breaker."""

    state = serializers.ChoiceField(["closed", "open", "half_open"])
    failures = serializers.IntegerField(help_text="In a row.")
    since = serializers.DateTimeField(allow_null=True)
    retry_at = serializers.DateTimeField(allow_null=True)


class ProviderFiguresOut(serializers.Serializer[object]):
    """The calls of a provider."""

    name = serializers.CharField()
    kind = serializers.CharField(help_text="Empty: it is not in the registry any more.")
    enabled = serializers.BooleanField()
    breaker = BreakerOut(allow_null=True)
    calls = serializers.IntegerField()
    outcomes = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="ok, cancelled, open (breaker), quota, timeout, connect, reset, server, …",
    )
    roles = serializers.DictField(
        child=serializers.IntegerField(), help_text="first, retry, fallback, hedge, race"
    )
    hedge_wins = serializers.IntegerField(help_text="Second calls whose answer was used.")
    cost = serializers.CharField()
    latency_ms = PercentilesOut()


class AttemptOut(serializers.Serializer[object]):
    """One call of a turn."""

    provider = serializers.CharField()
    role = serializers.CharField()
    began_ms = serializers.FloatField(help_text="After the question.")
    took_ms = serializers.FloatField()
    outcome = serializers.CharField()
    won = serializers.BooleanField()


class TurnOut(serializers.Serializer[object]):
    """One question and what became of it; never what was written."""

    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    conversation = serializers.UUIDField(allow_null=True)
    language = serializers.CharField()
    length = serializers.IntegerField(help_text="Characters of the text.")
    intent = serializers.CharField()
    confidence = serializers.FloatField()
    provider = serializers.CharField()
    degraded = serializers.BooleanField()
    cached = serializers.BooleanField()
    shared = serializers.BooleanField()
    latency_ms = serializers.FloatField()
    attempts = AttemptOut(many=True)


class FiguresOut(serializers.Serializer[object]):
    """What a tenant's questions came to."""

    at = serializers.DateTimeField()
    since = serializers.DateTimeField()
    answers = serializers.DictField(
        child=serializers.IntegerField(), help_text="provider, cache, shared, local, degraded"
    )
    saved_calls = serializers.IntegerField(
        help_text="Answered from the cache or along with others."
    )
    latency_ms = PercentilesOut()
    providers = ProviderFiguresOut(many=True)
    turns = TurnOut(many=True, help_text="The newest fifty.")


def figures_out(found: Figures) -> dict[str, Any]:
    """The figures as they are shown."""
    return {
        "at": found.at,
        "since": found.since,
        "answers": dict(found.answers),
        "saved_calls": found.saved,
        "latency_ms": _percentiles_out(found.percentiles),
        "providers": [_provider_out(one) for one in found.providers],
        "turns": [_turn_out(one) for one in found.turns],
    }


def _provider_out(found: ProviderFigures) -> dict[str, Any]:
    return {
        "name": found.name,
        "kind": found.kind,
        "enabled": found.enabled,
        "breaker": None if found.breaker is None else _breaker_out(found.breaker),
        "calls": found.outcomes.total(),
        "outcomes": dict(found.outcomes),
        "roles": dict(found.roles),
        "hedge_wins": found.hedge_wins,
        "cost": plain(found.cost),
        "latency_ms": _percentiles_out(found.percentiles),
    }


def _breaker_out(found: BreakerState) -> dict[str, Any]:
    return {
        "state": found.state,
        "failures": found.failures,
        "since": found.since,
        "retry_at": found.retry_at,
    }


def _percentiles_out(found: Percentiles) -> dict[str, float | None]:
    return {
        name: round(seconds * 1e3, 1) if seconds else None
        for name, seconds in (("p50", found.p50), ("p95", found.p95), ("p99", found.p99))
    }


def _turn_out(turn: Turn) -> dict[str, Any]:
    names = ("id", "at", "conversation", "language", "length", "intent", "confidence", "provider",
             "degraded", "cached", "shared", "latency_ms")  # fmt: skip
    attempts = [
        {name: one[name] for name in ("provider", "role", "outcome", "won")}
        | {"began_ms": one["began"], "took_ms": one["seconds"]}
        for one in turn.attempts
    ]
    return {name: getattr(turn, name) for name in names} | {"attempts": attempts}
