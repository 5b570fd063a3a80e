"""Offsetting what projects occupy (生态占补平衡).

Whoever occupies an ecosystem makes good what it gave, service by service in physical quantity, by sites
restored elsewhere; what no site makes good is paid for. Years are balanced in turn from the pack's first,
each on the hectares that earlier ones left, by the accounts of that year: so the registry of any year
holds the earlier ones unchanged, and no hectare serves twice.
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd

from gepbook import ledger, params
from gepbook.accounting import sites
from gepbook.compensation import flows, parties
from gepbook.compensation.horizontal import basin
from gepbook.compensation.offset import registers
from gepbook.compensation.offset.rules import SECTION, OffsetParams
from gepbook.compensation.offset.year import (
    BALANCE,
    CREDITS,
    PROJECTS,
    REGISTRY,
    Balanced,
    balance_year,
    by_quantity,
    memberships,
)
from gepbook.compensation.scheme import Scheme, SchemeResult
from gepbook.grid import HECTARE_M2
from gepbook.province import Province

ID = "offset"
METHOD = "design/offset"
AMOUNTS = ("loss", "required", "credited", "shortfall")
YEARLY = {"registry": REGISTRY, "credits": CREDITS, "balance": BALANCE, "projects": PROJECTS}
SITES = [
    "county_code", "site_id", "name", "kind", "year", "after_type", "area_ha", "value_before",
    "value_after",
]  # fmt: skip
SUPPLY = [
    "county_code", "offset_id", "name", "year", "after_type", "area_ha", "used_ha", "free_ha",
    "maturity_year", "unit_cost_cny_ha",
]  # fmt: skip


def compute(province: Province) -> SchemeResult:
    """Return the registry and balances until the year, and the payments of the year."""
    lacking = province.registers.lacking(sites.LAYER)
    if lacking:
        return SchemeResult(lacking=tuple(lacking))
    rules = province.rules(SECTION, OffsetParams)
    basins = memberships(basin.read_links())
    features = _features(province.registers.vector(sites.LAYER))
    free_ha = features.loc[features["kind"] == "offset", "area_ha"].copy()
    pool = province.pool[province.pool["account"] == sites.ACCOUNT]
    found, skipped = [], [features.iloc[:0]]
    for year in sorted(set(features.loc[features["kind"] == "occupation", "year"])):
        read = sites.read(pool, None if year == province.year else year)
        accounts = by_quantity(read, rules.one_quantity)
        wanted = features[
            ((features["kind"] == "occupation") & (features["year"] == year))
            | ((features["kind"] == "offset") & (features["year"] <= year))
        ]
        known = wanted.index.isin(accounts.index.get_level_values(0))
        skipped.append(wanted[~known & (wanted["kind"] == "occupation").to_numpy()])
        if not (wanted["kind"][known] == "occupation").any():
            continue
        done = balance_year(year, wanted[known], accounts, free_ha, rules, basins)
        used = done.hectares.sum().reindex(free_ha.index, fill_value=0.0)
        free_ha = (free_ha - used).clip(lower=0.0)
        found.append(done)
    tables = {name: _joined(found, name, columns) for name, columns in YEARLY.items()}
    tables["supply"] = _supply_table(features, free_ha)
    tables["sites"] = _site_table(province, pool)
    tables["unaccounted"] = pd.concat(skipped)[["county_code", "year", "name"]].reset_index()
    marks = _marks(province, pool)
    return SchemeResult(
        flows=_flows(tables, features, province.year, marks),
        tables=tables,
        figures=_figures(tables, province.year, marks),
    )


def _joined(found: list[Balanced], name: str, columns: list[str]) -> pd.DataFrame:
    """Return a table of all years."""
    parts = [part for done in found if len(part := getattr(done, name))]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _features(frame: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return occupations and offsets indexed by site_id with their area."""
    own = frame[frame["kind"].isin(("occupation", "offset"))]
    area = own.geometry.area / HECTARE_M2
    table = pd.DataFrame(own.drop(columns="geometry")).assign(area_ha=area)
    return table.set_index("site_id").sort_index()


def _supply_table(features: pd.DataFrame, free_ha: pd.Series) -> pd.DataFrame:
    """Return the offset sites with what was used of them until the year and what is left."""
    table = features[features["kind"] == "offset"].assign(free_ha=free_ha)
    table["used_ha"] = table["area_ha"] - table["free_ha"]
    return table.rename_axis("offset_id").reset_index().reindex(columns=SUPPLY)


