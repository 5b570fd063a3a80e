"""The made-up province as a county would deliver it (原始资料), with its declaration."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import yaml
from openpyxl import Workbook
from pyproj import CRS, Transformer

from gepbook.grid import GridSpec
from gepbook.inputs.own_data import declaration, dictionary
from gepbook.inputs.pack import BOUNDARIES, LAND_COVER
from gepbook.inputs.synthetic import fields
from gepbook.inputs.synthetic.province import (
    LICENCE,
    NAME,
    NOTE,
    SOURCE,
    TITLE,
    Place,
    Province,
    make_province,
    read_config,
)
from gepbook.inputs.synthetic.rasters import RasterFile, bands, write_rasters
from gepbook.inputs.synthetic.truth import Truth, make_truth

#: Where the originals stand in their folder, and the headers' row in the workbook, below its title.
VECTOR_FOLDER, RASTER_FOLDER, TABLE_FOLDER = "矢量", "栅格", "统计"
WORKBOOK, HEADER_ROW = f"{TABLE_FOLDER}/统计资料.xlsx", 2
BOOLEANS = {"是": "true", "否": "false"}


def write_originals(
    folder: Path,
    cell_m: float,
    counties: int | Sequence[str] = 3,
    years: Sequence[int] = (2022, 2023),
    pack_cell_m: float | None = None,
    enlarged: int = 1,
) -> Truth:
    """Write the same content as a county would deliver it, with its declaration; return the truth.

    A shapefile in GBK, a GeoPackage, a workbook with titles above its headers, CSV in GB18030, Chinese
    headers with 万元, 亿元 and 万亩, and GeoTIFFs in a CGCS2000 zone with climate in tenths and land
    cover in the codes of the third land survey. Cells there lie across the pack's: what is made of
    them nears the truth as cells get small.

    Parameters
    ----------
    folder : Path
    cell_m : float
        Cell of the rasters delivered, m.
    pack_cell_m : float, optional
        Cell that the declaration asks for; `cell_m` when not given.
    counties, years, enlarged
        See `make_province`.

    Raises
    ------
    CodeError, ParameterError
        See `make_province`.
    """
    province = make_province(counties, years, enlarged=enlarged)
    truth = make_truth(province)
    for part in (VECTOR_FOLDER, RASTER_FOLDER, TABLE_FOLDER):
        (folder / part).mkdir(parents=True, exist_ok=True)
    entries = [
        *_deliver_vectors(folder, truth.vectors),
        *_deliver_tables(folder, truth.tables),
        *_deliver_rasters(folder, province, cell_m),
    ]
    common = {"origin": "illustrative", "origin_note": NOTE, "source": SOURCE.model_dump()}
    declared = {
        "name": NAME,
        "title": TITLE,
        "years": list(province.years),
        "licenses": [LICENCE.model_dump()],
        "grid": {"cell_m": pack_cell_m or cell_m, "bounds": list(province.bounds)},
        "counties": list(province.codes),
        "files": [{**entry, **common} for entry in entries],
    }
    text = yaml.dump(declared, Dumper=_WithoutAnchors, allow_unicode=True, sort_keys=False)
    (folder / declaration.FILE_NAME).write_text(text, encoding="utf-8")
    return truth


class _WithoutAnchors(yaml.SafeDumper):
    """Writes what occurs several times out in full, as one would by hand."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _headers(table: str) -> dict[str, str]:
    """Return the header of each field of a table as delivered."""
    short = read_config()["short_headers"].get(table, {})
    return {
        name: short.get(name, f"{field.title}({field.fill_in})" if field.fill_in else field.title)
        for name, field in dictionary.tables()[table].fields.items()
    }


def _words(field: dictionary.FieldEntry) -> dict[str, str]:
    """Return the words delivered in a field and the pack's word for each."""
    if field.type == "boolean":
        return BOOLEANS
    return {label: value for value, label in field.allowed.items() if label != value}


