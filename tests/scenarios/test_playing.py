"""Playing a scenario: right bridges pass, wrong ones fail it, useless ones are told of in time."""

from __future__ import annotations

import threading

import pytest

from simkit.network.serve import AppError
from simkit.scenarios import REGISTRY, NotApplicable, find, scenario, simulate
from simkit.scenarios.patience import Hung, at_most
from tests.scenarios import apps
from tests.scenarios.wrong import wrong
from tests.zoo import bridges


@pytest.mark.parametrize("name", REGISTRY)
def test_simkits_own_bridge_passes(name):
    outcome = simulate(find(name))
    assert (outcome.failure, [c.sentence for c in outcome.checks if not c.passed]) == ("", [])
    assert outcome.passed
    assert len(outcome.ear) == len(outcome.mouth) > 8000


@pytest.fixture
def door():
    """A scenario that looks for a door which the bridge does not have."""

    async def finds_no_door(sim):
        """Somebody comes to the door."""
        call = await sim.twilio.call(to="+15550100")
        raise NotApplicable(f"no door at /ws: 404, {call.status}")

    scenario(waives={"agent-audio-intact": "nobody listens"})(finds_no_door)
    yield "finds-no-door"
    del REGISTRY["finds-no-door"]


def test_what_a_bridge_does_not_offer_is_told_and_its_calls_end(door):
    outcome = simulate(find(door))
    assert outcome.inapplicable == "no door at /ws: 404, in-progress"
    assert outcome.failure == ""
    assert outcome.timeline.of("ended")


def test_a_waived_check_may_be_broken_and_says_why(door):
    outcome = simulate(find(door), app=wrong(bridges.SharesAgentAudio))
    waived = {check.name: check.waived for check in outcome.checks if check.waived}
    assert waived == {"agent-audio-intact": "nobody listens"}


def test_the_same_seed_gives_the_same_timeline():
    first, second = (simulate(find("barge-in"), seed=3).timeline for _ in range(2))
    assert str(first) == str(second)


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (apps.app(), "the caller did not hear 'Good morning"),
        (apps.app(apps.says_nothing_to_do), "its TwiML ended before anything was connected"),
        (apps.app(apps.only_pauses), "the caller did not hear 'Good morning"),
        (apps.app(apps.never_answers), "call 1 to +15550100 was not connected: read: timed out"),
        (apps.app(apps.sleeps_for_days), "not over after 300 s"),
        (apps.app(apps.polls_without_waiting), "livelock at 0.060000 s of virtual time"),
        (apps.app(lifespan=apps.starts_never), "deadlock at 0.000000 s of virtual time"),
        (apps.app(lifespan=apps.starts_by_polling), "virtual time passed the limit of 360 s"),
    ],
)
def test_a_useless_app_is_told_of_and_never_hangs_the_run(app, reason):
    outcome = simulate(find("greeting"), app=app)
    assert reason in outcome.failure
    assert not outcome.passed


def test_an_app_that_computes_for_ever_is_given_up_in_real_time():
    app = apps.app(apps.computes_for_ever)
    outcome = simulate(find("greeting"), app=app, real_limit=0.6)
    assert outcome.failure.startswith("no end after 0.6 s of real time, at scenarios/apps.py:")


def test_so_is_one_that_computes_in_a_thread():
    try:
        outcome = simulate(
            find("greeting"), app=apps.app(apps.computes_in_a_thread), real_limit=0.6
        )
    finally:
        apps.STOP.append(True)
    assert outcome.failure.startswith("no end after 0.6 s of real time, at scenarios/apps.py:")
    assert outcome.failure.endswith("in computes_in_a_thread")


def test_so_is_one_that_computes_as_it_is_made():
    def make():
        while True:
            pass

    outcome = simulate(find("greeting"), app=make, real_limit=0.6)
    assert outcome.failure.endswith(f"in {make.__qualname__}")


def test_a_program_that_is_clearing_up_is_interrupted_behind_that():
    cleared = []

    class Slow:
        def __del__(self):
            cleared.append(sum(range(5_000_000)))

    def clear_up_and_go_on():
        Slow()
        while True:
            pass

    with pytest.raises(Hung), at_most(0.02):
        clear_up_and_go_on()
    assert cleared


def test_so_is_one_that_computes_as_it_is_imported(tmp_path, monkeypatch):
    (tmp_path / "computes_at_import.py").write_text("while True:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        AppError, match=r"computes_at_import:app': no end after 0\.6 s of real time"
    ):
        simulate(find("greeting"), app="computes_at_import:app", real_limit=0.6)


def test_in_another_thread_there_is_no_limit_in_real_time():
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(simulate(find("cold-start"))))
    thread.start()
    thread.join()
    assert outcomes[0].passed
