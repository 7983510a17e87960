"""What the facade takes and shows over HTTP."""

from typing import Any

from rest_framework import serializers

from apps.nlu.interpretation import TEXT_MAX, Interpretation


class InterpretationIn(serializers.Serializer[object]):
    """A text to understand."""

    text = serializers.CharField(max_length=TEXT_MAX)
    language = serializers.RegexField(
        r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        max_length=12,
        default="en",
        help_text="A BCP 47 tag, such as en or pt-BR.",
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
