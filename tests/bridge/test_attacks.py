"""What strangers may try, and the answer to each; the table in the documentation is checked."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from simkit import Simulation

from . import attacks_on_limits, attacks_on_stream, attacks_on_webhook  # noqa: F401
from .attacker import ATTACKS, under_attack

DOCUMENT = Path(__file__).parents[2] / "docs" / "deployment.md"


@pytest.mark.parametrize("what", ATTACKS)
async def test_every_attack_gets_its_answer(
    what: str, sim: Simulation, caplog: pytest.LogCaptureFixture
) -> None:
    answer, settings, do = ATTACKS[what]
    async with under_attack(sim, **settings) as attacker:
        assert await do(attacker) == answer
    # Nothing that a stranger sends makes us stumble.
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
