"""The assistant: what it says, and how long each part of it takes."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..audio import Speech
from ..wire.knobs import Knobs, choice, knob, number, seconds, switch, texts, whole
from . import vad
from .plans import ACKNOWLEDGEMENTS, INTERRUPTIONS, EndpointingRule

INF = float("inf")
LONG = 1e6
"""Seconds: more than any call lasts, which switches off what waits for it."""


@dataclass(frozen=True)
class Reply:
    """Something the assistant will say."""

    speech: str | Speech
    latency: float | None = None
    """Seconds from the end of the caller's words, as they arrive, to the first audio; None: what
    the assistant's latencies add up to."""
    spoken: bool = True
    """False: accepted by the voice and never spoken, as Vapi has been seen to do."""
    output: str | None = None
    """What the model puts out for it; None: its words."""

    @property
    def text(self) -> str:
        """Its words."""
        return self.speech if isinstance(self.speech, str) else self.speech.text


Answer = str | Speech | Reply | None
Script = (
    Sequence[str | Speech | Reply]
    | Callable[[str], Answer]
    | Callable[[str], Awaitable[Answer]]
    | Callable[[str], AsyncIterable[str | Reply]]
)

CLIENT_MESSAGES = (
    "conversation-update", "function-call", "hang", "speech-update", "status-update",
    "transfer-update", "transcript", "tool-calls", "user-interrupted", "workflow.node.started",
    "assistant.started",
)  # fmt: skip
"""Vapi's default without ``model-output`` and ``voice-input``."""

SPEAKS_FIRST = "assistant-speaks-first"
SPEAKS_WITH_MODEL = "assistant-speaks-first-with-model-generated-message"
WAITS_FOR_USER = "assistant-waits-for-user"
FIRST_MESSAGE_MODES = (SPEAKS_FIRST, SPEAKS_WITH_MODEL, WAITS_FOR_USER)

INTERRUPT_ORDERS = (
    "message, audio, stopped", "message, stopped, audio", "audio, message, stopped",
    "audio, stopped, message", "stopped, message, audio", "stopped, audio, message",
)  # fmt: skip


def _said(default: None) -> Any:
    return knob(
        default,
        "",
        "a text with words in it, speech, or None",
        lambda value: value is None or isinstance(value, Speech) or _has_words(value),
    )


def _has_words(value: object) -> bool:
    return isinstance(value, str) and bool(value.split())


def _script() -> Any:
    return knob(
        (),
        "",
        "a list of texts, speeches and replies, or a function of what was heard",
        lambda value: (
            callable(value)
            or (
                isinstance(value, Sequence)
                and not isinstance(value, str)
                and all(isinstance(entry, str | Speech | Reply) for entry in value)
            )
        ),
    )


def _label() -> Any:
    return knob("", "", "a text", lambda value: isinstance(value, str))


def _endpointing() -> Any:
    return knob(
        "final",
        "",
        "'final' or 'transcription', or a function of the transcript that returns seconds",
        lambda value: callable(value) or value in ("final", "transcription"),
    )


def _rules() -> Any:
    return knob(
        (),
        "",
        "endpointing rules in a list or a tuple",
        lambda value: (
            isinstance(value, list | tuple)
            and all(isinstance(rule, EndpointingRule) for rule in value)
        ),
    )


