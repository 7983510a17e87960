"""What the board's JSON means, for the API's schema; it is rendered as the selectors made it."""

from rest_framework import serializers


class TicketOut(serializers.Serializer[object]):
    """A ticket for a socket."""

    ticket = serializers.CharField()
    url = serializers.CharField(help_text="Complete address of the socket, ticket included.")
    expires_at = serializers.DateTimeField()


class _Tenant(serializers.Serializer[object]):
    slug = serializers.CharField()
    name = serializers.CharField()


class _Reason(serializers.Serializer[object]):
    code = serializers.CharField()
    detail = serializers.CharField()
    state = serializers.ChoiceField(["catching_up", "degraded"])


class _Status(serializers.Serializer[object]):
    state = serializers.ChoiceField(["healthy", "catching_up", "degraded"])
    sentence = serializers.CharField()
    reasons = _Reason(many=True)


class _Flow(serializers.Serializer[object]):
    until = serializers.DateTimeField(help_text="End of the last whole second.")
    per_second = serializers.ListField(
        child=serializers.IntegerField(), help_text="Trades in each second, oldest first."
    )
    rate = serializers.FloatField(help_text="Trades per second, over the last ten.")
    peak = serializers.IntegerField()
    total = serializers.IntegerField()


class _Handler(serializers.Serializer[object]):
    handler = serializers.CharField()
    topic = serializers.CharField()
    behind = serializers.IntegerField(help_text="Events not yet taken.")
    taken = serializers.IntegerField(help_text="Events taken since the beginning.")
    worst_seconds = serializers.FloatField(help_text="Age of the oldest event not yet taken.")
    worst_partition = serializers.IntegerField(allow_null=True)
    events = serializers.ListField(
        child=serializers.IntegerField(), help_text="Events not yet taken, by partition."
    )
    seconds = serializers.ListField(child=serializers.FloatField(), help_text="Their age.")
    states = serializers.ListField(
        child=serializers.ChoiceField(["idle", "ok", "behind", "failing", "stopped"])
    )


class _ParkedKey(serializers.Serializer[object]):
    id = serializers.IntegerField()
    handler = serializers.CharField()
    topic = serializers.CharField()
    partition = serializers.IntegerField()
    key = serializers.CharField()
    attempts = serializers.IntegerField()
    error = serializers.CharField()
    parked_at = serializers.DateTimeField()


class _Parked(serializers.Serializer[object]):
    count = serializers.IntegerField()
    keys = _ParkedKey(many=True, help_text="The newest.")


class _LatestTrade(serializers.Serializer[object]):
    id = serializers.UUIDField()
    account = serializers.CharField()
    instrument = serializers.CharField()
    side = serializers.ChoiceField(["buy", "sell"])
    quantity = serializers.CharField()
    price = serializers.CharField()
    currency = serializers.CharField()
    at = serializers.DateTimeField()
    state = serializers.CharField()
    booked = serializers.BooleanField(help_text="Whether the ledger has it.")


class _TrialRow(serializers.Serializer[object]):
    asset = serializers.CharField()
    debit = serializers.CharField()
    credit = serializers.CharField()
    difference = serializers.CharField(help_text='"0", or the ledger is broken.')


class _TrialBalance(serializers.Serializer[object]):
    assets = serializers.IntegerField()
    off = serializers.IntegerField(help_text="Assets with a difference.")
    rows = _TrialRow(many=True, help_text="At most 100, those with a difference first.")


class _Worker(serializers.Serializer[object]):
    name = serializers.CharField()
    online = serializers.BooleanField()
    queues = serializers.ListField(child=serializers.CharField())
    silent_seconds = serializers.FloatField()


class _Queue(serializers.Serializer[object]):
    queue = serializers.CharField()
    waiting = serializers.IntegerField(help_text="Wakes; not events.")
    served = serializers.BooleanField()


class _Clock(serializers.Serializer[object]):
    job = serializers.CharField()
    every = serializers.FloatField(help_text="Seconds.")
    period = serializers.DateTimeField(allow_null=True)
    claimed_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField()


class BoardOut(serializers.Serializer[object]):
    """The operations board of a tenant."""

    at = serializers.DateTimeField()
    tenant = _Tenant()
    status = _Status()
    flow = _Flow()
    handlers = _Handler(many=True)
    parked = _Parked()
    trades = _LatestTrade(many=True)
    trial_balance = _TrialBalance()
    workers = _Worker(many=True)
    queues = _Queue(many=True)
    clock = _Clock(many=True)
