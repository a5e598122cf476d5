"""Scenarios as they stand in their source, without what they only do with other settings."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

_UNKNOWN = object()
_LITERAL = (bool, int, float, str, type(None))
_PLAIN_PARTS = (
    ast.Name,
    ast.Constant,
    ast.Compare,
    ast.UnaryOp,
    ast.BoolOp,
    ast.expr_context,
    ast.cmpop,
    ast.unaryop,
    ast.boolop,
)


@dataclass(frozen=True, eq=False)
class Source:
    """A module's source, and where each of its names comes from."""

    lines: list[str]
    nodes: dict[str, ast.stmt]
    """What the module defines."""
    ends: dict[str, int]
    """Last line of each, with the string under it that describes it."""
    imported: dict[str, tuple[str, str]]
    """Module and name of what it imports, as an import says it."""
    neighbours: dict[str, str]
    """Modules of scenarios, by the names that are imported from them."""
    literals: dict[str, Any]
    """Numbers and texts among its names."""

    @staticmethod
    @cache
    def of(module: ModuleType) -> Source:
        """Read a module.

        Raises:
            OSError: its source is not there.
        """
        text = inspect.getsource(module)
        nodes: dict[str, ast.stmt] = {}
        ends: dict[str, int] = {}
        imported: dict[str, tuple[str, str]] = {}
        neighbours: dict[str, str] = {}
        before: list[str] = []
        for node in ast.parse(text).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name, place in _imported(node, module.__package__ or ""):
                    if place[0].startswith(f"{__package__}."):
                        neighbours[name] = place[0]
                    else:
                        imported[name] = place
            names = list(_defined(node))
            for name in names or (before if _is_string(node) else ()):
                nodes.setdefault(name, node)
                ends[name] = node.end_lineno or node.lineno
            before = names
        literals = {name: v for name, v in vars(module).items() if isinstance(v, _LITERAL)}
        return Source(text.splitlines(), nodes, ends, imported, neighbours, literals)

    def needed(self, text: str, above: tuple[str, ...] = ()) -> Iterator[tuple[Source, str]]:
        """Yield the names that a piece refers to, and whose: each after those that it needs.

        Args:
            text: of the piece, as it is written out.
            above: what it is needed for.
        """
        names = (part.id for part in ast.walk(ast.parse(text)) if isinstance(part, ast.Name))
        for name in dict.fromkeys(names):
            home = self
            if name in self.neighbours:
                home = Source.of(importlib.import_module(self.neighbours[name]))
            if name in home.nodes and name not in above:
                yield from home.needed(home.definition(name), (*above, name))
                yield home, name
            elif name in home.imported:
                yield home, name

    def definition(self, name: str) -> str:
        """Return the source of a name's definition, without decorators of ours."""
        node = self.nodes[name]
        edited = _edited(self.lines, node, {})
        return _joined(edited[node.lineno - 1 : self.ends[name]])

    def steps(self, node: ast.AsyncFunctionDef, settings: Mapping[str, Any]) -> str:
        """Return what a function does with some settings, without its docstring and its result.

        Args:
            node: the function.
            settings: values of parameters. Branches that are not taken with them are left out.
        """
        own = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _is_stored(n)}
        known = {name: value for name, value in settings.items() if name not in own}
        literals = {name: v for name, v in self.literals.items() if name not in known}
        cut = _Cut(_edited(self.lines, node, known | literals), known | literals)
        _, *body = node.body
        text = cut.block(body[:-1] if isinstance(body[-1], ast.Return) else body)
        if isinstance(body[-1], ast.Return):
            parts = [part for part in ast.walk(body[-1]) if isinstance(part, ast.Await)]
            text += [f"    {ast.unparse(part)}" for part in parts]
        return _joined(text)


@dataclass
class _Cut:
    """Lines of a function, of which some are left out."""

    lines: Sequence[str | None]
    known: Mapping[str, Any]

    def block(self, stmts: Sequence[ast.stmt]) -> list[str | None]:
        """Return a block's lines, with the comments before and between its statements."""
        found: list[str | None] = []
        at = self._with_comments(stmts[0].lineno) if stmts else 0
        for stmt in stmts:
            told = self._statement(stmt)
            if told:
                found += [*self.lines[at - 1 : stmt.lineno - 1], *told]
            at = (stmt.end_lineno or stmt.lineno) + 1
        return found

    def _with_comments(self, line: int) -> int:
        while (self.lines[line - 2] or "").lstrip().startswith("#"):
            line -= 1
        return line

    def _statement(self, stmt: ast.stmt) -> list[str | None]:
        if isinstance(stmt, ast.If):
            taken = _value(stmt.test, self.known)
            if taken is not _UNKNOWN:
                return self._chosen(stmt, stmt.body if taken else stmt.orelse)
        found: list[str | None] = []
        at = stmt.lineno
        for block in _blocks(stmt):
            first = self._with_comments(block[0].lineno)
            inner = self.block(block)
            found += self.lines[at - 1 : first - 1]
            found += inner or [" " * block[0].col_offset + "pass"]
            at = (block[-1].end_lineno or block[-1].lineno) + 1
        return [*found, *self.lines[at - 1 : stmt.end_lineno]]

    def _chosen(self, stmt: ast.If, block: list[ast.stmt]) -> list[str | None]:
        """Return the branch that is taken, in place of the statement."""
        if not block:
            return []
        told = self.block(block)
        deeper = block[0].col_offset - stmt.col_offset
        told = [line and line[deeper:] for line in told]
        if not deeper and told and told[0]:  # what was an elif
            told[0] = told[0].replace("elif ", "if ", 1)
        return told


