"""The released contracts: one file for every version of every event, beside this module."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from django.apps import apps

from apps.events.contracts import Contract, contracts
from tests.contracts.compatibility import faults

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Golden:
    """What was promised of one version of an event."""

    name: str
    topic: str
    version: int
    schema: dict[str, Any]

    @classmethod
    def of(cls, contract: Contract) -> Self:
        """What the code promises now."""
        return cls(contract.name, contract.topic, contract.version, contract.schema())

    @property
    def path(self) -> Path:
        return HERE / f"{self.name}.v{self.version}.json"

    @property
    def app(self) -> str:
        """The app that tells it: the first part of its name."""
        return self.name.partition(".")[0]

    def text(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    def faults_of(self, new: Self) -> list[str]:
        """Why `new` may not take this one's place under the same version."""
        moved = [f"topic was {self.topic}, is now {new.topic}"] if self.topic != new.topic else []
        return moved + faults(self.schema, new.schema)


def declared() -> list[Golden]:
    """What the product's code promises now; events that tests declare are left out."""
    return [Golden.of(one) for one in contracts() if one.type.__module__.startswith("apps.")]


def released() -> Iterator[Golden]:
    """What was promised; of the apps that are installed here."""
    for path in sorted(HERE.glob("*.v*.json")):
        golden = Golden(**json.loads(path.read_text()))
        if apps.is_installed(f"apps.{golden.app}"):
            yield golden
