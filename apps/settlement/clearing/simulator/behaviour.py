"""How the simulator behaves: settings, and what they mean for one call or one instruction. Pure.

Chance is seeded: with one seed an instruction fares the same, in whatever order calls come.
"""

import math
import random
from statistics import NormalDist
from typing import Annotated, Final, Literal

import msgspec

Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
_P95: Final = NormalDist().inv_cdf(0.95)


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A duration: lognormal, by its median and its 95th percentile, in seconds."""

    p50: Seconds
    p95: Seconds

    def drawn(self, dice: random.Random) -> float:
        """One duration."""
        if self.p50 <= 0 or self.p95 <= self.p50:
            return self.p50
        sigma = math.log(self.p95 / self.p50) / _P95
        return dice.lognormvariate(math.log(self.p50), sigma)


class OfCalls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shares of calls that go wrong."""

    hang: Rate = 0.0  # taken, and never answered
    lose: Rate = 0.0  # neither taken nor answered
    error: Rate = 0.0  # taken, and answered with 500
    refuse: Rate = 0.0  # not taken: 503
    garble: Rate = 0.0  # taken, and answered with something else than JSON


class OfInstructions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shares of instructions that fare in a way of their own."""

    reject: Rate = 0.0  # refused at once
    bounce: Rate = 0.0  # accepted, and rejected later
    fail: Rate = 0.0  # fails for want of securities, and settles after a while
    stall: Rate = 0.0  # fails for want of securities, for good
    partial: Rate = 0.0  # settles in two parts
    late: Rate = 0.0  # settles, thirty times as late
    early: Rate = 0.0  # is confirmed before it is acknowledged
    silent: Rate = 0.0  # settles, and is not confirmed
    duplicate: Rate = 0.0  # is confirmed three times
    contradict: Rate = 0.0  # is confirmed with another amount
    stray: Rate = 0.0  # is confirmed under another's instruction id, too


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that can be set while it runs."""

    seed: int = 1
    latency: Spread = Spread(0.005, 0.02)
    """Of an answer."""
    settling: Spread = Spread(0.3, 1.5)
    """From acceptance to settlement."""
    calls: OfCalls = OfCalls()
    instructions: OfInstructions = OfInstructions()
    participants: dict[str, OfInstructions] = {}
    """By participant (a tenant's id), where one fares otherwise than the others."""
    hang: Seconds = 30.0
    """How long a call that is never answered is held."""
    early_by: Seconds = 0.25
    """How much later an acknowledgement is, when a confirmation shall be before it."""
    outage: Literal["none", "refuse", "hang"] = "none"
    withdrawals: Rate = 1.0
    """Share of cancellations of what has not settled that are granted."""


def dice_for(seed: int, *of: str) -> random.Random:
    """The chance that belongs to a call or an instruction."""
    return random.Random(":".join([str(seed), *of]))  # noqa: S311 - chance, not secrecy


def pick(rates: msgspec.Struct, dice: random.Random) -> str:
    """The name of what happens; nothing where all goes well. Rates are shares of the whole."""
    drawn = dice.random()
    for name in rates.__struct_fields__:
        drawn -= getattr(rates, name)
        if drawn < 0:
            return name
    return ""


class Act(msgspec.Struct, frozen=True):
    """Something that will happen to an instruction, so many seconds after it was accepted."""

    after: float
    what: Literal["settle", "part", "bounce", "failing"]
    told: int = 1
    """How often it is told."""
    wrongly: bool = False
    """Whether it is told with another amount."""
    strayed: bool = False
    """Whether it is told of an instruction that nobody gave, too."""


def course(settings: Settings, instruction: str, participant: int) -> tuple[str, list[Act]]:
    """What will become of an instruction: its way, and the acts of it. `reject` has none."""
    dice = dice_for(settings.seed, "instruction", instruction)
    way = pick(settings.participants.get(str(participant), settings.instructions), dice)
    after = settings.settling.drawn(dice)
    acts = {
        "reject": [],
        "bounce": [Act(after, "bounce")],
        "fail": [Act(after, "failing"), Act(4 * after, "settle")],
        "stall": [Act(after, "failing")],
        "partial": [Act(after, "part"), Act(2 * after, "settle")],
        "late": [Act(30 * after, "settle")],
        "early": [Act(0, "settle")],
        "silent": [Act(after, "settle", told=0)],
        "duplicate": [Act(after, "settle", told=3)],
        "contradict": [Act(after, "settle", wrongly=True)],
        "stray": [Act(after, "settle", strayed=True)],
    }
    return way, acts.get(way, [Act(after, "settle")])
