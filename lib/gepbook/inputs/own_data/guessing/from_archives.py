"""Guesses from archives (压缩包): what lies in them is judged by names alone, nothing is unpacked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from gepbook.inputs.manifest import Source
from gepbook.inputs.own_data import archives, dictionary, templates
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.guessing import words
from gepbook.inputs.own_data.guessing.guesses import UNSURE, Found, note
from gepbook.inputs.own_data.guessing.kinds import (
    COMPANIONS,
    RASTERS,
    SKIPPED,
    TEXTS,
    VECTORS,
    WORKBOOKS,
)
from gepbook.inputs.own_data.problems import Problem


def in_archive(path: Path, name: str) -> Iterator[Found | Problem]:
    """Yield what the files of an archive may be, by their names alone."""
    members = archives.members_of(path.parent, path.name)
    if not members:
        yield note(name, "no file could be listed in the archive", "Unpack it")
    inner = {PurePosixPath(member) for member in members}
    databases = {p for file in inner for p in file.parents if p.suffix.casefold() == ".gdb"}
    inner = {p for p in inner if not databases & set(p.parents)} | databases
    for member in sorted(inner):
        suffix = member.suffix.casefold()
        if suffix in COMPANIONS or any(part.startswith(SKIPPED) for part in member.parts):
            continue
        try:
            yield _by_name(f"{name}/{member}", words.names_of(member), suffix)
        except ValueError as error:
            yield note(name, "a member cannot be declared", seen=templates.one_line(str(error)))


def _by_name(path: str, names: Sequence[str], suffix: str) -> Found | Problem:
    """Return what a file may be by its name alone."""
    by_name = f"猜测 ({UNSURE}): 在压缩包内, 仅依据名称"
    layer, word, _ = words.named(names, words.layer_words())
    if suffix in RASTERS and layer:
        entry = dictionary.layers()[layer]
        year = words.year_of(names) if entry.by_year else None
        unit = entry.unit if entry.kind == "classes" else ""
        file = FileEntry(path=path, layer=layer, year=year, unit=unit, source=Source(title=""))
        remark = f"{by_name}中的 “{word}”: {entry.title}; 请填写 unit、classes、nodata"
        return Found(file, (remark,), frozenset({year} if year else ()))
    shapes = {n: w for n, w in words.table_words().items() if dictionary.tables()[n].geometry}
    table, word, _ = words.named(names, shapes)
    if suffix in VECTORS and table:
        file = FileEntry(path=path, table=table, source=Source(title=""))
        title = dictionary.tables()[table].title
        return Found(file, (f"{by_name}中的 “{word}”: {title}; 请填写 columns",))
    if suffix in (*WORKBOOKS, *TEXTS):
        message, remedy = "a table in an archive was not looked into", "Declare it by hand"
        return note(path, message, f"{remedy}, or unpack the archive and guess again")
    return note(path, "its name does not say what it is", "Unpack the archive and guess again")
