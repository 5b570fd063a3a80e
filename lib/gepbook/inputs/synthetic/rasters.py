"""Writes rasters of any size tile by tile, from functions of place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from rasterio.windows import Window

from gepbook.grid import GridSpec
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.pack import MONTHS
from gepbook.inputs.synthetic.province import Place, read_config


class RasterFile(NamedTuple):
    """A raster to be written: how it is evaluated at points, and how it is stored."""

    path: Path
    values: Callable[[Place], np.ndarray]
    bands: int
    dtype: str
    nodata: float


def write_rasters(
    files: Sequence[RasterFile],
    grid: GridSpec,
    place: Callable[[np.ndarray, np.ndarray], Place],
) -> None:
    """Write GeoTIFFs tile by tile: where a tile lies is worked out once for all of them.

    Parameters
    ----------
    files : sequence of RasterFile
    grid : GridSpec
    place : callable
        From x, dims (1, x), and y, dims (y, 1), of cell centres on the grid to where they lie.
    """
    tile = read_config()["tile_cells"]
    profile = {
        "driver": "GTiff",
        "height": grid.height,
        "width": grid.width,
        "crs": grid.crs.to_wkt(),
        "transform": grid.transform,
        "tiled": True,
        "blockxsize": tile,
        "blockysize": tile,
        "interleave": "band",
        "compress": "deflate",
        "bigtiff": "if_safer",
    }
    with ExitStack() as stack:
        targets = [
            stack.enter_context(
                rasterio.open(f.path, "w", count=f.bands, dtype=f.dtype, nodata=f.nodata, **profile)
            )
            for f in files
        ]
        for window in _tiles(grid, tile):
            coords = grid.coordinates(window)
            where = place(coords["x"][None, :], coords["y"][:, None])
            shape = (window.height, window.width)
            for file, target in zip(files, targets, strict=True):
                values = np.broadcast_to(file.values(where), (file.bands, *shape))
                if np.issubdtype(file.dtype, np.integer):
                    values = np.rint(values)
                target.write(values.astype(file.dtype), window=window)


def _tiles(grid: GridSpec, tile: int) -> Iterator[Window]:
    """Yield the tiles of a grid, cut at its edges."""
    for row in range(0, grid.height, tile):
        for column in range(0, grid.width, tile):
            yield Window(column, row, min(tile, grid.width - column), min(tile, grid.height - row))


def bands(layer: str) -> int:
    """Return how many bands the file of a layer has."""
    return MONTHS if dictionary.layers()[layer].bands == "months" else 1
