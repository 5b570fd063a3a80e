"""Loans and guarantees, green options, pools of income rights, carbon accounts (绿色金融登记)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gepbook.counties import group
from gepbook.inputs.illustrative import draw
from gepbook.inputs.registers import between, choose, day_between
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

WAN = 10_000  # 万元
STEP = 1_000_000  # loans are told in whole 百万元
PILOTS = ("湖州市", "衢州市")


def make(basis: Basis) -> Tables:
    """Return the registers of green finance."""
    return {
        "loans": loans(basis),
        "green_options": options(basis),
        "income_pools": pools(),
        "pool_tranches": tranches(),
        "carbon_accounts": carbon_accounts(basis),
    }


def loans(basis: Basis) -> pd.DataFrame:
    """Return loans, green loans and guarantees of every county and year."""
    gdp = basis.made.economy().set_index(["county_code", "year"])["gdp_cny"]
    rows = []
    for code in basis.codes:
        first = float(gdp[code, basis.years[0]])
        for year in basis.years:
            rows.append({"county_code": code, "year": year, **_loans_of(basis, code, year, first)})
    return pd.DataFrame(rows)


def _loans_of(basis: Basis, code: str, year: int, gdp: float) -> dict[str, float]:
    """Return a county's loans and guarantees of a year, from its GDP of the first."""
    rule, passed = numbers("finance"), year - basis.years[0]
    growth = (1 + between(rule["loans_growth"], code, "loans growth")) ** passed
    whole = gdp * between(rule["loans_on_gdp"], code, "loans") * growth
    share = between(rule["green_share_2020"], code, "green share")
    share += between(rule["green_share_rise"], code, "green rise") * passed
    if basis.registers.counties.loc[code, "prefecture"] in PILOTS:
        share += rule["pilot_green_share"]
    kind = "mountain26" if code in group("mountain26", year) else "other"
    left = basis.years[-1] - year
    lent = between(rule["gep_loans_cny"][kind], code, "gep loans")
    return {
        "loans_cny": _step(whole),
        "green_loans_cny": _step(whole * share),
        "gep_loans_cny": _step(lent * (1 + rule["gep_loans_growth"]) ** -left),
        **_guarantees(code, year),
    }


def _step(amount: float) -> float:
    """Return money in whole steps."""
    return float(round(amount / STEP) * STEP)


def _guarantees(code: str, year: int) -> dict[str, float]:
    """Return a county's guarantees of a year; zeros where it has no guarantor."""
    rule, key = numbers("finance"), f"{code} {year}"
    if draw(code, "no guarantor") < rule["no_guarantor_chance"]:
        return dict.fromkeys(
            ("guaranteed_cny", "guarantee_capital_cny", "guarantee_losses_cny"), 0.0
        )
    high = rule["high_leverage"]
    steep = draw(code, "steep") < high["chance"]
    multiple = between(high["range"] if steep else rule["leverage"], key, "leverage")
    capital = _step(between(rule["guarantee_capital_cny"], code, "capital"))
    balance = _step(capital * multiple)
    lost = round(balance * between(rule["loss_rate"], key, "losses") / WAN) * WAN
    return {
        "guaranteed_cny": balance,
        "guarantee_capital_cny": capital,
        "guarantee_losses_cny": float(lost),
    }


def options(basis: Basis) -> pd.DataFrame:
    """Return the contracts of green options."""
    rule = numbers("finance")
    rows: list[dict[str, Any]] = []
    for number, wanted in enumerate(rule["options"], start=1):
        code, year = wanted["county_code"], wanted["year"]
        option = f"LQ{number:02d}"
        signed = day_between((f"{year}-03-01", f"{year}-11-30"), option, "signed")
        worth = wanted["trees"] * wanted["value"] * wanted["share"] / 100
        premium = worth * between(rule["premium_by_trees"], option, "premium")
        county = basis.registers.counties.loc[code, "name_zh"]
        rows.append(
            {
                "option_id": option,
                "county_code": code,
                "year": year,
                "name": f"{county}{wanted['village']}",
                "investor": f"示例企业{number}",
                "trees": wanted["trees"],
                "area_ha": round(wanted["trees"] * rule["tree_ha"], 1),
                "tree_age_year": float(wanted["age"]),
                "tree_value_cny": float(wanted["value"]),
                "share_percent": float(wanted["share"]),
                "signed_on": signed,
                "matures_on": f"{year + wanted['term']}{signed[4:]}",
                "exercise_cny": float(wanted["exercise"]),
                "guaranteed_cny": float(wanted["guaranteed"]),
                "premium_cny": float(round(premium / WAN) * WAN),
            }
        )
    return pd.DataFrame(rows)


def pools() -> pd.DataFrame:
    """Return the expected cash of every pool, right and year."""
    rule = numbers("finance")
    rows = [
        {
            "pool_id": pool["id"],
            "county_code": pool["county_code"],
            "year": pool["year"],
            "name": pool["name"],
            "income": income,
            "due_year": year,
            "expected_cny": float(
                round(mean * between(rule["pool_swing"], f"{pool['id']} {income}", str(year))) * WAN
            ),
        }
        for pool in rule["pools"]
        for income, mean in pool["incomes"].items()
        for year in range(pool["year"] + 1, pool["year"] + 1 + pool["years"])
    ]
    return pd.DataFrame(rows)


def tranches() -> pd.DataFrame:
    """Return the tranches of every pool."""
    rows = [
        {
            "pool_id": pool["id"],
            "county_code": pool["county_code"],
            "year": pool["year"],
            "tranche": tranche,
            "size_cny": float(size * WAN),
            "coupon_percent": float(coupon),
        }
        for pool in numbers("finance")["pools"]
        for tranche, (size, coupon) in pool["tranches"].items()
    ]
    return pd.DataFrame(rows)


def carbon_accounts(basis: Basis) -> pd.DataFrame:
    """Return emission and value added of the enterprises under account, by code name."""
    rule = numbers("finance")
    benchmarks = rule["carbon_benchmark_kg_cny"]
    rows = []
    for code, size in sorted(rule["carbon_counties"].items()):
        for number in range(1, size + 1):
            name = f"{code}-E{number:02d}"
            sector = choose(list(benchmarks), name, "sector")
            ratio = between(rule["carbon_ratio"], name, "ratio")
            earned = between(rule["carbon_value_added_cny"], name, "value added")
            for year in basis.years:
                fall = between(rule["carbon_fall"], f"{name} {year}", "fall")
                ratio *= 1 - fall if year != basis.years[0] else 1
                rows.append(
                    {
                        "enterprise_id": name,
                        "county_code": code,
                        "year": year,
                        "sector": sector,
                        "emission_t": float(round(ratio * benchmarks[sector] * earned / 1000)),
                        "value_added_cny": float(round(earned / WAN) * WAN),
                    }
                )
    return pd.DataFrame(rows)
