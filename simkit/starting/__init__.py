"""The first test of a project: what serves its bridge, what that needs, and the files that hold it.

A project is read, not run, until its user has named the application. Then it is tried in a process
of its own, in the simulation, and what was found becomes a ``conftest.py`` and a test.
"""

from .accounts import Value, values
from .running import Ran, run_test
from .survey import Candidate, Route, Survey, Variable, survey
from .trial import Attempt, Found, Orders, try_out
from .written import Page, defines, pages, save

__all__ = [
    "Attempt",
    "Candidate",
    "Found",
    "Orders",
    "Page",
    "Ran",
    "Route",
    "Survey",
    "Value",
    "Variable",
    "defines",
    "pages",
    "run_test",
    "save",
    "survey",
    "try_out",
    "values",
]
