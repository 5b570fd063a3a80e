"""The indicators of protection over the years, by county (评估指标的历年数据).

Every function returns counties × years; NaN = not known. What a table of the pack lacks is not known.
"""

from __future__ import annotations

from collections.abc import Callable

import geopandas as gpd
import pandas as pd

from gepbook.accounting.sites import LAYER as SITES
from gepbook.assessment.protection.rules import POLLUTANTS, ProtectionParams
from gepbook.assessment.topic import Evidence
from gepbook.grid import HECTARE_M2
from gepbook.inventory.condition import HISTORY, INDEX

ENVIRONMENT, SECTIONS, REDLINE, ZONES = "environment", "water_sections", "redline", "redline_zones"
TABLES = (ENVIRONMENT, SECTIONS, REDLINE, ZONES, SITES)
#: From best to worst.
WATER_CLASSES = ("Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ")
PERCENT = 100.0
HECTARES_PER_KM2 = 100.0

Series = Callable[[Evidence, ProtectionParams], pd.DataFrame]


def _unknown(evidence: Evidence) -> pd.DataFrame:
    """Return a table of which nothing is known."""
    return pd.DataFrame(index=pd.Index(evidence.county_codes, name="county_code"))


def _of_year(evidence: Evidence, values: pd.Series) -> pd.DataFrame:
    """Return a figure that is known of the accounting year alone."""
    return values.reindex(evidence.county_codes).to_frame(evidence.year)


def by_year(evidence: Evidence, table: str, column: str) -> pd.DataFrame:
    """Return a column of a table with a row a county and year."""
    if evidence.registers.lacking(table):
        return _unknown(evidence)
    rows = evidence.registers.history(table)
    wide = rows.astype({column: "float64"}).pivot_table(
        index="county_code", columns="year", values=column
    )
    return wide.reindex(evidence.county_codes).rename_axis(columns=None)


def _environment(column: str) -> Series:
    """Return what reads a column of the table of air and water quality."""
    return lambda evidence, rules: by_year(evidence, ENVIRONMENT, column)


def condition(evidence: Evidence, rules: ProtectionParams) -> pd.DataFrame:
    """Return the condition index of the years that rest on the same indicators as the last, 0–1."""
    rows = evidence.pool[(evidence.pool["account"] == HISTORY) & (evidence.pool["item"] == INDEX)]
    wide = rows.assign(of=rows["measure"].str[-4:].astype(int)).pivot_table(
        index="county_code", columns="of", values="value"
    )
    return wide.reindex(evidence.county_codes).rename_axis(columns=None)


def redline_area(evidence: Evidence) -> pd.DataFrame:
    """Return the redline area as it would be without the adjustments approved since the first year, km2.

    What was approved in the first year that is known is in its area already.
    """
    area = by_year(evidence, REDLINE, "redline_area_km2")
    if area.empty or "approved_change_km2" not in evidence.registers.history(REDLINE):
        return area
    approved = by_year(evidence, REDLINE, "approved_change_km2").reindex(columns=area.columns)
    return area - approved.fillna(0.0).where(_known_before(area), 0.0).cumsum(axis=1)


def _known_before(table: pd.DataFrame) -> pd.DataFrame:
    """Return in which years an earlier year is known."""
    return table.ffill(axis=1).shift(axis=1).notna()


def redline_kept(evidence: Evidence, rules: ProtectionParams) -> pd.DataFrame:
    """Return the redline area of later years against the first that is known, 1 = nothing lost."""
    area = redline_area(evidence)
    if area.empty:
        return area
    first = area.bfill(axis=1).iloc[:, 0]
    return area.where(_known_before(area)).div(first.where(first > 0), axis=0)


def occupied(evidence: Evidence, rules: ProtectionParams) -> pd.DataFrame:
    """Return the redline that sites occupy or damaged so far, by county and number of sites.

    Returns
    -------
    DataFrame indexed by county code, `sites`, `area_ha`; empty without sites or zones
    """
    if evidence.registers.lacking(SITES, ZONES):
        return pd.DataFrame(columns=["sites", "area_ha"])
    sites = evidence.registers.vector(SITES)
    sites = sites[sites["kind"].isin(rules.redline_site_kinds)]
    zones = evidence.registers.vector(ZONES)
    shared = gpd.overlay(
        sites[["site_id", "geometry"]], zones[["county_code", "geometry"]], keep_geom_type=True
    )
    shared = shared[shared.area / HECTARE_M2 > rules.least_overlap_ha]
    merged = shared.dissolve("county_code", aggfunc={"site_id": "nunique"})
    found = pd.DataFrame({"sites": merged["site_id"], "area_ha": merged.area / HECTARE_M2})
    return found.reindex(evidence.county_codes, fill_value=0.0).rename_axis("county_code")


