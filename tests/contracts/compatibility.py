"""Whether events that were written to one schema can be read with another (BACKWARD).

Old facts stay in the log for ever, and consumers of the relays know the released schema: so a
released field neither goes nor becomes narrower, and a new one brings a default.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

NAMING = {"title", "description", "default", "$defs", "$ref", "$schema", "examples"}
STRUCTURE = {"type", "format", "enum", "const", "anyOf", "properties", "required", "items",
             "prefixItems", "additionalProperties"}  # fmt: skip


def faults(old: Schema, new: Schema) -> list[str]:
    """Why facts written to `old` could not all be read with `new`; empty if they can."""
    return list(_Pair(old.get("$defs", {}), new.get("$defs", {})).compare("", old, new))


class _Pair:
    def __init__(self, old_defs: Schema, new_defs: Schema) -> None:
        self.old_defs, self.new_defs = old_defs, new_defs
        self.at_work: set[tuple[str, str]] = set()

    def compare(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        """Every alternative of the old must be taken by one of the new."""
        names = (old.get("$ref", ""), new.get("$ref", ""))
        if all(names):
            if names in self.at_work:  # a type that contains itself
                return
            self.at_work.add(names)
        olds = list(_alternatives(old, self.old_defs))
        news = list(_alternatives(new, self.new_defs))
        for one in olds:
            refusals = [list(self._compare_simple(path, one, other)) for other in news]
            if all(refusals):
                # the likeliest partner explains best
                yield from min(refusals, key=len)

    def _compare_simple(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        kinds = (_kind(old), _kind(new))
        if kinds[1] == "any":
            return
        if kinds[0] != kinds[1] and kinds != ("integer", "number"):
            yield f"{path or '/'}: was {kinds[0]}, is now {kinds[1]}"
            return
        yield from _values(path, old, new)
        yield from _limits(path, old, new)
        yield from self._objects(path, old, new)
        yield from self._arrays(path, old, new)

    def _objects(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            if name not in after:
                yield f"{path}/{name}: is gone; facts and consumers know it"
            else:
                yield from self.compare(f"{path}/{name}", before[name], after[name])
        required_before = set(old.get("required", ()))
        for name in new.get("required", ()):
            if name not in before:
                yield f"{path}/{name}: is new and has no default; older facts lack it"
            elif name not in required_before:
                yield f"{path}/{name}: had a default and has none now"
        if isinstance(new.get("additionalProperties"), Mapping):
            was = old.get("additionalProperties", {})
            if isinstance(was, Mapping):
                yield from self.compare(f"{path}/*", was, new["additionalProperties"])
        elif (
            new.get("additionalProperties") is False
            and old.get("additionalProperties") is not False
        ):
            yield f"{path or '/'}: refuses fields that it ignored before"

    def _arrays(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        if isinstance(new.get("items"), Mapping) and isinstance(old.get("items", {}), Mapping):
            yield from self.compare(f"{path}/[]", old.get("items", {}), new["items"])
        before, after = old.get("prefixItems", []), new.get("prefixItems", [])
        if len(before) != len(after):
            yield f"{path or '/'}: had {len(before)} fixed places, has {len(after)}"
            return
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from self.compare(f"{path}/[{index}]", one, other)


def _alternatives(schema: Schema, defs: Schema) -> Iterator[Schema]:
    if name := schema.get("$ref"):
        yield from _alternatives(defs[name.removeprefix("#/$defs/")], defs)
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _alternatives(one, defs)
    elif isinstance(schema.get("type"), list):
        for kind in schema["type"]:
            yield {**schema, "type": kind}
    else:
        yield schema


def _kind(schema: Schema) -> str:
    if "type" in schema:
        return str(schema["type"])
    if values := _allowed(schema):
        kinds = {"str": "string", "int": "integer", "bool": "boolean", "NoneType": "null"}
        return kinds[type(next(iter(values))).__name__]
    return "any"


def _allowed(schema: Schema) -> set[Any]:
    return {schema["const"]} if "const" in schema else set(schema.get("enum", ()))


def _values(path: str, old: Schema, new: Schema) -> Iterator[str]:
    if allowed := _allowed(new):
        before = _allowed(old)
        if not before:
            yield f"{path or '/'}: took any value, now only {sorted(allowed)}"
        elif before - allowed:
            yield f"{path or '/'}: no longer takes {sorted(before - allowed)}"
    if "format" in new and new["format"] != old.get("format"):
        yield f"{path or '/'}: was format {old.get('format')}, is now {new['format']}"


def _limits(path: str, old: Schema, new: Schema) -> Iterator[str]:
    """Every other keyword may go, and may neither come nor change."""
    for word in sorted(set(new) - NAMING - STRUCTURE):
        if word == "items" or new[word] == old.get(word):
            continue
        wider = (
            (word.startswith("min") and word in old and new[word] < old[word])
            or (word.startswith("max") and word in old and new[word] > old[word])
        )  # fmt: skip
        if not wider:
            yield f"{path or '/'}: {word} was {old.get(word)}, is now {new[word]}"
