"""A made-up province whose true totals are known (合成数据包): for tests, and for trials of scale.

``python -m gepbook.inputs.synthetic OUT --cell-m 30`` writes a ready data pack at any cell that divides
the block, ``--originals`` the same content as a county would deliver it. Counties and ecosystems are
made of whole blocks; fields are constants, planes and whole waves, whose mean over a block is their value
at its centre. The truth is therefore the same at every cell. Its numbers, with their reasons, are in
`synthetic_sources/synthetic.yaml`.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
import yaml
from openpyxl import Workbook
from pyproj import CRS, Transformer
from rasterio.windows import Window

from gepbook import counties as all_counties
from gepbook import ecosystems, params, paths
from gepbook.errors import CodeError, ParameterError
from gepbook.grid import HECTARE_M2, GridSpec
from gepbook.inputs import manifest
from gepbook.inputs.own_data import declaration, dictionary
from gepbook.inputs.pack import BOUNDARIES, LAND_COVER, MONTHS, PANDAS_TYPES, Pack, content_hash

SOURCES = Path(__file__).parent / "synthetic_sources"
NAME, TITLE = "synthetic", "合成省数据包 (真值已知, 非实测)"
UNITS = "resource_units"
NOTE = "made up by gepbook.inputs.synthetic; no measurement"
LICENCE = manifest.Licence(name="Apache-2.0")
SOURCE = manifest.Source(title="gepbook.inputs.synthetic")
M_PER_KM = 1000.0
PERCENT = 100.0
MEDIATYPES = {
    "tif": "image/tiff; application=geotiff",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
#: Where the originals stand in their folder, and the headers' row in the workbook, below its title.
VECTOR_FOLDER, RASTER_FOLDER, TABLE_FOLDER = "矢量", "栅格", "统计"
WORKBOOK, HEADER_ROW = f"{TABLE_FOLDER}/统计资料.xlsx", 2
BOOLEANS = {"是": "true", "否": "false"}


@functools.cache
def read_config() -> dict[str, Any]:
    """Return the numbers of the province without their reasons."""
    content = yaml.safe_load((SOURCES / "synthetic.yaml").read_text(encoding="utf-8"))
    return {key: entry["value"] for key, entry in content.items()}


def open_pack_crs() -> CRS:
    """Return the equal-area coordinate system of the open pack."""
    return Pack.open(paths.OPEN_PACK).grid.crs


@dataclass(frozen=True)
class Truth:
    """What is true of a synthetic province, worked out from its geometry (真值).

    Parameters
    ----------
    area_ha : Series, ha, indexed by county code
    area_by_type_ha : DataFrame, ha, (county code, year) × ecosystem type id
        All types; 0 for those that do not occur.
    means : DataFrame, in the units of the pack, (county code, year) × field
        Area-weighted mean of each raster; months as `precipitation_01` to `_12`.
    quantities : DataFrame, (county code, year) × `service.component`
        Physical quantities by the first method of each service, with the parameters of the project.
    tables : dict of DataFrame
        All tables in the units of the pack.
    vectors : dict of GeoDataFrame
        County polygons and registration units in the pack's coordinate system.
    """

    area_ha: pd.Series
    area_by_type_ha: pd.DataFrame
    means: pd.DataFrame
    quantities: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    vectors: Mapping[str, gpd.GeoDataFrame]

    @property
    def table_sums(self) -> pd.Series:
        """Sum of each column of figures over all rows, indexed by (table, field)."""
        sums = {
            (name, field): frame[field].sum()
            for name, frame in self.tables.items()
            for field, entry in dictionary.tables()[name].fields.items()
            if entry.type == "number"
        }
        return pd.Series(sums)


class Place(NamedTuple):
    """Where some points lie; all arrays broadcast to the points' shape."""

    column: np.ndarray  # of blocks, from the west; below 0 in the margin
    row: np.ndarray  # of blocks, from the north
    county: np.ndarray  # number of the county; beyond the counties that of the nearest
    east_km: np.ndarray
    south_km: np.ndarray
    wave: np.ndarray  # -1 to 1, whole periods in each block


