"""The supervisor over toy processes, each a line of shell."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from config import embedded, ports, watchdog
from config.supervisor import Console
from tests.ports import quiet
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
SLEEP = "exec sleep 1000"
DEAF = "trap '' TERM; echo deaf; while :; do sleep 1000; done"


class Toys:
    """A running toy supervisor and what it has said."""

    def __init__(self, directory, specs, **environment):
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(ROOT / "tests/config/toy_stack.py"),
                str(directory),
                json.dumps(specs),
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self.process.stdout as output:
            self.lines.extend(line.rstrip("\n") for line in output)

    def says(self, pattern, timeout=120):
        """Wait for a line, and return the match."""
        find = re.compile(pattern).search
        return wait_until(lambda: next(filter(None, map(find, list(self.lines))), None), timeout)

    def pid_of(self, name):
        """The pid that a toy told with `echo pid $$`."""
        return int(self.says(rf"^{name} +\| pid (\d+)")[1])

    def everyone(self):
        """All processes below the supervisor, watchdog included."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, timeout=120):
        """Wait for the end and return the exit code."""
        code = self.process.wait(timeout)
        self._reader.join(timeout)
        return code


@pytest.fixture
def toys(tmp_path):
    """Starts toy supervisors; none outlives the test."""
    started = []

    def start(*specs, directory=tmp_path, **environment):
        started.append(Toys(directory, [toy(**spec) for spec in specs], **environment))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            everyone = one.everyone()
            one.process.kill()
            for process in everyone:
                with suppress(psutil.NoSuchProcess):  # the watchdog was faster
                    if process.name() != "python":  # that one ends by itself
                        process.kill()
        one.end()


def toy(shell="", name="toy", **spec):
    return {"name": name, "command": ["/bin/sh", "-c", shell], **spec}


def gone(processes):
    """All have ended: not there, or dead and not yet collected by their new parent."""
    return all(map(_has_ended, processes))


def _has_ended(process):
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it went between the two questions
        return True


def test_lines_carry_the_name_and_go_to_a_log_file(toys, tmp_path):
    one = toys(
        {"name": "talker", "shell": f"echo hello; printf 'wörld\\377\\n' >&2; {SLEEP}"},
        {"name": "b", "shell": f"printf 'no line end'; exec >&-; exec 2>&-; {SLEEP}"},
    )
    one.says("no line end")
    one.says("wörld")
    one.process.terminate()
    one.end()

    assert "talker       | hello" in one.lines
    assert "b            | no line end" in one.lines
    assert "\x1b" not in "".join(one.lines)
    assert (tmp_path / "log" / "talker.log").read_text() == "hello\nwörld�\n"


