"""The made-up province as a ready data pack."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from pyproj import CRS

from gepbook.errors import ParameterError
from gepbook.grid import GridSpec
from gepbook.inputs import manifest
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.pack import LAND_COVER, content_hash
from gepbook.inputs.synthetic.fields import field, layer_years
from gepbook.inputs.synthetic.province import (
    LICENCE,
    NAME,
    NOTE,
    SOURCE,
    TITLE,
    make_province,
    read_config,
)
from gepbook.inputs.synthetic.rasters import RasterFile, bands, write_rasters
from gepbook.inputs.synthetic.truth import Truth, make_truth

MEDIATYPES = {
    "tif": "image/tiff; application=geotiff",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}


def write_pack(
    folder: Path,
    cell_m: float,
    counties: int | Sequence[str] = 3,
    years: Sequence[int] = (2022, 2023),
    crs: CRS | None = None,
    enlarged: int = 1,
) -> Truth:
    """Write a ready data pack of a synthetic province and return what is true of it.

    Rasters are made tile by tile, so that memory does not grow with their size.

    Parameters
    ----------
    folder : Path
    cell_m : float
        Cell of the grid, m; it must divide the block (10, 30, 100, 1000 …).
    counties, years, crs, enlarged
        See `make_province`.

    Raises
    ------
    ParameterError
        For a cell that does not divide the block.
    CodeError, ParameterError
        See `make_province`.
    """
    block = read_config()["block_m"]
    if cell_m <= 0 or block % cell_m:
        raise ParameterError(
            f"cell_m: must divide the block of {block:g} m, got {cell_m:g}. Areas would not be exact; "
            "take 10, 30, 100, 250, 500 or 1000."
        )
    province = make_province(counties, years, crs, enlarged)
    truth = make_truth(province)
    for part in ("rasters", "tables", "vectors"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    grid = GridSpec.around(province.crs, province.bounds, cell_m, margin=0)
    rasters = {}
    for layer, year in layer_years(province):
        path = folder / "rasters" / (f"{layer}-{year}.tif" if year else f"{layer}.tif")
        dtype = "uint8" if layer == LAND_COVER else "float32"
        values = functools.partial(field, province, layer, year=year)
        nodata = read_config()["raster_nodata"][dtype]
        rasters[layer, year] = RasterFile(path, values, bands(layer), dtype, nodata)
    write_rasters(list(rasters.values()), grid, province.place)
    resources = [
        _resource(
            folder,
            file.path,
            layer=layer,
            year=year,
            kind="raster",
            title=dictionary.layers()[layer].title,
            unit=dictionary.layers()[layer].unit,
            crs=grid.crs.name,
            resolution=f"{cell_m:g} m",
        )
        for (layer, year), file in rasters.items()
    ]
    for name, frame in {**truth.tables, **truth.vectors}.items():
        path = folder / ("vectors" if name in truth.vectors else "tables") / name
        resources.append(_write_frame(folder, path, name, frame))
    package = manifest.DataPackage(
        name=NAME,
        title=TITLE,
        description=NOTE,
        version="1",
        licenses=[LICENCE],
        years=list(province.years),
        resources=resources,
    )
    text = package.model_dump_json(by_alias=True, exclude_defaults=True, indent=1)
    (folder / manifest.FILE_NAME).write_text(text + "\n", encoding="utf-8")
    return truth


def _write_frame(folder: Path, path: Path, name: str, frame: pd.DataFrame) -> manifest.Resource:
    """Write a table as CSV or a vector layer as GeoParquet and return its entry."""
    entry = dictionary.tables()[name]
    described = {"layer": name, "title": entry.title, "schema": entry.schema_of()}
    if isinstance(frame, gpd.GeoDataFrame):
        path = path.with_suffix(".parquet")
        frame.to_parquet(path, index=False, compression="zstd")
        return _resource(folder, path, kind="vector", crs=frame.crs.name, **described)
    path = path.with_suffix(".csv")
    frame.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")
    return _resource(folder, path, kind="table", **described)


def _resource(folder: Path, path: Path, **described: Any) -> manifest.Resource:
    """Return the manifest's entry of a written file."""
    layer, year = described["layer"], described.get("year")
    return manifest.Resource(
        name=f"{layer}-{year}" if year else layer,
        path=path.relative_to(folder).as_posix(),
        format=path.suffix[1:],
        mediatype=MEDIATYPES[path.suffix[1:]],
        bytes=path.stat().st_size,
        hash=content_hash(path),
        sources=[SOURCE],
        licenses=[LICENCE],
        origin="illustrative",
        origin_note=NOTE,
        **described,
    )
