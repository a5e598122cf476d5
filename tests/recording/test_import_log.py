"""From a log to a recording: what is inferred follows the stated rules."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from simkit.audio import voice
from simkit.recording import Recording, import_log, read, write

RECORDINGS = Path(__file__).parents[2] / "recordings"
NAMES = ("three-interruptions", "pricing-question")
START = 1704123456789


def epoch(*entries: tuple[int, str]) -> str:
    return "".join(f"[{START + t_ms}] {text}\n" for t_ms, text in entries)


def natural_ms(text: str) -> float:
    return voice.speak(text, random.Random(text)).duration * 1000


@pytest.fixture
def imported(tmp_path):
    """Import a log's text, return the recording."""

    def import_text(text: str) -> Recording:
        (tmp_path / "a.log").write_text(text)
        count = import_log(tmp_path / "a.log", tmp_path / "call")
        recording = read(tmp_path / "call")
        assert len(recording.events) == count
        return recording

    return import_text


def said(recording: Recording, leg) -> list[tuple[float, str]]:
    return [(event.t_ms, speaks.text) for event, speaks in recording.speech(leg)]


# The published logs


@pytest.fixture(scope="module")
def again(tmp_path_factory) -> dict[str, Recording]:
    """Both logs of the project, imported once more with the synthetic voice."""
    folder = tmp_path_factory.mktemp("again")
    for name in NAMES:
        import_log(RECORDINGS / "sources" / f"{name}.log", folder / name)
    return {name: read(folder / name) for name in NAMES}


def test_the_published_intervals_are_in_the_recording(again):
    call = again["three-interruptions"]
    starts = [t_ms for t_ms, _ in said(call, "agent")]
    partials = [event.t_ms for event in call.messages("vapi", "in", "transcript")][:2]
    clears = [event.t_ms for event in call.messages("twilio", "out", "clear")]
    assert partials[0] - starts[0] == 334.0
    assert partials[1] - starts[1] == 344.0
    assert [clear - partial for clear, partial in zip(clears, partials, strict=False)] == [22, 22]


def test_what_was_dropped_is_what_had_not_played(again):
    call = again["three-interruptions"]
    clears = call.messages("twilio", "out", "clear")
    unplayed = []
    for (event, speaks), clear in zip(call.speech("agent"), clears[:2], strict=False):
        played_ms = clear.t_ms - event.t_ms - 40
        unplayed.append(speaks.sound.samples / 8 - played_ms)
    assert unplayed == pytest.approx([2100, 1800], abs=0.125)


def shape(recording: Recording) -> list[tuple]:
    """What the events say, without instants, sound and words."""
    return sorted(
        (
            event.leg,
            str(event.direction),
            event.origin,
            sorted((k, v) for k, v in event.message.items() if k not in ("sound", "words")),
        )
        for event in recording.events
    )


def timed(recording: Recording) -> list[tuple]:
    return [(event.t_ms, event.leg, str(event.message.get("text"))) for event in recording.events]


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_recordings_say_what_their_logs_say(again, name):
    committed = read(RECORDINGS / name)
    assert shape(again[name]) == shape(committed)
    assert again[name].header.assistant == committed.header.assistant


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_recordings_say_it_at_the_same_instants(again, name):
    committed = read(RECORDINGS / name)
    assert timed(again[name]) == timed(committed)
    assert again[name].header == committed.header


# Rules


def test_the_first_thing_said_comes_after_a_second(imported):
    call = imported(epoch((0, 'TTS started: "Hello."'), (900, "Call ended")))
    assert said(call, "agent") == [(1000.0, "Hello.")]
    assert call.header.duration_ms == 1900.0


def test_the_caller_may_be_the_first(imported):
    call = imported(epoch((0, 'STT final: "hello there"')))
    assert said(call, "caller") == [(1000.0, "hello there")]
    [final] = call.messages("vapi", "in", "transcript")
    assert final.t_ms == pytest.approx(1000 + natural_ms("hello there") + 200)


def test_over_the_agent_the_voice_began_200_ms_before_the_partial(imported):
    call = imported(
        epoch((0, 'TTS started: "Hello."'), (500, 'STT partial: "wait"'), (1500, "Call ended"))
    )
    assert said(call, "caller") == [(1300.0, "wait")]


def test_otherwise_the_words_of_the_partial_were_said_before_it(imported):
    call = imported(
        epoch(
            (0, 'TTS started: "Hello."'),
            (300, "Buffer flushed: 0.5s audio dropped"),
            (2500, 'STT partial: "wait a moment"'),
        )
    )
    [(onset, _)] = said(call, "caller")
    assert onset == pytest.approx(3500 - 200 - natural_ms("wait a moment"), abs=0.125)


