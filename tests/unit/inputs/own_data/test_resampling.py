"""Resampling: what is kept, what stays missing, and that tiles fit each other."""

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from rasterio.enums import Resampling
from rasterio.warp import reproject
from rasterio.windows import Window

from gepbook.errors import GridMismatchError
from gepbook.grid import GridSpec
from gepbook.inputs.own_data.resampling import Mapping, Remap, Resampler, SourceGrid
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK

ZONE_120 = CRS(4549)
LONLAT = CRS(4490)
SIDE = 120  # source cells


@pytest.fixture(scope="module")
def albers():
    return Pack.open(OPEN_PACK).grid.crs


def zone_source(turn=0.0, south_up=False):
    """90 m cells in the 3-degree zone of 120° E, its middle near Lishui."""
    transform = Affine(90, 0, 600_000, 0, -90, 3_150_000) @ Affine.rotation(turn)
    if south_up:
        transform = transform @ Affine(1, 0, 0, 0, -1, SIDE)
    return SourceGrid(ZONE_120, transform, SIDE, SIDE + 10)


def lonlat_source():
    return SourceGrid(LONLAT, Affine(0.001, 0, 119.3, 0, -0.001, 28.9), SIDE, SIDE + 10)


def corners(source):
    """The outline of a source, densely: its edges are curves in other systems."""
    steps = np.linspace(0, 1, 200)
    u = np.concatenate([steps, steps * 0 + 1, steps[::-1], steps * 0]) * source.width
    v = np.concatenate([steps * 0, steps, steps * 0 + 1, steps[::-1]]) * source.height
    return source.transform @ (u, v)


def grid_around(source, crs, cell_m):
    """A grid in `crs` that takes the whole source in."""
    x, y = Transformer.from_crs(source.crs, crs, always_xy=True).transform(*corners(source))
    left, top = np.floor(x.min() / cell_m - 2) * cell_m, np.ceil(y.max() / cell_m + 2) * cell_m
    width, height = int((x.max() - left) / cell_m) + 3, int((top - y.min()) / cell_m) + 3
    return GridSpec(crs, Affine(cell_m, 0, left, 0, -cell_m, top), height, width)


def whole(source, grid):
    return Resampler(Mapping(source, grid), Window(0, 0, grid.width, grid.height))


def cell_areas(source, crs):
    """True areas of the source cells in m2, from their corners in the equal-area system."""
    u, v = np.meshgrid(np.arange(source.width + 1.0), np.arange(source.height + 1.0))
    move = Transformer.from_crs(source.crs, crs, always_xy=True)
    xy = np.stack(move.transform(*(source.transform @ (u, v))), axis=-1)
    rings = np.stack([xy[:-1, :-1], xy[:-1, 1:], xy[1:, 1:], xy[1:, :-1]], axis=2)
    return shapely.area(shapely.polygons(rings))


def placed(block, resampler, source):
    """The part of a whole source array that the resampler asks for."""
    return block[(..., *resampler.source_window.toslices())]


