"""The floor plan (`.importlinter`): the tree keeps it, and each contract refuses what it is there for."""

from copy import deepcopy
from pathlib import Path

import grimp
import pytest
from grimp import ImportGraph
from importlinter import cli  # sets the library up
from importlinter.application import use_cases
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract

PLAN = Path(__file__).resolve().parent.parent / ".importlinter"
KINDS = {"layers": LayersContract, "forbidden": ForbiddenContract}

assert cli


@pytest.fixture(scope="module")
def graph() -> ImportGraph:
    return grimp.build_graph("apps", "config", include_external_packages=True, cache_dir=None)


def broken(graph: ImportGraph) -> list[str]:
    """The ids of the contracts that this graph breaks."""
    plan = use_cases.read_user_options(config_filename=str(PLAN))
    return [
        options["id"]
        for options in plan.contracts_options
        if not KINDS[options["type"]](options["name"], plan.session_options, options)
        .check(deepcopy(graph), verbose=False)
        .kept
    ]


def test_the_tree_keeps_every_contract(graph: ImportGraph) -> None:
    assert broken(graph) == []


@pytest.mark.parametrize(
    ("importer", "imported", "contract"),
    [
        ("apps.trading.services", "apps.ledger.services", "ladder"),
        ("apps.events.services", "apps.trading.events", "ladder"),
        ("apps.core.money", "apps.tenants.models", "ladder"),
        ("apps.trading.services", "config.celery", "project"),
        ("apps.ledger.services", "apps.trading.selectors", "ledger-hears"),
        ("apps.ledger.handlers", "apps.trading.services", "ledger-hears"),
        ("apps.trading.services", "apps.trading.handlers", "floors"),
        ("apps.ledger.models", "apps.ledger.services", "floors"),
        ("apps.ledger.handlers", "apps.ledger.api", "floors"),
        ("apps.tenants.models", "apps.tenants.services", "door"),
        ("apps.web.selectors", "apps.web.consumers", "windows"),
        ("apps.core.exceptions", "apps.core.problems", "core"),
        ("apps.trading.positions", "django", "hearts"),
        ("apps.ledger.events", "rest_framework", "hearts"),
    ],
)
def test_a_trespass_breaks_its_contract(
    graph: ImportGraph, importer: str, imported: str, contract: str
) -> None:
    trespassed = deepcopy(graph)
    trespassed.add_import(importer=importer, imported=imported)

    assert contract in broken(trespassed)


@pytest.mark.parametrize(
    ("module", "contract"),
    [
        ("apps.payments", "ladder"),
        ("apps.trading.utils", "floors"),
        ("apps.tenants.helpers", "door"),
        ("apps.web.misc", "windows"),
        ("apps.core.tools", "core"),
    ],
)
def test_a_module_that_has_no_place_breaks_the_plan(
    graph: ImportGraph, module: str, contract: str
) -> None:
    grown = deepcopy(graph)
    grown.add_module(module)

    assert contract in broken(grown)
