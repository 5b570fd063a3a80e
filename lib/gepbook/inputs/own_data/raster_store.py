"""Users' rasters onto the pack's grid, as Zarr (栅格转换): tile by tile, in bounded memory, resumable.

A tile is one chunk. Finished tiles are noted beside the store in `<name>.zarr.progress`; the store is
called `<name>.zarr.part` until the last one is there. A call that was stopped, even killed, is taken up
by the next one with the same source, declaration and grid, and ends in the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import rasterio
import xarray as xr
import zarr
from rasterio.windows import Window
from zarr.codecs import BloscCodec

from gepbook import ecosystems
from gepbook.errors import PackError
from gepbook.grid import GridSpec
from gepbook.inputs.own_data import archives, dictionary
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.rasters import Decoder, crs_of, opened, source_grid
from gepbook.inputs.own_data.resampling import Mapping, Resampler
from gepbook.inputs.pack import MONTHS

#: Changes with what a store holds for the same input, so that an old part is not taken up.
VERSION = 1
CHUNK_CELLS = 1024  # edge of a chunk
#: Of one tile's source, with what is made of it; it bounds the edge where the source is finer.
TILE_BYTES = 256_000_000
BYTES_PER_CELL = 64  # float64 copies while one band is resampled
NO_CLASS = 255

Progress = Callable[[int, int], None]


def build_raster(
    folder: Path, file: FileEntry, grid: GridSpec, out: Path, progress: Progress | None = None
) -> None:
    """Write a declared raster onto the grid: classes by the nearest cell, fields by means.

    Cells that the source does not have stay missing. The originals are only read.

    Parameters
    ----------
    folder : Path
        The user's folder.
    file : FileEntry
        Of a raster layer that `raster_checks.check_raster` found no error in.
    grid : GridSpec
    out : Path
        The store, `….zarr`; a former one is replaced when the new one is complete, and left as it is
        when it already came from the same input.
    progress : callable, optional
        Called with the tiles done and all tiles, also once before the first.

    Raises
    ------
    PackError, UnitError, GridMismatchError
        When the source cannot be placed or decoded.
    RasterioError, OSError
        When it cannot be read.
    """
    part, record = out.with_name(f"{out.name}.part"), record_of(out)
    mark = fingerprint(folder, file, grid)
    done = _done(record, mark)
    if done is not None and out.exists() and not part.exists():
        return
    with opened(folder, file) as source:
        crs = crs_of(source, file)
        if crs is None:
            raise PackError(f"{file.path}: has no coordinate system. Declare `crs`.")
        decoder, mapping = Decoder.of(source, file), Mapping(source_grid(source, crs), grid)
        edge = _edge(mapping, source)
        if done is None or not part.exists():
            done = set()
            record.unlink(missing_ok=True)
            shutil.rmtree(part, ignore_errors=True)
            _lay_out(part, file, grid, edge)
        _note(record, mark, done)
        array = zarr.open_array(part, path=file.layer, mode="r+")
        tiles = list(_tiles(grid, edge))
        with record.open("a", encoding="utf-8") as notes:
            _say(progress, len(done), len(tiles))
            for number, window in enumerate(tiles):
                if number in done:
                    continue
                array[(..., *window.toslices())] = _tile(source, decoder, mapping, window)
                notes.write(f"{number}\n")
                notes.flush()
                done.add(number)
                _say(progress, len(done), len(tiles))
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)


def record_of(out: Path) -> Path:
    """Return the file beside a store that notes its finished tiles; a finished pack needs it no more."""
    return out.with_name(f"{out.name}.progress")


def fingerprint(folder: Path, file: FileEntry, grid: GridSpec) -> str:
    """Return what tells whether a store still fits: files (size, time), declaration, grid, classes."""
    layer = dictionary.layers()[file.layer]
    classes = dictionary.crosswalks()[file.classes].to_csv() if file.classes else ""
    known = {
        "version": [VERSION, CHUNK_CELLS, TILE_BYTES, BYTES_PER_CELL],
        "files": [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in _files(folder, file)],
        "declaration": file.model_dump(mode="json"),
        "layer": layer.model_dump(mode="json"),
        "grid": [grid.crs.to_wkt(), list(grid.transform)[:6], grid.height, grid.width],
        "classes": [classes, ecosystems.read().to_csv()] if layer.kind == "classes" else [],
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _files(folder: Path, file: FileEntry) -> list[Path]:
    """Return the archive, or the file with those beside it that belong to it (.tfw, .aux.xml, .hdr)."""
    archive, _ = archives.split(file.path)
    path = folder / (archive or file.path)
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if p.is_file())
    if archive:
        return [path]
    beside = path.parent.iterdir() if path.parent.exists() else ()
    return sorted(p for p in beside if p.is_file() and p.name.startswith(f"{path.stem}."))


def _edge(mapping: Mapping, source: rasterio.DatasetReader) -> int:
    """Return the edge of a tile, halved until its source fits into memory."""
    bytes_per_cell = BYTES_PER_CELL + source.count * (np.dtype(source.dtypes[0]).itemsize + 1)
    edge = CHUNK_CELLS
    while edge > 1:
        middle = Window(
            max(0, mapping.target.width - edge) // 2,
            max(0, mapping.target.height - edge) // 2,
            min(edge, mapping.target.width),
            min(edge, mapping.target.height),
        )
        there = Resampler(mapping, middle).source_window
        if there.width * there.height * bytes_per_cell <= TILE_BYTES:
            break
        edge //= 2
    return edge


def _tiles(grid: GridSpec, edge: int) -> Iterator[Window]:
    """Yield the tiles of a grid, row by row."""
    for top in range(0, grid.height, edge):
        for left in range(0, grid.width, edge):
            yield Window(left, top, min(edge, grid.width - left), min(edge, grid.height - top))


def _lay_out(part: Path, file: FileEntry, grid: GridSpec, edge: int) -> None:
    """Write an empty store with its coordinates."""
    layer = dictionary.layers()[file.layer]
    classes, months = layer.kind == "classes", layer.bands == "months"
    dims: tuple[str, ...] = ("month", "y", "x") if months else ("y", "x")
    shape = (MONTHS, grid.height, grid.width)[-len(dims) :]
    chunks = (1, min(edge, grid.height), min(edge, grid.width))[-len(dims) :]
    coords: dict[str, Any] = grid.coordinates(Window(0, 0, grid.width, grid.height))
    if months:
        coords["month"] = np.arange(1, MONTHS + 1)
    kind = "uint8" if classes else "float32"
    values = dask.array.zeros(shape, chunks=chunks, dtype=kind)
    attrs = {"units": layer.unit, "grid_mapping": "spatial_ref"}
    dataset = xr.Dataset({file.layer: xr.DataArray(values, coords=coords, dims=dims, attrs=attrs)})
    dataset["spatial_ref"] = xr.DataArray(0, attrs={"crs_wkt": grid.crs.to_wkt()})
    encoding = {
        "chunks": chunks,
        "compressors": BloscCodec(
            cname="zstd", clevel=3, shuffle="noshuffle" if classes else "shuffle"
        ),
        "_FillValue": NO_CLASS if classes else np.float32(np.nan),
    }
    dataset.to_zarr(
        part, mode="w", consolidated=False, compute=False, encoding={file.layer: encoding}
    )


def _tile(
    source: rasterio.DatasetReader, decoder: Decoder, mapping: Mapping, window: Window
) -> np.ndarray:
    """Return one tile as it is stored, (month, y, x) or (y, x)."""
    classes = decoder.layer.kind == "classes"
    resampler = Resampler(mapping, window)
    bands = source.count if decoder.layer.bands == "months" else 1
    shape = (bands, window.height, window.width)
    found = np.full(shape, NO_CLASS, "uint8") if classes else np.full(shape, np.nan, "float32")
    if not resampler.empty:
        raw, missing = decoder.read(source, resampler.source_window)
        for band in range(bands):
            if classes:
                types = decoder.types(raw[band], missing[band], NO_CLASS)
                found[band] = resampler.nearest(types, NO_CLASS)
            else:
                found[band] = resampler.mean(decoder.values(raw[band], missing[band], band))
    return found if decoder.layer.bands == "months" else found[0]


def _done(record: Path, mark: str) -> set[int] | None:
    """Return the tiles noted as finished; None where nothing can be taken up."""
    try:
        lines = record.read_text(encoding="utf-8").split("\n")[:-1]  # the last may be cut short
    except OSError:
        return None
    if not lines or lines[0] != mark:
        return None
    return {int(line) for line in lines[1:]}


def _note(record: Path, mark: str, done: set[int]) -> None:
    """Write the record anew, whole lines only."""
    made = record.with_name(f"{record.name}.new")
    lines = [mark, *map(str, sorted(done))]
    made.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    made.replace(record)


def _say(progress: Progress | None, done: int, tiles: int) -> None:
    if progress is not None:
        progress(done, tiles)
