"""How long checking and converting users' rasters of the whole province takes, beside a plain copy.

    python benchmarks/build_pack.py --cell-m 30 --folder /tmp/bench

Made-up rasters of Zhejiang in CGCS2000 / 3-degree zone (EPSG:4549), missing outside the province, are
checked and brought onto the pack's equal-area grid of the same cell. The ratio is to reading all blocks
of the same file and writing them to another. Each step runs in a process of its own, for its memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.features import rasterize
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from gepbook import ecosystems
from gepbook.grid import GridSpec
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.limits import limits
from gepbook.inputs.own_data.problems import errors
from gepbook.inputs.own_data.raster_store import build_raster
from gepbook.inputs.own_data.rasters import check_raster
from gepbook.inputs.pack import MONTHS, Pack
from gepbook.paths import OPEN_PACK

SOURCE_CRS = "EPSG:4549"
BLOCK = 512
MARGIN_M = 5_000.0
FILES = {
    "land_cover": FileEntry(path="land_cover.tif", layer="land_cover", year=2023),
    "precipitation": FileEntry(
        path="precipitation.tif", layer="precipitation", year=2023, unit="0.1 mm"
    ),
    "vegetation_cover": FileEntry(
        path="vegetation_cover.tif", layer="vegetation_cover", year=2023, unit="percent"
    ),
}
KINDS = {
    "land_cover": ("uint8", 0),
    "precipitation": ("int16", -9999),
    "vegetation_cover": ("float32", -9999),
}


def pack_grid(cell_m: float) -> GridSpec:
    """Return the grid over all counties with a cell."""
    pack = Pack.open(OPEN_PACK)
    left, bottom, right, top = pack.boundaries.total_bounds
    transform = Affine(cell_m, 0, left // cell_m * cell_m, 0, -cell_m, -(-top // cell_m) * cell_m)
    height = int(-(-(transform.f - bottom) // cell_m))
    return GridSpec(pack.grid.crs, transform, height, int(-(-(right - transform.c) // cell_m)))


def make(folder: Path, layer: str, cell_m: float) -> None:
    """Write a made-up raster, block by block."""
    province = Pack.open(OPEN_PACK).boundaries.to_crs(SOURCE_CRS)
    left, bottom, right, top = province.total_bounds + np.array([-1, -1, 1, 1]) * MARGIN_M
    kind, nodata = KINDS[layer]
    profile = {
        "driver": "GTiff", "dtype": kind, "nodata": nodata, "crs": SOURCE_CRS,
        "count": MONTHS if layer == "precipitation" else 1,
        "height": int((top - bottom) / cell_m), "width": int((right - left) / cell_m),
        "transform": Affine(cell_m, 0, left, 0, -cell_m, top),
        "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "zstd", "zstd_level": 1,
        "bigtiff": "yes",
    }  # fmt: skip
    codes = ecosystems.read()["code"].to_numpy()
    with rasterio.open(folder / FILES[layer].path, "w", **profile) as target:
        for _, window in target.block_windows(1):
            transform = window_transform(window, target.transform)
            shape = (window.height, window.width)
            near = province.cx[
                transform.c : transform.c + window.width * cell_m,
                transform.f - window.height * cell_m : transform.f,
            ]
            inside = (
                rasterize(near.geometry, out_shape=shape, transform=transform)
                if len(near)
                else np.zeros(shape, "uint8")
            )
            for band in range(target.count):
                pattern = _pattern(window, transform, cell_m, band)
                if layer == "land_cover":
                    values = codes[(pattern * len(codes)).astype("intp")]
                else:
                    values = pattern * (3000 if layer == "precipitation" else 100)
                values = np.where(inside, values, nodata).astype(kind)
                target.write(values, band + 1, window=window)


def _pattern(window: Window, transform: Affine, cell_m: float, band: int) -> np.ndarray:
    """Return smooth hills and valleys, 0 to below 1."""
    x = transform.c + np.arange(window.width) * cell_m
    y = transform.f - np.arange(window.height) * cell_m
    waves = np.sin(x / 9e3 + band) + np.sin(y / 7e3)[:, None] + np.sin((x + y[:, None]) / 500)
    return (waves + 3) / 6.001


def check(folder: Path, layer: str, cell_m: float) -> None:
    """Check a raster; made up as it is, it has no errors."""
    counties = Pack.open(OPEN_PACK).boundaries
    found = check_raster(folder, FILES[layer], pack_grid(cell_m), counties, limits())
    # where the raster was cut, cells on the coast lie half in a county
    wrong = [p for p in errors(found) if p.rule != "gaps"]
    assert not wrong, "\n".join(map(str, wrong))


def build(folder: Path, layer: str, cell_m: float) -> None:
    """Convert a raster."""
    build_raster(folder, FILES[layer], pack_grid(cell_m), folder / f"{layer}.zarr")


def copy(folder: Path, layer: str, cell_m: float) -> None:
    """Read and write all blocks."""
    with rasterio.open(folder / FILES[layer].path) as source:
        profile = {**source.profile, "zstd_level": 1, "bigtiff": "yes"}
        with rasterio.open(folder / "copy.tif", "w", **profile) as target:
            for _, window in source.block_windows(1):
                target.write(source.read(window=window), window=window)
    (folder / "copy.tif").unlink()


def measured(work: Callable[..., None], *arguments: Any) -> tuple[float, float]:
    """Return the seconds and the largest memory in GB of a piece of work."""
    start = time.perf_counter()
    work(*arguments)
    seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def alone(work: Callable[..., None], *arguments: Any) -> tuple[float, float]:
    """Measure a piece of work in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measured, work, *arguments).result()


def main() -> None:
    """Make, copy, check and build each raster, and print what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cell-m", type=float, default=30.0)
    parser.add_argument("--folder", type=Path, help="for the rasters; emptied afterwards")
    args = parser.parse_args()
    grid = pack_grid(args.cell_m)
    print(f"grid {grid.height:,} × {grid.width:,} = {grid.height * grid.width / 1e6:.1f} M cells")
    if args.folder:
        args.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    try:
        for layer in FILES:
            made, _ = alone(make, folder, layer, args.cell_m)
            size = (folder / FILES[layer].path).stat().st_size / 1e6
            cells = grid.height * grid.width * (MONTHS if layer == "precipitation" else 1) / 1e6
            print(f"{layer}: made in {made:.0f} s, {size:.0f} MB", flush=True)
            least, _ = alone(copy, folder, layer, args.cell_m)
            print(f"  copy  {least:8.1f} s {cells / least:8.1f} Mcell/s", flush=True)
            for work in (check, build):
                seconds, memory = alone(work, folder, layer, args.cell_m)
                print(
                    f"  {work.__name__:5} {seconds:8.1f} s {cells / seconds:8.1f} Mcell/s "
                    f"{seconds / least:6.2f} × copy, at most {memory:.2f} GB",
                    flush=True,
                )
            (folder / FILES[layer].path).unlink()
            shutil.rmtree(folder / f"{layer}.zarr", ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
