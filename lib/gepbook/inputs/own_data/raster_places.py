"""Where on earth a raster lies (栅格位置): its outline under one coordinate system or another."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from affine import Affine

from gepbook import paths
from gepbook.grid import GridSpec
from gepbook.inputs.own_data.resampling import SourceGrid, applied
from gepbook.inputs.own_data.vectors import FULL_TURN, GEOGRAPHIC, ZONES

UTM = (32650, 32651)
EDGE_POINTS = 21  # along each edge of a raster's outline


@dataclass(frozen=True)
class Province:
    """The land that rasters are compared with: the hull of the counties, on the pack's grid."""

    grid: GridSpec
    boundaries: gpd.GeoDataFrame | None

    def likely(self, outline: np.ndarray, but: pyproj.CRS | None) -> list[pyproj.CRS]:
        """Return the coordinate systems under which the raster lies best in the province."""
        codes = GEOGRAPHIC if np.abs(outline).max() <= FULL_TURN else (*ZONES, *UTM)
        systems = [_system(code) for code in codes]
        shares = {c: self.share(outline, c) for c in systems if but is None or not c.equals(but)}
        best = max(shares.values(), default=0.0)
        return [c for c, share in shares.items() if share > 0 and math.isclose(share, best)]

    def share(self, outline: np.ndarray, crs: pyproj.CRS) -> float:
        """Return how much of the smaller of raster and province the other covers, 0–1."""
        move = _mover(crs, self.grid.crs)
        there = np.stack(move.transform(*outline))
        if not np.isfinite(there).all():
            return 0.0
        shape, land = shapely.make_valid(shapely.Polygon(there.T)), self.land
        smaller = min(shape.area, land.area)
        return float(shape.intersection(land).area / smaller) if smaller else 0.0

    @functools.cached_property
    def land(self) -> shapely.Polygon:
        """The hull of the counties; of the open pack's where none are given."""
        frame = self.boundaries
        if frame is None:
            frame = gpd.read_parquet(paths.OPEN_PACK / "counties.parquet")
        moved = frame.geometry.dropna().to_crs(self.grid.crs)
        return shapely.convex_hull(shapely.geometrycollections(moved.array))

    def covers(self, grid: SourceGrid, crs: pyproj.CRS) -> float:
        """Return which share of the province the raster would cover in a coordinate system."""
        move = _mover(crs, self.grid.crs)
        there = np.stack(move.transform(*box_of(grid.transform, grid.height, grid.width)))
        shape = shapely.make_valid(shapely.Polygon(there.T))
        return float(shape.intersection(self.land).area / self.land.area)


def box_of(transform: Affine, height: int, width: int) -> np.ndarray:
    """Return the outline of a raster, (x, y) by points, with points along its edges."""
    along = np.linspace(0, 1, EDGE_POINTS)
    columns = np.concatenate([along, np.ones_like(along), along[::-1], np.zeros_like(along)])
    rows = np.concatenate([np.zeros_like(along), along, np.ones_like(along), along[::-1]])
    return np.stack(applied(transform, columns * width, rows * height))


@functools.cache
def _system(code: int) -> pyproj.CRS:
    """Return a coordinate system; kept, as it takes long to make one for each zone."""
    return pyproj.CRS.from_epsg(code)


@functools.cache
def _mover(crs: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer:
    """Return what brings (x, y) from one system into another; kept likewise."""
    return pyproj.Transformer.from_crs(crs, target, always_xy=True)
