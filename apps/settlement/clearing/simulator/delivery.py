"""Telling participants what happened: signed, to their own address, until it was taken."""

import asyncio
import contextlib
import time
from itertools import groupby
from typing import Final

import httpx

from apps.settlement.clearing import signing, wire
from apps.settlement.clearing.simulator.book import Book, Telling

BATCH_MAX: Final = 200
SECONDS: Final = 5.0  # of one call
IDLE_SECONDS: Final = 1.0
WAIT_MIN: Final = 0.02
"""How long it waits at least, so that what happens at once is told at once."""


class Delivery:
    """Calls participants' addresses."""

    def __init__(self, url: str, secret: str, code: str) -> None:
        """`url` has `{participant}` where the participant's number belongs."""
        self._url = url
        self._secret = secret
        self._code = code
        self._client: httpx.AsyncClient | None = None
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There may be something to do earlier than was thought."""
        self._woken.set()

    async def run(self, book: Book, now: float) -> int:
        """Tell what is due; how many were taken."""
        due = sorted(book.tellings(now, BATCH_MAX), key=lambda one: one.participant)
        taken = 0
        for participant, group in groupby(due, key=lambda one: one.participant):
            tellings = list(group)
            if await self._post(participant, tellings):
                book.told(tellings)
                taken += len(tellings)
            else:
                book.put_off(tellings, time.time())
        return taken

    async def rest(self, book: Book, now: float) -> None:
        """Wait until something is due, or until woken."""
        at = book.next_at()
        pause = IDLE_SECONDS if at is None else min(max(at - now, WAIT_MIN), IDLE_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), pause)
        self._woken.clear()

    async def _post(self, participant: int, tellings: list[Telling]) -> bool:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=SECONDS, trust_env=False)
        url = httpx.URL(self._url.format(participant=participant))
        body = wire.encode(wire.Notices([one.notice for one in tellings]))
        secret = signing.participant_secret(self._secret, self._code, participant)
        headers = signing.signed(secret, participant, int(time.time()), "POST", url.path, body)
        headers["content-type"] = "application/json"
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._client.post(url, content=body, headers=headers)
        except (httpx.HTTPError, TimeoutError):
            return False
        return answer.is_success
