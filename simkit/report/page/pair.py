"""Two calls on one page: what was expected above, what came of it below, and what differs."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from .model import Difference, Page, Proof


def paired(above: Page, below: Page, differences: Iterable[Difference]) -> Page:
    """Return the page of a call with another one above it.

    Args:
        above: the page of what was expected, of which the first call is taken.
        below: the page of what came of it; verdict, measures and promises are its own.
        differences: between the two.
    """
    if below.others:
        below.remarks.append(f"of {1 + len(below.others)} calls the first is shown")
    return replace(
        below,
        panels=[above.panels[0], below.panels[0]],
        others=[],
        promises=[
            replace(promise, proofs=[_below(proof) for proof in promise.proofs])
            for promise in below.promises
        ],
        differences=list(differences),
    )


def _below(proof: Proof) -> Proof:
    """Return a proof whose events are those of the second panel."""
    return replace(proof, call=1, events=[] if proof.call else proof.events)
