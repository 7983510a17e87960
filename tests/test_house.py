"""The house rules, aimed at the tree; and for each rule the proof that it can fail."""

import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import grimp
import pytest
from django.core.management import get_commands, load_command_class

from apps.events import contracts, registry
from config import celery
from tests.house import code, documents
from tests.house.imports import is_trespass

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("apps", "config")
OURS = ("apps", "config", "tests", "benchmarks")
TEXTS = {".py", ".md", ".sql", ".toml", ".txt", ".yml", ".yaml", ".html", ".js", ".css", ".example"}

OTHERS_VARIABLES = {"DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER", "PYTHONWARNINGS"}

Rule = Callable[[str, str], Iterable[str]]


def sources(*folders: str, migrations: bool = False) -> Iterator[tuple[str, str]]:
    """The Python files below these folders: path from the root, and text."""
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if migrations or file.parent.name != "migrations":
                yield file.relative_to(ROOT).as_posix(), file.read_text()


def faults(rule: Rule, found: Iterable[tuple[str, str]]) -> list[str]:
    return [fault for path, text in found for fault in rule(path, text)]


def lines(count: int) -> str:
    return "    x = 1\n" * count


PRODUCT_RULES: list[tuple[Rule, str, str, str]] = [
    # rule, a path, a text that breaks it, a text that keeps it
    (code.long_functions, "apps/a/b.py",
     "def f():\n    '''Says.'''\n" + lines(50), "def f():\n    '''Says.'''\n" + lines(49)),
    (code.long_files, "apps/a/b.py", "x = 1\n" * 401, "x = 1\n" * 400),
    (code.long_edges, "apps/a/handlers.py",
     "@handles(E, queue='q')\ndef f(b):\n" + lines(15), "@registry.periodic()\ndef f(b):\n" + lines(14)),
    (code.long_methods, "apps/a/api/views.py",
     "class V:\n    async def get(self):\n" + "    " + lines(25).replace("\n", "\n    ").rstrip(),
     "class V:\n    def get(self):\n" + "    " + lines(24).replace("\n", "\n    ").rstrip()),
    (code.prints, "apps/a/b.py", "print('x')", "self.stdout.write('x')"),
    (code.transactions_elsewhere, "apps/a/models.py",
     "with transaction.atomic():\n    pass", "with unit_of_work():\n    pass"),
    (code.tenantless_questions, "apps/a/api/views.py",
     "Trade.objects.all()", "Trade.objects.for_tenant(t).all()"),
    (code.tenantless_questions, "apps/a/api/views.py",
     "models.Trade.objects.filter(pk=1)", "selectors.trades_of(t)"),
    (code.stray_tasks, "apps/a/tasks.py",
     "@shared_task(name='x')\ndef f(): ...", "@periodic(every=HOUR)\ndef f(p): ..."),
    (code.silent_handlers, "apps/a/handlers.py",
     "def book(batch): ...", "@handles(E, queue='q')\ndef book(batch): ...\ndef _help(): ..."),
    (code.helpless_commands, "apps/a/management/commands/c.py",
     "class Command(BaseCommand):\n    '''Does.'''", "class Command(BaseCommand):\n    help = 'Does.'"),
    (code.helpless_commands, "apps/a/management/commands/c.py",
     "class Command(BaseCommand):\n    help = ' '", "HELP = ''"),
]  # fmt: skip

EVERYWHERE_RULES: list[tuple[Rule, str, str, str]] = [
    (code.open_ends, "a.py", "x = 1  # TO" + "DO: mend", "x = 1  # TO" + "DO(#12): mend"),
    (code.open_ends, "a.py", "# FIX" + "ME", "text = 'FIX' 'ME'"),
    (code.bare_ignores, "a.py", "x = 1  # no" + "qa", "x = 1  # no" + "qa: E501 - a long address"),
    (code.bare_ignores, "a.py", "x = 1  # no" + "qa: E501", "x = 1  # fmt: skip"),
    (code.bare_ignores, "a.py",
     "x = 1  # type: " + "ignore[arg-type]", "x = 1  # type: " + "ignore[arg-type] # an int by the table"),
    (code.bare_ignores, "a.py", "x = 1  # type: " + "ignore # because", "x = 1  # a type"),
]  # fmt: skip

