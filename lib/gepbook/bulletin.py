"""The province's results of a year: totals, prefectures, ranks, published figures beside (公报)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gepbook import assessment, compensation, counties, ledger, paths
from gepbook.accounting import history, uncertainty
from gepbook.accounting import pool as province
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.assessment import Assessment
from gepbook.compensation import Compensation, flows, parties
from gepbook.params import CONFIDENCES, Params, parameter, worst
from gepbook.run import Run

METHOD = "province/sum"
WHOLE = "全省"
YI = 1e8
WAN = 1e4
#: Accounts whose figures the province sums from its counties.
SUMMED = (
    "gep",
    "services",
    "change",
    "standards",
    "seea_extent",
    "seea_matrix",
    "seea_supply",
    "seea_use",
    "seea_asset",
    "asset_bridge",
    history.ACCOUNT,
    history.CHANGES,
)
#: The bulletin shows compensation and assessment, so it reads and checks what they do.
PARTS = (*compensation.PARTS, *assessment.PARTS)
#: What the counties' registers add up to: column → (item, measure) of the account `registration`.
REGISTERED = {
    "units": ("units", "number"),
    "held_ha": ("coverage", "area"),
    "registered_ha": ("coverage", "registered_area"),
    "overlap_ha": ("overlap", "area"),
    "gap_ha": ("gap", "area"),
    "important": ("important", "number"),
    "important_registered": ("important_registered", "number"),
    "open_disputes": ("disputes", "open"),
}


@dataclass(frozen=True)
class Bulletin:
    """The bulletin of one year (生态产品总值核算结果公报).

    `counties` holds levels, ranks and net compensation by county; `prefectures` sums; `services` the
    province's value by service in CNY; `reference` published results beside those of this run, with its
    90 % interval; `plausibility` the counties whose figures lie outside the expected bounds.
    `registration` holds what the registers say, by prefecture and for the province; `compensation` who
    pays whom; `assessment` how counties do.
    `missing` names the counties without an account, `incomplete` what lacks in accounts that are not
    whole: both empty unless a partial province was allowed.
    """

    entries: list[dict[str, Any]]
    pool: pd.DataFrame
    counties: pd.DataFrame
    prefectures: pd.DataFrame
    services: pd.Series
    reference: pd.DataFrame
    plausibility: pd.DataFrame
    registration: pd.DataFrame
    compensation: Compensation
    assessment: Assessment
    missing: list[str]
    incomplete: pd.Series

    @property
    def files(self) -> dict[str, pd.DataFrame]:
        """The tables that are kept beside the ledger: those of compensation and assessment."""
        return {**self.compensation.files, **self.assessment.files}


class PlausibilityParams(Params):
    """Bounds outside which a county's result is looked at."""

    gep_per_km2_wan: dict[str, float] = parameter("1e4 CNY km-2 a-1", "单位面积 GEP")
    gep_to_gdp: dict[str, float] = parameter("1", "GEP 与 GDP 之比")
    regulating_share: dict[str, float] = parameter("1", "调节服务占比")
    climate_share: dict[str, float] = parameter("1", "气候调节占比")


def compute(run: Run) -> Bulletin:
    """Return the bulletin of the run's year.

    Raises
    ------
    CoverageError
        When counties are missing and a partial province was not allowed.
    """
    pool = province.read(run)
    names = counties.read()
    assessed = assessment.of_province(run, pool)
    both = assessed.topics["dual"]
    levels = both.table("levels").copy()
    levels.insert(0, "name_zh", names["name_zh"])
    levels.insert(1, "prefecture", names["prefecture"])
    paid = compensation.of_province(run, pool)
    net = flows.by_county(paid.flows)["net_cny"]
    levels["compensation_cny"] = net.reindex(levels.index, fill_value=0.0)
    for category in CATEGORY_ZH:
        levels[f"{category}_cny"] = province.county_values(
            pool, "gep", category, "value", "current"
        )
    growth = province.county_values(pool, "gep", "gep", "growth", "comparable")
    levels["gep_growth"] = growth.reindex(levels.index)
    money = [column for column in levels if column.endswith("_cny") and "per_km2" not in column]
    prefectures = levels.groupby("prefecture")[[*money, "land_area_km2"]].sum()
    prefectures["gep_per_km2_cny"] = prefectures["gep_cny"] / prefectures["land_area_km2"]
    services = pool[
        (pool["account"] == "services")
        & (pool["measure"] == "value")
        & (pool["price_basis"] == "current")
    ]
    missing = sorted(set(names.index) - set(levels.index))
    return Bulletin(
        entries=[
            *_entries(run, pool, assessed.evidence.drawn),
            *_compensation(run, paid),
            *assessed.entries,
        ],
        pool=pool,
        counties=levels.sort_values("gep_cny", ascending=False),
        prefectures=prefectures.sort_values("gep_cny", ascending=False),
        services=services.groupby("item")["value"].sum().sort_values(ascending=False),
        reference=_reference(levels, assessed.evidence.drawn),
        plausibility=_plausibility(
            levels, pool, run.params.section("plausibility", PlausibilityParams)
        ),
        registration=_registration(pool),
        compensation=paid,
        assessment=assessed,
        missing=missing,
        incomplete=province.incomplete(pool),
    )


