"""What guessing comes to (猜测结果): an entry with its remarks, or a note of what was not placed."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyproj import CRS
from shapely.errors import ShapelyError

from gepbook.errors import PackError
from gepbook.inputs.own_data import sheets
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.problems import Problem

SURE, FAIR, UNSURE = "把握较大", "把握一般", "把握较小"
BY_HAND = "Add it to the declaration by hand if it is needed"
SHOWN = 20  # headers or codes that a remark names
#: What openpyxl and pyogrio raise for damaged files.
STUMBLES = (*sheets.UNREADABLE, NameError, ShapelyError)


@dataclass(frozen=True)
class Found:
    """A guess: the entry, its remarks, and what it says of years, counties and cells."""

    file: FileEntry
    remarks: tuple[str, ...]
    years: frozenset[int] = frozenset()
    counties: frozenset[str] = frozenset()
    cell_m: float = math.nan


def note(
    path: str, message: str, remedy: str = BY_HAND, place: str = "", seen: str = ""
) -> Problem:
    """Return a note of rule `guess` on a file."""
    return Problem(path, "guess", message, remedy, place=place, value=seen, severity="note")


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Turn whatever a library raises for a damaged file into a PackError."""
    try:
        yield
    except STUMBLES as error:
        raise PackError(f"{type(error).__name__}: {error}") from error


def crs_remark(crs: Any) -> str:
    """Say which coordinate system a file names, by EPSG code or name, or that it names none."""
    if not crs:
        return "文件没有坐标系, 请填写 crs"
    code = crs.to_epsg()
    return f"坐标系 {f'EPSG:{code}' if code else CRS.from_user_input(crs).name}, 取自文件"
