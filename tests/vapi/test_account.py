"""Every knob of the account says its unit and its range, and is documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from simkit.vapi import AccountSettings
from simkit.wire.knobs import knobs_of
from tests.knob_tables import check_edges, declared_table, documented_table

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "reference" / "vapi.md"
DECLARED = ROOT / "simkit" / "vapi" / "account.py"
KNOBS = knobs_of(AccountSettings)
SECONDS = [-0.001, True, "1", None, float("inf"), float("nan")]
SHARES = [-0.1, 1.1, True, "1", None, float("nan")]

EDGES = {
    "concurrency_answer": (["blocked", "400"], [400, "", None]),
    "artifact_delay": ([0, 3600], [*SECONDS, 3601]),
    "log_delay": ([0, 86_400], [*SECONDS, 86_401]),
    "log_payloads": ([True, False], [1, None]),
    "recording": (["when asked", "always", "never"], [True, ""]),
    "stereo_order": (["customer left", "assistant left"], ["left", None]),
    "url_lifetime": ([1, 604_800], [*SECONDS, 0.9, 604_801]),
    "webhook_delay": ([0, 60], [*SECONDS, 61]),
    "webhook_jitter": ([0, 60], [*SECONDS, 61]),
    "ended_delay": ([0, 600], [*SECONDS, 601]),
    "report_delay": ([0, 600], [*SECONDS, 601]),
    "webhook_late": ([0, 3600], [*SECONDS, 3601]),
    "webhook_duplicate": ([0, 1, 0.5], SHARES),
    "drop_after": ([1, 1000], [0, 1001, 1.0, True]),
    "tool_error_bodies": (["ignored", "parsed"], ["", None]),
    "control_delay": ([0, 60], [*SECONDS, 61]),
}


@pytest.mark.parametrize("name", KNOBS)
def test_the_edges_of_a_range_are_taken_and_what_is_beyond_is_refused(name):
    check_edges(AccountSettings, name, *EDGES[name])


def test_worlds_do_not_share_their_account(sim):
    sim.vapi.account.control_delay = 1.0
    assert AccountSettings().control_delay == 0.19


def test_the_document_has_the_table_of_the_knobs_that_there_are():
    expected = declared_table(AccountSettings, DECLARED)
    assert documented_table(DOCUMENT, "Knobs of the account") == expected, (
        f"it has to be:\n{expected}"
    )