def _registration(pool: pd.DataFrame) -> pd.DataFrame:
    """Return the counties' registers summed by prefecture, the province last (确权登记汇总).

    Returns
    -------
    DataFrame indexed by prefecture, columns `REGISTERED` and `share`, of important units registered
    """
    table = pd.DataFrame(
        {
            name: province.county_values(pool, "registration", *place)
            for name, place in REGISTERED.items()
        }
    ).fillna(0.0)
    sums = table.groupby(counties.read()["prefecture"]).sum()
    sums.loc[WHOLE] = table.sum()
    sums["share"] = sums["important_registered"] / sums["important"].where(sums["important"] > 0)
    return sums


def _entries(
    run: Run, pool: pd.DataFrame, drawn: Mapping[str, pd.DataFrame]
) -> list[dict[str, Any]]:
    """Return the province's rows: sums of its counties' accounts, growth, bands, what moves GEP."""
    rows = _whole_rows(pool)
    keys = ["account", "item", "measure", "price_basis", "price_year", "unit"]
    made = [
        ledger.entry(
            account,
            item,
            measure,
            group["value"].sum(),
            unit,
            origin=ledger.weakest(group["origin"]),
            quality=max(group["quality"], key=_rank),
            method_id=METHOD,
            price_basis=basis,
            price_year=None if pd.isna(price_year) else int(price_year),
            note=_common_note(group["note"]),
        )
        for (account, item, measure, basis, price_year, unit), group in rows.groupby(
            keys, dropna=False
        )
    ]
    made += _growth(made, ledger.weakest(rows["origin"]))
    if set(drawn) >= set(pool["county_code"]):
        whole = functools.reduce(lambda a, b: a.add(b, fill_value=0.0), drawn.values())
        made = uncertainty.with_bands(made, uncertainty.bands(whole), pd.DataFrame())
        made += _sensitivity(run, pool, province.read_sobol(run))
    registers = pool[pool["account"] == "registration"]
    made += [
        ledger.entry(
            "registration",
            item,
            measure,
            own["value"].sum(),
            own["unit"].iloc[0],
            origin=ledger.weakest(own["origin"]),
            quality=max(own["quality"], key=_rank),
            method_id=METHOD,
        )
        for item, measure in REGISTERED.values()
        if len(own := registers[(registers["item"] == item) & (registers["measure"] == measure)])
    ]
    made.append(
        ledger.entry(
            "statistics",
            "counties",
            "received",
            pool["county_code"].nunique(),
            "1",
            origin="observed",
            method_id=METHOD,
            note=f"expected {len(counties.read())}",
        )
    )
    return made


def _whole_rows(pool: pd.DataFrame) -> pd.DataFrame:
    """Return the rows to sum: of accounts that every county of the ledgers has, and of such years.

    Counties computed in brief have no SEEA tables, no explanation of change and no other standards, and
    one may lack an earlier year; the sum of the rest would pass for the province's.
    """
    rows = pool[pool["account"].isin(SUMMED) & (pool["unit"] != "1")]
    dated = rows["account"].isin([history.ACCOUNT, history.CHANGES])
    part = rows["account"] + rows["measure"].where(dated, "")
    held = rows.groupby(part)["county_code"].transform("nunique")
    return rows[held == pool["county_code"].nunique()]


def _compensation(run: Run, paid: Compensation) -> list[dict[str, Any]]:
    """Return the province's rows of compensation: what was paid by scheme, and the province's own net."""

    def row(item: str, measure: str, amount: float, behind: pd.DataFrame) -> dict[str, Any]:
        """Return a row with the origin and quality of the payments behind it."""
        return ledger.entry(
            compensation.ACCOUNT, item, measure, round(amount, 2), "CNY",
            origin=ledger.weakest(behind["origin"]), quality=worst(behind["quality"]),
            method_id=compensation.METHOD, price_basis="current", price_year=run.year,
        )  # fmt: skip

    rows = [
        row(str(scheme), "paid", own["amount_cny"].sum(), own)
        for scheme, own in paid.flows.groupby("scheme")
    ]
    net = flows.by_party(paid.flows)["net_cny"]
    if parties.PROVINCE in net.index:
        rows.append(row("province", "net", net[parties.PROVINCE], paid.flows))
    return rows


