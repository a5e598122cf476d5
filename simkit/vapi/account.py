"""Settings of the fake Vapi's account: REST, webhooks, control URL, artifact."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.knobs import Knobs, choice, seconds, share, switch, whole


@dataclass
class AccountSettings(Knobs):
    """Knobs of the account; durations in seconds unless the name says otherwise.

    Each is read when a request or an event happens. What the assistant does has knobs of its own:
    :class:`Assistant`.

    Raises:
        AttributeError: on assignment, no such setting.
        ValueError: on assignment, a value outside its range.

    >>> account = AccountSettings()
    >>> account.stereo_order = "left"
    Traceback (most recent call last):
    ValueError: vapi.account.stereo_order: 'customer left' or 'assistant left'; found 'left'
    """

    title = "vapi.account"

    # REST

    concurrency_answer: str = choice("blocked", "400")
    """To ``POST /call`` beyond the limit: 201 with ``concurrencyBlocked`` true and a call that has
    ended before it began, as documented today, or 400 "Over Concurrency Limit", as documented
    before."""

    # Artifact

    artifact_delay: float = seconds(2.85, 0, 3600)
    """From the end of a call until ``GET /call/{id}`` shows what was said and the costs; measured
    is only that it takes several seconds."""
    log_delay: float = seconds(60.0, 0, 86_400)
    """From the end of a call until its call log can be fetched: about a minute."""
    log_payloads: bool = switch(True)
    """The log has rows with the texts of model and voice; a whole call may be without."""
    recording: str = choice("when asked", "always", "never")
    """Which calls are recorded: those whose ``artifactPlan.recordingEnabled`` is true, all, or
    none. Vapi records unless told otherwise; here that would cost memory in every call."""
    stereo_order: str = choice("customer left", "assistant left")
    """Who is where in the stereo recording; unknown."""
    url_lifetime: float = seconds(3600.0, 1, 604_800)
    """How long a signed URL is good for; unknown."""

    # Webhooks

    webhook_delay: float = seconds(0.025, 0, 60)
    """From an event to the request that tells of it. With the connection, over links of 10 ms, it
    arrives 55 ms after the event, the measured median."""
    webhook_jitter: float = seconds(0.0, 0, 60)
    """Added to that, drawn anew each time; measured are up to 38 ms more."""
    ended_delay: float = seconds(1.525, 0, 600)
    """From the end of a call to its ``status-update``, which arrives 55 ms later; measured."""
    report_delay: float = seconds(2.825, 0, 600)
    """From the end of a call to its ``end-of-call-report``, which arrives 55 ms later; measured."""
    webhook_late: float = seconds(0.0, 0, 3600)
    """Each event that nobody waits for is late by up to so much, drawn anew; they overtake one
    another."""
    webhook_duplicate: float = share(0.0)
    """How many events that nobody waits for are delivered twice."""
    drop_after: int = whole(3, 1, 1000, "failures")
    """Deliveries to a server that fail one after another before frequent events are dropped, until
    one of the others succeeds. That it happens is documented, not when."""
    tool_error_bodies: str = choice("ignored", "parsed")
    """What a tool server says with another status than 200; sources disagree."""

    # Control URL

    control_delay: float = seconds(0.190, 0, 60)
    """Until a command is answered: 0.23 s were measured with the way there and back."""
