"""Funds, their sources and their use; posts and forests of public welfare; energy (资金、岗位与能耗)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gepbook.inputs.illustrative import draw
from gepbook.inputs.registers import between
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

STEP = 10_000  # funds are planned in whole 万元
KM2_PER_HA = 0.01


def make(basis: Basis) -> Tables:
    """Return the registers of vertical compensation."""
    return {
        "compensation_funds": funds(basis),
        "fund_sources": sources(basis),
        "ecological_livelihoods": livelihoods(basis),
        "energy_use": energy(basis),
    }


def _plan_share(basis: Basis) -> pd.Series:
    """Return each county's share in the plans."""
    weights, made = numbers("funds")["plan_weights"], basis.made
    parts = {"forest": made.forest, "people": made.people, "size": made.size}
    share = sum(weights[name] * part / part.sum() for name, part in parts.items())
    varied = share * made.varied("plan")
    return varied / varied.sum()


def _city_budgets(basis: Basis) -> pd.Series:
    """Return each prefecture's own pool, CNY a-1, by name."""
    area_km2 = basis.made.size.groupby(basis.registers.counties["prefecture"]).sum() * KM2_PER_HA
    return (area_km2 * numbers("funds")["prefecture_cny_km2"] / STEP).round() * STEP


def funds(basis: Basis) -> pd.DataFrame:
    """Return what was planned, paid and used in each county, and its effect."""
    rule, share = numbers("funds"), _plan_share(basis)
    prefecture = basis.registers.counties["prefecture"]
    own = share / share.groupby(prefecture).transform("sum")
    plans = {
        "provincial": share * rule["provincial_cny"],
        "prefecture": own * prefecture.map(_city_budgets(basis)),
    }
    rows: list[dict[str, Any]] = []
    for code in basis.codes:
        for year in basis.years:
            for fund, plan in plans.items():
                key = f"{code} {year} {fund}"
                planned = round(float(plan[code]) / STEP) * STEP
                paid = round(planned * between(rule["paid_share"], key, "paid") / STEP) * STEP
                slow = draw(key, "slow") < rule["slow_chance"]
                part = rule["slow_share" if slow else "used_share"]
                rows.append(
                    {
                        "county_code": code,
                        "year": year,
                        "fund": fund,
                        "planned_cny": planned,
                        "paid_cny": paid,
                        "used_cny": round(paid * between(part, key, "used") / STEP) * STEP,
                        "effect_score": round(between(rule["effect"], key, "effect"), 1),
                    }
                )
    return pd.DataFrame(rows)


def sources(basis: Basis) -> pd.DataFrame:
    """Return what the funds come from besides the province's budget."""
    rule = numbers("funds")
    seats = basis.registers.counties.groupby("prefecture", sort=False).head(1)
    rows: list[dict[str, Any]] = []
    for year in basis.years:
        given = [
            (str(code), "prefecture", "appropriation", float(_city_budgets(basis)[prefecture]))
            for code, prefecture in seats["prefecture"].items()
        ]
        for kind in ("bond", "donation", "industry_fund"):
            given += [(g["county_code"], "provincial", kind, g["cny"]) for g in rule[f"{kind}s"]]
        for number, (code, fund, kind, amount) in enumerate(given, start=1):
            rows.append(
                {
                    "source_id": f"ZJ{year}-{number:02d}",
                    "county_code": code,
                    "year": year,
                    "fund": fund,
                    "kind": kind,
                    "amount_cny": amount,
                }
            )
    return pd.DataFrame(rows)


def livelihoods(basis: Basis) -> pd.DataFrame:
    """Return public-welfare posts and forests."""
    rule, forest = numbers("funds"), basis.made.forest
    rows = []
    for code in basis.codes:
        for year in basis.years:
            posts = rule["least_posts"] + rule["post_per_forest_ha"] * float(forest[code])
            share = between(rule["public_forest_share"], code, "public forest")
            rows.append(
                {
                    "county_code": code,
                    "year": year,
                    "posts": round(posts * (0.9 + 0.2 * draw(f"{code} {year}", "posts"))),
                    "post_wage_cny": round(between(rule["post_wage_cny"], code, "wage"), -2),
                    "public_forest_ha": round(share * float(forest[code]), 1),
                }
            )
    return pd.DataFrame(rows)


def energy(basis: Basis) -> pd.DataFrame:
    """Return energy consumption, which falls by GDP from year to year in most counties."""
    rule = numbers("funds")
    gdp = basis.made.economy().set_index(["county_code", "year"])["gdp_cny"]
    rows = []
    for code in basis.codes:
        intensity = between(rule["energy_tce_per_1e4_cny"], code, "energy")
        for year in basis.years:
            fall = between(rule["energy_fall_percent"], f"{code} {year}", "fall")
            intensity *= 1 - fall / 100 if year != basis.years[0] else 1
            tonnes = intensity * float(gdp[code, year]) / 1e4
            rows.append({"county_code": code, "year": year, "energy_tce": round(tonnes)})
    return pd.DataFrame(rows)
