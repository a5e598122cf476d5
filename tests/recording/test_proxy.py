"""The recording proxy on real sockets: both legs pass through it unchanged, and are on disk."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

import pytest

from simkit.checks import CheckResult, run
from simkit.recording import Recording, read, replay
from simkit.vapi import HOST as VAPI_HOST
from simkit.wall import WallSimulation
from simkit.wall.address import BridgeAddress
from simkit.wall.bridge import uvicorn_command
from simkit.wall.child import Child, free_port

COMMAND = "from simkit.cli import main; main()"


@contextlib.contextmanager
def proxied(place: Path, app: str | None = None) -> Iterator[WallSimulation]:
    """A world whose every byte passes through ``simkit record``."""
    before, behind, vapi = free_port(), free_port(), free_port()
    with contextlib.ExitStack() as stack:
        sim = WallSimulation(bridge=f"http://127.0.0.1:{before}", patience=20.0)
        stack.enter_context(sim)
        environ = sim.environment | {"VAPI_URL": f"http://127.0.0.1:{vapi}"}
        bridge = Child(uvicorn_command(app, BridgeAddress("127.0.0.1", behind)), environ)
        stack.callback(bridge.end)
        until_up(behind)
        options = {
            "--output": str(place),
            "--bridge": f"http://127.0.0.1:{behind}",
            "--listen": f"127.0.0.1:{before}",
            "--vapi": sim.urls[VAPI_HOST],
            "--vapi-listen": f"127.0.0.1:{vapi}",
        }
        words = [word for option in options.items() for word in option]
        proxy = Child([sys.executable, "-c", COMMAND, "record", *words], {})
        stack.callback(proxy.end)
        yield sim
        proxy.end()
        assert (proxy.code, list(proxy.output)[-1]) == (0, f"1 calls recorded in {place}")


def until_up(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


async def short_call(sim: Any) -> str:
    # Sent at once, the reply has no gap of the machine's making.
    sim.vapi.assistant(first_message="Hello.", lead=inf)
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Hello.")
    await call.hangs_up(after=0.1)
    return str(call.sid)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Recording]:
    place = tmp_path_factory.mktemp("proxy") / "calls"
    with proxied(place) as sim:
        sid = sim.run(short_call)
        timeline = sim.finish()
    [folder] = place.iterdir()
    assert folder.name.endswith(sid)
    return timeline, read(folder)


def test_the_call_goes_through_both_doors(recorded: Any) -> None:
    timeline, _ = recorded
    assert [event.fields["text"] for event in timeline.of("hears")] == ["Hello."]
    assert not timeline.of("outside-world")
    assert not [event for event in timeline if event.kind == "warning"]


def test_the_recording_holds_both_legs(recorded: Any) -> None:
    timeline, recording = recorded
    for way, source, target in (
        (("twilio", "in"), "twilio", "bridge"),
        (("twilio", "out"), "bridge", "twilio"),
        (("vapi", "out"), "bridge", "vapi"),
    ):
        sent = sum(
            event.fields["frames"]
            for event in timeline.of("media")
            if (event.source, event.target) == (source, target)
        )
        assert abs(len(list(recording.frames(*way))) - sent) <= 3, way
    kinds = [e.message.get("event") for e in recording.events if e.leg == "vapi" and e.message]
    assert kinds[:3] == ["request", "response", "opened"]
    assert recording.messages("twilio", "in", "start")
    assert recording.messages("vapi", "out", "end-call")


def test_it_is_known_whose_vapis_side_is_and_no_key_is_kept(recorded: Any) -> None:
    _, recording = recorded
    assert [e.message["event"] for e in recording.events if e.leg == "call"] == ["ended"]
    [answer] = recording.messages("vapi", "in", "response")
    assert answer.message["body"]["transport"]["websocketCallUrl"].endswith("/[secret]")


def test_it_replays_as_it_went(recorded: Any) -> None:
    timeline, recording = recorded
    again = replay(recording)
    assert again.failure == ""
    assert {cause.kind for cause in again.divergence.causes} <= {"late", "early"}
    # What a busy machine did to the call is in the recording, and so in its replay; no more is.
    assert _broken(again.checks) <= _broken(run(timeline))


def _broken(checks: list[CheckResult]) -> set[str]:
    return {check.name for check in checks if not check.passed}
