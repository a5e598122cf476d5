"""The page of a replay: the recorded call above, the replayed one below, and what differs."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ..report.page import Page
from ..report.page.model import Difference
from .divergence import Divergence
from .past import Origin, is_reckoned, retold
from .reading import Recording


def with_recording(
    page: Page, recording: Recording, divergence: Divergence, played_ns: int
) -> Page:
    """Return the page of a replay with the recorded call above it.

    Args:
        page: of the replay alone.
        recording: which was replayed.
        divergence: what the bridge did otherwise.
        played_ns: when the recorded sound began to be played.
    """
    past = retold(recording, Origin(divergence.begun_ns, played_ns)).page(recording.name)
    [above], [below] = past.panels, page.panels
    above.title, below.title = f"recorded: {recording.name}", "replayed"
    page.panels = [above, below]
    page.promises = [
        replace(promise, proofs=[replace(proof, call=proof.call + 1) for proof in promise.proofs])
        for promise in page.promises
    ]
    page.differences = list(differences(divergence))
    page.verdict = [*_told(divergence), *page.verdict]
    if not divergence.compared:
        page.remarks.append(divergence.summary)
    if is_reckoned(recording):
        page.remarks.append(
            "what the recorded caller heard is reckoned from what the agent said and from clears: "
            "the recording does not hold the bridge's audio"
        )
    return page


def differences(found: Divergence) -> Iterator[Difference]:
    """Yield what differs, numbered, each consequence with the number of its cause."""
    number = 0
    for cause in found.causes:
        number += 1
        of = number
        yield _difference(number, found, cause.recorded_ns, cause.today_ns, str(cause), None)
        for one in cause.consequences:
            number += 1
            yield _difference(number, found, one.recorded_ns, one.today_ns, str(one), of)


def _difference(
    number: int,
    found: Divergence,
    recorded_ns: int | None,
    today_ns: int | None,
    sentence: str,
    cause: int | None,
) -> Difference:
    def instant(t_ns: int | None) -> int | None:
        return None if t_ns is None else (found.begun_ns + t_ns) // 1000

    return Difference(
        number=number,
        above=instant(recorded_ns),
        below=instant(today_ns),
        sentence=sentence,
        cause=cause,
    )


def _told(found: Divergence) -> Iterator[str]:
    if found.is_none:
        if found.compared:
            yield f"The bridge did {found.summary}."
        return
    first = found.causes[0]
    at_s = (found.begun_ns + first.t_ns) / 1e9
    yield f"The bridge does otherwise than recorded, first at {at_s:.3f} s: {first}."
    yield f"{found.summary}."
