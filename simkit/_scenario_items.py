"""Scenarios as tests: ``pytest --simkit-app my_app:app --pyargs simkit.scenarios``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from . import _reported_tests

_PACKAGE = "simkit.scenarios"
_FOLDER = Path(__file__).parent / "scenarios"
_SHOWN_LINES = 60


def add_options(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Add the options that say which bridge it is."""
    group.addoption(
        "--simkit-app",
        metavar="MODULE:ATTR",
        help=f"with --pyargs {_PACKAGE}: the bridge that every scenario is run against; simkit's "
        "own if neither this nor simkit_app in the ini file names one",
    )
    group.addoption(
        "--simkit-upstream",
        metavar="SERVICE",
        help="what that bridge speaks to in Vapi's place, as for simkit conformance",
    )


def collect(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Return what makes a test of each scenario, where the package was asked for by name."""
    if path != _FOLDER / "__init__.py":
        return None
    asked = {argument.partition("::")[0] for argument in parent.config.args}
    if not asked & {_PACKAGE, str(_FOLDER)}:
        return None
    collector: ScenarioFile = ScenarioFile.from_parent(parent, path=path)
    return collector


class ScenarioFile(pytest.File):
    """All scenarios."""

    def collect(self) -> Iterable[pytest.Item]:
        """Yield a test for each variant of each."""
        from .scenarios import REGISTRY, Job

        options = self.config.option
        app = options.simkit_app or self.config.getini("simkit_app") or None
        for scenario in REGISTRY.values():
            for settings in scenario.variants:
                job = Job(
                    scenario.name,
                    dict(settings),
                    options.simkit_seed,
                    app,
                    upstream=options.simkit_upstream,
                )
                variant = ",".join(job.assignments)
                name = f"{job.scenario}[{variant}]" if variant else job.scenario
                yield ScenarioItem.from_parent(self, name=name, job=job)


class ScenarioLost(Exception):  # noqa: N818 - a race is lost
    """A bridge lost a race; says by what."""


class ScenarioItem(pytest.Item):
    """Passes when a variant of a scenario does; skipped where it is not applicable."""

    def __init__(self, *, job: Any, **options: Any) -> None:
        super().__init__(**options)
        self._job = job

    def runtest(self) -> None:
        """Run it in a simulation."""
        from .scenarios import find, simulate
        from .scenarios.job import surroundings, verdict_on

        job = self._job
        with pytest.MonkeyPatch.context() as patch, surroundings():
            if job.app is not None:
                _forget(job.app, patch)
            outcome = simulate(
                find(job.scenario), job.settings, app=job.app, seed=job.seed, upstream=job.upstream
            )
        _reported_tests.note(self, outcome)
        verdict = verdict_on(job, outcome)
        if verdict.result == "not applicable":
            pytest.skip(verdict.reason)
        if verdict.result == "failed":
            lines = str(outcome.timeline).splitlines()[-_SHOWN_LINES:]
            self.add_report_section("call", "simkit timeline", "\n".join(lines))
            told = [f"{check}: {sentence}" for check, sentence in verdict.failures]
            raise ScenarioLost("\n".join([*told, "", job.command()]))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any) -> Any:
        """Return what is wrong, without a traceback."""
        from .network.serve import AppError

        if excinfo.errisinstance((ScenarioLost, AppError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where it is."""
        return self.path, None, self.name


def _forget(app: str, patch: pytest.MonkeyPatch) -> None:
    """Let an application be imported anew: what one run leaves in its modules is not the next's."""
    package = app.partition(":")[0].partition(".")[0]
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]:
        patch.delitem(sys.modules, name)
