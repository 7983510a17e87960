"""P6 and P7: from a message that is sent to the other screen of its conversation; sockets at rest."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg

from apps.conversations import services
from apps.tenants.services import create_tenant
from benchmarks import procfs
from benchmarks.lab import PEERS, ROOT, Lab, Process, procfile, python
from benchmarks.measure import Chapter, Series, Turn, quantile, take_turns
from benchmarks.options import Options
from config import ports

RATES = (200, 600)
Say = Callable[[str], None]
CHANNELS_TABLE = """CREATE TABLE IF NOT EXISTS bench_message (
    id bigserial PRIMARY KEY, room text NOT NULL, body text NOT NULL)"""


@dataclass
class Server:
    """One contender's server, and its series by rate."""

    name: str
    role: Any
    way: str
    url: str
    process: Process
    rooms: list[str]
    series: dict[tuple[int, str], Series] = field(default_factory=dict)


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    rooms = _rooms(lab, options.size(500, 20))
    with _servers(lab, rooms) as servers:
        return [_delivery(servers, options, say), _rest(servers, options, say)]


def _rooms(lab: Lab, count: int) -> list[str]:
    tenant, _ = create_tenant("sockets", name="Sockets")
    return [
        f"{tenant.pk}/{view.id}/{view.customer_id}"
        for number in range(count)
        for view in [
            services.open_conversation(
                tenant.pk, external_id=f"c{number}", channel="web", owner="queue"
            ).conversation
        ]
    ]


@contextmanager
def _servers(lab: Lab, rooms: list[str]) -> Iterator[list[Server]]:
    with psycopg.connect(lab.url(PEERS), autocommit=True) as db:
        db.execute(CHANNELS_TABLE)
    plain = [str(number) for number in range(len(rooms))]
    bare = ("-m", "benchmarks.bare")
    channels = ("-m", "uvicorn", "--no-access-log", "--log-level", "error", "--port")
    with ExitStack() as stack:
        yield [
            stack.enter_context(_serving(lab, *one))
            for one in (
                ("Lockstep", "ours", "ours", lambda _: procfile("sockets"), rooms),
                ("bare websockets relay", "limit", "room",
                 lambda port: python(*bare, port, "echo"), plain),
                ("Redis PUBLISH to a bare socket", "limit", "redis",
                 lambda port: python(*bare, port, "redis"), plain),
                ("Channels as documented", "peer", "room",
                 lambda port: python(*channels, port, "benchmarks.peers.channels_chat:application"),
                 plain),
            )
        ]  # fmt: skip


@contextmanager
def _serving(
    lab: Lab,
    name: str,
    role: str,
    way: str,
    command: Callable[[str], Sequence[str]],
    rooms: list[str],
) -> Iterator[Server]:
    port = ports.any_free()
    variables = {"SOCKETS_PORT": str(port), "SOCKETS_PER_PERSON": "100000"}
    with lab.process(f"sockets-{port}", *command(str(port)), **variables) as process:
        process.wait_until(lambda: not ports.is_free(port))
        yield Server(name, role, way, f"ws://127.0.0.1:{port}", process, rooms)


@contextmanager
def _crowd(server: Server, **asked: Any) -> Iterator[Callable[[], dict[str, Any]]]:
    """A crowd that is connected; called, it does what was asked and gives its result."""
    about = {"way": server.way, "url": f"{server.url}/room", "rooms": server.rooms, **asked}
    command = [sys.executable, "-m", "benchmarks.crowd", json.dumps(about)]
    env = {**os.environ, "LOCKSTEP_SOCKETS_URL": server.url}
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as crowd:
        assert crowd.stdin is not None
        assert crowd.stdout is not None
        reader, writer = crowd.stdout, crowd.stdin
        if reader.readline() != "open\n":
            raise RuntimeError(f"{server.name}: the crowd did not get in")

        def go() -> dict[str, Any]:
            writer.write("\n")
            writer.flush()
            result: dict[str, Any] = json.loads(reader.readline())
            return result

        yield go
        crowd.kill()


