"""The example bridge in Node.js, in real time."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from simkit.scenarios import Scenario, play
from simkit.wall import WallSimulation
from simkit.wire.http import fetch

FOLDER = Path(__file__).parents[2] / "examples" / "node-bridge"
NPM_CI = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Path:
    """A copy of the bridge with its dependency."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js is not installed")
    copy = tmp_path_factory.mktemp("node") / "bridge"
    shutil.copytree(FOLDER, copy)
    if not (copy / "node_modules" / "ws").is_dir():
        try:
            done = subprocess.run(NPM_CI, cwd=copy, capture_output=True, text=True, timeout=30)
        except subprocess.TimeoutExpired:
            pytest.skip("npm ci is not done after 30 s")
        if done.returncode:
            pytest.skip(f"npm ci failed: {done.stderr.strip().splitlines()[-1:]}")
    return copy / "server.js"


@pytest.fixture
def world(server) -> Iterator[WallSimulation]:
    with WallSimulation() as world:
        world.serve(["node", str(server)])
        yield world


async def a_short_call(sim):
    """The caller speaks at once, is answered, interrupts and is answered again."""
    sim.vapi.open_delay = 0.2
    sim.vapi.assistant(
        replies=["We have tables at six, at seven and at eight.", "Goodbye."],
        final_after=0.1,
        llm=0.1,
        tts=0.1,
        wait_seconds=0.0,
        lead=60.0,
        silence_frames=False,
    )
    call = await sim.twilio.call(to="+15550100")
    await call.says("a table", seconds=0.4)
    await call.hears("We have tables")
    await call.says("wait", seconds=0.3)
    await call.hears("Goodbye.")
    await call.hangs_up()


def test_it_carries_a_call_and_keeps_every_promise(world):
    outcome = play(Scenario("short", a_short_call, ("vapi",), 20.0), world)
    assert outcome.failure == ""
    assert [check.sentence for check in outcome.checks if check.failed] == []
    assert len(outcome.timeline.of("clear")) == 1
    assert outcome.barge_ins[0].tail_ms is not None
    assert world.run(forged_request(world)) == 403
    assert world.run(world.twilio.forges("replayed", to="+15550100", replays=1)) == 403
    assert world.run(world.twilio.forges_stream("used-token", of=1, says="hello")) == 1000


async def forged_request(world) -> int:
    url = f"http://127.0.0.1:{world.environment['PORT']}/voice/inbound"
    answer = await fetch(
        "POST",
        url,
        headers=[
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("X-Twilio-Signature", "bm90IG91cnM="),
        ],
        body=b"CallSid=CA" + b"0" * 32,
    )
    return answer.status


def test_its_lock_file_names_no_place_to_load_from():
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []
    assert "://" not in (FOLDER / "package-lock.json").read_text()
