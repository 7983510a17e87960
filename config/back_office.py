"""How the back office looks: its name, its colours and its menu (the theme's settings)."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _mark(_request: HttpRequest) -> str:
    return static("web/img/mark.svg")


def _item(title: str, icon: str, app: str, model: str) -> dict[str, Any]:
    """A link to the records of a model, for those who may see them."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{model}"),
    }


def _group(title: str, app: str, *items: tuple[str, str, str]) -> dict[str, Any]:
    """A group of the menu: (title, icon, model) of each item."""
    found = [_item(text, icon, app, model) for text, icon, model in items]
    return {"title": title, "separator": True, "items": found}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Lockstep back office",
    "SITE_HEADER": "Lockstep",
    "SITE_SUBHEADER": "Back office",
    "SITE_URL": "/",
    "SITE_ICON": _mark,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _mark}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": {  # the pages' own green, in the steps that the theme asks for
        "primary": {
            "50": "#effbf8", "100": "#d6f5ed", "200": "#aeeadc", "300": "#79d9c5",
            "400": "#45c4ab", "500": "#1fa68e", "600": "#0b8573", "700": "#0b6e60",
            "800": "#0d574e", "900": "#0f4841", "950": "#042b27",
        }
    },
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            {
                "title": "Today",
                "items": [
                    {
                        "title": "Board",
                        "icon": "monitoring",
                        "link": reverse_lazy("web:board"),
                        "active": lambda _request: False,  # "/" begins every address
                    }
                ],
            },
            _group(
                "Trading",
                "trading",
                ("Trades", "swap_horiz", "trade"),
                ("Rejected trades", "block", "rejectedtrade"),
                ("Positions", "stacked_bar_chart", "position"),
                ("Accounts", "account_balance_wallet", "clientaccount"),
                ("Instruments", "candlestick_chart", "instrument"),
                ("Counterparties", "handshake", "counterparty"),
            ),
            _group(
                "Ledger",
                "ledger",
                ("Journal", "receipt_long", "journalentry"),
                ("Ledger accounts", "account_tree", "ledgeraccount"),
                ("Assets", "toll", "asset"),
            ),
            {
                "title": "Reports",
                "separator": True,
                "items": [
                    {
                        "title": "Reports and charts",
                        "icon": "insert_chart",
                        "link": reverse_lazy("web:reports"),
                    },
                    _item("Schedules", "event_repeat", "reports", "schedule"),
                    _item("Files", "draft", "reports", "reportfile"),
                ],
            },
            _group(
                "Conversations",
                "conversations",
                ("Conversations", "forum", "conversation"),
                ("Messages", "chat_bubble", "message"),
                ("Customers", "person", "customer"),
                ("Bots", "smart_toy", "bot"),
                ("Flows", "alt_route", "botflow"),
                ("Canned replies", "quickreply", "cannedreply"),
                ("Widgets", "widgets", "widget"),
                ("Policies", "policy", "policy"),
                ("Ratings", "star", "rating"),
            ),
            _group(
                "Language",
                "nlu",
                ("Examples", "format_quote", "example"),
                ("Models", "psychology", "trainedmodel"),
                ("Words", "match_word", "entityvalue"),
                ("NLU backends", "hub", "provider"),
                ("Usage", "tune", "usage"),
                ("Turns", "question_answer", "turn"),
            ),
            _group(
                "Agents",
                "agents",
                ("Agents", "support_agent", "agent"),
                ("Work", "hourglass_top", "work"),
                ("Statuses", "schedule", "statuschange"),
                ("Teams", "groups", "team"),
                ("Schedules", "calendar_month", "schedule"),
                ("Policies", "rule", "routingpolicy"),
                ("Drift", "difference", "driftcheck"),
            ),
            _group(
                "Event log",
                "events",
                ("Parked keys", "pause_circle", "parkedkey"),
                ("Cursors", "fast_forward", "cursorrecord"),
                ("Events", "history", "eventrecord"),
                ("Clock runs", "schedule", "jobrecord"),
            ),
            _group(
                "Who is who",
                "tenants",
                ("Tenants", "domain", "tenant"),
                ("People", "group", "user"),
                ("API keys", "key", "apikey"),
            ),
        ],
    },
}  # fmt: skip
