"""Hashes of the sources a notebook runs on: its cells and the library modules it reaches."""

from __future__ import annotations

import ast
import functools
import json
from collections.abc import Iterable
from pathlib import Path

import grimp
import nbformat

import gepbook
from gepbook import provenance


def notebook_source(path: Path) -> str:
    """Return a notebook's cells as text, without outputs, counts and metadata that change on saving."""
    notebook = nbformat.read(path, as_version=4)
    return json.dumps(
        [[c.cell_type, c.source, c.metadata.get("tags", [])] for c in notebook.cells],
        ensure_ascii=False,
    )


def notebook_imports(path: Path) -> set[str]:
    """Return the dotted names that a notebook imports from this package."""
    notebook = nbformat.read(path, as_version=4)
    code = "\n".join(
        line
        for cell in notebook.cells
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
        if not line.lstrip().startswith(("%", "!"))
    )
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.partition(".")[0] == "gepbook"}


@functools.cache
def _import_graph() -> grimp.ImportGraph:
    """Return who imports whom inside the package."""
    return grimp.build_graph("gepbook", cache_dir=None)


def reached(imports: Iterable[str]) -> frozenset[str]:
    """Return every library module that some imports reach.

    Folders that a registry scans count as reached when the registry is.
    """
    graph = _import_graph()
    found = {name for name in imports if name in graph.modules}
    for name in list(found):
        found |= graph.find_upstream_modules(name)
    if "gepbook.accounting.registry" in found:
        for folder in ("gepbook.accounting.services", "gepbook.accounting.factors"):
            for name in graph.find_descendants(folder):
                found |= {name, *graph.find_upstream_modules(name)}
    return frozenset(found)


def library_hash(imports: Iterable[str]) -> str:
    """Return one hash over every library module that some imports reach."""
    return provenance.sha256_json({name: _module_hash(name) for name in sorted(reached(imports))})


@functools.cache
def _module_hash(name: str) -> str:
    """Return the hash of a module's source file."""
    base = Path(gepbook.__file__).parent.joinpath(*name.split(".")[1:])
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    return provenance.sha256_file(path)
