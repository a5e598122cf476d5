"""Recordings as tests: replayed for a test that asks for one, or each a test by itself."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from . import _reported_tests

if TYPE_CHECKING:
    from .recording import Replay

_EVENTS_FILE = "call.jsonl"
_SHOWN_LINES = 40


def replay_for(request: pytest.FixtureRequest) -> Replay:
    """Replay the recording that a test's marker names; its path counts from the root folder."""
    marker = request.node.get_closest_marker("recording")
    if marker is None or len(marker.args) != 1:
        raise pytest.UsageError(
            f'{request.node.nodeid}: the fixture replayed needs @pytest.mark.recording("PATH")'
        )
    return _replay(request.config, request.config.rootpath / marker.args[0], **marker.kwargs)


def _replay(config: pytest.Config, folder: Path, **options: Any) -> Replay:
    from .recording import ENVIRONMENT, read, replay

    app = options.pop("app", None) or config.getini("simkit_app") or None
    options.setdefault("seed", config.getoption("simkit_seed"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        return replay(read(folder), app=app, **options)


# Every recording of a folder


def add_folder(config: pytest.Config) -> None:
    """Look for tests in the folder of recordings, too, where ``testpaths`` says where to look."""
    folder = _folder(config)
    if folder is not None and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args.append(str(folder))


def _folder(config: pytest.Config) -> Path | None:
    named = config.getini("simkit_recordings")
    return config.rootpath / named if named else None


def collect(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Return what makes a test of a recording; None where the file is no such recording's."""
    folder = _folder(parent.config)
    if folder is None or path.name != _EVENTS_FILE or path.parent.parent != folder:
        return None
    collector: RecordedFile = RecordedFile.from_parent(parent, path=path)
    return collector


class RecordedFile(pytest.File):
    """The events of a recording."""

    def collect(self) -> Iterable[pytest.Item]:
        """Yield its test."""
        yield RecordedCall.from_parent(self, name=self.path.parent.name)


class RecordedCallError(Exception):
    """A bridge does not do as it did; says what it does."""


class RecordedCall(pytest.Item):
    """Passes when a call goes as recorded, and as the timeline beside the recording says."""

    def runtest(self) -> None:
        """Replay the call."""
        folder = self.path.parent
        result = _replay(self.config, folder)
        _reported_tests.note(self, result)
        faults = result.faults
        kept = folder.with_name(f"{folder.name}.timeline.txt")
        if self.config.getoption("simkit_update"):
            kept.write_text(str(result.timeline), encoding="utf-8")
        elif kept.exists():
            faults += _differences(kept, str(result.timeline))
        if faults:
            raise RecordedCallError("\n".join(faults))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any) -> Any:
        """Return what is wrong, without a traceback."""
        from .recording import RecordingError

        if excinfo.errisinstance((RecordedCallError, RecordingError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where it is."""
        return self.path, None, self.name


def _differences(kept: Path, text: str) -> list[str]:
    lines = difflib.unified_diff(
        kept.read_text(encoding="utf-8").splitlines(),
        text.splitlines(),
        kept.name,
        "today",
        n=0,
        lineterm="",
    )
    found = list(lines)
    more = [f"... and {len(found) - _SHOWN_LINES} lines"] if len(found) > _SHOWN_LINES else []
    return found[:_SHOWN_LINES] + more
