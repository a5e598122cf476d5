"""What can be set about the fake Twilio; the defaults are what is documented or captured."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass
class TwilioSettings:
    """Knobs of the fake; durations in seconds.

    Raises:
        ValueError: on assignment, a value outside its range.
    """

    first_timestamp_ms: int = 100
    """``timestamp`` of the first media message; captures show 57 to 171."""
    play_out_buffer: float = 0.040
    """From the arrival of audio in an empty queue to the first sound; unknown, 0 to 0.2."""
    mark_delay: float = 0.0
    """From the end of the audio before a mark to its echo; unknown, 0 to 0.2."""
    buffer_limit: int = 4_800_000
    """Bytes of queued audio beyond which more is discarded (10 minutes, warning 31931)."""
    upstream_limit: int = 262_144
    """Unsent bytes beyond which caller audio is dropped (warning 31930); the size is unknown."""
    close_code: int | None = 1000
    """Close code after ``stop``; None: a close frame without code; 1006: no close frame."""
    connect_timeout: float = 5.0
    """For a TCP connection to a webhook."""
    webhook_timeout: float = 15.0
    """For a webhook's whole answer."""
    handshake_timeout: float = 5.0
    """For the answer to a stream's upgrade request; unknown."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _NAMES:
            raise AttributeError(f"no Twilio setting {name!r}; there are: {', '.join(_NAMES)}")
        if name == "close_code":
            if not (value is None or isinstance(value, int)):
                raise ValueError(f"twilio.settings.close_code: a code or None, found {value!r}")
        elif not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
            raise ValueError(f"twilio.settings.{name}: a number, 0 or more; found {value!r}")
        super().__setattr__(name, value)


_NAMES = tuple(field.name for field in fields(TwilioSettings))
