"""Replies as the vendors write them: what is read of each.

`samples/` holds replies of our own making, with every field and quirk that we know of. Where the real
ones are at hand (recorded, or the vendors' own samples), they are read as well.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.nlu.backends import dialogflow_cx, dialogflow_es, watson
from apps.nlu.backends.wire import CallFailed, Failure
from apps.nlu.interpretation import OUT_OF_SCOPE, Interpretation, unknown

OWN = Path(__file__).parent / "samples"
REAL = next(
    (
        found
        for folder in Path(__file__).resolve().parents[3:5]
        if (found := folder / "shared" / "data" / "wire_formats").exists()
    ),
    Path("none"),
)
READERS: dict[str, Callable[[Any], Interpretation]] = {
    "watson": watson.reading,
    "dialogflow_es": dialogflow_es.reading,
    "dialogflow_cx": dialogflow_cx.reading,
}


def own() -> Iterator[Any]:
    for vendor in READERS:
        for one in json.loads((OWN / f"{vendor}.json").read_text()):
            yield pytest.param(vendor, one, id=f"{vendor}: {one['about']}")


@pytest.mark.parametrize(("vendor", "sample"), list(own()))
def test_every_field_is_read_and_every_quirk_survived(vendor: str, sample: Any) -> None:
    expected = sample["reading"]

    read = READERS[vendor](sample["reply"])

    assert read.intent == (expected["intent"] or OUT_OF_SCOPE)
    assert read.confidence == pytest.approx(expected["confidence"], abs=1e-6)
    assert read.reply == "\n".join(expected["texts"])
    assert read.hand_over == expected["hand_over"]
    if "entities" in expected:
        assert [[e.kind, e.value, e.start, e.end] for e in read.entities] == expected["entities"]
    else:
        assert sorted(e.kind for e in read.entities) == expected["parameters"]
    if "alternatives" in expected:
        assert [one.intent for one in read.alternatives] == expected["alternatives"]
    if "contexts" in expected:
        assert list(read.context) == expected["contexts"]
    if "turn_count" in expected:
        assert read.context["global"]["system"]["turn_count"] == expected["turn_count"]


@pytest.mark.parametrize("vendor", [*READERS])
@pytest.mark.parametrize("wrong", [None, 0, "text", [], [1], {"output": 1}, {"queryResult": [1]}])
def test_other_shapes_are_no_reason_to_stumble(vendor: str, wrong: Any) -> None:
    """Each value of a reply may be of any kind: it is read as if it were not there, or refused."""
    for one in json.loads((OWN / f"{vendor}.json").read_text()):
        for place in places(one["reply"]):
            read = read_or_refused(vendor, with_value(one["reply"], place, wrong))
            assert 0 <= read.confidence <= 1
            assert isinstance(read.intent, str)
            assert isinstance(read.reply, str)


def read_or_refused(vendor: str, reply: Any) -> Interpretation:
    try:
        return READERS[vendor](reply)
    except CallFailed as error:
        if error.failure is not Failure.BAD_ANSWER:
            raise
        return unknown()


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # fmt: skip
    for key, one in inside:
        yield (*at, key)
        yield from places(one, (*at, key))


def with_value(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value in one place."""
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = with_value(copy[place[0]], place[1:], new)
    return copy


@pytest.mark.skipif(not REAL.exists(), reason="the vendors' own samples are not at hand")
class TestReal:
    """`reading` in their index is what a correct reader gets out of each."""

    def read(self, folder: str, role: str) -> list[tuple[Any, Any]]:
        index = json.loads((REAL / "index.json").read_text())
        return [
            (json.loads((REAL / one["file"]).read_text()), one["reading"])
            for one in index
            if one["file"].startswith(folder) and role in one["role"] and "reading" in one
        ]

    def test_watson(self) -> None:
        found = self.read("watson_v2", "POST message")
        assert len(found) >= 5
        for sample, expected in found:
            read = watson.reading(sample)
            assert read.intent == (expected["top_intent"] or OUT_OF_SCOPE)
            assert read.confidence == min(expected["confidence"] or 0, 1)
            assert [[e.kind, e.value] for e in read.entities] == expected["entities"]
            assert set(expected["texts"]) <= set(read.reply.split("\n")) | {""}

    def test_watsons_elements(self) -> None:
        """Every kind of `generic` that the vendor's SDK knows is survived, and says at most a text."""
        files = sorted((REAL / "watson_v2").glob("generic_*.json"))
        assert len(files) >= 9
        for file in files:
            element = json.loads(file.read_text())
            read = watson.reading({"output": {"generic": [element]}})
            assert read.hand_over == (element["response_type"] == "connect_to_agent")

    def test_watsons_bulk(self) -> None:
        read = watson.reading(json.loads((REAL / "watson_v2/bulk_classify.json").read_text()))
        assert (read.intent, read.confidence) == ("intent", 1)

    def test_es(self) -> None:
        found = [pair for pair in self.read("dialogflow_es", "re") if "queryResult" in pair[0]]
        assert len(found) >= 8
        for sample, expected in found:
            read = dialogflow_es.reading(sample)
            result = sample["queryResult"]
            is_fallback = "fallback" in str(result.get("intent", {}).get("displayName")).lower()
            assert read.intent == (
                OUT_OF_SCOPE if is_fallback else expected["intent"] or OUT_OF_SCOPE
            )
            assert read.confidence == pytest.approx(expected["confidence"] or 0)
            assert sorted(read.context) == sorted(
                name
                for name in expected["contexts"]
                if any(
                    one["name"].endswith(f"/{name}") and one.get("lifespanCount")
                    for one in result.get("outputContexts", [])
                )
            )

    def test_cx(self) -> None:
        found = self.read("dialogflow_cx", "detectIntent reply")
        assert len(found) >= 4
        for sample, expected in found:
            read = dialogflow_cx.reading(sample)
            assert read.intent == (expected["intent"] or OUT_OF_SCOPE)
            assert read.reply == "\n".join(expected["texts"])
