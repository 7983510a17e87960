"""Rules about texts: links that lead somewhere, variables that are described, no machine's paths."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_REFERENCE = re.compile(r"`((?:apps|config|tests)/[\w/]+\.\w+)(?:: (\w+))?`")
_DECISION = re.compile(r"docs/decisions/(\d{4}(?:-[a-z0-9-]+)?)")
_COMMAND = re.compile(r"\bmanage\.py (\w+)")
_VARIABLE = re.compile(r"^# ?([A-Z][A-Z0-9_]*)=", re.MULTILINE)
_EXPANSION = re.compile(r"\$\{([A-Z][A-Z0-9_]*):-")
_MACHINE = re.compile(r"(?<![\w./~-])/(?:home|root|work|tmp|Users|mnt)/\w[^\s\"'`)]*")
_READERS = {"str", "bool", "int", "float", "list", "url", "get", "getenv", "setdefault"}


def _without_code(text: str) -> str:
    return _CODE.sub("", text)


def anchors(text: str) -> set[str]:
    """What a page's headings are called in links, as code hosts make it."""
    found = (re.sub(r"[^\w\- ]", "", title.lower()) for title in _HEADING.findall(text))
    return {title.strip().replace(" ", "-") for title in found}


def broken_links(page: Path, text: str) -> Iterator[str]:
    """A relative link leads to a file that is there, and to a heading that it has."""
    for target in _LINK.findall(_without_code(text)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = unquote(target).partition("#")
        there = (page.parent / file) if file else page
        if not there.exists():
            yield f"{page}: {target} is not there"
        elif anchor and anchor not in anchors(there.read_text() if file else text):
            yield f"{page}: {target} has no such heading"


def stale_references(name: str, text: str, root: Path) -> Iterator[str]:
    """A file that a page names is there, and a name that it puts behind it is defined there."""
    for path, what in _REFERENCE.findall(text):
        if not (root / path).is_file():
            yield f"{name}: {path} is not there"
        elif what and not re.search(rf"(def|class|FUNCTION) {what}\b", (root / path).read_text()):
            yield f"{name}: {path} has no {what}"


def decisions_named(text: str) -> set[str]:
    """The decisions that a comment points to: `0003`, or `0003-a-wake-names-partitions`."""
    return set(_DECISION.findall(text))


def commands_named(text: str) -> set[str]:
    """The commands of `manage.py` that a page names."""
    return set(_COMMAND.findall(text))


def machine_paths(name: str, text: str) -> Iterator[str]:
    """No text names a directory of somebody's machine."""
    for number, line in enumerate(text.splitlines(), 1):
        for found in _MACHINE.findall(line):
            yield f"{name}:{number} {found}"


def variables_read(text: str) -> set[str]:
    """The environment variables that a source reads by name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=owner, attr=attr), args=[ast.Constant(str(name)), *_]
            ):
                known = ast.unparse(owner) in {"env", "os.environ", "os"} and attr in _READERS
                found |= {name} if known else set()
            case ast.Subscript(value=owner, slice=ast.Constant(str(name)), ctx=ast.Load()):
                found |= {name} if ast.unparse(owner) == "os.environ" else set()
            case ast.Compare(left=ast.Constant(str(name)), comparators=[owner]):
                found |= {name} if ast.unparse(owner) == "os.environ" else set()
    return found


def variables_expanded(text: str) -> set[str]:
    """The environment variables that a Procfile's commands expand, with their defaults."""
    return set(_EXPANSION.findall(text))


def variables_described(example: str) -> set[str]:
    """The environment variables that `.env.example` lists, each in a comment of its own."""
    return set(_VARIABLE.findall(example))
