"""The Python files of a project, parsed and never run."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_MOST_FILES = 2000
_MOST_BYTES = 1_000_000
_ELSEWHERE = {"build", "dist", "docs", "migrations", "node_modules", "site-packages", "venv"}
_TESTS = {"test", "tests", "testing"}


@dataclass(frozen=True)
class Source:
    """One file."""

    path: Path
    """From the project's folder."""
    module: str
    tree: ast.Module
    text: str
    imported: dict[str, str] = field(default_factory=dict)
    """What a name of an import means: ``package.module.name``."""

    def meaning(self, node: ast.expr) -> str:
        """Return what a name or a chain of attributes means, as far as imports tell."""
        if isinstance(node, ast.Name):
            return self.imported.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            return f"{self.meaning(node.value)}.{node.attr}"
        return self.meaning(node.func) + "()" if isinstance(node, ast.Call) else ""


@dataclass(frozen=True)
class Sources:
    """All of them."""

    files: dict[str, Source]
    """By module."""
    unreadable: list[str]
    """Files that are no Python, each with its line and why."""

    def reached_from(self, module: str) -> list[Source]:
        """Return a module and what it imports of this project, directly or not.

        All files, where there is no such module.
        """
        if module not in self.files:
            return list(self.files.values())
        seen, waiting = {module: self.files[module]}, [module]
        while waiting:
            for name in self.files[waiting.pop()].imported.values():
                parts = name.split(".")
                for end in range(1, len(parts) + 1):
                    found = ".".join(parts[:end])
                    if found in self.files and found not in seen:
                        seen[found] = self.files[found]
                        waiting.append(found)
        return list(seen.values())


def read(folder: Path) -> Sources:
    """Read what a project consists of; tests, hidden and installed files are none of it.

    Raises:
        OSError: the folder cannot be read.
    """
    root = folder / "src" if (folder / "src").is_dir() else folder
    files: dict[str, Source] = {}
    unreadable: list[str] = []
    for path in _paths(folder):
        shown = path.relative_to(folder)
        home = root if path.is_relative_to(root) else folder
        parts = list(path.relative_to(home).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        module = ".".join(parts)
        if not all(part.isidentifier() for part in parts) or not parts:
            continue
        try:
            text = path.read_bytes().decode()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of theirs, and nobody asked for it here
                tree = ast.parse(text)
        except SyntaxError as error:
            unreadable.append(f"{shown}:{error.lineno}: {error.msg}")
            continue
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            unreadable.append(f"{shown}: {error}")
            continue
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        files[module] = Source(shown, module, tree, text, _imports(tree, package))
    return Sources(files, unreadable)


def _paths(folder: Path) -> Iterator[Path]:
    count = 0
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if _is_theirs(Path(here, name)))
        for name in sorted(names):
            path = Path(here, name)
            if not name.endswith(".py") or name.startswith("test_") or name == "conftest.py":
                continue
            if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
                continue
            count += 1
            if count > _MOST_FILES:
                return
            yield path


def _is_theirs(folder: Path) -> bool:
    name = folder.name
    if name.startswith((".", "__")) or name in _ELSEWHERE | _TESTS or folder.is_symlink():
        return False
    return not (folder / "pyvenv.cfg").exists()


def _imports(tree: ast.Module, package: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                if not alias.asname and "." in alias.name:
                    found[alias.name] = alias.name  # reached, though bound by its first part
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            home = ".".join([*(above if node.level else []), *([node.module or ""])]).strip(".")
            for alias in node.names:
                found[alias.asname or alias.name] = f"{home}.{alias.name}".strip(".")
    return found
