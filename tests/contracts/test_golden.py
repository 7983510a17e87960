"""Released contracts keep: `make goldens` writes new ones, these tests refuse broken ones."""

import json

import jsonschema
import msgspec
import pytest

from apps.events.contracts import contracts, missing_upcasters
from tests.contracts.golden import declared, released

ADVICE = "release it with `make goldens`; an incompatible change needs a new version"


class TestReleasedContracts:
    @pytest.mark.parametrize("golden", declared(), ids=lambda one: one.path.name)
    def test_every_declared_version_is_released(self, golden):
        assert golden.path.exists(), ADVICE

    @pytest.mark.parametrize("golden", list(released()), ids=lambda one: one.path.name)
    def test_no_released_version_was_broken(self, golden):
        now = {one.name: one for one in declared()}
        assert golden.name in now, "facts of this name are in the log and must stay readable"
        assert golden.version <= now[golden.name].version
        if golden.version == now[golden.name].version:
            assert golden.faults_of(now[golden.name]) == []
            assert golden == now[golden.name], f"compatible; {ADVICE}"

    def test_every_older_version_has_an_upcaster(self):
        assert missing_upcasters() == []

    def test_schemas_are_schemas(self):
        for golden in declared():
            jsonschema.Draft202012Validator.check_schema(golden.schema)

    def test_every_time_carries_its_zone(self):
        """A naive time would be read as another moment elsewhere: events use `Moment`."""
        naive = [
            f"{contract.name}.{field.name}"
            for contract in contracts()
            if contract.type.__module__.startswith("apps.")
            for field in msgspec.inspect.type_info(contract.type).fields
            if _naive(field.type)
        ]
        assert naive == []

    def test_amounts_travel_as_strings(self):
        for golden in declared():
            assert '"type": "number"' not in json.dumps(golden.schema), "a float loses digits"


def _naive(kind):
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_naive(one) for one in kind.types)
    return isinstance(kind, msgspec.inspect.DateTimeType) and not kind.tz