@dataclass
class Assistant(Knobs):
    """A scripted assistant; durations in seconds.

    The defaults follow one recorded call, Vapi's documented defaults and published measurements.
    A conversation reads most of them when it needs them, so that they may be turned during a call.

    Raises:
        AttributeError: on assignment, no such setting.
        ValueError: on assignment, a value outside its range.
        ModuleNotFoundError: on assignment, a voice detector that is not installed.
    """

    title = "vapi.assistant"

    first_message: str | Speech | None = _said(None)  # noqa: RUF009
    """Said first; None waits for the caller."""
    replies: Script = _script()  # noqa: RUF009
    """Said in turn, one after each final transcript; or a function of the transcript, which may be
    a coroutine (its time is the model's) or yield text piece by piece."""
    system_prompt: str = _label()
    """Leads the history, unless empty."""
    assistant_id: str = _label()
    """Goes with the assistant's transcripts, unless empty."""
    assistant_name: str = _label()
    """Goes with the assistant's transcripts, unless empty."""

    first_message_mode: str = choice(*FIRST_MESSAGE_MODES)
    """``firstMessageMode``: who begins. The second asks for a reply to nothing; the third says the
    first message after the caller's first words, without asking the model."""
    first_message_interruptions: bool = switch(True)
    """``firstMessageInterruptionsEnabled``; Vapi's own default is False."""
    first_message_delay: float = seconds(0.460, 0, LONG)
    """From the opening of the socket to the first audio of the first message."""
    first_message_after_final: float = seconds(0.056, 0, LONG)
    """From the caller's first final transcript to ``speech-update started``, when the caller
    begins; recorded."""
    in_progress_delay: float = seconds(0.140, 0, LONG)
    """From the opening of the socket to ``status-update in-progress``."""

    llm: float = seconds(0.350, 0, LONG)
    """From the end of the caller's turn to the model's first token."""
    token_every: float = seconds(0.0, 0, 60)
    """From one word of the model to the next; the voice begins when the first sentence is
    complete. 0: the whole reply at once."""
    tts: float = seconds(0.320, 0, LONG)
    """From text to the voice's first audio."""
    tts_speed: float = number(INF, "", 0.1, INF)
    """Seconds of audio that the voice makes in a second; below 1 there are gaps."""
    speech_rate: float = number(1.0, "", 0.25, 4.0)
    """How fast the voice speaks; 2 is twice as fast. For texts, not for speech with samples."""
    wait_seconds: float = seconds(0.4, 0, LONG)
    """``startSpeakingPlan.waitSeconds``: the least that passes before audio goes out."""
    wait_from: str = choice("final", "voice")
    """What ``wait_seconds`` counts from: the end of the caller's turn, so that it passes while the
    model thinks; or the voice's first audio, as a worked example of Vapi's documentation does."""
    started_before_audio: float = seconds(0.150, 0, LONG)
    """From ``speech-update started`` to the first audio."""
    stopped_after_audio: float = seconds(0.067, 0, LONG)
    """From the end of the audio to ``speech-update stopped``."""
    transcript_after_stopped: float = seconds(0.160, 0, LONG)
    """From ``speech-update stopped`` to the final transcript of the assistant."""
    assistant_partials: bool = switch(False)
    """Send cumulative partial transcripts of what the assistant says, as recorded."""
    assistant_partial_every: float = seconds(0.480, 0.02, LONG)
    """From one partial transcript of the assistant to the next."""
    assistant_partial_lag: float = seconds(0.296, 0, LONG)
    """How far those lag behind the audio; recorded."""

    vad: str = choice("energy", "webrtc")
    """What tells voice from silence: loudness, or WebRTC's detector (``simkit[vad]``)."""
    vad_threshold: float = number(0.5, "", 0, 1)
    """Loudness that counts as voice, 0 (-60 dBFS) to 1 (-10 dBFS)."""
    vad_mode: int = whole(2, 0, 3, "")
    """How strict WebRTC's detector is."""
    vad_hangover: float = seconds(0.0, 0, 2)
    """Silence that still counts as voice after it."""
    speech_started_after: float = seconds(0.360, 0, LONG)
    """From the onset of the caller's voice to ``speech-update started``."""
    partial_every: float = seconds(0.480, 0.02, LONG)
    """From one partial transcript to the next."""
    first_partial_after: float = seconds(0.690, 0, LONG)
    """From the onset to the first partial transcript."""
    final_after: float = seconds(0.620, 0, LONG)
    """From the end of the voice to the final transcript."""
    stopped_after: float = seconds(0.730, 0, LONG)
    """From the end of the voice to ``speech-update stopped``."""

    endpointing: str | Callable[[str], float] = _endpointing()  # noqa: RUF009
    """When the caller is taken to be done: with the final transcript; so many seconds later as
    ``transcriptionEndpointingPlan`` says by how the transcript ends; or as a function says."""
    on_punctuation_seconds: float = seconds(0.1, 0, 3)
    """After a transcript that ends with ``.``, ``?`` or ``!``."""
    on_no_punctuation_seconds: float = seconds(1.5, 0, 3)
    """After a transcript that ends without."""
    on_number_seconds: float = seconds(0.5, 0, 3)
    """After a transcript that ends with a number, in digits or English; sources disagree on 0.5 or
    0.4."""
    endpointing_rules: Sequence[EndpointingRule] = _rules()
    """``customEndpointingRules``; they come before ``endpointing``."""

    num_words: int = whole(0, 0, 1_000_000, "words")
    """``stopSpeakingPlan.numWords``: 0 interrupts on voice, more on that many transcribed words.
    Sources disagree whether Vapi's default is 0 or 2."""
    voice_seconds: float = seconds(0.2, 0, LONG)
    """``stopSpeakingPlan.voiceSeconds``: voice that interrupts, when ``num_words`` is 0."""
    acknowledgement_phrases: Sequence[str] = texts(*ACKNOWLEDGEMENTS)
    """Never interrupt by themselves; when ``num_words`` is not 0."""
    interruption_phrases: Sequence[str] = texts(*INTERRUPTIONS)
    """Always interrupt; when ``num_words`` is not 0."""
    backoff_seconds: float = seconds(1.0, 0, LONG)
    """``stopSpeakingPlan.backoffSeconds``: silence after an interruption."""
    interrupt_delay: float = seconds(0.0, 0, 10)
    """From the decision to interrupt to the first that is seen of it; published: 0.05 to 0.1."""
    interrupt_order: str = choice(*INTERRUPT_ORDERS)
    """In which order ``user-interrupted``, the last audio and ``speech-update stopped`` leave;
    unknown."""
    interrupt_gap: float = seconds(0.0, 0, 10)
    """From one of those three to the next."""
    audio_after_interrupt: int = whole(0, 0, 1_000_000, "frames")
    """Frames of the old reply that go out at once when its audio is stopped."""

    hang_after: float | None = seconds(5.0, 0.1, LONG, or_none=True)
    """From a final transcript to ``hang``, if no answer began: a notice of delay, not an end."""
    idle_messages: Sequence[str] = texts()
    """Said in turn when nobody spoke for ``idle_timeout``."""
    idle_timeout: float = seconds(7.5, 0.1, LONG)
    """Silence before an idle message."""
    idle_message_max: int = whole(3, 0, 1_000_000, "messages")
    """Idle messages in one silence of the caller."""
    silence_timeout: float | None = seconds(None, 0.1, LONG, or_none=True)
    """Silence that ends the call, ``silence-timed-out``; idle messages do not break it. Vapi's own
    default is 30."""
    max_duration: float | None = seconds(None, 0.1, LONG, or_none=True)
    """The call ends after that long, ``exceeded-max-duration``. Vapi's own default is 600."""
    client_messages: Sequence[str] = texts(*CLIENT_MESSAGES)
    """``clientMessages``: the types that the socket carries."""

    lead: float = number(0.0, "s", 0, INF)
    """Audio sent ahead of real time: 0 paces each frame, ``inf`` sends a reply at once. How far
    Vapi sends ahead is unknown."""
    frame: float = seconds(0.020, 0.001, 10)
    """Audio in a frame; Vapi's own size is unknown."""
    silence_frames: bool = switch(True)
    """Send silence while not speaking, as a continuous stream; unknown whether Vapi does."""
    tts_chunk: float = seconds(0.0, 0, 60)
    """Audio that comes at once, whenever the first of it is due, as some voices are made; 0: each
    frame by itself."""
    background_sound: str = choice("off", "office")
    """``backgroundSound``: what is heard under and between replies; Vapi's default on this
    transport is unknown."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "vad" and value == "webrtc":
            vad.webrtc(2)

    def loudness_to_energy(self, samples: int) -> float:
        """Return the sum of squares above which a block of samples counts as voice."""
        rms = 32768 * 10 ** ((self.vad_threshold * 50 - 60) / 20)
        return rms * rms * samples


def begun_as_ordered(assistant: Assistant, config: dict[str, Any]) -> Assistant:
    """Return an assistant that begins as ``POST /call`` says; itself, if that says nothing of it.

    An empty ``firstMessage`` is none.
    """
    settings: dict[str, Any] = {}
    text, mode = config.get("firstMessage"), config.get("firstMessageMode")
    if isinstance(text, str):
        settings["first_message"] = text if _has_words(text) else None
    if mode in FIRST_MESSAGE_MODES:
        settings["first_message_mode"] = mode
    return replace(assistant, **settings) if settings else assistant
