"""Guesses from rasters (栅格): the layer by its name; classes and nodata by a sample of its cells."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import rasterio
from pyproj import Geod
from rasterio.windows import Window

from gepbook import ecosystems
from gepbook.inputs.manifest import Source
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.dictionary import LayerEntry
from gepbook.inputs.own_data.guessing import words
from gepbook.inputs.own_data.guessing.guesses import (
    FAIR,
    SHOWN,
    SURE,
    UNSURE,
    Found,
    crs_remark,
    note,
)
from gepbook.inputs.own_data.problems import Problem
from gepbook.inputs.pack import MONTHS

MONTH = re.compile(r"(?<!\d)(?:19[5-9]\d|20\d\d)[-_.年]?(?:0[1-9]|1[0-2])月?(?!\d)")
GEOD = Geod(ellps="GRS80")


def in_raster(path: Path, name: str) -> Iterator[Found | Problem]:
    """Yield which layer a raster may be."""
    names = words.names_of(PurePosixPath(name))
    layer, word, level = words.named(names, words.layer_words())
    if not layer:
        yield note(name, "its name says of no layer what it is", place="栅格")
        return
    entry = dictionary.layers()[layer]
    if MONTH.search(names[0]) and entry.bands == "months":
        yield note(
            name, f"may be {layer} of one month", f"Stack the {MONTHS} months as bands of one file"
        )
        return
    with rasterio.open(path) as source:
        wanted = MONTHS if entry.bands == "months" else 1
        if source.count != wanted:
            message = f"may be {layer}, which has {wanted} bands"
            yield note(name, message, "Correct the bands", seen=f"{source.count} bands")
            return
        year = words.year_of(names) if entry.by_year else None
        values = sample(source)
        nodata, classes, said = _values(entry, source, values, names)
        unit = _raster_unit(entry, source, names[0])
        remarks = [
            f"猜测 ({SURE if level == 0 else FAIR}): {entry.title}, 依据名称中的 “{word}”",
            *said,
            *_raster_remarks(entry, source, year, unit),
        ]
        if word in words.synonyms().not_quite:
            remarks.append(words.synonyms().not_quite[word])
        file = FileEntry(
            path=name,
            layer=layer,
            year=year,
            nodata=nodata,
            unit=unit,
            classes=classes,
            source=Source(title=""),
        )
        yield Found(file, tuple(remarks), frozenset({year} if year else ()), cell_m=_cell_m(source))


def sample(source: Any) -> np.ndarray:
    """Return values of the first band, nodata left out: decimated, or windows of a large one.

    Without overviews a decimated reading would go through the whole file.
    """
    side, block = words.thresholds().overview_side, words.thresholds().window_side
    height, width = source.height, source.width
    if source.overviews(1) or height * width <= side * side:
        shape = (min(height, side), min(width, side))
        return np.asarray(source.read(1, out_shape=shape, masked=True).compressed())
    count = side // block
    rows = np.unique(np.linspace(0, max(height - block, 0), count).astype(int))
    cols = np.unique(np.linspace(0, max(width - block, 0), count).astype(int))
    windows = (
        Window(int(c), int(r), min(block, width), min(block, height)) for r in rows for c in cols
    )
    return np.concatenate([source.read(1, window=w, masked=True).compressed() for w in windows])


def _values(
    entry: LayerEntry, source: Any, values: np.ndarray, names: Sequence[str]
) -> tuple[list[float], str, list[str]]:
    """Return undeclared nodata values, the class system, and what is to be said of both."""
    values = values[np.isfinite(values)]
    said = [] if source.nodata is None else [f"无效值 {source.nodata:g}, 取自文件"]
    if not len(values):
        return [], "", [*said, "抽样未见有效值"]
    fills = _fills(source, values, entry) if source.nodata is None else set()
    classes = ""
    if entry.kind == "classes":
        classes, fills, remark = _class_system(values, fills, names)
        said.append(remark)
    valid = values[~np.isin(values, list(fills))]
    if fills:
        said.append(
            f"猜测: 文件未写明无效值, 以 {', '.join(f'{v:g}' for v in sorted(fills))} 为无效值"
        )
    if len(valid) and entry.kind == "field":
        said.append(f"抽样数值 {valid.min():g} 至 {valid.max():g}")
    return sorted(fills), classes, said


def _fills(source: Any, values: np.ndarray, entry: LayerEntry) -> set[float]:
    """Return the extremes of a raster that are usual values for nodata."""
    ends = {float(values.min()), float(values.max())}
    found = ends & set(words.synonyms().fill_values)
    if entry.kind == "classes":
        return found
    kind = np.dtype(source.dtypes[0])
    top = float(np.iinfo(kind).max) if np.issubdtype(kind, np.integer) else math.inf
    return {value for value in found if value < 0 or value == top}


def _class_system(
    values: np.ndarray, fills: set[float], names: Sequence[str]
) -> tuple[str, set[float], str]:
    """Return the crosswalk that knows the codes of a raster, what is nodata then, and a remark.

    Of several the one that the name speaks of goes first, then the one whose codes occur most.
    """
    codes, counts = np.unique(values, return_counts=True)
    hinted, _, _ = words.named(names, words.crosswalk_words())
    fitting = []
    for name, table in dictionary.crosswalks().items():
        known = {float(code) for code in table.index if re.fullmatch(r"\d+", code)}
        inside = np.isin(codes, list(known))
        real = inside | ~np.isin(codes, list(fills))
        if (
            counts[real].sum()
            and counts[inside].sum() >= words.thresholds().class_share * counts[real].sum()
        ):
            used = inside.sum() / len(known)
            fitting.append((name == hinted, used, name, fills - known))
    shown = ", ".join(f"{code:g}" for code in codes[:SHOWN])
    if not fitting:
        own = " (与本工具的类型代码相符)" if np.isin(codes, ecosystems.read()["code"]).all() else ""
        remark = f"代码 {shown} 与已有对照表都不相符{own}, 请增加对照表并填写 classes"
        return "", set(), remark
    fitting.sort(key=lambda f: (not f[0], -f[1], f[2]))
    sure, _, name, left = fitting[0]
    others = "、".join(f[2] for f in fitting[1:])
    also = f", 也可能是 {others}" if others and not sure else ""
    remark = f"猜测 ({SURE if sure or not others else UNSURE}): 分类 {name}{also}; 代码 {shown}"
    return name, left, remark


def _raster_unit(entry: LayerEntry, source: Any, stem: str) -> str:
    """Return the unit that a raster's file or name says, or an empty string."""
    if entry.kind == "classes":
        return entry.unit
    tags = {**source.tags(), **source.tags(1)}
    said = [source.units[0], *(v for k, v in tags.items() if k.casefold() in ("unit", "units"))]
    said += [*words.BRACKET.findall(stem), *(t for t in stem.split("_") if not re.search(r"\d", t))]
    found = (words.unit_of(text) for text in said if text)
    return next((unit for unit in found if unit and entry.unit in words.measures(unit)), "")


def _raster_remarks(entry: LayerEntry, source: Any, year: int | None, unit: str) -> Iterator[str]:
    """Yield what a raster's file says of place, time and unit, or leaves out."""
    yield crs_remark(source.crs)
    if entry.by_year:
        yield f"猜测: 年份 {year} 取自名称" if year else "名称中没有年份: 请填写 year"
    if unit and entry.kind == "field":
        yield f"猜测: 单位 {unit} 取自文件或名称"
    if not unit:
        yield f"单位未见于文件, 请填写 unit, 例如 {entry.unit} 或 0.1 {entry.unit}"


def _cell_m(source: Any) -> float:
    """Return a raster's cell in metres, NaN where nothing says it."""
    step = abs(float(source.transform.e))
    if source.crs is None:
        return math.nan
    if source.crs.is_geographic:
        x, y = source.xy(source.height // 2, source.width // 2)
        return float(GEOD.inv(x, y, x, y + step)[2])
    return step * float(source.crs.linear_units_factor[1])
