"""The rule by itself, and the script beside it: on any state both choose alike."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.agents import matching
from apps.agents.matching import Candidate, Need, Rules
from apps.agents.services.state import scripts
from apps.agents.services.state.picking import pick
from apps.events.services import waking

NOW = 1_800_000_000_000
FAR = 2**52
TENANT = 987_654
AGENTS = [f"00000000-0000-7000-8000-00000000000{n}" for n in range(5)]
WORKS = [f"10000000-0000-7000-8000-00000000000{n}" for n in range(8)]
SKILLS = ("billing", "tax", "vip")
skills = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 5), max_size=3)
ago = st.integers(0, 200_000)


@st.composite
def candidates(draw: st.DrawFn, name: str) -> Candidate:
    opens = draw(st.sampled_from([0, NOW - 1, NOW, NOW + 1]))
    return Candidate(
        id=name,
        capacity=draw(st.integers(1, 4)) * 1000,
        load=draw(st.integers(0, 40)) * 100,
        skills=draw(skills),
        languages=draw(st.sampled_from([frozenset(), frozenset({"de"}), frozenset({"de", "en"})])),
        team=draw(st.sampled_from(["", "east", "west"])),
        weight=draw(st.integers(1, 3)),
        speed=draw(st.sampled_from([matching.UNKNOWN_SPEED, 1000, 2000])),
        matched_at=NOW - draw(ago),
        turn=draw(st.integers(0, 5)) * 500_000,
        online=draw(st.booleans()) or draw(st.booleans()),
        present_until=draw(st.sampled_from([FAR, NOW, NOW + 1, NOW - 1])),
        open_from=opens,
        open_until=draw(st.sampled_from([FAR, NOW, NOW + 1])),
        warm_until=draw(st.sampled_from([0, NOW + 1])),
    )


@st.composite
def needs(draw: st.DrawFn, name: str) -> Need:
    queued_at = NOW - draw(ago)
    return Need(
        id=name,
        queued_at=queued_at,
        order_at=matching.order_at(queued_at, draw(st.integers(0, 2)), step_ms=60_000),
        skills=draw(skills),
        language=draw(st.sampled_from(["", "de", "en"])),
        weight=draw(st.sampled_from([100, 500, 1000, 2000])),
        only_team=draw(st.sampled_from(["", "", "east"])),
        only_agent=draw(st.sampled_from(["", "", AGENTS[0], AGENTS[1]])),
        fallback_at=draw(st.sampled_from([0, NOW, NOW + 1, FAR])),
        sticky=draw(st.sampled_from(["", "", *AGENTS[:3]])),
        declined=draw(
            st.dictionaries(st.sampled_from(AGENTS), st.sampled_from([NOW - 1, NOW, NOW + 1]))
        ),
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Candidate], list[Need], Rules, int]:
    agents = [draw(candidates(name)) for name in AGENTS[: draw(st.integers(0, 5))]]
    works = [draw(needs(name)) for name in WORKS[: draw(st.integers(0, 8))]]
    rules = Rules(
        strategy=draw(st.sampled_from(sorted(matching.RANKING))),
        relax=draw(st.sampled_from([(), ((30_000, 1), (60_000, 2), (120_000, 5))])),
        sticky_ms=draw(st.sampled_from([0, 30_000])),
        warm_gap_ms=90_000,
    )
    return agents, works, rules, draw(st.sampled_from([0, 1_000_000]))


def load(agents: list[Candidate], works: list[Need], clock: int) -> None:
    """Put a situation into Redis, field by field as the copies are."""
    client, base = waking.client(), scripts.base(TENANT)
    stale = list(client.scan_iter(f"{base}:*"))
    with client.pipeline() as pipe:
        if stale:
            pipe.delete(*stale)
        pipe.set(f"{base}:warm", 1)
        pipe.set(f"{base}:turn", clock)
        for one in agents:
            speaks = "\n" + "\n".join(sorted(one.languages)) + "\n" if one.languages else ""
            fields: dict[str, Any] = {
                "v": 1, "cap": one.capacity, "load": one.load, "ready": int(one.online),
                "from": one.open_from, "to": one.open_until, "until": one.present_until,
                "warm": one.warm_until, "last": one.matched_at, "turn": one.turn,
                "share": one.weight, "speed": one.speed, "team": one.team, "langs": speaks,
            }  # fmt: skip
            fields |= {f"s:{name}": level for name, level in one.skills.items()}
            pipe.hset(f"{base}:agent:{one.id}", mapping=fields)
            pipe.sadd(f"{base}:room", one.id)
        for need in works:
            fields = {
                "v": 1, "queued": need.queued_at, "weight": need.weight, "lang": need.language,
                "skills": "\n".join(f"{name}={level}" for name, level in need.skills.items()),
                "team": need.only_team, "agent": need.only_agent, "fallback": need.fallback_at,
                "sticky": need.sticky, "order": need.order_at, "fence": 0,
                "declined": "\n".join(f"{name}={at}" for name, at in need.declined.items()),
            }  # fmt: skip
            pipe.hset(f"{base}:work:{need.id}", mapping=fields)
            pipe.zadd(f"{base}:queue", {need.id: need.order_at})
        pipe.execute()


@pytest.fixture(scope="module", autouse=True)
def _clean() -> Iterator[None]:
    yield
    client = waking.client()
    for key in client.scan_iter(f"{scripts.base(TENANT)}:*"):
        client.delete(key)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(situations())
def test_the_script_and_the_rule_choose_alike(
    situation: tuple[list[Candidate], list[Need], Rules, int],
) -> None:
    agents, works, rules, clock = situation
    load(agents, works, clock)
    expected = matching.match(works, agents, NOW, rules, clock=clock)
    found = pick(TENANT, rules, now=NOW)
    assert [(str(one.work), str(one.agent)) for one in found.picks] == [
        (one.work, one.agent) for one in expected
    ]
    fences = [one.fence for one in found.picks]
    assert fences == sorted(set(fences))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(situations())
def test_nobody_exceeds_their_capacity_and_work_has_one_agent(
    situation: tuple[list[Candidate], list[Need], Rules, int],
) -> None:
    agents, works, rules, clock = situation
    found = matching.match(works, agents, NOW, rules, clock=clock)
    weights = {one.id: one.weight for one in works}
    assert len({one.work for one in found}) == len(found)
    for agent in agents:
        given_out = sum(weights[one.work] for one in found if one.agent == agent.id)
        assert given_out == 0 or agent.load + given_out <= agent.capacity


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(situations())
def test_nobody_waits_whom_somebody_with_room_could_serve(
    situation: tuple[list[Candidate], list[Need], Rules, int],
) -> None:
    agents, works, rules, clock = situation
    found = {one.work: one.agent for one in matching.match(works, agents, NOW, rules, clock=clock)}
    known = {one.id: one for one in agents}
    for work in sorted(works, key=lambda one: (one.order_at, one.id)):
        if work.id in found:
            agent = known[found[work.id]]
            known[agent.id], clock = matching.assigned(agent, work, NOW, clock)
    left = [work for work in works if work.id not in found]
    assert matching.match(left, known.values(), NOW, rules, clock=clock) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(situations(), st.randoms())
def test_the_order_of_asking_changes_nothing(
    situation: tuple[list[Candidate], list[Need], Rules, int], random: Any
) -> None:
    agents, works, rules, clock = situation
    expected = matching.match(works, agents, NOW, rules, clock=clock)
    random.shuffle(agents)
    random.shuffle(works)
    assert matching.match(works, agents, NOW, rules, clock=clock) == expected


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 7200), st.integers(1, 3600))
def test_whoever_waits_long_enough_is_first(mine: int, theirs: int, later: int, step: int) -> None:
    """However urgent others are: after a bounded time nobody who comes is put before me."""
    bound = 100 * step
    me = matching.order_at(0, mine, step_ms=step)
    other = matching.order_at(bound + 1 + later, theirs, step_ms=step)
    assert me < other


def test_a_slot_goes_round_by_shares() -> None:
    agents = [Candidate(AGENTS[0], 100_000, weight=2), Candidate(AGENTS[1], 100_000, weight=1)]
    works = [Need(f"{n:02}", n, n) for n in range(9)]
    rules = Rules(strategy="weighted_round_robin")
    found = [one.agent for one in matching.match(works, agents, NOW, rules)]
    assert found.count(AGENTS[0]) == 6
    assert found.count(AGENTS[1]) == 3


def test_who_was_away_does_not_catch_up() -> None:
    rules = Rules(strategy="weighted_round_robin")
    agents = [Candidate(AGENTS[0], 100_000, turn=50_000_000), Candidate(AGENTS[1], 100_000)]
    works = [Need(f"{n:02}", n, n) for n in range(4)]
    found = [one.agent for one in matching.match(works, agents, NOW, rules, clock=49_000_000)]
    assert found.count(AGENTS[0]) == 2
