"""Assessment (考核评价): GDP and GEP side by side, growth at comparable prices, ranks, targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from gepbook import counties, ledger
from gepbook.accounting import pool as province
from gepbook.assessment import dual, targets
from gepbook.prices import PriceBook
from gepbook.run import Run

METHOD = "design/dual"
GDP_INDEX = "gdp_deflator"
OTHER = "other"
PERCENT = 100.0


@dataclass(frozen=True)
class Assessment:
    """The assessment of one county and year, beside that of the whole province.

    `levels` holds GDP, GEP and their ranks for every county; `dual` growth, quadrant, index and rank
    (empty in a pack's first year); `targets` the tracker of the policy's numbers.
    """

    entries: list[dict[str, Any]]
    levels: pd.DataFrame
    dual: pd.DataFrame
    targets: pd.DataFrame


def read_levels(pool: pd.DataFrame) -> pd.DataFrame:
    """Return GDP, GEP, GEP per km² and their ranks by county."""
    value = province.county_values
    table = pd.DataFrame(
        {
            "gdp_cny": value(pool, "statistics", "gdp", "value", "current"),
            "gep_cny": value(pool, "gep", "gep", "value", "current"),
            "land_area_km2": value(pool, "statistics", "land_area", "value"),
        }
    )
    table["gep_per_km2_cny"] = table["gep_cny"] / table["land_area_km2"]
    table["gep_to_gdp"] = table["gep_cny"] / table["gdp_cny"].where(table["gdp_cny"] != 0)
    for column in ("gdp_cny", "gep_cny", "gep_per_km2_cny"):
        table[f"{column.removesuffix('_cny')}_rank"] = dual.rank(table[column])
    return table


def read_dual(pool: pd.DataFrame, rules: dual.DualParams, year: int) -> pd.DataFrame:
    """Return growth at comparable prices, quadrant, index and rank by county."""
    value = province.county_values
    index = PriceBook.read().index(GDP_INDEX)
    gdp_before = value(pool, "statistics", "gdp", "value_previous_year", "current")
    gep_before = value(pool, "gep", "gep", "value_previous_year", "comparable")
    if gep_before.empty:
        return pd.DataFrame(columns=["gdp_growth", "gep_growth", "quadrant", "index", "rank"])
    gdp_now = value(pool, "statistics", "gdp", "value", "current") * index[year - 1] / index[year]
    gep_now = value(pool, "gep", "gep", "value", "comparable")
    groups = [name for name in rules.gdp_weight if name != OTHER]
    weights = counties.classes(groups, year, OTHER)[gep_now.index].map(rules.gdp_weight)
    return dual.compare(dual.growth(gdp_now, gdp_before), dual.growth(gep_now, gep_before), weights)


def compute(run: Run) -> Assessment:
    """Return the assessment of the run's county and year."""
    rules = run.params.section("dual_assessment", dual.DualParams)
    wanted = run.params.section("targets", targets.TargetParams)
    pool = province.read(run)
    levels = read_levels(pool)
    both = read_dual(pool, rules, run.year)
    coverage = PERCENT * len(levels) / len(counties.read())
    tracker = targets.track(wanted, {"accounting_coverage_percent": coverage})
    return Assessment(_entries(run, pool, levels, both), levels, both, tracker)


def _entries(
    run: Run, pool: pd.DataFrame, levels: pd.DataFrame, both: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return the ledger rows of the run's own county."""
    code = run.county_code
    common: dict[str, Any] = {
        "method_id": METHOD,
        "origin": ledger.weakest(pool["origin"]),
        "quality": run.params.worst_confidence("dual_assessment"),
    }
    own = levels.loc[code]
    rows = [
        ledger.entry("assessment", "gep_to_gdp", "ratio", own["gep_to_gdp"], "1", **common),
        ledger.entry("assessment", "gep", "rank", own["gep_rank"], "1", **common),
        ledger.entry("assessment", "gdp", "rank", own["gdp_rank"], "1", **common),
        ledger.entry("assessment", "gep_per_km2", "rank", own["gep_per_km2_rank"], "1", **common),
    ]
    if code in both.index:
        growth = both.loc[code]
        rows += [
            ledger.entry("assessment", "gdp", "growth", growth["gdp_growth"], "1", **common),
            ledger.entry("assessment", "gep", "growth", growth["gep_growth"], "1", **common),
            ledger.entry(
                "assessment",
                "dual",
                "index",
                growth["index"],
                "1",
                **common,
                note=str(growth["quadrant"]),
            ),
            ledger.entry("assessment", "dual", "rank", growth["rank"], "1", **common),
        ]
    return rows
