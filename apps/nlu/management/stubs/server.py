"""One server that stands in for all vendors: `/watson`, `/es`, `/cx`, `/openai`, and their tokens.

`POST /_script` sets faults, `GET /_calls` tells what came in, `POST /_reset` forgets both;
`POST /_door` opens another way in, which is slow to accept or to shake hands.
"""

import asyncio
import dataclasses
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from apps.nlu.management.stubs import vendors
from apps.nlu.management.stubs.brain import Brain
from apps.nlu.management.stubs.doors import Doors
from apps.nlu.management.stubs.faults import AFTERWARDS, Calls, Script, befall
from apps.nlu.management.stubs.vendors import Refused, World, google_error

PROVIDERS: Final = ("watson", "es", "cx", "openai")
Answering = Callable[[web.Request, dict[str, Any]], dict[str, Any]]


class Stubs:
    """All vendors, with one memory and one pair of dice."""

    def __init__(self, brain: Brain, *, seed: int = 1, **world: Any) -> None:
        """The same seed fails the same calls."""
        self.seed = seed
        self.world = World(brain, **world)
        self.needs_token = False
        self.doors = Doors()
        self.reset()

    def reset(self) -> None:
        """Forget calls, turns and faults."""
        self.dice = random.Random(self.seed)  # noqa: S311 - a test's dice
        self.scripts = {name: Script() for name in PROVIDERS}
        self.calls = Calls()
        self.minutes: dict[tuple[str, int], int] = {}
        self.world.sessions.clear()
        self.world.turns.clear()
        self.world.moves.clear()

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=4_000_000)
        watson, session = r"/{at:watson}/v2/assistants/{assistant}", r"/sessions/{session}"
        for place in (watson, watson + "/environments/{environment}"):
            app.router.add_post(place + "/sessions", self._serve(self._watson_session))
            app.router.add_post(place + session + "/message", self._serve(self._watson))
            app.router.add_post(place + "/message", self._serve(self._watson))
            app.router.add_delete(place + session, self._serve(self._watson_end))
        bulk = r"/{at:watson}/v2/skills/{skill}/workspace/bulk_classify"
        app.router.add_post(bulk, self._serve(self._watson_bulk))
        app.router.add_post(r"/{at:es}/v2/{path:.+}:detectIntent", self._serve(self._es))
        for method in ("detectIntent", "matchIntent"):
            app.router.add_post(
                rf"/{{at:cx}}/v3/{{path:.+}}:{{method:{method}}}", self._serve(self._cx)
            )
        app.router.add_post(r"/{at:openai}/v1/chat/completions", self._serve(self._chat))
        app.router.add_post(r"/{at:watson|es|cx}/identity/token", self._token)
        app.router.add_post(r"/{at:es|cx}/token", self._token)
        app.router.add_post("/_script", self._set_script)
        app.router.add_post("/_door", self._open_door)
        app.router.add_post("/_reset", self._reset)
        app.router.add_get("/_calls", self._tell)
        app.on_cleanup.append(self.doors.close)
        return app

    def _serve(
        self, answering: Answering
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            at = request.match_info["at"]
            note = self.calls.note(provider=at, path=request.path, at=time.time(), outcome="open")
            self.calls.open_now += 1
            self.calls.most_open = max(self.calls.most_open, self.calls.open_now)
            try:
                answer = await self._answer(request, at, note, answering)
            except asyncio.CancelledError:
                note["outcome"] = "left"
                raise
            finally:
                self.calls.open_now -= 1
            note["outcome"] = note.get("fault") or answer.status
            return answer

        return serve

    async def _answer(
        self, request: web.Request, at: str, note: dict[str, Any], answering: Answering
    ) -> web.StreamResponse:
        script = self.scripts[at]
        fault = script.takes(self.dice)
        body = note["body"] = await request.json() if request.can_read_body else {}
        await asyncio.sleep(script.pause(self.dice))
        if fault not in ("none", "wrong"):
            note["fault"] = fault
        if (broken := await befall(request, fault)) is not None:
            return broken
        try:
            if at != "openai":  # whose keys are no tokens
                vendors.check_token(self.world, request, needed=self.needs_token)
            self._count(at, script)
            found = answering(request, body)
        except Refused as no:
            return web.json_response(no.body, status=no.status)
        broken = await befall(request, AFTERWARDS.get(fault, "none"))
        return broken or web.json_response(found)

    def _count(self, at: str, script: Script) -> None:
        """Quotas are counted by the calendar minute, and nothing says beforehand how far one is."""
        minute = (at, int(time.time() // 60))
        self.minutes[minute] = self.minutes.get(minute, 0) + 1
        if script.per_minute and self.minutes[minute] > script.per_minute:
            raise google_error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric.")

    def _watson_session(self, request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        return vendors.watson_session(self.world)

    def _watson_end(self, request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        self.world.sessions.pop(request.match_info["session"], None)
        return {}

    def _watson(self, request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        if "version" not in request.query:
            raise Refused(400, {"error": "version is required", "code": 400})
        return vendors.watson_message(self.world, body, request.match_info.get("session"))

    def _watson_bulk(self, request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        return vendors.watson_bulk(self.world, body)

    def _es(self, request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        fails = self.scripts["es"].webhook_fails
        return vendors.es_detect(self.world, request.match_info["path"], body, webhook_fails=fails)

    def _cx(self, request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        commits = request.match_info["method"] == "detectIntent"
        numbers = "enum-encoding=int" in request.query_string
        path = request.match_info["path"]
        return vendors.cx_detect(self.world, path, body, commits=commits, numbers=numbers)

    def _chat(self, request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        return vendors.chat(self.world, body, is_wrong=self.scripts["openai"].fault == "wrong")

    async def _token(self, request: web.Request) -> web.StreamResponse:
        at = request.match_info["at"]
        script = self.scripts[at]
        self.calls.note(provider=f"{at}-token", path=request.path, at=time.time(), outcome="")
        if script.token != "none":  # noqa: S105 - a fault's name
            fault, script.token = script.token, _after(script.token)
            if (broken := await befall(request, fault.removesuffix("_once"))) is not None:
                return broken
        return web.json_response(vendors.token(self.world, script.token_life))

    async def _set_script(self, request: web.Request) -> web.Response:
        given = await request.json()
        names = [given.pop("provider")] if "provider" in given else list(PROVIDERS)
        for name in names:
            self.scripts[name] = dataclasses.replace(Script(), **given)
        return web.json_response({"scripted": names})

    async def _open_door(self, request: web.Request) -> web.Response:
        given = await request.json()
        assert request.transport is not None
        behind = request.transport.get_extra_info("sockname")[1]
        return web.json_response(await self.doors.open(behind, **given))

    async def _reset(self, request: web.Request) -> web.Response:
        await self.doors.close()
        self.reset()
        return web.json_response({})

    async def _tell(self, request: web.Request) -> web.Response:
        calls = self.calls
        return web.json_response(
            {
                "calls": list(calls.seen),
                "total": calls.total,
                "turns": self.world.turns,
                "moves": list(self.world.moves),
                "open": calls.open_now,
                "most_open": calls.most_open,
            }
        )


def _after(fault: str) -> str:
    """A fault that befalls the token service once is over afterwards."""
    return "none" if fault.endswith("_once") else fault


def serve(stubs: Stubs, port: int) -> None:
    """Listen on the loopback until told to stop."""
    web.run_app(
        stubs.app(),
        host="127.0.0.1",
        port=port,
        print=None,
        access_log=None,  # /_calls tells it better
        shutdown_timeout=0.2,  # calls that hang are not waited for
        handler_cancellation=True,  # and end when who made them hangs up
    )
