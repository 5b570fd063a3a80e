"""Industry and brand: eco-tourism, characteristic products, the premium of brands (产业与品牌)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from gepbook import counties, ledger
from gepbook.assessment.brand.checks import check
from gepbook.assessment.brand.industry import certification, deflated, with_ratios
from gepbook.assessment.brand.premium import extra_income, premiums, read_pairs
from gepbook.assessment.brand.rules import (
    BRANDS,
    FINDING_ZH,
    PRODUCTS,
    SECTION,
    TOURISM,
    BrandParams,
)
from gepbook.assessment.targets.rules import SECTION as TARGETS
from gepbook.assessment.targets.rules import TargetParams
from gepbook.assessment.topic import ACCOUNT, GROUP_ZH, Evidence, Topic, TopicResult, card
from gepbook.prices import PriceBook

METHOD = f"design/{SECTION}"
PERCENT = 100.0
#: Group of all counties together.
WHOLE = "province"
#: Of a brand or county that sold nothing in the year, but in one of those before.
NONE_SOLD = {"sales_cny": 0.0, "lines": 0, "unmatched": 0, "counties": 0}
#: Table of counties → table of groups.
GROUPED = {
    "tourism": "tourism_groups",
    "certification": "certification_groups",
    "premiums": "premium_groups",
}


def compute(evidence: Evidence, before: Mapping[str, TopicResult]) -> TopicResult:
    """Return industry, premium and certification of all counties, brands and groups."""
    rules = evidence.rules(SECTION, BrandParams)
    lacking = set(evidence.registers.lacking(TOURISM, PRODUCTS, BRANDS))
    tables: dict[str, pd.DataFrame] = {}
    if TOURISM not in lacking:
        tables |= _tourism_tables(evidence, rules)
    if PRODUCTS not in lacking:
        tables |= _product_tables(evidence, rules)
    if BRANDS not in lacking:
        tables |= _premium_tables(evidence, rules)
    return TopicResult(
        tables=tables,
        figures=list(_figures(evidence, tables)),
        cards=[*_premium_cards(evidence, tables, rules), *_tourism_cards(evidence, tables)],
        lacking=tuple(sorted(lacking)),
    )


def _grouped(frame: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """Return rows of counties twice: by `group`, and as those of the province."""
    codes = frame["county_code"]
    return pd.concat(
        [frame.assign(group=codes.map(evidence.groups)), frame.assign(group=WHOLE)],
        ignore_index=True,
    )


def _ranked(table: pd.DataFrame, column: str, step: float, evidence: Evidence) -> pd.DataFrame:
    """Return a table of counties with group, `rank` (1 = largest) and `of` in the group.

    Figures that are the same in steps of `step` share the better rank.
    """
    table = table.rename_axis("county_code").assign(group=evidence.groups[table.index])
    grouped = (table[column] / step).round().groupby(table["group"])
    rank = grouped.rank(ascending=False, method="min").astype("Int64")
    return table.assign(rank=rank, of=grouped.transform("count"))


def _tourism_tables(evidence: Evidence, rules: BrandParams) -> dict[str, pd.DataFrame]:
    """Return eco-tourism by county and by group (生态旅游)."""
    rows = evidence.registers.history(TOURISM)
    wide = rows.pivot_table(index="county_code", columns="year", values="value_added_cny")
    index = PriceBook.read().index(rules.tourism_price_index)
    past = deflated(wide, index, evidence.year).get(evidence.year - 1, wide[evidence.year] * np.nan)
    now = evidence.registers.table(TOURISM).set_index("county_code")
    known = now.index.intersection(evidence.county_codes)
    table = now.loc[known, ["value_added_cny", "income_cny", "visitors_person"]].assign(
        gdp_cny=evidence.values("statistics", "gdp", "value", "current").reindex(known),
        before_cny=past.reindex(known),
    )
    grouped = _grouped(table.reset_index(), evidence).drop(columns="county_code")
    sums = grouped.groupby("group").agg(lambda column: column.sum(skipna=False))
    groups = with_ratios(sums).assign(counties=grouped.groupby("group").size())
    return {
        "tourism": _ranked(with_ratios(table), "growth", rules.rank_step, evidence),
        "tourism_groups": _whole_enough(groups, evidence),
    }


def _whole_enough(groups: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """Return a table of groups; where too few `counties` report, the province has no figure."""
    least = evidence.rules(TARGETS, TargetParams).least_counties_share * len(counties.read())
    if groups.loc[WHOLE, "counties"] < least:
        groups.loc[WHOLE, groups.columns != "counties"] = np.nan
    return groups


def _product_tables(evidence: Evidence, rules: BrandParams) -> dict[str, pd.DataFrame]:
    """Return products, and certification beside its target by county and group (特色农产品)."""
    rows = evidence.registers.history(PRODUCTS)
    key = ["county_code", "product"]
    wide = rows.pivot_table(index=key, columns="year", values="output_value_cny")
    index = PriceBook.read().index(rules.product_price_index)
    past = deflated(wide, index, evidence.year).get(evidence.year - 1, wide[evidence.year] * np.nan)
    now = evidence.registers.table(PRODUCTS)
    now = now[now["county_code"].isin(evidence.county_codes)]
    lines = now[[*key, "quantity_t", "output_value_cny", "certified_percent"]]
    lines = lines.merge(past.rename("before_cny").reset_index(), how="left", on=key)
    output = lines["output_value_cny"]
    lines = lines.assign(
        value_added_cny=output * rules.value_added_rate,
        growth=output / lines["before_cny"].where(lines["before_cny"] != 0) - 1,
    )
    goal = evidence.rules(TARGETS, TargetParams).targets.get(rules.certification_target)
    certified = {
        "certification": certification(lines, "county_code"),
        "certification_groups": certification(_grouped(lines, evidence), "group"),
    }
    reporting = _grouped(lines, evidence).groupby("group")["county_code"].nunique()
    for name, table in certified.items():
        wanted = goal.value if goal else np.nan
        certified[name] = table.assign(
            target_percent=wanted, gap_percent=wanted - table["certified_percent"]
        )
    step = PERCENT * rules.rank_step
    ranked = _ranked(certified["certification"], "certified_percent", step, evidence)
    groups = certified["certification_groups"].assign(counties=reporting)
    return {
        "certification": ranked,
        "certification_groups": _whole_enough(groups, evidence),
        "products": lines,
    }


def _premium_tables(evidence: Evidence, rules: BrandParams) -> dict[str, pd.DataFrame]:
    """Return premiums by brand, county and group, what they brought, and what has no control."""
    rows = evidence.registers.history(BRANDS)
    rows = rows[rows["county_code"].isin(evidence.county_codes)]
    pairs = read_pairs(rows[rows["year"] > evidence.year - rules.premium_years])
    now = rows[rows["year"] == evidence.year]
    price, control = now["branded_price_cny_t"], now["control_price_cny_t"]
    lines = now.assign(
        sales_cny=now["branded_quantity_t"] * price,
        extra_cny=extra_income(now),
        premium=price / control - 1,
        unmatched=control.isna(),
    )
    tables = {"brand_lines": lines.reset_index(names="line")}
    for by, name in (("brand", "brands"), ("county_code", "premiums"), ("group", "premium_groups")):
        sums = _grouped(lines, evidence) if by == "group" else lines
        found = premiums(_grouped(pairs, evidence) if by == "group" else pairs, by, rules)
        joined = found.join(_sold(sums, by), how="outer").rename_axis(by)
        tables[name] = joined.fillna(NONE_SOLD)
    tables["premiums"] = _ranked(tables["premiums"], "premium", rules.rank_step, evidence)
    return tables


def _sold(lines: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return branded sales of the year, the extra income of those with a control, rows without one."""
    grouped = lines.groupby(by)
    return pd.DataFrame(
        {
            "sales_cny": grouped["sales_cny"].sum(),
            "extra_cny": grouped["extra_cny"].sum(min_count=1),
            "lines": grouped.size(),
            "unmatched": grouped["unmatched"].sum(),
            "counties": grouped["county_code"].nunique(),
        }
    )


