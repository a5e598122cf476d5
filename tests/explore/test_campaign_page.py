"""The page of a campaign: every kind of failure, the same in any order, and nothing but text."""

from __future__ import annotations

import random
import re

import pytest

from simkit.explore import Campaign, Tally
from simkit.explore.campaign_page import pictured, render
from simkit.scenarios import Job, Verdict
from tests.explore.test_races_page import HOSTILE, Read

CAMPAIGN = Campaign(["greeting", "barge-in", "idle", "dtmf"], first_seed=3, seeds=40)


def verdicts() -> list[Verdict]:
    found = []
    for seed in range(3, 43):
        stops, failures = 180.0 + seed, [("no-blocking", f"blocked at {seed}")]
        if not seed % 4:
            failures.append(("liveness", "mute"))
        found += [
            Verdict(Job("greeting", seed=seed), "passed", call_seconds=0.1 * seed),
            Verdict(Job("barge-in", seed=seed), "failed", failures, time_to_stop_ms=stops),
            Verdict(Job("dtmf", seed=seed), "not applicable", reason="no keys"),
        ]
    found.append(Verdict(Job("barge-in", seed=99), "passed", time_to_stop_ms=2222.0))
    return found


def page(found: list[Verdict], campaign: Campaign = CAMPAIGN, runs: int | None = None) -> str:
    tally = Tally()
    for verdict in found:
        tally.add(verdict)
    return render(campaign, tally, runs=len(found) if runs is None else runs, speed="62 a second")


def test_the_worst_race_comes_first_and_what_was_not_run_is_not_there():
    text = page(verdicts())
    rows = [(it["id"], it["data-result"]) for it in Read(text).of("tbody")]
    assert rows == [("barge-in", "failed"), ("greeting", "passed"), ("dtmf", "not applicable")]
    assert "<h1>simkit&#39;s bridge: 1 of 3 races lost in 121 runs</h1>" in text
    assert "seeds 3 to 42 · a seed varies distances and timings, too · 121 runs · 90 s" in text
    assert "62 a second" in text


def test_each_kind_of_failure_stands_with_its_count_its_seeds_and_their_commands():
    text = page(verdicts())
    [row] = re.findall('<tbody[^>]*id="barge-in".*?</tbody>', text, re.DOTALL)
    told = re.sub(r"\s+", " ", re.sub("<[^>]*>", "", row))
    assert "1/41 passed" in told
    assert "40 × no-blocking: blocked at 3 " in told
    assert told.index("40 × no-blocking") < told.index("10 × liveness")
    assert re.findall(r"seed (\d+) blocked", told) == [str(seed) for seed in range(3, 13)]
    assert re.findall(r"seed (\d+) mute", told) == [str(seed) for seed in range(4, 43, 4)]
    assert "no-blocking; here are those of the lowest seeds" in told
    assert "liveness; here" not in told
    assert "<code>simkit run barge-in --seed 12</code>" in row


def test_how_soon_the_agent_stopped_is_drawn_from_what_was_counted():
    text = page(verdicts())
    assert "41 runs: half within 210 ms, all within 2230 ms" in text
    [drawn] = re.findall('class="bars" d="([^"]*)"', text)
    bars = [
        (float(x) / 5.6, float(height)) for x, height in re.findall(r"M(\S+) 40v-(\S+?)h", drawn)
    ]
    # 183 to 222 ms on an axis of 500 ms, counted by 10 ms; what comes later is the last bar.
    assert [round(at) for at, _ in bars] == [18, 19, 20, 21, 22, 49]
    assert [height for _, height in bars] == pytest.approx([30.4, 38, 38, 38, 7.6, 3.8])
    assert "from 0 to 500 ms, a line every 100 ms" in text
    assert "stops after:" not in page(verdicts()[:1])


def test_calls_that_failed_are_shown_once_for_each_kind():
    tally = Tally()
    for verdict in verdicts():
        tally.add(verdict)
    first = pictured(tally)
    assert [(it.check, it.seed) for it in first] == [("no-blocking", 3), ("liveness", 4)]
    plain = Campaign(["barge-in"], first_seed=3, seeds=40, varied=False)
    assert [job for it in first for job in plain.repeats(it)] == [
        Job("barge-in", seed=3),
        Job("barge-in", seed=4),
    ]
    pictures = {first[1].command: '<svg class="timed"/>'}
    text = render(CAMPAIGN, tally, runs=121, speed="", pictures=pictures)
    [(before, after)] = re.findall(r'(.*)<svg class="timed"/>(.*)', text, re.DOTALL)
    assert before.rstrip().endswith("mute</p>")
    assert after.lstrip().startswith('<p class="command"><code>simkit run barge-in --seed 4<')


def test_the_same_verdicts_give_the_same_bytes_in_any_order():
    found = verdicts()
    text = page(found)
    for seed in range(3):
        random.Random(seed).shuffle(found)
        assert page(found) == text


def test_however_many_runs_there_were_the_page_is_as_large():
    def failed(count: int) -> list[Verdict]:
        job = Job("barge-in", seed=1)
        return [
            Verdict(Job(job.scenario, seed=n), "failed", [("a", "b")], time_to_stop_ms=n % 900)
            for n in range(1000, 1000 + count)
        ]

    assert abs(len(page(failed(5000))) - len(page(failed(2000)))) < 100


def test_what_was_interrupted_says_so():
    assert "interrupted when 121 of 200 runs were done" in page(verdicts(), runs=200)
    assert "Nothing was run." in page([], runs=9)


def test_whatever_a_bridge_says_or_is_called_is_text():
    job = Job("idle", {"words": HOSTILE}, app=HOSTILE)
    told = [Verdict(job, "failed", [(HOSTILE, HOSTILE), ("scenario", HOSTILE)])]
    text = page(told, Campaign(["idle"], 0, 1, HOSTILE, HOSTILE))
    read = Read(text)
    assert (len(read.of("script")), len(read.of("img"))) == (1, 0)
    assert not any(key.startswith("on") for _, attrs in read.tags for key in attrs)
    assert re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text) is None
