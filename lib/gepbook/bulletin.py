"""The province's results of a year: totals, prefectures, ranks, published figures beside (公报)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from gepbook import assessment, compensation, counties, ledger, paths
from gepbook.accounting import pool as province
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.assessment import dual, targets
from gepbook.compensation import vertical
from gepbook.run import Run

METHOD = "province/sum"
YI = 1e8


@dataclass(frozen=True)
class Bulletin:
    """The bulletin of one year (生态产品总值核算结果公报).

    `counties` holds levels, ranks and allocation by county; `prefectures` sums; `services` the
    province's value by service in CNY; `reference` published results beside those of this run.
    `missing` names the counties without an account: empty unless a partial province was allowed.
    """

    entries: list[dict[str, Any]]
    pool: pd.DataFrame
    counties: pd.DataFrame
    prefectures: pd.DataFrame
    services: pd.Series
    dual: pd.DataFrame
    targets: pd.DataFrame
    reference: pd.DataFrame
    missing: list[str]


def compute(run: Run) -> Bulletin:
    """Return the bulletin of the run's year.

    Raises
    ------
    CoverageError
        When counties are missing and a partial province was not allowed.
    """
    pool = province.read(run)
    names = counties.read()
    levels = assessment.read_levels(pool)
    levels.insert(0, "name_zh", names["name_zh"])
    levels.insert(1, "prefecture", names["prefecture"])
    rules = run.params.section(compensation.SECTION, vertical.VerticalParams)
    factors = compensation.read_factors(pool)
    shares = vertical.shares(factors, rules.weights)
    levels["allocation_cny"] = vertical.allocate(rules.budget_cny, shares.sum(axis=1))
    for category in CATEGORY_ZH:
        levels[f"{category}_cny"] = province.county_values(
            pool, "gep", category, "value", "current"
        )
    both = assessment.read_dual(
        pool, run.params.section("dual_assessment", dual.DualParams), run.year
    )
    levels["gep_growth"] = both["gep_growth"]
    money = [column for column in levels if column.endswith("_cny") and "per_km2" not in column]
    prefectures = levels.groupby("prefecture")[[*money, "land_area_km2"]].sum()
    prefectures["gep_per_km2_cny"] = prefectures["gep_cny"] / prefectures["land_area_km2"]
    services = pool[
        (pool["account"] == "services")
        & (pool["measure"] == "value")
        & (pool["price_basis"] == "current")
    ]
    missing = sorted(set(names.index) - set(levels.index))
    wanted = run.params.section("targets", targets.TargetParams)
    covered = 100.0 * len(levels) / len(names)
    return Bulletin(
        entries=_entries(run, pool),
        pool=pool,
        counties=levels.sort_values("gep_cny", ascending=False),
        prefectures=prefectures.sort_values("gep_cny", ascending=False),
        services=services.groupby("item")["value"].sum().sort_values(ascending=False),
        dual=both,
        targets=targets.track(wanted, {"accounting_coverage_percent": covered}),
        reference=_reference(levels),
        missing=missing,
    )


def _entries(run: Run, pool: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the province's totals as ledger rows."""
    rows = pool[(pool["account"].isin(["gep", "services"])) & (pool["unit"] == "CNY")]
    keys = ["account", "item", "measure", "price_basis", "price_year"]
    sums = rows.groupby(keys, dropna=False)
    made = [
        ledger.entry(
            account,
            item,
            measure,
            group["value"].sum(),
            "CNY",
            origin=ledger.weakest(group["origin"]),
            quality=group["quality"].iloc[0],
            method_id=METHOD,
            price_basis=basis,
            price_year=int(price_year),
        )
        for (account, item, measure, basis, price_year), group in sums
    ]
    gep = {
        (r["item"], r["measure"]): r["value"]
        for r in made
        if r["account"] == "gep" and r["price_basis"] == "comparable"
    }
    if ("gep", "value_previous_year") in gep:
        growth = gep["gep", "value"] / gep["gep", "value_previous_year"] - 1
        made.append(
            ledger.entry(
                "gep",
                "gep",
                "growth",
                growth,
                "1",
                origin=ledger.weakest(rows["origin"]),
                method_id=METHOD,
                price_basis="comparable",
            )
        )
    made.append(
        ledger.entry(
            "statistics",
            "counties",
            "received",
            rows["county_code"].nunique(),
            "1",
            origin="observed",
            method_id=METHOD,
            note=f"expected {len(counties.read())}",
        )
    )
    return made


def _reference(levels: pd.DataFrame) -> pd.DataFrame:
    """Return published results beside those of this run (对照已公布结果)."""
    table = pd.read_csv(paths.PARAMS / "reference_results.csv", dtype={"county_code": "str"})
    sums = levels.groupby("prefecture")[["gep_cny", "regulating_cny"]].sum()
    own = [
        levels[["gep_cny", "regulating_cny"]].reindex([row.county_code]).iloc[0]
        if isinstance(row.county_code, str)
        else sums.reindex([row.prefecture]).iloc[0]
        for row in table.itertuples()
    ]
    table["run_gep_cny_1e8"] = [figures["gep_cny"] / YI for figures in own]
    table["ratio"] = table["run_gep_cny_1e8"] / table["gep_cny_1e8"]
    return table
