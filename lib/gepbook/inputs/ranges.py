"""Values that no measurement can have, refused where a pack is read (值域检查).

A percentage beyond 100, rain below 0 or a fill value that was not marked as missing would pass through
every formula and end in a plausible total; here each is named with its file, place and value. What is
missing (NaN) is no matter of this module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from gepbook.errors import PackError
from gepbook.inputs.manifest import TableField

#: Least and greatest value by unit of a raster; wide enough for any place on earth.
UNIT_LIMITS = {
    "percent": (0.0, 100.0),
    "degree": (0.0, 90.0),
    "degC": (-80.0, 60.0),
    "mm": (0.0, 10_000.0),
    "mm a-1": (0.0, 30_000.0),
    "d a-1": (0.0, 366.0),
}
#: The same by layer, for layers whose unit says nothing; these go before the unit's.
LAYER_LIMITS = {
    "net_primary_productivity": (-1000.0, 5000.0),  # respiration may exceed growth
    "elevation": (-500.0, 9000.0),
    "wind_erosion_prevented": (0.0, math.inf),
}
#: Layers of codes, which have no fractions.
CODES = frozenset({"land_cover"})
#: Names of columns that may be below 0.
SIGNED = re.compile(r"(^|_)(change|balance|net|growth|difference)(_|$)")
ROUNDING = 1e-6  # of scale and offset in packed rasters


def check_raster(where: str, layer: str, unit: str, array: xr.DataArray) -> None:
    """Refuse a raster with values that its layer or unit cannot have.

    Parameters
    ----------
    where : str
        File, for the message.
    layer, unit : str
    array : DataArray, dims (…, y, x)
        NaN = missing, which is left alone.

    Raises
    ------
    PackError
        Naming the file, the layer, how many cells, the first of them and its value.
    """
    values = array.to_numpy()
    low, high = LAYER_LIMITS.get(layer, UNIT_LIMITS.get(unit, (-math.inf, math.inf)))
    wrong = (values < low - ROUNDING) | (values > high + ROUNDING) | np.isinf(values)
    wanted = f"{span(low, high)} {unit}"
    if layer in CODES:
        wrong |= np.isfinite(values) & (values != np.round(values))
        wanted = "whole codes"
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = ", ".join(
            f"{dim} {array[dim].to_numpy()[i] if dim in array.coords else i}"
            for dim, i in zip(array.dims, first, strict=True)
        )
        raise PackError(
            f"{where}: layer {layer!r} has values outside {wanted} in {int(wrong.sum())} of "
            f"{values.size} cells, the first {values[first]:g} at {place}. Correct the raster; mark "
            "cells without a value as nodata."
        )


def check_table(
    where: str, frame: pd.DataFrame, fields: Iterable[TableField], *, private: bool = False
) -> None:
    """Refuse a table with figures that cannot be, or with two rows of one key.

    Percentages (by unit or by name, `…_percent`) lie within 0–100; all other figures are 0 or more,
    unless the name says change, balance, net, growth or difference. The key of a row is all its text
    and whole numbers.

    Parameters
    ----------
    where : str
        File, for the message.
    frame : DataFrame
        The whole table, rows in the order of the file.
    fields : iterable of TableField
        Its schema.
    private : bool
        Rows stand for persons or firms: messages name the line without its key.

    Raises
    ------
    PackError
        One sentence per column, naming the file, the first line, its key and value.
    """
    fields = list(fields)
    key = [f.name for f in fields if f.type in ("string", "integer", "date")]
    said = [] if private else key
    frame = frame.reset_index(drop=True)
    problems = []
    for field in fields:
        if field.type not in ("number", "integer"):
            continue
        low, high = table_limits(field)
        values = frame[field.name].to_numpy(dtype="float64", na_value=np.nan)
        wrong = np.flatnonzero(
            (values < low - ROUNDING) | (values > high + ROUNDING) | np.isinf(values)
        )
        if len(wrong):
            problems.append(
                f"{where}, {_line(frame, said, int(wrong[0]))}: {field.name} is "
                f"{values[wrong[0]]:g}, must be {span(low, high)}{_more(len(wrong))}. Correct the "
                "figure; leave it empty where it is not known."
            )
    repeated = np.flatnonzero(frame.duplicated(key)) if key else np.array([], dtype="int64")
    if len(repeated):
        problems.append(
            f"{where}, {_line(frame, said, int(repeated[0]))}: stands twice"
            f"{_more(len(repeated))}. Keep one of the rows."
        )
    if problems:
        raise PackError(problems)


def table_limits(field: TableField) -> tuple[float, float]:
    """Return the least and greatest value of a column."""
    low = -math.inf if SIGNED.search(field.name) else 0.0
    if field.unit == "percent" or field.name.endswith("_percent"):
        return (low, math.inf) if low < 0 else (0.0, 100.0)
    return low, math.inf


def span(low: float, high: float) -> str:
    """Say within which limits a value must lie."""
    if math.isinf(high):
        return "finite" if math.isinf(low) else f"{low:g} or more"
    return f"{low:g} to {high:g}"


def _line(frame: pd.DataFrame, key: Sequence[str], row: int) -> str:
    """Say which line of the file a row is, and its key where it has one; the header is line 1."""
    named = " ".join(str(frame.loc[row, name]) for name in key)
    return f"line {row + 2}{f' ({named})' if named else ''}"


def _more(rows: int) -> str:
    """Say how many further rows have the same problem."""
    return f" (and {rows - 1} more rows)" if rows > 1 else ""
