"""Checks of users' polygons (矢量检查): what is drawn, against itself, the codes and the boundaries."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from gepbook.inputs.own_data import table_checks
from gepbook.inputs.own_data.declaration import Accepted, FileEntry
from gepbook.inputs.own_data.headers import CODE, scale_of_unit
from gepbook.inputs.own_data.limits import Limits
from gepbook.inputs.own_data.problems import Problem, Severity
from gepbook.inputs.own_data.tables import TableRead
from gepbook.inputs.own_data.vectors import (
    GEODETIC,
    HECTARE,
    POLYGONAL,
    SHOWN,
    Report,
    VectorRead,
    first,
)

DECLARED = "declared_area_ha"
#: Units that areas are mistaken for.
OTHER_AREAS = ("亩", "万亩", "m2", "km2")


@dataclass(frozen=True)
class _Layer:
    """One file's polygons and what its checks need."""

    file: FileEntry
    frame: gpd.GeoDataFrame
    places: pd.Series
    limits: Limits

    @property
    def problem(self) -> Report:
        """Makes a problem of the file."""
        return functools.partial(Problem, self.file.path)

    def unless(self, word: Accepted, otherwise: Severity = "error") -> Severity:
        """Return `note` for what the declaration accepts."""
        return "note" if word in self.file.accept else otherwise

    @property
    def tolerance_m2(self) -> float:
        return self.limits.overlap_tolerance_ha * HECTARE

    @property
    def sound(self) -> gpd.GeoSeries:
        """The polygons that can be measured: drawn, polygonal and valid."""
        drawn = self.frame.geometry
        kinds = np.isin(shapely.get_type_id(drawn.array), POLYGONAL)
        return drawn[kinds & ~drawn.is_empty & drawn.is_valid]


def check_vector(
    file: FileEntry,
    read: VectorRead,
    known: Collection[str],
    limits: Limits,
    boundaries: gpd.GeoDataFrame | None = None,
) -> list[Problem]:
    """Return what is wrong with the polygons of a file and with their keys and codes.

    Parameters
    ----------
    file : FileEntry
        The declaration of the file.
    read : VectorRead
        The file as read, in an equal-area coordinate system, m.
    known : collection of str
        County codes that the pack is of.
    limits : Limits
        `overlap_tolerance_ha`, `area_tolerance` and those of `web_map`.
    boundaries : GeoDataFrame, optional
        County polygons with `county_code` as column or index, in any coordinate system.

    Returns
    -------
    list of Problem
        Empty for a file that could not be read, whose problems `read` holds.
    """
    if read.frame is None or not len(read.frame):
        return []
    layer = _Layer(file, read.frame, read.places, limits)
    sound = layer.sound
    found = [
        *_invalid(layer),
        *_same_shape(layer, sound),
        *_attributes(layer, known),
        *_missing(layer, known),
        *_overlaps(layer, sound),
        *_slivers(layer, sound),
        *_areas(layer, sound),
    ]
    if file.entry.coverage:
        found += _gaps(layer, sound)
    if boundaries is not None:
        given = _by_county(boundaries, read.frame.crs)
        found += _outside(layer, sound, given)
        found += _web_map_offset(layer, sound, given) if file.entry.coverage else []
    return found


def _at(shape: shapely.Geometry, crs: pyproj.CRS) -> str:
    """Return a point of a shape in longitude and latitude, to find it in a GIS."""
    point = shapely.point_on_surface(shape)
    move = pyproj.Transformer.from_crs(crs, GEODETIC, always_xy=True)
    x, y = move.transform(point.x, point.y)
    return f"{x:.5f} E {y:.5f} N"


def _invalid(layer: _Layer) -> list[Problem]:
    """Return the polygons that cross themselves or are otherwise not valid."""
    drawn = layer.frame.geometry
    wrong = drawn.index[~shapely.is_missing(drawn.array) & ~shapely.is_valid(drawn.array)]
    reasons = shapely.is_valid_reason(drawn[wrong].array)
    message = "the polygon is not valid"
    remedy = "Mend it in a GIS, or add `accept: [invalid_geometry]`."
    return first(
        [
            layer.problem("invalid_geometry", message, remedy, layer.places[at], reason)
            for at, reason in zip(wrong, reasons, strict=True)
        ]
    )


def _same_shape(layer: _Layer, sound: gpd.GeoSeries) -> list[Problem]:
    """Return the polygons that are drawn twice."""
    shape = pd.Series(shapely.to_wkb(shapely.normalize(sound.array)), index=sound.index)
    earlier = shape.drop_duplicates().reset_index().set_axis(["first", "shape"], axis=1)
    again = shape[shape.duplicated()]
    origin = earlier.set_index("shape")["first"]
    severity = layer.unless("overlaps", "error" if layer.file.entry.coverage else "warning")
    return first(
        [
            layer.problem(
                "duplicate_geometry",
                f"is drawn exactly as {layer.places[origin[wkb]]}",
                "Take one of them out.",
                layer.places[at],
                severity=severity,
            )
            for at, wkb in again.items()
        ]
    )


