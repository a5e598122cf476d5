"""What violations are made of."""

from __future__ import annotations

from simkit.checks import Sound
from simkit.checks.check import named, sound_of
from simkit.timeline import Timeline

MS = 1_000_000


def test_a_sound_lasts_from_where_it_was_heard_or_said_as_long_as_it_was():
    timeline = Timeline()
    for kind in ("hears", "speaks"):
        timeline.record(kind, "caller", t_ns=500 * MS, call=2, duration_ns=300 * MS)
    heard, said = map(sound_of, timeline)
    assert heard == Sound(2, "ear", 500 * MS, 800 * MS)
    assert said == Sound(2, "mouth", 500 * MS, 800 * MS)


def test_a_service_is_named_as_it_writes_itself():
    assert [named("vapi"), named("openai")] == ["Vapi", "OpenAI"]
