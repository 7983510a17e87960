"""The scenes of the fault run: what is wrong in each, and whether it says something about health."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from apps.nlu.backends.wire import Provider
from apps.nlu.facade.engine import Engine
from tests.nlu import stubbed
from tests.nlu.stubbed import Server

SLOW = 30.0  # seconds, longer than anybody waits


@dataclass(frozen=True)
class Scene:
    """A fault at the first provider."""

    name: str
    kind: str = "dialogflow_cx"
    script: dict[str, Any] = field(default_factory=dict)
    """What the stand-in does while it lasts; a share of the calls for as long as it is flaky."""
    door: dict[str, float] | None = None
    """The way in, where that is what is slow."""
    names_stall: bool = False
    opens: bool = True
    """Whether a breaker opens by it."""

    @property
    def at(self) -> str:
        return stubbed.PLACES[self.kind]

    @property
    def can_be_flaky(self) -> bool:
        """A door, a name and a token service are well or not; a call may fail now and then."""
        return "fault" in self.script


SCENES = [
    *(
        Scene(fault, script={"fault": fault})
        for fault in ("hang", "drip", "503", "html_502", "bad_json", "truncated", "reset",
                      "reset_body", "redirect", "huge")
    ),
    Scene("quota", script={"fault": "429"}, opens=False),
    Scene("refused", script={"fault": "404"}, opens=False),
    Scene("token failure", kind="watson", script={"token": "500"}),
    Scene("token hangs", kind="watson", script={"token": "hang"}),
    Scene("name stalls", names_stall=True),
    Scene("slow accept", door={"accept": SLOW}),
    Scene("slow TLS", door={"tls": SLOW}),
    Scene("slow read", door={"read": SLOW}),
]  # fmt: skip


class StallingNames(aiohttp.ThreadedResolver):
    """The system's way to look names up, in threads; one name's server does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()

    async def resolve(self, host: str, *args: Any, **options: Any) -> list[Any]:
        if host.endswith(".example"):
            await asyncio.get_running_loop().run_in_executor(None, self.over.wait, SLOW)
            host = "127.0.0.1"
        return await super().resolve(host, *args, **options)


@dataclass
class Stage:
    """A scene that is set: an engine, and the first provider's terms."""

    scene: Scene
    server: Server
    engine: Engine
    first: dict[str, Any]
    names: StallingNames

    def break_down(self, share: float = 1.0) -> None:
        what = self.scene.script
        if what:
            self.server.script(provider=self.scene.at, share=share, **what)

    def heal(self) -> None:
        """All is well: with the provider, and on the way to it."""
        # As slow as it takes for those who ask at the same time to find the first one's probe out.
        self.server.script(provider=self.scene.at, latency=0.3)
        self.names.over.set()

    def provider(self, tenant: int) -> Provider:
        return stubbed.provider(self.server, self.scene.kind, tenant=tenant, **self.first)

    def second(self, tenant: int) -> Provider:
        return stubbed.provider(self.server, "openai", tenant=tenant)


@asynccontextmanager
async def set_up(scene: Scene, server: Server) -> AsyncIterator[Stage]:
    names = StallingNames()
    url, trusted = server.door(**scene.door) if scene.door else (server.url, None)
    engine = stubbed.make_engine(resolver=names, tls=trusted)
    first: dict[str, Any] = {"url": f"{url}/{scene.at}"}
    if scene.names_stall:
        first["url"] = first["url"].replace("127.0.0.1", "stalled.example")
    if "token" in scene.script:
        settings = stubbed.SETTINGS[scene.kind] | {"iam_url": first["url"]}
        first |= {"settings": settings, "secret": "k"}
    stage = Stage(scene, server, engine, first, names)
    try:
        yield stage
    finally:
        names.over.set()
        await engine.close()