@dataclass(frozen=True)
class Province:
    """The layout of a synthetic province: rectangles of blocks, row by row from the north-west.

    `enlarged` times as many blocks are laid along each side of a county.
    """

    codes: tuple[str, ...]
    years: tuple[int, ...]
    crs: CRS
    enlarged: int = 1

    @property
    def columns(self) -> int:
        """Number of counties side by side."""
        return int(np.ceil(np.sqrt(len(self.codes))))

    @property
    def rows(self) -> int:
        """Number of rows of counties."""
        return int(np.ceil(len(self.codes) / self.columns))

    def _edges(self, name: str, count: int) -> np.ndarray:
        """Return the edges of the columns or rows of counties, in blocks."""
        sizes = read_config()[name]
        widths = [sizes[n % len(sizes)] * self.enlarged for n in range(count)]
        return np.cumsum([0, *widths])

    @functools.cached_property
    def column_edges(self) -> np.ndarray:
        """Edges of the columns of counties, in blocks from the west."""
        return self._edges("column_blocks", self.columns)

    @functools.cached_property
    def row_edges(self) -> np.ndarray:
        """Edges of the rows of counties, in blocks from the north."""
        return self._edges("row_blocks", self.rows)

    @functools.cached_property
    def origin(self) -> tuple[float, float]:
        """North-western corner of the counties, m; a multiple of the block."""
        block = read_config()["block_m"]
        x, y = read_config()["centre_m"]
        half = [int(edges[-1]) // 2 * block for edges in (self.column_edges, self.row_edges)]
        return x - half[0], y + half[1]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of the counties and their margin, m."""
        margin = read_config()["margin_blocks"]
        west, north = self.corner(-margin, -margin)
        east, south = self.corner(self.column_edges[-1] + margin, self.row_edges[-1] + margin)
        return west, south, east, north

    def corner(self, column: int, row: int) -> tuple[float, float]:
        """Return the north-western corner of a block, m."""
        block = read_config()["block_m"]
        return float(self.origin[0] + column * block), float(self.origin[1] - row * block)

    def blocks_of(self, number: int) -> tuple[int, int, int, int]:
        """Return the first and the end of the columns and of the rows of a county's blocks."""
        row, column = divmod(number, self.columns)
        return (
            *(int(edge) for edge in self.column_edges[column : column + 2]),
            *(int(edge) for edge in self.row_edges[row : row + 2]),
        )  # type: ignore[return-value]

    def rectangle(self, first: int, end: int, top: int, bottom: int) -> shapely.Polygon:
        """Return the rectangle of some columns and rows of blocks, a vertex at each block.

        Neighbours share their vertices, also where the coordinates are transformed.
        """
        ring = [
            *((column, top) for column in range(first, end)),
            *((end, row) for row in range(top, bottom)),
            *((column, bottom) for column in range(end, first, -1)),
            *((first, row) for row in range(bottom, top, -1)),
        ]
        return shapely.Polygon([self.corner(*node) for node in ring])

    def place(self, x: np.ndarray, y: np.ndarray) -> Place:
        """Return where points lie, whose coordinates in the pack's system broadcast together."""
        block = read_config()["block_m"]
        east, south = (x - self.origin[0]) / block, (self.origin[1] - y) / block
        column, row = np.floor(east).astype(int), np.floor(south).astype(int)
        inner = [
            np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(edges) - 2)
            for at, edges in ((column, self.column_edges), (row, self.row_edges))
        ]
        km = block / M_PER_KM
        wave = np.sin(2 * np.pi * (east - column)) * np.sin(2 * np.pi * (south - row))
        county = inner[1] * self.columns + inner[0]
        return Place(column, row, county, east * km, south * km, wave)


