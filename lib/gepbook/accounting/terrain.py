"""Terrain from a digital elevation model (地形分析): slope, aspect, flow, two-dimensional LS.

The routing follows that of InVEST, so that both can be compared cell by cell. No pit is left, no flat
stays without an outlet, and no gap is filled: NaN in the elevation is NaN in every result.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from scipy.sparse import coo_array, csc_array, csgraph
from scipy.sparse.linalg import spsolve_triangular

from gepbook.errors import GridMismatchError
from gepbook.params import Params, parameter
from gepbook.units import require_units, with_units

PERCENT = 100.0
UNIT_PLOT_M = 22.13
DIAGONAL = 1 / np.sqrt(2.0)
#: Row, column and inverse distance of the eight neighbours, from east against the clock.
NEIGHBOURS = (
    (0, 1, 1.0), (-1, 1, DIAGONAL), (-1, 0, 1.0), (-1, -1, DIAGONAL),
    (0, -1, 1.0), (1, -1, DIAGONAL), (1, 0, 1.0), (1, 1, DIAGONAL),
)  # fmt: skip
HALF = 4  # the other four neighbours are the same pairs of cells seen from the other side
INVEST_SHARE_STEPS = 15
SLOPE_CLASSES_PERCENT = (1.0, 3.5, 5.0, 9.0)
STEEP_PERCENT = 9.0
LENGTH_EXPONENTS = (0.2, 0.3, 0.4, 0.5)


class DesmetGoversParams(Params):
    """Parameters of the two-dimensional LS."""

    length_factor_limit: float = parameter("1", "坡长因子 L 的上限", gt=0)
    contour: Literal["slope", "aspect"] = parameter(
        "1", "等高线长度 x 用坡度角 (InVEST ≥ 3.14) 还是坡向角 (原文)", default="slope"
    )
    flow_share_steps: int = parameter(
        "1", "水流分配比例的分级数, InVEST 为 15; 0 为不分级", default=INVEST_SHARE_STEPS, ge=0
    )


class _Cells(NamedTuple):
    """The cells with data, numbered in reading order."""

    known: np.ndarray  # bool, (y, x)
    elevation: np.ndarray  # m, (cell)
    neighbours: np.ndarray  # number of the neighbour or -1, (8, cell)


def cell_size(elevation: xr.DataArray) -> tuple[float, float]:
    """Return width and height of a cell in metres.

    Raises
    ------
    GridMismatchError
        When the grid has a single row or column, uneven steps, or is not north-up.
    """
    sizes = []
    for dim, sign in (("x", 1), ("y", -1)):
        steps = sign * np.diff(elevation[dim].to_numpy().astype("float64"))
        if not len(steps) or steps[0] <= 0 or not np.allclose(steps, steps[0], rtol=1e-6):
            raise GridMismatchError(
                f"elevation: {dim} must {'rise' if sign > 0 else 'fall'} in even steps over two cells "
                "or more. Bring the raster onto the pack's grid where it is read."
            )
        sizes.append(float(steps.mean()))
    return sizes[0], sizes[1]


def _filled_like(elevation: xr.DataArray, known: np.ndarray, values: np.ndarray) -> xr.DataArray:
    """Return an array like the elevation with some values at its known cells, NaN elsewhere."""
    data = np.full(known.shape, np.nan)
    data[known] = values
    return elevation.copy(data=data)


def _fall(
    before: np.ndarray, middle: np.ndarray, after: np.ndarray, here: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the fall along one line of three cells and the cell widths it spans.

    Beside a gap the half of the line that is there stands for the whole, as in InVEST.
    """
    b, m, a = np.isfinite(before), np.isfinite(middle), np.isfinite(after)
    cases = [b & a, b & m, m & a, b, a]
    falls = [before - after, before - middle, middle - after,
             (before - here) / DIAGONAL, (here - after) / DIAGONAL]  # fmt: skip
    return np.select(cases, falls, 0.0), np.select(cases, [2, 1, 1, 1, 1], 0)


