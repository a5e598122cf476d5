"""How full queues and buffers were, as a page shows it."""

from __future__ import annotations

from simkit.report.page import page_of
from simkit.scenarios import find, simulate
from tests.report.page.pages import page
from tests.timeline.stories import interrupted


def test_levels_of_the_call_and_of_nobody_are_curves_on_their_lanes():
    timeline = interrupted().timeline
    for name, lane, call in (("a", "twilio", 1), ("b", "elsewhere", None), ("c", "twilio", 2)):
        timeline.level(name, lane, "ms", tolerance=1.0, call=call).add(1_500_000, 1.23)
    timeline.level("never", "twilio", "ms", tolerance=1.0, call=1)
    found = page(timeline).panels[0].curves
    assert [(curve.name, curve.lane) for curve in found] == [("a", "twilio"), ("b", "bridge")]
    assert (found[0].t, found[0].value) == ([1500], [1.2])


def test_what_waits_for_a_slow_reader_is_a_curve_at_the_bridge():
    panel = page_of(simulate(find("backpressure")), "backpressure").panels[0]
    [curve] = [curve for curve in panel.curves if curve.unit == "bytes"]
    assert (curve.name, curve.lane) == ("waiting for api.vapi.ai:443 to read", "bridge")
    assert max(curve.value) > 100_000
    assert curve.value[-1] == 0
    [span] = [span for span in panel.spans if span.text == "slow-reader"]
    assert (curve.t[0], curve.t[-1]) == (span.start, span.end)
