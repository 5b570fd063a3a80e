"""Files of a folder (逐个文件), each looked at by what knows its kind; none of them is changed."""

from __future__ import annotations

import contextlib
import csv
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rasterio.errors import RasterioError

from gepbook.inputs.own_data import archives, templates
from gepbook.inputs.own_data.guessing.from_archives import in_archive
from gepbook.inputs.own_data.guessing.from_rasters import in_raster
from gepbook.inputs.own_data.guessing.from_tables import in_text, in_workbook
from gepbook.inputs.own_data.guessing.from_vectors import in_vector
from gepbook.inputs.own_data.guessing.guesses import BY_HAND, Found, note
from gepbook.inputs.own_data.guessing.kinds import (
    COMPANIONS,
    FOLDERS,
    RASTERS,
    REMEDIES,
    SKIPPED,
    TEXTS,
    VECTORS,
    WORKBOOKS,
)
from gepbook.inputs.own_data.problems import Problem

#: What a damaged file makes its reader raise; openpyxl and pyogrio stumble in further ways (`guarded`).
UNREADABLE = (OSError, ValueError, RuntimeError, EOFError, csv.Error, RasterioError)


def look_at_all(folder: Path) -> tuple[list[Found], list[Problem]]:
    """Return what the files of a folder may be, and notes of what could not be placed."""
    found: list[Found] = []
    problems: list[Problem] = []
    for path in _files(folder):
        for item in _look(folder, path):
            if isinstance(item, Problem):
                problems.append(item)
            elif clash := _clash(item, found):
                problems.append(clash)
            else:
                found.append(item)
    return found, problems


def _files(folder: Path) -> Iterator[Path]:
    """Yield files, and folders that are one file; links to folders are not followed."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(SKIPPED):
            continue
        if path.is_dir() and path.suffix.casefold() not in FOLDERS:
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    yield from _files(path)
        else:
            yield path


def _look(existing: Path, path: Path) -> list[Found | Problem]:
    """Return what a file may be; whatever is wrong with it becomes a note."""
    name = path.relative_to(existing).as_posix()
    look = _looker(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the checks speak of what is odd, not the guess
            return list(look(path, name))
    except UNREADABLE as error:
        return [note(name, f"cannot be read ({templates.one_line(str(error))})")]


def _looker(path: Path) -> Callable[[Path, str], Iterator[Found | Problem]]:
    """Return what looks at a kind of file."""
    suffix = path.suffix.casefold()
    kinds = {
        WORKBOOKS: in_workbook,
        TEXTS: in_text,
        VECTORS: in_vector,
        RASTERS: in_raster,
    }
    for suffixes, look in kinds.items():
        if suffix in suffixes:
            return look
    return in_archive if suffix == archives.ZIP else _unknown


def _unknown(path: Path, name: str) -> Iterator[Problem]:
    """Say that a kind of file is not read; companions of others are no matter."""
    suffix = path.suffix.casefold()
    alone = suffix == ".dbf" and not path.with_suffix(".shp").exists()
    if suffix in COMPANIONS and not alone:
        return
    yield note(name, "is no kind of file that is read", REMEDIES.get(suffix, BY_HAND), seen=suffix)


def _clash(item: Found, found: Sequence[Found]) -> Problem | None:
    """Return a note when another file was taken for the same raster and year."""
    if not item.file.layer:
        return None
    for other in found:
        if (other.file.layer, other.file.year) == (item.file.layer, item.file.year):
            what = f"{item.file.layer} {item.file.year or ''}".strip()
            return note(
                item.file.path,
                f"may be {what} too, for which {other.file.path} was taken",
                "Declare the one that is meant",
            )
    return None