def make_province(
    counties: int | Sequence[str] = 3,
    years: Sequence[int] = (2022, 2023),
    crs: CRS | None = None,
    enlarged: int = 1,
) -> Province:
    """Return a province of some counties.

    Parameters
    ----------
    counties : int or sequence of str
        How many, or the codes of which, counties of params/counties.csv.
    years : sequence of int
        Years that follow each other.
    crs : CRS, optional
        Equal-area coordinate system in metres; that of the open pack when not given.
    enlarged : int
        Times as many blocks along each side of a county.

    Raises
    ------
    CodeError
        For more counties than there are, an unknown code or one that stands twice.
    ParameterError
        For an enlargement below 1, or years that do not follow each other.
    """
    known = list(all_counties.read().index)
    if isinstance(counties, int):
        first = read_config()["first_counties"]
        wanted = [*first, *(code for code in known if code not in first)][:counties]
        if len(wanted) != counties or not wanted:
            raise CodeError(f"counties: got {counties}, must be 1 to {len(known)}.")
    else:
        wanted = [all_counties.find(code) for code in counties]
        if not wanted or len(set(wanted)) < len(wanted):
            raise CodeError(f"counties: must be one or more, none twice, got {list(counties)}.")
    if not years or list(years) != list(range(years[0], years[0] + len(years))):
        raise ParameterError(f"years: must follow each other, got {list(years)}.")
    if enlarged < 1:
        raise ParameterError(f"enlarged: must be 1 or more, got {enlarged}.")
    return Province(tuple(wanted), tuple(years), crs or open_pack_crs(), enlarged)


# ------------------------------------------------------------------ fields


def ecosystem_types(province: Province, place: Place, year: int) -> np.ndarray:
    """Return the number of the ecosystem type in the pattern at some points."""
    config = read_config()
    pattern, change = config["pattern"], config["change"]
    kinds = (place.column + config["pattern_shift"] * place.row) % len(pattern)
    passed = year - province.years[0]
    changed = (kinds == pattern.index(change["from"])) & (place.row % change["one_in"] < passed)
    return np.where(changed, pattern.index(change["to"]), kinds)


def _by_pattern(table: Mapping[str, float], kinds: np.ndarray) -> np.ndarray:
    """Return a table's values by ecosystem type at some points."""
    return np.array([table[kind] for kind in read_config()["pattern"]], dtype="float64")[kinds]


def _of_county(name: str, place: Place) -> np.ndarray:
    """Return what is constant in a county at some points."""
    values = np.array([kind[name] for kind in read_config()["kinds_of_county"]])
    return values[place.county % len(values)]


def _weather(year: int | None) -> Mapping[str, float]:
    """Return the anomaly of a year; none of the climatology."""
    if year is None:
        return {"rain_ratio": 1.0, "warmer_k": 0.0}
    turns = read_config()["years_weather"]
    return turns[year % len(turns)]


def _monthly(name: str, by_county: np.ndarray) -> np.ndarray:
    """Return months × 1 … of the same dimensions as an array, to broadcast with it."""
    return np.array(read_config()[name]).reshape(-1, *[1] * by_county.ndim)


def field(province: Province, layer: str, place: Place, year: int | None) -> np.ndarray:
    """Return a layer in the unit of the pack at some points; months first.

    `land_cover` holds the codes of params/ecosystem_types.csv.
    """
    config = read_config()
    if layer == "precipitation":
        factor = _of_county("rain_factor", place) * _weather(year)["rain_ratio"]
        return _monthly("rain_mm", factor) * factor
    if layer == "air_temperature":
        warmer = _of_county("warmer_k", place) + _weather(year)["warmer_k"]
        return _monthly("temperature_c", warmer) + warmer
    if layer == "elevation":
        slope = config["elevation_m"]
        plane = slope["south_per_km"] * place.south_km + slope["east_per_km"] * place.east_km
        return slope["base"] + plane + slope["wave"] * place.wave
    if year is None:
        return _of_county(layer, place)
    kinds = ecosystem_types(province, place, year)
    if layer == LAND_COVER:
        return _by_pattern(ecosystems.read().set_index("id")["code"].to_dict(), kinds)
    if layer == "vegetation_cover":
        cover = _by_pattern(config["vegetation_cover_percent"], kinds)
        return cover + config["cover_wave_percent"] * place.wave
    npp = _by_pattern(config["npp_g_c_m2_a"], kinds) + config["npp_east_per_km"] * place.east_km
    growth = (1 + config["npp_growth_per_year"]) ** (year - province.years[0])
    return (npp + config["npp_wave"] * place.wave) * growth


def layer_years(province: Province) -> list[tuple[str, int | None]]:
    """Return all rasters by layer and year; weather also as a climatology without a year."""
    return [
        (layer, year)
        for layer, entry in dictionary.layers().items()
        for year in [
            *([None] if not entry.by_year or entry.bands == "months" else []),
            *(province.years if entry.by_year else []),
        ]
    ]


