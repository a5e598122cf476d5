"""JUnit XML, as systems of continuous integration read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from ..checks import NOT_JUDGED
from ..explore.conformance import Row
from ..scenarios.job import Verdict

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold; what a bridge says may."""


def junit(rows: Sequence[Row]) -> str:
    """Return a test suite with a case for each variant of each scenario.

    A case's time is what the simulation took, in seconds of CPU.
    """
    verdicts = [verdict for row in rows for verdict in row.verdicts]
    counts = {
        "tests": str(len(verdicts)),
        "failures": _count(verdicts, "failed"),
        "errors": _count(verdicts, "error"),
        "time": f"{sum(verdict.cpu_seconds for verdict in verdicts):.3f}",
    }
    top = ElementTree.Element("testsuites", {"name": "simkit"} | counts)
    # Jenkins' schema knows of "skipped" in a suite only.
    counts["skipped"] = _count(verdicts, "not applicable")
    suite = ElementTree.SubElement(top, "testsuite", {"name": "simkit conformance"} | counts)
    for verdict in verdicts:
        _add(suite, verdict)
    ElementTree.indent(top)
    return ElementTree.tostring(top, "unicode", xml_declaration=True) + "\n"


def _count(verdicts: list[Verdict], result: str) -> str:
    return str(sum(verdict.result == result for verdict in verdicts))


def _add(suite: ElementTree.Element, verdict: Verdict) -> None:
    job = verdict.job
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_legal(f"simkit.{job.scenario}"),
        name=_legal(" ".join([job.scenario, *job.assignments])),
        time=f"{verdict.cpu_seconds:.3f}",
    )
    if verdict.result == "not applicable":
        ElementTree.SubElement(case, "skipped", message=_legal(verdict.reason))
    elif verdict.result != "passed":
        kind = "failure" if verdict.result == "failed" else "error"
        said = ElementTree.SubElement(
            case,
            kind,
            message=_legal(verdict.sentence.partition("\n")[0]),
            type=_legal(verdict.failures[0][0]),
        )
        lines = [f"{check}: {sentence}" for check, sentence in verdict.failures]
        said.text = _legal("\n".join([*lines, "", verdict.job.command()]))
    if verdict.not_judged:
        told = f"{NOT_JUDGED}: {'; '.join(verdict.not_judged)}"
        ElementTree.SubElement(case, "system-out").text = _legal(told)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
