"""P6 and P7: from a message that is sent to the other screen of its conversation; sockets at rest.

Latency is measured at a fixed offered rate and from the time at which each message was due (open loop, so
that a contender that stalls cannot hide what it held up); throughput with every room busy (closed loop).
The crowd shares the machine with the server, for everybody alike.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
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
FLAT_OUT = 0
"""Instead of a rate: as many as go through."""
QUIET = 0.1  # of a core
SETTLED_IN = 60  # seconds at most
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


@dataclass
class _Rest:
    """What P7 finds."""

    memory: dict[str, Series]
    cpu: Series
    over: Series
    storm: Series
    missed: Series


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    rooms = _rooms(lab, options.size(2_500, 20))
    with _servers(lab, rooms[: options.size(500, 20)]) as servers:
        delivery = _delivery(servers, options, say)
    return [delivery, _rest(lab, rooms, options, say)]


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
    with ExitStack() as stack:
        yield [stack.enter_context(_serving(lab, *one)) for one in _contenders(rooms)]


def _contenders(rooms: list[str]) -> list[tuple[Any, ...]]:
    plain = [str(number) for number in range(len(rooms))]
    bare = ("-m", "benchmarks.bare")
    channels = ("-m", "uvicorn", "--no-access-log", "--log-level", "error", "--port")
    return [
        ("Lockstep", "ours", "ours", lambda _: procfile("sockets"), rooms),
        ("bare websockets relay", "limit", "room",
         lambda port: python(*bare, port, "echo"), plain),
        ("Redis PUBLISH to a bare socket", "limit", "redis",
         lambda port: python(*bare, port, "redis"), plain),
        ("Channels as documented", "peer", "room",
         lambda port: python(*channels, port, "benchmarks.peers.channels_chat:application"), plain),
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
    command = [sys.executable, "-m", "benchmarks.crowd"]
    env = {**os.environ, "LOCKSTEP_SOCKETS_URL": server.url}
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as crowd:
        assert crowd.stdin is not None
        assert crowd.stdout is not None
        reader, writer = crowd.stdout, crowd.stdin
        writer.write(f"{json.dumps(about)}\n")
        writer.flush()
        if reader.readline() != "open\n":
            raise RuntimeError(f"{server.name}: the crowd did not get in")

        def go() -> dict[str, Any]:
            writer.write("\n")
            writer.flush()
            result: dict[str, Any] = json.loads(reader.readline())
            return result

        yield go
        crowd.kill()
    _settle(server)


def _settle(server: Server) -> None:
    """Until it has worked off what it was sent: whoever comes next has the machine to themselves."""
    end = time.monotonic() + SETTLED_IN
    while time.monotonic() < end:
        before = _cpu(server)
        time.sleep(0.5)
        if _cpu(server) - before < QUIET * 0.5:
            return


def _delivery(servers: list[Server], options: Options, say: Say) -> Chapter:
    chapter = Chapter(
        "P6",
        "Message delivery: from the sender to the other screen",
        f"{2 * len(servers[0].rooms)} sockets, two a conversation; messages evenly over all of "
        "them, each timed from when it was due. Lockstep and Channels store each message first. "
        "CPU is the server's own process. Flat out: every conversation says the next message as "
        "soon as the last is on the other screen; the crowd has its part of the same two cores.",
    )
    turns: list[Turn] = []
    for rate in RATES:
        for server in servers:
            for what, unit in (("p50", "ms"), ("p95", "ms"), ("p99", "ms"), ("CPU", "ms/message"),
                               ("lost", "‰")):  # fmt: skip
                name = f"{server.name}, {rate}/s: {what}"
                server.series[rate, what] = chapter.new(name, server.role, unit)
            turns.append((f"{server.name} at {rate}/s", partial(_talk, server, rate, options)))
    for server in servers:
        name = f"{server.name}, flat out"
        server.series[FLAT_OUT, "sent"] = chapter.new(name, server.role, "messages/s")
        turns.append((name, partial(_chatter, server, options)))
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
    _check_order(server, result)
    delays = [1000 * one for one in result["delays"]]
    for what, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        server.series[rate, what].add(quantile(delays, share))
    server.series[rate, "CPU"].add(1000 * spent / result["sent"])
    server.series[rate, "lost"].add(1000 * (1 - result["got"] / (2 * result["sent"])))


def _chatter(server: Server, options: Options) -> None:
    seconds = options.size(10, 1)
    with _crowd(server, rate=0, flat_out=True, seconds=seconds) as go:
        result = go()
    _check_order(server, result)
    server.series[FLAT_OUT, "sent"].add(len(result["delays"]) / seconds)


def _rest(lab: Lab, rooms: list[str], options: Options, say: Say) -> Chapter:
    broken = options.size(2_000, 20)
    chapter = Chapter(
        "P7",
        "Sockets at rest, and a storm of reconnects",
        f"{2 * len(rooms)} sockets that are connected and silent, on a new process: its memory a "
        f"socket, and its CPU. Then {broken} of them break at once and come back with their place, "
        "while something is said in each of their conversations.",
    )
    found = _Rest(
        {name: chapter.new(f"{name}: memory", role, "kB/socket")
         for name, role, *_ in _contenders(rooms)[:2]},
        chapter.new("Lockstep: CPU at rest", "ours", "% of a core"),
        chapter.new("memory above the bare server's", "ours", "kB/socket"),
        chapter.new("storm: until all are back", "ours", "s"),
        chapter.new("storm: sockets that missed or doubled a message", "ours", "sockets"),
    )  # fmt: skip
    turns: list[Turn] = [("at rest", partial(_stay, lab, rooms, found, broken, options))]
    take_turns(turns, options.rounds, say)
    chapter.at_most("memory above the bare server's", found.over, 40)
    chapter.at_most("storm", found.storm, 10)
    chapter.at_most("missed or doubled in the storm", found.missed, 0)
    return chapter


def _stay(lab: Lab, rooms: list[str], found: "_Rest", broken: int, options: Options) -> None:
    memory = {}
    for contender in reversed(_contenders(rooms)[:2]):
        is_ours = contender[2] == "ours"
        with _serving(lab, *contender) as server:
            with _crowd(replace(server, rooms=server.rooms[:5]), rate=0, seconds=0) as go:
                go()  # a process that has met nobody has not loaded everything yet
            before = _usage(server)
            asked = {"seconds": options.size(5, 1), "storm": broken if is_ours else 0}
            with _crowd(server, rate=0, **asked) as go:
                _settle(server)  # what arrivals leave to be written is not rest
                at_rest = _usage(server)
                time.sleep(options.size(10, 1))
                spent = _cpu(server) - at_rest.cpu
                result = go()
        memory[server.name] = (at_rest.rss - before.rss) / 1024 / (2 * len(rooms))
        found.memory[server.name].add(memory[server.name])
        if is_ours:
            _check_order(server, result)
            found.cpu.add(100 * spent / options.size(10, 1))
            found.storm.add(result["recovered_in"])
            found.missed.add(result["missed"])
            found.over.add(memory[server.name] - memory["bare websockets relay"])


def _check_order(server: Server, result: dict[str, Any]) -> None:
    if result["disorder"]:
        raise RuntimeError(f"{server.name}: {result['disorder']} sockets saw disorder or doubles")


def _usage(server: Server) -> procfs.Usage:
    return max(procfs.tree(server.process.pid).values(), key=lambda one: one.rss)


def _cpu(server: Server) -> float:
    return sum(one.cpu for one in procfs.tree(server.process.pid).values())
