"""Two calls on one page."""

from __future__ import annotations

from simkit.checks import CheckResult, Violation
from simkit.report.page.model import Difference
from simkit.report.page.pair import paired
from tests.report.page.pages import page
from tests.timeline.stories import Story, interrupted

DIFFERENCE = Difference(number=1, above=0, below=None, sentence="a clear is missing", cause=None)


def test_the_verdict_is_that_of_the_call_below():
    above, below = page(Story().timeline), page(interrupted().timeline)
    found = paired(above, below, [DIFFERENCE])
    assert found.panels == [above.panels[0], below.panels[0]]
    assert (found.verdict, found.measures) == (below.verdict, below.measures)
    assert found.differences == [DIFFERENCE]
    assert found.remarks == page(interrupted().timeline).remarks


def test_of_several_calls_the_first_is_shown_and_what_proves_something_of_it():
    story = interrupted().speaks(3000, call=2, utterance=9)
    events = story.timeline.of("speaks")
    violations = [Violation(event.t_ns, f"by {event.call}", (event,)) for event in events]
    below = page(story.timeline, checks=[CheckResult("no-noise", "", violations, "")])
    assert len(below.others) == 1
    found = paired(page(Story().timeline), below, [])
    assert found.others == []
    assert found.remarks[-1] == "of 2 calls the first is shown"
    first, second = found.promises[0].proofs
    assert (first.sentence, first.call, second.call) == ("by 1", 1, 1)
    place = found.panels[1].events.line.index(first.lines[0].strip())
    assert (first.events, second.events) == ([place], [])