def test_a_terminal_gets_colours_unless_they_are_unwanted(tmp_path, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for wanted in (True, False):
        ours, terminal = os.openpty()
        console = Console(terminal, tmp_path)
        console.line("web", "hello")
        console.close()
        assert (b"\x1b[" in os.read(ours, 1_000)) is wanted
        os.close(terminal)
        os.close(ours)
        monkeypatch.setenv("NO_COLOR", "1")
    assert (tmp_path / "web.log").read_text() == "hello\nhello\n"


def test_a_lost_terminal_does_not_end_the_log(tmp_path):
    reader, screen = os.pipe()
    os.close(reader)
    console = Console(screen, tmp_path)
    for text in ("one", "two"):
        console.line("web", text)
    console.close()
    os.close(screen)

    assert (tmp_path / "web.log").read_text() == "one\ntwo\n"


def test_what_a_paused_terminal_missed_is_said_when_it_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("config.supervisor.console.LINES_WAITING_MAX", 10)
    reader, screen = os.pipe()
    os.set_blocking(screen, False)
    with suppress(BlockingIOError):
        while True:
            os.write(screen, b"-")  # until the pipe is full: it is paused from the start
    os.set_blocking(screen, True)
    console = Console(screen, tmp_path)
    many = 30
    for _ in range(many):
        console.line("web", "x")
    with os.fdopen(reader) as lines:
        first = lines.readline()
        while console._waiting.qsize():
            lines.readline()
        console.line("web", "on we go")
        console.close()
        os.close(screen)
        rest = lines.read()

    assert re.search(r"-web +\| x\n$", first)
    assert re.search(r"… \d+ lines are only in .*\nweb +\| on we go\n$", rest)
    assert len((tmp_path / "web.log").read_text().splitlines()) == many + 1


def test_nobody_waits_for_a_reader_of_the_screen(tmp_path):
    shell = "yes | head -n 50000; echo done > {}/done; exec sleep 1000"
    specs = [toy(shell.format(tmp_path))]
    script = str(ROOT / "tests/config/toy_stack.py")
    with subprocess.Popen(
        [sys.executable, script, str(tmp_path), json.dumps(specs)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    ) as unread:
        wait_until((tmp_path / "done").exists, 120)
        unread.terminate()
        assert unread.wait(120) == 0


def test_logs_are_rotated(tmp_path, monkeypatch):
    monkeypatch.setattr("config.supervisor.console.LOG_BYTES_MAX", 1_000)
    with Path(os.devnull).open("wb") as screen:
        console = Console(screen.fileno(), tmp_path)
        for _ in range(500):
            console.line("web", "x" * 99)
        console.close()

    sizes = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert sorted(sizes) == ["web.log", "web.log.1", "web.log.2"]
    assert max(sizes.values()) <= 1_000


def test_a_crash_is_explained_and_restarted_with_growing_pauses(toys):
    one = toys(
        {"name": "failing", "shell": "echo trying; exit 3"},
        {"name": "killed", "shell": "kill -KILL $$"},
        {"name": "fine", "shell": SLEEP},
    )

    one.says(r"up +\| failing exited with 3; starts again in 1 s")
    one.says(r"up +\| failing exited with 3; starts again in 2 s")
    one.says(r"up +\| killed was killed by SIGKILL; starts again in 1 s")
    assert one.lines.count("failing      | trying") >= 2
    assert not any("fine" in line for line in one.lines)


def test_a_process_that_was_killed_runs_again(toys):
    one = toys({"shell": f"echo pid $$; {SLEEP}"})
    first = one.pid_of("toy")
    os.kill(first, signal.SIGKILL)

    wait_until(lambda: len([line for line in one.lines if "pid" in line]) == 2)
    assert f"toy          | pid {first}" == one.lines[1]


def test_what_a_crashed_process_left_behind_ends_before_it_starts_again(toys):
    one = toys({"shell": "sleep 1000 & echo pid $!; exit 1"})
    orphan = one.pid_of("toy")

    one.says("starts again")
    assert not psutil.pid_exists(orphan) or gone([psutil.Process(orphan)])


def test_an_orderly_stop_goes_rank_by_rank_and_exits_with_0(toys):
    polite = "trap 'echo bye; exit' TERM; echo here; while :; do sleep 0.05; done"
    one = toys(
        {"name": "last", "shell": polite, "stop_rank": 2, "ready_text": "here"},
        {"name": "first", "shell": polite, "stop_rank": 0, "ready_text": "here"},
        {"name": "middle", "shell": polite, "stop_rank": 1, "ready_text": "here"},
    )
    one.says("READY")
    everyone = one.everyone()
    one.process.terminate()

    assert one.end() == 0
    assert gone(everyone)
    assert [line.split()[0] for line in one.lines if line.endswith("bye")] == [
        "first",
        "middle",
        "last",
    ]
    assert one.lines[-1] == "STOPPED"


def test_ctrl_c_in_a_terminal_reaches_only_the_supervisor(toys):
    one = toys({"shell": f"echo pid $$; {SLEEP}"})

    assert os.getpgid(one.pid_of("toy")) != os.getpgid(one.process.pid)
    one.process.send_signal(signal.SIGINT)
    assert one.end() == 0


def test_the_deaf_are_killed_when_their_grace_is_over(toys):
    one = toys({"shell": DEAF, "grace": 0.5, "ready_text": "deaf"})
    one.says("READY")
    everyone = one.everyone()
    one.process.terminate()

    assert one.end(timeout=120) == 0
    assert gone(everyone)


def test_a_second_ctrl_c_does_not_wait_for_the_grace(toys):
    one = toys({"shell": DEAF, "grace": 1000, "ready_text": "deaf"})
    one.says("READY")
    everyone = one.everyone()
    one.process.send_signal(signal.SIGINT)
    one.says("stopping")
    one.process.send_signal(signal.SIGINT)

    assert one.end(timeout=120) == 0
    assert gone(everyone)


def test_nothing_outlives_a_killed_supervisor(toys):
    one = toys(
        {"name": "plain", "shell": f"echo here; {SLEEP}", "ready_text": "here"},
        {"name": "deaf", "shell": DEAF, "ready_text": "deaf"},
        {
            "name": "parent",
            "shell": "sleep 1000 & sleep 1000 & echo here; wait",
            "ready_text": "here",
        },
    )
    one.says("READY")
    everyone = one.everyone()
    assert len(everyone) >= 6
    one.process.kill()

    wait_until(lambda: gone(everyone), watchdog.GRACE + 60)


def test_a_killed_watchdog_is_replaced_and_the_new_one_knows_everyone(toys):
    one = toys({"shell": f"echo here; {SLEEP}", "ready_text": "here"})
    one.says("READY")

    def watchdogs():
        return [
            process
            for process in one.everyone()
            if process.status() != psutil.STATUS_ZOMBIE and watchdog.__file__ in process.cmdline()
        ]

    (first,) = watchdogs()
    first.kill()
    wait_until(lambda: [process for process in watchdogs() if process.pid != first.pid])
    everyone = one.everyone()
    one.process.kill()
    wait_until(lambda: gone(everyone))


def test_a_gated_command_does_not_start_when_its_starter_dies_first(tmp_path):
    witness = tmp_path / "it-ran"
    gated = subprocess.Popen(watchdog.gated(["touch", str(witness)]), stdin=subprocess.PIPE)
    gated.stdin.close()
    assert gated.wait(120) != 0
    assert not witness.exists()

    gated = subprocess.Popen(watchdog.gated(["touch", str(witness)]), stdin=subprocess.PIPE)
    watchdog.open_gate(gated)
    assert gated.wait(120) == 0
    assert witness.exists()


def test_ready_means_that_every_address_answers(toys):
    web, socket = quiet(), quiet()
    serve = f"exec {sys.executable} -m http.server --bind 127.0.0.1"
    one = toys(
        {"name": "web", "shell": f"{serve} {web}", "ready_url": f"http://127.0.0.1:{web}/"},
        {"name": "socket", "shell": f"{serve} {socket}", "ready_url": f"tcp://127.0.0.1:{socket}"},
    )

    one.says("READY")
    assert not ports.is_free(web)
    assert not ports.is_free(socket)


def test_an_address_that_answers_with_an_error_is_not_ready(toys):
    web = quiet()
    serve = f"exec {sys.executable} -m http.server --bind 127.0.0.1 {web}"
    one = toys({"shell": serve, "ready_url": f"http://127.0.0.1:{web}/not-there"})

    one.says("404")
    one.says("404")
    assert "READY" not in one.lines


def test_a_second_supervisor_is_told_about_the_first(toys):
    one = toys({"shell": SLEEP})
    one.says("READY")
    two = toys({"shell": SLEEP})

    assert two.end() == 1
    assert f"pid {one.process.pid}" in two.lines[0]
    assert "already running" in two.lines[0]
    assert one.process.poll() is None


def test_the_next_supervisor_waits_until_a_killed_one_is_cleaned_up(toys):
    one = toys({"shell": f"trap '' TERM; echo pid $$; {SLEEP}"})
    deaf = psutil.Process(one.pid_of("toy"))
    one.says("READY")
    one.process.kill()
    one.process.wait()
    two = toys({"shell": SLEEP})

    two.says("READY")
    assert gone([deaf])


@pytest.fixture
def var(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    path = Path(tempfile.mkdtemp(prefix="lockstep-test-"))
    path.chmod(0o755)
    yield path
    embedded.erase(path)
    shutil.rmtree(path)


def service_pids(var):
    services = json.loads((var / "services.json").read_text())
    return [psutil.Process(services[name]["pid"]) for name in ("postgres", "valkey")]


def test_own_servers_are_kept_alive_and_stopped_at_the_end(toys, var):
    one = toys({"shell": SLEEP}, directory=var, SERVICES="1")
    one.says("READY")
    service_pids(var)[1].kill()
    one.says("valkey died; starts again")
    wait_until(lambda: embedded.missing(var) == [])
    one.process.terminate()

    assert one.end() == 0
    assert embedded.missing(var) == ["postgres", "valkey"]


def test_own_servers_do_not_outlive_a_killed_supervisor(toys, var):
    one = toys({"shell": SLEEP}, directory=var, SERVICES="1")
    one.says("READY")
    one.process.kill()

    wait_until(lambda: embedded.missing(var) == ["postgres", "valkey"])
    assert "database system is shut down" in (var / "log" / "postgres.log").read_text()


def test_servers_of_someone_else_are_used_and_left_running(toys, var):
    embedded.start(var)
    one = toys({"shell": SLEEP}, directory=var, SERVICES="1")
    one.says("READY")
    one.process.terminate()

    assert one.end() == 0
    assert embedded.missing(var) == []
