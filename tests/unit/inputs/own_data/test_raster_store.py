"""Rasters onto the grid: what a store holds, and that a stopped build ends in the same bytes."""

import os

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from pyproj import Transformer
from rasterio.windows import Window

from gepbook.errors import PackError
from gepbook.grid import GridSpec
from gepbook.inputs.own_data import raster_store
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.raster_store import build_raster, record_of
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK

ZONE = "EPSG:4549"
CELL = 100.0
CORNER = (590_000.0, 3_150_000.0)
SHAPE = (90, 100)  # of the source


@pytest.fixture(scope="module")
def grid():
    """60 × 70 cells of 100 m well inside the source."""
    crs = Pack.open(OPEN_PACK).grid.crs
    x, y = Transformer.from_crs(ZONE, crs, always_xy=True).transform(
        CORNER[0] + 1500, CORNER[1] - 1500
    )
    left, top = x // CELL * CELL, y // CELL * CELL
    return GridSpec(crs, Affine(CELL, 0, left, 0, -CELL, top), 60, 70)


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles of 16 × 16 cells: 4 × 5 of them."""
    monkeypatch.setattr(raster_store, "CHUNK_CELLS", 16)


def write(folder, values, name="a.tif", **changes):
    values = values if values.ndim == 3 else values[None]
    profile = {
        "driver": "GTiff", "count": len(values), "height": values.shape[1], "width": values.shape[2],
        "dtype": values.dtype.name, "crs": ZONE,
        "transform": Affine(CELL, 0, CORNER[0], 0, -CELL, CORNER[1]), **changes,
    }  # fmt: skip
    with rasterio.open(folder / name, "w", **profile) as target:
        target.write(values)


def months(low=0, high=3000):
    return np.random.default_rng(0).integers(low, high, (12, *SHAPE)).astype("int16")


def rain(**changes):
    entry = {"path": "a.tif", "layer": "precipitation", "unit": "0.1 mm", "nodata": [-9999]}
    return FileEntry(**{**entry, "year": 2023, **changes})


def content(store):
    return {p.relative_to(store): p.read_bytes() for p in sorted(store.rglob("*")) if p.is_file()}


def test_a_field_keeps_its_unit_months_and_gaps(tmp_path, grid, small_tiles):
    # each month holds one number, in 0.1 mm: 10, 20 … 120; half of the source is missing
    values = np.ones((12, *SHAPE), "int16") * np.arange(10, 130, 10, dtype="int16")[:, None, None]
    values[:, :, 50:] = -9999
    write(tmp_path, values)
    build_raster(tmp_path, rain(), grid, tmp_path / "p.zarr")
    with xr.open_zarr(tmp_path / "p.zarr", consolidated=False) as dataset:
        found = dataset["precipitation"].load()
        assert found.dims == ("month", "y", "x")
        assert found.dtype == "float32"
        assert found.attrs["units"] == "mm"
        assert found["month"].to_numpy().tolist() == list(range(1, 13))
        there = grid.coordinates(Window(0, 0, grid.width, grid.height))
        np.testing.assert_array_equal(dataset["x"].to_numpy(), there["x"])
        np.testing.assert_array_equal(dataset["y"].to_numpy(), there["y"])
    np.testing.assert_array_equal(found[:, 5, 5].to_numpy(), np.arange(1.0, 13.0, dtype="float32"))
    assert found[:, 5, -5].isnull().all()


def test_the_pack_reads_the_grid_and_the_values(tmp_path, grid):
    write(tmp_path, np.full(SHAPE, 0.5, "float32"))
    file = FileEntry(path="a.tif", layer="vegetation_cover", unit="1", year=2023)
    build_raster(tmp_path, file, grid, tmp_path / "v.zarr")

    class Resource:
        path, format, layer, year, unit = "v.zarr", "zarr", "vegetation_cover", 2023, "percent"

    class OnePack(Pack):
        def resource(self, layer, year=None):
            return Resource()

    class Package:
        name, resources, years = "one", (), [2023]

    pack = OnePack(tmp_path, Package())
    assert pack.grid == grid
    found = pack.raster("vegetation_cover", 2023, Window(3, 4, 10, 20))
    assert found.dims == ("y", "x")
    assert set(np.unique(found)) == {50.0}


def test_classes_become_types_by_the_crosswalk(tmp_path, grid, small_tiles):
    codes = np.zeros(SHAPE, "uint8")
    codes[:, 50:] = 16
    codes[40:44] = 99  # not in the crosswalk: stays missing
    write(tmp_path, codes)
    file = FileEntry(path="a.tif", layer="land_cover", classes="igbp", year=2023)
    build_raster(tmp_path, file, grid, tmp_path / "c.zarr")
    with xr.open_zarr(tmp_path / "c.zarr", consolidated=False, decode_cf=False) as raw:
        assert raw["land_cover"].dtype == "uint8"
    with xr.open_zarr(tmp_path / "c.zarr", consolidated=False) as dataset:
        found = dataset["land_cover"].load().to_numpy()
    # igbp 0 water = 52, 16 barren = 71
    assert found[2, 2] == 52
    assert found[2, -2] == 71
    assert set(np.unique(found[np.isfinite(found)])) == {52, 71}
    assert np.isnan(found).sum() == pytest.approx(4 * 70, abs=8)


def test_a_stopped_build_is_taken_up_and_ends_in_the_same_bytes(tmp_path, grid, small_tiles):
    write(tmp_path, months())
    build_raster(tmp_path, rain(), grid, tmp_path / "whole.zarr")
    steps = []

    def stop(done, tiles):
        steps.append((done, tiles))
        if done == 7:
            raise KeyboardInterrupt

    out = tmp_path / "p.zarr"
    with pytest.raises(KeyboardInterrupt):
        build_raster(tmp_path, rain(), grid, out, stop)
    assert steps == [(n, 20) for n in range(8)]
    assert not out.exists()
    with record_of(out).open("a", encoding="utf-8") as notes:
        notes.write("1")  # killed in the midst of writing 17
    steps.clear()
    build_raster(tmp_path, rain(), grid, out, lambda done, tiles: steps.append(done))
    assert steps == list(range(7, 21))  # the seven tiles were not made again
    assert content(out) == content(tmp_path / "whole.zarr")
    assert not out.with_name("p.zarr.part").exists()
    # and a finished one is left alone
    steps.clear()
    build_raster(tmp_path, rain(), grid, out, lambda done, tiles: steps.append(done))
    assert steps == []


@pytest.mark.parametrize("change", ["source", "declaration", "grid"])
def test_another_input_starts_anew(tmp_path, grid, small_tiles, change):
    write(tmp_path, months())
    out = tmp_path / "p.zarr"

    def stop(done, tiles):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_raster(tmp_path, rain(), grid, out, stop)
    file, wanted = rain(), grid
    if change == "source":
        write(tmp_path, months(500, 900))
        os.utime(tmp_path / "a.tif", ns=(1, 1))
    elif change == "declaration":
        file = rain(unit="mm")
    else:
        moved = grid.transform @ Affine.translation(1, 1)
        wanted = GridSpec(grid.crs, moved, grid.height, grid.width)
    steps = []
    build_raster(tmp_path, file, wanted, out, lambda done, tiles: steps.append(done))
    assert steps == list(range(21))
    build_raster(tmp_path, file, wanted, tmp_path / "fresh.zarr")
    assert content(out) == content(tmp_path / "fresh.zarr")


def test_tiles_do_not_show(tmp_path, grid, monkeypatch):
    write(tmp_path, months())
    build_raster(tmp_path, rain(), grid, tmp_path / "whole.zarr")
    # a source far too large for memory is read in smaller tiles
    monkeypatch.setattr(raster_store, "TILE_BYTES", 100_000)
    steps = []
    build_raster(
        tmp_path, rain(), grid, tmp_path / "p.zarr", lambda done, tiles: steps.append(tiles)
    )
    assert steps[0] > 1
    with (
        xr.open_zarr(tmp_path / "p.zarr", consolidated=False) as tiled,
        xr.open_zarr(tmp_path / "whole.zarr", consolidated=False) as whole,
    ):
        # float32 rounds the last digit of 1e-12 differences
        np.testing.assert_allclose(
            tiled["precipitation"].to_numpy(), whole["precipitation"].to_numpy(), rtol=2e-7
        )


def test_originals_are_left_as_they_are(tmp_path, grid):
    originals = tmp_path / "原始"
    originals.mkdir()
    write(originals, months())
    before = (originals / "a.tif").read_bytes()
    build_raster(originals, rain(), grid, tmp_path / "p.zarr")
    assert [p.name for p in originals.iterdir()] == ["a.tif"]
    assert (originals / "a.tif").read_bytes() == before


def test_without_a_coordinate_system_nothing_is_built(tmp_path, grid):
    write(tmp_path, months(), crs=None)
    with pytest.raises(PackError, match="no coordinate system"):
        build_raster(tmp_path, rain(), grid, tmp_path / "p.zarr")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
