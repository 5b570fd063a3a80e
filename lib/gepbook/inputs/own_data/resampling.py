"""From any grid to the pack's: area-preserving means and the nearest cell (等面积重采样).

Means are made in two passes (Catmull & Smith 1980, "3-D transformations of images in scanline order"):
each source row is remapped along x, then each column of that along y. A pass cuts running sums at the
target's edges, so what leaves one target cell enters the next and Σ value × area is kept.

Where a target edge falls in the source comes from pyproj at Chebyshev nodes over the whole grid, as
polynomials that stay within `POSITION_TOLERANCE` of a source cell; tiles therefore fit each other.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.polynomial import chebyshev
from pyproj import CRS, Transformer
from rasterio.windows import Window

from gepbook.errors import GridMismatchError
from gepbook.grid import GridSpec

#: Largest error of a position, in source cells.
POSITION_TOLERANCE = 1e-6
DEGREES = (4, 8, 16, 32)  # of the polynomials, the first that is near enough is taken
PROBES = 41  # places along each axis where the polynomials are compared with pyproj
#: Beyond it a row's cells crowd together in the first pass and detail is lost.
MAX_ROTATION_DEGREES = 30.0
#: A target cell of which less has values has none: below it rounding would show.
LEAST_SHARE = 1e-6
NEWTON_STEPS = 20
NEWTON_TOLERANCE = 1e-9  # of a target cell

Surface2D = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class SourceGrid:
    """The grid of a user's raster: any coordinate system, also lon/lat, rotated or south up."""

    crs: CRS
    transform: Affine
    height: int
    width: int


@dataclass(frozen=True)
class Remap:
    """Remaps along one axis: masses of source cells become masses of target cells.

    `index` and `fraction` say for each target edge in which source cell it falls and how far.
    """

    index: np.ndarray
    fraction: np.ndarray
    axis: int

    @classmethod
    def at(cls, edges: np.ndarray, cells: int, axis: int) -> Remap:
        """Make the remap from the target edges, counted in source cells from the first one's start.

        Parameters
        ----------
        edges : ndarray, 2-D
            Rising along `axis`; what lies outside 0 to `cells` takes nothing.
        cells : int
            Source cells along `axis`.
        axis : 0 or 1
        """
        inside = np.clip(edges, 0.0, cells)
        whole = np.minimum(inside.astype("intp"), cells - 1)
        fraction = inside - whole
        other = np.arange(edges.shape[1 - axis])
        index = whole + other[:, None] * (cells + 1) if axis else whole * len(other) + other
        return cls(index, fraction, axis)

    def __call__(self, mass: np.ndarray) -> np.ndarray:
        """Return the mass of each target cell; Σ is kept for what lies between the outer edges."""
        shape = list(mass.shape)
        shape[self.axis] += 1
        running = np.zeros(shape)
        if self.axis:
            np.cumsum(mass, axis=1, out=running[:, 1:])
        else:
            for row, more in enumerate(mass):  # numpy's own cumsum strides down each column
                np.add(running[row], more, out=running[row + 1])
        step = 1 if self.axis else shape[1]
        flat = running.ravel()
        cut = flat.take(self.index)
        beyond = flat[step:].take(self.index)
        beyond -= cut
        beyond *= self.fraction
        cut += beyond
        return np.diff(cut, axis=self.axis)


