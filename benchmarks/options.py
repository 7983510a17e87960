"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Sizes of a run."""

    rounds: int
    quick: bool

    @property
    def seconds(self) -> float:
        """How long one load lasts."""
        return 0.3 if self.quick else 5.0

    def size(self, full: int, quick: int) -> int:
        """One of two sizes."""
        return quick if self.quick else full

    def size_pair(self, full: tuple[int, int], quick: tuple[int, int]) -> tuple[int, int]:
        """One of two pairs of sizes."""
        return quick if self.quick else full