TEST_RULES: list[tuple[Rule, str, str, str]] = [
    (code.racy_tests, "tests/a/test_b.py", "    redis.flush" + "db()", "    forget_in_redis(prefix)"),
    (code.racy_tests, "tests/a/test_b.py", "port = ports.any_" + "free()", "port = quiet()"),
    (code.racy_tests, "tests/a/test_b.py",
     "assert time.monotonic() " + "- began < 2", "assert time.monotonic() " + "- began < 20"),
]  # fmt: skip

MIGRATION_RULES: list[tuple[Rule, str, str, str]] = [
    (code.unexplained_migrations, "apps/a/migrations/0002_x.py",
     "operations = [migrations.RunSQL('x')]", "'''Why.'''\noperations = [migrations.RunSQL('x')]"),
    (code.unexplained_migrations, "apps/a/migrations/0002_x.py",
     "'''Why.'''\noperations = [migrations.RunSQL('x'), migrations.RunPython(f)]",
     "'''Why.'''\noperations = [migrations.RunSQL('x', migrations.RunSQL.noop)]"),
]  # fmt: skip

APP_FACE = (
    code.app_face, "apps/a/__init__.py",
    '"""Owns a.\nSays b.\nHears c.\n"""', '"""Owns a.\nSays b.\nHears c.\nNever d."""',
)  # fmt: skip
ALL_RULES = [*PRODUCT_RULES, *EVERYWHERE_RULES, *TEST_RULES, *MIGRATION_RULES, APP_FACE]


def rule_name(value: object) -> str | None:
    return getattr(value, "__name__", None) or ""


@pytest.mark.parametrize(("rule", "path", "bad", "good"), ALL_RULES, ids=rule_name)
def test_each_rule_refuses_what_breaks_it_and_nothing_else(
    rule: Rule, path: str, bad: str, good: str
) -> None:
    assert list(rule(path, bad)) != []
    assert list(rule(path, good)) == []


@pytest.mark.parametrize("rule", dict.fromkeys(one[0] for one in PRODUCT_RULES), ids=rule_name)
def test_the_product_keeps(rule: Rule) -> None:
    assert faults(rule, sources(*PRODUCT)) == []


@pytest.mark.parametrize("rule", dict.fromkeys(one[0] for one in EVERYWHERE_RULES), ids=rule_name)
def test_every_source_keeps(rule: Rule) -> None:
    assert faults(rule, sources(*OURS, migrations=True)) == []


def test_every_test_keeps() -> None:
    assert faults(code.racy_tests, sources("tests")) == []


def test_every_migration_keeps() -> None:
    found = (
        (path, text)
        for path, text in sources("apps", migrations=True)
        if re.fullmatch(r"apps/\w+/migrations/\d{4}_\w+\.py", path)
    )

    assert faults(code.unexplained_migrations, found) == []


def test_every_app_says_in_four_lines_what_it_is() -> None:
    found = ((path, text) for path, text in sources("apps") if path.count("/") == 2)
    faces = [(path, text) for path, text in found if path.endswith("__init__.py")]

    assert len(faces) > 5
    assert faults(code.app_face, faces) == []


class TestImports:
    def test_apps_meet_only_at_their_public_faces(self) -> None:
        graph = grimp.build_graph("apps")

        assert [
            f"{importer} -> {imported}"
            for importer in sorted(graph.modules - {"apps"})
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if is_trespass(importer, imported)
        ] == []

    @pytest.mark.parametrize(
        ("importer", "imported"),
        [
            ("apps.trading.services", "apps.events.models"),
            ("apps.trading.services", "apps.events"),
            ("apps.ledger.handlers", "apps.trading.selectors"),
            ("apps.ledger.invariants", "apps.trading.models"),
            ("apps.conversations.handlers", "apps.trading.events"),
            ("apps.settlement.services", "apps.agents.services"),
            ("apps.web.views", "apps.trading.models.trades"),
            ("apps.web.views", "apps.trading.services"),
        ],
    )
    def test_a_trespass_is_seen(self, importer: str, imported: str) -> None:
        assert is_trespass(importer, imported)

    @pytest.mark.parametrize(
        ("importer", "imported"),
        [
            ("apps.trading.services.booking", "apps.events.services.publishing"),
            ("apps.trading.models", "apps.tenants.models"),
            ("apps.trading.handlers", "apps.trading.models"),
            ("apps.ledger.journal", "apps.trading.events"),
            ("apps.ledger.invariants.positions", "apps.trading.selectors"),
            ("apps.settlement.handlers", "apps.trading.events"),
            ("apps.web.views", "apps.ledger.selectors"),
        ],
    )
    def test_a_visit_by_the_door_is_none(self, importer: str, imported: str) -> None:
        assert not is_trespass(importer, imported)