def _delivery(servers: list[Server], options: Options, say: Say) -> Chapter:
    chapter = Chapter(
        "P6",
        "Message delivery: from the sender to the other screen",
        f"{2 * len(servers[0].rooms)} sockets, two a conversation; messages evenly over all of "
        "them. Lockstep and Channels store each message first. CPU is the server's own process.",
    )
    turns: list[Turn] = []
    for rate in RATES:
        for server in servers:
            for what, unit in (("p50", "ms"), ("p95", "ms"), ("p99", "ms"), ("CPU", "ms/message"),
                               ("lost", "‰")):  # fmt: skip
                name = f"{server.name}, {rate}/s: {what}"
                server.series[rate, what] = chapter.new(name, server.role, unit)
            turns.append((f"{server.name} at {rate}/s", partial(_talk, server, rate, options)))
    take_turns(turns, options.rounds, say)
    ours, *_, channels = servers
    chapter.at_most("p95 at 200/s", ours.series[200, "p95"], 20)
    chapter.at_most("p95 at 600/s", ours.series[600, "p95"], 100)
    for rate in RATES:
        chapter.at_most(f"lost at {rate}/s", ours.series[rate, "lost"], 0)
        theirs, own = channels.series[rate, "CPU"], ours.series[rate, "CPU"]
        chapter.ratio(f"CPU of Channels ÷ ours at {rate}/s", theirs, own, 3)
    return chapter


def _talk(server: Server, rate: int, options: Options) -> None:
    with _crowd(server, rate=rate, seconds=options.size(10, 1)) as go:
        before = _cpu(server)
        result = go()
        spent = _cpu(server) - before
    if result["disorder"]:
        raise RuntimeError(f"{server.name}: {result['disorder']} sockets saw disorder or doubles")
    delays = [1000 * one for one in result["delays"]]
    for what, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        server.series[rate, what].add(quantile(delays, share))
    server.series[rate, "CPU"].add(1000 * spent / result["sent"])
    server.series[rate, "lost"].add(1000 * (1 - result["got"] / (2 * result["sent"])))


def _rest(servers: list[Server], options: Options, say: Say) -> Chapter:
    chapter = Chapter(
        "P7",
        "Sockets at rest, and a storm of reconnects",
        "Sockets that are connected and silent: memory of the server's process a socket, and its "
        "CPU. Then all of them break at once and come back with their place.",
    )
    ours, bare = servers[0], servers[1]
    memory = {one.name: chapter.new(f"{one.name}: memory", one.role, "kB/socket")
              for one in (ours, bare)}  # fmt: skip
    cpu = chapter.new("Lockstep: CPU at rest", "ours", "% of a core")
    over = chapter.new("memory above the bare server's", "ours", "kB/socket")
    storm = chapter.new("storm: until all are back", "ours", "s")
    turns: list[Turn] = [
        ("at rest", partial(_stay, ours, bare, memory, [over, cpu, storm], options))
    ]
    take_turns(turns, options.rounds, say)
    chapter.at_most("memory above the bare server's", over, 40)
    chapter.at_most("storm", storm, 10)
    return chapter


def _stay(
    ours: Server, bare: Server, memory: dict[str, Series], more: list[Series], options: Options
) -> None:
    over, cpu, storm = more
    found = {}
    for server in (bare, ours):
        before = _usage(server)
        seconds = options.size(10, 1)
        with _crowd(server, rate=0, seconds=seconds, storm=server is ours) as go:
            at_rest = _usage(server)
            time.sleep(options.size(5, 1))
            spent = _cpu(server) - at_rest.cpu
            count = 2 * len(server.rooms)
            found[server.name] = (at_rest.rss - before.rss) / 1024 / count
            result = go()
        memory[server.name].add(found[server.name])
        if server is ours:
            storm.add(result["recovered_in"])
            cpu.add(100 * spent / options.size(5, 1))
    over.add(found[ours.name] - found[bare.name])


def _usage(server: Server) -> procfs.Usage:
    return max(procfs.tree(server.process.pid).values(), key=lambda one: one.rss)


def _cpu(server: Server) -> float:
    return sum(one.cpu for one in procfs.tree(server.process.pid).values())