SOURCES = [
    pytest.param(zone_source(), id="zone"),
    pytest.param(zone_source(turn=12.0), id="turned"),
    pytest.param(zone_source(south_up=True), id="south up"),
    pytest.param(lonlat_source(), id="lon/lat"),
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("cell_m", [250.0, 40.0])
def test_the_sum_of_value_times_area_is_kept(source, cell_m, albers):
    # noise inside a rim of zeros: the means of half-covered cells at the edge then count for nothing
    values = np.zeros((source.height, source.width))
    values[5:-5, 5:-5] = np.random.default_rng(1).exponential(size=(SIDE - 10, SIDE))
    resampler = whole(source, grid_around(source, albers, cell_m))
    means = resampler.mean(placed(values, resampler, source))
    before = (values * cell_areas(source, albers)).sum()
    assert np.nansum(means) * cell_m**2 == pytest.approx(before, rel=1e-6)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("cell_m", [250.0, 40.0])
def test_each_mean_lies_where_and_within_what_it_should(source, cell_m, albers):
    # the source holds each cell's own easting: the mean must be the target cell's, to a small part of
    # the larger of the two cells
    u, v = np.meshgrid(np.arange(source.width) + 0.5, np.arange(source.height) + 0.5)
    move = Transformer.from_crs(source.crs, albers, always_xy=True)
    eastings, northings = move.transform(*(source.transform @ (u, v)))
    grid = grid_around(source, albers, cell_m)
    resampler = whole(source, grid)
    centres = grid.coordinates(Window(0, 0, grid.width, grid.height))
    x, y = np.meshgrid(centres["x"], centres["y"])
    for field, there in ((eastings, x), (northings, y)):
        means = resampler.mean(placed(field, resampler, source))
        inner = shapely.contains_xy(
            shapely.Polygon(np.stack(move.transform(*corners(source)), axis=-1)).buffer(-500), x, y
        )
        assert np.isfinite(means[inner]).all()
        assert np.abs(means - there)[inner].max() < 0.75 * 110  # m, a source cell and its slant
        assert abs((means - there)[inner].mean()) < 0.5
        assert np.nanmin(means) >= field.min()
        assert np.nanmax(means) <= field.max()


def test_a_constant_stays_exactly_constant_and_gaps_stay_gaps(albers):
    source = zone_source(turn=3.0)
    values = np.full((2, source.height, source.width), 37.3)
    values[1, 40:80, 40:80] = np.nan
    grid = grid_around(source, albers, 60.0)
    resampler = whole(source, grid)
    full, holed = resampler.mean(placed(values, resampler, source))
    assert set(np.unique(full[np.isfinite(full)])) == {37.3}
    assert set(np.unique(holed[np.isfinite(holed)])) == {37.3}
    # the hole is 3600 m wide: about (3600 / 60)² cells, less those on its rim (4 × 60)
    lost = int((np.isfinite(full) & np.isnan(holed)).sum())
    assert 3600 - 300 < lost <= 3600
    assert np.isnan(full[0]).all()  # beyond the source
    assert np.isnan(resampler.mean(placed(values * np.nan, resampler, source))).all()


@pytest.mark.parametrize("source", SOURCES)
def test_tiles_fit_together_to_the_whole(source, albers):
    values = np.random.default_rng(2).normal(10, 3, (source.height, source.width))
    values[30:50, 60:90] = np.nan
    codes = np.random.default_rng(3).integers(0, 200, values.shape).astype("uint8")
    grid = grid_around(source, albers, 77.0)
    mapping = Mapping(source, grid)
    resampler = whole(source, grid)
    means = resampler.mean(placed(values, resampler, source))
    nearest = resampler.nearest(placed(codes, resampler, source), 255)
    valid = np.isfinite(placed(values, resampler, source)).astype("float64")
    covered = resampler.spread(valid) > 0.5
    for top in range(0, grid.height, 37):
        for left in range(0, grid.width, 53):
            window = Window(left, top, min(53, grid.width - left), min(37, grid.height - top))
            tile = Resampler(mapping, window)
            found, wanted = tile.mean(placed(values, tile, source)), means[window.toslices()]
            half = covered[window.toslices()]
            np.testing.assert_allclose(found[half], wanted[half], rtol=1e-12)
            # slivers at the rim are differences of long sums
            np.testing.assert_allclose(found, wanted, rtol=1e-8)
            np.testing.assert_array_equal(
                tile.nearest(placed(codes, tile, source), 255), nearest[window.toslices()]
            )


@pytest.mark.parametrize("source", SOURCES)
def test_nearest_is_the_cell_under_each_centre_and_invents_no_code(source, albers):
    codes = np.random.default_rng(4).choice([3, 11, 52, 200], (source.height, source.width))
    codes = codes.astype("uint8")
    grid = grid_around(source, albers, 61.7)
    resampler = whole(source, grid)
    found = resampler.nearest(placed(codes, resampler, source), 255)
    assert set(np.unique(found)) == {3, 11, 52, 200, 255}
    centres = grid.coordinates(Window(0, 0, grid.width, grid.height))
    back = Transformer.from_crs(albers, source.crs, always_xy=True)
    there = back.transform(*np.meshgrid(centres["x"], centres["y"]))
    column, row = (np.floor(place).astype(int) for place in ~source.transform @ there)
    inside = (row >= 0) & (row < source.height) & (column >= 0) & (column < source.width)
    wanted = np.full(found.shape, 255, dtype="uint8")
    wanted[inside] = codes[row[inside], column[inside]]
    np.testing.assert_array_equal(found, wanted)
    # GDAL interpolates positions, to within an eighth of a cell
    reproject(
        codes, wanted, src_transform=source.transform, src_crs=source.crs.to_wkt(),
        dst_transform=grid.transform, dst_crs=grid.crs.to_wkt(), resampling=Resampling.nearest,
        init_dest_nodata=False, tolerance=0,
    )  # fmt: skip
    assert (found == wanted)[inside].mean() > (0.999 if source.crs.is_projected else 0.99)


def test_means_are_near_those_of_gdal(albers):
    # ten cells of 90 m in each of 900 m: what lies on the rim of a cell differs, no more
    source = zone_source()
    rng = np.random.default_rng(5)
    values = rng.normal(size=(source.height, source.width))
    grid = grid_around(source, albers, 900.0)
    resampler = whole(source, grid)
    found = resampler.mean(placed(values, resampler, source))
    wanted = np.full(found.shape, np.nan)
    reproject(
        values, wanted, src_transform=source.transform, src_crs=source.crs.to_wkt(),
        dst_transform=grid.transform, dst_crs=grid.crs.to_wkt(), resampling=Resampling.average,
        src_nodata=np.nan, dst_nodata=np.nan,
    )  # fmt: skip
    inner = np.s_[4:-4, 4:-4]
    # the means of 100 draws have deviation 0.1; both agree to a fifth of it
    assert np.abs(found - wanted)[inner].max() < 0.02


def test_aligned_grids_of_one_system_give_plain_means(albers):
    source = SourceGrid(albers, Affine(50, 0, 500_000, 0, -50, 100_000), 4, 6)
    grid = GridSpec(albers, Affine(100, 0, 500_000, 0, -100, 100_000), 2, 3)
    values = np.arange(24.0).reshape(4, 6)
    values[2:, 4:] = np.nan
    values[0, 0] = np.nan
    found = whole(source, grid).mean(values)
    # rows 0–1: (1 + 6 + 7) / 3, (2 + 3 + 8 + 9) / 4, (4 + 5 + 10 + 11) / 4; rows 2–3 likewise
    wanted = [[14 / 3, 5.5, 7.5], [15.5, 17.5, np.nan]]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_coarse_global_raster_serves_a_province():
    pack = Pack.open(OPEN_PACK)
    source = SourceGrid(CRS(4326), Affine(0.25, 0, -180, 0, -0.25, 90), 720, 1440)
    resampler = whole(source, pack.grid)
    window = resampler.source_window
    assert window.width < 30  # 6° of longitude
    latitudes = 90 - 0.25 * (np.arange(720) + 0.5)
    block = np.repeat(latitudes[:, None], 1440, axis=1)[window.toslices()]
    centres = pack.grid.coordinates(Window(0, 0, pack.grid.width, pack.grid.height))
    move = Transformer.from_crs(pack.grid.crs, 4326, always_xy=True)
    _, wanted = move.transform(*np.meshgrid(centres["x"], centres["y"]))
    # each 1 km cell lies in one or two source cells, whose middles are at most 0.125° away
    assert np.abs(resampler.mean(block) - wanted).max() < 0.126


@pytest.mark.parametrize("turn", [45.0, 90.0, -60.0])
def test_a_strongly_turned_raster_is_refused(turn, albers):
    source = zone_source(turn=turn)
    with pytest.raises(GridMismatchError, match=r"turned by \d+°"):
        Mapping(source, grid_around(zone_source(), albers, 100.0))


def test_a_source_elsewhere_gives_nothing(albers):
    grid = grid_around(zone_source(), albers, 100.0)
    away = SourceGrid(ZONE_120, Affine(90, 0, 800_000, 0, -90, 3_150_000), 10, 10)
    mapping = Mapping(away, grid)
    assert not mapping.overlaps
    resampler = Resampler(mapping, Window(0, 0, 5, 5))
    assert resampler.empty
    assert np.isnan(resampler.mean(np.zeros((0, 0)))).all()
    assert (resampler.nearest(np.zeros((0, 0), "uint8"), 255) == 255).all()


@settings(max_examples=60, deadline=None)
@given(
    mass=st.lists(st.floats(0, 1e6), min_size=1, max_size=30),
    steps=st.lists(st.floats(0, 7), min_size=1, max_size=30),
    start=st.floats(-10, 10),
    axis=st.sampled_from([0, 1]),
)
def test_a_remap_keeps_the_mass_between_its_edges(mass, steps, start, axis):
    cells = np.array([mass, mass[::-1]])
    edges = start + np.concatenate([[0.0], np.cumsum(steps)])
    edges = np.array([edges, edges])
    turned = (lambda a: a) if axis else (lambda a: a.T)
    found = turned(Remap.at(turned(edges), len(mass), axis)(turned(cells)))
    running = np.concatenate([np.zeros((2, 1)), np.cumsum(cells, axis=1)], axis=1)
    for row in range(2):
        ends = np.interp(edges[row, [0, -1]], np.arange(len(mass) + 1), running[row])
        assert found[row].sum() == pytest.approx(ends[1] - ends[0], rel=1e-9, abs=1e-6)
    assert (found >= -1e-6).all()