class TestTheLog:
    def test_every_handler_in_the_tree_is_registered(self) -> None:
        written = {
            f"{path.split('/')[1]}.{function.name}"
            for path, text in sources("apps")
            for function in code.functions(text)
            if "handles" in code.decorators(function)
        }

        assert {handler.name for handler in registry.handlers()} == written

    def test_every_handler_has_a_lane_that_celery_declares(self) -> None:
        declared = {queue.name for queue in celery.app.conf.task_queues}

        assert registry.LANES == celery.LANES
        for handler in registry.handlers():
            assert {f"{handler.lane}.{shard}" for shard in range(celery.SHARDS_MAX)} <= declared

    def test_every_event_has_a_golden_file(self) -> None:
        missing = [
            f"{contract.name}.v{contract.version}.json"
            for contract in contracts.contracts()
            if contract.type.__module__.startswith("apps.")
            and not golden(contract.name, contract.version).exists()
        ]

        assert missing == []


def golden(name: str, version: int) -> Path:
    return ROOT / "tests" / "contracts" / f"{name}.v{version}.json"


class TestCommands:
    def test_each_of_ours_has_help(self) -> None:
        ours = {name: app for name, app in get_commands().items() if str(app).startswith(PRODUCT)}

        assert "services" in ours
        for name, app in ours.items():
            assert load_command_class(str(app), name).help.strip(), name


class TestSettings:
    def test_every_variable_that_is_read_is_described_and_the_other_way_round(self) -> None:
        read = documents.variables_read((ROOT / "tests" / "settings.py").read_text())
        for _, text in sources(*PRODUCT):
            read |= documents.variables_read(text)
        read |= documents.variables_expanded((ROOT / "Procfile").read_text())

        described = documents.variables_described((ROOT / ".env.example").read_text())
        assert described == read - OTHERS_VARIABLES

    def test_what_a_shell_expands_is_seen(self) -> None:
        assert documents.variables_expanded("--port ${PORT:-8000} $HOME") == {"PORT"}

    @pytest.mark.parametrize(
        "text",
        [
            'env.str("NAME", default="")',
            'os.environ.get("NAME")',
            'os.environ["NAME"]',
            'os.getenv("NAME")',
            '"NAME" in os.environ',
        ],
    )
    def test_every_way_to_read_one_is_seen(self, text: str) -> None:
        assert documents.variables_read(text) == {"NAME"}

    def test_what_is_only_set_is_not_read(self) -> None:
        assert documents.variables_read('os.environ["NAME"] = "x"; names.get("OTHER")') == set()

    def test_a_description_is_a_commented_assignment(self) -> None:
        assert documents.variables_described("# A: b\n#NAME=1\n# OTHER=\n#  NO=1\n") == {
            "NAME",
            "OTHER",
        }


