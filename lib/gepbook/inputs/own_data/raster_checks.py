"""Checks of users' rasters (栅格检查): what the file is, where it lies and what it holds."""

from __future__ import annotations

import functools
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import rasterio
import shapely
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.features import rasterize
from rasterio.windows import Window

from gepbook.errors import GridMismatchError, PackError, UnitError
from gepbook.grid import GridSpec
from gepbook.inputs import ranges
from gepbook.inputs.own_data import archives, dictionary
from gepbook.inputs.own_data.declaration import Accepted, FileEntry
from gepbook.inputs.own_data.limits import Limits
from gepbook.inputs.own_data.problems import Problem, Severity
from gepbook.inputs.own_data.raster_places import Province, box_of
from gepbook.inputs.own_data.rasters import (
    UNREADABLE,
    Decoder,
    crs_of,
    opened,
    own_crs,
    source_grid,
    stands_at,
    windows,
)
from gepbook.inputs.own_data.resampling import Mapping, SourceGrid
from gepbook.inputs.own_data.vectors import FULL_TURN, looks
from gepbook.inputs.pack import MONTHS

KELVIN_OFFSET = 273.15
SHOWN = 10  # names or codes in one message


def check_raster(
    folder: Path,
    file: FileEntry,
    grid: GridSpec,
    boundaries: gpd.GeoDataFrame | None,
    limits: Limits,
) -> list[Problem]:
    """Return all that is wrong with a declared raster.

    Parameters
    ----------
    folder : Path
        The user's folder.
    file : FileEntry
        Of a raster layer.
    grid : GridSpec
        The pack's; cells beyond it are not read.
    boundaries : GeoDataFrame or None
        The counties to cover, in any coordinate system; None leaves coverage unchecked.
    limits : Limits

    Returns
    -------
    list of Problem
        Rules: missing_file, unreadable, no_crs, crs_unknown, crs_override, no_georeference, outside,
        wrong_zone, swapped_axes, not_degrees, datum, placement, extent, resolution, bands, number_type,
        unit, classes_missing, unknown_class, fraction_code, nodata_unmarked, nodata_suspected,
        nodata_is_value, nodata_differs, range, scale, no_values, gaps.
    """
    check = _Check(file, grid, boundaries, limits)
    try:
        with opened(folder, file) as source:
            check.run(source)
    except FileNotFoundError:
        check.add("missing_file", "is not there", "Put the file there or correct its path")
    except archives.RefusedError as error:
        check.problems += error.found
    except UNREADABLE as error:
        remedy = "Export it anew as GeoTIFF; copy it again if it was cut short"
        check.add("unreadable", f"cannot be read as a raster ({_line(error)})", remedy)
    return check.problems


@dataclass
class _Seen:
    """What was met while reading all blocks."""

    valid: int = 0
    low: float = math.inf
    high: float = -math.inf
    beyond: int = 0
    place: str = ""
    value: str = ""
    sentinels: Counter[float] = field(default_factory=Counter)
    limits_of_type: Counter[float] = field(default_factory=Counter)
    marked: Counter[float] = field(default_factory=Counter)
    codes: Counter[float] = field(default_factory=Counter)


