"""Whatever is done with a call at whatever moment: it ends once, and nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.websockets import WebSocketDisconnect

from simkit import Simulation
from simkit.twilio import CallFailed, CallFlow, NotInProgress
from simkit.twilio.twiml import StreamOrder
from tests.twilio.program import BASE, CONNECT, HOST, NUMBER, Program

LATENCY_NS = 20_000_000
STATUS = f'statusCallback="{BASE}/status"'
DOCUMENTS = [
    CONNECT + "<Say>Bye.</Say>",
    f'<Connect action="/next"><Stream url="/media" {STATUS}/></Connect>',
    '<Start><Stream url="/media" name="tap" track="both_tracks"/></Start><Pause length="3"/>',
    '<Gather input="dtmf speech" timeout="2" action="/next"><Say>Yes?</Say></Gather>',
    '<Say loop="2">Please hold.</Say><Redirect>/next</Redirect>',
    '<Play digits="1w2"/><Stop><Stream name="tap"/></Stop><Hangup/>',
    '<Connect><Stream url="/nothing"/></Connect><Reject/>',
    "<Redirect>/failing</Redirect>",
]
ACTIONS = [
    "hang up", "complete", "cancel", "redirect", "replace", "start stream", "stop stream",
    "press", "speak", "server closes", "reset",
]  # fmt: skip


async def act(sim: Simulation, program: Program, flow: CallFlow, action: str) -> None:
    call = sim.twilio.calls[0]
    try:
        if action == "hang up":
            flow.hang_up("caller")
        elif action == "complete":
            flow.complete()
        elif action == "cancel":
            flow.cancel()
        elif action == "redirect":
            flow.redirect(f"{BASE}/next", "GET")
        elif action == "replace":
            flow.replace(f"<Response>{CONNECT}</Response>")
        elif action == "start stream":
            flow.start_stream(StreamOrder(f"wss://{HOST}/media", status_callback=f"{BASE}/status"))
        elif action == "stop stream":
            await flow.stop_stream("tap")
        elif action == "press":
            flow.press("1")
        elif action == "speak" and call.ear is not None:
            await call.says("yes please", wait=False)
        elif action == "server closes" and program.sockets:
            # It may have closed already, or have been told that Twilio has.
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await program.sockets[-1].close()
        elif action == "reset":
            sim.link("twilio", HOST).reset_after(100)
            await asyncio.sleep(0.02)
            sim.link("twilio", HOST).reset_after(None)
    except (NotInProgress, CallFailed):
        pass


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(DOCUMENTS), min_size=1, max_size=3),
    st.booleans(),
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.01, 0.02, 0.04, 0.3, 1.5]), st.sampled_from(ACTIONS)),
        max_size=7,
    ),
)
def test_it_ends_once_and_nothing_of_it_is_left(documents, outbound, actions):
    with Simulation(0) as sim:
        program = Program(sim)
        for document in documents:
            program.says(document, "/voice/inbound")
            program.says(document, "/next")
        program.says("", "/failing", status=500)

        async def main() -> None:
            if outbound:
                sim.twilio.person("+15550123", answers_after=0.5)
                sim.twilio.create_call(
                    to="+15550123",
                    from_=NUMBER,
                    url=f"{BASE}/next",
                    status_callback=f"{BASE}/status",
                )
            else:
                sim.twilio.number(
                    NUMBER, voice_url=f"{BASE}/voice/inbound", status_callback=f"{BASE}/status"
                )
                sim.twilio.rings(to=NUMBER)
            flow = sim.twilio.flows[0]
            for delay, action in actions:
                await asyncio.sleep(delay)
                await act(sim, program, flow, action)
            flow.hang_up("caller")
            await asyncio.wait_for(flow.ended.wait(), 1.5)
            await asyncio.sleep(20)

        sim.run(main())
        left = [task.get_name() for task in asyncio.all_tasks(sim.loop)]
        assert not [name for name in left if name.startswith("twilio")]
        assert sim.timeline.of("unhandled-error") == []
        (ended,) = sim.timeline.of("ended")
        assert not [
            e for e in sim.timeline.of("media") if e.fields["last_ns"] > ended.t_ns + LATENCY_NS
        ]
        final = [asked for asked in program.of("/status") if "CallDuration" in asked.params]
        assert len(final) <= 1
        starts = sum(message["event"] == "start" for message in program.received)
        assert len(program.closed_with) == len(program.sockets)
        assert starts <= len(program.sockets)
