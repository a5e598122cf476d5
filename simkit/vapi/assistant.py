"""The assistant: what it says, and how long each part of it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

from ..audio import Speech


@dataclass(frozen=True)
class Reply:
    """Something the assistant will say."""

    speech: str | Speech
    latency: float | None = None
    """Seconds from the end of the caller's words, as they arrive, to the first audio; None: what
    the assistant's latencies add up to."""


Script = Sequence[str | Speech | Reply] | Callable[[str], str | None]


@dataclass
class Assistant:
    """A scripted assistant; durations in seconds.

    The defaults follow one recorded call, Vapi's documented defaults and published measurements;
    ``vapi.md`` of the reference says which is which.

    Raises:
        ValueError: on assignment, a value outside its range.
    """

    first_message: str | Speech | None = None
    """Said first; None waits for the caller."""
    replies: Script = field(default_factory=list)
    """Said in turn, one after each final transcript; or a function of the transcript."""

    first_message_delay: float = 0.460
    """From the opening of the socket to the first audio of the first message."""
    in_progress_delay: float = 0.140
    """From the opening of the socket to ``status-update in-progress``."""
    llm: float = 0.350
    tts: float = 0.320
    wait_seconds: float = 0.4
    """``startSpeakingPlan.waitSeconds``."""
    started_before_audio: float = 0.150
    """From ``speech-update started`` to the first audio."""
    stopped_after_audio: float = 0.067
    """From the end of the audio to ``speech-update stopped``."""
    transcript_after_stopped: float = 0.160

    vad_threshold: float = 0.5
    """Loudness that counts as voice, 0 (-60 dBFS) to 1 (-10 dBFS)."""
    speech_started_after: float = 0.360
    """From the onset of the caller's voice to ``speech-update started``."""
    partial_every: float = 0.480
    first_partial_after: float = 0.690
    """From the onset to the first partial transcript."""
    final_after: float = 0.620
    """From the end of the voice to the final transcript."""
    stopped_after: float = 0.730
    """From the end of the voice to ``speech-update stopped``."""

    num_words: int = 0
    """``stopSpeakingPlan.numWords``: 0 interrupts on voice, more on that many transcribed words."""
    voice_seconds: float = 0.2
    """``stopSpeakingPlan.voiceSeconds``: voice that interrupts, when ``num_words`` is 0."""
    backoff_seconds: float = 1.0
    """``stopSpeakingPlan.backoffSeconds``: silence after an interruption."""
    audio_after_interrupt: int = 0
    """Frames of the old reply that still follow ``user-interrupted``; the order is unknown."""

    lead: float = 0.0
    """Audio sent ahead of real time: 0 paces each frame, ``inf`` sends a reply at once."""
    frame: float = 0.020
    silence_frames: bool = True
    """Send silence while not speaking, as a continuous stream."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _NAMES:
            raise AttributeError(f"no assistant setting {name!r}; there are: {', '.join(_NAMES)}")
        if name == "silence_frames":
            if not isinstance(value, bool):
                raise ValueError(f"assistant {name}: True or False, found {value!r}")
        elif name == "first_message":
            if not isinstance(value, str | Speech | None):
                raise ValueError(f"assistant {name}: a text or speech, found {value!r}")
        elif name == "replies":
            if isinstance(value, str) or not (isinstance(value, Sequence) or callable(value)):
                raise ValueError(f"assistant {name}: a list or a function, found {value!r}")
        else:
            low, high = _RANGES.get(name, (0.0, 1e6))
            kinds = int if name in _COUNTS else (int, float)
            right = isinstance(value, kinds) and not isinstance(value, bool)
            if not right or not low <= value <= high:  # type: ignore[operator]
                kind = "whole number" if name in _COUNTS else "number"
                raise ValueError(
                    f"assistant {name}: a {kind} from {low:g} to {high:,g}, found {value!r}"
                )
        super().__setattr__(name, value)

    def reply_to(self, heard: str, number: int) -> Reply | None:
        """Return what to say after the ``number``-th final transcript (from 0), if anything."""
        if callable(self.replies):
            said: str | Speech | Reply | None = self.replies(heard)
        else:
            said = self.replies[number] if number < len(self.replies) else None
        return said if said is None or isinstance(said, Reply) else Reply(said)

    def loudness_to_energy(self, samples: int) -> float:
        """Return the sum of squares above which a block of samples counts as voice."""
        rms = 32768 * 10 ** ((self.vad_threshold * 50 - 60) / 20)
        return rms * rms * samples


_COUNTS = ("num_words", "audio_after_interrupt")
_RANGES = {
    "vad_threshold": (0.0, 1.0),
    "frame": (0.001, 10.0),
    "partial_every": (0.020, 1e6),
    "lead": (0.0, float("inf")),
}
_NAMES = tuple(entry.name for entry in fields(Assistant))