# ------------------------------------------------------------------ truth


def make_truth(province: Province) -> Truth:
    """Return what is true of a province: blocks are summed, each by its centre."""
    rectangles = [province.blocks_of(number) for number in range(len(province.codes))]
    centres = [
        (number, *np.add(province.corner(column, row), np.array([0.5, -0.5]) * block))
        for block in [read_config()["block_m"]]
        for number, (first, end, top, bottom) in enumerate(rectangles)
        for row in range(top, bottom)
        for column in range(first, end)
    ]
    number, x, y = np.array(centres).T
    place = province.place(x, y)
    code = np.array(province.codes)[number.astype(int)]
    block_ha = read_config()["block_m"] ** 2 / HECTARE_M2
    areas, means, quantities = {}, {}, {}
    for year in province.years:
        kinds = np.array(read_config()["pattern"])[ecosystem_types(province, place, year)]
        areas[year] = pd.crosstab(code, kinds) * block_ha
        fields = {
            layer: field(province, layer, place, year if entry.by_year else None)
            for layer, entry in dictionary.layers().items()
        }
        means[year] = pd.DataFrame(_columns(fields)).groupby(code).mean()
        quantities[year] = _quantities(province, year, code, kinds, fields)
    types = ecosystems.read()["id"]
    by_type = _by_county_and_year(areas).reindex(columns=types, fill_value=0.0).fillna(0.0)
    return Truth(
        area_ha=by_type.xs(province.years[0], level="year").sum(axis=1).rename("area_ha"),
        area_by_type_ha=by_type,
        means=_by_county_and_year(means).drop(columns=LAND_COVER),
        quantities=_by_county_and_year(quantities),
        tables=make_tables(province),
        vectors=make_vectors(province),
    )


