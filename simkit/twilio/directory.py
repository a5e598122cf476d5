"""The directory: the account's numbers, who may be called, and where they all are at home."""

from __future__ import annotations

import random

from ..timeline import Clock
from ..wire.websocket import address_of
from .callee import Outcome, Person
from .numbers import PhoneNumber, Place, check_number
from .overrides import Overrides, of_url


class Directory:
    """What is known of telephone numbers.

    Args:
        clock: time.
        ids: makes the numbers' sids.

    Attributes:
        numbers: the account's own that were spoken of, by number.
        people: who may be called, by number.
    """

    def __init__(self, clock: Clock, ids: random.Random) -> None:
        self._clock = clock
        self._number_ids = ids
        self._places: dict[str, Place] = {}
        self.numbers: dict[str, PhoneNumber] = {}
        self.people: dict[str, Person] = {}

    def number(
        self,
        number: str,
        *,
        voice_url: str | None = None,
        voice_method: str = "POST",
        fallback_url: str | None = None,
        fallback_method: str = "POST",
        status_callback: str | None = None,
        status_callback_method: str = "POST",
    ) -> None:
        """Point a phone number at a voice webhook.

        Args:
            number: in E.164, as in ``+15550100``.
            voice_url: asked for TwiML when somebody calls; its fragment may hold connection
                overrides, as in ``#ct=2000&rc=2``. None: until a program sets it by REST, nobody
                can call.
            voice_method: ``POST`` or ``GET``.
            fallback_url: asked when ``voice_url`` fails or its answer is no TwiML.
            fallback_method: ``POST`` or ``GET``.
            status_callback: told of a call's end.
            status_callback_method: ``POST`` or ``GET``.

        Raises:
            ValueError: no number, no http or https URL with a host, overrides out of range, another
                method.
        """
        check_number("number", number)
        for url in (voice_url, fallback_url, status_callback):
            if url is not None:
                try:
                    address_of(url)
                    of_url(url, Overrides())
                except ValueError as error:
                    raise ValueError(f"number {number}: {error}") from None
        methods = (voice_method, fallback_method, status_callback_method)
        for method in methods:
            if method not in ("GET", "POST"):
                raise ValueError(f"a webhook's method: expected GET or POST, found {method!r}")
        known = self.numbers.get(number)
        now_ns = self._clock.now_ns
        self.numbers[number] = PhoneNumber(
            known.sid if known else "PN" + self._number_ids.randbytes(16).hex(),
            number,
            known.created_ns if known else now_ns,
            now_ns,
            known.friendly_name if known else "",
            voice_url,
            voice_method,
            fallback_url,
            fallback_method,
            status_callback,
            status_callback_method,
        )

    def geography(
        self,
        number: str,
        *,
        city: str = "",
        state: str = "",
        zip: str = "",  # noqa: A002 - as Twilio calls it
        country: str = "US",
    ) -> None:
        """Say where a number is at home; webhooks tell it. Unknown is empty, as Twilio has it.

        Raises:
            ValueError: no number.
        """
        check_number("number", number)
        self._places[number] = Place(city, state, zip, country)

    def person(
        self,
        number: str,
        *,
        answers_after: float = 2.0,
        busy: bool = False,
        no_answer: bool = False,
        fails: bool = False,
    ) -> Person:
        """Say what somebody does when a bridge has Twilio call them.

        Whoever was not spoken of picks up after two seconds. Wait for that with
        :meth:`Person.answers`, which returns the call to speak with.

        Args:
            number: theirs.
            answers_after: seconds that it rings before they pick up, or decline.
            busy: they decline.
            no_answer: it rings in vain.
            fails: the number cannot be reached.

        Raises:
            ValueError: no number, a negative duration, or several outcomes.
        """
        check_number("number", number)
        if not 0 <= answers_after < float("inf"):
            raise ValueError(f"answers_after: seconds, 0 or more; found {answers_after!r}")
        if busy + no_answer + fails > 1:
            raise ValueError("a call is either busy, or not answered, or fails: choose one")
        outcome: Outcome = "busy" if busy else "no-answer" if no_answer else "answers"
        if fails:
            outcome = "failed"
        person = self.people.setdefault(number, Person(number))
        person.answers_after, person.outcome = answers_after, outcome
        return person
