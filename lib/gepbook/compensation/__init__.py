"""Compensation (生态保护补偿): what each county receives, by scheme; one file per scheme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from gepbook import ledger
from gepbook.accounting import pool as province
from gepbook.compensation import vertical
from gepbook.run import Run

SECTION = "vertical_compensation"
METHOD = "design/vertical"


@dataclass(frozen=True)
class Compensation:
    """The compensation of one county and year, beside that of the whole province.

    `allocation` holds every county's amount in CNY, `factors` what it was shared by, `shares` the
    share that each factor brought; all indexed by county code.
    """

    entries: list[dict[str, Any]]
    allocation: pd.Series
    factors: pd.DataFrame
    shares: pd.DataFrame


def read_factors(pool: pd.DataFrame) -> pd.DataFrame:
    """Return the factors of the vertical scheme for every county of the pool."""
    value = province.county_values
    now = value(pool, "gep", "gep", "value", "comparable")
    before = value(pool, "gep", "gep", "value_previous_year", "comparable")
    revenue = value(pool, "statistics", "budget_revenue", "value", "current")
    expenditure = value(pool, "statistics", "budget_expenditure", "value", "current")
    return pd.DataFrame(
        {
            "regulating_value": value(pool, "gep", "regulating", "value", "current").clip(lower=0),
            "redline_area": value(pool, "statistics", "redline_area", "value"),
            "gep_improvement": (now - before.reindex(now.index, fill_value=0)).clip(lower=0)
            if len(before)
            else now * 0.0,
            "fiscal_gap": (expenditure - revenue).clip(lower=0),
            "resident_population": value(pool, "statistics", "resident_population", "value"),
        }
    )


def compute(run: Run) -> Compensation:
    """Return the compensation of the run's county and year."""
    rules = run.params.section(SECTION, vertical.VerticalParams)
    pool = province.read(run)
    factors = read_factors(pool)
    shares = vertical.shares(factors, rules.weights)
    allocation = vertical.allocate(rules.budget_cny, shares.sum(axis=1))
    code = run.county_code
    common: dict[str, Any] = {
        "method_id": METHOD,
        "origin": ledger.weakest(pool["origin"]),
        "quality": run.params.worst_confidence(SECTION),
    }
    money: dict[str, Any] = {"price_basis": "current", "price_year": run.year}
    amount = float(allocation[code])
    rows = [
        ledger.entry("compensation", "vertical", "value", amount, "CNY", **money, **common),
        ledger.entry("compensation", "vertical", "share", amount / rules.budget_cny, "1", **common),
    ]
    for factor, share in shares.loc[code].items():
        item = f"vertical.{factor}"
        rows.append(
            ledger.entry(
                "compensation", item, "value", share * rules.budget_cny, "CNY", **money, **common
            )
        )
        rows.append(ledger.entry("compensation", item, "share", share, "1", **common))
    return Compensation(rows, allocation, factors, shares)
