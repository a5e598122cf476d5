"""What strangers may try, and the answer to each; the table in the documentation is checked."""

from __future__ import annotations

import logging

import pytest

from simkit import Simulation

from .attacker import ATTACKS, under_attack
from .deployment_tables import declared, documented


@pytest.mark.parametrize("what", ATTACKS)
async def test_every_attack_gets_its_answer(
    what: str, sim: Simulation, caplog: pytest.LogCaptureFixture
) -> None:
    answer, settings, do = ATTACKS[what]
    async with under_attack(sim, **settings) as attacker:
        assert await do(attacker) == answer
    # Nothing that a stranger sends makes us stumble.
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("heading", ["Keys", "Attacks"])
def test_the_deployment_page_shows_what_the_code_has(heading: str) -> None:
    # To mend it: python -m tests.bridge.deployment_tables
    assert documented(heading) == declared(heading)