def _delivered(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the headers, units and words of a county's bureaus."""
    units = read_config()["pack_units_in_fill_in"]
    out = frame.copy()
    for name, field in dictionary.tables()[table].fields.items():
        if field.fill_in:
            out[name] = out[name] / units[field.fill_in]
        elif words := {value: label for label, value in _words(field).items()}:
            out[name] = out[name].map(lambda v, w=words: w.get(str(v).lower(), v))
    return out.rename(columns=_headers(table))


def _declared(table: str) -> dict[str, Any]:
    """Return a table's columns for the declaration."""
    headers = _headers(table)
    columns = {}
    for name, field in dictionary.tables()[table].fields.items():
        column: dict[str, Any] = {"header": headers[name]}
        if field.template_unit:
            column["unit"] = field.template_unit
        if words := _words(field):
            column["values"] = words
        columns[name] = column
    return {"table": table, "columns": columns}


def _deliver_vectors(
    folder: Path, vectors: Mapping[str, gpd.GeoDataFrame]
) -> Iterator[dict[str, Any]]:
    """Write counties as a shapefile in GBK and units as a GeoPackage; yield their entries."""
    for name, frame in vectors.items():
        title = dictionary.tables()[name].title
        made = _delivered(name, frame).to_crs(read_config()["delivered_crs"])
        if name == BOUNDARIES:
            path = folder / VECTOR_FOLDER / f"{title}.shp"
            made.to_file(path, driver="ESRI Shapefile", encoding="GBK")
            how = {"encoding": "GBK"}
        else:
            path = folder / VECTOR_FOLDER / f"{title}.gpkg"
            made.to_file(path, driver="GPKG", layer=title)
            how = {"layer_in_file": title}
        yield {"path": path.relative_to(folder).as_posix(), **_declared(name), **how}


def _deliver_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> Iterator[dict[str, Any]]:
    """Write yearly tables as sheets of one workbook, all others as CSV; yield their entries."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, frame in tables.items():
        entry = dictionary.tables()[name]
        made = _delivered(name, frame)
        if entry.key == ["county_code", "year"]:
            sheet = book.create_sheet(entry.title)
            sheet.append([entry.title])
            sheet.append(list(made.columns))
            for row in made.astype(object).itertuples(index=False):
                sheet.append(list(row))
            yield {
                "path": WORKBOOK,
                "sheet": entry.title,
                "header_rows": [HEADER_ROW],
                **_declared(name),
            }
        else:
            path = folder / TABLE_FOLDER / f"{entry.title}.csv"
            made.to_csv(path, index=False, encoding="gb18030")
            yield {
                "path": path.relative_to(folder).as_posix(),
                "encoding": "gb18030",
                **_declared(name),
            }
    book.save(folder / WORKBOOK)


def _deliver_rasters(folder: Path, province: Province, cell_m: float) -> Iterator[dict[str, Any]]:
    """Write rasters in the delivered zone; yield their entries."""
    crs = CRS.from_user_input(read_config()["delivered_crs"])
    outline = gpd.GeoSeries([shapely.box(*province.bounds)], crs=province.crs)
    outline = outline.segmentize(read_config()["block_m"]).to_crs(crs)
    grid = GridSpec.around(crs, tuple(outline.total_bounds), cell_m, margin=0)
    back = Transformer.from_crs(crs, province.crs, always_xy=True)

    def place(x: np.ndarray, y: np.ndarray) -> Place:
        wide, high = np.broadcast_arrays(x, y)
        return province.place(*back.transform(wide, high))

    files = []
    for layer, year in fields.layer_years(province):
        how = read_config()["delivered_rasters"][layer]
        path = folder / RASTER_FOLDER / f"{how['file']}{f'_{year}' if year else ''}.tif"
        values = functools.partial(_delivered_field, province, layer, year=year)
        files.append(RasterFile(path, values, bands(layer), how["dtype"], how["nodata"]))
        entry = {
            "path": path.relative_to(folder).as_posix(),
            "layer": layer,
            "unit": how["unit"],
            "nodata": [how["nodata"]],
        }
        if year:
            entry["year"] = year
        if layer == LAND_COVER:
            entry["classes"] = "survey3"
        yield entry
    write_rasters(files, grid, place)


def _delivered_field(province: Province, layer: str, place: Place, year: int | None) -> np.ndarray:
    """Return a layer in the unit or codes that it is delivered in."""
    if layer == LAND_COVER and year is not None:
        kinds = fields.ecosystem_types(province, place, year)
        return fields.by_pattern(read_config()["survey3_code"], kinds)
    per_unit = read_config()["delivered_rasters"][layer]["per_unit"]
    return fields.field(province, layer, place, year) * per_unit
