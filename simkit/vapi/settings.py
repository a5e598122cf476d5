"""What can be set about the fake Vapi's sockets; the defaults are recorded or documented."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.knobs import Knobs, choice, close_code, switch


@dataclass
class VapiSettings(Knobs):
    """Knobs of the fake's sockets; each is read when it matters.

    Latency, stalls and bursts, resets and half-open connections are knobs of the link:
    ``sim.link("api.vapi.ai", host)``. What the assistant does is a matter of :class:`Assistant`,
    what goes wrong of :class:`Faults`.

    Raises:
        AttributeError: on assignment, no such setting.
        ValueError: on assignment, a value outside its range.

    >>> settings = VapiSettings()
    >>> settings.bad_text = "closed"
    Traceback (most recent call last):
    ValueError: vapi.settings.bad_text: 'noted' or '1008' or '1005'; found 'closed'
    """

    title = "vapi.settings"

    envelope: bool = switch(False)
    """Text frames come inside ``{"message": ...}``, as webhooks do; recorded ones were flat."""
    upgrade_key: str = choice("optional", "required")
    """Whether a socket's upgrade needs a Bearer key, else HTTP 401; Vapi's own tools send one, most
    clients that work do not."""
    no_call: str = choice("500", "1008")
    """A second socket of a call, the socket of a call that is over, a call that never was: the
    upgrade is answered with HTTP 500, as reported, or the socket opens and closes with 1008."""
    bad_text: str = choice("noted", "1008", "1005")
    """Text frames that are malformed or of an unknown type: always a ``warning`` in the timeline;
    then the call goes on, or the socket closes with that code. Unknown; one report blames a
    ``ping`` message for a close with 1005."""
    seed_field: str = choice("data", "media")
    """What the seed dialect calls the audio that it sends; its two examples differ."""
    close_code: int | None = close_code(1000)
    """After a call that Vapi ends. None: a close frame without code (1005); 1006: no close frame.
    Unknown; tools map 1005 and 1006 to 1000, so both occur."""
