"""What the log shows over HTTP."""

from rest_framework import serializers


class LagOut(serializers.Serializer[object]):
    """A handler in one partition."""

    handler = serializers.CharField()
    topic = serializers.CharField()
    partition = serializers.IntegerField()
    shard = serializers.IntegerField()
    offset = serializers.IntegerField()
    head = serializers.IntegerField()
    events = serializers.IntegerField(help_text="Events not yet taken.")
    seconds = serializers.FloatField(help_text="Age of the first of them.")
    state = serializers.CharField()
    error = serializers.CharField(help_text="The kind of the last error; empty if it went well.")


class ParkedOut(serializers.Serializer[object]):
    """A parked key."""

    id = serializers.IntegerField()
    handler = serializers.CharField()
    topic = serializers.CharField()
    partition = serializers.IntegerField()
    key = serializers.CharField()
    first_offset = serializers.IntegerField()
    policy = serializers.CharField()
    attempts = serializers.IntegerField()
    error = serializers.CharField()
    parked_at = serializers.DateTimeField()


class ResumptionOut(serializers.Serializer[object]):
    """What a resumption did."""

    key = serializers.CharField()
    replayed = serializers.IntegerField()
