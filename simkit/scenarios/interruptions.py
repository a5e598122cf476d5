"""Scenarios in which the caller makes a sound, or leaves, while the agent speaks."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ..twilio import Call
from ..vapi import Reply
from ..world import BRIDGE_HOST, TWILIO_LATENCY, World
from .registry import Count, Seconds, expect, leaves, scenario

NUMBER = "+15550100"
OFFER = (
    "Your appointment is scheduled for Tuesday at 3 PM with Doctor Smith at the downtown office, "
    "and you should be there ten minutes early."
)
TABLES = "We have a table at six, at seven, at a quarter past eight and at nine in the evening."
TERMS = "Let me read you the terms and conditions from the very beginning to the very end, " * 2
POLICY = "Then let me read you the privacy policy instead, which is every bit as long as that."
REMINDER = (
    "Your appointment is on Tuesday at three in the afternoon with Doctor Smith at the downtown "
    "office, and you should be there ten minutes early to fill in the forms, so please bring your "
    "insurance card with you."
)
NOISES = {"door_slam": -10.0, "dog": None, "cough": -10.0, "keyboard": None, "breathing": None}
"""Each with its loudness in dBFS, where it is to be louder than such a noise is."""

Share = Annotated[float, Meta(ge=0, le=1)]


@scenario()
async def barge_in(
    sim: World, *, lead: Seconds = 0.0, silence_frames: bool = True, late_frames: int = 0
) -> Call:
    """The caller interrupts an appointment's announcement with another wish.

    What Twilio has queued goes on playing unless it is told to ``clear``, and what Vapi has sent
    (``lead`` seconds ahead of time, or ``late_frames`` after it stopped) is still on its way. A
    right bridge clears at once and passes nothing of the old reply on; the new one is heard.
    """
    sim.vapi.assistant(
        first_message=OFFER,
        replies=["Thursday it is."],
        lead=lead,
        silence_frames=silence_frames,
        audio_after_interrupt=late_frames,
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Tuesday at 3 PM")
    await call.says("wait, can we do Thursday instead?")
    await call.hears("Thursday it is.")
    await leaves(call)
    return call


@scenario()
async def rapid_interrupts(sim: World) -> Call:
    """ "Wait... no... actually" within half a second.

    Three onsets of voice and several transcripts tell of one interruption. A right bridge makes one
    ``clear`` and one new turn of it, and is in its right mind afterwards.
    """
    sim.vapi.assistant(first_message=TABLES, replies=["Yes?"], lead=60.0, silence_frames=False)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("We have a table")
    await call.says("wait", seconds=0.12)
    await call.stays_silent(0.05)
    await call.says("no", seconds=0.1)
    await call.stays_silent(0.05)
    await call.says("actually", seconds=0.18)
    await call.hears("Yes?")
    await leaves(call)
    return call


@scenario()
async def second_barge_in(sim: World, *, latency: Seconds = TWILIO_LATENCY) -> Call:
    """The caller interrupts, a new reply starts, and the caller interrupts that one, too.

    The echoes of marks that the first ``clear`` flushed are still on their way (``latency`` seconds
    from Twilio) when the new reply begins, and look like echoes of its own. A right bridge stops
    the agent both times.
    """
    if latency != TWILIO_LATENCY:
        sim.link("twilio", BRIDGE_HOST).latency = latency
    # Keeps both replies over 200 ms apart in the ear: a shorter pause is none.
    sim.twilio.settings.play_out_buffer = 0.15
    sim.vapi.assistant(
        first_message=TERMS,
        replies=[Reply(POLICY, latency=0.05), Reply("All right.", latency=1.0)],
        final_after=0.05,
        started_before_audio=0.0,
        interrupt_delay=0.0,
        interrupt_gap=0.0,
        lead=60.0,
        silence_frames=False,
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("terms and conditions")
    await call.says("wait", seconds=0.25)
    await call.hears("the privacy policy")
    await call.says("no stop", seconds=0.4)
    await call.hears("All right.")
    await leaves(call)
    return call


@scenario(needs=("vapi",))
async def false_positive(sim: World, *, threshold: Share = 0.5) -> Call:
    """A door slams, a dog barks, the caller coughs, types and breathes.

    None of it is a word, and Vapi's detector (``threshold``: 0 is -60 dBFS, 1 is -10 dBFS) takes
    none of it for one. A right bridge lets the agent go on.
    """
    sim.vapi.assistant(first_message=REMINDER, vad_threshold=threshold)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Your appointment")
    for name, level in NOISES.items():
        await call.makes_noise(name, level=level)
        await call.stays_silent(0.5)
    await call.hears("insurance card with you.")
    await leaves(call)
    expect([u.whole for u in call.heard.utterances] == [True], "the agent was cut short")
    return call


@scenario()
async def backchannel(sim: World, *, words: Count = 2) -> Call:
    """The caller says "uh-huh" and "okay" while the agent speaks, to show that they listen.

    Vapi waits for so many ``words`` before it takes what is said for an interruption, but it does
    tell of the voice and sends the transcripts. A right bridge leaves the judgement to it: the
    agent goes on.
    """
    sim.vapi.assistant(first_message=REMINDER, num_words=words)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Your appointment")
    await call.says("uh-huh", seconds=0.4, directed=False)
    await call.hears("downtown office")
    await call.says("okay", seconds=0.35, directed=False)
    await call.hears("insurance card with you.")
    await leaves(call)
    return call
