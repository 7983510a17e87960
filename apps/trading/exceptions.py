"""The ways this app says no."""

from apps.core.exceptions import Conflict, Forbidden, NotFound, Rejected, Unavailable


class UnknownAccount(NotFound):
    """There is no such account."""


class UnknownInstrument(NotFound):
    """There is no such instrument."""


class UnknownCounterparty(NotFound):
    """There is no such counterparty."""


class UnknownTrade(NotFound):
    """There is no such trade."""


class UnknownPosition(NotFound):
    """The account never traded this instrument."""


class TermsRefused(Rejected):
    """The terms are not acceptable; `errors` lists every reason."""


class AccountDiffers(Conflict):
    """An account of this number exists, with other terms; `errors` names what differs."""


class InstrumentDiffers(Conflict):
    """An instrument of this symbol exists, with other terms; `errors` names what differs."""


class CounterpartyDiffers(Conflict):
    """A counterparty of this code exists, with another name; `errors` names what differs."""


class TradeMalformed(Rejected):
    """The trade is not well formed; `errors` lists every fault."""


class TradeRefused(Rejected):
    """The trade is refused; `errors` lists every reason."""


class IdempotencyKeyReused(Rejected):
    """This idempotency key was used before, for another request; `errors` names what differs."""


class IdempotencyKeyInFlight(Conflict):
    """A request with this idempotency key is being worked on; ask again shortly."""


class DuplicateExternalId(Conflict):
    """A trade of this source and external id is booked, with other terms; `errors` names them."""


class TradeIsCancelled(Conflict):
    """The trade is cancelled: a cancelled trade is not amended, a new one is booked."""


class IntakeBusy(Unavailable):
    """The trade could not be booked right now; send it again with the same idempotency key."""


class BeforeCorporateAction(Conflict):
    """It was dealt before a corporate action that is applied: it stays. Adjust the books instead."""


class SignatureRefused(Forbidden):
    """The signature is wrong, or of another time."""


class ActionRefused(Rejected):
    """The corporate action is not acceptable; `errors` lists every reason."""


class ActionDiffers(Conflict):
    """A corporate action of this reference exists, with other terms; `errors` names what differs."""


class NoPriceStated(Conflict):
    """Nobody has stated a price of fractions that waits for a second person."""


class SecondPersonNeeded(Forbidden):
    """Whoever stated the price of fractions does not confirm it: a second person does."""


class UnknownAction(NotFound):
    """There is no such corporate action."""


class ActionIsApplied(Conflict):
    """The corporate action is applied, or withdrawn: it stays so."""
