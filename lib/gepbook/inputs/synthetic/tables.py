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

UNITS = "resource_units"


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
    years = province.years if "year" in entry.fields else province.years[:1]
    for number, code in enumerate(province.codes):
        for year in years:
            if group and code not in all_counties.group(group, year):
                continue
            factor = 1 + config["county_step"] * (number % config["county_turn"])
            factor *= (1 + config["growth_per_year"]) ** (year - province.years[0])
            for template in config["tables"][table]:
                row = {"county_code": code, "year": year, **template}
                yield {
                    name: _filled(row[name], entry.fields[name], code, year, factor)
                    for name in entry.fields
                    if name in row
                }


def _filled(
    value: Any, field: dictionary.FieldEntry, code: str, year: int, factor: float
) -> str | float | bool:
    """Return a template's value for a county and year."""
    if field.type == "number":
        return float(value) * (1.0 if field.unit in read_config()["fixed_units"] else factor)
    if field.type in ("integer", "boolean"):
        return value
    return str(value).format(code=code, name=all_counties.name_zh(code), year=year)


def make_vectors(province: Province) -> dict[str, gpd.GeoDataFrame]:
    """Return county polygons and registration units in the pack's coordinate system."""
    counties, units = [], []
    entry = dictionary.tables()[UNITS]
    for number, code in enumerate(province.codes):
        first, end, top, bottom = province.blocks_of(number)
        row = {"county_code": code, "name_zh": all_counties.name_zh(code)}
        counties.append({**row, "geometry": province.rectangle(first, end, top, bottom)})
        for unit in read_config()["registered_units"]:
            west, east = (first + column for column in unit["columns"])
            shape = province.rectangle(west, east, top, bottom)
            filled = {
                name: _filled(value, entry.fields[name], code, province.years[0], 1.0)
                for name, value in unit["row"].items()
            }
            filled |= {"county_code": code, "declared_area_ha": shape.area / HECTARE_M2}
            units.append({**filled, "geometry": shape})
    return {
        name: gpd.GeoDataFrame(
            _framed(name, rows), geometry=[r["geometry"] for r in rows], crs=province.crs
        )
        for name, rows in ((BOUNDARIES, counties), (UNITS, units))
    }