def _attributes(layer: _Layer, known: Collection[str]) -> list[Problem]:
    """Return what the checks of tables find: ranges, keys that stand twice, county codes."""
    plain = pd.DataFrame(layer.frame.drop(columns=layer.frame.geometry.name))
    read = TableRead(plain, layer.places, [])
    return table_checks.check_table(layer.file, read, known, (), layer.limits)


def _missing(layer: _Layer, known: Collection[str]) -> list[Problem]:
    """Return a warning for the counties that the file has nothing of."""
    missing = sorted({*known} - {*layer.frame[CODE].dropna()})
    if not missing:
        return []
    message = f"has nothing of {len(missing)} of the {len(known)} counties"
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    value = ", ".join(missing[:SHOWN]) + more
    remedy = "Add them, unless they have none."
    return [layer.problem("missing_counties", message, remedy, "", value, "warning")]


def _overlaps(layer: _Layer, sound: gpd.GeoSeries) -> list[Problem]:
    """Return the pairs of polygons that cover the same land.

    The coverage test of GEOS finds in one pass which polygons meet others badly; only these are then
    laid over their neighbours.
    """
    shapes = sound.to_numpy()
    edges = shapely.coverage_invalid_edges(shapes)
    suspect = np.flatnonzero(~shapely.is_empty(edges))
    a, b = shapely.STRtree(shapes).query(shapes[suspect], predicate="intersects")
    pairs = np.unique(np.sort(np.stack([suspect[a], b]), axis=0), axis=1)
    pairs = pairs[:, pairs[0] < pairs[1]]
    pairs = pairs[:, ~shapely.equals(shapes[pairs[0]], shapes[pairs[1]])]
    common = shapely.intersection(shapes[pairs[0]], shapes[pairs[1]])
    area = shapely.area(common)
    large = np.flatnonzero(area > layer.tolerance_m2)
    large = large[np.argsort(-area[large], kind="stable")]
    places = layer.places[sound.index].to_numpy()
    severity = layer.unless("overlaps", "error" if layer.file.entry.coverage else "warning")
    return first(
        [
            layer.problem(
                "overlaps",
                f"overlaps {places[pairs[1, n]]}",
                "Draw the border once for both, or add `accept: [overlaps]`.",
                places[pairs[0, n]],
                f"{area[n] / HECTARE:.4f} ha at {_at(common[n], sound.crs)}",
                severity,
            )
            for n in large[:SHOWN]
        ],
        total=len(large),
    )


def _gaps(layer: _Layer, sound: gpd.GeoSeries) -> list[Problem]:
    """Return the holes of a coverage, and the borders along which neighbours nearly meet."""
    shapes = sound.to_numpy()
    union = shapely.union_all(shapes)
    rings, part = shapely.get_rings(shapely.get_parts(union), return_index=True)
    inner = rings[1:][part[1:] == part[:-1]]  # the first ring of each part is its outer one
    holes = shapely.difference(shapely.polygons(inner), union)
    area = shapely.area(holes)
    large = np.flatnonzero(area > layer.tolerance_m2)
    remedy = "Draw the border once for both, or add `accept: [gaps]`."
    severity = layer.unless("gaps")
    found = [
        layer.problem(
            "gaps",
            "no polygon covers this land, which others enclose",
            remedy,
            _at(holes[n], sound.crs),
            f"{area[n] / HECTARE:.4f} ha",
            severity,
        )
        for n in large[np.argsort(-area[large], kind="stable")]
    ]
    width = math.sqrt(layer.tolerance_m2)
    near_by = shapely.coverage_invalid_edges(shapes, gap_width=width)
    apart = shapely.difference(near_by, shapely.coverage_invalid_edges(shapes))
    open_edges = shapely.difference(apart, shapely.union_all(inner))
    length = shapely.length(open_edges)
    slits = [
        layer.problem(
            "gaps",
            f"runs within {width:g} m of a neighbour without meeting it",
            remedy,
            layer.places[sound.index[n]],
            f"{length[n]:.0f} m at {_at(open_edges[n], sound.crs)}",
            layer.unless("gaps", "warning"),
        )
        for n in np.flatnonzero(length > width)
    ]
    return [*first(found), *first(slits)]


def _slivers(layer: _Layer, sound: gpd.GeoSeries) -> list[Problem]:
    """Return the polygons too small to be meant."""
    area = sound.area
    small = area[area < layer.tolerance_m2]
    message = "is so small that it may be left over from an overlay"
    remedy = "Join it to its neighbour, or leave it if it is meant."
    return first(
        [
            layer.problem(
                "sliver", message, remedy, layer.places[at], f"{m2:.1f} m2", severity="warning"
            )
            for at, m2 in small.items()
        ]
    )