def _gradient(elevation: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the fall to the east and to the south in m/m, Horn's weights."""
    width, height = cell_size(elevation)
    z = np.pad(elevation.to_numpy().astype("float64"), 1, constant_values=np.nan)
    here = z[1:-1, 1:-1]
    result = []
    for grid, size in ((z, width), (z.T, height)):
        centre = grid[1:-1, 1:-1]
        total, spans = np.zeros(centre.shape), np.zeros(centre.shape)
        for row, weight in ((0, 1), (1, 2), (2, 1)):
            line = grid[row : row + centre.shape[0]]
            fall, span = _fall(line[:, :-2], line[:, 1:-1], line[:, 2:], centre)
            total += weight * fall
            spans += weight * span
        result.append(total / (np.maximum(spans, 1) * size))
    return np.where(np.isfinite(here), result[0], np.nan), np.where(
        np.isfinite(here), result[1].T, np.nan
    )


@require_units(elevation="m", returns="percent")
def slope_percent(*, elevation: xr.DataArray) -> xr.DataArray:
    r"""Return the slope (坡度) by Horn's eight-neighbour differences.

    Inside the data as GDAL and InVEST; beside gaps and at the edge as InVEST, with the cells there are.

    Parameters
    ----------
    elevation : DataArray, dims (y, x), m
        North-up, coordinates in metres.

    Returns
    -------
    DataArray, dims (y, x), percent, ≥ 0

    Notes
    -----
    .. math:: s = 100 \sqrt{(\partial z/\partial x)^2 + (\partial z/\partial y)^2}

    Source: Horn 1981, Proc. IEEE 69: 14–47; pygeoprocessing 2.4, calculate_slope.
    """
    east, south = _gradient(elevation)
    return elevation.copy(data=PERCENT * np.hypot(east, south))


@require_units(elevation="m", returns="degree")
def aspect(*, elevation: xr.DataArray) -> xr.DataArray:
    """Return the direction of steepest fall (坡向), clockwise from north.

    Parameters
    ----------
    elevation : DataArray, dims (y, x), m
        North-up, coordinates in metres.

    Returns
    -------
    DataArray, dims (y, x), degree, [0, 360)
        NaN also where the ground is level: it faces nowhere.

    Notes
    -----
    Source: Horn 1981, Proc. IEEE 69: 14–47, as GDAL's gdaldem aspect.
    """
    east, south = _gradient(elevation)
    degrees = np.degrees(np.arctan2(east, -south)) % 360
    return elevation.copy(data=np.where((east == 0) & (south == 0), np.nan, degrees))


def _cells(elevation: xr.DataArray) -> _Cells:
    """Return the cells with data, numbered, and their neighbours."""
    z = elevation.to_numpy().astype("float64")
    known = np.isfinite(z)
    numbers = np.full((z.shape[0] + 2, z.shape[1] + 2), -1, dtype="int32")
    numbers[1:-1, 1:-1][known] = np.arange(known.sum(), dtype="int32")
    rows, cols = z.shape
    neighbours = np.stack(
        [
            numbers[1 + row : 1 + row + rows, 1 + col : 1 + col + cols][known]
            for row, col, _ in NEIGHBOURS
        ]
    )
    return _Cells(known, z[known], neighbours)


def _ends(parent: np.ndarray) -> np.ndarray:
    """Return where each chain of parents ends; a node that is its own parent is an end."""
    while True:  # each round doubles the length of chain looked along
        further = parent[parent]
        if np.array_equal(further, parent):
            return parent
        parent = further


def _basins(cells: _Cells) -> np.ndarray:
    """Return the pit that each cell drains into; the number of cells stands for the outside."""
    z, neighbours = cells.elevation, cells.neighbours
    lowest, parent = z.copy(), np.arange(len(z) + 1)
    for numbers in neighbours:
        lower = (numbers >= 0) & (z[numbers] < lowest)
        np.copyto(lowest, z[numbers], where=lower)
        np.copyto(parent[:-1], numbers, where=lower)
    parent[:-1][(neighbours < 0).any(axis=0)] = len(z)
    return _ends(parent)[:-1]


def _fill(cells: _Cells) -> np.ndarray:
    """Return elevations with every pit raised to its lowest way out.

    That way is the path to the outside on the minimum spanning tree of the passes between basins.
    """
    z = cells.elevation
    basin = _basins(cells)
    if (basin == len(z)).all():
        return z
    starts, ends, passes = [], [], []
    for numbers in cells.neighbours[:HALF]:
        here = np.flatnonzero((numbers >= 0) & (basin[numbers] != basin))
        there = numbers[here]
        starts.append(np.minimum(basin[here], basin[there]))
        ends.append(np.maximum(basin[here], basin[there]))
        passes.append(np.maximum(z[here], z[there]))
    heights, rank = np.unique(np.concatenate(passes), return_inverse=True)
    start, end = np.concatenate(starts), np.concatenate(ends)
    order = np.lexsort((rank, end, start))
    start, end, rank = start[order], end[order], rank[order] + 1  # 0 would mean no pass
    lowest = np.append(True, (np.diff(start) != 0) | (np.diff(end) != 0))
    nodes, index = np.unique(np.append(start[lowest], end[lowest]), return_inverse=True)
    outside = len(nodes) - 1
    graph = coo_array((rank[lowest].astype("float64"), tuple(index.reshape(2, -1)))).tocsr()
    graph.resize(len(nodes), len(nodes))
    tree = csgraph.minimum_spanning_tree(graph).tocoo()
    _, parent = csgraph.breadth_first_order(tree.tocsr(), outside, directed=False)
    parent[outside] = outside
    child = np.where(parent[tree.row] == tree.col, tree.row, tree.col)
    highest = np.zeros(len(nodes), dtype="int64")
    highest[child] = tree.data
    while not (parent == outside).all():  # each round doubles the length of way looked along
        highest = np.maximum(highest, highest[parent])
        parent = parent[parent]
    level = np.full(len(z) + 1, -np.inf)
    level[nodes[:outside]] = heights[highest[:outside] - 1]
    return np.maximum(z, level[basin])


def _falls(cells: _Cells, z: np.ndarray) -> np.ndarray:
    """Return the fall per distance to each lower neighbour, 0 to others; (8, cell)."""
    falls = np.zeros(cells.neighbours.shape)
    for fall, numbers, (_, _, inverse) in zip(falls, cells.neighbours, NEIGHBOURS, strict=True):
        np.copyto(fall, (z - z[numbers]) * inverse, where=(numbers >= 0) & (z[numbers] < z))
    return falls


def _route_flats(cells: _Cells, z: np.ndarray, falls: np.ndarray) -> np.ndarray:
    """Add to `falls` the ways over level ground; return each cell's distance to its flat's drain.

    A flat drains over its cells that have a lower neighbour, else over its cells at the edge.
    """
    level = falls.max(axis=0) == 0
    distance = np.zeros(len(z))
    if not level.any():
        return distance
    starts, ends, lengths = [], [], []
    for numbers, (_, _, inverse) in zip(cells.neighbours, NEIGHBOURS, strict=True):
        here = np.flatnonzero(level & (numbers >= 0) & (z[numbers] == z))
        starts.append(here)
        ends.append(numbers[here])
        lengths.append(np.full(len(here), np.sqrt(2.0) if inverse < 1 else 1.0))
    nodes, index = np.unique(
        np.concatenate([*starts, *ends, np.flatnonzero(level)]), return_inverse=True
    )
    ways = sum(map(len, starts))
    start, end = index[:ways], index[ways : 2 * ways]
    # A drain has its distance of 0 already; only ways from level cells, in both directions.
    graph = coo_array((np.concatenate(lengths), (start, end)), shape=(len(nodes),) * 2).tocsr()
    _, flat = csgraph.connected_components(graph, directed=False)
    drained = ~level[nodes]
    has_drain = np.zeros(flat.max() + 1, dtype=bool)
    has_drain[flat[drained]] = True
    at_edge = cells.neighbours[:, nodes].min(axis=0) < 0
    sources = np.flatnonzero(drained | (at_edge & ~has_drain[flat]))
    distance[nodes] = csgraph.dijkstra(
        graph.maximum(graph.T), directed=True, indices=sources, min_only=True
    )
    for fall, numbers, (_, _, inverse) in zip(falls, cells.neighbours, NEIGHBOURS, strict=True):
        nearer = level & (numbers >= 0) & (z[numbers] == z) & (distance[numbers] < distance)
        fall[nearer] = inverse
    return distance


def _accumulate(cells: _Cells, z: np.ndarray, share_steps: int) -> np.ndarray:
    """Return the number of cells that drain through each cell, itself included."""
    if not len(z):
        return z
    shares = _falls(cells, z)
    distance = _route_flats(cells, z, shares)
    total = shares.sum(axis=0)
    np.divide(shares, total, out=shares, where=total > 0)
    if share_steps:
        shares = np.floor(0.5 + shares * share_steps)
        total = shares.sum(axis=0)
        np.divide(shares, total, out=shares, where=total > 0)
    order = np.lexsort((-distance, -z))  # downhill; what flows in is always before
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    # Each cell less what flows in is one cell: column by column, 1 and less the shares given away.
    values = np.concatenate([np.ones((len(z), 1)), -shares[:, order].T], axis=1)
    rows = np.concatenate(
        [np.arange(len(z))[:, None], position[cells.neighbours[:, order]].T], axis=1
    )
    given = values != 0
    starts = np.append(0, np.cumsum(given.sum(axis=1)))
    system = csc_array((values[given], rows[given], starts), shape=(len(z), len(z)))
    return spsolve_triangular(system, np.ones(len(z)), lower=True, unit_diagonal=True)[position]


@require_units(elevation="m", returns="m")
def fill_pits(*, elevation: xr.DataArray) -> xr.DataArray:
    """Return the elevation with pits raised to their lowest way out (填洼).

    Water leaves at the edge of the grid and beside gaps.

    Parameters
    ----------
    elevation : DataArray, dims (y, x), m

    Returns
    -------
    DataArray, dims (y, x), m
        Nowhere lower than given.

    Notes
    -----
    Same surface as Wang & Liu 2006, Int. J. Geogr. Inf. Sci. 20: 193–213, here by the minimum
    spanning tree: its paths have the lowest highest point.
    """
    cells = _cells(elevation)
    return _filled_like(elevation, cells.known, _fill(cells))


@require_units(elevation="m", returns="1")
def flow_accumulation(*, elevation: xr.DataArray, share_steps: int = 0) -> xr.DataArray:
    r"""Return how many cells drain through each, itself included (汇流累积量), multiple directions.

    Pits are filled first. Give the whole catchment: what drains in from outside is not known.

    Parameters
    ----------
    elevation : DataArray, dims (y, x), m
    share_steps : int
        Shares are rounded to this many steps; InVEST has 15. 0 leaves them exact.

    Returns
    -------
    DataArray, dims (y, x), cells, ≥ 1

    Notes
    -----
    .. math:: a_i = 1 + \sum_j p_{ji} a_j, \quad
        p_{ji} = \frac{\Delta z_{ji} / d_{ji}}{\sum_k \Delta z_{jk} / d_{jk}}

    over the lower neighbours i of j. On level ground equal falls to all neighbours nearer the drain.
    Source: Quinn et al. 1991, Hydrol. Process. 5: 59–79; pygeoprocessing 2.4, flow_dir_mfd.
    """
    cells = _cells(elevation)
    return _filled_like(elevation, cells.known, _accumulate(cells, _fill(cells), share_steps))


def _rounded(slope: xr.DataArray) -> np.ndarray:
    """Return slopes in single precision, as InVEST keeps them: 9 % is 9 % whatever the last digits.

    LS jumps at the bounds of the slope classes; so a cell is on the same side of them in both.
    """
    return slope.to_numpy().astype("float32")


@require_units(slope="percent", returns="1")
def length_exponent(*, slope: xr.DataArray) -> xr.DataArray:
    r"""Return the exponent m of the slope length (坡长指数), as InVEST.

    Parameters
    ----------
    slope : DataArray, dims (y, x), percent

    Returns
    -------
    DataArray, dims (y, x), dimensionless, 0.2–1

    Notes
    -----
    .. math:: m = 0.2 \,(s \le 1\,\%),\; 0.3 \,(\le 3.5\,\%),\; 0.4 \,(\le 5\,\%),\;
        0.5 \,(\le 9\,\%),\; \beta / (1 + \beta)
    .. math:: \beta = \frac{\sin\theta / 0.0896}{3 \sin^{0.8}\theta + 0.56}

    Source: Oliveira et al. 2013, doi 10.5772/54439, as in natcap.invest 3.20, sdr.py.
    """
    sine = np.sin(np.arctan(slope.to_numpy() / PERCENT))
    beta = (sine / 0.0896) / (3 * sine**0.8 + 0.56)
    within = [_rounded(slope) <= bound for bound in SLOPE_CLASSES_PERCENT]
    return slope.copy(data=np.select(within, LENGTH_EXPONENTS, beta / (1 + beta)))


@require_units(elevation="m", returns="1")
def desmet_govers(*, elevation: xr.DataArray, params: DesmetGoversParams) -> xr.DataArray:
    r"""Return the two-dimensional slope length and steepness factor LS (坡长坡度因子), as InVEST SDR.

    For elevation models of cells so small that they show the hillslopes, 90 m or less. Give the whole
    catchment. Slope and flow are taken after pits are filled.

    Parameters
    ----------
    elevation : DataArray, dims (y, x), m
        Square cells, north-up, coordinates in metres.

    Returns
    -------
    DataArray, dims (y, x), dimensionless, > 0

    Raises
    ------
    GridMismatchError
        When the cells are not square.

    Notes
    -----
    .. math:: LS = S \min\left(L_{max},\;
        \frac{(A + D^2)^{m+1} - A^{m+1}}{D^{m+2}\, x^m\, 22.13^m}\right),
        \quad A = \sqrt{n D^2}
    .. math:: S = 10.8 \sin\theta + 0.03 \,(< 9\,\%),\; 16.8 \sin\theta - 0.5

    D cell size in m, n cells upstream without the cell itself, m from `length_exponent`. The root makes
    A a length that InVEST adds to an area in m²; kept so. InVEST ≥ 3.14 takes x = sin θ + cos θ of the
    slope; Desmet & Govers mean the aspect (1 on level ground): `contour`. InVEST's `l_max`, 122 by
    default, limits the factor L, not a length in metres.
    Source: natcap.invest 3.20, sdr.py, _calculate_ls_factor, and its ADR-0001; Desmet & Govers 1996,
    J. Soil Water Conserv. 51: 427–433.
    """
    width, height = cell_size(elevation)
    if not np.isclose(width, height, rtol=1e-6):
        raise GridMismatchError(
            f"elevation: cells must be square, got {width:g} m by {height:g} m. Bring the raster onto "
            "a grid of square cells where it is read."
        )
    cells = _cells(elevation)
    z = _fill(cells)
    filled = with_units(_filled_like(elevation, cells.known, z), "m")
    upstream = _filled_like(
        elevation, cells.known, _accumulate(cells, z, params.flow_share_steps) - 1
    )
    slope = slope_percent(elevation=filled)
    theta = np.arctan(slope / PERCENT)
    angle = theta
    if params.contour == "aspect":
        facing = aspect(elevation=filled)
        angle = np.radians(facing.where((slope != 0) | slope.isnull(), 0.0))
    contour = np.abs(np.sin(angle)) + np.abs(np.cos(angle))
    exponent = length_exponent(slope=slope)
    area = width * width
    inflow = np.sqrt(upstream.clip(min=0) * area)
    length = ((inflow + area) ** (exponent + 1) - inflow ** (exponent + 1)) / (
        width ** (exponent + 2) * (contour * UNIT_PLOT_M) ** exponent
    )
    sine = np.sin(theta)
    steep = _rounded(slope) >= STEEP_PERCENT
    steepness = xr.where(steep, 16.8 * sine - 0.5, 10.8 * sine + 0.03)
    return length.clip(max=params.length_factor_limit) * steepness
