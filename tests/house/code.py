"""Rules about Python sources. A fault is one line: `path:line what is wrong`."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import PurePosixPath

FUNCTION_LINES = 50
FILE_LINES = 400
EDGE_LINES = 15  # a handler, a task
METHOD_LINES = 25  # of a view, of a consumer
HEADINGS = ("Owns ", "Says ", "Hears ", "Never ")
EDGES = {"alarm", "handles", "periodic", "shared_task"}
THE_TASKS = "apps/events/tasks.py"

Function = ast.FunctionDef | ast.AsyncFunctionDef

_OPEN_ENDS = re.compile(r"\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\): \S)")
_IGNORES = re.compile(r"#\s*(noqa|type:\s*ignore)")
_NOQA = re.compile(r"#\s*noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)* [-–] \S")
_TYPE_IGNORE = re.compile(r"#\s*type: ignore\[[a-z, -]+\] # \S")


def functions(text: str) -> Iterator[Function]:
    """Every function and method of a source."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function):
            yield node


def lines_of(function: Function) -> int:
    """Lines from `def` to the end, decorators and docstring apart."""
    whole = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None:
        return whole
    return whole - ((first.end_lineno or 0) - first.lineno + 1)


def decorators(function: Function | ast.ClassDef) -> set[str]:
    """The names of what decorates it, without their modules and arguments."""
    bare = (one.func if isinstance(one, ast.Call) else one for one in function.decorator_list)
    return {one.attr if isinstance(one, ast.Attribute) else ast.unparse(one) for one in bare}


def long_functions(path: str, text: str) -> Iterator[str]:
    """A function has at most 50 lines."""
    for function in functions(text):
        if (lines := lines_of(function)) > FUNCTION_LINES:
            yield f"{path}:{function.lineno} {function.name} has {lines} lines"


def long_files(path: str, text: str) -> Iterator[str]:
    """A file has at most 400 lines; beyond that it becomes a package of the same name."""
    if (lines := text.count("\n")) > FILE_LINES:
        yield f"{path} has {lines} lines"


def long_edges(path: str, text: str) -> Iterator[str]:
    """A handler or a task has at most 15 lines: it translates and makes one call."""
    for function in functions(text):
        if decorators(function) & EDGES and (lines := lines_of(function)) > EDGE_LINES:
            yield f"{path}:{function.lineno} {function.name} has {lines} lines"


def long_methods(path: str, text: str) -> Iterator[str]:
    """A method of a view or a consumer has at most 25 lines: parse, one call, render."""
    where = PurePosixPath(path)
    if not {"views", "consumers"} & {where.stem, where.parent.name}:
        return
    for function in functions(text):
        if (lines := lines_of(function)) > METHOD_LINES:
            yield f"{path}:{function.lineno} {function.name} has {lines} lines"


_SHARED = re.compile(r"\.flush(?:db|all)\(|client_kill_filter\(_type|ports\.any_free\(\)")
_TIMED = re.compile(
    r"assert .*(?:monotonic|perf_counter|process_time)\(\) - \w+\)?.* < (\d+(?:\.\d+)?)"
)
_OWN_SERVERS = ("tests/agents/test_alarms.py", "tests/conversations/doors.py", "tests/chaos/")
LONG = 10.0  # seconds


def racy_tests(path: str, text: str) -> Iterator[str]:
    """A test takes nothing from those beside it, and its machine may be slow (docs/adding.md)."""
    for number, line in enumerate(text.splitlines(), 1):
        if _SHARED.search(line) and not path.startswith(_OWN_SERVERS):
            yield f"{path}:{number} others use that server, or may be given that port"
        if (found := _TIMED.search(line)) and float(found[1]) < LONG:
            yield f"{path}:{number} a slow machine may take longer"


def prints(path: str, text: str) -> Iterator[str]:
    """Nothing prints: commands write to `self.stdout`, everything else logs."""
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ):
            yield f"{path}:{node.lineno} prints"


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def open_ends(path: str, text: str) -> Iterator[str]:
    """What is left to do is an issue, named beside it as `(#12): …`, or it is not left."""
    for line, comment in _comments(text):
        if _OPEN_ENDS.search(comment):
            yield f"{path}:{line} {comment}"


def bare_ignores(path: str, text: str) -> Iterator[str]:
    """A checker is overruled by name and with a reason: `noqa: X1 - why`, `type: ignore[x] # why`."""
    for line, comment in _comments(text):
        for kind in _IGNORES.findall(comment):
            good = _NOQA if kind == "noqa" else _TYPE_IGNORE
            if not good.search(comment):
                yield f"{path}:{line} {comment}"


def app_face(path: str, text: str) -> Iterator[str]:
    """An app's `__init__` is four lines of docstring: Owns, Says, Hears, Never; no code."""
    tree = ast.parse(text)
    lines = (ast.get_docstring(tree) or "").splitlines()
    if len(tree.body) != 1 or len(lines) != len(HEADINGS):
        yield f"{path} is not four lines of docstring and nothing else"
    elif not all(line.startswith(heading) for line, heading in zip(lines, HEADINGS, strict=True)):
        yield f"{path} does not say what it owns, says, hears and never does"


def transactions_elsewhere(path: str, text: str) -> Iterator[str]:
    """Only services open transactions, and invariants, which look at one snapshot of everything."""
    floors = {name.removesuffix(".py") for name in PurePosixPath(path).parts}
    if {"services", "invariants", "migrations"} & floors:
        return
    for node in ast.walk(ast.parse(text)):
        name = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""
        if name in {"transaction.atomic", "atomic"}:
            yield f"{path}:{node.lineno} opens a transaction"


def tenantless_questions(path: str, text: str) -> Iterator[str]:
    """In an `api/` every question to a table starts with the tenant."""
    if "api" not in PurePosixPath(path).parts:
        return
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Attribute)
            and node.value.attr == "objects"
            and node.attr != "for_tenant"
        ):
            yield f"{path}:{node.lineno} {ast.unparse(node)}"


def stray_tasks(path: str, text: str) -> Iterator[str]:
    """Celery has three tasks, drain, tick and ring; whatever else is to be done is a handler or a job."""
    if path == THE_TASKS:
        return
    for function in functions(text):
        if decorators(function) & {"shared_task", "task"}:
            yield f"{path}:{function.lineno} {function.name} is a Celery task"


def silent_handlers(path: str, text: str) -> Iterator[str]:
    """Whatever `handlers.py` shows is a handler: a function without `@handles` hears nothing."""
    if PurePosixPath(path).name != "handlers.py":
        return
    for node in ast.parse(text).body:
        is_shown = isinstance(node, Function) and not node.name.startswith("_")
        if is_shown and "handles" not in decorators(node):
            yield f"{path}:{node.lineno} {node.name} hears nothing"


def unexplained_migrations(path: str, text: str) -> Iterator[str]:
    """A migration says in its docstring what it is for, and does one such thing."""
    tree = ast.parse(text)
    if not (ast.get_docstring(tree) or "").strip():
        yield f"{path} has no docstring"
    operations = [
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "migrations"
    ]
    by_hand = [name for name in operations if name in {"RunSQL", "RunPython"}]
    if len(by_hand) > 1:
        yield f"{path} has {len(by_hand)} intentions: {', '.join(by_hand)}"


def helpless_commands(path: str, text: str) -> Iterator[str]:
    """`manage.py help` explains every command."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name == "Command":
            helps = [
                one.value
                for one in node.body
                if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "help"
            ]
            if not helps or (
                isinstance(helps[0], ast.Constant) and not str(helps[0].value).strip()
            ):
                yield f"{path}:{node.lineno} has no help"
