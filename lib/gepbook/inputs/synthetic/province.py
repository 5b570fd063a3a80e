"""The layout of the made-up province: counties and ecosystems made of whole blocks.

Its numbers, with their reasons, are in `synthetic.yaml` beside this file.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
import yaml
from pyproj import CRS

from gepbook import counties as all_counties
from gepbook import paths
from gepbook.errors import CodeError, ParameterError
from gepbook.inputs import manifest
from gepbook.inputs.pack import Pack

CONFIG = Path(__file__).parent / "synthetic.yaml"
M_PER_KM = 1000.0
#: What a manifest or declaration says of the province.
NAME, TITLE = "synthetic", "合成省数据包 (真值已知, 非实测)"
NOTE = "made up by gepbook.inputs.synthetic; no measurement"
LICENCE = manifest.Licence(name="Apache-2.0")
SOURCE = manifest.Source(title="gepbook.inputs.synthetic")


@functools.cache
def read_config() -> dict[str, Any]:
    """Return the numbers of the province without their reasons."""
    content = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return {key: entry["value"] for key, entry in content.items()}


def open_pack_crs() -> CRS:
    """Return the equal-area coordinate system of the open pack."""
    return Pack.open(paths.OPEN_PACK).grid.crs


class Place(NamedTuple):
    """Where some points lie; all arrays broadcast to the points' shape."""

    column: np.ndarray  # of blocks, from the west; below 0 in the margin
    row: np.ndarray  # of blocks, from the north
    county: np.ndarray  # number of the county; beyond the counties that of the nearest
    east_km: np.ndarray
    south_km: np.ndarray
    wave: np.ndarray  # -1 to 1, whole periods in each block


@dataclass(frozen=True)
class Province:
    """The layout of a synthetic province: rectangles of blocks, row by row from the north-west.

    `enlarged` times as many blocks are laid along each side of a county.
    """

    codes: tuple[str, ...]
    years: tuple[int, ...]
    crs: CRS
    enlarged: int = 1

    @property
    def columns(self) -> int:
        """Number of counties side by side."""
        return int(np.ceil(np.sqrt(len(self.codes))))

    @property
    def rows(self) -> int:
        """Number of rows of counties."""
        return int(np.ceil(len(self.codes) / self.columns))

    def _edges(self, name: str, count: int) -> np.ndarray:
        """Return the edges of the columns or rows of counties, in blocks."""
        sizes = read_config()[name]
        widths = [sizes[n % len(sizes)] * self.enlarged for n in range(count)]
        return np.cumsum([0, *widths])

    @functools.cached_property
    def column_edges(self) -> np.ndarray:
        """Edges of the columns of counties, in blocks from the west."""
        return self._edges("column_blocks", self.columns)

    @functools.cached_property
    def row_edges(self) -> np.ndarray:
        """Edges of the rows of counties, in blocks from the north."""
        return self._edges("row_blocks", self.rows)

    @functools.cached_property
    def origin(self) -> tuple[float, float]:
        """North-western corner of the counties, m; a multiple of the block."""
        block = read_config()["block_m"]
        x, y = read_config()["centre_m"]
        half = [int(edges[-1]) // 2 * block for edges in (self.column_edges, self.row_edges)]
        return x - half[0], y + half[1]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of the counties and their margin, m."""
        margin = read_config()["margin_blocks"]
        west, north = self.corner(-margin, -margin)
        east, south = self.corner(self.column_edges[-1] + margin, self.row_edges[-1] + margin)
        return west, south, east, north

    def corner(self, column: int, row: int) -> tuple[float, float]:
        """Return the north-western corner of a block, m."""
        block = read_config()["block_m"]
        return float(self.origin[0] + column * block), float(self.origin[1] - row * block)

    def blocks_of(self, number: int) -> tuple[int, int, int, int]:
        """Return the first and the end of the columns and of the rows of a county's blocks."""
        row, column = divmod(number, self.columns)
        return (
            *(int(edge) for edge in self.column_edges[column : column + 2]),
            *(int(edge) for edge in self.row_edges[row : row + 2]),
        )  # type: ignore[return-value]

    def rectangle(self, first: int, end: int, top: int, bottom: int) -> shapely.Polygon:
        """Return the rectangle of some columns and rows of blocks, a vertex at each block.

        Neighbours share their vertices, also where the coordinates are transformed.
        """
        ring = [
            *((column, top) for column in range(first, end)),
            *((end, row) for row in range(top, bottom)),
            *((column, bottom) for column in range(end, first, -1)),
            *((first, row) for row in range(bottom, top, -1)),
        ]
        return shapely.Polygon([self.corner(*node) for node in ring])

    def place(self, x: np.ndarray, y: np.ndarray) -> Place:
        """Return where points lie, whose coordinates in the pack's system broadcast together."""
        block = read_config()["block_m"]
        east, south = (x - self.origin[0]) / block, (self.origin[1] - y) / block
        column, row = np.floor(east).astype(int), np.floor(south).astype(int)
        inner = [
            np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(edges) - 2)
            for at, edges in ((column, self.column_edges), (row, self.row_edges))
        ]
        km = block / M_PER_KM
        wave = np.sin(2 * np.pi * (east - column)) * np.sin(2 * np.pi * (south - row))
        county = inner[1] * self.columns + inner[0]
        return Place(column, row, county, east * km, south * km, wave)


def make_province(
    counties: int | Sequence[str] = 3,
    years: Sequence[int] = (2022, 2023),
    crs: CRS | None = None,
    enlarged: int = 1,
) -> Province:
    """Return a province of some counties.

    Parameters
    ----------
    counties : int or sequence of str
        How many, or the codes of which, counties of params/counties.csv.
    years : sequence of int
        Years that follow each other.
    crs : CRS, optional
        Equal-area coordinate system in metres; that of the open pack when not given.
    enlarged : int
        Times as many blocks along each side of a county.

    Raises
    ------
    CodeError
        For more counties than there are, an unknown code or one that stands twice.
    ParameterError
        For an enlargement below 1, or years that do not follow each other.
    """
    known = list(all_counties.read().index)
    if isinstance(counties, int):
        first = read_config()["first_counties"]
        wanted = [*first, *(code for code in known if code not in first)][:counties]
        if len(wanted) != counties or not wanted:
            raise CodeError(f"counties: got {counties}, must be 1 to {len(known)}.")
    else:
        wanted = [all_counties.find(code) for code in counties]
        if not wanted or len(set(wanted)) < len(wanted):
            raise CodeError(f"counties: must be one or more, none twice, got {list(counties)}.")
    if not years or list(years) != list(range(years[0], years[0] + len(years))):
        raise ParameterError(f"years: must follow each other, got {list(years)}.")
    if enlarged < 1:
        raise ParameterError(f"enlarged: must be 1 or more, got {enlarged}.")
    return Province(tuple(wanted), tuple(years), crs or open_pack_crs(), enlarged)