@dataclass
class _Check:
    """The checks of one raster; they add to `problems`."""

    file: FileEntry
    grid: GridSpec
    boundaries: gpd.GeoDataFrame | None
    limits: Limits
    problems: list[Problem] = field(default_factory=list)

    @functools.cached_property
    def province(self) -> Province:
        """The land that the raster is compared with."""
        return Province(self.grid, self.boundaries)

    @property
    def layer(self) -> dictionary.LayerEntry:
        """The layer's entry in the data dictionary."""
        return dictionary.layers()[self.file.layer]

    def add(
        self,
        rule: str,
        message: str,
        remedy: str,
        place: str = "",
        value: str = "",
        severity: Severity = "error",
    ) -> None:
        """Add a problem."""
        self.problems.append(Problem(self.file.path, rule, message, remedy, place, value, severity))

    def unless(self, word: Accepted) -> Severity:
        """Return `note` for what the declaration accepts, else `error`."""
        return "note" if word in self.file.accept else "error"

    def run(self, source: rasterio.DatasetReader) -> None:
        """Check the bands, the place and the values of an opened raster."""
        bands_fit = self._check_bands(source)
        decoder = self._decoder(source)
        crs = self._crs(source)
        mapping = self._placed(source, crs) if crs is not None else None
        if mapping is None or not bands_fit:
            return
        counties = self._counties(mapping.source)
        self._check_extent(mapping.source, counties)
        self._check_resolution(mapping)
        if decoder is not None:
            self._check_nodata(source)
            self._check_values(source, decoder, mapping, counties)

    # --- what the file is

    def _check_bands(self, source: rasterio.DatasetReader) -> bool:
        """Check how many bands of which type there are; tell whether they can be read."""
        wanted = MONTHS if self.layer.bands == "months" else 1
        types = sorted(set(source.dtypes))
        if any(np.dtype(name).kind not in "iuf" for name in types):
            message = f"holds numbers of type {', '.join(types)}, which no layer has"
            self.add("number_type", message, "Export it as integers or floating point")
            return False
        if source.count == wanted:
            return True
        if ColorInterp.red in source.colorinterp:
            message = "is a picture of colours, not the values themselves"
            remedy = "Export the data, not the map's rendering"
        else:
            message = f"must have {wanted} bands" + (" (1–12 月)" if wanted > 1 else "")
            remedy = "Export the right bands" + (", January first" if wanted > 1 else "")
        self.add("bands", message, remedy, value=f"{source.count} bands")
        return False

    def _decoder(self, source: rasterio.DatasetReader) -> Decoder | None:
        """Return the decoder; None when the unit is wrong."""
        try:
            return Decoder.of(source, self.file)
        except UnitError as error:
            own = next((unit for unit in source.units if unit), "")
            message = _line(error).partition(". ")[0]
            remedy = f"Declare `unit`; the layer is kept in {self.layer.unit}"
            remedy += f", the file itself says {own!r}" if own else ""
            self.add("unit", message, remedy, value=self.file.unit)
            return None

    def _crs(self, source: rasterio.DatasetReader) -> pyproj.CRS | None:
        """Return the coordinate system to read by; None when there is none."""
        if source.transform.is_identity:
            gcps = " (it has control points only)" if source.gcps[0] else ""
            message = f"does not say where on earth it lies{gcps}"
            self.add("no_georeference", message, "Add its .tfw, or export it with georeference")
            return None
        own = own_crs(source)
        try:
            used = crs_of(source, self.file)
        except PackError as error:
            message = _line(error).removeprefix(f"{self.file.path}: ")
            self.add("crs_unknown", message, "Write it as EPSG:4549", value=self.file.crs)
            return None
        if used is None or not (used.is_geographic or used.is_projected):
            outline = box_of(source.transform, source.height, source.width)
            message = "has no coordinate system" + looks(self.province.likely(outline, None))
            self.add("no_crs", message, "Declare `crs`, such as EPSG:4549")
            return None
        if self.file.crs and own is not None and not own.equals(used, ignore_axis_order=True):
            message = f"the file says {own.name}; read as declared, {used.name}"
            self.add("crs_override", message, "Nothing to do", value=self.file.crs, severity="note")
        return used

    # --- where it lies

    def _placed(self, source: rasterio.DatasetReader, crs: pyproj.CRS) -> Mapping | None:
        """Return where the raster lies on the grid; None when it cannot be read from there."""
        outline = box_of(source.transform, source.height, source.width)
        here = self.province.share(outline, crs)
        if here == 0:
            self._say_elsewhere(outline, crs)
            return None
        self._check_datum(crs)
        try:
            mapping = Mapping(source_grid(source, crs), self.grid)
        except GridMismatchError as error:
            message, _, remedy = _line(error).partition(". ")
            self.add("placement", message.removeprefix("raster: "), remedy.rstrip("."))
            return None
        if not mapping.overlaps:
            self.add("outside", "has no cell on the pack's grid", "Check its extent and `crs`")
            return None
        return mapping

    def _say_elsewhere(self, outline: np.ndarray, crs: pyproj.CRS) -> None:
        """Say why a raster does not lie in the province."""
        bounds = [*outline.min(axis=1), *outline.max(axis=1)]
        value = f"bounds {', '.join(f'{b:.6g}' for b in bounds)}"
        if self.province.share(outline[::-1], crs) > 0:
            message = "x and y are swapped: it lies in Zhejiang the other way round"
            self.add(
                "swapped_axes", message, "Export it with x = longitude or easting", value=value
            )
            return
        likely = self.province.likely(outline, crs)
        rule = "wrong_zone" if likely else "outside"
        message = f"lies outside Zhejiang under {crs.name}"
        if crs.is_geographic and np.abs(outline).max() > FULL_TURN:
            rule, message = "not_degrees", f"says {crs.name}, but its coordinates are metres"
        remedy = "Declare the right `crs`" if likely else "Check what area it is of, and its `crs`"
        self.add(rule, message + looks(likely), remedy, value=value)

    def _check_datum(self, crs: pyproj.CRS) -> None:
        """Warn of the older datums, which no public formula ties to CGCS2000."""
        wanted = self.grid.crs.ellipsoid
        if (
            crs.ellipsoid is not None
            and wanted is not None
            and crs.ellipsoid.semi_major_metre != wanted.semi_major_metre
        ):
            message = (
                f"{crs.name} rests on the ellipsoid {crs.ellipsoid.name}; without the surveying "
                "office's parameters it lies up to some hundred metres off CGCS2000"
            )
            remedy = "Have it converted to CGCS2000 by the surveying office"
            self.add("datum", message, remedy, value=crs.name, severity="warning")

    def _counties(self, grid: SourceGrid) -> gpd.GeoSeries:
        """Return the counties' polygons in the raster's coordinates, by name."""
        if self.boundaries is None:
            return gpd.GeoSeries([], crs=grid.crs)
        frame = self.boundaries
        codes = frame["county_code"] if "county_code" in frame else frame.index.astype("str")
        names = codes + (" " + frame["name_zh"].fillna("") if "name_zh" in frame else "")
        shapes = frame.geometry.to_crs(grid.crs).make_valid()
        return gpd.GeoSeries(shapes.to_numpy(), index=list(names), crs=grid.crs).dropna()

    def _check_extent(self, grid: SourceGrid, counties: gpd.GeoSeries) -> None:
        """Check that the raster reaches over all counties."""
        if counties.empty:
            return
        outline = shapely.Polygon(box_of(grid.transform, grid.height, grid.width).T)
        inside = counties.intersection(outline).area
        outside = 1 - inside / counties.area
        short = outside[outside > self.limits.nodata_inside_share]
        if short.empty:
            return
        lacking = 1 - inside.sum() / counties.area.sum()
        message = f"does not reach over {len(short)} of {len(counties)} counties: {_shares(short)}"
        better = [
            c
            for c in self.province.likely(box_of(grid.transform, grid.height, grid.width), grid.crs)
            if self.province.covers(grid, c) > self.province.covers(grid, grid.crs)
        ]
        remedy = "Extend it, or declare `accept: [gaps]` when these counties need no values"
        remedy = "Declare the right `crs`, or extend it" if better else remedy
        value = f"{lacking:.1%} of their area lie outside"
        self.add(
            "extent", message + looks(better), remedy, value=value, severity=self.unless("gaps")
        )

    def _check_resolution(self, mapping: Mapping) -> None:
        """Warn of cells far coarser than the grid's."""
        middle = [np.array([sum(span) / 2]) for span in (mapping.rows, mapping.columns)]
        ratio = math.sqrt(float(mapping.cell_area(*middle)[0, 0]))
        if ratio > self.limits.resolution_ratio:
            cell = self.grid.transform.a
            message = f"is {ratio:.1f} times as coarse as the grid of {cell:g} m"
            remedy = "Use finer data if there are any; the grid will not add detail"
            self.add(
                "resolution",
                message,
                remedy,
                value=f"about {ratio * cell:.3g} m",
                severity="warning",
            )

    # --- what it holds

    def _check_nodata(self, source: rasterio.DatasetReader) -> None:
        """Say when the file marks other cells as missing than the declaration."""
        own = {v for v in source.nodatavals if v is not None and not math.isnan(v)}
        if self.file.nodata and own - set(self.file.nodata):
            message = "the file has its own value for missing; it and the declared are read so"
            shown = ", ".join(f"{v:.17g}" for v in sorted(own))
            self.add("nodata_differs", message, "Nothing to do", value=shown, severity="note")

    def _check_values(
        self,
        source: rasterio.DatasetReader,
        decoder: Decoder,
        mapping: Mapping,
        counties: gpd.GeoSeries,
    ) -> None:
        """Read all blocks on the grid once and check what was met."""
        seen, missing = _Seen(), np.zeros(len(counties) + 1, dtype="int64")
        for window in windows(source, mapping):
            try:
                raw, gaps = decoder.read(source, window)
            except UNREADABLE as error:
                message = f"cannot be read to its end ({_line(error)})"
                remedy = "It is damaged or was cut short: copy or export it again"
                self.add("unreadable", message, remedy, place=_block(window))
                return
            self._look(seen, decoder, raw, gaps, window)
            if not counties.empty and gaps.any():
                missing += _by_county(np.any(gaps, axis=0), window, mapping.source, counties)
        if not seen.valid:
            message = "holds no value on the pack's grid: all cells are missing"
            self.add("no_values", message, "Check the file and its declared `nodata`")
            return
        if self.layer.kind == "classes":
            self._check_classes(seen, decoder)
        else:
            self._check_field(seen)
        self._check_marked(seen, decoder)
        self._check_gaps(missing[1:], mapping.source, counties)

    def _look(
        self, seen: _Seen, decoder: Decoder, raw: np.ndarray, missing: np.ndarray, window: Window
    ) -> None:
        """Add what a block holds to what was seen."""
        for band in range(len(raw)):
            valid = raw[band][~missing[band]]
            for value in decoder.nodata[band]:
                if missing[band].any():
                    seen.marked[value] += int(np.count_nonzero(stands_at(raw[band], value)))
            if not valid.size:
                continue
            seen.valid += valid.size
            if self.layer.kind == "classes":
                self._count_codes(seen, valid)
            else:
                self._look_at_field(seen, decoder, raw, missing, band, window)

    def _look_at_field(
        self,
        seen: _Seen,
        decoder: Decoder,
        raw: np.ndarray,
        missing: np.ndarray,
        band: int,
        window: Window,
    ) -> None:
        """Add the extremes of a band, and which of its values cannot be."""
        values = decoder.values(raw[band], missing[band], band)
        low, high = self._limits
        least, most = float(np.nanmin(values)), float(np.nanmax(values))
        seen.low, seen.high = min(seen.low, least), max(seen.high, most)
        wrong = (values < low) | (values > high) | np.isinf(values)
        for extreme in _extremes(raw.dtype):
            hits = stands_at(raw[band], extreme) & ~missing[band] & ~wrong
            seen.limits_of_type[extreme] += int(np.count_nonzero(hits))
        if not wrong.any():
            return
        numbers, counts = np.unique(raw[band][wrong], return_counts=True)
        fills = self._is_fill(numbers)
        seen.sentinels.update(
            dict(zip(numbers[fills].tolist(), counts[fills].tolist(), strict=True))
        )
        other = wrong & ~np.isin(raw[band], numbers[fills])
        if other.any() and not seen.beyond:
            row, column = (int(i) for i in np.argwhere(other)[0])
            seen.value = f"{values[row, column]:g} {self.layer.unit}"
            seen.place = (
                f"band {band + 1}, row {window.row_off + row + 1}, "
                f"column {window.col_off + column + 1}"
            )
        seen.beyond += int(np.count_nonzero(other))

    def _count_codes(self, seen: _Seen, valid: np.ndarray) -> None:
        """Add the codes of a block; stop where there are too many for codes."""
        if len(seen.codes) > self.limits.class_codes:
            return
        if valid.dtype == np.uint8:
            counts = np.bincount(valid, minlength=256)
            codes = np.flatnonzero(counts)
            counts = counts[codes]
        else:
            codes, counts = np.unique(valid, return_counts=True)
        seen.codes.update(dict(zip(codes.tolist(), counts.tolist(), strict=True)))

    def _is_fill(self, numbers: np.ndarray) -> np.ndarray:
        """Tell which numbers are of those that programs write for missing."""
        values = numbers.astype("float64")
        return (
            np.isin(values, self.limits.fill_values)
            | (np.abs(values) >= self.limits.fill_from)
            | np.isin(values, _extremes(numbers.dtype))
        )

    @functools.cached_property
    def _limits(self) -> tuple[float, float]:
        """Least and greatest value of the layer or its unit."""
        low, high = ranges.LAYER_LIMITS.get(
            self.file.layer, ranges.UNIT_LIMITS.get(self.layer.unit, (-math.inf, math.inf))
        )
        return low - ranges.ROUNDING, high + ranges.ROUNDING

    def _check_field(self, seen: _Seen) -> None:
        """Check the values of an amount per area."""
        low, high = self._limits
        span = f"{low:.6g} to {high:.6g} {self.layer.unit}"
        if seen.sentinels:
            self._unmarked(seen.sentinels)
        if seen.beyond:
            message = f"has values outside {span} in {seen.beyond} of {seen.valid} cells"
            remedy = "Correct the values or the declared `unit`; mark what is missing as `nodata`"
            if self.layer.unit == "degC" and low <= seen.high - KELVIN_OFFSET <= high:
                remedy = "They look like kelvin: declare `unit: K`"
            self.add("range", message, remedy, seen.place, seen.value)
        suspected = +seen.limits_of_type
        if suspected:
            message = "the largest or least number of its type may stand for missing"
            remedy = f"If it does, declare `nodata: [{_numbers(suspected)}]`"
            value = _counts(suspected)
            self.add("nodata_suspected", message, remedy, value=value, severity="warning")
        if self.layer.unit == "percent" and 0 < seen.high <= 1:
            message = "no value is above 1 %; shares of 1 may have been declared as percent"
            remedy = 'If they are, declare `unit: "1"`'
            value = f"largest {seen.high:g} %"
            self.add("scale", message, remedy, value=value, severity="warning")

    def _unmarked(self, found: Counter[float]) -> None:
        """Say which numbers stand for missing without being marked."""
        message = f"holds {_counts(found)}, which stand for missing but are not marked"
        self.add("nodata_unmarked", message, f"Declare `nodata: [{_numbers(found)}]`")

    def _check_classes(self, seen: _Seen, decoder: Decoder) -> None:
        """Check the codes of a raster of classes."""
        fractions = Counter({c: n for c, n in seen.codes.items() if not float(c).is_integer()})
        if fractions or len(seen.codes) > self.limits.class_codes:
            message = "holds numbers that are no codes of classes"
            remedy = "Export the classes themselves, resampled by the nearest cell"
            shown = _counts(fractions) or f"over {self.limits.class_codes} different numbers"
            self.add("fraction_code", message, remedy, value=shown)
            return
        unknown = Counter({c: n for c, n in seen.codes.items() if c not in decoder.codes})
        fills = Counter({c: n for c, n in unknown.items() if self._is_fill(np.array([c]))[0]})
        others = unknown - fills
        if others and not self.file.classes:
            message = (
                "its codes are not those of params/ecosystem_types.csv and no crosswalk is named"
            )
            remedy = "Declare `classes`, the name of a crosswalk in params/crosswalks/"
            self.add("classes_missing", message, remedy, value=_counts(others))
        elif others:
            message = f"has codes that the crosswalk {self.file.classes!r} does not have"
            remedy = f"Add them to params/crosswalks/{self.file.classes}.csv, or correct the raster"
            self.add("unknown_class", message, remedy, value=_counts(others))
        if fills:
            self._unmarked(fills)

    def _check_marked(self, seen: _Seen, decoder: Decoder) -> None:
        """Warn of numbers marked as missing that the layer also has as values."""
        low, high = self._limits
        for number, count in seen.marked.items():
            value = number * decoder.scales[0] + decoder.offsets[0]
            if self.layer.kind == "classes":
                real = number in decoder.codes
            else:
                real = low <= value <= high and (
                    number == 0 or not self._is_fill(np.array([number]))[0]
                )
            if count and real:
                message = "is marked as missing, but is also a value that this layer can have"
                remedy = "Make sure that these cells have no value; else take it out of `nodata`"
                shown = _counts(Counter({number: count}))
                self.add("nodata_is_value", message, remedy, value=shown, severity="warning")

    def _check_gaps(self, missing: np.ndarray, grid: SourceGrid, counties: gpd.GeoSeries) -> None:
        """Check how much of each county has no value."""
        if counties.empty:
            return
        cells = counties.area.to_numpy() / abs(grid.transform.determinant)
        shares = pd.Series(missing / cells, index=counties.index)
        short = shares[shares > self.limits.nodata_inside_share]
        if len(short):
            message = f"has cells without value in {len(short)} of {len(counties)} counties: "
            remedy = "Fill the gaps, or declare `accept: [gaps]` when they are meant"
            value = f"{int(missing.sum())} cells"
            self.add(
                "gaps", message + _shares(short), remedy, value=value, severity=self.unless("gaps")
            )