@dataclass(frozen=True)
class Surface:
    """A smooth function over a rectangle as a Chebyshev polynomial."""

    coefficients: np.ndarray
    rows: tuple[float, float]
    columns: tuple[float, float]

    @classmethod
    def of(
        cls,
        function: Surface2D,
        rows: tuple[float, float],
        columns: tuple[float, float],
        tolerance: float,
    ) -> Surface:
        """Fit a function of (row, column), both 2-D, by the lowest degree that is near enough.

        Raises
        ------
        GridMismatchError
            When the function is not smooth or not defined on the whole rectangle.
        """
        at_rows, at_columns = np.linspace(*rows, PROBES), np.linspace(*columns, PROBES)
        wanted = function(*np.meshgrid(at_rows, at_columns, indexing="ij"))
        for degree in DEGREES:
            nodes = chebyshev.chebpts1(degree + 1)
            inverse = np.linalg.inv(chebyshev.chebvander(nodes, degree))
            at_nodes = function(
                *np.meshgrid(_stretched(nodes, rows), _stretched(nodes, columns), indexing="ij")
            )
            found = cls(inverse @ at_nodes @ inverse.T, rows, columns)
            if np.abs(found(at_rows, at_columns) - wanted).max() <= tolerance:
                return found
        raise GridMismatchError(
            "raster: its coordinates cannot be brought onto the grid smoothly. Check its coordinate "
            "system, or reproject it to that of the grid."
        )

    def __call__(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the values at every row (1-D) and column (1-D)."""
        degree = len(self.coefficients) - 1
        down = chebyshev.chebvander(_shrunk(rows, self.rows), degree)
        across = chebyshev.chebvander(_shrunk(columns, self.columns), degree)
        return down @ (self.coefficients @ across.T)


def _stretched(nodes: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """Bring −1 … 1 to a span."""
    return (nodes + 1) / 2 * (span[1] - span[0]) + span[0]


def _shrunk(places: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """Bring a span to −1 … 1."""
    return (places - span[0]) / (span[1] - span[0]) * 2 - 1


class Mapping:
    """Where a source grid lies on the target grid; made once for all tiles.

    Inside, rows and columns of the source are counted so that they rise with those of the target.

    Raises
    ------
    GridMismatchError
        For a source turned by more than `MAX_ROTATION_DEGREES`, or coordinates that pyproj cannot bring
        onto the target.
    """

    def __init__(self, source: SourceGrid, target: GridSpec) -> None:
        self.source = source
        self.target = target
        self._inverse = Transformer.from_crs(target.crs, source.crs, always_xy=True)
        self._forward = Transformer.from_crs(source.crs, target.crs, always_xy=True)
        self.flip_rows = self.flip_columns = False
        self.flip_rows, self.flip_columns = self._flips()
        rows, columns = (0.0, float(target.height)), (0.0, float(target.width))
        self.row = self._surface(lambda y, x: self._to_source(y, x)[0], rows, columns)
        self.column = self._surface(lambda y, x: self._to_source(y, x)[1], rows, columns)
        self.rows = self._span(self.row, source.height)
        self.columns = self._span(self.column, source.width)

    @property
    def overlaps(self) -> bool:
        """Whether the source has cells on the target grid."""
        return self.rows[0] < self.rows[1] and self.columns[0] < self.columns[1]

    @property
    def source_window(self) -> Window:
        """The window of the source that holds all its cells on the target grid."""
        rows, columns = (
            (math.floor(first), math.ceil(last)) for first, last in (self.rows, self.columns)
        )
        return self.in_file(rows, columns)

    def in_file(self, rows: tuple[int, int], columns: tuple[int, int]) -> Window:
        """Return some rows and columns (from, to) as the file counts them."""
        height, width = self.source.height, self.source.width
        return Window.from_slices(
            (height - rows[1], height - rows[0]) if self.flip_rows else rows,
            (width - columns[1], width - columns[0]) if self.flip_columns else columns,
        )

    @functools.cached_property
    def column_in_row(self) -> Surface:
        """Source column by source row and target column."""
        return self._surface(self._column_in_row, self.rows, (0.0, float(self.target.width)))

    @functools.cached_property
    def cell_area(self) -> Surface:
        """True area of source cells, in target cells, by source row and column."""
        middle = np.full((1, 1), sum(self.rows) / 2), np.full((1, 1), sum(self.columns) / 2)
        tolerance = POSITION_TOLERANCE * float(self._cell_area(*middle)[0, 0])
        return Surface.of(self._cell_area, self.rows, self.columns, tolerance)

    def _surface(
        self, function: Surface2D, rows: tuple[float, float], columns: tuple[float, float]
    ) -> Surface:
        """Fit positions counted in source cells."""
        return Surface.of(function, rows, columns, POSITION_TOLERANCE)

    def _span(self, surface: Surface, cells: int) -> tuple[float, float]:
        """Return which of the source's rows or columns the target needs; empty without overlap."""
        target = self.target
        places = surface(
            np.linspace(0.0, target.height, PROBES), np.linspace(0.0, target.width, PROBES)
        )
        slack = np.ptp(places) / PROBES + 1  # between the probes
        return max(0.0, places.min() - slack), min(float(cells), places.max() + slack)

    def _to_source(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the source row and column at places of the target (in cells)."""
        there = self._inverse.transform(*applied(self.target.transform, x, y))
        if not np.isfinite(there).all():
            raise GridMismatchError(
                f"raster: its coordinate system {self.source.crs.name!r} is not defined on the whole "
                "grid. Check it, or reproject the raster to that of the grid."
            )
        column, row = applied(~self.source.transform, *there)
        row = self.source.height - row if self.flip_rows else row
        return row, self.source.width - column if self.flip_columns else column

    def _to_target(self, row: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the target row and column at places of the source (in cells)."""
        row = self.source.height - row if self.flip_rows else row
        column = self.source.width - column if self.flip_columns else column
        there = self._forward.transform(*applied(self.source.transform, column, row))
        x, y = applied(~self.target.transform, *there)
        return y, x

    def _flips(self) -> tuple[bool, bool]:
        """Return whether rows and columns of the source run against the target's.

        The axes are measured at the corners and the middle of the target.
        """
        target = self.target
        y, x = np.meshgrid(
            [0, target.height / 2, target.height], [0, target.width / 2, target.width]
        )
        row, column = self._to_source(y, x)
        down, across = self._to_source(y + 1, x), self._to_source(y, x + 1)
        # of the source by the target; its inverse holds the source's axes in target cells
        jacobian = np.array(
            [
                [across[1] - column, down[1] - column],
                [across[0] - row, down[0] - row],
            ]
        )
        axes = np.linalg.inv(np.moveaxis(jacobian, (0, 1), (-2, -1)))
        axes = axes * np.array([[target.transform.a], [target.transform.e]])
        along, downward = axes[..., 0], axes[..., 1]  # (x, y) in metres
        turns = np.degrees(
            [
                np.arctan2(abs(along[..., 1]), abs(along[..., 0])),
                np.arctan2(abs(downward[..., 0]), abs(downward[..., 1])),
            ]
        )
        if not turns.max() <= MAX_ROTATION_DEGREES:
            raise GridMismatchError(
                f"raster: is turned by {turns.max():.0f}° against the grid; up to "
                f"{MAX_ROTATION_DEGREES:g}° can be read. Reproject it to the grid's coordinate system."
            )
        return bool(downward[1, 1, 1] > 0), bool(along[1, 1, 0] < 0)

    def _column_in_row(self, row: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the source column where a source row crosses a target column (Newton's method)."""
        y = np.full(row.shape, self.target.height / 2)
        for _ in range(NEWTON_STEPS):
            here, column = self._to_source(y, x)
            slope = self._to_source(y + 0.5, x)[0] - self._to_source(y - 0.5, x)[0]
            step = (row - here) / slope
            y = y + step
            if np.abs(step).max() < NEWTON_TOLERANCE:
                break
        return column

    def _cell_area(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Return the area in target cells of the source cell around a place."""
        corners = [
            self._to_target(row + down, column + across)
            for down, across in ((-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5))
        ]
        (y0, x0), (y1, x1), (y2, x2), (y3, x3) = corners
        return np.abs((x2 - x0) * (y3 - y1) - (x3 - x1) * (y2 - y0)) / 2


class Resampler:
    """Brings a source's values onto one window of the target grid.

    Parameters
    ----------
    mapping : Mapping
    window : Window
        Of the target grid. The results of windows fit together to those of the whole.
    """

    def __init__(self, mapping: Mapping, window: Window) -> None:
        self.mapping = mapping
        self.shape = (window.height, window.width)
        self._y = window.row_off + np.arange(window.height + 1.0)
        self._x = window.col_off + np.arange(window.width + 1.0)
        self._rows, self._columns = (0, 0), (0, 0)
        self._valid: np.ndarray | None = None
        if mapping.overlaps:
            self._row_edges = mapping.row(self._y, _middles(self._x))
            self._rows = _cells(self._row_edges, mapping.rows)
            middles = np.arange(*self._rows) + 0.5
            if len(middles):
                self._column_edges = mapping.column_in_row(middles, self._x)
                self._columns = _cells(self._column_edges, mapping.columns)

    @property
    def empty(self) -> bool:
        """Whether the source has no cell here."""
        return self._rows[0] >= self._rows[1] or self._columns[0] >= self._columns[1]

    @property
    def source_window(self) -> Window:
        """The window of the source to read, as the file counts its rows and columns."""
        if self.empty:
            return Window(0, 0, 0, 0)
        return self.mapping.in_file(self._rows, self._columns)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Return the area-weighted means of the values on each target cell.

        Parameters
        ----------
        values : ndarray, (…, y, x) of `source_window`
            NaN = missing: left out of the means.

        Returns
        -------
        ndarray, (…, y, x) of the target window
            NaN where the source has no value; within the range of the values.
        """
        bands = values.reshape(math.prod(values.shape[:-2]), *values.shape[-2:])
        found = np.full((len(bands), *self.shape), np.nan)
        for band, target in zip(bands, found, strict=True):
            valid = np.isfinite(band)
            if self.empty or not valid.any():
                continue
            covered = self._covered(valid)
            amount = self.spread(np.where(valid, band, 0.0))
            enough = covered > LEAST_SHARE
            np.divide(amount, covered, out=target, where=enough)
            np.clip(target, np.nanmin(band), np.nanmax(band), out=target)
        return found.reshape(*values.shape[:-2], *self.shape)

    def spread(self, density: np.ndarray) -> np.ndarray:
        """Return the amount of a density (per target cell's area) that each target cell receives.

        Parameters
        ----------
        density : ndarray, (y, x) of `source_window`
            Without NaN.

        Returns
        -------
        ndarray, (y, x) of the target window
            Σ is Σ density × true cell area, area counted in target cells.
        """
        along, down = self._passes
        mass = self._turned(density) * self._areas
        return down(along(mass))

    def nearest(self, codes: np.ndarray, fill: int) -> np.ndarray:
        """Return the code of the source cell that each target cell's centre lies in.

        Parameters
        ----------
        codes : ndarray, (y, x) of `source_window`
        fill : int
            For cells outside the source.
        """
        found = np.full(self.shape, fill, dtype=codes.dtype)
        if self.empty:
            return found
        turned = self._turned(codes)
        middles = _middles(self._y), _middles(self._x)
        # a centre on an edge belongs to the cell behind it, whatever the rounding
        row = np.floor(self.mapping.row(*middles) + POSITION_TOLERANCE).astype("intp")
        column = np.floor(self.mapping.column(*middles) + POSITION_TOLERANCE).astype("intp")
        row -= self._rows[0]
        column -= self._columns[0]
        height, width = turned.shape
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        found[inside] = turned[row[inside], column[inside]]
        return found

    def _covered(self, valid: np.ndarray) -> np.ndarray:
        """Return how much of each target cell has values; kept, as bands mostly miss the same cells."""
        if self._valid is None or not np.array_equal(valid, self._valid):
            self._valid, self._share = valid, self.spread(valid.astype("float64"))
        return self._share

    def _turned(self, block: np.ndarray) -> np.ndarray:
        """Return a block with rows and columns rising as the target's."""
        block = block[::-1] if self.mapping.flip_rows else block
        return block[:, ::-1] if self.mapping.flip_columns else block

    @functools.cached_property
    def _areas(self) -> np.ndarray:
        """Area of each source cell, in target cells."""
        return self.mapping.cell_area(np.arange(*self._rows) + 0.5, np.arange(*self._columns) + 0.5)

    @functools.cached_property
    def _passes(self) -> tuple[Remap, Remap]:
        """The remap of each source row along x, then of each column along y."""
        columns, rows = self._columns, self._rows
        return (
            Remap.at(self._column_edges - columns[0], columns[1] - columns[0], axis=1),
            Remap.at(self._row_edges - rows[0], rows[1] - rows[0], axis=0),
        )


def applied(transform: Affine, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places brought through an affine transform."""
    return (
        transform.a * x + transform.b * y + transform.c,
        transform.d * x + transform.e * y + transform.f,
    )


def _middles(edges: np.ndarray) -> np.ndarray:
    """Return the middles between edges."""
    return (edges[1:] + edges[:-1]) / 2


def _cells(edges: np.ndarray, span: tuple[float, float]) -> tuple[int, int]:
    """Return the first source cell that the edges take in, and the one after the last.

    One more on each side: the centres of `nearest` may lie a little beyond.
    """
    first, last = math.floor(edges.min()) - 1, math.ceil(edges.max()) + 1
    return max(first, math.floor(span[0])), min(last, math.ceil(span[1]))
