"""Ports for servers that a test starts a moment later."""

import random

from config import ports


def quiet() -> int:
    """A free loopback port that the system gives to nobody.

    Below those that callers get, and that `ports.any_free` finds: what is free now is still free when
    the server is there, however many tests call and listen meanwhile.
    """
    dice = random.SystemRandom()
    while not ports.is_free(port := dice.randrange(20_000, 32_000)):
        continue
    return port