def _blocks(stmt: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield the blocks within a statement, one after the other."""
    if isinstance(stmt, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for name in ("body", "handlers", "orelse", "finalbody"):
        inner = getattr(stmt, name, [])
        if name == "handlers":
            yield from (handler.body for handler in inner)
        elif inner and not _is_elif(stmt, inner[0]):
            yield inner


def _is_elif(stmt: ast.stmt, inner: ast.stmt) -> bool:
    return isinstance(inner, ast.If) and inner.col_offset == stmt.col_offset


def _value(expr: ast.expr, known: Mapping[str, Any]) -> Any:
    """Return what an expression comes to, as far as that is known."""
    if isinstance(expr, ast.BoolOp):
        found: Any = _UNKNOWN
        for part in expr.values:
            found = _value(part, known)
            if found is _UNKNOWN or bool(found) != isinstance(expr.op, ast.And):
                break
        return found
    parts = list(ast.walk(expr))
    if not all(isinstance(part, _PLAIN_PARTS) for part in parts):
        return _UNKNOWN
    if not all(part.id in known for part in parts if isinstance(part, ast.Name)):
        return _UNKNOWN
    # Of names and literals alone, out of a module that was imported: there is nothing to be feared.
    return eval(compile(ast.Expression(expr), "<settings>", "eval"), dict(known))  # noqa: S307


Edit = tuple[tuple[int, int], tuple[int, int], str]
"""From line and column to line and column, and what stands there instead."""


def _edited(lines: Sequence[str], node: ast.stmt, known: Mapping[str, Any]) -> Sequence[str | None]:
    """Return lines without types, with tests skipped in place of what says that they do not apply.

    A line that is gone is None, so that each stays where it was.
    """
    edited: list[str | None] = list(lines)
    for (line, column), (end_line, end_column), text in sorted(
        _edits(lines, node, known), reverse=True
    ):
        first, last = edited[line - 1] or "", edited[end_line - 1] or ""
        told = f"{_upto(first, column)}{text}{_after(last, end_column)}".splitlines()
        gone = end_line - line + 1 - len(told)
        edited[line - 1 : end_line] = [*told, *[None] * gone]
    return edited


def _edits(lines: Sequence[str], node: ast.AST, known: Mapping[str, Any]) -> Iterator[Edit]:
    if isinstance(node, ast.JoinedStr):
        return  # what is in it says wrongly where it is
    if isinstance(node, ast.IfExp):
        taken = _value(node.test, known)
        if taken is not _UNKNOWN:
            branch = node.body if taken else node.orelse
            yield _start(node), _end(node), _segment(lines, branch)
            return
    if isinstance(node, ast.arg) and node.annotation is not None:
        line, column = _start(node)
        yield (line, column + len(node.arg)), _end(node.annotation), ""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
        line, column = _start(node.returns)
        yield (
            (line, len(_upto(lines[line - 1], column).rpartition(" ->")[0])),
            _end(node.returns),
            "",
        )
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        yield _end(node.target), _end(node.annotation), ""
    if (
        isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and getattr(node.exc.func, "id", "") == "NotApplicable"
    ):
        yield _start(node), _end(node.exc.func), "pytest.skip"
        if node.cause is not None:
            yield _end(node.exc), _end(node.cause), ""
    for part in ast.iter_child_nodes(node):
        yield from _edits(lines, part, known)


def _start(node: ast.expr | ast.stmt | ast.arg) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: ast.expr) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset


def _upto(line: str, column: int) -> str:
    return line.encode()[:column].decode()  # columns count bytes


def _after(line: str, column: int) -> str:
    return line.encode()[column:].decode()


def _segment(lines: Sequence[str], node: ast.expr) -> str:
    return ast.get_source_segment("\n".join(lines), node) or ast.unparse(node)


def _joined(lines: Sequence[str | None]) -> str:
    return "".join(f"{line}\n" for line in lines if line is not None)


def _imported(
    node: ast.Import | ast.ImportFrom, package: str
) -> Iterator[tuple[str, tuple[str, str]]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name, (_said(alias), "")
        return
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1] if node.level else []
    home = ".".join([*above, *([node.module] if node.module else [])])
    from . import __all__ as public

    for alias in node.names:
        is_public = home.startswith(f"{__package__}.") and alias.name in public
        yield alias.asname or alias.name, (str(__package__) if is_public else home, _said(alias))


def _said(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def _is_string(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_stored(name: ast.Name) -> bool:
    return not isinstance(name.ctx, ast.Load)
