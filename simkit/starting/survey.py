"""What in a project's files looks like its bridge: applications, routes, environment variables."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..world import VOICE_PATH
from .sources import Source, Sources, read

_FRAMEWORKS = {
    "aiohttp.web.Application": "aiohttp",
    "fastapi.FastAPI": "FastAPI",
    "fastapi.applications.FastAPI": "FastAPI",
    "litestar.Litestar": "Litestar",
    "quart.Quart": "Quart",
    "simkit.bridge.create_app": "simkit's bridge",
    "starlette.applications.Starlette": "Starlette",
}
_SERVERS = {
    "aiohttp.web.AppRunner": "aiohttp",
    "asyncio.start_server": "asyncio",
    "uvicorn.Server": "uvicorn",
    "websockets.asyncio.server.serve": "websockets",
    "websockets.legacy.server.serve": "websockets",
    "websockets.serve": "websockets",
    "websockets.server.serve": "websockets",
}
_EVIDENCE = re.compile(r"streamSid|stream_sid|<Connect|<Stream|VoiceResponse|twilio", re.IGNORECASE)
_TWIML = re.compile(r"<Connect|<Stream|<Response|VoiceResponse|text/xml|application/xml")
_VOICE = re.compile(r"voice|call|incoming|inbound|twiml|answer|phone", re.IGNORECASE)
_OTHER = re.compile(r"status|callback|fallback|recording|hangup|health|metrics", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|[A-Z]{4,}")
_ASKS = re.compile(r"env|config|setting|secret", re.IGNORECASE)
_METHODS = ("get", "post", "put", "patch", "delete")
_MOST_ROUTES = 24


@dataclass(frozen=True)
class Candidate:
    """Something that may be the bridge."""

    spec: str
    """``module:attribute``."""
    framework: str
    place: str
    """File and line."""
    score: int = 0
    """How much speaks for it."""


@dataclass(frozen=True)
class Route:
    """Something that may be the voice webhook."""

    method: str
    path: str
    score: int = 0


@dataclass(frozen=True)
class Variable:
    """A variable of the environment that the program reads."""

    name: str
    is_needed: bool
    """There is no default."""
    is_number: bool = False


@dataclass(frozen=True)
class Survey:
    """What a project's files say."""

    sources: Sources
    candidates: list[Candidate]
    """What may be the bridge, the likeliest first."""

    @property
    def unreadable(self) -> list[str]:
        """Files that are no Python, each with its line and why."""
        return self.sources.unreadable

    def routes(self, app: str) -> list[Route]:
        """Return what may be the voice webhook of an application, the likeliest first."""
        files = self.sources.reached_from(app.partition(":")[0])
        found = {(route.method, route.path): route for file in files for route in _routes(file)}
        prefixes = ["", *dict.fromkeys(text for file in files for text in _prefixes(file))]
        nested = [a + b for a in prefixes for b in prefixes if a != b or not a]
        likely = sorted((r for r in found.values() if r.score > 0), key=lambda r: -r.score)
        paths = {(route.method, p + route.path): route.score for route in likely for p in nested}
        paths.setdefault(("POST", VOICE_PATH), 0)
        return [Route(*where, score) for where, score in paths.items()][:_MOST_ROUTES]

    def sockets(self, app: str) -> list[str]:
        """Return paths that may be the media socket's, where the program names any."""
        files = self.sources.reached_from(app.partition(":")[0])
        found = [
            node.value
            for file in files
            for node in ast.walk(file.tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch(r"/[\w/-]*(media|stream|ws|twilio)[\w/-]*", node.value)
        ]
        return list(dict.fromkeys([*found, "/"]))

    def variables(self, app: str) -> list[Variable]:
        """Return the environment variables that an application reads, by name."""
        found: dict[str, Variable] = {}
        for file in self.sources.reached_from(app.partition(":")[0]):
            for variable in _variables(file):
                if not re.fullmatch(r"[A-Za-z_]\w*", variable.name, re.ASCII):
                    continue
                known = found.get(variable.name)
                if known is None or (variable.is_needed and not known.is_needed):
                    found[variable.name] = variable
        return [found[name] for name in sorted(found)]

    def speaks_of(self, app: str, host: str) -> bool:
        """Tell whether an application's files name a host."""
        files = self.sources.reached_from(app.partition(":")[0])
        return any(host in file.text for file in files)


def survey(folder: Path) -> Survey:
    """Read a project's files, and run none.

    Raises:
        OSError: the folder cannot be read.
    """
    sources = read(folder)
    makers = {
        f"{file.module}.{node.name}": framework
        for file in sources.files.values()
        for node in file.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (framework := _made_by(file, node))
    }
    found = []
    for file in sources.files.values():
        reached = sources.reached_from(file.module)
        score = sum(bool(_EVIDENCE.search(one.text)) for one in [file, *reached])
        found += [replace(one, score=one.score + score) for one in _candidates(file, makers)]
    best = [one for one in found if one.score > 0] or found
    return Survey(sources, sorted(best, key=lambda one: (-one.score, one.spec)))


def _candidates(file: Source, makers: dict[str, str]) -> Iterator[Candidate]:
    """Yield what may serve: objects, else functions that make them, else mains that serve them."""
    objects: dict[str, Candidate] = {}
    used: set[str] = set()
    for node in file.tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        value = node.value
        if not isinstance(value, ast.Call):
            continue
        made_by = file.meaning(value.func)
        local = made_by if made_by in makers else f"{file.module}.{made_by}"
        framework = _FRAMEWORKS.get(made_by) or makers.get(local, "")
        used.add(local)
        inner = value.args[0] if value.args else None
        if isinstance(inner, ast.Name) and inner.id in objects:
            framework = objects[inner.id].framework  # wrapped, in a middleware
        targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
        for target in targets:
            if not isinstance(target, ast.Name):
                continue
            if framework:
                objects[target.id] = _candidate(file, target.id, framework, node)
            elif target.id in ("app", "application", "asgi"):
                objects[target.id] = _candidate(file, target.id, "ASGI, perhaps", node)
    yield from objects.values()
    functions = [
        node
        for node in file.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _needs(node.args)
    ]
    for function in functions:
        name = f"{file.module}.{function.name}"
        if name in makers and name not in used:
            objects[function.name] = one = _candidate(
                file, function.name, makers[name], function, "made by a function"
            )
            yield one
    for function in functions:
        if not isinstance(function, ast.AsyncFunctionDef) or function.name in objects:
            continue
        names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        calls = (file.meaning(n.func) for n in ast.walk(function) if isinstance(n, ast.Call))
        served = next((_SERVERS[call] for call in calls if call in _SERVERS), None)
        if served is not None and not names & objects.keys():
            yield _candidate(file, function.name, served, function, "a program of its own")


def _candidate(file: Source, name: str, framework: str, node: ast.stmt, how: str = "") -> Candidate:
    shown = f"{framework}, {how}" if how else framework
    return Candidate(f"{file.module}:{name}", shown, f"{file.path}:{node.lineno}")


def _needs(arguments: ast.arguments) -> bool:
    """Tell whether a function has to be given anything."""
    plain = len(arguments.posonlyargs) + len(arguments.args)
    return plain > len(arguments.defaults) or None in arguments.kw_defaults


def _made_by(file: Source, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the framework of what a function makes; empty if it makes no application."""
    if function.returns is not None:
        told = _FRAMEWORKS.get(file.meaning(function.returns))
        if told:
            return told
    returned = {
        node.value.id
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Name)
    }
    for node in ast.walk(function):
        made = node.value if isinstance(node, ast.Return | ast.Assign) else None
        if not isinstance(made, ast.Call):
            continue
        framework = _FRAMEWORKS.get(file.meaning(made.func), "")
        targets = node.targets if isinstance(node, ast.Assign) else []
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        if framework and (isinstance(node, ast.Return) or names & returned):
            return framework
    return ""


def _routes(file: Source) -> Iterator[Route]:
    """Yield the routes that a file declares, in any of the frameworks' ways."""
    texts = {
        name: ast.get_source_segment(file.text, node) or ""
        for node in file.tree.body
        for name in _names_of(node)
    }
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                    yield from _route(file, call, call.func.attr, node, texts)
        elif isinstance(node, ast.Call):
            name = file.meaning(node.func).rpartition(".")[2]
            if name in ("Route", "add_route", "add_api_route") or name.startswith("add_"):
                yield from _route(file, node, name.removeprefix("add_"), None, texts)
            elif name in _METHODS and file.meaning(node.func) == f"aiohttp.web.{name}":
                yield from _route(file, node, name, None, texts)
        elif "process_request" in file.text and isinstance(node, ast.Constant):
            # A program on bare websockets, which answer nothing but GET.
            path = node.value if isinstance(node.value, str) else ""
            if re.fullmatch(r"/[\w./-]*", path):
                yield Route("GET", path, _score(path, file.text))


def _route(
    file: Source, call: ast.Call, way: str, handler: ast.stmt | None, texts: dict[str, str]
) -> Iterator[Route]:
    paths = _paths_in(call)
    if not paths or way == "websocket":
        return
    methods = [way.upper()] if way in _METHODS else []
    for part in [*call.args, *(k.value for k in call.keywords if k.arg in ("method", "methods"))]:
        for inner in ast.walk(part):
            text = inner.value if isinstance(inner, ast.Constant) else None
            if isinstance(text, str) and text.lower() in _METHODS:
                methods.append(text.upper())
    if not methods:
        methods = ["GET"]
    text = ast.get_source_segment(file.text, handler) or "" if handler is not None else ""
    inside: list[ast.AST] = [handler] if handler is not None else [*call.args[1:]]
    for one in inside:
        for node in ast.walk(one):
            if isinstance(node, ast.Name):
                text += texts.get(node.id, "")
    if handler is None:  # what the handler calls, too
        text += "".join(texts[name] for name in re.findall(r"\w+", text) if name in texts)
    method = "POST" if "POST" in methods else methods[0]
    if method in ("POST", "GET"):
        for path in paths:
            yield Route(method, path, _score(path, text) - (method == "GET"))


def _score(path: str, text: str) -> int:
    return 4 * bool(_TWIML.search(text)) + bool(_VOICE.search(path)) - 3 * bool(_OTHER.search(path))


def _paths_in(node: ast.Call) -> list[str]:
    parts = [*node.args[:2], *(k.value for k in node.keywords if k.arg == "path")]
    return [
        part.value
        for part in parts
        if isinstance(part, ast.Constant)
        and isinstance(part.value, str)
        and re.fullmatch(r"/[\w./-]*", part.value)
    ]


def _names_of(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _prefixes(file: Source) -> Iterator[str]:
    """Yield what may stand before a route's path: of routers, mounts and applications within."""
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.Call):
            continue
        name = file.meaning(node.func).rpartition(".")[2]
        texts = [keyword.value for keyword in node.keywords if keyword.arg == "prefix"]
        if name in ("Mount", "mount", "add_subapp"):
            texts += node.args[:1]
        for text in texts:
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield "/" + text.value.strip("/") if text.value.strip("/") else ""


def _variables(file: Source) -> Iterator[Variable]:
    """Yield what is read of the environment: by os, by settings of pydantic's, by what asks it."""
    numbers = {
        id(node.args[0])
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("int", "float")
        and node.args
    }
    if any(meaning.startswith("simkit.bridge") for meaning in file.imported.values()):
        for name in ("PUBLIC_URL", "TWILIO_AUTH_TOKEN", "VAPI_API_KEY"):
            yield Variable(name, True)
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Subscript) and file.meaning(node.value) == "os.environ":
            name = _constant(node.slice)
            if name and isinstance(node.ctx, ast.Load):
                yield Variable(name, True, id(node) in numbers)
        elif isinstance(node, ast.Call) and node.args and (name := _constant(node.args[0])):
            asks = file.meaning(node.func)
            has_default = len(node.args) > 1 or any(k.arg == "default" for k in node.keywords)
            if asks in ("os.getenv", "os.environ.get"):
                # None is no value to a bridge that needs one, nor to a header.
                yield Variable(name, not has_default, id(node) in numbers)
            elif _ASKS.search(asks) and _VARIABLE.fullmatch(name):
                yield Variable(name, not has_default, id(node) in numbers)
        elif isinstance(node, ast.ClassDef) and any(
            file.meaning(base).endswith("BaseSettings") for base in node.bases
        ):
            yield from _settings(node)


def _constant(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _settings(node: ast.ClassDef) -> Iterator[Variable]:
    prefix = next(
        (
            _constant(keyword.value)
            for part in ast.walk(node)
            if isinstance(part, ast.Call)
            for keyword in part.keywords
            if keyword.arg == "env_prefix"
        ),
        "",
    )
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            kind = ast.unparse(field.annotation)
            is_needed = field.value is None or "..." in ast.unparse(field.value)
            name = (prefix + field.target.id).upper()
            yield Variable(name, is_needed, kind in ("int", "float"))
