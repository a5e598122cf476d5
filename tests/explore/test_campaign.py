"""Campaigns: counted the same in any order, and gone on with after any interruption."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from msgspec import structs

from simkit.explore import Campaign, CampaignError, Ledger, Tally
from simkit.scenarios import Job, ScenarioError, Verdict
from tests.full_disk import little_place

CAMPAIGN = Campaign(["greeting", "barge-in"], first_seed=5, seeds=3, app="my_app:app")


def verdicts() -> list[Verdict]:
    return [
        Verdict(job, "failed", [("no-blocking", f"blocked at {job.seed}"), ("liveness", "mute")])
        if job.scenario == "barge-in"
        else Verdict(job, "passed", call_seconds=0.1 * job.seed, cpu_seconds=random.random())
        for job in CAMPAIGN.jobs()
    ]


def tally(found: list[Verdict]) -> Tally:
    made = Tally()
    for verdict in found:
        made.add(verdict)
    return made


def test_every_variant_is_run_with_every_seed():
    jobs = list(CAMPAIGN.jobs())
    assert len(jobs) == len(CAMPAIGN) == len({job.key for job in jobs})
    assert {job.seed for job in jobs} == {5, 6, 7}
    assert {job.scenario for job in jobs} == {"greeting", "barge-in"}
    assert all(job.varied for job in jobs)
    assert [job.seed for job in jobs] == sorted(job.seed for job in jobs)


def test_a_scenario_that_there_is_not_is_told_before_anything_runs():
    with pytest.raises(ScenarioError, match="no scenario 'gretting'"):
        len(Campaign(["gretting"], 0, 1))


def test_the_tally_is_the_same_in_any_order():
    found = verdicts()
    one = tally(found)
    random.Random(1).shuffle(found)
    other = tally(found)
    assert (one.digest, one.results, one.first) == (other.digest, other.results, other.first)
    assert one.digest != tally(found[1:]).digest
    assert re.fullmatch("[0-9a-f]{16}", one.digest)
    assert one.runs == len(found)
    blocked = one.first["barge-in", "no-blocking"]
    assert [failure.seed for failure in blocked] == sorted(failure.seed for failure in blocked)
    assert blocked[0].sentence == "blocked at 5"
    assert blocked[0].command.startswith("simkit run barge-in")
    assert "--seed 5 --varied --app my_app:app" in blocked[0].command


@pytest.mark.parametrize(
    ("field", "is_same"), [("cpu_seconds", True), ("call_seconds", False), ("digest", False)]
)
def test_the_digest_is_of_all_that_came_but_what_it_cost(field, is_same):
    first, *rest = found = verdicts()
    changed = structs.replace(first, **{field: "ab" if field == "digest" else 123.0})
    assert (tally([changed, *rest]).digest == tally(found).digest) is is_same


def test_of_very_many_failures_those_of_the_lowest_seeds_are_kept():
    made = Tally()
    for seed in range(1000, 0, -1):
        made.add(Verdict(Job("greeting", seed=seed), "failed", [("liveness", "mute")]))
    assert made.failed["greeting", "liveness"] == 1000
    assert [kept.seed for kept in made.first["greeting", "liveness"]] == list(range(1, 11))


def written(path: Path, found: list[Verdict], *, resume: bool = False) -> Tally:
    ledger = Ledger(path, CAMPAIGN, resume=resume)
    for verdict in found:
        if not ledger.holds(verdict.job):
            ledger.write(verdict)
            ledger.tally.add(verdict)
    ledger.close()
    return ledger.tally


def test_a_campaign_that_was_cut_at_any_byte_is_gone_on_with(tmp_path):
    found = verdicts()
    whole = written(tmp_path / "whole.jsonl", found)
    data = (tmp_path / "whole.jsonl").read_bytes()
    for end in range(0, len(data), 37):
        cut = tmp_path / "cut.jsonl"
        cut.write_bytes(data[:end])
        again = written(cut, found, resume=True)
        assert again.digest == whole.digest
        assert cut.read_bytes() == data


def test_a_failure_stands_there_with_the_command_that_repeats_it(tmp_path):
    written(tmp_path / "file.jsonl", verdicts())
    lines = (tmp_path / "file.jsonl").read_text().splitlines()
    failed = [line for line in lines if '"result":"failed"' in line]
    assert failed
    assert all('"command":"simkit run barge-in ' in line for line in failed)
    assert sum("command" in line for line in lines) == len(failed)


def test_a_file_is_never_written_over(tmp_path):
    path = tmp_path / "file.jsonl"
    path.write_text("mine")
    with pytest.raises(CampaignError, match=r"file\.jsonl: is there; --resume goes on with it"):
        Ledger(path, CAMPAIGN, resume=False)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("line", "text", "why"),
    [
        (1, '{"campaign":{}}', "line 1: expected {.campaign.:{.scenarios.:"),
        (2, '{"job":', "line 2: Input data was truncated"),
        (3, '{"job":{"scenario":"x"},"result":"perhaps"}', "line 3: Invalid enum value 'perhaps'"),
    ],
)
def test_a_file_of_another_campaign_or_of_none_is_refused(tmp_path, line, text, why):
    path = tmp_path / "file.jsonl"
    written(path, verdicts())
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text(before := "\n".join(lines) + "\n")
    with pytest.raises(CampaignError, match=why):
        Ledger(path, CAMPAIGN, resume=True)
    assert path.read_text() == before


def test_on_a_full_disk_what_was_written_stays_and_can_be_gone_on_with(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    found = verdicts()
    ledger = Ledger(path, CAMPAIGN, resume=False)
    ledger.write(found[0])
    with little_place(path.stat().st_size + 30):
        with pytest.raises(OSError, match="File too large"):
            ledger.write(found[1])
        ledger.close()
    again = Ledger(path, CAMPAIGN, resume=True)
    assert [again.holds(verdict.job) for verdict in found[:2]] == [True, False]
    again.close()
    assert path.read_bytes().count(b"\n") == 2
    with little_place(10), pytest.raises(OSError, match="File too large"):
        Ledger(tmp_path / "new.jsonl", CAMPAIGN, resume=False)
