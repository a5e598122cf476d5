"""What can be set about the fake Twilio; the defaults are what is documented or captured."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.knobs import (
    Knobs,
    choice,
    close_code,
    media_types,
    seconds,
    share,
    switch,
    text,
    whole,
    whole_or_drawn,
)


@dataclass
class TwilioSettings(Knobs):
    """Knobs of the fake; durations in seconds unless the name says otherwise.

    Each is read when a stream or a request begins. Latency, stalls and bursts, resets and half-open
    connections are knobs of the link: ``sim.link("twilio", host)``.

    Raises:
        AttributeError: on assignment, no such setting.
        ValueError: on assignment, a value outside its range.

    >>> settings = TwilioSettings()
    >>> settings.play_out_buffer = 0.5
    Traceback (most recent call last):
    ValueError: twilio.settings.play_out_buffer: a number from 0 to 0.2; found 0.5
    """

    title = "twilio.settings"

    # What a stream says

    connected_version: str = text("1.0.0", 20)
    """``version`` of the ``connected`` message; documented today, "0.2.0" was captured."""
    start_order: str = choice("parameters last", "parameters first")
    """Where ``customParameters`` stands in ``start``; captures show both."""
    first_timestamp_ms: int | tuple[int, int] = whole_or_drawn(100, 50, 180, "ms")
    """``timestamp`` of the first media message; captures show 57 to 171. A pair: each stream draws
    its own, evenly."""
    timestamp_jitter_ms: int = whole(0, 0, 2, "ms")
    """Each later ``timestamp`` deviates by up to this, drawn evenly; captures show 0 to 2."""
    track_chunks: str = choice("shared", "per track")
    """What ``chunk`` counts when a stream has two tracks; the documented example is ambiguous."""
    stream_started: str = choice("with start", "before connected", "after media")
    """When the ``stream-started`` callback is made: with the ``start`` message, before the stream's
    first message (which waits for the answer), or after the first media message; unknown."""
    dtmf_letters: bool = switch(False)
    """The keys A to D are told too; documented are 0 to 9, others assume * and #."""
    dtmf_tones: bool = switch(False)
    """The tone of a key is in the caller's audio too; unknown."""

    # What the caller hears

    play_out_buffer: float = seconds(0.040, 0, 0.2)
    """From the arrival of audio in an empty queue to the first sound; unknown."""
    mark_delay: float = seconds(0.0, 0, 0.2)
    """From the end of the audio before a mark to its echo; unknown. A mark with nothing queued, and
    one that was cleared, comes back at once all the same."""
    buffer_limit: int = whole(4_800_000, 160, 100_000_000, "bytes")
    """Queued audio beyond which more is discarded: 10 minutes (warning 31931)."""
    odd_sizes: str = choice("join", "pad")
    """Payloads that are no multiple of 160 bytes: one continuous queue, or each filled up with
    silence; unknown."""

    # Trouble

    upstream_limit: int = whole(262_144, 0, 16_777_216, "bytes")
    """Unsent bytes beyond which caller audio is dropped (warning 31930); the size is unknown."""
    upstream_drop: str = choice("keep", "skip", "renumber")
    """After dropped audio: numbers go on and timestamps leave a gap, both leave a gap, or neither
    does; unknown."""
    strict_fields: bool = switch(False)
    """Messages with fields that are not documented are invalid (warning 31951) and ignored, as
    documented; shipped applications send some, so that they are only noted by default."""
    max_message: int = whole(16_777_216, 1024, 67_108_864, "bytes")
    """The largest message a server may send; a larger one is a protocol error. Unknown."""
    answers_pings: bool = switch(True)
    """Pings are answered; inferred from servers that ping and live."""
    ping_interval: float | None = seconds(None, 1, 3600, or_none=True)
    """Between pings of Twilio's own; None for none, since none are documented."""

    # Beginning and end

    handshake_timeout: float = seconds(5.0, 0.1, 60)
    """For the answer to a stream's upgrade request, connecting included (error 31901); unknown."""
    plain_streams: bool = switch(False)
    """``ws://`` URLs of streams are taken too, and a note says so; Twilio takes ``wss://`` only. On
    in wall mode, where bridges that are being written say what they are reached by."""
    signature_slash: bool = switch(False)
    """A path that does not end in ``/`` is signed as if it did, in upgrade requests; unknown."""
    close_code: int | None = close_code(1000)
    """After ``stop``. None: a close frame without code; 1006: no close frame. Unknown."""
    stop_on_abnormal_end: bool = switch(False)
    """``stop`` is sent too where the stream ends by a protocol error, or is lost; unknown."""
    protocol_error_silence: float = seconds(0.0, 0, 60)
    """From a protocol error (31924) to the loss of its socket, which says nothing meanwhile; 45 s
    were reported."""

    # Webhooks

    connect_timeout: float = seconds(5.0, 0.1, 10)
    """For a TCP connection to a webhook."""
    webhook_timeout: float = seconds(15.0, 0.1, 15)
    """For a webhook's whole answer."""
    content_types: tuple[str, ...] = media_types("text/xml", "application/xml", "text/html")
    """What an answer with TwiML may call itself; anything else is error 12300."""
    document_limit: int = whole(65_536, 100, 4_194_304, "bytes")
    """The longest TwiML document; a longer one is error 11750."""
    application_error: str = text("We are sorry, an application error has occurred. Goodbye.", 500)
    """What a caller hears when neither the webhook nor its fallback answers."""

    # Status callbacks

    stopped_after_error: bool = switch(False)
    """``stream-stopped`` follows ``stream-error``; unknown."""
    callback_duplicate: float = share(0.0)
    """How many status callbacks are delivered twice."""
    callback_delay: float = seconds(0.0, 0, 3600)
    """Each status callback is late by up to so much, drawn anew; they overtake one another."""
    callback_swap: float = share(0.0)
    """How many status callbacks wait until the next one was sent."""

    # Calls

    reaction: float = seconds(0.0, 0, 5)
    """What a caller takes at most until they act on what they waited to hear, drawn anew each
    time."""
    ring_delay: float = seconds(0.5, 0, 60)
    """From dialling an outbound call to its ringing; unknown."""
    speech_confidence: float = share(0.9)
    """``Confidence`` of what ``<Gather>`` understood."""
    speech_end: float = seconds(1.0, 0, 60)
    """Silence that ends speech for ``<Gather speechTimeout="auto">``; unknown."""

    # The REST API

    call_interval: float = seconds(1.0, 0, 60)
    """Between two outbound calls being dialled; those asked for sooner are queued. Documented: one
    call a second."""
    rest_limit: int = whole(100, 1, 100_000, "requests")
    """Under way at a time; another one is answered with 429. The real limit is not documented."""
    rest_lag: float = seconds(0.0, 0, 60)
    """How old the state of a call is that a look-up shows; documented as eventually consistent."""
    ended_call_answer: str = choice("21220", "20404", "200")
    """To a request that ends or redirects a call that is over: 400 with code 21220, 404 with code
    20404, or 200; reports differ."""