def test_a_final_without_a_partial_tells_when_the_voice_began(imported):
    call = imported(epoch((0, 'TTS started: "Hello."'), (4000, 'STT final: "yes please"')))
    [(event, speaks)] = call.speech("caller")
    assert event.t_ms == pytest.approx(5000 - 200 - natural_ms("yes please"), abs=0.125)
    assert speaks.sound.samples / 8 == pytest.approx(natural_ms("yes please"), abs=0.25)


def test_a_final_that_goes_on_where_the_partial_stopped_is_one_turn(imported):
    call = imported(
        epoch(
            (0, 'TTS started: "Hello."'),
            (500, 'STT partial: "Yeah thurs"'),
            (1500, 'STT final: "yeah, Thursday works"'),
        )
    )
    [(event, speaks)] = call.speech("caller")
    assert speaks.text == "yeah, Thursday works"
    assert event.t_ms + speaks.sound.samples / 8 == pytest.approx(2500 - 200, abs=0.25)


def test_another_text_is_another_turn(imported):
    call = imported(
        epoch(
            (0, 'TTS started: "Hello."'),
            (500, 'STT partial: "wait"'),
            (3000, 'STT final: "something else"'),
        )
    )
    assert [text for _, text in said(call, "caller")] == ["wait", "something else"]


def test_a_flush_tells_how_long_the_reply_was(imported):
    call = imported(
        epoch(
            (0, 'TTS started: "Your appointment"'),
            (340, "Buffer flushed: 2.0s audio dropped"),
            (5000, 'TTS started: "Goodbye."'),
        )
    )
    lengths = [speaks.sound.samples / 8000 for _, speaks in call.speech("agent")]
    assert lengths == pytest.approx([2.3, natural_ms("Goodbye.") / 1000], abs=0.001)


def test_without_an_end_the_call_ends_a_second_and_a_half_later(imported):
    call = imported(epoch((0, 'TTS started: "Hello."'), (700, 'STT partial: "hi"')))
    assert call.header.duration_ms == 1700 + 1500
    assert call.events[-1].message == {"event": "stop"}
    assert call.events[-1].origin == "inferred"


def test_a_chunk_without_a_text_is_speech_of_its_own(imported):
    call = imported(
        "14:23:41.287 [TTS] Chunk received (2.4KB)\n"
        "14:23:41.289 [AUDIO] Playing chunk 1/3\n"
        "14:23:41.521 [AUDIO] source.stop() called\n"
        "14:23:42.000 [TTS] Chunk received (2.4KB)\n"
    )
    assert said(call, "agent") == [
        (1000.0, "agent speech that the log does not tell"),
        (1713.0, "agent speech that the log does not tell"),
    ]


def test_where_each_event_comes_from_is_kept(imported):
    call = imported(
        epoch((0, 'TTS started: "Hello."'), (500, 'STT partial: "wait"'))
        + "# composed\n"
        + epoch((1500, 'STT final: "wait please"'), (3000, "Call ended"))
    )
    assert [(event.leg, event.origin) for event in call.events] == [
        ("agent", "log"),
        ("caller", "inferred"),
        ("vapi", "log"),
        ("vapi", "composed"),
        ("twilio", "composed"),
    ]


def test_words_or_voice_interrupted_the_agent_as_the_log_tells(imported, again):
    assert again["three-interruptions"].header.assistant["num_words"] == 1
    assert again["pricing-question"].header.assistant["num_words"] == 0
    assert again["pricing-question"].header.assistant["voice_seconds"] == pytest.approx(0.22)


def test_the_caller_s_sound_has_the_call_s_own_clock(again):
    call = again["three-interruptions"]
    sound = call.sounds["caller.flac"]
    assert len(sound) == 47 * 8000
    quiet = np.ones(len(sound), dtype=bool)
    for event, speaks in call.speech("caller"):
        assert speaks.sound.start == event.t_ms * 8
        quiet[speaks.sound.start : speaks.sound.start + speaks.sound.samples] = False
        assert np.any(call.sound(speaks.sound))
    assert not np.any(sound[quiet])


def test_the_same_log_gives_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        import_log(RECORDINGS / "sources" / "pricing-question.log", tmp_path / name)
    for file in ("call.jsonl", "caller.flac", "agent.flac"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_an_imported_recording_can_be_written_again(again, tmp_path):
    call = again["pricing-question"]
    write(tmp_path / "copy", call.header, call.events, call.sounds)
    assert timed(read(tmp_path / "copy")) == timed(call)