def _rank(confidence: str) -> int:
    """Return how weak a confidence is, for comparison."""
    return CONFIDENCES.index(confidence) if confidence in CONFIDENCES else -1


def _common_note(notes: pd.Series) -> str:
    """Return the note that most counties have on a figure."""
    counts = notes[notes != ""].value_counts()
    return "" if counts.empty else str(counts.index[0])


def _growth(made: list[dict[str, Any]], origin: str) -> list[dict[str, Any]]:
    """Return the rows of growth at comparable prices, also under long-term weather."""
    gep = {
        r["measure"]: r["value"]
        for r in made
        if r["account"] == "gep" and r["item"] == "gep" and r["price_basis"] == "comparable"
    }
    pairs = {
        "growth": ("value", "value_previous_year"),
        "growth_normal_weather": ("value_normal_weather", "value_previous_year_normal_weather"),
    }
    return [
        ledger.entry(
            "gep",
            "gep",
            name,
            gep[now] / gep[before] - 1,
            "1",
            origin=origin,
            method_id=METHOD,
            price_basis="comparable",
        )
        for name, (now, before) in pairs.items()
        if gep.get(before) and now in gep
    ]


def _sensitivity(run: Run, pool: pd.DataFrame, sobol: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of what moves the province's GEP; errors of own tables as a group each."""
    settings = run.params.section(uncertainty.SECTION, uncertainty.UncertaintyParams)
    rows = pool[pool["account"] == uncertainty.SENSITIVITY]
    gep = province.county_values(pool, "gep", "gep", "value", "current")
    indices = uncertainty.sobol_indices(sobol, settings.seed)
    made = []
    for name, own in rows.groupby("item"):
        quality = own["quality"].iloc[0]
        common: dict[str, Any] = {
            "origin": ledger.weakest(own["origin"]),
            "quality": quality,
            "method_id": METHOD,
        }
        for measure in ("gep_low", "gep_high"):
            found = own[own["measure"] == measure].set_index("county_code")["value"]
            moved = gep.sum() + (found - gep[found.index]).sum()
            money: dict[str, Any] = {"price_basis": "current", "price_year": run.year}
            made.append(
                ledger.entry(
                    uncertainty.SENSITIVITY, str(name), measure, moved, "CNY", **common, **money
                )
            )
        made += [
            ledger.entry(
                uncertainty.SENSITIVITY, str(name), face, indices.loc[name, face], "1", **common
            )
            for face in ("first", "total")
        ]
    return made


def _plausibility(
    levels: pd.DataFrame, pool: pd.DataFrame, bounds: PlausibilityParams
) -> pd.DataFrame:
    """Return each bound with the counties beyond it (合理性检查).

    Returns
    -------
    DataFrame indexed by figure, columns low, high, median, below, above (Chinese names)
    """
    climate = province.county_values(pool, "services", "climate_regulation", "share")
    figures = {
        "gep_per_km2_wan": levels["gep_cny"] / levels["land_area_km2"] / WAN,
        "gep_to_gdp": levels["gep_to_gdp"],
        "regulating_share": levels["regulating_cny"] / levels["gep_cny"],
        "climate_share": climate.reindex(levels.index),
    }
    rows = {}
    for name, values in figures.items():
        bound = getattr(bounds, name)
        rows[name] = {
            **bound,
            "median": values.median(),
            "below": "、".join(levels["name_zh"][values < bound["low"]]),
            "above": "、".join(levels["name_zh"][values > bound["high"]]),
        }
    return pd.DataFrame(rows).T


def _reference(levels: pd.DataFrame, draws: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return published results beside those of this run and their 90 % interval (回测)."""
    table = pd.read_csv(paths.PARAMS / "reference_results.csv", dtype={"county_code": "str"})
    rows = []
    for row in table.itertuples():
        own = isinstance(row.county_code, str)
        codes = [row.county_code] if own else levels.index[levels["prefecture"] == row.prefecture]
        here = [code for code in codes if code in levels.index]
        known = [draws[code].sum(axis=1) for code in here if code in draws]
        whole = sum(known) if known and len(known) == len(here) else pd.Series(dtype="float64")
        rows.append(
            {
                "run_gep_cny_1e8": levels.loc[here, "gep_cny"].sum() / YI if here else np.nan,
                "low": whole.quantile(uncertainty.LOW) / YI,
                "high": whole.quantile(uncertainty.HIGH) / YI,
            }
        )
    table = table.join(pd.DataFrame(rows))
    table["ratio"] = table["run_gep_cny_1e8"] / table["gep_cny_1e8"]
    return table
