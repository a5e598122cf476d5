"""What is told of a test that was run."""

from __future__ import annotations

import msgspec
import pytest

from simkit.starting.witness import VARIABLE, Told


@pytest.fixture
def witnessed(pytester, monkeypatch):
    """Run a test; return what the witness tells of it."""

    def witnessed(source: str) -> Told:
        place = pytester.path / "told"
        monkeypatch.setenv(VARIABLE, str(place))
        pytester.makepyfile(source)
        pytester.runpytest_inprocess("-p", "no:asyncio", "-p", "simkit.starting.witness")
        return msgspec.json.decode(place.read_bytes(), type=Told)

    return witnessed


def test_of_a_test_that_passes_it_is_told_how_long_its_world_lived_and_whom_it_missed(witnessed):
    told = witnessed(
        "import asyncio, contextlib\n"
        "async def test_it(sim):\n"
        "    for name in ('example.org', 'example.net', 'example.org'):\n"
        "        with contextlib.suppress(OSError):\n"
        "            await asyncio.open_connection(name, 80)\n"
        "    await asyncio.sleep(3)\n"
    )
    assert (told.passed, told.sentences, told.time_to_stop_ms) == (True, [], None)
    assert told.strangers == ["example.org", "example.net"]
    assert told.call_seconds == pytest.approx(3, abs=0.5)


def test_of_one_that_fails_it_is_told_why_and_how_its_world_ended(witnessed):
    told = witnessed("async def test_it(sim):\n    raise RuntimeError('lost\\nand more')\n")
    assert not told.passed
    assert told.sentences[0] == "RuntimeError: lost"
    said = witnessed("async def test_it(sim):\n    assert False, 'nobody spoke\\nand more'\n")
    assert said.sentences[0] == "nobody spoke"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def test_it():\n    assert 1 == 2\n", "assert 1 == 2"),
        ("def test_it(nothing):\n    pass\n", "fixture 'nothing' not found"),
    ],
)
def test_of_one_without_a_world_it_is_told_what_pytest_says(witnessed, source, why):
    told = witnessed(source)
    assert not told.passed
    assert why in told.sentences[0]
