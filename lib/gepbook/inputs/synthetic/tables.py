"""The tables and polygons of the made-up province, in the units of the pack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import geopandas as gpd
import pandas as pd

from gepbook import counties as all_counties
from gepbook.grid import HECTARE_M2
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.pack import BOUNDARIES, PANDAS_TYPES
from gepbook.inputs.synthetic.province import Province, read_config


def make_tables(province: Province) -> dict[str, pd.DataFrame]:
    """Return all tables without geometry, in the units of the pack."""
    return {
        name: _framed(name, _rows(province, name))
        for name, entry in dictionary.tables().items()
        if not entry.geometry
    }


def _framed(table: str, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a frame with the columns and types of a table."""
    fields = dictionary.tables()[table].fields
    frame = pd.DataFrame(list(rows), columns=list(fields))
    return frame.astype({name: PANDAS_TYPES[entry.type] for name, entry in fields.items()})


def _rows(province: Province, table: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table: its templates, filled in for each county and year."""
    config, entry = read_config(), dictionary.tables()[table]
    group = config["coastal_tables"].get(table)
    first = province.years[0]
    years = province.years if "year" in entry.fields else province.years[:1]
    for number, code in enumerate(province.codes):
        for year in years:
            if group and code not in all_counties.group(group, year):
                continue
            factor = 1 + config["county_step"] * (number % config["county_turn"])
            factor *= (1 + config["growth_per_year"]) ** (year - first)
            if table in config["constant_tables"]:
                factor = 1.0
            for template in config["tables"][table]:
                row = {"county_code": code, "year": year, **template}
                yield {
                    name: _filled(row[name], entry.fields[name], code, year, factor, first)
                    for name in entry.fields
                    if name in row
                }


def _filled(
    value: Any, field: dictionary.FieldEntry, code: str, year: int, factor: float, first: int
) -> str | float | bool:
    """Return a template's value for a county and year; `year0` is the province's first year."""
    if field.type == "number":
        return float(value) * (1.0 if field.unit in read_config()["fixed_units"] else factor)
    if field.type in ("integer", "boolean"):
        return value
    name = all_counties.name_zh(code)
    return str(value).format(code=code, name=name, year=year, year0=first)


def make_vectors(province: Province) -> dict[str, gpd.GeoDataFrame]:
    """Return county polygons and the polygons of all registers in the pack's coordinate system."""
    rows: dict[str, list[dict[str, Any]]] = {BOUNDARIES: []}
    first_year = province.years[0]
    for number, code in enumerate(province.codes):
        first, end, top, bottom = province.blocks_of(number)
        row = {"county_code": code, "name_zh": all_counties.name_zh(code)}
        rows[BOUNDARIES].append({**row, "geometry": province.rectangle(first, end, top, bottom)})
        for layer, shapes in read_config()["polygons"].items():
            fields = dictionary.tables()[layer].fields
            for given in shapes:
                west, east = (first + column for column in given["columns"])
                shape = province.rectangle(west, east, top, bottom)
                filled = {
                    name: _filled(value, fields[name], code, first_year, 1.0, first_year)
                    for name, value in given["row"].items()
                }
                made = {"county_code": code, "year": first_year, "geometry": shape}
                area = {"declared_area_ha": shape.area / HECTARE_M2}
                rows.setdefault(layer, []).append({**filled, **made, **area})
    return {
        name: gpd.GeoDataFrame(
            _framed(name, found), geometry=[row["geometry"] for row in found], crs=province.crs
        )
        for name, found in rows.items()
    }
