"""The list of a stack's processes."""

import os
import re
import socket
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from apps.events.services import reshard
from config import embedded, kept, stack
from tests.ports import quiet

ROOT = Path(__file__).resolve().parents[2]
DOORS = stack.Ports(8000, 8001, 8002, 8003, 8004)


@pytest.fixture
def workers(tmp_path, monkeypatch, db):
    monkeypatch.setattr(settings, "VAR_DIR", tmp_path)
    monkeypatch.delenv("LOCKSTEP_SHARDS", raising=False)
    call_command("prepare")
    return stack.workers(tmp_path)


@pytest.fixture
def everything(workers, tmp_path, monkeypatch):
    monkeypatch.delenv("CLEARING_URL", raising=False)
    monkeypatch.delenv("NLU_STUBS_URL", raising=False)
    doors = [stack.web(DOORS), stack.sockets(DOORS)]
    clearing = stack.clearing(tmp_path, DOORS)
    stubs = stack.nlu_stubs(tmp_path, DOORS)
    return [*doors, *workers, stack.beat(), stack.flower(DOORS), *clearing, *stubs]


def procfile():
    lines = (ROOT / "Procfile").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if not line.startswith("#"))


def test_the_procfile_names_the_same_processes(everything):
    assert list(procfile()) == ["release", *(spec.name for spec in everything)]


def test_the_procfile_gives_workers_the_same_queues(workers):
    for spec in workers:
        queues = spec.command[spec.command.index("-Q") + 1]
        assert re.search(r"-Q (\S+)", procfile()[spec.name])[1] == queues


def test_every_shard_of_the_map_has_a_worker(tmp_path, workers):
    assert [spec.name for spec in workers] == ["shard0", "shard1", "nlu", "housekeeping"]
    reshard(4)
    call_command("prepare")

    names = [spec.name for spec in stack.workers(tmp_path)]
    assert names == ["shard0", "shard1", "shard2", "shard3", "nlu", "housekeeping"]


def test_more_workers_can_be_asked_for_before_the_map_uses_them(tmp_path, workers, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_SHARDS", "3")
    call_command("prepare")

    assert "shard2" in [spec.name for spec in stack.workers(tmp_path)]


def test_no_shard_waits_for_servers_of_others(workers):
    queues = {spec.name: spec.command[spec.command.index("-Q") + 1].split(",") for spec in workers}
    pools = {spec.name: spec.command[spec.command.index("-P") + 1] for spec in workers}

    assert queues["nlu"] == ["nlu.0", "nlu.1"]
    assert not [one for one in queues["shard0"] + queues["shard1"] if one.startswith("nlu")]
    assert pools == {"shard0": "solo", "shard1": "solo", "nlu": "threads", "housekeeping": "solo"}


def test_no_provider_is_stood_in_for_where_there_are_others(tmp_path, monkeypatch):
    monkeypatch.setenv("NLU_STUBS_URL", "http://127.0.0.1:9")
    found = stack.environment(tmp_path, DOORS, embedded.Urls("", ""))

    assert stack.nlu_stubs(tmp_path, DOORS) == []
    assert found["NLU_STUBS_URL"] == "http://127.0.0.1:9"


def test_doors_close_after_the_clock_and_before_the_workers(everything):
    ranks = {spec.name: spec.stop_rank for spec in everything}

    assert ranks["beat"] < ranks["web"] == ranks["sockets"] < ranks["shard0"]


def test_a_stop_at_its_slowest_stays_below_15_seconds(everything):
    slowest = {}
    for spec in everything:
        slowest[spec.stop_rank] = max(spec.grace, slowest.get(spec.stop_rank, 0))

    assert sum(slowest.values()) < 15


def test_taken_ports_are_passed_over():
    web = quiet()
    with socket.create_server(("127.0.0.1", web)):
        doors = stack.choose_ports(web)

    assert web not in doors
    assert len(set(doors)) == len(doors)


def test_processes_find_servers_and_doors_in_their_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/lockstep")
    monkeypatch.delenv("FLOWER_BASIC_AUTH", raising=False)
    found = stack.environment(tmp_path, DOORS, embedded.Urls("", "redis://:x@127.0.0.1:1/0"))

    assert found["DATABASE_URL"] == "postgres://elsewhere/lockstep"
    assert found["REDIS_URL"] == "redis://:x@127.0.0.1:1/0"
    assert found["LOCKSTEP_SOCKETS_URL"] == "ws://127.0.0.1:8001"
    assert found["LOCKSTEP_FLOWER_URL"] == "http://127.0.0.1:8002"
    assert found["FLOWER_BASIC_AUTH"] == f"flower:{(tmp_path / 'flower_password').read_text()}"
    assert found["PATH"] == os.environ["PATH"]


def test_no_clearing_is_simulated_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEARING_URL", "https://clearing.example")
    found = stack.environment(tmp_path, DOORS, embedded.Urls("", ""))

    assert stack.clearing(tmp_path, DOORS) == []
    assert found["CLEARING_URL"] == "https://clearing.example"


def test_the_simulator_and_we_share_a_secret(tmp_path, monkeypatch):
    monkeypatch.delenv("CLEARING_URL", raising=False)
    monkeypatch.delenv("CLEARING_SECRET", raising=False)
    found = stack.environment(tmp_path, DOORS, embedded.Urls("", ""))

    assert found["CLEARING_URL"] == "http://127.0.0.1:8003"
    assert found["CLEARING_SECRET"] == (tmp_path / "clearing_secret").read_text()


def test_flowers_own_variable_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "someone:something")

    assert stack.flower_login(tmp_path) == "someone:something"


def test_no_password_is_among_the_arguments(tmp_path):
    login = stack.flower_login(tmp_path)

    assert login.split(":")[1] not in " ".join(stack.flower(DOORS).command)


def test_a_secret_is_made_once_and_private(tmp_path):
    first = kept.secret(tmp_path / "one")

    assert kept.secret(tmp_path / "one") == first
    assert kept.secret(tmp_path / "two") != first
    assert (tmp_path / "one").stat().st_mode & 0o077 == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one", "two"]
