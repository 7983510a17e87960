"""What the board's JSON means, for the API's schema; it is rendered as the selectors made it."""

from rest_framework import serializers


class TicketOut(serializers.Serializer[object]):
    """A ticket for a socket."""

    ticket = serializers.CharField()
    url = serializers.CharField(help_text="Complete address of the socket, ticket included.")
    expires_at = serializers.DateTimeField()


class BoardTenantOut(serializers.Serializer[object]):
    """Whose board it is."""

    slug = serializers.CharField()
    name = serializers.CharField()


class BoardReasonOut(serializers.Serializer[object]):
    """Why it is not healthy."""

    code = serializers.CharField()
    detail = serializers.CharField()
    state = serializers.ChoiceField(["catching_up", "degraded"])


class BoardStatusOut(serializers.Serializer[object]):
    """How the platform is, in one word and in sentences."""

    state = serializers.ChoiceField(["healthy", "catching_up", "degraded"])
    sentence = serializers.CharField()
    reasons = BoardReasonOut(many=True)


class BoardFlowOut(serializers.Serializer[object]):
    """Trades per second of the last two minutes."""

    until = serializers.DateTimeField(help_text="End of the last whole second.")
    per_second = serializers.ListField(
        child=serializers.IntegerField(), help_text="Trades in each second, oldest first."
    )
    rate = serializers.FloatField(help_text="Trades per second, over the last ten.")
    peak = serializers.IntegerField()
    total = serializers.IntegerField()


class BoardMessagesOut(serializers.Serializer[object]):
    """Messages per second of the last two minutes."""

    until = serializers.DateTimeField(help_text="End of the last whole second.")
    per_second = serializers.ListField(
        child=serializers.IntegerField(), help_text="Messages in each second, oldest first."
    )
    rate = serializers.FloatField(help_text="Messages per second, over the last ten.")
    peak = serializers.IntegerField()
    total = serializers.IntegerField()


class BoardConversationsOut(serializers.Serializer[object]):
    """Conversations: how much is said, and where the open ones stand."""

    flow = BoardMessagesOut()
    open = serializers.IntegerField()
    with_bot = serializers.IntegerField()
    waiting = serializers.IntegerField(help_text="For a person.")
    longest_wait_seconds = serializers.IntegerField()
    with_agents = serializers.IntegerField()


class BoardAgentsOut(serializers.Serializer[object]):
    """Agents who are there; what those online have and may have, in conversations."""

    online = serializers.IntegerField()
    signed_on = serializers.IntegerField()
    load = serializers.FloatField()
    capacity = serializers.FloatField()


class BoardHandlerOut(serializers.Serializer[object]):
    """How far a handler is behind, by partition (0 to 63)."""

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


class BoardParkedKeyOut(serializers.Serializer[object]):
    """A key that a handler cannot get past."""

    id = serializers.IntegerField()
    handler = serializers.CharField()
    topic = serializers.CharField()
    partition = serializers.IntegerField()
    key = serializers.CharField()
    attempts = serializers.IntegerField()
    error = serializers.CharField()
    parked_at = serializers.DateTimeField()


class BoardParkedOut(serializers.Serializer[object]):
    """Parked keys of this tenant."""

    count = serializers.IntegerField()
    keys = BoardParkedKeyOut(many=True, help_text="The newest.")


class BoardTradeOut(serializers.Serializer[object]):
    """A trade."""

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


class BoardTrialRowOut(serializers.Serializer[object]):
    """An asset in the trial balance."""

    asset = serializers.CharField()
    debit = serializers.CharField()
    credit = serializers.CharField()
    difference = serializers.CharField(help_text='"0", or the ledger is broken.')


class BoardTrialBalanceOut(serializers.Serializer[object]):
    """Debits and credits per asset."""

    assets = serializers.IntegerField()
    off = serializers.IntegerField(help_text="Assets with a difference.")
    rows = BoardTrialRowOut(many=True, help_text="At most 100, those with a difference first.")


class BoardWorkerOut(serializers.Serializer[object]):
    """A worker that announced itself."""

    name = serializers.CharField()
    online = serializers.BooleanField()
    queues = serializers.ListField(child=serializers.CharField())
    silent_seconds = serializers.FloatField()


class BoardQueueOut(serializers.Serializer[object]):
    """A shard queue."""

    queue = serializers.CharField()
    waiting = serializers.IntegerField(help_text="Wakes; not events.")
    served = serializers.BooleanField()


class BoardClockOut(serializers.Serializer[object]):
    """A clock job and its newest period."""

    job = serializers.CharField()
    every = serializers.FloatField(help_text="Seconds.")
    period = serializers.DateTimeField(allow_null=True)
    claimed_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField()


class BoardOut(serializers.Serializer[object]):
    """The operations board of a tenant."""

    at = serializers.DateTimeField()
    tenant = BoardTenantOut()
    status = BoardStatusOut()
    flow = BoardFlowOut()
    conversations = BoardConversationsOut()
    agents = BoardAgentsOut()
    handlers = BoardHandlerOut(many=True)
    parked = BoardParkedOut()
    trades = BoardTradeOut(many=True)
    trial_balance = BoardTrialBalanceOut()
    workers = BoardWorkerOut(many=True)
    queues = BoardQueueOut(many=True)
    clock = BoardClockOut(many=True)
