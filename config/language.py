"""What the demo's bot understands and says: a broker's everyday questions, in examples and flows."""

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from apps.conversations.models import Bot, BotFlow
from apps.nlu import selectors, services
from apps.nlu.models import Provider
from apps.tenants.models import Tenant

EXAMPLES: Final[dict[str, str]] = {
    "greeting": "hello|hi there|good morning|hey|good afternoon|hello anyone there|hi",
    "balance": "what is my balance|how much cash do i have|show my account balance|what do i have on "
    "my account|how much money is in my account|tell me my cash balance|balance please",
    "positions": "show my positions|what do i hold|which stocks do i own|list my holdings|what is in my "
    "portfolio|how is my portfolio doing|my open positions",
    "trade_status": "what happened to my trade|was my order executed|status of my order|is my trade "
    "settled|where is order 4711|did my purchase go through|has my sell order been filled",
    "settlement": "when does my trade settle|when do i get the money for my sale|what is the settlement "
    "date|how long does settlement take|when will the shares arrive|settlement of my trade",
    "opening_hours": "when are you open|what are your opening hours|are you open on sunday|when do you "
    "close|opening times of the desk|until when can i reach you|are you open today",
    "fees": "what are your fees|how much is the commission|what does a trade cost|why was i charged|"
    "explain the fee on my trade|commission rates|trading costs",
    "transfer": "i want to transfer money|withdraw cash from my account|send money to my bank|pay out my "
    "cash|how do i deposit money|i want to wire funds|move money to my account",
    "complaint": "i want to complain|this is unacceptable|i am very unhappy|your service is bad|there is "
    "a mistake in my statement|i was charged twice|file a complaint",
    "thanks": "thank you|thanks a lot|that was all|great thanks|bye|goodbye|thanks bye",
    "oos": "who won the match|what is the weather|tell me a joke|recommend a recipe|play some music|how "
    "tall is the tower|what is the meaning of life|sing a song",
}

_ACCOUNT = {"name": "account", "kind": "account_number",
            "question": {"en": "Which account is it about? For example DEMO-001.",
                         "de": "Um welches Konto geht es? Zum Beispiel DEMO-001."}}  # fmt: skip
_AMOUNT = {"name": "amount", "kind": "amount",
           "question": {"en": "How much, and in which currency?",
                        "de": "Wie viel, und in welcher Währung?"}}  # fmt: skip
FLOWS: Final[tuple[tuple[str, dict[str, str], dict[str, Any]], ...]] = (
    ("greeting", {"en": "Hello! Ask me about balances, trades, settlement, fees or opening hours."}, {}),
    ("balance", {"en": "Balances of {account} are under Ledger; I can also call a colleague."},
     {"slots": [_ACCOUNT]}),
    ("positions", {"en": "The blotter shows the positions of {account} with live profit."},
     {"slots": [_ACCOUNT]}),
    ("trade_status", {"en": "A trade is booked within a second, and shown on the blotter with its state."}, {}),
    ("settlement", {"en": "Most shares settle one business day after the trade in the US, two in Europe."}, {}),
    ("opening_hours", {"en": "The desk is open on business days from 9 to 17; I am always here."}, {}),
    ("fees", {"en": "The commission is 0.05 % of the value; each trade lists its fees."}, {}),
    ("transfer", {"en": "A colleague will check the transfer of {amount} for {account}."},
     {"slots": [_ACCOUNT, _AMOUNT], "then": "hand_over",
      "confirmation": {"en": "Transfer {amount} for {account}: is that right?"}}),
    ("complaint", {"en": "I am sorry to hear that. A colleague will look into it."},
     {"then": "hand_over"}),
    ("thanks", {"en": "You are welcome!"}, {}),
)  # fmt: skip


PROVIDERS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("watson", "/watson", {
        "kind": Provider.Kind.WATSON, "order": 1, "cost_per_call": Decimal("0.0025"),
        "per_minute": 600, "settings": {"assistant": "demo", "environment": "live"},
    }),
    ("dialogflow", "/es", {
        "kind": Provider.Kind.DIALOGFLOW_ES, "order": 2, "cost_per_call": Decimal("0.002"),
        "per_minute": 600, "settings": {"project": "demo"},
    }),
)  # fmt: skip
"""Name, place among the stand-ins, terms. Our own classifier comes after them all."""
LOOPBACK: Final = "http://127.0.0.1:"


def set_up(tenant: Tenant, *, stubs: str) -> None:
    """Give the tenant a bot with flows and providers; what is there stays as it is.

    `stubs` is the address of the providers' stand-ins (`apps.nlu.management.stubs`).
    """
    # The widget greets: a second "hello" after the first question would be one too many.
    Bot.objects.get_or_create(tenant=tenant, defaults={"greeting": {}})
    for name, place, terms in PROVIDERS:
        _provide(tenant, name, stubs + place, terms)
    for intent, replies, more in FLOWS:
        BotFlow.objects.get_or_create(
            tenant=tenant, intent=intent, defaults={"replies": replies, **more}
        )


def learn(tenant: Tenant) -> None:
    """Train the model that answers when no provider does, unless there is one."""
    if selectors.model_in_use(tenant.pk) is None:
        services.add_examples(tenant.pk, pairs())
        services.train_now(tenant.pk, list(pairs()), by="demo", promoted=True)


def pairs() -> Iterator[tuple[str, str]]:
    """The examples, as (text, intent)."""
    for intent, texts in EXAMPLES.items():
        for text in texts.split("|"):
            yield text, intent


def write_examples(path: Path) -> None:
    """Write the examples where the stand-ins read them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "intent"), *pairs()])


def _provide(tenant: Tenant, name: str, url: str, terms: dict[str, Any]) -> None:
    """A provider, where it stands today: the stand-ins' port may be another at every start."""
    row, is_new = Provider.objects.get_or_create(
        tenant=tenant, name=name, defaults={"url": url, **terms}
    )
    if not is_new and row.url != url and row.url.startswith(LOOPBACK):
        Provider.objects.filter(pk=row.pk).update(url=url)
        services.provider_changed(row)
