"""``simkit init``: find the bridge, call it, write a test of it, run that, and say what next."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console
from rich.text import Text

from ..report import console
from ..scenarios.patience import HUNG
from ..starting import (
    Attempt,
    Candidate,
    Found,
    Orders,
    Page,
    Ran,
    Survey,
    Value,
    Variable,
    defines,
    pages,
    run_test,
    save,
    survey,
    try_out,
    values,
)
from ..starting.trial import OPENAI
from ..starting.written import CONFTEST, SNAPSHOT, TEST
from ..timeline.text import printable
from .main import Refusal

_MOST_SHOWN = 6
_SIGNED = "HTTP 403"
_RAISED = "; the bridge raised "


def run_init(folder: str, *, app: str | None, webhook: str | None, yes: bool, force: bool) -> None:
    """Do it all, and exit with 0, 1 (the test found something) or 2 (nothing was written)."""
    here = Path(folder)
    if not here.is_dir():
        raise Refusal(f"{folder}: there is no such folder")
    if app is not None and not re.fullmatch(r"\w+(\.\w+)*:\w+(\.\w+)*", app):
        raise Refusal(f"--app {app}: expected module:attribute, as in my_app:app")
    if webhook is not None and not re.fullmatch(r"/[\w./-]*", webhook):
        raise Refusal(f"--webhook {webhook}: expected a path, as in /incoming-call")
    lacking = [name for name in ("pytest", "syrupy") if importlib.util.find_spec(name) is None]
    if lacking:
        raise Refusal(f"the test needs them: pip install {' '.join(lacking)}")
    try:
        found = survey(here)
    except OSError as error:
        raise Refusal(f"{folder}: {error.strerror}") from None
    project = _Project(here, found, console(), ask=not yes and is_person(), yes=yes)
    project.choose(app)
    tried = project.call(webhook)
    test, take_back = project.write(tried, force=force)
    sys.exit(0 if project.judge(test, take_back, anew=force) else 1)


def is_person() -> bool:
    """Tell whether somebody is there to be asked."""
    return sys.stdin.isatty()


def stop(out: Console, sentence: str, *more: str) -> NoReturn:
    """Say why nothing was written, and what to do; exit with 2."""
    error = console(sys.stderr)
    error.print(Text(f"simkit: {printable(sentence)}"), soft_wrap=True)
    for line in more:
        error.print(Text(f"    {printable(line)}"), soft_wrap=True)
    sys.exit(2)


@dataclass
class _Tried:
    """The application, and how it was reached."""

    app: str
    found: Found
    call: Attempt
    accounts: list[Value]
    is_openai: bool


class _Project:
    def __init__(self, folder: Path, found: Survey, out: Console, *, ask: bool, yes: bool) -> None:
        self._folder = folder
        self._survey = found
        self._out = out
        self._asks, self._yes = ask, yes
        self._app = ""
        self._is_openai = False
        self._stranger = ""
        """A service that the bridge speaks to in Vapi's place, and simkit does not know."""
        self._more: list[str] = []
        """Variables of the environment that only running it shows."""
        tests = folder / "tests"
        self._tests = tests if tests.is_dir() else folder

    def _says(self, what: str, text: str, style: str = "bold") -> None:
        line = Text.assemble((f"{what:<13} ", style), printable(text))
        self._out.print(line, soft_wrap=True)

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._folder))

    def choose(self, app: str | None) -> None:
        """Settle on the application: the one that was named, the only one, or one of several."""
        candidates = self._survey.candidates
        for line in self._survey.unreadable:
            self._says("not read", line, "yellow")
        if app is None:
            app = self._one_of(candidates).spec
        self._app = app
        known = [one for one in candidates if one.spec == app]
        where = f"{known[0].framework}, {known[0].place}" if known else "named by --app"
        self._says("bridge", f"{app} ({where})")

    def _one_of(self, candidates: Sequence[Candidate]) -> Candidate:
        if not candidates:
            count = len(self._survey.sources.files)
            stop(
                self._out,
                f"no application was found in {self._folder.resolve().name}: {count} files of "
                "Python were read" + (", and some could not be" if self._survey.unreadable else ""),
                *self._survey.unreadable,
                "name yours, as in simkit init --app my_app:app",
                "an application is one of FastAPI, Starlette, aiohttp or other ASGI, a function",
                "that makes one, or an async def main() that serves by itself",
            )
        if len(candidates) == 1:
            return candidates[0]
        rows = [
            f"{number}  {one.spec}  ({one.framework}, {one.place})"
            for number, one in enumerate(candidates, 1)
        ]
        if self._asks:
            for row in rows:
                self._out.print(Text(printable(row)), soft_wrap=True)
            which = click.IntRange(1, len(candidates))
            return candidates[click.prompt("Which is the bridge?", type=which, default=1) - 1]
        if not self._yes:
            stop(
                self._out,
                "several applications are here: say which is the bridge with --app",
                *rows,
                "--yes takes the first",
            )
        return candidates[0]

    def call(self, webhook: str | None) -> _Tried:
        """Call the bridge in a simulation, and find out where its webhook is."""
        app, found = self._app, self._survey
        more = [Variable(name, is_needed=True) for name in self._more]
        accounts = values([*found.variables(app), *more])
        self._is_openai = is_openai = self._is_openai or (
            found.speaks_of(app, OPENAI) and not found.speaks_of(app, "api.vapi.ai")
        )
        likely = found.routes(app)
        routes = [(route.method, route.path) for route in likely]
        sockets = [] if any(route.score > 0 for route in likely) else found.sockets(app)
        if webhook is not None:
            routes, sockets = [("POST", webhook), ("GET", webhook)], []
        source = self._folder / "src"
        orders = Orders(
            app,
            [str(source.resolve())] if source.is_dir() else [],
            {value.name: value.text for value in accounts},
            routes,
            sockets,
            is_openai,
        )
        with console(sys.stderr).status("calling the bridge"):
            tried = try_out(orders, self._folder)
        lacks = re.search(r"KeyError: '([A-Z][A-Z0-9_]+)'", tried.failure)
        if lacks and lacks[1] not in self._more:
            self._more.append(lacks[1])  # by a name that is no constant where it is read
            return self.call(webhook)
        if tried.failure:
            stop(self._out, tried.failure, *_cure(tried.failure))
        if not is_openai and any(OPENAI in attempt.strangers for attempt in tried.attempts):
            self._is_openai = True  # by a library: no file of theirs says so
            return self.call(webhook)
        self._tell_accounts(accounts)
        call = tried.best
        assert call is not None  # there is a route at least
        if call.went == "refused":
            if self._asks and webhook is None:
                self._tell(tried.attempts)
                asked = click.prompt("At which path is the voice webhook?", default="/")
                return self.call("/" + asked.strip().lstrip("/"))
            self._no_webhook(tried.attempts)
        what = f"{call.method} {call.path}" if call.method else "none: Twilio is given the TwiML"
        stream = f", media at {call.stream}" if call.stream else ""
        self._says("voice webhook", what + stream)
        if call.strangers:
            self._says("not there", f"{', '.join(call.strangers)}: asked for in vain", "yellow")
            if not is_openai and not found.speaks_of(app, "vapi"):
                self._stranger = call.strangers[-1]
        elif call.went != "greeted" and _RAISED in call.told:
            self._says("raised", call.told.partition(_RAISED)[2], "yellow")
        return _Tried(app, tried, call, accounts, is_openai)

    def _tell_accounts(self, accounts: Sequence[Value]) -> None:
        guesses = [value.name for value in accounts if value.is_guess]
        known = [value.name for value in accounts if not value.is_guess]
        if known:
            self._says("environment", f"{', '.join(known)}: set to simulated values")
        if guesses:
            self._says("guessed", f"{', '.join(guesses)}: put in what fits", "yellow")

    def _tell(self, attempts: Iterable[Attempt]) -> None:
        for line in _answers(attempts):
            self._out.print(Text(line), soft_wrap=True)

    def _no_webhook(self, attempts: Sequence[Attempt]) -> NoReturn:
        cure = ["say where the voice webhook is, as in simkit init --webhook /incoming-call"]
        if any("did not accept the stream" in attempt.told for attempt in attempts):
            cure = [
                "the voice webhook is there, and the socket that it names was refused",
                f"what the bridge prints then: simkit run greeting --app {self._app}",
            ]
        if any(_SIGNED in attempt.told for attempt in attempts if attempt.method):
            cure = [
                "403 is what a bridge says that does not believe Twilio's signature: it has to be",
                "told the simulated auth token, simkit.twilio.AUTH_TOKEN, and the public URL",
                "https://bridge.example.com, in variables that are found in its files",
            ]
        stop(self._out, "no call was connected", *_answers(attempts), *cure)

    def write(self, tried: _Tried, *, force: bool) -> tuple[Path, Callable[[], None]]:
        """Write the fixture and the test; return where the test is, and what undoes it."""
        conftest, test = self._tests / CONFTEST, self._tests / TEST
        has_fixture = any(defines(place / CONFTEST, "bridge") for place in self._places())
        package = "" if self._tests == self._folder else f"{self._tests.name}."
        above = "" if self._tests == self._folder else "../"
        fixture, text = pages(
            tried.app,
            tried.call,
            tried.accounts,
            module=f"{package}conftest",
            port=tried.found.port,
            source=f"{above}src" if (self._folder / "src").is_dir() else None,
            openai=tried.is_openai,
        )
        wanted = [Page(test, text)]
        if not has_fixture:
            wanted.insert(0, Page(conftest, fixture))
        elif not force:
            self._says("fixture", f"{CONFTEST} has one called bridge: it is used")
        wanted = [page for page in wanted if not page.is_there]
        there = [page for page in wanted if page.path.exists()]
        if there and not force:
            self._refuse(there, is_conftest=there[0].path == conftest)
        try:
            take_back = save(wanted)
        except OSError as error:
            stop(self._out, f"{error.filename or self._tests}: {error.strerror}")
        if wanted:
            self._says("wrote", ", ".join(self._shown(page.path) for page in wanted))
        return test, take_back

    def _places(self) -> set[Path]:
        return {self._folder, self._tests}

    def _refuse(self, there: Sequence[Page], *, is_conftest: bool) -> NoReturn:
        for page in there:
            self._out.print(Text(f"\n# {self._shown(page.path)}", "bold"))
            self._out.print(Text(page.text), soft_wrap=True)
        names = " and ".join(self._shown(page.path) for page in there)
        is_there = "is there, and was" if len(there) == 1 else "are there, and were"
        cure = "--force writes over it" if len(there) == 1 else "--force writes over them"
        if is_conftest:
            cure = f"add to it what stands above, and run simkit init again; {cure}"
        stop(
            self._out,
            f"{names} {is_there} left alone; what would be written stands above",
            cure,
        )

    def judge(self, test: Path, take_back: Callable[[], None], *, anew: bool) -> bool:
        """Run the test, keep its snapshot if it passes, and say what next."""
        snapshot = test.parent / SNAPSHOT
        was_there = snapshot.exists()
        with console(sys.stderr).status("running the test"):
            ran = run_test(test, snapshot, self._folder, anew=anew)
        if ran.told is None:
            take_back()
            self._out.print()
            for line in ran.output[-20:]:
                self._out.print(Text(f"    {printable(line)}"), soft_wrap=True)
            stop(
                self._out,
                "pytest could not run the test, which is taken back; what it said stands above",
                f"its own configuration? try: pytest, in {self._folder.resolve()}",
            )
        passed = ran.told.passed
        if passed:
            if anew or not was_there:
                self._says("wrote", self._shown(snapshot))
            stops_ms = ran.told.time_to_stop_ms or 0.0
            self._says(
                "passed",
                f"a caller interrupts, and the agent is silent after {stops_ms:.0f} ms; "
                f"{ran.told.call_seconds:.1f} s of call",
                "bold green",
            )
            if not ran.is_repeatable:
                self._says(
                    "but",
                    "a second run went otherwise: pytest --simkit-verify names what differs first",
                    "bold yellow",
                )
        else:
            self._finding(ran, test)
        self._next(test)
        return passed

    def _finding(self, ran: Ran, test: Path) -> None:
        assert ran.told is not None
        first, *more = ran.told.sentences or ["the test failed"]
        self._says("FOUND", first, "bold red")
        for sentence in more:
            self._says("", sentence)
        self._out.print()
        for line in ran.told.lines:
            self._out.print(Text(f"    {printable(line)}", "dim"), soft_wrap=True)
        self._out.print()
        shown = self._shown(test)
        told = f"The bridge does that, not the test: {shown} stays, and is red until it is mended."
        if self._stranger:
            told = (
                f"The bridge speaks to {self._stranger}, which simkit does not know: how that "
                "service talks takes a class of some 30 lines, as in docs/how-to/upstream.md. "
                f'serve(sim) puts it up, by sim.upstream("{self._stranger}", ...), and the test '
                "gives what is said to that, not to sim.vapi."
            )
        elif ran.told.strangers:
            hosts = ", ".join(ran.told.strangers)
            told = (
                f"{hosts} is no part of the simulation: let serve(sim) put it there, by sim.host, "
                "or by sim.http if a few answers do."
            )
        self._out.print(Text(printable(told)), soft_wrap=True)
        self._out.print(
            f"pytest {shown} --simkit-report=report writes a page of the call, to see and hear;\n"
            "add --snapshot-update once it passes.",
            soft_wrap=True,
        )

    def _next(self, test: Path) -> None:
        app = self._app
        for place in self._places():
            if defines(place / CONFTEST, "serve"):
                package = "" if place == self._folder else f"{place.name}."
                app = f"{package}conftest:serve"
        if self._is_openai:
            app += " --upstream openai-realtime"
        elif self._stranger:
            app += f" --upstream {self._stranger}=MODULE:CLASS"
        steps = (
            ("pytest", "runs it with your other tests"),
            (f"simkit conformance --app {app}", "tells which races the bridge loses"),
            ("simkit scenarios barge-in", "tells how to win a race, here the one of the test"),
        )
        width = max(len(command) for command, _ in steps)
        self._out.print()
        for number, (command, what) in enumerate(steps):
            head = "next" if number == 0 else ""
            self._says(head, f"{command:<{width}}  {what}")


def _answers(attempts: Iterable[Attempt]) -> list[str]:
    told = [f"{one.method or 'a stream to'} {one.path}: {one.told}" for one in attempts]
    more = len(told) - _MOST_SHOWN
    return told[:_MOST_SHOWN] + ([f"... {more} more"] if more > 0 else [])


def _cure(failure: str) -> list[str]:
    """Return what helps against an application that does not start."""
    if HUNG in failure:
        return ["does importing it start a server? That belongs under if __name__ == '__main__'"]
    if found := re.search(r"No module named '([\w.]+)'|there is no module '([\w.]+)'", failure):
        name = found[1] or found[2]
        return [
            f"that is, with {sys.executable} -m pip install ...",
            f"if {name} is a module of the project's: run simkit init where it is imported from",
        ]
    return ["mend that, or name another application with --app; nothing was written"]
