"""The same seed, the same bytes: on whichever Python runs this, compared with what was kept.

Library versions appear in what they send; therefore nothing of theirs is in the digest that is
kept here, and ``.ci/run`` compares those of a whole call between the Pythons that it finds.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from simkit.recording import read, replay
from tests.every_python import digest, primitives

RECORDINGS = Path(__file__).parents[1] / "recordings"


def test_what_needs_nothing_but_python_draws_sends_and_shows_the_same():
    # Where simkit itself changed what it draws or sends, this is what `-m tests.every_python` says.
    assert digest(primitives) == "cee19da616d0d39155c42b436fb6fe0d"


@pytest.mark.parametrize("name", ["pricing-question", "three-interruptions"])
def test_a_recorded_call_has_the_timeline_that_was_kept(sim, snapshot, name):
    assert replay(read(RECORDINGS / name)).timeline == snapshot