def _site_table(province: Province, pool: pd.DataFrame) -> pd.DataFrame:
    """Return what each site yields before and after its change, CNY a-1, all kinds of sites."""
    frame = province.registers.vector(sites.LAYER)
    area = frame.geometry.area / HECTARE_M2
    table = pd.DataFrame(frame.drop(columns="geometry")).assign(area_ha=area)
    worth = sites.read(pool)[["value_before", "value_after"]].groupby(level="site_id").sum()
    table = table.merge(worth, how="left", left_on="site_id", right_index=True)
    return table.reindex(columns=SITES).sort_values("site_id", ignore_index=True)


def _marks(province: Province, rows: pd.DataFrame) -> dict[str, Any]:
    """Return origin and quality of what follows from the accounts of the sites and the rules."""
    qualities = (q for q in rows["quality"].unique() if q)
    return {
        "origin": ledger.weakest([province.origin(sites.LAYER), *rows["origin"].unique()]),
        "quality": params.worst([province.quality(SECTION), *qualities]),
    }


def _flows(
    tables: dict[str, pd.DataFrame], features: pd.DataFrame, year: int, marks: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return what developers of the year pay to the holders of offset sites and the government."""
    names = features["name"]
    registry = tables["registry"]
    paid = [
        flows.flow(
            scheme=ID,
            rule=f"{SECTION}/site",
            payer=parties.private(row.county_code, "enterprises"),
            payee=parties.private(row.offset_county_code, "collectives"),
            basis=f"{row.project_id} {names[row.project_id]}，"
            f"由 {row.offset_id} 补偿 {row.area_ha:.4f} ha",
            amount_cny=row.cost_cny,
            **marks,
        )
        for row in registry[registry["year"] == year].itertuples()
    ]
    projects = tables["projects"]
    own = projects[(projects["year"] == year) & (projects["money_cny"] > 0)]
    return paid + [
        flows.flow(
            scheme=ID,
            rule=f"{SECTION}/money",
            payer=parties.private(row.county_code, "enterprises"),
            payee=row.county_code,
            basis=f"{row.project_id} {row.name}，地块未能补足的功能量",
            amount_cny=row.money_cny,
            **marks,
        )
        for row in own.itertuples(index=False)
    ]


def _figures(
    tables: dict[str, pd.DataFrame], year: int, marks: dict[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """Return the ledger rows of the year's projects and of the offset sites."""

    def entry(item: str, measure: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
        return ledger.entry(
            "compensation", item, measure, value, unit, method_id=METHOD, **marks, **more
        )

    money: dict[str, Any] = {"price_basis": "current", "price_year": year}
    rows = []
    for p in tables["projects"].query("year == @year").itertuples():
        item = f"{ID}.{p.project_id}"
        rows += [
            (p.county_code, entry(item, "area", p.area_ha, "ha")),
            (p.county_code, entry(item, "offset_area", p.offset_ha, "ha")),
            (p.county_code, entry(item, "loss", p.loss_cny, "CNY", **money)),
            (p.county_code, entry(item, "cost", p.cost_cny, "CNY", **money)),
            (p.county_code, entry(item, "money", p.money_cny, "CNY", **money)),
        ]
    for b in tables["balance"].query("year == @year").itertuples():
        item = f"{ID}.{b.project_id}.{b.quantity}"
        rows += [(b.county_code, entry(item, name, getattr(b, name), b.unit)) for name in AMOUNTS]
    for s in tables["supply"].itertuples():
        item = f"{ID}.{s.offset_id}"
        rows += [
            (s.county_code, entry(item, "used_area", s.used_ha, "ha")),
            (s.county_code, entry(item, "free_area", s.free_ha, "ha")),
        ]
    return rows


SCHEME = Scheme(
    id=ID,
    name_zh="生态占补平衡",
    name_en="Offsetting of occupied ecosystems",
    source="浙委办发〔2021〕82号 三(三)；系数与折现为本工具建议",
    sections={SECTION: OffsetParams},
    tables=(sites.LAYER, "redline_zones"),
    compute=compute,
    check=registers.check,
)
