"""The rasters of the made-up province as functions of place and year.

Constants, planes and whole waves, whose mean over a block is their value at its centre.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gepbook import ecosystems
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.pack import LAND_COVER
from gepbook.inputs.synthetic.province import Place, Province, read_config


def ecosystem_types(province: Province, place: Place, year: int) -> np.ndarray:
    """Return the number of the ecosystem type in the pattern at some points."""
    config = read_config()
    pattern, change = config["pattern"], config["change"]
    kinds = (place.column + config["pattern_shift"] * place.row) % len(pattern)
    passed = year - province.years[0]
    changed = (kinds == pattern.index(change["from"])) & (place.row % change["one_in"] < passed)
    return np.where(changed, pattern.index(change["to"]), kinds)


def by_pattern(table: Mapping[str, float], kinds: np.ndarray) -> np.ndarray:
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
        return by_pattern(ecosystems.read().set_index("id")["code"].to_dict(), kinds)
    if layer == "vegetation_cover":
        cover = by_pattern(config["vegetation_cover_percent"], kinds)
        return cover + config["cover_wave_percent"] * place.wave
    npp = by_pattern(config["npp_g_c_m2_a"], kinds) + config["npp_east_per_km"] * place.east_km
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