def _columns(fields: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return fields at points as columns, each month its own."""
    columns = {}
    for layer, values in fields.items():
        if values.ndim == 1:
            columns[layer] = values
        else:
            columns |= {f"{layer}_{m:02d}": month for m, month in enumerate(values, start=1)}
    return columns


def _by_county_and_year(frames: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """Return frames of counties by year as one, indexed by county code and year."""
    joined = pd.concat(frames, names=["year", "county_code"])
    return joined.reorder_levels(["county_code", "year"]).sort_index()


def _quantities(
    province: Province,
    year: int,
    codes: np.ndarray,
    kinds: np.ndarray,
    fields: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Return the physical quantities of each county, summed over its blocks."""
    block_ha = read_config()["block_m"] ** 2 / HECTARE_M2
    defaults = params.read_defaults()
    rows = {}
    for county in province.codes:
        resolved = params.resolve(county, year, read_config()["standard"], defaults=defaults)
        numbers = {key: parameter.value for key, parameter in resolved.entries.items()}
        inside = codes == county
        densities = _densities(
            {layer: values[..., inside] for layer, values in fields.items()}, kinds[inside], numbers
        )
        rows[county] = {name: values.sum() * block_ha for name, values in densities.items()}
    return pd.DataFrame(rows).T


def _densities(
    fields: Mapping[str, np.ndarray], kinds: np.ndarray, numbers: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Return quantities per hectare of some blocks.

    The formulas are those of the services, written down again in plain arithmetic, so that an account
    is compared with something else than itself.
    """

    def of_type(name: str) -> np.ndarray:
        return np.array([numbers[name][kind] for kind in kinds], dtype="float64")

    def only(kind: str, depth: str) -> np.ndarray:
        return np.where(kinds == kind, HECTARE_M2 * numbers[f"flood_mitigation.{depth}"], 0.0)

    rain = fields["precipitation"].sum(axis=0)
    runoff = rain * of_type("surface_runoff.runoff_coefficient_percent") / PERCENT
    balance = rain - runoff - _evapotranspiration(fields, rain, of_type, numbers)
    if numbers["water_conservation.negative_to_zero"]:
        balance = np.maximum(balance, 0.0)
    cover_class = np.digitize(fields["vegetation_cover"], (10, 30, 50, 70, 90))
    table = numbers["cover_management.by_cover"]
    cover = np.array([table[kind][n] for kind, n in zip(kinds, cover_class, strict=True)])
    cover = np.minimum(cover * numbers["cover_management.scale"], 1.0)
    eroded = cover * of_type("support_practice.by_ecosystem")
    potential = _erosivity(fields, rain, numbers) * _erodibility(fields, numbers)
    potential = potential * _length_and_steepness(fields["slope"], numbers)
    carbon = of_type("carbon_sequestration.net_ecosystem_share")
    carbon = carbon * fields["net_primary_productivity"] / 100  # g m-2 → t ha-1
    storm = numbers["flood_mitigation.storm_rain_share"]
    return {
        "soil_retention.sediment": potential * (1 - eroded) * of_type("soil_retention.counted"),
        "water_conservation.water": 10 * balance * of_type("water_conservation.counted"),
        "carbon_sequestration.co2": carbon * 44 / 12,
        "oxygen_release.oxygen": carbon * 32 / 12,
        "flood_mitigation.vegetation": 10
        * rain
        * storm
        * of_type("flood_mitigation.runoff_reduction"),
        "flood_mitigation.marsh": only("marsh", "marsh_ponding_m"),
        "flood_mitigation.paddy": only("paddy", "paddy_storage_m"),
        "flood_mitigation.lake": only("water", "lake_regulation_m"),
    }


def _evapotranspiration(
    fields: Mapping[str, np.ndarray],
    rain: np.ndarray,
    of_type: Callable[[str], np.ndarray],
    numbers: Mapping[str, Any],
) -> np.ndarray:
    """Return actual evapotranspiration, mm a-1, by Hamon and Fu."""
    t = fields["air_temperature"]
    middle = np.array([16, 45, 75, 105, 136, 166, 197, 228, 258, 289, 319, 350])
    days = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    declination = 0.409 * np.sin(2 * np.pi / 365 * middle - 1.39)
    latitude = np.radians(numbers["potential_evapotranspiration.latitude_degree"])
    light = 2 / np.pi * np.arccos(-np.tan(latitude) * np.tan(declination))
    vapour = 216.7 * 6.108 * np.exp(17.26939 * t / (t + 237.3)) / (t + 273.3)
    monthly = 0.1651 * (light * days)[:, None] * np.where(t > 0, vapour, 0.0)
    dry = numbers["potential_evapotranspiration.calibration"] * monthly.sum(axis=0) / rain
    omega = of_type("actual_evapotranspiration.omega")
    return rain * (1 + dry - (1 + dry**omega) ** (1 / omega))


def _erosivity(
    fields: Mapping[str, np.ndarray], rain: np.ndarray, numbers: Mapping[str, Any]
) -> np.ndarray:
    """Return R, MJ mm ha-1 h-1 a-1, by Wischmeier from months."""
    monthly = 1.735 * 10 ** (1.5 * np.log10(fields["precipitation"] ** 2 / rain) - 0.8188)
    return numbers["rainfall_erosivity.calibration"] * 17.02 * monthly.sum(axis=0)


def _erodibility(fields: Mapping[str, np.ndarray], numbers: Mapping[str, Any]) -> np.ndarray:
    """Return K, t ha h ha-1 MJ-1 mm-1, by EPIC as corrected for China."""
    sand, silt, clay = (fields[f"soil_{part}"] for part in ("sand", "silt", "clay"))
    carbon, fine = fields["soil_organic_carbon"], 1 - sand / 100
    epic = (
        (0.2 + 0.3 * np.exp(-0.0256 * sand * (1 - silt / 100)))
        * (silt / (clay + silt)) ** 0.3
        * (1 - 0.25 * carbon / (carbon + np.exp(3.72 - 2.95 * carbon)))
        * (1 - 0.7 * fine / (fine + np.exp(-5.51 + 22.9 * fine)))
    )
    return numbers["soil_erodibility.calibration"] * 0.1317 * (-0.01383 + 0.51575 * epic)


def _length_and_steepness(slope: np.ndarray, numbers: Mapping[str, Any]) -> np.ndarray:
    """Return LS of a slope in degrees, by Liu."""
    sine = np.sin(np.radians(slope))
    exponent = np.select([slope <= 1, slope <= 3, slope <= 5], [0.2, 0.3, 0.4], 0.5)
    steep = [10.8 * sine + 0.03, 16.8 * sine - 0.5]
    steepness = np.select([slope < 5, slope < 10], steep, 21.91 * sine - 0.96)
    return (numbers["slope_length_steepness.slope_length_m"] / 22.13) ** exponent * steepness


# ------------------------------------------------------------------ tables and polygons


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


# ------------------------------------------------------------------ rasters


class RasterFile(NamedTuple):
    """A raster to be written: how it is evaluated at points, and how it is stored."""

    path: Path
    values: Callable[[Place], np.ndarray]
    bands: int
    dtype: str
    nodata: float


def write_rasters(
    files: Sequence[RasterFile],
    grid: GridSpec,
    place: Callable[[np.ndarray, np.ndarray], Place],
) -> None:
    """Write GeoTIFFs tile by tile: where a tile lies is worked out once for all of them.

    Parameters
    ----------
    files : sequence of RasterFile
    grid : GridSpec
    place : callable
        From x, dims (1, x), and y, dims (y, 1), of cell centres on the grid to where they lie.
    """
    tile = read_config()["tile_cells"]
    profile = {
        "driver": "GTiff",
        "height": grid.height,
        "width": grid.width,
        "crs": grid.crs.to_wkt(),
        "transform": grid.transform,
        "tiled": True,
        "blockxsize": tile,
        "blockysize": tile,
        "interleave": "band",
        "compress": "deflate",
        "bigtiff": "if_safer",
    }
    with ExitStack() as stack:
        targets = [
            stack.enter_context(
                rasterio.open(f.path, "w", count=f.bands, dtype=f.dtype, nodata=f.nodata, **profile)
            )
            for f in files
        ]
        for window in _tiles(grid, tile):
            coords = grid.coordinates(window)
            where = place(coords["x"][None, :], coords["y"][:, None])
            shape = (window.height, window.width)
            for file, target in zip(files, targets, strict=True):
                values = np.broadcast_to(file.values(where), (file.bands, *shape))
                if np.issubdtype(file.dtype, np.integer):
                    values = np.rint(values)
                target.write(values.astype(file.dtype), window=window)


def _tiles(grid: GridSpec, tile: int) -> Iterator[Window]:
    """Yield the tiles of a grid, cut at its edges."""
    for row in range(0, grid.height, tile):
        for column in range(0, grid.width, tile):
            yield Window(column, row, min(tile, grid.width - column), min(tile, grid.height - row))


def _bands(layer: str) -> int:
    return MONTHS if dictionary.layers()[layer].bands == "months" else 1


# ------------------------------------------------------------------ the pack


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
        rasters[layer, year] = RasterFile(path, values, _bands(layer), dtype, nodata)
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


# ------------------------------------------------------------------ the originals


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
    for layer, year in layer_years(province):
        how = read_config()["delivered_rasters"][layer]
        path = folder / RASTER_FOLDER / f"{how['file']}{f'_{year}' if year else ''}.tif"
        values = functools.partial(_delivered_field, province, layer, year=year)
        files.append(RasterFile(path, values, _bands(layer), how["dtype"], how["nodata"]))
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
        kinds = ecosystem_types(province, place, year)
        return _by_pattern(read_config()["survey3_code"], kinds)
    per_unit = read_config()["delivered_rasters"][layer]["per_unit"]
    return field(province, layer, place, year) * per_unit


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a pack, or the originals, from the command line."""
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--cell-m", type=float, required=True, help="cell of the rasters, m")
    parser.add_argument("--originals", action="store_true", help="as a county would deliver it")
    parser.add_argument("--counties", type=int, default=3, help="how many counties")
    parser.add_argument("--years", type=int, nargs="+", default=[2022, 2023], help="which years")
    parser.add_argument(
        "--enlarged", type=int, default=1, help="times as many blocks along a county's sides"
    )
    given = parser.parse_args(arguments)
    write = write_originals if given.originals else write_pack
    write(given.out, given.cell_m, given.counties, given.years, enlarged=given.enlarged)


if __name__ == "__main__":
    main()
