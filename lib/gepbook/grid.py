"""The one equal-area grid of a data pack, and windows on it (等积格网)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from affine import Affine
from pyproj import CRS
from rasterio.windows import Window

from gepbook.errors import GridMismatchError

HECTARE_M2 = 10_000.0


@dataclass(frozen=True)
class GridSpec:
    """A north-up equal-area grid in metres: coordinate system, transform, shape."""

    crs: CRS
    transform: Affine
    height: int
    width: int

    @classmethod
    def around(
        cls, crs: CRS, bounds: tuple[float, float, float, float], cell_m: float, margin: int
    ) -> GridSpec:
        """Return the grid of whole cells around some bounds and a margin of cells.

        Cell edges are whole multiples of the cell, so that grids of one cell size lie on each other.
        """
        left, bottom, right, top = bounds
        west = math.floor(left / cell_m - margin)
        north = math.ceil(top / cell_m + margin)
        width = math.ceil(right / cell_m + margin) - west
        height = north - math.floor(bottom / cell_m - margin)
        return cls(crs, Affine(cell_m, 0, west * cell_m, 0, -cell_m, north * cell_m), height, width)

    @property
    def cell_area_ha(self) -> float:
        """Area of a cell, ha; on an equal-area grid the same everywhere."""
        return abs(self.transform.a * self.transform.e) / HECTARE_M2

    def window(self, bounds: tuple[float, float, float, float], halo_cells: int = 0) -> Window:
        """Return the window of whole cells around some bounds and a halo, cut at the grid's edge.

        Raises
        ------
        GridMismatchError
            When the bounds reach beyond the grid.
        """
        left, bottom, right, top = bounds
        t = self.transform
        col0, col1 = (left - t.c) / t.a, (right - t.c) / t.a
        row0, row1 = (top - t.f) / t.e, (bottom - t.f) / t.e
        rows, cols = (math.floor(row0), math.ceil(row1)), (math.floor(col0), math.ceil(col1))
        if rows[0] < 0 or cols[0] < 0 or rows[1] > self.height or cols[1] > self.width:
            raise GridMismatchError(
                f"grid: bounds {tuple(round(b) for b in bounds)} reach beyond the grid of "
                f"{self.height} × {self.width} cells. Extend the pack's rasters over all counties."
            )
        rows = (max(0, rows[0] - halo_cells), min(self.height, rows[1] + halo_cells))
        cols = (max(0, cols[0] - halo_cells), min(self.width, cols[1] + halo_cells))
        return Window.from_slices(rows, cols)

    def coordinates(self, window: Window) -> dict[str, np.ndarray]:
        """Return the cell-centre coordinates of a window as `x` and `y` in metres."""
        cols = np.arange(window.col_off, window.col_off + window.width) + 0.5
        rows = np.arange(window.row_off, window.row_off + window.height) + 0.5
        return {
            "y": self.transform.f + rows * self.transform.e,
            "x": self.transform.c + cols * self.transform.a,
        }


def check_same_grid(*arrays: xr.DataArray) -> None:
    """Refuse arrays whose y and x coordinates differ.

    Raises
    ------
    GridMismatchError
        Naming the arrays that differ from the first.
    """
    first = arrays[0]
    problems = [
        f"{other.name or 'raster'}: grid differs from that of {first.name or 'the first raster'} "
        f"along {dim}. Bring all rasters onto the pack's grid where they are read."
        for other in arrays[1:]
        for dim in ("y", "x")
        if not np.array_equal(first[dim].to_numpy(), other[dim].to_numpy())
    ]
    if problems:
        raise GridMismatchError(problems)
