"""The agent: what it says, and when it listens, answers and gives way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

from ..audio import Speech
from ..vapi.assistant import Reply

Answer = str | Speech | Reply | None
Script = Sequence[str | Speech | Reply] | Callable[[str], Answer]


@dataclass
class Agent:
    """A scripted agent; durations in seconds.

    A client may change some of this for its own session, where the service lets it.

    Raises:
        AttributeError: on assignment, no such setting.
        ValueError: on assignment, a value outside its range.
    """

    first_message: str | Speech | None = None
    """Said first, unless the caller was heard before; None: what is asked for takes a reply."""
    replies: Script = field(default_factory=list)
    """Said in turn; or a function of what was heard, which may return None to say nothing."""

    latency: float = 0.5
    """From the end of the caller's turn, or from being asked, to the first audio of the reply."""
    speed: float = 4.0
    """Seconds of speech sent in a second; 1 is real time, ``inf`` sends a reply at once."""
    chunk: float = 0.2
    """Speech in one message."""

    listens_for_turns: bool = True
    """Tell turns by the caller's voice; False leaves that to the client."""
    answers: bool = True
    """Answer each turn without being asked to."""
    answers_silence: bool = True
    """Take a reply from the script when asked for one before anything was heard."""
    gives_way: bool = True
    """Stop when the caller begins to speak."""
    vad_threshold: float = 0.5
    """Loudness that counts as voice, 0 (-60 dBFS) to 1 (-10 dBFS)."""
    voice_seconds: float = 0.1
    """Continuous voice that begins a turn."""
    silence_seconds: float = 0.5
    """Silence that ends a turn."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _NAMES:
            raise AttributeError(f"no agent setting {name!r}; there are: {', '.join(_NAMES)}")
        if name in _SWITCHES:
            good, allowed = isinstance(value, bool), "True or False"
        elif name == "first_message":
            good = value is None or _is_said(value)
            allowed = "a text with words in it, speech or None"
        elif name == "replies":
            good = callable(value) or _is_script(value)
            allowed = "a list of texts, speeches and replies, or a function"
        else:
            low, high = _RANGES[name]
            good = isinstance(value, (int, float)) and not isinstance(value, bool)
            good = good and low <= value <= high  # type: ignore[operator]
            allowed = f"a number from {low:g} to {high:g}"
        if not good:
            raise ValueError(f"agent {name}: {allowed}; found {value!r}")
        super().__setattr__(name, value)

    def reply_to(self, heard: str, number: int) -> Reply | None:
        """Return what to say after ``heard``, the ``number``-th time (from 0), if anything.

        Raises:
            ValueError: the function returned what cannot be said.
        """
        if not heard and not self.answers_silence:
            return None
        if callable(self.replies):
            said: Answer = self.replies(heard)
            if said is not None and not _is_said(said):
                raise ValueError(
                    "agent replies: a function that returns a text with words in it, speech, a "
                    f"reply or None; found {said!r} for {heard!r}"
                )
        else:
            said = self.replies[number] if number < len(self.replies) else None
        return said if said is None or isinstance(said, Reply) else Reply(said)


def _is_script(value: object) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return False
    return all(_is_said(said) for said in value)


def _is_said(value: object) -> bool:
    said = value.speech if isinstance(value, Reply) else value
    return isinstance(said, Speech) or (isinstance(said, str) and bool(said.split()))


_SWITCHES = ("listens_for_turns", "answers", "answers_silence", "gives_way")
_RANGES = {
    "latency": (0.0, 3600.0),
    "speed": (0.1, float("inf")),
    "chunk": (0.01, 10.0),
    "vad_threshold": (0.0, 1.0),
    "voice_seconds": (0.02, 10.0),
    "silence_seconds": (0.02, 3600.0),
}
_NAMES = tuple(entry.name for entry in fields(Agent))