def redline_occupied(evidence: Evidence, rules: ProtectionParams) -> pd.DataFrame:
    """Return which part of the redline sites occupy or damaged so far, percent."""
    area = by_year(evidence, REDLINE, "redline_area_km2")
    lost = occupied(evidence, rules)
    if lost.empty or evidence.year not in area:
        return _unknown(evidence)
    whole = area[evidence.year] * HECTARES_PER_KM2
    return _of_year(evidence, lost["area_ha"] / whole.where(whole > 0) * PERCENT)


def redline_alerts(evidence: Evidence, rules: ProtectionParams) -> pd.DataFrame:
    """Return how many monitoring alerts of the year concern the redline."""
    rows = evidence.pool[
        (evidence.pool["account"] == "monitoring")
        & (evidence.pool["measure"] == "alerts")
        & evidence.pool["item"].isin(rules.redline_alert_rules)
    ]
    return _of_year(evidence, rows.groupby("county_code")["value"].sum())


def sections(evidence: Evidence) -> pd.DataFrame:
    """Return the river sections of all years; empty where the pack lacks them."""
    if evidence.registers.lacking(SECTIONS):
        return pd.DataFrame(columns=["county_code", "year", "section_id", *POLLUTANTS])
    return evidence.registers.history(SECTIONS)


def on_target(rows: pd.DataFrame) -> pd.Series:
    """Return whether river sections are in their target class or better, 1 or 0; NaN = not known."""
    place = {name: order for order, name in enumerate(WATER_CLASSES)}
    reached, wanted = rows["water_class"].map(place), rows["target_class"].map(place)
    return (reached <= wanted).astype("float64").where(reached.notna() & wanted.notna())


def sections_on_target(evidence: Evidence, rules: ProtectionParams) -> pd.DataFrame:
    """Return the share of river sections that are in their target class or better, percent."""
    rows = sections(evidence)
    if rows.empty:
        return _unknown(evidence)
    met = on_target(rows) * PERCENT
    wide = rows.assign(met=met).pivot_table(index="county_code", columns="year", values="met")
    return wide.reindex(evidence.county_codes).rename_axis(columns=None)


def concentrations(evidence: Evidence) -> pd.DataFrame:
    """Return the mean concentrations of a county's sections that were measured in all of its years.

    Other sections are left out, so that adding or closing one is no change of water.

    Returns
    -------
    DataFrame, (pollutant, county code) × years, mg L-1
    """
    rows = sections(evidence)
    if rows.empty:
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[], []]))
    years = rows.groupby("county_code")["year"].transform("nunique")
    kept = rows[rows.groupby("section_id")["year"].transform("nunique") == years]
    long = kept.melt(["county_code", "year"], list(POLLUTANTS), "pollutant", "mg_l")
    return long.pivot_table(
        index=["pollutant", "county_code"], columns="year", values="mg_l"
    ).rename_axis(columns=None)


def pollution_index(evidence: Evidence, rules: ProtectionParams) -> pd.DataFrame:
    r"""Return the mean of concentrations against the limits of class Ⅲ (综合污染指数).

    Notes
    -----
    .. math:: P = \frac{1}{n} \sum_i C_i / S_i
    """
    found = concentrations(evidence)
    parts = [
        found.loc[name] / limit
        for name, limit in rules.class_3_limits_mg_l.items()
        if name in found.index.get_level_values(0)
    ]
    if len(parts) < len(rules.class_3_limits_mg_l):
        return _unknown(evidence)
    mean: pd.DataFrame = sum(parts[1:], start=parts[0]) / len(parts)
    return mean.reindex(evidence.county_codes)


SERIES: dict[str, Series] = {
    "condition_index": condition,
    "redline_kept": redline_kept,
    "redline_occupied": redline_occupied,
    "redline_alerts": redline_alerts,
    "class_1_to_3_water": _environment("class_1_to_3_water_percent"),
    "sections_on_target": sections_on_target,
    "pollution_index": pollution_index,
    "water_standard": _environment("water_standard_met"),
    "good_air_days": _environment("good_air_days_percent"),
    "air_standard": _environment("air_standard_met"),
}
#: Tables that an indicator rests on; those of none rest on the counties' ledgers.
SOURCES = {
    "condition_index": (),
    "redline_kept": (REDLINE,),
    "redline_occupied": (REDLINE, ZONES, SITES),
    "redline_alerts": (),
    "class_1_to_3_water": (ENVIRONMENT,),
    "sections_on_target": (SECTIONS,),
    "pollution_index": (SECTIONS,),
    "water_standard": (ENVIRONMENT,),
    "good_air_days": (ENVIRONMENT,),
    "air_standard": (ENVIRONMENT,),
}
