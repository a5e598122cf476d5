"""The page of a replay: the recorded call above, the replayed one below, and what differs."""

from __future__ import annotations

from collections.abc import Iterator

from ..report.page import Page
from ..report.page.model import Difference
from ..report.page.pair import paired
from ..report.page.plain import clipped
from ..timeline.text import printable
from .as_recorded import Place, as_recorded, remarks
from .divergence import Divergence
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
    place = Place.in_replay(recording, divergence.begun_ns, played_ns)
    past = as_recorded(recording, place).page(recording.name, panels=2)
    past.panels[0].title, page.panels[0].title = shown(f"recorded: {recording.name}"), "replayed"
    page = paired(past, page, differences(divergence))
    # A broken promise is what counts, whatever the recorded bridge did.
    first = 1 if any(not promise.passed for promise in page.promises) else 0
    page.verdict[first:first] = map(shown, _told(divergence))
    if not divergence.compared:
        page.remarks.append(shown(divergence.summary))
    page.remarks.append(
        f"instants are the replay's: the recording begins at {divergence.begun_ns / 1e9:.3f} s"
    )
    page.remarks += [
        shown(f"recorded: {remark}") for remark in (*remarks(recording), *past.remarks)
    ]
    return page


def shown(text: str) -> str:
    """Return what may hold names out of a recording as a page shows it."""
    return clipped(printable(text))


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
        sentence=shown(sentence),
        cause=cause,
    )


def _told(found: Divergence) -> Iterator[str]:
    if found.is_none:
        if found.compared:
            yield f"The bridge did as recorded ({_compared(found)})."
        return
    first = found.causes[0]
    at_s = (found.begun_ns + first.t_ns) / 1e9
    yield f"The bridge does otherwise than recorded, first at {at_s:.3f} s: {first}."
    things = f"{len(found.causes)} things differ" if found.causes[1:] else "1 thing differs"
    yield f"{things} ({_compared(found)})."


def _compared(found: Divergence) -> str:
    return f"compared: {', '.join(found.compared)}, within {found.tolerance_ms:g} ms"