def _areas(layer: _Layer, sound: gpd.GeoSeries) -> list[Problem]:
    """Return the features whose declared area is not that of their polygon."""
    if DECLARED not in layer.frame:
        return []
    drawn = sound.area / HECTARE
    declared = pd.to_numeric(layer.frame.loc[sound.index, DECLARED], errors="coerce")
    off = (declared - drawn).abs() / drawn > layer.limits.area_tolerance
    message = "the declared area is not that of the polygon"
    remedy = f"Correct the area or the polygon.{_other_unit(layer, declared[off] / drawn[off])}"
    return first(
        [
            layer.problem(
                "declared_area",
                message,
                remedy,
                layer.places[at],
                f"{declared[at]:.4f} ha declared, {drawn[at]:.4f} ha drawn",
                severity="warning",
            )
            for at in off.index[off]
        ]
    )


def _other_unit(layer: _Layer, ratio: pd.Series) -> str:
    """Return a hint when the areas differ by what two units differ by."""
    column = layer.file.columns.get(DECLARED)
    unit = column.unit if column and column.unit else "ha"
    own = scale_of_unit(unit, "ha")
    for other in OTHER_AREAS:
        meant = scale_of_unit(other, "ha")
        off = abs(ratio.median() * meant[0] / own[0] - 1) if own and meant else math.inf
        if other != unit and off <= layer.limits.area_tolerance:
            return f" The figures look like {other}, not {unit}: declare the unit."
    return ""


def _outside(layer: _Layer, sound: gpd.GeoSeries, boundaries: gpd.GeoSeries) -> list[Problem]:
    """Return the features that lie outside the county whose code they carry."""
    codes = layer.frame.loc[sound.index, CODE].astype("str")
    share = pd.Series(0.0, index=sound.index)
    for code, shapes in sound.groupby(codes):
        if code in boundaries.index:
            county = boundaries[code]
            shapely.prepare(county)
            across = shapes[~shapely.covers(county, shapes.array)]
            within = shapely.area(shapely.intersection(across.array, county))
            share[across.index] = 1 - within / across.area
    away = share[share > layer.limits.area_tolerance].sort_values(ascending=False, kind="stable")
    remedy = "Check its county code, and the coordinate system if many lie so."
    return first(
        [
            layer.problem(
                "outside_county",
                f"lies outside county {codes[at]}",
                remedy,
                layer.places[at],
                f"{part:.1%} of its area",
                severity="warning",
            )
            for at, part in away.items()
        ]
    )


def _web_map_offset(
    layer: _Layer, sound: gpd.GeoSeries, boundaries: gpd.GeoSeries
) -> list[Problem]:
    """Return a warning when a coverage lies off the boundaries as web maps do (GCJ-02).

    The shift is the median of that of the counties' centroids. It is believed when moving the counties
    back by it leaves at most `web_map_remainder` of the area that differs.
    """
    codes = layer.frame.loc[sound.index, CODE].astype("str")
    drawn = sound.groupby(codes).agg(lambda shapes: shapely.union_all(shapes.array))
    common = drawn.index.intersection(boundaries.index)
    if common.empty:
        return []
    ours, theirs = drawn[common].to_numpy(), boundaries[common].to_numpy()
    a, b = (
        shapely.get_coordinates(shapely.centroid(ours)),
        shapely.get_coordinates(shapely.centroid(theirs)),
    )
    east, north = np.median(a - b, axis=0)
    shift = math.hypot(east, north)
    limits = layer.limits
    if not limits.web_map_shift_least_m <= shift <= limits.web_map_shift_most_m:
        return []
    back = shapely.transform(ours, lambda xy: np.subtract(xy, (east, north)))
    before = shapely.area(shapely.symmetric_difference(ours, theirs)).sum()
    after = shapely.area(shapely.symmetric_difference(back, theirs)).sum()
    if after > before * limits.web_map_remainder:
        return []
    message = (
        "all of it lies off the boundaries by what web maps are off (GCJ-02): "
        f"{east:.0f} m east, {north:.0f} m north"
    )
    remedy = "Ask where it was drawn; convert it from GCJ-02 before it is used."
    return [layer.problem("gcj02", message, remedy, value=f"{shift:.0f} m", severity="warning")]


def _by_county(boundaries: gpd.GeoDataFrame, crs: pyproj.CRS) -> gpd.GeoSeries:
    """Return the usable polygons of the boundaries, one for each code."""
    frame = boundaries.set_index(CODE) if CODE in boundaries else boundaries
    shapes = frame.geometry.to_crs(crs)
    usable = shapes[shapes.notna() & ~shapes.is_empty & shapes.is_valid]
    return usable[~usable.index.duplicated()]
