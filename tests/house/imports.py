"""Rules about who may import whom that no layer can say: the faces by which apps meet."""

PUBLIC = {
    "breaker", "contracts", "events", "exceptions", "interpretation", "invariants", "registry", "selectors",
    "services", "signing",
}  # fmt: skip
OPEN = {"core", "sockets", "tenants"}
"""Every app stands on these, and may see them whole."""
WINDOWS = PUBLIC - {"events", "registry", "services"}
"""What `web` may look through: it asks, and writes only through the API."""
NARROWER = {("ledger", "trading"): {"events"}}
"""Pairs that see less of each other: the ledger hears trading and asks it nothing."""
CHECKS = {("ledger", "trading"): {"selectors"}}
"""What an app's `invariants` may see besides, to compare two apps."""
HOUSES = ({"agents", "conversations", "nlu"}, {"ledger", "reports", "settlement", "trading"})
"""The two businesses; they meet in the log, the tenant and the page, and in no file."""


def is_trespass(importer: str, imported: str) -> bool:
    """Whether a module of one app reaches into another one past its public faces."""
    app, *inner = importer.split(".")[1:]
    other, *face = imported.split(".")[1:]
    if app == other or other in OPEN:
        return False
    if {_house(app), _house(other)} == {0, 1}:
        return True
    allowed = WINDOWS if app == "web" else NARROWER.get((app, other), PUBLIC)
    if inner[:1] == ["invariants"]:
        allowed = allowed | CHECKS.get((app, other), set())
    return not face or face[0] not in allowed


def _house(app: str) -> int | None:
    return next((number for number, house in enumerate(HOUSES) if app in house), None)
