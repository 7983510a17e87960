"""The demo's conversational side: a widget for its site, the newcomer as an agent, replies kept ready."""

from typing import Final

from apps.agents import selectors as agents
from apps.agents.services import AgentTerms, create_agent
from apps.conversations import selectors, services
from apps.conversations.management.askers import Script
from apps.conversations.services import ReplyTerms
from apps.tenants.models import Tenant, User

REPLIES: Final = (
    ReplyTerms("hello", "Greeting", "Hello! Thank you for writing. How can I help you?"),
    ReplyTerms(
        "statement", "Where the statement is", "Your statement is in the blotter, beside the cash."
    ),
    ReplyTerms(
        "settle", "When a trade settles", "Most trades settle one business day after the trade."
    ),
    ReplyTerms("moment", "A moment", "One moment please, I am looking at it."),
    ReplyTerms("bye", "Farewell", "You are welcome. Have a good day!"),
)
ASKERS: Final = (
    (
        Script("Amara", (
            "Hello, my trade in QUILLON of Tuesday still says unsettled. Is something wrong?",
            "The account is DEMO-004. I need the shares for a transfer tomorrow.",
            "And if it does not settle today, who pays for that?",
            "Good, I wait for your message then. Thank you!",
        ), ("settlement",)),
        Script("Amara", (
            "It is me again: the statement shows two fees for one trade.",
            "Yes, both from Monday, 12.40 and 12.40.",
            "Perfect, that was quick.",
        ), ("billing",)),
    ),
    (
        Script("Lorenz", (
            "hi, can I change the base currency of my account?",
            "From USD to CHF.",
            "Does that touch my open positions?",
            "ok then I leave it. thanks 👍",
        )),
        Script("Lorenz", (
            "One more question: where do I see what I earned this year?",
            "Found it, thank you.",
        ), ("billing",)),
    ),
    (
        Script("Yuki", (
            "Good morning. I was charged commission on a cancelled order.",
            "Order of 9:14, EUR/USD, 50,000. It was cancelled a minute later.",
            "Could you send me a confirmation in writing?",
            "Thank you very much for your help.",
        ), ("billing",)),
    ),
)  # fmt: skip
"""Customers who wait for the newcomer, each with what they come with, one after the other."""


def set_up(tenant: Tenant, user: User) -> None:
    """Make what is not there yet; what somebody changed stays as it is."""
    if agents.agent_of(tenant.pk, f"user:{user.pk}") is None:
        skills = {"billing": 3, "settlement": 4}
        create_agent(tenant.pk, AgentTerms(user.username, "You", capacity=4, skills=skills))
    if not selectors.widgets_of(tenant.pk):
        services.create_widget(
            tenant.pk,
            name="Demo site",
            title="Talk to us",
            greeting="Hello! Ask about fees, statements or settlements, or ask for a person.",
        )
    if not selectors.canned_replies(tenant.pk):
        for terms in REPLIES:
            services.save_canned_reply(tenant.pk, terms)