def _figures(
    evidence: Evidence, tables: Mapping[str, pd.DataFrame]
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Give the ledger rows of counties and of the province."""
    money = {"price_basis": "current", "price_year": evidence.year}
    faces: tuple[tuple[str, str, str, str, str, dict[str, Any]], ...] = (
        ("tourism", TOURISM, "value_added_cny", "value", "CNY", money),
        ("tourism", TOURISM, "share_of_gdp", "share_of_gdp", "1", {}),
        ("tourism", TOURISM, "growth", "growth", "1", {"price_basis": "comparable"}),
        ("certification", PRODUCTS, "value_added_cny", "value", "CNY", money),
        ("certification", PRODUCTS, "certified_percent", "certified", "percent", {}),
        ("premiums", BRANDS, "extra_cny", "extra_income", "CNY", money),
        ("premiums", BRANDS, "premium", "premium", "1", {}),
    )
    for name, register, column, measure, unit, basis in faces:
        if name not in tables:
            continue
        whole = tables[GROUPED[name]].loc[[WHOLE]]
        for owner, row in pd.concat([tables[name], whole]).dropna(subset=[column]).iterrows():
            bounds = {"low": row["low"], "high": row["high"]} if measure == "premium" else {}
            yield None if owner == WHOLE else str(owner), ledger.entry(
                ACCOUNT, f"{SECTION}.{register}", measure, row[column], unit,
                origin=evidence.origin(register, accounts=column == "share_of_gdp"),
                method_id=METHOD, quality=evidence.quality(SECTION), **basis, **bounds,
            )  # fmt: skip


def _premium_cards(
    evidence: Evidence, tables: Mapping[str, pd.DataFrame], rules: BrandParams
) -> Iterator[dict[str, Any]]:
    """Give the scorecard lines of the counties with a premium."""
    found = tables.get("premiums", pd.DataFrame(columns=["premium"])).dropna(subset=["premium"])
    for row in found.itertuples():
        yield card(
            str(row.Index), "品牌溢价率", PERCENT * row.premium, "percent",
            peer=0.0, peer_zh="无溢价",
            low=None if pd.isna(row.low) else PERCENT * row.low,
            high=None if pd.isna(row.high) else PERCENT * row.high,
            rank=int(row.rank), of=int(row.of), light=rules.lights[row.finding],
            reason=f"{FINDING_ZH[row.finding]}；在{GROUP_ZH[row.group]}中排位",
            origin=evidence.origin(BRANDS), quality=evidence.quality(SECTION),
        )  # fmt: skip


def _tourism_cards(
    evidence: Evidence, tables: Mapping[str, pd.DataFrame]
) -> Iterator[dict[str, Any]]:
    """Give the scorecard lines of eco-tourism's growth; one year of it has no light."""
    found = tables.get("tourism", pd.DataFrame(columns=["growth"])).dropna(subset=["growth"])
    for row in found.itertuples():
        group = tables["tourism_groups"].loc[row.group, "growth"]
        yield card(
            str(row.Index), "生态旅游增加值增长", PERCENT * row.growth, "percent",
            peer=None if pd.isna(group) else PERCENT * group, peer_zh=GROUP_ZH[row.group],
            rank=int(row.rank), of=int(row.of),
            reason="可比价；单年增长受上年基数影响，不评，累计增长见目标跟踪",
            origin=evidence.origin(TOURISM), quality=evidence.quality(SECTION),
        )  # fmt: skip


TOPIC = Topic(
    id=SECTION,
    name_zh="产业与品牌",
    name_en="Industry and brands",
    source="浙委办发〔2021〕82号 四(一) 创新产业化经营模式, 四(二) 促进生态产品价值增值",
    sections={SECTION: BrandParams},
    tables=(TOURISM, PRODUCTS, BRANDS),
    compute=compute,
    check=check,
)