def _by_county(
    missing: np.ndarray, window: Window, grid: SourceGrid, counties: gpd.GeoSeries
) -> np.ndarray:
    """Return how many missing cells of a block lie in no county and in each one."""
    transform = grid.transform @ Affine.translation(window.col_off, window.row_off)
    outline = shapely.Polygon(box_of(transform, *missing.shape).T)
    touched = counties.sindex.query(outline, predicate="intersects")
    if not len(touched):
        return np.zeros(len(counties) + 1, dtype="int64")
    shapes = [(counties.iloc[i], int(i) + 1) for i in sorted(touched)]
    county = rasterize(shapes, out_shape=missing.shape, transform=transform, dtype="int32")
    return np.bincount(county[missing], minlength=len(counties) + 1)


def _extremes(kind: np.dtype) -> tuple[int, ...]:
    """Return the largest and least number of an integer type, without 0."""
    if kind.kind not in "iu":
        return ()
    limit = np.iinfo(kind)
    return tuple(int(v) for v in (limit.min, limit.max) if v)


def _line(error: Exception) -> str:
    """Return an error's text on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _block(window: Window) -> str:
    """Say where a window of a file lies, counted from 1."""
    rows, columns = window.toslices()
    return f"rows {rows.start + 1}–{rows.stop}, columns {columns.start + 1}–{columns.stop}"


def _numbers(found: Counter[float]) -> str:
    """Return numbers so that they can be written into the declaration."""
    return ", ".join(f"{number:.17g}" for number, _ in found.most_common(SHOWN))


def _counts(found: Counter[float]) -> str:
    """Return numbers and how many cells have them."""
    shown = ", ".join(f"{n:.10g} ({count} cells)" for n, count in found.most_common(SHOWN))
    return shown + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def _shares(short: pd.Series) -> str:
    """Return the names and shares of the counties that lack most."""
    worst = short.sort_values(ascending=False)[:SHOWN]
    shown = ", ".join(f"{name} {share:.1%}" for name, share in worst.items())
    return shown + (f" and {len(short) - SHOWN} more" if len(short) > SHOWN else "")
