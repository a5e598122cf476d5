"""Scenarios in which the caller makes a sound, or leaves, while the agent speaks."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta

from ..twilio import Call
from ..vapi import Reply
from ..world import BRIDGE_HOST, TWILIO_LATENCY, World
from .registry import Count, Seconds, expect, leaves, scenario, understood

NUMBER = "+15550100"
OFFER = (
    "Your appointment is scheduled for Tuesday at 3 PM with Doctor Smith at the downtown office, "
    "and you should be there ten minutes early."
)
GREETING = "Good morning, what can I do for you?"
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

ACCOUNT = (
    "The blue one is our best seller. It holds two litres, keeps water hot for six hours and cold "
    "for a whole day, and does not leak, whichever way you carry it. The lid is made of steel, and "
    "so is the body, with a rubber ring between them that you can replace yourself. It comes with "
    "two cups, a brush, and a strap to carry it by. We send it on the day on which you order it, "
    "and you may send it back within a month, for whatever reason, at our expense. We have it in "
    "blue, in green, in grey and in white, and from the first of next month on in black, too."
)

LOGGED = (
    ("Your appointment is scheduled for Tuesday at three.", None, True, "wait", 0.35),
    ("Would you like Thursday instead, at ten?", 0.62, True, "yeah thursday works", 1.1),
    (
        "Great. I have Thursday at ten thirty, or Thursday at four, with Doctor Smith. Which one "
        "suits you better?", 0.9, False, "the later one please", 1.2,
    ),
    (
        "Thursday at four it is. You will get a text message with the address of the downtown "
        "office. Please bring your insurance card, and a list of the medicine you take.", 1.2,
        True, "sorry what about parking", 1.6,
    ),
    (
        "There is a garage right behind the building. We pay for the first two hours.", 1.0,
        False, "good and how long does it take", 1.9,
    ),
    ("A first visit takes about forty minutes.", 1.1, False, "okay that works for me", 1.4),
    ("Is there anything else I can do for you?", 1.1, False, "no that is all thank you", 1.5),
    ("You are welcome. See you on Thursday at four. Goodbye.", 1.0, False, "bye bye", 0.6),
)  # fmt: skip
"""What the agent says; so many seconds after the caller's last word; whether it is interrupted;
what the caller says then, and for how long. The log ends after two replies, the rest is made up."""
_VOICE_TOLD = 0.32
"""From the agent's first sound at the bridge to Vapi's word of a caller who speaks at once."""

Share = Annotated[float, Meta(ge=0, le=1)]
Announcement = Literal["appointment", "product"]
Stammer = Literal["wait no actually", "wait wait wait"]
Moment = Literal["sent", "played", "over"]

_SENT_AT_ONCE = {"lead": 60.0, "silence_frames": False}


@scenario(
    variants=[
        {},
        _SENT_AT_ONCE,
        {"late_frames": 25},
        {"at": 0.334, **_SENT_AT_ONCE},
        {"announcement": "product", "at": 8.0, **_SENT_AT_ONCE},
    ]
)
async def barge_in(
    sim: World,
    *,
    announcement: Announcement = "appointment",
    at: Seconds = 0.0,
    lead: Seconds = 0.0,
    silence_frames: bool = True,
    late_frames: Count = 0,
) -> Call:
    """The caller interrupts an announcement with another wish.

    What Twilio has queued goes on playing unless it is told to ``clear``, and what Vapi has sent
    (``lead`` seconds ahead of time, or ``late_frames`` after it stopped) is still on its way. The
    caller speaks ``at`` so many seconds of an appointment, or of half a minute about a product; at
    0 it is when the day was heard. A right bridge clears at once and passes nothing of the old
    reply on; the new one is heard.
    """
    sim.vapi.assistant(
        first_message=ACCOUNT if announcement == "product" else OFFER,
        replies=["Thursday it is."],
        lead=lead,
        silence_frames=silence_frames,
        audio_after_interrupt=late_frames,
    )
    call = await sim.twilio.call(to=NUMBER)
    if at:
        await call.hears_sound()
        await call.stays_silent(at)
    else:
        await call.hears("blue one" if announcement == "product" else "Tuesday at 3 PM")
    await call.says("wait, can we do Thursday instead?")
    await call.hears("Thursday it is.")
    await leaves(call)
    return call


@scenario()
async def three_interruptions(
    sim: World, *, first: Seconds = 0.334, second: Seconds = 0.344, third: Seconds = 4.3
) -> Call:
    """A call of 47 seconds in which the caller interrupts three times, as one was logged.

    Vapi tells of the caller 334 and 344 ms after a reply's ``first`` and ``second`` sound reached
    the bridge, as early as may be, with two seconds of it still to be heard, and later a ``third``
    time. A right bridge flushes each time: the agent falls silent at once, and what is heard next
    is the next reply.
    """
    moments = iter((first, second, third))
    sim.vapi.assistant(
        first_message=LOGGED[0][0],
        replies=[Reply(text, latency=latency) for text, latency, *_ in LOGGED[1:]],
        final_after=0.3,
        backoff_seconds=0.5,
        **_SENT_AT_ONCE,
    )
    call = await sim.twilio.call(to=NUMBER)
    for reply, _, interrupts, words, lasts in LOGGED:
        if interrupts:
            await call.hears_sound()
            await call.stays_silent(max(0.0, next(moments) - _VOICE_TOLD))
        else:
            await call.hears(reply)
            await call.stays_silent(0.8)
        await call.says(words, seconds=lasts)
        await call.hears_silence(0.2)
    await leaves(call)
    count = len(call.barge_ins)
    expect(
        count == 3, f"the caller interrupted three times, and {count} times while hearing the agent"
    )
    return call


@scenario(variants=[{"words": words} for words in get_args(Stammer)])
async def rapid_interrupts(sim: World, *, words: Stammer = "wait no actually") -> Call:
    """ "Wait... no... actually" or "wait, wait, wait", within half a second.

    Three onsets of voice and several transcripts tell of one interruption. A right bridge makes one
    ``clear`` and one new turn of it, and is in its right mind afterwards.
    """
    sim.vapi.assistant(first_message=TABLES, replies=["Yes?"], lead=60.0, silence_frames=False)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("We have a table")
    first, second, last = words.split()
    await call.says(first, seconds=0.12)
    await call.stays_silent(0.05)
    await call.says(second, seconds=0.1)
    await call.stays_silent(0.05)
    await call.says(last, seconds=0.18)
    await call.hears("Yes?")
    await leaves(call)
    clears, turns = len(sim.timeline.of("clear")), understood(sim)
    expect(clears <= 1, f"the bridge sent {clears} clears for one reply")
    expect(turns == [words], f"the caller said {words!r} in one turn, Vapi understood {turns}")
    return call


@scenario(variants=[{"latency": latency} for latency in (TWILIO_LATENCY, 0.08, 0.15)])
async def second_barge_in(sim: World, *, latency: Seconds = TWILIO_LATENCY) -> Call:
    """The caller interrupts, a new reply starts, and the caller interrupts that one, too.

    The echoes of marks that the first ``clear`` flushed are still on their way (``latency`` seconds
    from Twilio) when the new reply begins, and look like echoes of its own. A right bridge stops
    the agent both times.
    """
    if latency != TWILIO_LATENCY:
        sim.link("twilio", BRIDGE_HOST).latency = latency
    # Keeps both replies over 200 ms apart in the ear: a shorter pause is none.
    sim.twilio.settings.play_out_buffer = 0.2
    sim.vapi.assistant(
        first_message=TERMS,
        replies=[Reply(POLICY, latency=0.05), Reply("All right.", latency=1.0)],
        final_after=0.05,
        started_before_audio=0.0,
        voice_seconds=0.15,  # which "wait" has, however quietly it is said
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


@scenario(needs=("vapi",), variants=[{"threshold": threshold} for threshold in (0.3, 0.5, 0.6)])
async def false_positive(sim: World, *, threshold: Share = 0.5) -> Call:
    """A door slams, a dog barks, the caller coughs, types and breathes.

    None of it is a word, and Vapi's detector (``threshold``: 0 is -60 dBFS, 1 is -10 dBFS) takes
    none of it for one. A right bridge lets the agent go on.
    """
    # A burst of 180 ms may be loud in ten blocks of 20 ms, which is all that Vapi looks at.
    sim.vapi.assistant(first_message=REMINDER, vad_threshold=threshold, voice_seconds=0.3)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Your appointment")
    for name, level in NOISES.items():
        await call.makes_noise(name, level=level)
        await call.stays_silent(0.5)
    await call.hears("insurance card with you.")
    await leaves(call)
    expect(all(u.whole for u in call.heard.utterances), "the agent was cut short")
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
    expect(all(u.whole for u in call.heard.utterances), "the agent was cut short")
    return call


@scenario(variants=[{"moment": moment} for moment in get_args(Moment)])
async def late_partial(sim: World, *, moment: Moment = "sent", late: Seconds = 0.4) -> Call:
    """What the caller says is transcribed late, when the agent has sent its last audio.

    Mobile networks delay the first words of an interruption by some 400 ms. By then all of the
    reply may be ``sent`` and still be playing; it may have been ``played`` a moment ago; or it was
    ``over`` before the caller began, and nobody is interrupted. A right bridge clears in the first
    case, as it knows what is still playing, does not in the last, and harms the next reply in none.
    """
    sim.vapi.assistant(
        first_message=TABLES if moment == "sent" else GREETING,
        replies=["At eight it is."],
        num_words=1,  # words interrupt, as they come, and voice alone does not
        first_partial_after=0.69 + late,
        speech_started_after=0.69 + late,
        lead=60.0,
        silence_frames=False,
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("We have a table" if moment == "sent" else "what can I")
    if moment == "over":
        await call.hears("for you?")
        await call.stays_silent(0.3)
    began = sim.now
    await call.says("wait at eight would be best", seconds=1.8)
    await call.hears("At eight it is.")
    await leaves(call)
    said = [u for u in call.heard.utterances if u.text][-1]
    expect(said.text == "At eight it is." and said.whole, f"the caller heard {said.text!r} last")
    if moment == "sent":
        heard = [u.end for u in call.heard.utterances if u.start < began][-1] - began
        most = 0.69 + late + 0.5
        expect(heard <= most, f"the agent went on for {heard:.2f} s, {most:.2f} s are enough")
    elif moment == "over":
        cleared = sim.timeline.of("clear")
        expect(not cleared, "the bridge sent a clear, and nobody had been interrupted")
    return call
