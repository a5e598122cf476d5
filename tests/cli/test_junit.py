"""JUnit XML against the schema that Jenkins checks it by, whatever bridges say.

``junit-10.xsd`` is that of Jenkins' xunit plugin (``org/jenkinsci/plugins/xunit/types/model/xsd``),
as pytest's source distribution carries it (8.3.5, ``testing/example_scripts``); its licence, MIT,
stands in it.
"""

from __future__ import annotations

from functools import cache
from io import StringIO
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simkit.cli.junit import junit
from simkit.explore.conformance import rows
from simkit.scenarios import Job, Verdict
from simkit.scenarios.job import RealTime, Result

xmlschema = pytest.importorskip("xmlschema")
pytest_plugins = ["pytester"]

texts = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["\ud800", "\x00\x1b[31m\x85\u2028", "<![CDATA[]]>", "]]>&amp;<b a='\"'>", "a\r\n\tb", "\ufffe"]
)
typed = texts.map(lambda text: text.encode(errors="replace").decode())
"""What commands take."""
jobs = st.builds(
    Job,
    typed,
    st.dictionaries(typed, typed | st.floats() | st.booleans(), max_size=2),
    st.integers(0, 9),
    st.none() | typed,
    wall=st.none() | st.builds(RealTime, typed, typed),
)
failures = st.lists(st.tuples(texts, texts), min_size=1, max_size=3)
seconds = st.floats(0, 1e7)


def verdict(job: Job, result: Result, told: list[tuple[str, str]], why: str, cpu: float) -> Verdict:
    broken = told if result in ("failed", "error") else []
    return Verdict(job, result, broken, why, cpu_seconds=cpu)


verdicts = st.builds(verdict, jobs, st.sampled_from(get_args(Result)), failures, texts, seconds)


@cache
def schema():
    return xmlschema.XMLSchema(Path(__file__).with_name("junit-10.xsd"))


def check(data: bytes) -> ElementTree.Element:
    """Read XML, which must be as the schema says."""
    top = ElementTree.fromstring(data)
    schema().validate(top)
    return top


@settings(max_examples=30, deadline=None)
@given(st.lists(verdicts, max_size=4, unique_by=lambda verdict: verdict.job.key))
@example([])
@example([Verdict(Job("\x1b"), "failed", [("\udcff\x00", "\udcff\x00")], cpu_seconds=1e5)])
def test_whatever_is_said_junit_is_as_jenkins_checks_it(found):
    text = junit(rows([one.job for one in found], found))
    top = check(text.encode())
    assert len(list(top.iter("testcase"))) == len(found)


def test_the_schema_refuses_what_is_none():
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        schema().validate(StringIO("<testsuites><testcase name='alone'/></testsuites>"))


TEST = """
async def test_hostile(sim):
    sim.timeline.record("says", "bridge", text="\\ud800 \\x00 <b>]]>")
    raise AssertionError("\\ud800 \\x00 <b>]]> \\x1b[31m")
"""


def test_what_pytest_writes_of_a_simulated_call_that_fails_is_as_jenkins_checks_it(pytester):
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(test_call=TEST)
    options = ("-p", "no:syrupy", "--junitxml=out.xml", "--simkit-report=pages")
    pytester.runpytest_inprocess(*options).assert_outcomes(failed=1)
    top = check((pytester.path / "out.xml").read_bytes())
    [failure] = top.iter("failure")
    assert "AssertionError" in failure.get("message")
