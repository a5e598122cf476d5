"""Tests of the page in a real browser: Debian's chromium and chromium-driver.

They run where ``SIMKIT_BROWSER`` is set; where it is ``required``, a browser that is missing fails
them. ``SIMKIT_PICTURES`` names a folder in which what was on the screen is kept.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .driving import Browser

WANTED = os.environ.get("SIMKIT_BROWSER", "")
collect_ignore_glob = [] if WANTED else ["*.py"]


def _missing() -> str:
    """Return why there is no browser; empty where there is one."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed: pip install -e '.[browser]'"
    for name in ("chromium", "chromedriver"):
        if shutil.which(name) is None:
            return f"no {name} here: apt-get install chromium chromium-driver"
    return ""


@pytest.fixture(scope="session")
def _browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not WANTED:
        pytest.skip("SIMKIT_BROWSER is not set: no test of the page in a browser")
    missing = _missing()
    if missing and WANTED == "required":
        pytest.fail(f"SIMKIT_BROWSER is required, but {missing}")
    if missing:
        pytest.skip(missing)
    from .driving import Browser

    browser = Browser(
        str(shutil.which("chromium")),
        str(shutil.which("chromedriver")),
        tmp_path_factory.mktemp("browser"),
    )
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(_browser: Browser) -> Iterator[Browser]:
    """A browser in which a test opens a page; nothing in it complains or asks for anything."""
    _browser.driver.get("about:blank")  # the browser's own first page asks for much
    _browser.complaints()
    _browser.asked_for()
    yield _browser
    assert _browser.complaints() == []
    assert _browser.asked_for() == set()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what was on the screen is kept."""
    folder = os.environ.get("SIMKIT_PICTURES")
    if folder is None:
        return tmp_path_factory.mktemp("pictures")
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder)
