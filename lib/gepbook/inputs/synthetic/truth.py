"""What is true of the made-up province, in closed form: its blocks are summed, each by its centre.

The formulas of the physical quantities are those of the services, written down again in plain
arithmetic and on purpose without any of their code, so that an account is compared with something
else than itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from gepbook import ecosystems, params
from gepbook.grid import HECTARE_M2
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.pack import LAND_COVER
from gepbook.inputs.synthetic.fields import ecosystem_types, field
from gepbook.inputs.synthetic.province import Province, read_config
from gepbook.inputs.synthetic.tables import make_tables, make_vectors

PERCENT = 100.0


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
