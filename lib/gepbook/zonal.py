"""The only way from raster to county: exact coverage fractions, area-weighted sums (分区统计)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from exactextract import exact_extract
from exactextract.feature import JSONFeatureSource
from exactextract.raster import NumPyRasterSource
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from gepbook import ecosystems
from gepbook.errors import CoverageError, UnitError
from gepbook.grid import check_same_grid
from gepbook.units import units_of


def coverage(geometry: BaseGeometry, y: np.ndarray, x: np.ndarray) -> xr.DataArray:
    """Return the fraction of each cell that lies inside a polygon (覆盖比例).

    Parameters
    ----------
    geometry : Polygon or MultiPolygon, in the grid's coordinates
    y, x : ndarray, m
        Cell centres, y falling, x rising.

    Returns
    -------
    DataArray, dims (y, x), 0–1
        Exact to single precision; counties that share an edge share its cells without gap or overlap.
    """
    half_y, half_x = abs(y[1] - y[0]) / 2, abs(x[1] - x[0]) / 2
    raster = NumPyRasterSource(
        np.zeros((len(y), len(x)), dtype="uint8"),
        xmin=x[0] - half_x,
        ymin=y[-1] - half_y,
        xmax=x[-1] + half_x,
        ymax=y[0] + half_y,
    )
    feature = JSONFeatureSource([{"type": "Feature", "geometry": mapping(geometry)}])
    found = exact_extract(raster, feature, ["cell_id", "coverage"])[0]["properties"]
    fractions = np.zeros(len(y) * len(x))
    fractions[found["cell_id"]] = found["coverage"]
    return xr.DataArray(
        fractions.reshape(len(y), len(x)),
        coords={"y": y, "x": x},
        dims=("y", "x"),
        name="coverage",
        attrs={"units": "1"},
    )


def total(
    density: xr.DataArray, covered: xr.DataArray, cell_area_ha: float, name: str = "raster"
) -> float:
    """Return the county total of a quantity given per hectare.

    Parameters
    ----------
    density : DataArray, dims (y, x), in a unit that ends in per hectare and year (`… ha-1 a-1`)
    covered : DataArray, dims (y, x), 0–1
    cell_area_ha : float

    Raises
    ------
    UnitError
        When the raster is not per hectare.
    CoverageError
        When cells of the county are missing: a total over the rest would pass for the whole.
    """
    units = units_of(density) or "no unit"
    if "ha-1" not in units:
        raise UnitError(
            f"{name}: a county total needs a raster per hectare, got {units!r}. "
            "Divide by the cell area where the raster is made."
        )
    check_same_grid(density, covered)
    inside = covered.to_numpy() > 0
    values = density.to_numpy()
    _refuse_gaps(values[inside], name)
    return float((values[inside] * covered.to_numpy()[inside]).sum() * cell_area_ha)


def _refuse_gaps(values: np.ndarray, name: str) -> None:
    """Refuse values of a county's cells that are missing or not finite."""
    missing = int((~np.isfinite(values)).sum())
    if missing:
        raise CoverageError(
            f"{name}: {missing} of {len(values)} cells of the county have no value. "
            "Fill the gaps in the pack's raster, or say in it what stands there."
        )


def total_by_type(
    density: xr.DataArray, land_cover: xr.DataArray, covered: xr.DataArray, cell_area_ha: float
) -> pd.Series:
    """Return the county total of a quantity per hectare by ecosystem type, indexed by type id.

    Types that the county does not have are 0; see `total` for what is refused.
    """
    check_same_grid(density, covered)
    check_same_grid(land_cover, covered)
    inside = covered.to_numpy() > 0
    _refuse_gaps(density.to_numpy()[inside], str(density.name or "raster"))
    ecosystems.check_codes(land_cover.to_numpy()[inside])
    amounts = density.to_numpy()[inside] * covered.to_numpy()[inside] * cell_area_ha
    sums = pd.Series(amounts).groupby(land_cover.to_numpy()[inside]).sum()
    types = ecosystems.read()
    return pd.Series(sums.reindex(types["code"], fill_value=0.0).to_numpy(), index=types["id"])


def negative_area(density: xr.DataArray, covered: xr.DataArray, cell_area_ha: float) -> float:
    """Return the area of a county where a quantity per hectare is below 0, ha."""
    check_same_grid(density, covered)
    return float((covered.to_numpy() * (density.to_numpy() < 0)).sum() * cell_area_ha)


def mean(raster: xr.DataArray, covered: xr.DataArray) -> float:
    """Return the area-weighted county mean over the cells that have a value; NaN where none has."""
    check_same_grid(raster, covered)
    weights = covered.where(raster.notnull(), 0.0)
    weight = float(weights.sum())
    return float((raster.fillna(0.0) * weights).sum()) / weight if weight else float("nan")


def area_by_type(land_cover: xr.DataArray, covered: xr.DataArray, cell_area_ha: float) -> pd.Series:
    """Return the county's area of each ecosystem type, ha, indexed by type id; all types listed.

    Raises
    ------
    CoverageError
        When cells of the county have no land cover.
    """
    check_same_grid(land_cover, covered)
    inside = covered.to_numpy() > 0
    codes = land_cover.to_numpy()[inside]
    if np.isnan(codes).any():
        raise CoverageError(
            f"land_cover: {int(np.isnan(codes).sum())} of {inside.sum()} cells of the county "
            "have no ecosystem type. Fill them in the pack's raster."
        )
    ecosystems.check_codes(codes)
    areas = pd.Series(covered.to_numpy()[inside] * cell_area_ha).groupby(codes).sum()
    types = ecosystems.read()
    return pd.Series(
        areas.reindex(types["code"], fill_value=0.0).to_numpy(), index=types["id"], name="area_ha"
    )
