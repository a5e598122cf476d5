"""``pytest --simkit-verify``: every simulated test twice, and the trails of both compared.

The second run is another process, which is what continuous integration is to a developer: other
hashes of strings (``PYTHONHASHSEED``), other addresses, nothing left by what ran before. It goes
first and keeps the trail of each test that uses ``sim``; the session that everybody sees then
compares its own with them, test by test. Both may spread their tests over workers (pytest-xdist).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .kernel import DivergenceError, Trail, compare, shaken_memory

if TYPE_CHECKING:
    from .simulation import Simulation

_SHOWN_LINES = 20
_OUTPUT = "output.txt"
_TRAILS = "simkit_trails"


class _Runs:
    """What both runs do: ask each test for its trail, and do something with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Take the trail of a test that ran, whether it passed or not."""
        error: BaseException | None = None
        try:
            yield
        except (Exception, pytest.fail.Exception) as caught:
            error = caught
        simulation: Simulation | None = getattr(item, "funcargs", {}).get("sim")
        if simulation is not None and simulation.trail is not None:
            self.take(item, simulation.trail, error)
        if error is not None:
            raise error

    def path(self, item: pytest.Item) -> Path:
        """Return where the trail of a test is kept between the two runs."""
        name = blake2b(item.nodeid.encode("utf-8", "backslashreplace"), digest_size=16)
        return self.folder / f"{name.hexdigest()}.trail"

    def take(self, item: pytest.Item, trail: Trail, error: BaseException | None) -> None:
        """Keep the trail, or compare it."""
        raise NotImplementedError


class Second(_Runs):
    """The other process: it keeps trails for the first."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        super().__init__(folder)
        # Nobody watches this run: it asks nothing, and does not stop before the other does.
        config.option.usepdb = False
        config.option.maxfail = 0
        self._ballast = shaken_memory()

    def pytest_runtest_setup(self) -> None:
        """Give the test other addresses than the first run's."""
        self._ballast = shaken_memory()

    def take(self, item: pytest.Item, trail: Trail, error: BaseException | None) -> None:
        """Keep the trail."""
        self.path(item).write_bytes(trail.dump())


class Compared(_Runs):
    """The run that everybody sees, in the process that runs the tests."""

    def take(self, item: pytest.Item, trail: Trail, error: BaseException | None) -> None:
        """Compare the trail with that of the other run; a difference fails the test."""
        text = self._difference(item, trail)
        if text is None:
            return
        if error is None:
            pytest.fail(text, pytrace=False)
        item.add_report_section("call", "simkit divergence", text)

    def _difference(self, item: pytest.Item, trail: Trail) -> str | None:
        path = self.path(item)
        if not path.exists():
            lines = (self.folder / _OUTPUT).read_text(errors="replace").splitlines()
            return (
                "DivergenceError: the second run did not get to this test. It was the same "
                "command in another process, and ended with:\n" + "\n".join(lines[-_SHOWN_LINES:])
            )
        try:
            compare(trail, Trail.load(path.read_bytes()))
        except DivergenceError as divergence:
            return f"DivergenceError: {divergence}"
        return None


class First(Compared):
    """The session that everybody sees: it starts the other one, and waits for it.

    With ``-n`` of pytest-xdist the other one has its own workers; this one tells its workers where
    the trails are, and they compare.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._made = tempfile.TemporaryDirectory(prefix="simkit-verify-")
        super().__init__(Path(self._made.name))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Run the whole session in another process."""
        config = session.config
        if config.option.collectonly:
            return
        seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
        given = [str(argument) for argument in config.invocation_params.args]
        # In one word: before plugins are known, pytest takes a folder by itself for its root.
        added = [f"--simkit-trails={self.folder}"]
        if config.pluginmanager.hasplugin("cacheprovider"):
            # What it finds out about failures must not choose what the first run runs.
            added += ["-o", f"cache_dir={self.folder / 'cache'}"]
        with (self.folder / _OUTPUT).open("w") as output:
            subprocess.run(  # noqa: S603 - the command that is running already, once more
                [sys.executable, "-m", "pytest", *added, *given],
                check=False,
                cwd=config.invocation_params.dir,
                env=os.environ | {"PYTHONHASHSEED": seed},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist where the trails are."""
        node.workerinput[_TRAILS] = str(self.folder)

    def pytest_unconfigure(self) -> None:
        """Throw the trails away."""
        self._made.cleanup()


def register(config: pytest.Config) -> None:
    """Take part in one of the two runs, where they were asked for."""
    option: Any = config.option
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if option.simkit_trails is not None:
        config.pluginmanager.register(Second(config, Path(option.simkit_trails)))
    elif worker is not None:
        config.pluginmanager.register(Compared(Path(worker[_TRAILS])))
    elif option.simkit_verify:
        config.pluginmanager.register(First(config))