def tracked() -> list[Path]:
    """Every file that is, or will be, in the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:  # an unpacked archive
        return [file for folder in (*OURS, "docs") for file in (ROOT / folder).rglob("*.*")]
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def operations() -> str:
    return (ROOT / "docs" / "operations.md").read_text()


class TestDocuments:
    def test_every_link_leads_somewhere(self) -> None:
        pages = [file for file in tracked() if file.suffix == ".md"]

        assert len(pages) > 10
        assert [
            fault for page in pages for fault in documents.broken_links(page, page.read_text())
        ] == []

    def test_what_pages_say_of_the_code_is_there(self) -> None:
        pages = [
            file for file in tracked() if file.suffix == ".md" and "decisions" not in file.parts
        ]

        assert [
            fault
            for page in pages
            for fault in documents.stale_references(page.name, page.read_text(), ROOT)
        ] == []

    def test_a_name_that_is_gone_is_seen(self, tmp_path: Path) -> None:
        (tmp_path / "apps").mkdir()
        (tmp_path / "apps" / "a.py").write_text("def here(): ...")
        text = "`apps/a.py` `apps/a.py: here` `apps/a.py: gone` `apps/b.py`"

        found = list(documents.stale_references("p.md", text, tmp_path))

        assert found == ["p.md: apps/a.py has no gone", "p.md: apps/b.py is not there"]

    def test_every_command_that_pages_name_is_there(self) -> None:
        pages = [file for file in tracked() if file.suffix == ".md"]
        named = {name for page in pages for name in documents.commands_named(page.read_text())}

        assert {"verify", "replay"} <= named
        assert named <= set(get_commands())

    def test_every_metric_is_explained(self) -> None:
        written = set(re.findall(r"\"(lockstep_\w+)\"", (ROOT / "apps/web/metrics.py").read_text()))
        told = re.findall(r"^\| `(lockstep_\w+)`", operations(), re.MULTILINE)

        assert {name.removesuffix("_total") for name in told} == written

    def test_every_job_of_the_clock_is_explained(self) -> None:
        told = re.findall(r"^\| `(\w+\.\w+)` \| an? ", operations(), re.MULTILINE)

        assert sorted(told) == [job.name for job in registry.jobs()]

    def test_every_promise_names_the_tests_that_speak_of_it(self) -> None:
        rows = re.findall(r"^\| (R\d+) \| .+ \| (.+) \|$", operations(), re.MULTILINE)
        tests = {number: re.findall(r"`(tests/[\w/]+\.py)`", where) for number, where in rows}

        assert list(tests) == [f"R{number}" for number in range(1, 19)]
        assert [number for number, files in tests.items() if not files] == ["R18"]

    def test_every_decision_that_code_names_is_there(self) -> None:
        known = {file.stem for file in (ROOT / "docs" / "decisions").glob("*.md")}

        assert [
            f"{path}: {name}"
            for path, text in sources(*OURS, migrations=True)
            for name in documents.decisions_named(text)
            if not {name, *(stem for stem in known if stem[:4] == name)} & known
        ] == []

    def test_every_decision_is_on_the_map(self) -> None:
        index = (ROOT / "docs" / "README.md").read_text()
        decisions = [file.name for file in (ROOT / "docs" / "decisions").glob("*.md")]

        assert [name for name in decisions if f"(decisions/{name})" not in index] == []
        numbers = [name.split("-")[0] for name in decisions]
        assert len(set(numbers)) == len(numbers), "two decisions share a number"

    def test_a_link_to_nowhere_is_seen(self, tmp_path: Path) -> None:
        page = tmp_path / "a.md"
        (tmp_path / "b.md").write_text("# One: heading!\n")
        text = (
            "[ok](b.md) [ok](b.md#one-heading) [ok](https://example.org/x) `[code](no.md)`\n"
            '![no](c.png "title") [no](b.md#two) [no](#three)\n'
        )

        found = list(documents.broken_links(page, text))

        assert [fault.split(": ")[1].split()[0] for fault in found] == [
            "c.png",
            "b.md#two",
            "#three",
        ]

    def test_no_text_names_a_machines_directories(self) -> None:
        texts = [file for file in tracked() if file.suffix in TEXTS or "." not in file.name]

        assert [
            fault
            for file in texts
            for fault in documents.machine_paths(file.name, file.read_text())
        ] == []

    @pytest.mark.parametrize("folder", ["home/ann", "root/x", "tmp/y", "Users/ann/z"])
    def test_a_machines_directory_is_seen(self, folder: str) -> None:
        assert list(documents.machine_paths("a.md", f"see `/{folder}/notes.txt`."))

    @pytest.mark.parametrize("text", ["/api/v1/trades", "var/tmp/x", "a/home/b", "~/tmp/x", "/tmp"])
    def test_an_address_or_a_relative_path_is_none(self, text: str) -> None:
        assert list(documents.machine_paths("a.md", text)) == []
